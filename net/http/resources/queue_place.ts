/**
 * A session's place in a queue: taken, waited in, and left. What locks and elections have in common.
 *
 * A request may come twice: its client did not hear the answer, or another member was asked meanwhile. So the
 * entry is looked for before it is made and afterwards, when the tree here has caught up with it; the
 * oldest counts. Each request that finds the entry changes it, and leaves the queue only with the version
 * that it knows: of a request that was given up, nothing can take the place of the one after it.
 *
 * Invariant: a waiting request watches the one entry before its own, so that a change wakes one.
 *
 * @module
 */
import { NO_NODE } from "../../../core/tree/node_store.ts";
import type { Caller, Gateway, SessionKey } from "../gateway.ts";
import { isProblem, Problem } from "../problem.ts";
import { findZnode } from "../znode_stat.ts";
import {
  checkMayRead,
  entryPrefix,
  queueEntries,
  type QueueEntry,
  type QueueKind,
} from "./queue.ts";
import type { QueueWait } from "./queue_wait.ts";

/** The queue may be removed and the entry deleted while a place is taken: so often it is tried again. */
const ATTEMPT_COUNT_MAX = 5;

/** Who wants a place in which queue. */
export interface Contender {
  readonly gateway: Gateway;
  /** With the session. */
  readonly caller: Caller & { readonly session: SessionKey };
  readonly path: string;
  readonly kind: QueueKind;
  /** The request's `Idempotency-Key`. */
  readonly key: string | null;
  /** This request made the session, for its entry only. */
  readonly isSessionForIt: boolean;
}

export interface Place {
  readonly path: string;
  /** The entry's version since this request found or made it. */
  readonly version: number;
  /** Whether this request made it. */
  readonly isNew: boolean;
}

/** How the queue stands for one place. */
export interface Standing {
  readonly entries: readonly QueueEntry[];
  /** -1: the entry is gone. */
  readonly position: number;
}

/**
 * Finds the session's entry in the queue, or makes it, and the queue as well.
 *
 * @param data of the entry; undefined: what it has, or none
 */
export async function takePlace(
  contender: Contender,
  data: Uint8Array | undefined,
): Promise<Place> {
  const { gateway, caller, path } = contender;
  checkMayRead(gateway, caller, path);
  for (let attempt = 0; attempt < ATTEMPT_COUNT_MAX; attempt++) {
    const [own, ...later] = ownEntries(contender);
    if (own === undefined) {
      const made = await makeEntry(contender, data ?? new Uint8Array());
      if (made !== null && ownEntries(contender)[0]?.path === made) {
        return { path: made, version: 0, isNew: true };
      }
      continue;
    }
    for (const entry of later) await deleteEntry(contender, entry.path, -1);
    const version = await changeEntry(contender, own, data);
    if (version !== null) return { path: own.path, version, isNew: false };
  }
  throw new Problem("operation-timeout", {
    detail:
      `The queue of ${path} was removed, or the session's entry in it, whenever it was made ` +
      `(${ATTEMPT_COUNT_MAX} times): ask again`,
    path,
    outcome: "unknown",
  });
}

/** How the queue stands here and now. */
export function standingOf({ gateway, path, kind }: Contender, place: Place): Standing {
  const entries = queueEntries(gateway.tree, path, kind);
  return { entries, position: entries.findIndex((entry) => entry.path === place.path) };
}

/**
 * Waits until the place is the first in line; otherwise says why it no longer waits.
 *
 * Who waited may see the place become the first after it is gone: this member may be behind, and the session may have
 * ended meanwhile. So the tree is brought up to date before the turn is believed.
 */
export async function waitForTurn(
  contender: Contender,
  place: Place,
  wait: QueueWait,
): Promise<"first" | "gone" | "timeUp" | "hungUp" | "serviceEnded"> {
  for (;;) {
    const { entries, position } = standingOf(contender, place);
    if (position < 0) return "gone";
    if (position === 0) {
      if (!wait.hasWaited) return "first";
      await contender.gateway.sync(contender.caller);
      wait.hasWaited = false;
      continue;
    }
    const end = await wait.next([entries[position - 1]!.path, place.path]);
    if (end !== "changed") return end;
  }
}

/** Leaves the queue, unless a later request has come for the same place. */
export async function leavePlace(contender: Contender, place: Place): Promise<void> {
  await deleteEntry(contender, place.path, place.version);
}

/**
 * The session's entries in the queue, the oldest first; with a key those of that key only. When there are none
 * here, the tree is first brought up to date.
 */
export async function entriesToLeave(contender: Contender): Promise<QueueEntry[]> {
  const { gateway, caller, path, kind, key } = contender;
  checkMayRead(gateway, caller, path);
  const find = () =>
    key !== null
      ? ownEntries(contender)
      : queueEntries(gateway.tree, path, kind).filter(({ owner }) => owner === caller.session.id);
  const own = find();
  if (own.length > 0) return own;
  await gateway.sync(caller);
  return find();
}

/** Whether the entry's session was made for it only. */
export function isSessionFor(contender: Contender, { path, owner }: QueueEntry): boolean {
  const prefix = entryPrefix({ ...contender, sessionId: owner, isSessionForIt: true });
  return path.startsWith(prefix);
}

/** The session's entries in the queue with the request's key, the oldest first. */
function ownEntries(contender: Contender): QueueEntry[] {
  const { gateway, caller, path, kind } = contender;
  const sessionId = caller.session.id;
  const prefixes = [true, false].map((isSessionForIt) =>
    entryPrefix({ ...contender, sessionId, isSessionForIt })
  );
  return queueEntries(gateway.tree, path, kind).filter((entry) =>
    entry.owner === sessionId && prefixes.some((prefix) => entry.path.startsWith(prefix))
  );
}

/** Makes an entry; null when the queue was missing, which it is no longer. */
async function makeEntry(contender: Contender, data: Uint8Array): Promise<string | null> {
  const { gateway, caller } = contender;
  try {
    const made = await gateway.create(caller, {
      path: entryPrefix({ ...contender, sessionId: caller.session.id }),
      data,
      acl: null,
      kind: "ephemeral_sequential",
    });
    return made.path;
  } catch (error) {
    if (!isProblem(error, "no-node", "parent-missing")) throw error;
    await makeQueue(contender);
    return null;
  }
}

/** The queue and what is above it, as containers like Curator's: they go when they are empty. */
async function makeQueue({ gateway, caller, path }: Contender): Promise<void> {
  for (const ancestor of pathsDownTo(path)) {
    // who may make a lock below a znode need not have the permission to make that znode
    if (findZnode(gateway.tree, ancestor) !== NO_NODE) continue;
    const request = {
      path: ancestor,
      data: new Uint8Array(),
      acl: null,
      kind: "container",
    } as const;
    try {
      await gateway.create(caller, request);
    } catch (error) {
      if (!isProblem(error, "node-exists")) throw error;
    }
  }
}

/** `/a`, `/a/b`, `/a/b/c` of `/a/b/c`. */
function pathsDownTo(path: string): string[] {
  const names = path.split("/");
  return names.slice(1).map((_, i) => names.slice(0, i + 2).join("/"));
}

/** Marks the entry as this request's; its new version, or null when it is gone. */
async function changeEntry(
  { gateway, caller }: Contender,
  { id, path }: QueueEntry,
  data: Uint8Array | undefined,
): Promise<number | null> {
  const kept = data ?? gateway.tree.store.data(id)?.slice() ?? null;
  try {
    const { stat } = await gateway.setData(caller, { path, data: kept, version: -1 });
    return stat.version;
  } catch (error) {
    if (isProblem(error, "no-node")) return null;
    throw error;
  }
}

/** Deletes an entry, which may be gone, or another request's by now. */
export async function deleteEntry(
  { gateway, caller }: Contender,
  path: string,
  version: number,
): Promise<void> {
  try {
    await gateway.delete(caller, { path, version });
  } catch (error) {
    if (!isProblem(error, "no-node", "bad-version")) throw error;
  }
}
