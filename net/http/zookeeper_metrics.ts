/**
 * ZooKeeper's metrics as its PrometheusMetricsProvider shows them (administration reference section 3.1):
 * its names without `zk_`, the keys of sets as a label, counters without the `_total` that newer client
 * libraries add.
 *
 * Dashboards name what they show, and Prometheus prefers OpenMetrics where it can have it, which knows no
 * counter without `_total`: there ZooKeeper's counters are of unknown type, so that their names are the
 * same in either format.
 *
 * @module
 */
import { AdvancedSummary, type Summary } from "../../core/metrics/metric.ts";
import type { MetricRegistry } from "../../core/metrics/metric_registry.ts";
import type { Exposition, Labels } from "./exposition.ts";

const BASIC_QUANTILES = [0.5] as const;
const ADVANCED_QUANTILES = [0.5, 0.95, 0.99] as const;

/** The label that tells the metrics of a set apart. */
const KEY = "key";

export function writeZooKeeperMetrics(out: Exposition, registry: MetricRegistry): void {
  for (const [name, gauge] of registry.gauges) out.gauge(name, name, gauge());
  for (const [name, set] of registry.gaugeSets) {
    out.family(name, "gauge", name);
    for (const [key, value] of set()) out.sample(value, { [KEY]: key });
  }
  const counter = out.format === "openMetrics" ? "unknown" : "counter";
  for (const { name, value } of registry.counters) {
    out.family(name, counter, `${name} counter`).sample(value);
  }
  for (const set of registry.counterSets) {
    out.family(set.name, counter, `${set.name} counter set`);
    for (const [key, { value }] of set.entries()) out.sample(value, { [KEY]: key });
  }
  for (const summary of registry.summaries) {
    out.family(summary.name, "summary", `${summary.name} summary`);
    writeSummary(out, summary, {});
  }
  for (const set of registry.summarySets) {
    out.family(set.name, "summary", `${set.name} summary`);
    for (const [key, summary] of set.entries()) writeSummary(out, summary, { [KEY]: key });
  }
}

function writeSummary(out: Exposition, summary: Summary, labels: Labels): void {
  for (const [quantile, value] of quantilesOf(summary)) {
    out.sample(value, { ...labels, quantile: String(quantile) });
  }
  out.sample(summary.count, labels, "_count");
  out.sample(summary.sum, labels, "_sum");
}

/** Of nothing there is no quantile: NaN. */
function* quantilesOf(
  summary: Summary,
): IterableIterator<[quantile: number, value: number]> {
  const quantiles = summary instanceof AdvancedSummary ? ADVANCED_QUANTILES : BASIC_QUANTILES;
  const values = summary.count === 0 ? [] : summary.percentiles(quantiles);
  for (const [index, quantile] of quantiles.entries()) yield [quantile, values[index] ?? NaN];
}
