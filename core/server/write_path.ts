/**
 * Where requests that change something go: down our own pipeline, on a standalone server and on a leader,
 * or to the leader, on a learner.
 *
 * @module
 */
import type { JuteReader } from "../wire/jute.ts";
import type { Client } from "./client.ts";
import type { Replies, TurnTime } from "./replies.ts";
import type { RequestStats } from "./request_stats.ts";

export interface WritePath {
  /** Requests begun and not yet answered. */
  readonly outstandingCount: number;
  /** So much is under way that those who have a share in it should wait. */
  readonly isFull: boolean;
  /** Only clients that agree to read are served, and sessions are local ones. */
  readonly isReadOnly: boolean;

  /** A client's request that changes the tree. */
  request(client: Client, xid: number, op: number, reader: JuteReader): void;

  /**
   * A client asks for what others have written: where that must be waited for, the client's
   * `lastOutstanding` becomes what the answer has to wait behind.
   */
  sync(client: Client): void;

  /**
   * A session is asked for: it exists for clients when its txn is committed. One that did not come by the
   * client port is always global: what its client holds of it is good on every server.
   */
  createSession(client: Client, timeoutMs: number): void;

  /** A client with the right password comes back to a session. */
  renewSession(client: Client, session: { sessionId: bigint; timeoutMs: number }): void;

  /** Ends a session because its client says so. */
  closeSessionOf(client: Client, xid: number): void;

  /** Ends what has not been heard of for too long, where that is this server's to decide. */
  expireSessions(): void;
}

/** What a write path shares with the processor that it belongs to. */
export interface WritePathContext {
  replies: Replies;
  stats: RequestStats;
  time: Readonly<TurnTime>;
  /** The write that so many reads of the client waited for is answered: it is their turn. */
  answerDeferred: (client: Client, count: number) => void;
}
