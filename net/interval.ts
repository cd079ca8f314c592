/**
 * Calls again and again, as `setInterval` does, whose first use takes the runtime 10 ms: here not before the first call,
 * so that no start waits for it.
 *
 * @module
 */

export class Interval {
  #timer: ReturnType<typeof setInterval> | null = null;
  #isStopped = false;

  constructor(run: () => void, ms: number) {
    const begin = () => {
      if (this.#isStopped) return;
      this.#timer = setInterval(run, ms);
      run();
    };
    AbortSignal.timeout(ms).addEventListener("abort", begin, { once: true });
  }

  stop(): void {
    this.#isStopped = true;
    if (this.#timer !== null) clearInterval(this.#timer);
  }
}
