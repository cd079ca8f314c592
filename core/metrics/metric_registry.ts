/**
 * Every metric of a server in the order it is shown, and their values as name and number.
 *
 * Gauges are read through callbacks that the owner of a value registers; a gauge nobody registered
 * is not shown, as on a ZooKeeper server that does not play the role the gauge belongs to.
 *
 * @module
 */
import type { Random } from "../ports.ts";
import { formatDecimal } from "./decimal.ts";
import { AdvancedSummary, Counter, MetricSet, Summary } from "./metric.ts";
import { prometheusValues } from "./prometheus_values.ts";

/** One line of `mntr`, without its `zk_`. */
export interface MetricValue {
  readonly name: string;
  readonly value: number;
  /** True where ZooKeeper prints a double (`14.0`), false where it prints an integer. */
  readonly isDecimal: boolean;
}

export type Gauge = () => number;
export type GaugeSet = () => Iterable<[key: string, value: number]>;

const PERCENTILES = [
  { prefix: "p50", part: 0.5 },
  { prefix: "p95", part: 0.95 },
  { prefix: "p99", part: 0.99 },
  { prefix: "p999", part: 0.999 },
] as const;
const PERCENTILE_PARTS = PERCENTILES.map(({ part }) => part);

export class MetricRegistry {
  readonly counters: Counter[] = [];
  readonly counterSets: MetricSet<Counter>[] = [];
  /** Basic ones before advanced ones. */
  readonly summaries: Summary[] = [];
  readonly summarySets: MetricSet<Summary>[] = [];
  readonly gauges = new Map<string, Gauge>();
  readonly gaugeSets = new Map<string, GaugeSet>();
  /** Whether `values` names them as ZooKeeper does with its Prometheus provider. */
  hasPrometheusKeys = false;
  readonly #random: Random;
  readonly #decimalGauges: ReadonlySet<string>;

  constructor(random: Random, decimalGauges: ReadonlySet<string>) {
    this.#random = random;
    this.#decimalGauges = decimalGauges;
  }

  /** Every value, in the order of `mntr`: gauges, counters, summaries, and the sets of each. */
  *values(): IterableIterator<MetricValue> {
    if (this.hasPrometheusKeys) return yield* prometheusValues(this);
    for (const [name, gauge] of this.gauges) yield this.#gaugeValue(name, name, gauge());
    for (const [name, set] of this.gaugeSets) {
      for (const [key, value] of set()) yield this.#gaugeValue(name, `${key}_${name}`, value);
    }
    for (const counter of this.counters) yield integer(counter.name, counter.value);
    for (const set of this.counterSets) {
      for (const [key, counter] of set.entries()) {
        yield integer(`${key}_${set.name}`, counter.value);
      }
    }
    for (const summary of this.summaries) yield* summaryValues(summary.name, summary);
    for (const set of this.summarySets) {
      for (const [key, summary] of set.entries()) {
        yield* summaryValues(`${key}_${set.name}`, summary);
      }
    }
  }

  /** Zeroes counters and summaries (`srst`); gauges show what is, and cannot be reset here. */
  reset(): void {
    for (const metric of this.counters) metric.reset();
    for (const metric of this.counterSets) metric.reset();
    for (const metric of this.summaries) metric.reset();
    for (const metric of this.summarySets) metric.reset();
  }

  protected counter(name: string): Counter {
    return added(this.counters, new Counter(name));
  }

  protected counterSet(name: string): MetricSet<Counter> {
    return added(this.counterSets, new MetricSet(name, () => new Counter(name)));
  }

  protected summary(name: string): Summary {
    return added(this.summaries, new Summary(name, this.#random));
  }

  protected advancedSummary(name: string): AdvancedSummary {
    return added(this.summaries, new AdvancedSummary(name, this.#random));
  }

  protected summarySet(name: string): MetricSet<Summary> {
    return added(this.summarySets, new MetricSet(name, () => new Summary(name, this.#random)));
  }

  protected advancedSummarySet(name: string): MetricSet<AdvancedSummary> {
    const make = () => new AdvancedSummary(name, this.#random);
    return added(this.summarySets, new MetricSet(name, make));
  }

  /** Whether ZooKeeper prints a gauge as a double. */
  isDecimal(gauge: string): boolean {
    return this.#decimalGauges.has(gauge);
  }

  #gaugeValue(gauge: string, name: string, value: number): MetricValue {
    return { name, value, isDecimal: this.isDecimal(gauge) };
  }
}

/** The number as `mntr` prints it. */
export function formatMetricValue({ value, isDecimal }: MetricValue): string {
  return isDecimal ? formatDecimal(value) : String(value);
}

function* summaryValues(name: string, summary: Summary): IterableIterator<MetricValue> {
  yield { name: `avg_${name}`, value: summary.average, isDecimal: true };
  yield integer(`min_${name}`, summary.min);
  yield integer(`max_${name}`, summary.max);
  yield integer(`cnt_${name}`, summary.count);
  yield integer(`sum_${name}`, summary.sum);
  if (!(summary instanceof AdvancedSummary)) return;
  const values = summary.percentiles(PERCENTILE_PARTS);
  for (const [index, { prefix }] of PERCENTILES.entries()) {
    yield integer(`${prefix}_${name}`, values[index]!);
  }
}

function integer(name: string, value: number): MetricValue {
  return { name, value, isDecimal: false };
}

function added<Base, Item extends Base>(list: Base[], item: Item): Item {
  list.push(item);
  return item;
}
