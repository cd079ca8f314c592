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
import { SampleReservoir } from "./sample_reservoir.ts";

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

/** Average, least, greatest, count and sum of what was added. */
export class Summary {
  readonly name: string;
  #count = 0;
  #sum = 0;
  #min = Infinity;
  #max = -Infinity;

  constructor(name: string) {
    this.name = name;
  }

  add(value: number): void {
    this.#count += 1;
    this.#sum += value;
    if (value < this.#min) this.#min = value;
    if (value > this.#max) this.#max = value;
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
  }
}

/** A summary that also answers percentiles, from a uniform sample of what was added. */
export class AdvancedSummary extends Summary {
  readonly #reservoir: SampleReservoir;

  constructor(name: string, random: Random) {
    super(name);
    this.#reservoir = new SampleReservoir(random);
  }

  override add(value: number): void {
    super.add(value);
    this.#reservoir.add(value);
  }

  /** The value below which the given part (0..1) of the sample lies, each rounded half up. */
  percentiles(parts: readonly number[]): number[] {
    return this.#reservoir.percentiles(parts);
  }

  override reset(): void {
    super.reset();
    this.#reservoir.reset();
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
