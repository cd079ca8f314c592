/**
 * Txns that are logged or being logged and not yet applied, in zxid order.
 *
 * @module
 */
import { assert } from "../assert.ts";
import type { PreparedTxn } from "../txn/prepare.ts";
import type { AuditedRequest } from "./audit.ts";
import type { Client } from "./client.ts";

export interface Outstanding {
  prepared: PreparedTxn;
  /** The request's type, which decides the shape of the reply. */
  op: number;
  /** Who gets the reply; null for what the server does by itself. */
  client: Client | null;
  /** How many waiting reads of the client come right behind it. */
  deferredCount: number;
  /** Monotonic. */
  receivedMs: number;
  /** For the audit log, where there is one. */
  audited: AuditedRequest | null;
}

/** A queue in a ring that grows by doubling. */
export class OutstandingQueue {
  #ring: (Outstanding | undefined)[] = new Array(1024);
  #head = 0;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push(entry: Outstanding): void {
    if (this.#length === this.#ring.length) this.#grow();
    this.#ring[(this.#head + this.#length) & (this.#ring.length - 1)] = entry;
    this.#length++;
  }

  first(): Outstanding | undefined {
    return this.#length === 0 ? undefined : this.#ring[this.#head];
  }

  shift(): Outstanding {
    const entry = this.#ring[this.#head];
    assert(entry !== undefined, "an empty queue is not shifted");
    this.#ring[this.#head] = undefined;
    this.#head = (this.#head + 1) & (this.#ring.length - 1);
    this.#length--;
    return entry;
  }

  #grow(): void {
    const grown: (Outstanding | undefined)[] = new Array(this.#ring.length * 2);
    for (let i = 0; i < this.#length; i++) {
      grown[i] = this.#ring[(this.#head + i) & (this.#ring.length - 1)];
    }
    this.#ring = grown;
    this.#head = 0;
  }
}
