/**
 * Keeps a connection alive while nothing is asked, and notices when the server has fallen silent.
 *
 * @module
 */

import { LateTimeout } from "../late_timers.ts";
import type { Connection } from "./connection.ts";

/** A check that comes later than this found the process busy or asleep: what has come is read first. */
const LATE_MS = 200;
const LATE_GRACE_MS = 100;

export interface HeartbeatOptions {
  /** So long nothing may be heard. */
  readonly silenceMs: number;
  /** After so long without a word of ours, one is due. Infinity: never. */
  readonly pingMs: number;
  readonly ping: () => void;
}

/** Watches over the connection until it is stopped, and ends it when nothing is heard. */
export class Heartbeat {
  readonly #connection: Connection;
  readonly #options: HeartbeatOptions;
  #timer: LateTimeout | undefined;
  #dueMs = 0;

  constructor(connection: Connection, options: HeartbeatOptions) {
    this.#connection = connection;
    this.#options = options;
    this.#arm(performance.now());
  }

  stop(): void {
    this.#timer?.stop();
  }

  #check(): void {
    const { silenceMs, pingMs, ping } = this.#options;
    const nowMs = performance.now();
    if (nowMs - this.#connection.lastReceivedMs >= silenceMs) {
      if (nowMs - this.#dueMs > LATE_MS) return this.#wait(nowMs, LATE_GRACE_MS);
      const heardMs = Math.round(nowMs - this.#connection.lastReceivedMs);
      return this.#connection.close(`the server has been silent for ${heardMs} ms`);
    }
    if (nowMs - this.#connection.lastSentMs >= pingMs) {
      ping();
      this.#connection.lastSentMs = nowMs; // it leaves at the end of the turn
    }
    this.#arm(nowMs);
  }

  #arm(nowMs: number): void {
    const { silenceMs, pingMs } = this.#options;
    const { lastReceivedMs, lastSentMs } = this.#connection;
    this.#wait(nowMs, Math.min(lastReceivedMs + silenceMs, lastSentMs + pingMs) - nowMs);
  }

  #wait(nowMs: number, ms: number): void {
    const waitMs = Math.max(1, Math.ceil(ms));
    this.#dueMs = nowMs + waitMs;
    this.#timer = new LateTimeout(() => this.#check(), waitMs);
  }
}
