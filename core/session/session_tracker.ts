/**
 * Which sessions live, and which have not been heard of for too long.
 *
 * Deadlines are rounded up to buckets of one tick, so a touch costs almost nothing and no session has a
 * timer: a session ends between its timeout and one tick more after its last sign of life (semantics
 * section 11). Expiry here only names the sessions; the closeSession txn ends them.
 *
 * @module
 */
import { newSession, type Session, type SessionKind, type Sessions } from "./sessions.ts";

export class SessionTracker implements Sessions {
  #sessions = new Map<bigint, Session>();
  #buckets = new Map<number, Set<Session>>();
  readonly #tickMs: number;
  #nextDeadlineMs: number;

  /** @param nowMs monotonic */
  constructor({ tickMs, nowMs }: { tickMs: number; nowMs: number }) {
    this.#tickMs = tickMs;
    this.#nextDeadlineMs = this.#bucketOf(nowMs);
  }

  get count(): number {
    return this.#sessions.size;
  }

  get(id: bigint): Session | undefined {
    return this.#sessions.get(id);
  }

  /** The buckets with what expires in each, soonest first. */
  buckets(): { deadlineMs: number; sessions: ReadonlySet<Session> }[] {
    return [...this.#buckets]
      .map(([deadlineMs, sessions]) => ({ deadlineMs, sessions }))
      .sort((a, b) => a.deadlineMs - b.deadlineMs);
  }

  get localCount(): number {
    let count = 0;
    for (const { kind } of this.#sessions.values()) if (kind === "local") count++;
    return count;
  }

  /** Starts to track a session; an existing one gets the timeout and a fresh deadline. */
  add({ id, timeoutMs, nowMs, kind = "global" }: {
    id: bigint;
    timeoutMs: number;
    nowMs: number;
    kind?: SessionKind;
  }): Session {
    let session = this.#sessions.get(id);
    if (session === undefined) {
      session = newSession({ id, timeoutMs, kind });
      this.#sessions.set(id, session);
    }
    session.timeoutMs = timeoutMs;
    this.touch(session, nowMs);
    return session;
  }

  /** The session gave a sign of life. Never brings the deadline forward. */
  touch(session: Session, nowMs: number): void {
    const deadlineMs = this.#bucketOf(nowMs + session.timeoutMs);
    if (deadlineMs <= session.deadlineMs || session.isClosing) return;
    this.#leaveBucket(session);
    session.deadlineMs = deadlineMs;
    const bucket = this.#buckets.get(deadlineMs);
    if (bucket === undefined) this.#buckets.set(deadlineMs, new Set([session]));
    else bucket.add(session);
  }

  touchId({ id }: { id: bigint }, nowMs: number): void {
    const session = this.#sessions.get(id);
    if (session !== undefined) this.touch(session, nowMs);
  }

  /** A client attached to the session again: its timeout, perhaps a shorter one, starts anew. */
  restart(session: Session, nowMs: number): void {
    this.#leaveBucket(session);
    this.touch(session, nowMs);
  }

  remove(id: bigint): void {
    const session = this.#sessions.get(id);
    if (session === undefined) return;
    this.#sessions.delete(id);
    this.#leaveBucket(session);
  }

  /**
   * Names the sessions whose deadline has passed. They leave their buckets but stay known until their
   * closeSession is applied; `postpone` puts one back.
   */
  expire(nowMs: number): Session[] {
    const expired: Session[] = [];
    while (this.#nextDeadlineMs <= nowMs) {
      const bucket = this.#buckets.get(this.#nextDeadlineMs);
      if (bucket !== undefined) {
        this.#buckets.delete(this.#nextDeadlineMs);
        for (const session of bucket) {
          session.deadlineMs = -1;
          expired.push(session);
        }
      }
      this.#nextDeadlineMs += this.#tickMs;
    }
    return expired;
  }

  /** The session could not be closed now (the disk is full): it is named again in the next tick. */
  postpone(session: Session, nowMs: number): void {
    const { timeoutMs } = session;
    session.timeoutMs = 0;
    this.touch(session, nowMs);
    session.timeoutMs = timeoutMs;
  }

  #bucketOf(timeMs: number): number {
    return (Math.floor(timeMs / this.#tickMs) + 1) * this.#tickMs;
  }

  #leaveBucket(session: Session): void {
    const bucket = this.#buckets.get(session.deadlineMs);
    if (bucket?.delete(session) && bucket.size === 0) this.#buckets.delete(session.deadlineMs);
    session.deadlineMs = -1;
  }
}
