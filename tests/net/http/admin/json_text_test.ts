import assert from "node:assert/strict";
import { type Json, JsonDecimal, JsonMap, jsonText } from "../../../../net/http/admin/json_text.ts";

Deno.test("jsonText() prints as Jackson's pretty printer does", () => {
  const cases: [value: Json, text: string][] = [
    [null, "null"],
    [true, "true"],
    [-1, "-1"],
    [2n ** 63n - 1n, "9223372036854775807"], // no double holds it
    [new JsonDecimal(0), "0.0"],
    [new JsonDecimal(6.6667), "6.6667"],
    ["a/b", '"a/b"'],
    ['"\\\b\f\n\r\t', '"\\"\\\\\\b\\f\\n\\r\\t"'],
    ["\x00\x1f\x7fé€😀", '"\\u0000\\u001F\x7fé€😀"'],
    ["\\u001f", '"\\\\u001f"'], // a backslash, and no escape
    [[], "[ ]"],
    [[1, "a", null], '[ 1, "a", null ]'],
    [{}, "{ }"],
    [{ a: 1, b: {} }, '{\n  "a" : 1,\n  "b" : { }\n}'],
    [{ a: [{ b: 1 }, { c: [] }] }, '{\n  "a" : [ {\n    "b" : 1\n  }, {\n    "c" : [ ]\n  } ]\n}'],
    [{ a: { b: { c: [1] } } }, '{\n  "a" : {\n    "b" : {\n      "c" : [ 1 ]\n    }\n  }\n}'],
    [new JsonMap([["9", 1], ["10", 2], ["1", 3]]), '{\n  "9" : 1,\n  "10" : 2,\n  "1" : 3\n}'],
    [new JsonMap([]), "{ }"],
  ];
  for (const [value, text] of cases) {
    assert.equal([...jsonText(value)].join(""), text);
    if (typeof value !== "bigint") JSON.parse(text);
  }
});

Deno.test("jsonText() reads a list no further than its text is asked for", () => {
  let readCount = 0;
  function* items(): Generator<Json> {
    for (; readCount < 100_000; readCount++) yield "0123456789";
  }
  const pieces = jsonText({ items: items() });
  const first = pieces.next().value as string;
  assert.ok(first.length >= 16 * 1024);
  assert.ok(readCount < 5000, `${readCount} items were read for the first piece`);
  const rest = [...pieces];
  assert.equal(JSON.parse([first, ...rest].join("")).items.length, 100_000);
});
