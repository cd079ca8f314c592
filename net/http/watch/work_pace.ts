/**
 * Shares the event loop: whatever is done for streams is done in slices, with a rest after each that is longer
 * than the slice, so that thousands of streams delay nobody else by more than one of them.
 *
 * @module
 */
import type { Clock } from "../../../core/ports.ts";

/** A slice ends when it took so long. */
const SLICE_MS_MAX = 1;
/** How long the rest is, as a multiple of the slice: all together take a third of the time. */
const REST_SHARE = 2;
const REST_MS_MIN = 1;
/** What it takes to wait for one's turn, and to go on. */
const JOB_MS = 0.01;

interface Job {
  readonly laterMs: number;
  run(): void;
}

export class WorkPace {
  readonly #clock: Clock;
  /** In order: those who wait are not all woken after each rest, to see that one of them goes on. */
  #jobs: Job[] = [];
  #isAtWork = false;
  #isStopped = false;
  /** Since the last rest. */
  #spentMs = 0;
  readonly #pauses = new Map<ReturnType<typeof setTimeout>, () => void>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Does a piece of work, of a millisecond at most, when it is its turn.
   *
   * @param laterMs what it makes others do afterwards
   */
  work<T>(run: () => T, laterMs = 0): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#jobs.push({
        laterMs,
        run: () => {
          try {
            resolve(run());
          } catch (error) {
            reject(error);
          }
        },
      });
      if (!this.#isAtWork) void this.#goOn();
    });
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

  async #goOn(): Promise<void> {
    this.#isAtWork = true;
    while (this.#jobs.length > 0) {
      const jobs = this.#jobs;
      this.#jobs = []; // what they ask for comes behind them
      for (const { run, laterMs } of jobs) {
        const startMs = this.#clock.monotonicMs();
        run();
        this.#spentMs += this.#clock.monotonicMs() - startMs + JOB_MS + laterMs;
        if (this.#spentMs < SLICE_MS_MAX) continue;
        await this.pause(Math.max(REST_MS_MIN, this.#spentMs * REST_SHARE));
        this.#spentMs = 0;
      }
    }
    this.#isAtWork = false;
  }
}
