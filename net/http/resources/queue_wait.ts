/**
 * A request that waits for something in the tree: until it changes, the time is up, the client hangs up or the
 * server stops serving. While it waits, its session is kept alive.
 *
 * @module
 */
import { WatchMode } from "../../../core/tree/watch_manager.ts";
import type { Gateway, SessionKey } from "../gateway.ts";
import { watchTree } from "../tree_watch.ts";
import { holdSession } from "../watch/session_lease.ts";

export type WaitEnd =
  | "changed"
  | "timeUp"
  | "hungUp"
  /** The server lost its quorum or its role, or it stops. */
  | "serviceEnded";

export interface WaitOptions {
  readonly gateway: Gateway;
  readonly session: SessionKey;
  readonly waitMs: number;
  /** The client hung up. */
  readonly hungUp: AbortSignal;
  /** That, or the server stops. */
  readonly signal: AbortSignal;
}

/** To be disposed of; one at a time calls `next`. */
export class QueueWait implements Disposable {
  /** Time has passed since the leader was last asked for something. */
  hasWaited = false;
  readonly #gateway: Gateway;
  readonly #hungUp: AbortSignal;
  readonly #signal: AbortSignal;
  readonly #deadlineMs: number;
  readonly #deadline: ReturnType<typeof setTimeout>;
  readonly #releaseSession: () => void;
  readonly #stopService: () => void;
  #hasServiceEnded = false;
  #hasChanged = false;
  #wake: () => void = () => {};
  readonly #onAbort = () => this.#wake();

  constructor({ gateway, session, waitMs, hungUp, signal }: WaitOptions) {
    this.#gateway = gateway;
    this.#hungUp = hungUp;
    this.#signal = signal;
    this.#deadlineMs = performance.now() + waitMs;
    this.#deadline = setTimeout(() => this.#wake(), waitMs);
    this.#releaseSession = holdSession(gateway, session, () => {
      this.#hasChanged = true; // its entries went with it
      this.#wake();
    });
    this.#stopService = gateway.onServiceEnd(() => {
      this.#hasServiceEnded = true;
      this.#wake();
    });
    signal.addEventListener("abort", this.#onAbort);
  }

  /** Waits until one of the znodes is changed or deleted: all are there as this is called. */
  async next(paths: readonly string[]): Promise<WaitEnd> {
    this.hasWaited = true;
    this.#hasChanged = false;
    const deliver = () => {
      this.#hasChanged = true;
      this.#wake(); // those who wait go on once the txn is applied
    };
    const stops = paths.map((path) =>
      watchTree(this.#gateway.tree, { path, mode: WatchMode.Data }, deliver)
    );
    try {
      let end = this.#end();
      while (end === null) {
        await new Promise<void>((resolve) => this.#wake = resolve);
        end = this.#end();
      }
      return end;
    } finally {
      this.#wake = () => {};
      for (const stop of stops) stop();
    }
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#deadline);
    this.#releaseSession();
    this.#stopService();
    this.#signal.removeEventListener("abort", this.#onAbort);
  }

  #end(): WaitEnd | null {
    if (this.#hungUp.aborted) return "hungUp";
    if (this.#signal.aborted || this.#hasServiceEnded || !this.#gateway.isServing) {
      return "serviceEnded";
    }
    if (this.#hasChanged) return "changed";
    return performance.now() >= this.#deadlineMs ? "timeUp" : null;
  }
}
