/**
 * Lets one through in an interval: snapshots and restores are work that nobody should be able to ask for
 * over and over.
 *
 * @module
 */
import type { Clock } from "../../../core/ports.ts";

export class RateLimiter {
  readonly #intervalMs: number;
  readonly #clock: Clock;
  #nextMs = -Infinity;

  /** @param intervalMs 0: no limit */
  constructor({ intervalMs, clock }: { intervalMs: number; clock: Clock }) {
    this.#intervalMs = intervalMs;
    this.#clock = clock;
  }

  /** 0: go on, which counts; otherwise the milliseconds until the next may. */
  take(): number {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs < this.#nextMs) return this.#nextMs - nowMs;
    this.#nextMs = nowMs + this.#intervalMs;
    return 0;
  }

  /** What was let through was nothing after all. */
  giveBack(): void {
    this.#nextMs = -Infinity;
  }
}
