/**
 * A lock's delay: for so long nobody gets the lock after its holder's session ended while it was held, as in
 * Consul. What the holder had sent before may still be on its way then. Who releases the lock leaves no delay.
 *
 * The ensemble keeps what is needed, so any member can go on with it. Who takes the lock with a delay leaves
 * a marker beside its entry, which stays when the session ends, and is deleted before the entry on release. The
 * first contender that finds a marker without its entry makes it an ephemeral of a session of its own, whose
 * timeout is the delay and of which nobody sends a sign of life; whoever is first in line waits until it
 * is gone. So the leader's clock counts, from when the first contender came or learned of it: the delay may be
 * longer, never shorter. Contenders of other kinds than this API do not look at markers.
 *
 * @module
 */
import * as z from "zod";
import { NO_NODE } from "../../../core/tree/node_store.ts";
import { childPath } from "../../../core/tree/path_text.ts";
import { decodeUtf8, encodeUtf8 } from "../../../core/wire/jute.ts";
import { isProblem } from "../problem.ts";
import { findZnode } from "../znode_stat.ts";
import type { QueueEntry } from "./queue.ts";
import type { Contender } from "./queue_place.ts";

export const LOCK_DELAY_MS_MAX = 60_000;

/** Behind entries in the order of names, by which Curator counts everything in the queue. */
const MARKER = "_delay_";

const MarkerData = z.object({ lockDelayMs: z.number().min(1).max(LOCK_DELAY_MS_MAX) });

interface Marker {
  readonly path: string;
  readonly sequence: number;
  readonly version: number;
  /** Set while the delay lasts. */
  readonly owner: bigint;
  readonly data: Uint8Array;
}

type Queue = Pick<Contender, "gateway" | "path">;

/** Leaves the marker of who takes the lock; it may be there from a request before. */
export async function markDelay(
  { gateway, caller, path }: Contender,
  { sequence }: QueueEntry,
  lockDelayMs: number,
): Promise<void> {
  const data = encodeUtf8(JSON.stringify({ lockDelayMs }));
  try {
    await gateway.create(caller, {
      path: markerPath(path, sequence),
      data,
      acl: null,
      kind: "persistent",
    });
  } catch (error) {
    if (!isProblem(error, "node-exists")) throw error;
  }
}

/** Takes the marker away: the entry is about to be released. */
export async function unmarkDelay(contender: Contender, { sequence }: QueueEntry): Promise<void> {
  const marker = markersOf(contender).find((marker) => marker.sequence === sequence);
  if (marker === undefined) return;
  try {
    await contender.gateway.delete(contender.caller, { path: marker.path, version: -1 });
  } catch (error) {
    if (!isProblem(error, "no-node")) throw error;
  }
}

/** Whether a delay lasts, or is to begin once there is a contender. */
export function isDelayed(queue: Queue, entries: readonly QueueEntry[]): boolean {
  return abandoned(queue, entries).length > 0;
}

/** The path of what has to go before the first in line gets the lock, or null; begins the delay that is due. */
export async function delayBefore(
  contender: Contender,
  entries: readonly QueueEntry[],
): Promise<string | null> {
  const markers = abandoned(contender, entries);
  const begun = markers.find(({ owner }) => owner !== 0n);
  if (begun !== undefined) return begun.path;
  const [marker] = markers;
  if (marker === undefined) return null;
  await beginDelay(contender, marker);
  return marker.path;
}

/** Makes the marker end by itself. */
async function beginDelay({ gateway, caller }: Contender, marker: Marker): Promise<void> {
  const { path, version, data } = marker;
  const { key } = await gateway.createSession({ ...caller, session: null }, delayMsOf(marker));
  const delay = { ...caller, session: key };
  try {
    await gateway.multi(delay, [
      { op: "delete", path, version },
      { op: "create", path, data, acl: null, kind: "ephemeral" },
    ]);
  } catch (error) {
    await gateway.closeSession(delay);
    if (!isProblem(error, "no-node", "bad-version")) throw error; // another contender's began
  }
}

/** The markers whose entries are gone. */
function abandoned(queue: Queue, entries: readonly QueueEntry[]): Marker[] {
  const markers = markersOf(queue);
  return markers.filter(({ sequence }) => entries.every((entry) => entry.sequence !== sequence));
}

function markersOf({ gateway: { tree }, path }: Queue): Marker[] {
  const markers: Marker[] = [];
  const { store } = tree;
  const top = findZnode(tree, path);
  if (top === NO_NODE) return markers;
  for (let id = store.firstChild(top); id !== NO_NODE; id = store.nextSibling(id)) {
    const name = decodeUtf8(store.name(id));
    if (!name.startsWith(MARKER)) continue;
    markers.push({
      path: childPath(path, name),
      sequence: Number(name.slice(MARKER.length)),
      version: store.version(id),
      owner: store.owner(id),
      data: store.data(id)?.slice() ?? new Uint8Array(),
    });
  }
  return markers;
}

function markerPath(path: string, sequence: number): string {
  return childPath(path, `${MARKER}${sequence}`);
}

/** What somebody else wrote there counts as the longest delay. */
function delayMsOf({ data }: Marker): number {
  try {
    return MarkerData.parse(JSON.parse(decodeUtf8(data))).lockDelayMs;
  } catch {
    return LOCK_DELAY_MS_MAX;
  }
}
