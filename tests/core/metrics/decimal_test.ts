import assert from "node:assert/strict";
import { average, formatDecimal } from "../../../core/metrics/decimal.ts";

Deno.test("average() rounds to four decimals, half up, by the exact value of the double", () => {
  const cases = [
    { sum: 0, count: 0, expected: 0 },
    { sum: 20, count: 3, expected: 6.6667 },
    { sum: 963, count: 160, expected: 6.0187 }, // the double is below 6.01875; a real server says so
    { sum: 1, count: 32, expected: 0.0313 }, // 0.03125 exactly
    { sum: 1, count: 80_000, expected: 0 },
  ];
  for (const { sum, count, expected } of cases) {
    assert.equal(average(sum, count), expected, `${sum}/${count}`);
  }
});

Deno.test("formatDecimal() writes doubles as Java does", () => {
  const cases: [number, string][] = [
    [0, "0.0"],
    [14, "14.0"],
    [6.6667, "6.6667"],
    [0.001, "0.001"],
    [0.0009, "9.0E-4"],
    [0.00015, "1.5E-4"],
    [9999999, "9999999.0"],
    [1e7, "1.0E7"],
    [12345678.5, "1.23456785E7"],
    [-2.5, "-2.5"],
  ];
  for (const [value, text] of cases) assert.equal(formatDecimal(value), text);
});
