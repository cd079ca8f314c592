/**
 * The values of all metrics under the keys that `mntr` and `monitor` print when ZooKeeper's Prometheus provider
 * is configured: those of Prometheus' samples, with averages in place of the least and greatest value.
 *
 * @module
 */
import { AdvancedSummary, type Summary } from "./metric.ts";
import type { MetricRegistry, MetricValue } from "./metric_registry.ts";

const QUANTILES = [0.5, 0.95, 0.99] as const;

export function* prometheusValues(registry: MetricRegistry): IterableIterator<MetricValue> {
  for (const [name, gauge] of registry.gauges) {
    yield { name, value: gauge(), isDecimal: registry.isDecimal(name) };
  }
  for (const [name, set] of registry.gaugeSets) {
    for (const [key, value] of set()) yield integer(`${name}${labelled({ key })}`, value);
  }
  for (const { name, value } of registry.counters) yield integer(name, value);
  for (const set of registry.counterSets) {
    for (const [key, { name, value }] of set.entries()) {
      yield integer(`${name}${labelled({ key })}`, value);
    }
  }
  for (const summary of registry.summaries) yield* summaryValues(summary, {});
  for (const set of registry.summarySets) {
    for (const [key, summary] of set.entries()) yield* summaryValues(summary, { key });
  }
}

function* summaryValues(
  summary: Summary,
  labels: Readonly<Record<string, string>>,
): IterableIterator<MetricValue> {
  const { name, average, count, sum } = summary;
  const suffix = labelled(labels);
  yield { name: `${name}_avg${suffix}`, value: average, isDecimal: true };
  yield integer(`${name}_count${suffix}`, count);
  yield integer(`${name}_sum${suffix}`, sum);
  if (!(summary instanceof AdvancedSummary)) return;
  const values = summary.percentiles(QUANTILES);
  for (const [index, quantile] of QUANTILES.entries()) {
    yield integer(`${name}${labelled({ ...labels, quantile: String(quantile) })}`, values[index]!);
  }
}

/** A key may hold anything: it comes from clients, and must stay in its line. */
function labelled(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}=${JSON.stringify(value)}`);
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

function integer(name: string, value: number): MetricValue {
  return { name, value, isDecimal: false };
}
