/**
 * Those who wait for something to happen in the server.
 *
 * @module
 */
import type { Zxid } from "../../core/zxid.ts";

/** To be called once. */
export class Callbacks {
  #callbacks = new Set<() => void>();

  get isEmpty(): boolean {
    return this.#callbacks.size === 0;
  }

  /** Returns how to take it off. */
  add(callback: () => void): () => void {
    const entry = () => callback(); // the same one may be added twice
    this.#callbacks.add(entry);
    return () => void this.#callbacks.delete(entry);
  }

  callAll(): void {
    const callbacks = this.#callbacks;
    this.#callbacks = new Set();
    for (const callback of callbacks) callback();
  }
}

interface ZxidWait {
  readonly zxid: Zxid;
  readonly resolve: () => void;
}

/** Waits for zxids to be applied here. */
export class ZxidWaits {
  readonly #waits = new Set<ZxidWait>();

  wait(zxid: Zxid, waitMs: number, tooLate: () => Error): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waits.delete(wait);
        reject(tooLate());
      }, waitMs);
      const wait = {
        zxid,
        resolve: () => {
          clearTimeout(timer);
          resolve();
        },
      };
      this.#waits.add(wait);
    });
  }

  advance(lastZxid: Zxid): void {
    for (const wait of this.#waits) {
      if (wait.zxid > lastZxid) continue;
      this.#waits.delete(wait);
      wait.resolve();
    }
  }
}
