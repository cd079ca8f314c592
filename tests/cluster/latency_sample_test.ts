import assert from "node:assert/strict";
import { LatencySample } from "../../cluster/latency_sample.ts";
import { Summary } from "../../core/metrics/metric.ts";
import { SeededRandom } from "../support/seeded_random.ts";

Deno.test("LatencySample.reached() ends at its zxid or behind it, and one sample is under way at a time", () => {
  const summary = new Summary("x", new SeededRandom(1));
  const sample = new LatencySample(summary);
  sample.reached(100, 1); // nothing is under way
  sample.begin(5, 10);
  sample.begin(7, 20); // of no effect
  sample.reached(4, 30);
  assert(sample.isUnderWay);
  assert.equal(summary.count, 0);
  sample.reached(6, 42.6);
  assert(!sample.isUnderWay);
  assert.deepEqual([summary.count, summary.sum], [1, 33]);
  sample.reached(7, 90);
  assert.equal(summary.count, 1);
});

Deno.test("LatencySample.reached() takes a clock that is behind for no time at all", () => {
  const summary = new Summary("x", new SeededRandom(1));
  const sample = new LatencySample(summary);
  sample.begin(1, 100);
  sample.reached(1, 40);
  assert.deepEqual([summary.count, summary.sum], [1, 0]);
});
