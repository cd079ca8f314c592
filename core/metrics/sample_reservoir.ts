/**
 * A uniform sample of at most so many (4096) of the values added, for percentiles.
 *
 * Algorithm L (Li, 1994): instead of drawing a random number for every value, it draws how many
 * values to let pass until the next one that enters the sample. Once the sample is full nearly
 * every add is one decrement.
 *
 * Invariant: every value added since the last reset is in the sample with the same chance.
 *
 * @module
 */
import type { Random } from "../ports.ts";

export const SAMPLE_COUNT_MAX = 4096;
const SAMPLE_COUNT_FIRST = 64;

export class SampleReservoir {
  readonly #random: Random;
  readonly #countMax: number;
  /** Grows to its full size by doubling: most servers never use most of their metrics. */
  #samples = new Float64Array(0);
  #count = 0;
  /** Values left to pass before one replaces a sample; 0 until the sample is full. */
  #skip = 0;
  /** The greatest of the random keys Algorithm L would have given the samples. */
  #threshold = 1;

  /** @param countMax how many values are kept */
  constructor(random: Random, countMax = SAMPLE_COUNT_MAX) {
    this.#random = random;
    this.#countMax = countMax;
  }

  add(value: number): void {
    if (this.#skip > 0) {
      this.#skip -= 1;
      return;
    }
    if (this.#count < this.#countMax) this.#append(value);
    else this.#replace(value);
  }

  get count(): number {
    return this.#count;
  }

  /** Interpolated between the two nearest samples, rounded half up; 0 without samples. */
  percentiles(parts: readonly number[]): number[] {
    const values = this.#samples.slice(0, this.#count);
    return parts.map((part) => Math.round(valueAt(values, part)));
  }

  reset(): void {
    this.#count = 0;
    this.#skip = 0;
    this.#threshold = 1;
  }

  #append(value: number): void {
    if (this.#count === this.#samples.length) {
      const length = Math.max(SAMPLE_COUNT_FIRST, this.#samples.length * 2);
      const grown = new Float64Array(Math.min(length, this.#countMax));
      grown.set(this.#samples);
      this.#samples = grown;
    }
    this.#samples[this.#count] = value;
    this.#count += 1;
    if (this.#count === this.#countMax) this.#drawSkip();
  }

  #replace(value: number): void {
    this.#samples[this.#random.uint32() % this.#countMax] = value;
    this.#drawSkip();
  }

  #drawSkip(): void {
    this.#threshold *= Math.exp(Math.log(this.#unit()) / this.#countMax);
    this.#skip = Math.floor(Math.log(this.#unit()) / Math.log1p(-this.#threshold));
  }

  /** Uniform in (0, 1), never an end: its logarithm is taken. */
  #unit(): number {
    return (this.#random.uint32() + 0.5) / 2 ** 32;
  }
}

/** @param values is put in another order */
function valueAt(values: Float64Array, part: number): number {
  const count = values.length;
  if (count === 0) return 0;
  const position = part * (count + 1);
  const index = Math.floor(position);
  if (index < 1) return selectRank(values, 0);
  if (index >= count) return selectRank(values, count - 1);
  const lower = selectRank(values, index - 1);
  let upper = values[index]!; // the least of those behind
  for (let i = index + 1; i < count; i++) if (values[i]! < upper) upper = values[i]!;
  return lower + (position - index) * (upper - lower);
}

/**
 * The value that would be at `rank` if all were sorted; smaller ones are before it then, greater ones behind.
 * Hoare's selection: to sort all samples of all metrics took 4 ms of a scrape, which takes 2.5 now.
 */
function selectRank(values: Float64Array, rank: number): number {
  let low = 0;
  let high = values.length - 1;
  while (low < high) {
    const pivot = values[(low + high) >>> 1]!;
    let i = low;
    let j = high;
    while (i <= j) {
      while (values[i]! < pivot) i++;
      while (values[j]! > pivot) j--;
      if (i > j) break;
      const swapped = values[i]!;
      values[i] = values[j]!;
      values[j] = swapped;
      i++;
      j--;
    }
    if (rank <= j) high = j;
    else if (rank >= i) low = i;
    else break;
  }
  return values[rank]!;
}
