/**
 * Requests under way: asked for, and not yet answered.
 *
 * @module
 */
import { assert } from "../assert.ts";
import type { ErrorCode } from "../errors.ts";
import type { PreparedTxn } from "../txn/prepare.ts";
import type { Zxid } from "../zxid.ts";
import type { AuditedRequest } from "./audit.ts";
import type { Client } from "./client.ts";

/** A request whose outcome is waited for. */
export interface Waiting {
  /** The request's type, which decides the shape of the reply. */
  op: number;
  cxid: number;
  /** Who gets the reply; null for what the server does by itself, and for other servers' clients. */
  client: Client | null;
  /** How many waiting reads of the client come right behind it. */
  deferredCount: number;
  /** Monotonic. */
  receivedMs: number;
  /** For the audit log, where there is one. */
  audited: AuditedRequest | null;
  /** What the client is told in place of the error that the leader finds; null for that error. */
  refusal: ErrorCode | null;
}

/** A txn that is not applied yet, or a sync that waits for one. */
export interface Outstanding extends Waiting {
  /** The txn's; a sync's is that of the last txn before it. */
  zxid: Zxid;
  /** Null for a sync. */
  prepared: PreparedTxn | null;
  /** Called when a sync of another server's client is done. */
  synced: (() => void) | null;
}

/** A queue in a ring that grows by doubling. */
export class WaitingQueue<T extends object> {
  #ring: (T | undefined)[];
  #head = 0;
  #length = 0;

  /** @param capacity a power of two */
  constructor(capacity: number) {
    this.#ring = new Array(capacity);
  }

  get length(): number {
    return this.#length;
  }

  push(entry: T): void {
    if (this.#length === this.#ring.length) this.#grow();
    this.#ring[(this.#head + this.#length) & (this.#ring.length - 1)] = entry;
    this.#length++;
  }

  first(): T | undefined {
    return this.#length === 0 ? undefined : this.#ring[this.#head];
  }

  shift(): T {
    const entry = this.#ring[this.#head];
    assert(entry !== undefined, "an empty queue is not shifted");
    this.#ring[this.#head] = undefined;
    this.#head = (this.#head + 1) & (this.#ring.length - 1);
    this.#length--;
    return entry;
  }

  #grow(): void {
    const grown: (T | undefined)[] = new Array(this.#ring.length * 2);
    for (let i = 0; i < this.#length; i++) {
      grown[i] = this.#ring[(this.#head + i) & (this.#ring.length - 1)];
    }
    this.#ring = grown;
    this.#head = 0;
  }
}
