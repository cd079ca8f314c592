/**
 * What fuzzers draw from a seed. The same seed gives the same run, on any machine.
 *
 * @module
 */
import type { Random } from "../../core/ports.ts";
import { seededRandom } from "../support/seeded_random.ts";

export class FuzzRandom implements Random {
  readonly seed: number;
  readonly #random: Random;

  constructor(seed: number) {
    this.seed = seed;
    this.#random = seededRandom(seed);
  }

  uint32(): number {
    return this.#random.uint32();
  }

  /** Uniform in [0, count). */
  below(count: number): number {
    return Math.floor(this.uint32() / 2 ** 32 * count);
  }

  /** Uniform in [min, max]. */
  between(min: number, max: number): number {
    return min + this.below(max - min + 1);
  }

  /** True `times` in `outOf`. */
  chance(times: number, outOf: number): boolean {
    return this.below(outOf) < times;
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)]!;
  }

  /** Picks by weight: `[[3, a], [1, b]]` gives `a` three times in four. */
  weighted<T>(items: readonly (readonly [weight: number, item: T])[]): T {
    let at = this.below(items.reduce((sum, [weight]) => sum + weight, 0));
    for (const [weight, item] of items) {
      if (at < weight) return item;
      at -= weight;
    }
    return items[0]![1];
  }

  bytes(byteCount: number): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(byteCount);
    for (let i = 0; i < byteCount; i++) bytes[i] = this.uint32();
    return bytes;
  }
}
