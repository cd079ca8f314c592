/**
 * What is read from the tree itself: for lists, walks and comparisons that no single request of ZooKeeper's
 * answers. Permissions are the caller's business.
 *
 * @module
 */
import type { DataTree } from "../../core/tree/data_tree.ts";
import { NO_NODE, type NodeId } from "../../core/tree/node_store.ts";
import { ttlMsOfOwner } from "../../core/tree/stat.ts";
import { decodeUtf8, encodeUtf8 } from "../../core/wire/jute.ts";
import type { Zxid } from "../../core/zxid.ts";
import type { ClientStat } from "../client/client_types.ts";
import type { CreateRequest, SessionKey } from "./gateway.ts";

/** The znode at a path; {@linkcode NO_NODE} for none. */
export function findZnode(tree: DataTree, path: string): NodeId {
  return tree.store.lookup(encodeUtf8(path));
}

/** The stat as clients see it, as ZooKeeper's requests tell it. */
export function clientStatOf(tree: DataTree, id: NodeId): ClientStat {
  const { store } = tree;
  const numChildren = store.childCount(id);
  const isEphemeral = tree.ownerKindOf(id) === "ephemeral";
  return {
    czxid: store.czxid(id),
    mzxid: store.mzxid(id),
    ctime: store.ctime(id),
    mtime: store.mtime(id),
    version: store.version(id),
    cversion: (store.cversion(id) * 2 - numChildren) | 0,
    aversion: store.aversion(id),
    ephemeralOwner: isEphemeral ? store.owner(id) : 0n,
    dataLength: Math.max(store.dataLength(id), 0),
    numChildren,
    pzxid: store.pzxid(id),
  };
}

/** The TTL of a TTL node. */
export function ttlMsOf(tree: DataTree, id: NodeId): number {
  return ttlMsOfOwner(tree.store.owner(id));
}

export function nameOf(tree: DataTree, id: NodeId): string {
  return decodeUtf8(tree.store.name(id));
}

/** The data, copied: the store's memory is reused. */
export function dataOf(tree: DataTree, id: NodeId): Uint8Array<ArrayBuffer> | null {
  const data = tree.store.data(id);
  return data === null ? null : new Uint8Array(data);
}

/**
 * What the stat of a znode was when txn `zxid` had made it: it may have been changed since, or deleted.
 *
 * @param x `nowMs`: in place of the time at which it was made, when that cannot be known any more
 */
export function statOfNew(
  tree: DataTree,
  { path, data, kind, zxid, session, nowMs }: CreateRequest & {
    zxid: Zxid;
    session: SessionKey | null;
    nowMs: number;
  },
): ClientStat {
  const { store } = tree;
  const id = store.lookup(encodeUtf8(path));
  const isThere = id !== NO_NODE && store.czxid(id) === zxid;
  const ctime = isThere ? store.ctime(id) : nowMs;
  return {
    ...{ czxid: zxid, mzxid: zxid, pzxid: zxid, ctime, mtime: ctime },
    ...{ version: 0, cversion: 0, aversion: 0, numChildren: 0 },
    ephemeralOwner: kind.startsWith("ephemeral") && session !== null ? session.id : 0n,
    dataLength: data?.length ?? 0,
  };
}
