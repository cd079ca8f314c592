import assert from "node:assert/strict";
import { formatJavaDate } from "../../net/java_date.ts";

const DATES_FILE = new URL("../testdata/java_dates/dates.tsv", import.meta.url);

Deno.test("formatJavaDate() writes moments as Java does, in every kind of zone", () => {
  for (const line of Deno.readTextFileSync(DATES_FILE).trim().split("\n")) {
    const [timeZone, wallMs, expected] = line.split("\t");
    assert.equal(formatJavaDate(Number(wallMs), timeZone), expected, timeZone);
  }
});

Deno.test("formatJavaDate() gives the offset of a zone whose short name it does not know", () => {
  const wallMs = Date.parse("2026-11-22T21:56:41Z");
  assert.equal(formatJavaDate(wallMs, "Asia/Kathmandu"), "Mon Nov 23 03:41:41 GMT+05:45 2026");
  assert.equal(formatJavaDate(wallMs, "Pacific/Apia"), "Mon Nov 23 10:56:41 GMT+13:00 2026");
});
