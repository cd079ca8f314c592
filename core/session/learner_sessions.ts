/**
 * Sessions on a learner: those whose clients are connected here. When a global one ends, the leader decides;
 * it is told which gave a sign of life. Local ones end here (quorum protocol section 11).
 *
 * @module
 */
import { newSession, type Session, type Sessions } from "./sessions.ts";
import { SessionTracker } from "./session_tracker.ts";

export class LearnerSessions implements Sessions {
  /** Those that only this server knows. */
  readonly local: SessionTracker;
  readonly #global = new Map<bigint, Session>();
  #touched = new Set<Session>();
  /** Of those that are attached elsewhere, or nowhere: timeouts by id. */
  #touchedElsewhere = new Map<bigint, number>();

  /** @param nowMs monotonic */
  constructor(x: { tickMs: number; nowMs: number }) {
    this.local = new SessionTracker(x);
  }

  get count(): number {
    return this.#global.size + this.local.count;
  }

  get(id: bigint): Session | undefined {
    return this.#global.get(id) ?? this.local.get(id);
  }

  /** A global session has a client here. */
  add({ id, timeoutMs }: { id: bigint; timeoutMs: number }): Session {
    let session = this.#global.get(id);
    if (session === undefined) {
      session = newSession({ id, timeoutMs, kind: "global" });
      this.#global.set(id, session);
    }
    session.timeoutMs = timeoutMs;
    this.#touched.add(session);
    return session;
  }

  /** A local session is asked of the leader, who decides about it from now on. */
  upgrade(session: Session): void {
    this.local.remove(session.id);
    session.kind = "upgraded";
    this.#global.set(session.id, session);
    this.#touched.add(session);
  }

  touch(session: Session, nowMs: number): void {
    if (session.kind === "local") this.local.touch(session, nowMs);
    else this.#touched.add(session);
  }

  touchId({ id, timeoutMs }: { id: bigint; timeoutMs: number }, nowMs: number): void {
    const session = this.get(id);
    if (session === undefined) this.touchElsewhere(id, timeoutMs);
    else this.touch(session, nowMs);
  }

  remove(id: bigint): void {
    this.local.remove(id);
    const session = this.#global.get(id);
    if (session === undefined) return;
    this.#global.delete(id);
    this.#touched.delete(session);
  }

  /** An observer of this server heard of a session. */
  touchElsewhere(id: bigint, timeoutMs: number): void {
    this.#touchedElsewhere.set(id, timeoutMs);
  }

  /** The timeouts of the global ones that gave a sign of life since the last call, by id. */
  takeTouched(): ReadonlyMap<bigint, number> {
    const touched = this.#touchedElsewhere;
    for (const { id, timeoutMs } of this.#touched) touched.set(id, timeoutMs);
    this.#touchedElsewhere = new Map();
    this.#touched = new Set();
    return touched;
  }
}
