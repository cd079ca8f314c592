import assert from "node:assert/strict";
import { SAMPLE_COUNT_MAX, SampleReservoir } from "../../../core/metrics/sample_reservoir.ts";
import { SeededRandom } from "../../support/seeded_random.ts";

const PARTS = [0.5, 0.95, 0.99, 0.999];

function filled(values: Iterable<number>, seed = 1): SampleReservoir {
  const reservoir = new SampleReservoir(new SeededRandom(seed));
  for (const value of values) reservoir.add(value);
  return reservoir;
}

Deno.test("SampleReservoir.percentiles() interpolates as a real server's mntr showed", () => {
  const cases = [
    { values: [], expected: [0, 0, 0, 0] },
    { values: [6], expected: [6, 6, 6, 6] },
    { values: [6, 13], expected: [10, 13, 13, 13] },
    { values: [6, 13, 3], expected: [6, 13, 13, 13] },
    { values: [6, 13, 3, 7], expected: [7, 13, 13, 13] },
  ];
  for (const { values, expected } of cases) {
    assert.deepEqual(filled(values).percentiles(PARTS), expected, values.join());
  }
});

Deno.test("SampleReservoir.percentiles() finds what sorting finds, whatever the order and the repeats", () => {
  const random = new SeededRandom(7);
  const shapes: ((i: number) => number)[] = [
    (i) => i,
    (i) => -i,
    () => 5,
    (i) => i % 3,
    () => random.uint32() % 10,
    () => random.uint32() % 100_000,
  ];
  for (const count of [1, 2, 3, 5, 100, SAMPLE_COUNT_MAX]) {
    for (const [shape, value] of shapes.entries()) {
      const values = Array.from({ length: count }, (_, i) => value(i));
      const sorted = values.toSorted((a, b) => a - b);
      const expected = PARTS.map((part) => {
        const position = part * (count + 1);
        const index = Math.min(Math.max(Math.floor(position), 1), count);
        const lower = sorted[index - 1]!;
        const upper = sorted[index] ?? lower;
        const isWithin = position >= 1 && position < count;
        return Math.round(isWithin ? lower + (position - index) * (upper - lower) : lower);
      });
      assert.deepEqual(filled(values).percentiles(PARTS), expected, `shape ${shape}, ${count}`);
    }
  }
});

Deno.test("SampleReservoir keeps every value up to its size", () => {
  const reservoir = filled(Array.from({ length: SAMPLE_COUNT_MAX }, (_, index) => index));
  assert.equal(reservoir.count, SAMPLE_COUNT_MAX);
  assert.deepEqual(reservoir.percentiles(PARTS), [2048, 3891, 4055, 4092]);
});

Deno.test("SampleReservoir keeps no more than it is told to, evenly chosen", () => {
  const reservoir = new SampleReservoir(new SeededRandom(1), 100);
  for (let value = 0; value < 100_000; value++) reservoir.add(value);
  assert.equal(reservoir.count, 100);
  const [median] = reservoir.percentiles([0.5]);
  assert.ok(Math.abs(median! - 50_000) < 20_000, String(median)); // four standard deviations
});

Deno.test("SampleReservoir keeps a uniform sample of what no longer fits", () => {
  const count = 1_000_000;
  for (let seed = 1; seed <= 5; seed += 1) {
    const rising = (function* () {
      for (let value = 0; value < count; value += 1) yield value;
    })();
    const reservoir = filled(rising, seed);
    assert.equal(reservoir.count, SAMPLE_COUNT_MAX);
    for (const part of [0.1, 0.25, 0.5, 0.75, 0.9]) {
      const [value = 0] = reservoir.percentiles([part]);
      // The standard error of a percentile of 4096 samples is below 0.8 %: 4 % is five of it.
      assert.ok(Math.abs(value / count - part) < 0.04, `seed ${seed}: p${part} is ${value}`);
    }
  }
});

Deno.test("SampleReservoir.reset() forgets, and fills up anew", () => {
  const reservoir = filled(Array.from({ length: 10_000 }, () => 1000));
  reservoir.reset();
  assert.deepEqual(reservoir.percentiles(PARTS), [0, 0, 0, 0]);
  for (let index = 0; index < 5000; index += 1) reservoir.add(7);
  assert.deepEqual(reservoir.percentiles(PARTS), [7, 7, 7, 7]);
});
