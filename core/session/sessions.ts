/**
 * What a server does with the sessions of its clients, whoever decides when they end.
 *
 * @module
 */
import type { Id } from "../tree/acl_list.ts";

export interface Session {
  readonly id: bigint;
  timeoutMs: number;
  /** The bucket it is in. */
  deadlineMs: number;
  /** Its closeSession is under way: nothing more may be done in its name. */
  isClosing: boolean;
  /** Who last attached to it; null when there is nobody. */
  owner: SessionOwner | null;
}

/** A connection, or another server whose client it is, as far as sessions know it. */
export interface SessionOwner {
  readonly ids: readonly Id[];
}

export interface Sessions {
  readonly count: number;
  get(id: bigint): Session | undefined;
  sessions(): Iterable<Session>;
  /** Starts to track a session; an existing one gets the timeout and a fresh deadline. */
  add(session: { id: bigint; timeoutMs: number; nowMs: number }): Session;
  /** The session gave a sign of life. */
  touch(session: Session, nowMs: number): void;
  remove(id: bigint): void;
}
