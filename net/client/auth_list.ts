/**
 * What a client says of itself: sent at every connection, answered in order.
 *
 * @module
 */

import type { JuteWriter } from "../../core/wire/jute.ts";
import { OpCode } from "../../core/wire/op_code.ts";
import type { AuthInfo } from "./client_types.ts";

export const AUTH_XID = -4;

export interface AuthEntry extends AuthInfo {
  /** Who waits for the server's word; undefined: nobody any more. */
  waiter: PromiseWithResolvers<void> | undefined;
}

export class AuthList {
  readonly #entries: AuthEntry[];
  /** Sent and not answered, in order. */
  #sent: AuthEntry[] = [];

  constructor(auth: readonly AuthInfo[]) {
    this.#entries = auth.map((info) => ({ ...info, waiter: undefined }));
  }

  /** One more. @returns it, and what settles when a server has taken or refused it */
  add({ scheme, auth }: AuthInfo): { entry: AuthEntry; done: Promise<void> } {
    const waiter = Promise.withResolvers<void>();
    const entry = { scheme, auth, waiter };
    this.#entries.push(entry);
    return { entry, done: waiter.promise };
  }

  /** All there are, to be sent at a new connection. */
  all(): readonly AuthEntry[] {
    return this.#entries;
  }

  write(writer: JuteWriter, entry: AuthEntry): void {
    writer.int(AUTH_XID);
    writer.int(OpCode.Auth);
    writer.int(0); // a type that nobody looks at
    writer.string(entry.scheme);
    writer.bytes(entry.auth);
    this.#sent.push(entry);
  }

  /** The server has taken the oldest that was sent. */
  answered(): void {
    const entry = this.#sent.shift();
    entry?.waiter?.resolve();
    if (entry !== undefined) entry.waiter = undefined;
  }

  /** What was sent is to be sent again. */
  disconnected(): void {
    this.#sent = [];
  }

  failed(reason: unknown): void {
    for (const entry of this.#entries) {
      entry.waiter?.reject(reason);
      entry.waiter = undefined;
    }
  }
}
