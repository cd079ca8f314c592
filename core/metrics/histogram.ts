/**
 * Counts values by size, in buckets that are fixed when it is made: a few comparisons an observation, and
 * nothing to be sorted or merged when it is shown.
 *
 * @module
 */
import { assert } from "../assert.ts";

export class Histogram {
  /** The greatest value of each bucket but the last, which takes what is larger. */
  readonly bounds: readonly number[];
  readonly #counts: number[];
  #count = 0;
  #sum = 0;

  /** @param bounds ascending, in the unit of what is observed */
  constructor(bounds: readonly number[]) {
    assert(bounds.every((bound, i) => i === 0 || bound > bounds[i - 1]!), "bounds ascend");
    this.bounds = bounds;
    this.#counts = new Array(bounds.length + 1).fill(0);
  }

  observe(value: number): void {
    const { bounds } = this;
    let bucket = 0;
    while (bucket < bounds.length && value > bounds[bucket]!) bucket++;
    this.#counts[bucket]!++;
    this.#count++;
    this.#sum += value;
  }

  get count(): number {
    return this.#count;
  }

  get sum(): number {
    return this.#sum;
  }

  /** How many values were no greater than each bound, those of the buckets before included. */
  *cumulative(): IterableIterator<[bound: number, count: number]> {
    let count = 0;
    for (const [bucket, bound] of this.bounds.entries()) {
      count += this.#counts[bucket]!;
      yield [bound, count];
    }
  }
}
