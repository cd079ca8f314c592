/**
 * A running sum of 32-bit digests modulo 2 ** 64, without BigInt: it changes with every write.
 *
 * @module
 */

const TWO_32 = 2 ** 32;

export class DigestSum {
  #high = 0;
  #low = 0;

  /** High 32 bits, unsigned. */
  get high(): number {
    return this.#high;
  }
  /** Low 32 bits, unsigned. */
  get low(): number {
    return this.#low;
  }

  reset(): void {
    this.#high = 0;
    this.#low = 0;
  }

  copyFrom(other: DigestSum): void {
    this.#high = other.high;
    this.#low = other.low;
  }

  subtract(digest: number): void {
    this.replace(digest, 0);
  }

  /** Takes one digest out and puts another in; both unsigned 32 bits. */
  replace(before: number, after: number): void {
    const low = this.#low + after - before;
    if (low >= TWO_32) {
      this.#low = low - TWO_32;
      this.#high = (this.#high + 1) >>> 0;
    } else if (low < 0) {
      this.#low = low + TWO_32;
      this.#high = (this.#high - 1) >>> 0;
    } else this.#low = low;
  }

  toBigInt(): bigint {
    return (BigInt(this.#high) << 32n) | BigInt(this.#low);
  }
}
