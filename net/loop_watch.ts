/**
 * Tells when the event loop does not turn: the runtime completes reads of a socket that is ready without
 * it, so a client that keeps its socket full would be served alone.
 *
 * @module
 */
import type { Clock } from "../core/ports.ts";

/** Less costs throughput: a rest takes a millisecond. */
const STARVED_MS_MAX = 20;

export class LoopWatch {
  readonly #clock: Clock;
  /** Since when a timer waits for the loop; null when none does. */
  #armedMs: number | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whether others have waited for too long: who asks should rest. Ask after a good deal of work. */
  isStarved(): boolean {
    const nowMs = this.#clock.monotonicMs();
    if (this.#armedMs !== null) return nowMs - this.#armedMs > STARVED_MS_MAX;
    this.#armedMs = nowMs;
    setTimeout(() => this.#armedMs = null, 0);
    return false;
  }
}
