/**
 * Queues of ephemeral sequential znodes, as Curator and kazoo lay them out: of locks and of elections. The first
 * in the queue holds the lock, or leads; a session that ends takes its entries along.
 *
 * Names are `_c_<guid>-lock-0000000001`: Curator's, whose guid lets a client find an entry of which it does not
 * know whether it was made. Here the guid follows from the session, the queue and the request's
 * `Idempotency-Key`, so that any member finds the entry when a request is repeated.
 *
 * @module
 */
import * as z from "zod";
import { Permission } from "../../../core/tree/acl_list.ts";
import type { DataTree } from "../../../core/tree/data_tree.ts";
import { NO_NODE, type NodeId } from "../../../core/tree/node_store.ts";
import { childPath } from "../../../core/tree/path_text.ts";
import { decodeUtf8, encodeUtf8 } from "../../../core/wire/jute.ts";
import { sessionIdToHex, type Zxid, zxidText } from "../../../core/zxid.ts";
import { nodeHashing } from "../../hashing.ts";
import { DataJson, dataJson } from "../data_json.ts";
import type { Caller, Gateway } from "../gateway.ts";
import { notServing } from "../gateway_problems.ts";
import { Problem } from "../problem.ts";
import { HexText } from "../schemas.ts";
import { findZnode } from "../znode_stat.ts";

/** How the entries of a kind of queue are named. */
export interface QueueKind {
  /** Of entries made here: what stands between the guid and the sequence number. */
  readonly mark: string;
  /** All names that count, with the sequence number as the only group. */
  readonly names: RegExp;
}

/** Curator's `InterProcessMutex` (and `LeaderSelector`), and kazoo's `Lock`. */
export const LOCK_QUEUE: QueueKind = {
  mark: "-lock-",
  names: /(?:lock-|__lock__)(\d{10}|-\d{9,10})$/,
};
/** Curator's `LeaderLatch`. */
export const LATCH_QUEUE: QueueKind = { mark: "-latch-", names: /latch-(\d{10}|-\d{9,10})$/ };

export interface QueueEntry {
  readonly path: string;
  readonly sequence: number;
  readonly id: NodeId;
  readonly czxid: Zxid;
  /** The session it belongs to, 0n for none. */
  readonly owner: bigint;
}

/** The entries of a queue, the first in line first; none when there is no such znode. */
export function queueEntries(tree: DataTree, path: string, kind: QueueKind): QueueEntry[] {
  const { store } = tree;
  const top = findZnode(tree, path);
  const entries: QueueEntry[] = [];
  if (top === NO_NODE) return entries;
  for (let id = store.firstChild(top); id !== NO_NODE; id = store.nextSibling(id)) {
    const name = decodeUtf8(store.name(id));
    const sequence = Number(kind.names.exec(name)?.[1]);
    if (sequence !== (sequence | 0)) continue; // no number of 32 bits: not made by a server
    entries.push({
      path: childPath(path, name),
      sequence,
      id,
      czxid: store.czxid(id),
      owner: store.owner(id),
    });
  }
  // the number goes from 2^31-1 on to -2^31: what matters is which is ahead by less than half the circle
  return entries.sort((a, b) => (a.sequence - b.sequence) | 0);
}

/** What an entry's guid follows from. */
export interface EntryOwner {
  readonly sessionId: bigint;
  readonly path: string;
  readonly kind: QueueKind;
  /** The request's `Idempotency-Key`: a session has an entry for each. */
  readonly key: string | null;
  /** The session was made for this entry only, and ends with it: there is no other, and `key` does not count. */
  readonly isSessionForIt: boolean;
}

/** The beginning of the path of a session's entry in a queue. */
export function entryPrefix({ sessionId, path, kind, key, isSessionForIt }: EntryOwner): string {
  const seed = JSON.stringify([sessionIdToHex(sessionId), path, isSessionForIt || key]);
  const hex = nodeHashing.digest("sha256", encodeUtf8(seed)).subarray(0, 16).toHex();
  const guid = hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
  return childPath(path, `_c_${guid}${kind.mark}`);
}

export const QueueEntryJson = z.object({
  node: z.string().meta({ description: "the path of the znode in the queue" }),
  position: z.int().meta({ description: "0: the first in line" }),
  session: HexText.nullable().meta({ description: "null, like all below: it may not be read" }),
  fencingToken: HexText.nullable()
    .meta({ description: "grows from holder to holder: the znode's czxid" }),
  enteredAt: z.int().nullable().meta({ description: "ms since 1970" }),
  data: DataJson.nullable().meta({ description: "null also where there is none" }),
}).meta({ id: "QueueEntry", description: "A contender for a lock, or a candidate" });

/** What callers are told of an entry. */
export function entryJson(
  { gateway, caller }: { gateway: Gateway; caller: Caller },
  { path, id, czxid, owner }: QueueEntry,
  position: number,
): z.output<typeof QueueEntryJson> {
  const { store } = gateway.tree;
  if (!gateway.mayDo(caller, path, Permission.Read)) {
    // its name is among the children of the queue; all else is its stat's and its own
    return {
      node: path,
      position,
      session: null,
      fencingToken: null,
      enteredAt: null,
      data: null,
    };
  }
  const data = store.data(id);
  return {
    node: path,
    position,
    session: sessionIdToHex(owner),
    fencingToken: zxidText(czxid),
    enteredAt: store.ctime(id),
    data: dataJson(data === null ? null : new Uint8Array(data), "auto"),
  };
}

/** Refuses those who may not see the queue; a queue that does not exist is empty, and open. */
export function checkMayRead(gateway: Gateway, caller: Caller, path: string): void {
  if (!gateway.isServing) throw notServing();
  const exists = findZnode(gateway.tree, path) !== NO_NODE;
  if (!exists || gateway.mayDo(caller, path, Permission.Read)) return;
  throw new Problem("no-auth", {
    detail: `To see the queue of ${path} takes the permission to read its children`,
    path,
  });
}
