import assert from "node:assert/strict";
import { SERVER_GAUGES } from "../../../core/metrics/gauge_names.ts";
import { formatMetricValue, type Gauge } from "../../../core/metrics/metric_registry.ts";
import { ServerMetrics } from "../../../core/metrics/server_metrics.ts";
import { SeededRandom } from "../../support/seeded_random.ts";

const NAMES_FILE = new URL("../../testdata/four_letter_words/mntr_names.txt", import.meta.url);
/** The lines before the metrics, which the four-letter word adds. */
const HEAD_LINE_COUNT = 2;

function metricsWithGauges(): ServerMetrics {
  const metrics = new ServerMetrics(new SeededRandom(1));
  const gauges = SERVER_GAUGES.map((name): [string, Gauge] => [name, () => 3]);
  metrics.registerGauges(Object.fromEntries(gauges));
  return metrics;
}

Deno.test("ServerMetrics.values() has every name of a real standalone server, in its order", () => {
  const metrics = metricsWithGauges();
  metrics.readPerNamespace.of("app").add(70);
  metrics.writePerNamespace.of("app").add(5);
  metrics.writePerNamespace.of("other").add(6);
  const ours = [...metrics.values()].map(({ name, isDecimal }) =>
    `zk_${name}\t${isDecimal ? "decimal" : "integer"}`
  );
  const real = Deno.readTextFileSync(NAMES_FILE).trim().split("\n").slice(HEAD_LINE_COUNT);
  const realNames = new Set(real);
  assert.deepEqual(ours.filter((line) => realNames.has(line)), real);

  // What newer versions added: nothing else may be there.
  const added = ours.filter((line) => !realNames.has(line));
  const newer =
    /^zk_(op_count_\w+|ttl_node_\w+|(snapshot|restore)_(error|rate_limited)_count|(avg|min|max|cnt|sum)_restore_time)\t/;
  for (const line of added) assert.match(line, newer);
  assert.equal(added.length, 35);
});

Deno.test("ServerMetrics.values() names the metrics of sets by their key", () => {
  const metrics = new ServerMetrics(new SeededRandom(1));
  metrics.writePerNamespace.of("zookeeper").add(9);
  metrics.learnerHandlerQpTimeMs.of("1").add(4);
  metrics.quotaExceededErrorPerNamespace.of("app").increment();
  metrics.registerGaugeSet("quota_count_limit_per_namespace", () => [["app", 100]]);
  const values = new Map([...metrics.values()].map(({ name, value }) => [name, value]));
  assert.equal(values.get("avg_zookeeper_write_per_namespace"), 9);
  assert.equal(values.get("p99_1_learner_handler_qp_time_ms"), 4);
  assert.equal(values.get("app_quota_exceeded_error_per_namespace"), 1);
  assert.equal(values.get("app_quota_count_limit_per_namespace"), 100);
});

Deno.test("ServerMetrics gauges are shown from registration to removal", () => {
  const metrics = new ServerMetrics(new SeededRandom(1));
  metrics.registerGauges({ quorum_size: () => 3, learners: () => 2 });
  metrics.unregisterGauges(["learners"]);
  const [first, second] = metrics.values();
  assert.deepEqual(first, { name: "quorum_size", value: 3, isDecimal: false });
  assert.equal(second?.name, "proposal_count");
});

Deno.test("ServerMetrics.reset() zeroes all but the gauges", () => {
  const metrics = metricsWithGauges();
  metrics.snapCount.increment();
  metrics.readLatency.add(5);
  metrics.fsyncTimeMs.add(5);
  metrics.readPerNamespace.of("app").add(5);
  metrics.reset();
  const rest = [...metrics.values()].slice(SERVER_GAUGES.length);
  assert.deepEqual(rest.filter(({ value }) => value !== 0), []);
  assert.ok(rest.some(({ name }) => name === "max_app_read_per_namespace"));
});

Deno.test("ServerMetrics.values() names the metrics as Prometheus does when that is wanted", () => {
  const metrics = metricsWithGauges();
  metrics.hasPrometheusKeys = true;
  metrics.registerGaugeSet("quota_count_limit_per_namespace", () => [["app", 100]]);
  metrics.snapCount.add(2);
  metrics.quotaExceededErrorPerNamespace.of('a"\n').increment();
  for (const value of [1, 4]) metrics.fsyncTimeMs.add(value);
  metrics.readLatency.add(7);
  metrics.ackLatency.of("3").add(5);
  metrics.readPerNamespace.of("app").add(70);
  const values = new Map([...metrics.values()].map((value) => [value.name, value]));
  const expected: [name: string, text: string][] = [
    ["avg_latency", "3.0"],
    ["znode_count", "3"],
    ['quota_count_limit_per_namespace{key="app"}', "100"],
    ["snap_count", "2"],
    ['quota_exceeded_error_per_namespace{key="a\\"\\n"}', "1"],
    ["fsynctime_avg", "2.5"],
    ["fsynctime_count", "2"],
    ["fsynctime_sum", "5"],
    ['readlatency{quantile="0.5"}', "7"],
    ['readlatency{quantile="0.99"}', "7"],
    ['ack_latency_sum{key="3"}', "5"],
    ['ack_latency{key="3",quantile="0.95"}', "5"],
    ['read_per_namespace_count{key="app"}', "1"],
  ];
  for (const [name, text] of expected) {
    assert.equal(formatMetricValue(values.get(name) ?? assert.fail(name)), text, name);
  }
  assert.ok(!values.has('fsynctime{quantile="0.5"}'), "a basic summary has none");
  assert.ok(
    ![...values.keys()].some((name) =>
      /^(avg|min|max|cnt|sum|p\d+)_/.test(name) &&
      !(SERVER_GAUGES as readonly string[]).includes(name)
    ),
  );
});
