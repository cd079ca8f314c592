/**
 * What comes before the first packet on a quorum connection when servers authenticate each other (quorum
 * protocol section 17). Its own states only: bytes go in and come out.
 *
 * @module
 */
import {
  type AuthRecord,
  beginsWithAuth,
  decodeAuthRecord,
  type QuorumAuth,
  type QuorumAuthExchange,
} from "./quorum_auth.ts";

/** `bytes` are to be sent in any case; after `failed` the connection is to be closed. */
export type QuorumHandshakeStep =
  | { kind: "continue"; bytes: Uint8Array }
  /** `rest` came behind it: the first packets. */
  | { kind: "done"; bytes: Uint8Array; rest: Uint8Array }
  | { kind: "failed"; bytes: Uint8Array; reason: string };

const NOTHING = new Uint8Array();

export class QuorumHandshake {
  readonly #auth: QuorumAuth;
  /** null: who connected has not begun yet. */
  #exchange: QuorumAuthExchange | null;
  #unread: Uint8Array = NOTHING;

  private constructor(auth: QuorumAuth, exchange: QuorumAuthExchange | null) {
    this.#auth = auth;
    this.#exchange = exchange;
  }

  /** For a connection we opened; null: it begins without, and so at once. */
  static connect(auth: QuorumAuth): { handshake: QuorumHandshake; bytes: Uint8Array } | null {
    const begun = auth.connect();
    if (begun === null) return null;
    return { handshake: new QuorumHandshake(auth, begun.exchange), bytes: begun.bytes };
  }

  /** For a connection that was accepted. */
  static accept(auth: QuorumAuth): QuorumHandshake {
    return new QuorumHandshake(auth, null);
  }

  /**
   * Takes what came; borrowed for the call.
   *
   * @throws {DecodeError} on what is no record of an exchange
   */
  take(bytes: Uint8Array): QuorumHandshakeStep {
    this.#unread = concat(this.#unread, bytes);
    if (this.#exchange === null) {
      const begins = beginsWithAuth(this.#unread);
      if (begins === false) {
        if (!this.#auth.isRequired) return { kind: "done", bytes: NOTHING, rest: this.#unread };
        return { kind: "failed", bytes: NOTHING, reason: "it does not authenticate itself" };
      }
      if (begins === null) return { kind: "continue", bytes: NOTHING };
      this.#exchange = this.#auth.accept();
    }
    const read = decodeAuthRecord(this.#unread);
    if (read === null) return { kind: "continue", bytes: NOTHING };
    return this.#took(this.#exchange, read);
  }

  #took(
    exchange: QuorumAuthExchange,
    { record, byteCount }: { record: AuthRecord; byteCount: number },
  ): QuorumHandshakeStep {
    const step = exchange.take(record);
    this.#unread = this.#unread.slice(byteCount);
    if (step.kind === "done") return { ...step, rest: this.#unread };
    if (step.kind === "failed" || this.#unread.length === 0) return step;
    return { kind: "failed", bytes: NOTHING, reason: "it goes on without an answer" };
  }
}

function concat(first: Uint8Array, second: Uint8Array): Uint8Array {
  const both = new Uint8Array(first.length + second.length);
  both.set(first);
  both.set(second, first.length);
  return both;
}
