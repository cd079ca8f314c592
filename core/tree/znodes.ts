/**
 * The znodes of a tree with what hangs on each: ACL, owner, sizes, digest. One method for each thing that
 * can happen to a znode, so that the sums are right whoever asks: txns (`data_tree.ts`) or the loading of a
 * snapshot (`tree_loader.ts`).
 *
 * Knows nothing of txns, watches and quotas.
 *
 * Invariant: `digest` is the sum of the digests of all znodes outside `/zookeeper/`.
 *
 * @module
 */
import { crc32Update, CRC_START } from "../checksum.ts";
import { sameBytes } from "../same_bytes.ts";
import { type SnapshotCursor, TreeClearedError } from "../storage/snapshot_tree.ts";
import { encodeUtf8, type JuteWriter } from "../wire/jute.ts";
import type { Zxid } from "../zxid.ts";
import type { AclList } from "./acl_list.ts";
import { AclTable } from "./acl_table.ts";
import { DigestSum } from "./digest_sum.ts";
import { type NodeId, NodeStore, ROOT } from "./node_store.ts";
import { OwnerIndex } from "./owner_index.ts";
import { SnapshotWalk } from "./snapshot_walk.ts";
import { emptyStat, type OwnerRules, statDigest } from "./stat.ts";

/** FLAGS bit: below `/zookeeper`, so outside the tree digest. */
const SYSTEM = 1;
const ZOOKEEPER_NAME = encodeUtf8("zookeeper");
const NO_DATA = new Uint8Array(0);
/** "/", which the store does not hold. */
const ROOT_PATH_BYTES = 1;

export interface ZnodesOptions extends OwnerRules {
  digestEnabled: boolean;
  hashSeed: number;
}

export class Znodes {
  store: NodeStore;
  acls = new AclTable();
  readonly owners: OwnerIndex;
  readonly digest = new DigestSum();

  readonly #options: ZnodesOptions;
  #pathBytes = 0;
  #dataBytes = 0;
  #walks = new Set<SnapshotWalk>();
  /** For one calculation at a time. */
  readonly #stat = emptyStat();

  constructor(options: ZnodesOptions) {
    this.#options = options;
    this.owners = new OwnerIndex(options);
    this.store = new NodeStore(options.hashSeed);
  }

  /** Bytes of all paths, the root's too, and all data: ZooKeeper's approximate_data_size. */
  get dataSize(): number {
    return ROOT_PATH_BYTES + this.#pathBytes + this.#dataBytes;
  }

  aclOf(id: NodeId): AclList {
    return this.acls.get(this.store.acl(id));
  }

  isSystem(id: NodeId): boolean {
    return (this.store.flags(id) & SYSTEM) !== 0;
  }

  /** Whether a new child of `parent` would be outside the tree digest. */
  childrenAreSystem(parent: NodeId): boolean {
    return this.isSystem(parent) ||
      (this.store.parent(parent) === ROOT && parent !== ROOT &&
        sameBytes(this.store.name(parent), ZOOKEEPER_NAME));
  }

  /** Nothing is left, not even data of the root. */
  clear(): void {
    this.store = new NodeStore(this.#options.hashSeed);
    this.#walks.clear();
    this.digest.reset();
    this.acls = new AclTable();
    this.owners.clear();
    this.#pathBytes = 0;
    this.#dataBytes = 0;
  }

  /** Adds a znode with zero stats and no data; its path is `bytes` from `pathStart`, its name from `nameStart`. */
  add(
    parent: NodeId,
    bytes: Uint8Array,
    { pathStart, nameStart, end }: { pathStart: number; nameStart: number; end: number },
  ): NodeId {
    const isSystem = this.childrenAreSystem(parent);
    const id = this.store.add(parent, bytes, nameStart, end);
    if (isSystem) this.store.setFlags(id, SYSTEM);
    this.#pathBytes += end - pathStart;
    return id;
  }

  /** Removes a znode without children. */
  remove(id: NodeId, pathLength: number): void {
    const { store } = this;
    for (const walk of this.#walks) walk.leave(id);
    this.digest.subtract(store.digest(id));
    this.#dataBytes -= Math.max(store.dataLength(id), 0);
    this.#pathBytes -= pathLength;
    this.acls.release(store.acl(id));
    if (store.ownerHigh(id) !== 0 || store.ownerLow(id) !== 0) this.owners.remove(store, id);
    store.remove(id);
  }

  setOwner(id: NodeId, owner: bigint): void {
    if (owner === 0n) return;
    this.store.setOwner(id, owner);
    this.owners.add(this.store, id);
  }

  replaceData(id: NodeId, data: Uint8Array | null): void {
    if (data === null) this.replaceDataFrom(id, NO_DATA, 0, -1);
    else this.replaceDataFrom(id, data, 0, data.length);
  }

  /** @param length -1 for null */
  replaceDataFrom(id: NodeId, bytes: Uint8Array, start: number, length: number): void {
    this.#dataBytes += Math.max(length, 0) - Math.max(this.store.dataLength(id), 0);
    this.store.setData(id, bytes, start, length);
  }

  replaceAcl(id: NodeId, acl: AclList): void {
    const index = this.acls.acquire(acl);
    this.acls.release(this.store.acl(id));
    this.store.setAcl(id, index);
  }

  /** Path or data changed: computes the CRC over both anew, then the digest. */
  refreshCrc(id: NodeId, path: Uint8Array, start: number, end: number): void {
    if (!this.#options.digestEnabled) return;
    const { store } = this;
    let crc = id === ROOT ? CRC_START : crc32Update(CRC_START, path, start, end);
    const length = store.dataLength(id);
    if (length > 0) {
      const ref = store.dataRef(id);
      const offset = store.arena.offset(ref);
      crc = crc32Update(crc, store.arena.chunk(ref), offset, offset + length);
    }
    store.setCrc(id, crc);
    this.refreshDigest(id);
  }

  /** The stat changed: replaces the znode's part of the sum. */
  refreshDigest(id: NodeId): void {
    if (!this.#options.digestEnabled || this.isSystem(id)) return;
    const { store } = this;
    store.readStat(id, this.#stat);
    this.replaceDigest(id, statDigest(store.crc(id), this.#stat));
  }

  /** @param digest unsigned; 0 for a znode outside the sum */
  replaceDigest(id: NodeId, digest: number): void {
    this.digest.replace(this.store.digest(id), digest);
    this.store.setDigest(id, digest);
  }

  // ---------------------------------------------------------------- a walk while znodes change

  /** @param createdThrough znodes of later txns are left out */
  beginSnapshot(createdThrough: Zxid): SnapshotCursor {
    const { store, acls } = this;
    const walk = new SnapshotWalk({ store, createdThrough, aclIndexMax: acls.indexMax });
    this.#walks.add(walk);
    return walk;
  }

  writeSnapshotNodes(cursor: SnapshotCursor, writer: JuteWriter, bytesMax: number): boolean {
    const walk = cursor as SnapshotWalk;
    if (walk.store !== this.store) throw new TreeClearedError();
    return walk.write(writer, bytesMax);
  }

  endSnapshot(cursor: SnapshotCursor): void {
    this.#walks.delete(cursor as SnapshotWalk);
  }
}
