/**
 * Random numbers from a seed: the same seed gives the same run, on any machine.
 *
 * @module
 */
import type { Random } from "../../core/ports.ts";

/** mulberry32: 32 bits of state, good enough to choose what a test does next. */
export class SeededRandom implements Random {
  readonly seed: number;
  #state: number;

  constructor(seed: number) {
    this.seed = seed;
    this.#state = seed >>> 0;
  }

  uint32(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
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

/** The seed of an environment variable, or a new one. */
export function seedFrom(variable: string): number {
  const given = Deno.env.get(variable);
  return given === undefined ? crypto.getRandomValues(new Uint32Array(1))[0]! : Number(given);
}
