/**
 * Random numbers from a seed, so that a failed run can be repeated: print the seed.
 *
 * @module
 */

/** mulberry32: 32 bits of state, good enough to choose what a test does next. */
export class Prng {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** Uniform in [0, 2 ** 32). */
  uint32(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return (mixed ^ (mixed >>> 14)) >>> 0;
  }

  /** Uniform in [0, count). */
  below(count: number): number {
    return Math.floor(this.uint32() / 2 ** 32 * count);
  }

  chance(numerator: number, denominator: number): boolean {
    return this.below(denominator) < numerator;
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)]!;
  }
}

/** The seed of an environment variable, or a new one. */
export function seedFrom(variable: string): number {
  const given = Deno.env.get(variable);
  return given === undefined ? crypto.getRandomValues(new Uint32Array(1))[0]! : Number(given);
}
