/**
 * Shares the event loop: whatever is done for streams is done in slices, with a rest after each that is longer
 * than the slice, so that thousands of streams delay nobody else by more than one of them.
 *
 * @module
 */
import type { Clock } from "../../../core/ports.ts";

/** A slice ends when it took so long. */
const SLICE_MS_MAX = 2;
/** How long the rest is, as a multiple of the slice: all together take a third of the time. */
const REST_SHARE = 2;
const REST_MS_MIN = 1;

export class WorkPace {
  readonly #clock: Clock;
  #isStopped = false;
  #spentMs = 0;
  #resting: Promise<void> | null = null;
  readonly #pauses = new Map<ReturnType<typeof setTimeout>, () => void>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Does a piece of work, of a millisecond or so, when it is its turn.
   *
   * @param laterMs what it makes others do afterwards
   */
  async work<T>(run: () => T, laterMs = 0): Promise<T> {
    while (this.#resting !== null) await this.#resting;
    const startMs = this.#clock.monotonicMs();
    try {
      return run();
    } finally {
      this.#spentMs += this.#clock.monotonicMs() - startMs + laterMs;
      if (this.#spentMs > SLICE_MS_MAX) this.#rest();
    }
  }

  pause(ms: number): Promise<void> {
    if (this.#isStopped) return Promise.resolve();
    return new Promise((resolve) => {
      const end = () => {
        this.#pauses.delete(timer);
        clearTimeout(timer);
        resolve();
      };
      const timer = setTimeout(end, ms);
      this.#pauses.set(timer, end);
    });
  }

  /** There is somebody to work for. */
  start(): void {
    this.#isStopped = false;
  }

  /** There is nobody left: ends all pauses at once, and lets what is under way come to its end. */
  stop(): void {
    this.#isStopped = true;
    for (const end of [...this.#pauses.values()]) end();
  }

  #rest(): void {
    const ms = Math.max(REST_MS_MIN, this.#spentMs * REST_SHARE);
    this.#resting = this.pause(ms).then(() => {
      this.#spentMs = 0;
      this.#resting = null;
    });
  }
}
