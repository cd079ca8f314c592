import assert from "node:assert/strict";
import { METRIC_SET_KEY_COUNT_MAX } from "../../../core/limits.ts";
import { AdvancedSummary, Counter, MetricSet, Summary } from "../../../core/metrics/metric.ts";
import { SeededRandom } from "../../support/seeded_random.ts";

Deno.test("Counter counts and resets", () => {
  const counter = new Counter("snap_count");
  counter.increment();
  counter.add(41);
  assert.equal(counter.value, 42);
  counter.reset();
  assert.equal(counter.value, 0);
});

Deno.test("Summary keeps count, sum, least, greatest, average and median", () => {
  const summary = new Summary("fsynctime", new SeededRandom(1));
  const read = () => [summary.average, summary.min, summary.max, summary.count, summary.sum];
  assert.deepEqual(read(), [0, 0, 0, 0, 0]);
  for (const value of [6, 13, 1]) summary.add(value);
  assert.deepEqual(read(), [6.6667, 1, 13, 3, 20]);
  assert.deepEqual(summary.percentiles([0.5]), [6]);
  summary.reset();
  assert.deepEqual(read(), [0, 0, 0, 0, 0]);
});

Deno.test("AdvancedSummary adds percentiles and resets them too", () => {
  const summary = new AdvancedSummary("readlatency", new SeededRandom(1));
  for (const value of [6, 13]) summary.add(value);
  assert.deepEqual(summary.percentiles([0.5, 0.99]), [10, 13]);
  assert.equal(summary.sum, 19);
  summary.reset();
  assert.deepEqual(summary.percentiles([0.5, 0.99]), [0, 0]);
});

Deno.test("MetricSet.of() hands out one metric a key, which stays after a reset", () => {
  const set = new MetricSet(
    "read_per_namespace",
    () => new Summary("read_per_namespace", new SeededRandom(1)),
  );
  const app = set.of("app");
  app.add(10);
  assert.equal(set.of("app"), app);
  set.reset();
  assert.deepEqual([...set.entries()], [["app", app]]);
  assert.equal(app.count, 0);
});

Deno.test("MetricSet.of() keeps no more keys than its limit", () => {
  const set = new MetricSet("read_per_namespace", () => new Counter("read_per_namespace"));
  for (let index = 0; index < METRIC_SET_KEY_COUNT_MAX + 10; index += 1) {
    set.of(`namespace${index}`).increment();
  }
  assert.equal([...set.entries()].length, METRIC_SET_KEY_COUNT_MAX);
  assert.equal(set.of("namespace0").value, 1);
});
