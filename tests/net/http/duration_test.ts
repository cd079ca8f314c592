/**
 * How durations are written.
 *
 * @module
 */
import assert from "node:assert/strict";
import { duration, durationText } from "../../../net/http/duration.ts";

Deno.test("duration() takes units and numbers of ms, within its limits", () => {
  const schema = duration({ min: 100, max: 3_600_000 });
  const cases: [string | number, number | null][] = [
    ["500ms", 500],
    ["15s", 15_000],
    ["2m", 120_000],
    ["1h", 3_600_000],
    ["250", 250],
    [250, 250],
    ["99ms", null],
    [3_600_001, null],
    ["2h", null],
    [1.5, null],
    ["-1s", null],
    ["1.5s", null],
    ["15 s", null],
    ["15d", null],
    ["", null],
    ["9999999999999s", null],
  ];
  for (const [value, ms] of cases) {
    assert.equal(schema.safeParse(value).data ?? null, ms, String(value));
  }
});

Deno.test("duration() says what is wrong", () => {
  const schema = duration({ max: 600_000 });
  const messageOf = (value: string) => schema.safeParse(value).error?.issues[0]?.message;
  assert.equal(messageOf("soon"), '"soon" is no duration: write it as 500ms, 15s, 2m or 1h');
  assert.equal(messageOf("11m"), "11m is not within 0ms and 10m");
});

Deno.test("durationText() writes the largest unit without a rest", () => {
  const cases: [number, string][] = [[0, "0ms"], [1500, "1500ms"], [15_000, "15s"], [
    7_200_000,
    "2h",
  ]];
  for (const [ms, text] of cases) assert.equal(durationText(ms), text);
});
