/**
 * The golden file was written by Java 17: for each input what `Properties.load` put into the table,
 * in its order, or that it refused.
 *
 * @module
 */
import assert from "node:assert/strict";
import {
  decodeLatin1,
  encodeLatin1,
  escapeValue,
  parseJavaProperties,
  PropertiesSyntaxError,
  removeProperties,
} from "../../core/java_properties.ts";

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

Deno.test("removeProperties() takes out whole properties, and nothing else", () => {
  const cases: [text: string, left: string][] = [
    ["a=1\nb=2\nc=3\n", "a=1\nc=3\n"],
    ["a=1\r\n  b = 2\r\nc=3", "a=1\r\nc=3"],
    ["b=1\\\n  2\\\n 3\nc=3\n", "c=3\n"],
    ["a=1\\\nb=2\nc\n", "a=1\\\nb=2\nc\n"], // the second line is part of the first
    ["# b=1\n\n!b\nbb=1\nab=1", "# b=1\n\n!b\nbb=1\nab=1"],
    ["\\u0062=1\rc=1\rb\r", "c=1\r"],
    ["b 1\nb:1\nb", ""],
    ["", ""],
  ];
  for (const [text, left] of cases) {
    assert.equal(removeProperties(text, (key) => key === "b"), left, JSON.stringify(text));
  }
});

Deno.test("escapeValue() gives what is read back as it was", () => {
  const values = [
    "",
    "/a/b",
    " a b ",
    "C:\\x\\",
    "tab\t line\n\r\f",
    "\u00fc\u4e2d\ud83d\ude00",
    "# = : !",
  ];
  for (const value of values) {
    const text = `key=${escapeValue(value)}\nother=1`;
    assert.match(text, /^[ -~]*\n/);
    const read = parseJavaProperties(text).map((property) => [property.key, property.value]);
    assert.deepEqual(read, [["key", value], ["other", "1"]]);
  }
});

Deno.test("encodeLatin1() is the reverse of decodeLatin1()", () => {
  const bytes = Uint8Array.from({ length: 256 }, (_, byte) => byte);
  assert.deepEqual(encodeLatin1(decodeLatin1(bytes)), bytes);
});
