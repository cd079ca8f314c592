/**
 * Sessions on a learner: those whose clients are connected here. The leader decides when they end; it is
 * told which gave a sign of life (quorum protocol section 11).
 *
 * @module
 */
import type { Session, Sessions } from "./sessions.ts";

export class LearnerSessions implements Sessions {
  #sessions = new Map<bigint, Session>();
  #touched = new Set<Session>();

  get count(): number {
    return this.#sessions.size;
  }

  get(id: bigint): Session | undefined {
    return this.#sessions.get(id);
  }

  sessions(): Iterable<Session> {
    return this.#sessions.values();
  }

  add({ id, timeoutMs }: { id: bigint; timeoutMs: number }): Session {
    let session = this.#sessions.get(id);
    if (session === undefined) {
      session = { id, timeoutMs, deadlineMs: -1, isClosing: false, owner: null };
      this.#sessions.set(id, session);
    }
    session.timeoutMs = timeoutMs;
    this.#touched.add(session);
    return session;
  }

  touch(session: Session): void {
    this.#touched.add(session);
  }

  remove(id: bigint): void {
    const session = this.#sessions.get(id);
    if (session === undefined) return;
    this.#sessions.delete(id);
    this.#touched.delete(session);
  }

  /** Which gave a sign of life since the last call. */
  takeTouched(): Iterable<Session> {
    const touched = this.#touched;
    this.#touched = new Set();
    return touched;
  }
}
