/**
 * A process of a simulated machine: what is meant for it waits while it is paused, and is lost when it has
 * ended.
 *
 * @module
 */
import type { Clock } from "../../core/ports.ts";
import type { Rest } from "../../net/rest.ts";
import { restOn } from "../../net/rest.ts";
import type { Timers } from "../../net/sockets.ts";
import type { SimLoop } from "./sim_loop.ts";

export class SimProcess {
  readonly timers: Timers;
  readonly rest: Rest;
  readonly clock: Clock;
  readonly #loop: SimLoop;
  /** What came while it is paused; null when it is not. */
  #waiting: (() => void)[] | null = null;
  #hasEnded = false;

  /** @param wallOffsetMs what the machine's wall clock is ahead of simulated time now */
  constructor(loop: SimLoop, wallOffsetMs: () => number) {
    this.#loop = loop;
    this.timers = { start: (ms, run) => loop.after(ms, () => this.enter(run)) };
    this.rest = restOn(this.timers);
    this.clock = {
      monotonicMs: () => loop.nowMs,
      wallMs: () => Math.floor(loop.nowMs + wallOffsetMs()),
    };
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  get isPaused(): boolean {
    return this.#waiting !== null;
  }

  /** Lets something happen to it. */
  enter(run: () => void): void {
    if (this.#hasEnded) return;
    if (this.#waiting !== null) this.#waiting.push(run);
    else run();
  }

  pause(): void {
    this.#waiting ??= [];
  }

  resume(): void {
    const waiting = this.#waiting ?? [];
    this.#waiting = null;
    for (const run of waiting) this.#loop.after(0, () => this.enter(run));
  }

  end(): void {
    this.#hasEnded = true;
    this.#waiting = null;
  }
}
