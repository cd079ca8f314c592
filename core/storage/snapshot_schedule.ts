/**
 * When to roll the log and take a snapshot: after a number of txns or bytes that is drawn anew each
 * time between half of the limit and the whole, so that servers of an ensemble do not all do it at once
 * (disk format section 12).
 *
 * @module
 */
import type { Random } from "../ports.ts";

export class SnapshotSchedule {
  readonly #random: Random;
  readonly #snapCount: number;
  readonly #sizeLimitBytes: number;
  #countLimit = 0;
  #bytesLimit = 0;

  /** @param sizeLimitBytes 0 or less: by count only */
  constructor({ random, snapCount, sizeLimitBytes }: {
    random: Random;
    snapCount: number;
    sizeLimitBytes: number;
  }) {
    this.#random = random;
    this.#snapCount = snapCount;
    this.#sizeLimitBytes = sizeLimitBytes;
    this.draw();
  }

  /** Draws new limits: when a snapshot was started. */
  draw(): void {
    this.#countLimit = this.#between(this.#snapCount);
    this.#bytesLimit = this.#sizeLimitBytes > 0 ? this.#between(this.#sizeLimitBytes) : Infinity;
  }

  isDue({ txnCount, bytes }: { txnCount: number; bytes: number }): boolean {
    return txnCount > this.#countLimit || bytes > this.#bytesLimit;
  }

  #between(limit: number): number {
    const half = limit / 2;
    return half + (this.#random.uint32() / 2 ** 32) * half;
  }
}
