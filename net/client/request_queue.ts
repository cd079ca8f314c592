/**
 * Requests in the order in which they were made, from the first call to the answer.
 *
 * @module
 */

import type { JuteReader, JuteWriter } from "../../core/wire/jute.ts";

/** What is asked, and how its answer is read. */
export interface ClientRequest<T> {
  readonly opCode: number;
  /** The caller's, for errors. */
  readonly path: string | null;
  write(writer: JuteWriter): void;
  /** Reads the answer, or what it means that there is none (see `emptyCode`). */
  read(reader: JuteReader): T;
  /** A code that is an answer, too: `read` gets a reader at its end. */
  readonly emptyCode?: number;
  /** Called for an answer that is wanted, before anything that comes behind it is looked at. */
  answered?(code: number): void;
}

/** A request, and who waits for it. */
export class PendingRequest {
  xid = 0;
  /** Its caller has been answered, or waits no more. */
  isSettled = false;
  /** With its header, once it was sent. */
  byteCount = 0;
  readonly request: ClientRequest<unknown>;
  /** When it was made, monotonic; 0 while connected, since nobody asks then. */
  readonly madeMs: number;
  readonly #resolve: (value: unknown) => void;
  readonly #reject: (reason: unknown) => void;
  readonly #signal: AbortSignal | undefined;
  readonly #aborted: (() => void) | undefined;

  constructor(
    request: ClientRequest<unknown>,
    { resolve, reject, signal, madeMs }: {
      resolve: (value: unknown) => void;
      reject: (reason: unknown) => void;
      signal: AbortSignal | undefined;
      madeMs: number;
    },
  ) {
    this.request = request;
    this.madeMs = madeMs;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#signal = signal;
    if (signal === undefined) return;
    this.#aborted = () => this.reject(signal.reason);
    signal.addEventListener("abort", this.#aborted, { once: true });
  }

  resolve(value: unknown): void {
    if (this.#settle()) this.#resolve(value);
  }

  reject(reason: unknown): void {
    if (this.#settle()) this.#reject(reason);
  }

  #settle(): boolean {
    if (this.isSettled) return false;
    this.isSettled = true;
    if (this.#aborted !== undefined) this.#signal?.removeEventListener("abort", this.#aborted);
    return true;
  }
}

/** First in, first out, without moving what waits. */
export class RequestQueue {
  #items: (PendingRequest | undefined)[] = [];
  #head = 0;

  get length(): number {
    return this.#items.length - this.#head;
  }

  get first(): PendingRequest | undefined {
    return this.#items[this.#head];
  }

  push(item: PendingRequest): void {
    this.#items.push(item);
  }

  shift(): PendingRequest | undefined {
    const item = this.#items[this.#head];
    if (item === undefined) return undefined;
    this.#items[this.#head++] = undefined;
    if (this.#head === this.#items.length) {
      this.#items.length = this.#head = 0;
    } else if (this.#head >= 1024 && this.#head * 2 >= this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    return item;
  }

  /** Takes all out, oldest first. */
  drain(): PendingRequest[] {
    const all = this.#items.slice(this.#head) as PendingRequest[];
    this.#items = [];
    this.#head = 0;
    return all;
  }
}
