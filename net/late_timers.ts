/**
 * Timers for what begins with the process. The first use of `setTimeout` or `setInterval` makes the runtime load Node's
 * timers, which takes 10 ms: a third of what `denkeeper cli ls /` needs otherwise. Here it has to wait.
 *
 * @module
 */

/** Until then a signal of the runtime's own stands in, which takes nothing to load but cannot be taken back. */
const EARLY_MS = 100;

let areTimersLoaded = false;

/** Calls once, after so long; keeps the process alive until then, or until it is stopped. */
export class LateTimeout {
  readonly #run: () => void;
  #timer: ReturnType<typeof setTimeout> | null = null;
  #signal: AbortSignal | null = null;
  readonly #waited = () => this.#goOn();
  #restMs = 0;

  constructor(run: () => void, ms: number) {
    this.#run = run;
    if (areTimersLoaded) {
      this.#timer = setTimeout(run, ms);
      return;
    }
    const earlyMs = Math.min(ms, EARLY_MS);
    this.#restMs = ms - earlyMs;
    this.#signal = AbortSignal.timeout(earlyMs);
    this.#signal.addEventListener("abort", this.#waited);
  }

  stop(): void {
    this.#signal?.removeEventListener("abort", this.#waited);
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  #goOn(): void {
    this.#signal = null;
    if (this.#restMs <= 0) return this.#run();
    areTimersLoaded = true;
    this.#timer = setTimeout(this.#run, this.#restMs);
  }
}

/** Calls again and again, until it is stopped. */
export class LateInterval {
  readonly #first: LateTimeout;
  #timer: ReturnType<typeof setInterval> | null = null;

  constructor(run: () => void, ms: number) {
    this.#first = new LateTimeout(() => {
      areTimersLoaded = true;
      this.#timer = setInterval(run, ms);
      run();
    }, ms);
  }

  stop(): void {
    this.#first.stop();
    if (this.#timer !== null) clearInterval(this.#timer);
  }
}
