import assert from "node:assert/strict";
import { matches, namesEtag, parseIfMatch } from "../../../net/http/etag.ts";
import { Problem } from "../../../net/http/problem.ts";

Deno.test("parseIfMatch() takes *, our ETags and bare versions; others never match", () => {
  const cases = [
    { header: "*", expected: "*" },
    { header: " * ", expected: "*" },
    { header: '"3.1000002a"', expected: [{ version: 3, czxid: 0x1000002a }] },
    { header: '"3"', expected: [{ version: 3, czxid: null }] },
    { header: '"-5.1f"', expected: [{ version: -5, czxid: 0x1f }] }, // versions wrap around
    {
      header: '"0.a" , "1.b"',
      expected: [{ version: 0, czxid: 10 }, { version: 1, czxid: 11 }],
    },
    { header: '"abc"', expected: [] },
    { header: '"3.XYZ", "4"', expected: [{ version: 4, czxid: null }] },
  ];
  for (const { header, expected } of cases) {
    assert.deepEqual(parseIfMatch(header), expected, header);
  }
});

Deno.test("parseIfMatch() refuses weak tags and what is no list of tags", () => {
  for (const header of ['W/"3.1a"', '"3.1a", W/"4.1a"', "3", "", '"3', "3.1a", '"1",']) {
    assert.throws(
      () => parseIfMatch(header),
      (error) => error instanceof Problem && error.problem === "bad-request",
      header,
    );
  }
  assert.throws(() => parseIfMatch(Array(101).fill('"1"').join(",")), /the limit is 100/);
});

Deno.test("matches() compares the czxid where the tag has one", () => {
  const znode = { version: 3, czxid: 0x1a };
  const cases = [
    { header: "*", expected: true },
    { header: '"3"', expected: true },
    { header: '"3.1a"', expected: true },
    { header: '"3.1b"', expected: false }, // deleted and made again
    { header: '"2.1a"', expected: false },
    { header: '"2.1a", "3.1a"', expected: true },
    { header: '"nonsense"', expected: false },
  ];
  for (const { header, expected } of cases) {
    assert.equal(matches(parseIfMatch(header), znode), expected, header);
  }
});

Deno.test("namesEtag() finds the ETag in a list, weak or not", () => {
  const cases: [header: string, expected: boolean][] = [
    ['"3.1a"', true],
    ['W/"3.1a"', true],
    ['"2.1a", "3.1a"', true],
    ["*", true],
    ['"3.1"', false],
    ['"2.1a",W/"4.1a"', false],
  ];
  for (const [header, expected] of cases) {
    assert.equal(namesEtag(header, '"3.1a"'), expected, header);
  }
});
