import assert from "node:assert/strict";
import {
  addUsage,
  checkQuota,
  formatQuota,
  makeUsage,
  parseQuota,
  type QuotaValues,
} from "../../../core/tree/quota.ts";

/** What ZooKeeper 3.8.0 did with the same texts, seen in which creates it then refused. */
Deno.test("parseQuota() reads what ZooKeeper reads", () => {
  const none = { count: -1, bytes: -1, countHardLimit: -1, byteHardLimit: -1, others: null };
  const hard2 = { ...none, countHardLimit: 2 };
  const cases: [text: string, quota: QuotaValues | null][] = [
    ["count=2,bytes=-1", { ...none, count: 2 }],
    ["count=-1,bytes=-1=;byteHardLimit=-1;countHardLimit=2", hard2],
    ["count=1,bytes=1=;byteHardLimit=5;countHardLimit=3", {
      count: 1,
      bytes: 1,
      countHardLimit: 3,
      byteHardLimit: 5,
      others: null,
    }],
    ["", none],
    [",", none],
    ["count=1", { ...none, count: 1 }],
    ["countHardLimit=2", hard2],
    ["countHardLimit=+2", hard2],
    ["countHardLimit=2=3", hard2],
    ["countHardLimit=2,,;", hard2],
    ["countHardLimit==2", none], // an empty value
    ["countHardLimit=9;countHardLimit=2", hard2],
    ["countHardLimit=-5", { ...none, countHardLimit: -5 }],
    ["bytes=5=,byteHardLimit=5", { ...none, bytes: 5, byteHardLimit: 5 }],
    ["foo=1,countHardLimit=2", { ...hard2, others: [["foo", 1]] }],
    [" countHardLimit=2", { ...none, others: [[" countHardLimit", 2]] }],
    ["COUNTHARDLIMIT=2", { ...none, others: [["COUNTHARDLIMIT", 2]] }],
    ["=5,countHardLimit=2", { ...hard2, others: [["", 5]] }],
    ["byteHardLimit=9223372036854775807", { ...none, byteHardLimit: Number.MAX_SAFE_INTEGER }],
    ["byteHardLimit=9223372036854775808", null],
    ["countHardLimit=99999999999999999999", null],
    ["junk", null],
    ["count=x", null],
    ["countHardLimit= 2", null],
    ["countHardLimit=2\n", null],
    ["countHardLimit=", null],
    ["count=,bytes=,countHardLimit=2", null],
    [";;,,countHardLimit=2", null],
    ["foo=bar,countHardLimit=2", null],
    ["foo,countHardLimit=2", null],
    ["=,countHardLimit=2", null],
  ];
  for (const [text, quota] of cases) assert.deepEqual(parseQuota(text), quota, text);
});

Deno.test("formatQuota() writes hard limits and unknown keys after the old form", () => {
  const cases = [
    ["", "count=-1,bytes=-1"],
    ["bytes=5,count=3", "count=3,bytes=5"],
    [
      "countHardLimit=4,byteHardLimit=3,bytes=2,count=1",
      "count=1,bytes=2=;byteHardLimit=3;countHardLimit=4",
    ],
    ["byteHardLimit=3,bytes=2,count=1", "count=1,bytes=2=;byteHardLimit=3"],
    ["foo=7,count=1,bytes=1", "count=1,bytes=1=;foo=7"],
    ["foo=7,count=1,bytes=1,countHardLimit=2,a=0", "count=1,bytes=1=;a=0;countHardLimit=2;foo=7"],
  ];
  for (const [given, written] of cases) {
    const quota = parseQuota(given!)!;
    assert.equal(formatQuota(quota), written);
    assert.equal(formatQuota(parseQuota(written!)!), written);
  }
  assert.equal(formatQuota(makeUsage(12, 345)), "count=12,bytes=345");
});

Deno.test("addUsage() counts from -1 where a key was missing, and keeps the others", () => {
  const add = (text: string) => formatQuota(addUsage(parseQuota(text)!, { count: 1, bytes: 3 }));
  assert.equal(add("count=1,bytes=1"), "count=2,bytes=4");
  assert.equal(add(""), "count=0,bytes=2");
  assert.equal(
    add("count=1,bytes=1=;byteHardLimit=7;countHardLimit=8"),
    "count=2,bytes=4=;byteHardLimit=7;countHardLimit=8",
  );
});

Deno.test("checkQuota() finds the limit that a change passes", () => {
  const cases = [
    { limits: "", usage: [9, 9], delta: [1, 99], found: null },
    { limits: "count=3", usage: [2, 0], delta: [1, 0], found: null },
    { limits: "count=3", usage: [3, 0], delta: [1, 0], found: "soft count 3 4" },
    { limits: "countHardLimit=3", usage: [2, 0], delta: [1, 0], found: null },
    { limits: "countHardLimit=3", usage: [3, 0], delta: [1, 0], found: "hard count 3 4" },
    { limits: "countHardLimit=0", usage: [1, 0], delta: [1, 0], found: "hard count 0 2" },
    { limits: "countHardLimit=-5", usage: [1, 0], delta: [1, 0], found: null },
    { limits: "countHardLimit=3", usage: [9, 0], delta: [0, 5], found: null }, // setData
    { limits: "count=1,countHardLimit=3", usage: [2, 0], delta: [1, 0], found: null }, // the hard one is it
    { limits: "byteHardLimit=5", usage: [1, 3], delta: [1, 2], found: null },
    { limits: "byteHardLimit=5", usage: [1, 3], delta: [1, 3], found: "hard bytes 5 6" },
    { limits: "byteHardLimit=5", usage: [1, 50], delta: [1, 0], found: null }, // bytes unchanged
    { limits: "byteHardLimit=5", usage: [1, 50], delta: [0, -2], found: "hard bytes 5 48" },
    { limits: "byteHardLimit=5", usage: [1, 50], delta: [0, -45], found: null },
    { limits: "bytes=5", usage: [1, 3], delta: [0, 3], found: "soft bytes 5 6" },
    { limits: "count=1,byteHardLimit=5", usage: [1, 3], delta: [1, 3], found: "hard bytes 5 6" },
    { limits: "count=1,bytes=5", usage: [1, 3], delta: [1, 3], found: "soft count 1 2" },
  ];
  for (const { limits, usage, delta, found } of cases) {
    const excess = checkQuota({
      limits: parseQuota(limits)!,
      usage: makeUsage(usage[0]!, usage[1]!),
      countDelta: delta[0]!,
      bytesDelta: delta[1]!,
    });
    const text = excess && `${excess.severity} ${excess.what} ${excess.limit} ${excess.value}`;
    assert.equal(text, found, `${limits} / ${usage} / ${delta}`);
  }
});
