import assert from "node:assert/strict";
import type { Session } from "../../../core/session/sessions.ts";
import { SessionTracker } from "../../../core/session/session_tracker.ts";

const TICK_MS = 1000;

/** Lets time pass in steps of a quarter tick; returns when each session was named, by id. */
function expiries(tracker: SessionTracker, { from, to }: { from: number; to: number }) {
  const at = new Map<bigint, number>();
  for (let nowMs = from; nowMs <= to; nowMs += TICK_MS / 4) {
    for (const { id } of tracker.expire(nowMs)) at.set(id, nowMs);
  }
  return at;
}

Deno.test("SessionTracker.expire() names a session within a tick of its timeout, never before", () => {
  for (const timeoutMs of [1, 999, 1000, 1500, 2000, 2500, 20_000]) {
    for (const startMs of [0, 250, 500, 999, 123_456]) {
      const tracker = new SessionTracker({ tickMs: TICK_MS, nowMs: startMs });
      tracker.add({ id: 1n, timeoutMs, nowMs: startMs });
      const at = expiries(tracker, { from: startMs, to: startMs + timeoutMs + 5 * TICK_MS });
      const lived = at.get(1n)! - startMs;
      const note = `timeout ${timeoutMs} from ${startMs}: lived ${lived}`;
      assert.ok(lived >= timeoutMs && lived < timeoutMs + TICK_MS + TICK_MS / 4, note);
    }
  }
});

Deno.test("SessionTracker.touch() in the last moment puts the end off by a whole timeout", () => {
  const tracker = new SessionTracker({ tickMs: TICK_MS, nowMs: 0 });
  const session = tracker.add({ id: 1n, timeoutMs: 3000, nowMs: 0 });
  assert.deepEqual(tracker.expire(3999), []);
  tracker.touch(session, 3999);
  assert.equal(expiries(tracker, { from: 4000, to: 20_000 }).get(1n), 7000);
});

Deno.test("SessionTracker.restart() takes up a shorter timeout, touch() never an earlier end", () => {
  const tracker = new SessionTracker({ tickMs: TICK_MS, nowMs: 0 });
  const session = tracker.add({ id: 1n, timeoutMs: 20_000, nowMs: 0 });
  session.timeoutMs = 1000;
  tracker.touch(session, 100);
  assert.equal(session.deadlineMs, 21_000);
  tracker.restart(session, 100);
  assert.equal(session.deadlineMs, 2000);
});

Deno.test("SessionTracker.expire() after a long pause names all that ended, once", () => {
  const tracker = new SessionTracker({ tickMs: TICK_MS, nowMs: 0 });
  for (let i = 0; i < 100; i++) tracker.add({ id: BigInt(i), timeoutMs: 1000 + i * 50, nowMs: 0 });
  tracker.remove(7n);
  assert.equal(tracker.expire(3_600_000).length, 99);
  assert.deepEqual(tracker.expire(7_200_000), []);
  assert.equal(tracker.count, 99, "they are known until their end is applied");
});

Deno.test("SessionTracker.postpone() has a session named again in the next tick", () => {
  const tracker = new SessionTracker({ tickMs: TICK_MS, nowMs: 0 });
  tracker.add({ id: 1n, timeoutMs: 2000, nowMs: 0 });
  const [session] = tracker.expire(3000) as [Session];
  for (let nowMs = 3100; nowMs < 8000; nowMs += TICK_MS) {
    tracker.postpone(session, nowMs);
    assert.deepEqual(tracker.expire(nowMs + TICK_MS), [session]);
    assert.equal(session.timeoutMs, 2000);
  }
});
