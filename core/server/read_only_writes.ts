/**
 * What a member without a quorum does in read-only mode: clients that agree to that may read what it has,
 * and nobody may write (quorum protocol section 16).
 *
 * Their sessions are local ones. Where those are not allowed nobody gets a session, and is told so in a
 * header in place of a connect response, as ZooKeeper does since 3.7.
 *
 * @module
 */
import { ErrorCode } from "../errors.ts";
import type { SessionTracker } from "../session/session_tracker.ts";
import type { SessionTable } from "../storage/snapshot_tree.ts";
import { OpCode } from "../wire/op_code.ts";
import type { Client } from "./client.ts";
import { refuseSession } from "./handshakes.ts";
import { LocalSessions } from "./local_sessions.ts";
import type { Replies } from "./replies.ts";
import type { WritePath, WritePathContext } from "./write_path.ts";

export interface ReadOnlyWritesOptions extends WritePathContext {
  sessions: SessionTracker;
  /** Those that exist in the ensemble. */
  globalSessions: SessionTable;
  localSessionsEnabled: boolean;
  firstSessionId: bigint;
}

export class ReadOnlyWrites implements WritePath {
  readonly outstandingCount = 0;
  readonly isFull = false;
  readonly isReadOnly = true;
  readonly #options: ReadOnlyWritesOptions;
  readonly #replies: Replies;
  readonly #local: LocalSessions;
  #nextSessionId: bigint;

  constructor(options: ReadOnlyWritesOptions) {
    this.#options = options;
    this.#replies = options.replies;
    this.#local = new LocalSessions({ ...options, tracker: options.sessions });
    this.#nextSessionId = options.firstSessionId;
  }

  request(client: Client, xid: number, op: number): void {
    this.#replies.header(client, xid, op, ErrorCode.NotReadOnly);
  }

  sync(): void {
    // it is refused as what changes something
  }

  createSession(client: Client, timeoutMs: number): void {
    if (!this.#options.localSessionsEnabled) {
      return this.#replies.header(client, 0, OpCode.CreateSession, ErrorCode.NotReadOnly);
    }
    const id = this.#nextSessionId;
    this.#nextSessionId = BigInt.asIntN(64, id + 1n);
    this.#local.create(client, { id, timeoutMs });
  }

  renewSession(
    client: Client,
    { sessionId, timeoutMs }: { sessionId: bigint; timeoutMs: number },
  ): void {
    const session = this.#options.sessions.get(sessionId);
    if (session !== undefined) return this.#local.renew(client, session, timeoutMs);
    // it lives on for the ensemble, so the client must not hear that it is gone
    if (!this.#options.globalSessions.has(sessionId)) return refuseSession(client, sessionId);
    client.close("its session is not to be renewed without a quorum");
  }

  closeSessionOf(client: Client, xid: number): void {
    if (client.session !== null) this.#local.close(client, client.session, xid);
  }

  expireSessions(): void {
    const { sessions, time } = this.#options;
    for (const session of sessions.expire(time.nowMs)) this.#local.expire(session);
  }
}
