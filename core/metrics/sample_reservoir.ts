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
    const sorted = this.#samples.slice(0, this.#count).sort();
    return parts.map((part) => Math.round(valueAt(sorted, part)));
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

function valueAt(sorted: Float64Array, part: number): number {
  if (sorted.length === 0) return 0;
  const position = part * (sorted.length + 1);
  const index = Math.floor(position);
  if (index < 1) return sorted[0]!;
  if (index >= sorted.length) return sorted[sorted.length - 1]!;
  const lower = sorted[index - 1]!;
  return lower + (position - index) * (sorted[index]! - lower);
}
