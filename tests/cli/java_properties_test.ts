/**
 * The golden file was written by Java 17: for each input what `Properties.load` put into the table,
 * in its order, or that it refused.
 *
 * @module
 */
import assert from "node:assert/strict";
import {
  decodeLatin1,
  parseJavaProperties,
  PropertiesSyntaxError,
} from "../../cli/java_properties.ts";

interface GoldenCase {
  input: string;
  properties?: [key: string, value: string][];
  error?: true;
}

const GOLDEN = new URL("../testdata/config/java_properties.jsonl", import.meta.url);

Deno.test("parseJavaProperties() reads every input as java.util.Properties does", () => {
  const cases = Deno.readTextFileSync(GOLDEN).trim().split("\n")
    .map((line): GoldenCase => JSON.parse(line));
  assert.ok(cases.length > 300);
  for (const { input, properties, error } of cases) {
    const note = JSON.stringify(input);
    if (error) {
      assert.throws(() => parseJavaProperties(input), PropertiesSyntaxError, note);
      continue;
    }
    const ours = parseJavaProperties(input).map(({ key, value }) => [key, value]);
    assert.deepEqual(ours, properties, note);
  }
});

Deno.test("parseJavaProperties() gives the line on which a property begins", () => {
  const text = "# comment\na=1\\\n  2\r\n\r\n! other\rb 3\n";
  assert.deepEqual(parseJavaProperties(text), [
    { key: "a", value: "12", line: 2 },
    { key: "b", value: "3", line: 6 },
  ]);
});

Deno.test("parseJavaProperties() names the line of a broken escape", () => {
  assert.throws(
    () => parseJavaProperties("a=1\npath=C:\\users"),
    (error) => error instanceof PropertiesSyntaxError && error.line === 2,
  );
});

Deno.test("decodeLatin1() takes each byte for one character, in files of any size", () => {
  const bytes = Uint8Array.from({ length: 20_000 }, (_, index) => index % 256);
  const text = decodeLatin1(bytes);
  assert.equal(text.length, bytes.length);
  assert.ok([...bytes].every((byte, index) => text.charCodeAt(index) === byte));
});
