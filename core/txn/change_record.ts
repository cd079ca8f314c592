/**
 * A znode as it will be once the txns under way are applied.
 *
 * Records are used again and again: one is needed for each write, and objects of this size would keep
 * the garbage collector busy.
 *
 * @module
 */
import { type AclList, OPEN_ACL } from "../tree/acl_list.ts";
import type { DataTree } from "../tree/data_tree.ts";
import { NO_NODE, type NodeId } from "../tree/node_store.ts";
import { ownerFromHalves, type OwnerKind, type StoredStat } from "../tree/stat.ts";
import type { Zxid } from "../zxid.ts";
import type { KnownNode } from "./txn.ts";

const NO_BYTES = new Uint8Array(0);
/** The zxid of a record that is no change yet. */
export const LOOSE = -1;

export class ChangeRecord implements StoredStat, KnownNode {
  // doubles from the start, so that V8 stores them in place later
  czxid = -0.5;
  mzxid = -0.5;
  pzxid = -0.5;
  ctime = -0.5;
  mtime = -0.5;
  version = 0;
  cversion = 0;
  aversion = 0;
  ownerHigh = 0;
  ownerLow = 0;
  node: NodeId = NO_NODE;
  parentNode: NodeId = NO_NODE;
  parentDigest = -0.5;
  crc = 0;
  buffer: Uint8Array = NO_BYTES;
  pathStart = 0;
  pathEnd = 0;
  dataStart = 0;
  dataLength = -1;
  hash = 0;
  /** The last txn that touched it; {@linkcode LOOSE} before one did. */
  zxid: Zxid = LOOSE;
  exists = true;
  acl: AclList = OPEN_ACL;
  ownerKind: OwnerKind = "persistent";
  childCount = 0;
  /** What it contributes to the digest sum now; 0 below /zookeeper. */
  digest = -0.5;
  isSystem = false;
  childrenAreSystem = false;
  /** The txn that reads its path and data from here. */
  txn: { detach(): void } | null = null;
  /** Another record of the same hash. */
  next: ChangeRecord | null = null;
  /** What this record replaced: for taking a failed multi back. */
  replaced: ChangeRecord | null = null;

  /** The path, borrowed. */
  get path(): Uint8Array {
    return this.buffer.subarray(this.pathStart, this.pathEnd);
  }

  /** The new data, borrowed. */
  get data(): Uint8Array | null {
    const { dataStart, dataLength } = this;
    return dataLength < 0 ? null : this.buffer.subarray(dataStart, dataStart + dataLength);
  }

  get owner(): bigint {
    return ownerFromHalves(this.ownerHigh, this.ownerLow);
  }

  readFromTree(tree: DataTree, id: NodeId, hash: number): void {
    const { store } = tree;
    store.readStat(id, this);
    this.node = id;
    this.parentNode = NO_NODE;
    this.crc = store.crc(id);
    this.hash = hash;
    this.zxid = LOOSE;
    this.exists = true;
    this.acl = tree.aclOf(id);
    this.ownerKind = this.ownerHigh === 0 && this.ownerLow === 0
      ? "persistent"
      : tree.ownerKindOf(id);
    this.childCount = store.childCount(id);
    this.dataLength = store.dataLength(id);
    this.digest = store.digest(id);
    this.isSystem = tree.isSystem(id);
    this.childrenAreSystem = tree.childrenAreSystem(id);
    this.next = null;
    this.replaced = null;
  }

  copyFrom(other: ChangeRecord): void {
    this.czxid = other.czxid;
    this.mzxid = other.mzxid;
    this.pzxid = other.pzxid;
    this.ctime = other.ctime;
    this.mtime = other.mtime;
    this.version = other.version;
    this.cversion = other.cversion;
    this.aversion = other.aversion;
    this.ownerHigh = other.ownerHigh;
    this.ownerLow = other.ownerLow;
    this.node = other.node;
    this.parentNode = other.parentNode;
    this.crc = other.crc;
    this.dataLength = other.dataLength;
    this.hash = other.hash;
    this.zxid = other.zxid;
    this.exists = other.exists;
    this.acl = other.acl;
    this.ownerKind = other.ownerKind;
    this.childCount = other.childCount;
    this.digest = other.digest;
    this.isSystem = other.isSystem;
    this.childrenAreSystem = other.childrenAreSystem;
  }

  /** Points it at the stable bytes of its path. */
  setPath(buffer: Uint8Array, start: number, end: number): void {
    this.buffer = buffer;
    this.pathStart = start;
    this.pathEnd = end;
  }

  /** Lets go of everything, before it is used for another znode. */
  release(): void {
    this.buffer = NO_BYTES;
    this.acl = OPEN_ACL;
    this.next = null;
    this.replaced = null;
    this.txn = null;
  }
}
