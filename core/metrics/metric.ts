/**
 * The kinds of numbers a server keeps about itself: counters, summaries, and sets of them by key.
 *
 * All are written on the hot path: adding touches a few fields, allocates nothing and calls nothing.
 * Whoever shows them (`mntr`, JSON, Prometheus) reads the fields when asked. Names are ZooKeeper's.
 *
 * @module
 */
import { METRIC_SET_KEY_COUNT_MAX } from "../limits.ts";
import type { Random } from "../ports.ts";
import { average } from "./decimal.ts";
import { SAMPLE_COUNT_MAX, SampleReservoir } from "./sample_reservoir.ts";

/** What a basic summary keeps for its median: sets hold thousands of them. */
const MEDIAN_SAMPLE_COUNT_MAX = 128;

/** Only grows, until it is reset. */
export class Counter {
  readonly name: string;
  #value = 0;

  constructor(name: string) {
    this.name = name;
  }

  get value(): number {
    return this.#value;
  }

  increment(): void {
    this.#value += 1;
  }

  add(amount: number): void {
    this.#value += amount;
  }

  reset(): void {
    this.#value = 0;
  }
}

/** Average, least, greatest, count, sum and median of what was added. */
export class Summary {
  readonly name: string;
  #count = 0;
  #sum = 0;
  #min = Infinity;
  #max = -Infinity;
  readonly #reservoir: SampleReservoir;

  constructor(name: string, random: Random, sampleCountMax = MEDIAN_SAMPLE_COUNT_MAX) {
    this.name = name;
    this.#reservoir = new SampleReservoir(random, sampleCountMax);
  }

  add(value: number): void {
    this.#count += 1;
    this.#sum += value;
    if (value < this.#min) this.#min = value;
    if (value > this.#max) this.#max = value;
    this.#reservoir.add(value);
  }

  /** Four decimals; 0 when nothing was added. */
  get average(): number {
    return average(this.#sum, this.#count);
  }

  get min(): number {
    return this.#count === 0 ? 0 : this.#min;
  }

  get max(): number {
    return this.#count === 0 ? 0 : this.#max;
  }

  get count(): number {
    return this.#count;
  }

  get sum(): number {
    return this.#sum;
  }

  reset(): void {
    this.#count = 0;
    this.#sum = 0;
    this.#min = Infinity;
    this.#max = -Infinity;
    this.#reservoir.reset();
  }

  /**
   * The value below which the given part (0..1) lies of a uniform sample of what was added, each rounded
   * half up.
   */
  percentiles(parts: readonly number[]): number[] {
    return this.#reservoir.percentiles(parts);
  }
}

/** A summary whose sample is large enough for more than the median, all of which `mntr` prints. */
export class AdvancedSummary extends Summary {
  constructor(name: string, random: Random) {
    super(name, random, SAMPLE_COUNT_MAX);
  }
}

/** Metrics of one name told apart by a key: a namespace, a server id. */
export class MetricSet<Metric extends Counter | Summary> {
  readonly name: string;
  readonly #byKey = new Map<string, Metric>();
  readonly #make: () => Metric;
  /** Takes what is added past the greatest number of keys; never shown. */
  readonly #overflow: Metric;

  constructor(name: string, make: () => Metric) {
    this.name = name;
    this.#make = make;
    this.#overflow = make();
  }

  /** The metric of `key`, made when new. It stays the same object, so a hot path may hold it. */
  of(key: string): Metric {
    const known = this.#byKey.get(key);
    if (known !== undefined) return known;
    if (this.#byKey.size >= METRIC_SET_KEY_COUNT_MAX) return this.#overflow;
    const metric = this.#make();
    this.#byKey.set(key, metric);
    return metric;
  }

  entries(): Iterable<[string, Metric]> {
    return this.#byKey.entries();
  }

  /** Zeroes every value; the keys stay. */
  reset(): void {
    for (const metric of this.#byKey.values()) metric.reset();
    this.#overflow.reset();
  }
}
