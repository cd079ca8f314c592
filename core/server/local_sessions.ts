/**
 * Sessions that only this server knows: they begin, move between connections and end here, without a txn
 * (quorum protocol section 11).
 *
 * @module
 */
import { ErrorCode } from "../errors.ts";
import type { Session } from "../session/sessions.ts";
import type { SessionTracker } from "../session/session_tracker.ts";
import { OpCode } from "../wire/op_code.ts";
import { Client } from "./client.ts";
import { attachSession } from "./handshakes.ts";
import type { Replies, TurnTime } from "./replies.ts";

export const ENDED_BY_OPERATOR = "an operator ended its session";

export class LocalSessions {
  readonly #tracker: SessionTracker;
  readonly #replies: Replies;
  readonly #time: Readonly<TurnTime>;

  /** @param x the tracker may hold others too */
  constructor(x: { tracker: SessionTracker; replies: Replies; time: Readonly<TurnTime> }) {
    this.#tracker = x.tracker;
    this.#replies = x.replies;
    this.#time = x.time;
  }

  create(client: Client, session: { id: bigint; timeoutMs: number }): void {
    const { nowMs } = this.#time;
    attachSession(client, this.#tracker.add({ ...session, nowMs, kind: "local" }));
  }

  renew(client: Client, session: Session, timeoutMs: number): void {
    session.timeoutMs = timeoutMs;
    this.#tracker.restart(session, this.#time.nowMs);
    attachSession(client, session);
  }

  /** Its client says so; everything that it asked for before is answered. */
  close(client: Client, session: Session, xid: number): void {
    this.#tracker.remove(session.id);
    this.#replies.header(client, xid, OpCode.CloseSession, ErrorCode.Ok);
    client.close(null);
  }

  /** It was not heard of for too long. */
  expire(session: Session): void {
    this.end(session, "its session expired");
  }

  /** @param reason why its connection is closed */
  end(session: Session, reason: string): void {
    this.#tracker.remove(session.id);
    if (session.client instanceof Client) session.client.close(reason);
  }
}
