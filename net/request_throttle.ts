/**
 * The connections whose requests wait because too many are under way in the whole server
 * (`request_throttle_max_requests`): in the order in which they go on.
 *
 * A connection that waits for its own replies goes on with those; one that waits for others' is here.
 *
 * @module
 */
import type { ServerMetrics } from "../core/metrics/server_metrics.ts";
import type { Clock } from "../core/ports.ts";

/** What of a connection matters here. */
export interface ThrottledConnection {
  /** It may go on, at least with one request. */
  wake(): void;
}

export class RequestThrottle {
  readonly #waiting = new Set<ThrottledConnection>();
  readonly #isThrottling: () => boolean;
  readonly #metrics: ServerMetrics;
  readonly #clock: Clock;
  readonly #waitMsMax: number;

  /** @param options.waitMsMax a request that waited longer is to be refused; 0: none is */
  constructor({ isThrottling, metrics, clock, waitMsMax }: {
    isThrottling: () => boolean;
    metrics: ServerMetrics;
    clock: Clock;
    waitMsMax: number;
  }) {
    this.#isThrottling = isThrottling;
    this.#metrics = metrics;
    this.#clock = clock;
    this.#waitMsMax = waitMsMax;
  }

  /** Takes a connection in, if it is the throttle that holds it up. Returns the time, else null. */
  hold(connection: ThrottledConnection): number | null {
    if (!this.#isThrottling()) return null;
    this.#waiting.add(connection);
    this.#metrics.requestThrottleWaitCount.increment();
    return this.#clock.monotonicMs();
  }

  /** Lets connections go on, as many as there is room for. Call when requests were answered. */
  wake(): void {
    for (const connection of this.#waiting) {
      if (this.#isThrottling()) return;
      this.#waiting.delete(connection); // it comes back, at the end, when it must wait again
      connection.wake();
    }
  }

  get isIdle(): boolean {
    return this.#waiting.size === 0;
  }

  forget(connection: ThrottledConnection): void {
    this.#waiting.delete(connection);
  }

  /** Notes how long a connection waited. Returns whether its requests are to be refused for it. */
  waited(sinceMs: number): boolean {
    const waitedMs = this.#clock.monotonicMs() - sinceMs;
    this.#metrics.requestThrottleQueueTimeMs.add(Math.round(waitedMs));
    return this.#waitMsMax > 0 && waitedMs > this.#waitMsMax;
  }
}
