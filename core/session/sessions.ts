/**
 * What a server does with the sessions of its clients, whoever decides when they end.
 *
 * @module
 */
import type { Id } from "../tree/acl_list.ts";

/**
 * Who knows it: all servers, by txns, or only the one that it was made on (quorum protocol section 11).
 * Upgraded: it was local, and became global.
 */
export type SessionKind = "global" | "local" | "upgraded";

export interface Session {
  readonly id: bigint;
  timeoutMs: number;
  /** The bucket it is in. */
  deadlineMs: number;
  /** Its closeSession is under way: nothing more may be done in its name. */
  isClosing: boolean;
  kind: SessionKind;
  /** Who last attached to it, and so may write, where that is decided; null when there is nobody. */
  owner: SessionOwner | null;
  /** The connection to this server on which it is used, or was; null when there is none. */
  client: SessionOwner | null;
}

/** A session that nobody uses yet, and that is in no bucket. */
export function newSession({ id, timeoutMs, kind }: {
  id: bigint;
  timeoutMs: number;
  kind: SessionKind;
}): Session {
  return { id, timeoutMs, deadlineMs: -1, isClosing: false, kind, owner: null, client: null };
}

/** A connection, or another server whose client it is, as far as sessions know it. */
export interface SessionOwner {
  readonly ids: readonly Id[];
}

export interface Sessions {
  readonly count: number;
  get(id: bigint): Session | undefined;
  /** The session gave a sign of life. */
  touch(session: Session, nowMs: number): void;
  /** The same of a global one that nobody need have attached to here. */
  touchId(session: { id: bigint; timeoutMs: number }, nowMs: number): void;
  remove(id: bigint): void;
}
