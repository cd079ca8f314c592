import assert from "node:assert/strict";
import { Histogram } from "../../../core/metrics/histogram.ts";
import { OwnMetrics } from "../../../core/metrics/own_metrics.ts";

Deno.test("Histogram.cumulative() counts what is no greater than each bound", () => {
  const histogram = new Histogram([1, 5, 10]);
  for (const value of [0, 1, 1.1, 5, 7, 10, 11, 1000]) histogram.observe(value);
  assert.deepEqual([...histogram.cumulative()], [[1, 2], [5, 4], [10, 6]]);
  assert.equal(histogram.count, 8);
  assert.equal(histogram.sum, 1035.1);
});

Deno.test("OwnMetrics.ticked() takes a tick that came early for one in time", () => {
  const own = new OwnMetrics();
  own.ticked(-3);
  assert.equal(own.lastLoopDelayMs, 0);
  own.ticked(700);
  assert.equal(own.lastLoopDelayMs, 700);
  assert.equal(own.loopDelayMs.sum, 700);
});
