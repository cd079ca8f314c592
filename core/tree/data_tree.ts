/**
 * The data tree: znodes with everything that hangs on them, and what each txn does to it.
 *
 * `apply` is the state machine that every server runs over the same txns, live and on replay (disk
 * format section 8): it is a pure function of txn and tree, idempotent where a fuzzy snapshot makes txns
 * meet their own effects. Requests are answered from here (`read_requests.ts`) and resolved into txns
 * against here (`prepare.ts`); nothing else changes a znode.
 *
 * Invariant: `digest` is the sum of the digests of all znodes outside `/zookeeper/`.
 *
 * @module
 */
import { crc32Update, CRC_START } from "../checksum.ts";
import { DecodeError, ErrorCode } from "../errors.ts";
import type { SnapshotCursor, SnapshotTree } from "../storage/snapshot_tree.ts";
import type {
  CreateContainerTxn,
  CreateTtlTxn,
  CreateTxn,
  ErrorTxn,
  OperationTxn,
  SetDataTxn,
  TxnHeader,
} from "../txn/txn.ts";
import { decodeUtf8, encodeUtf8, type JuteReader, type JuteWriter } from "../wire/jute.ts";
import type { Zxid } from "../zxid.ts";
import { type AclList, READ_ACL } from "./acl_list.ts";
import { AclTable } from "./acl_table.ts";
import { CACHED_CHILD_COUNT_MIN, ChildrenCache } from "./children_cache.ts";
import { DigestSum } from "./digest_sum.ts";
import { NO_NODE, type NodeId, NodeStore, ROOT } from "./node_store.ts";
import { writeChildren, writeData, writeSnapshotNode, writeStat } from "./node_encoding.ts";
import { subtree, successor } from "./node_walk.ts";
import { OwnerIndex } from "./owner_index.ts";
import { lastSlash } from "./path.ts";
import { QuotaKeeper } from "./quota_keeper.ts";
import {
  CONTAINER_OWNER,
  emptyStat,
  type OwnerKind,
  type OwnerRules,
  statDigest,
  ttlOwner,
} from "./stat.ts";
import { EventType, WatchManager } from "./watch_manager.ts";

/** FLAGS bit: below `/zookeeper`, so outside the tree digest. */
const SYSTEM = 1;
const ZOOKEEPER_NAME = encodeUtf8("zookeeper");
const NO_DATA = new Uint8Array(0);
/** Every so many zxids the digest is remembered for the `hash` command. */
const DIGEST_LOG_INTERVAL = 128;
const DIGEST_LOG_LENGTH_MAX = 1024;

export interface DataTreeOptions extends OwnerRules {
  digestEnabled: boolean;
  hashSeed: number;
  /** Encoded child lists to keep (`maxGetChildrenResponseCacheSize`); 0 or less: none. */
  childrenCacheEntryCount?: number;
}

class Cursor implements SnapshotCursor {
  /** The next znode to be written, in depth-first order. */
  next: NodeId = ROOT;
}

export class DataTree implements SnapshotTree {
  store: NodeStore;
  readonly watches: WatchManager;
  readonly digest = new DigestSum();
  /** (zxid, tree digest) of every 128th zxid, the newest last. */
  readonly digestLog: { zxid: Zxid; digest: bigint }[] = [];
  lastProcessedZxid: Zxid = 0;
  /** The znode that the last create made: where a reply takes its stat from. */
  lastCreated: NodeId = NO_NODE;

  /** Whether the list of children last written was one that was kept. */
  isListFromCache = false;

  #options: DataTreeOptions;
  #acls = new AclTable();
  #owners: OwnerIndex;
  #pathBytes = 0;
  #dataBytes = 0;
  #quotas: QuotaKeeper;
  readonly #childrenCache: ChildrenCache;
  #cursors = new Set<Cursor>();
  /** While a snapshot is loaded: where the last znode was put. */
  #lastParent: NodeId = ROOT;
  #lastParentPath: Uint8Array = NO_DATA;
  /** For one calculation at a time. */
  readonly #stat = emptyStat();

  constructor(options: DataTreeOptions) {
    this.#options = options;
    this.#owners = new OwnerIndex(options);
    this.store = new NodeStore(options.hashSeed);
    this.#childrenCache = new ChildrenCache(options.childrenCacheEntryCount ?? 400);
    this.watches = new WatchManager({
      rootHash: this.store.rootHash, // the next store has the same seed
      extendHash: (hash, bytes, start, end) => this.store.extendHash(hash, bytes, start, end),
    });
    this.#quotas = new QuotaKeeper(this);
    this.resetToEmptyDatabase();
  }

  // ---------------------------------------------------------------- questions

  get nodeCount(): number {
    return this.store.count;
  }
  get ephemeralCount(): number {
    return this.#owners.ephemeralCount;
  }
  /** Bytes of all paths and all data: ZooKeeper's approximate_data_size. */
  get dataSize(): number {
    return this.#pathBytes + this.#dataBytes;
  }
  get treeDigest(): bigint {
    return this.digest.toBigInt();
  }
  get quotas(): QuotaKeeper {
    return this.#quotas;
  }
  get containers(): ReadonlySet<NodeId> {
    return this.#owners.containers;
  }
  get ttlNodes(): ReadonlySet<NodeId> {
    return this.#owners.ttlNodes;
  }

  aclOf(id: NodeId): AclList {
    return this.#acls.get(this.store.acl(id));
  }

  ownerKindOf(id: NodeId): OwnerKind {
    return this.#owners.kindOf(this.store, id);
  }

  isSystem(id: NodeId): boolean {
    return (this.store.flags(id) & SYSTEM) !== 0;
  }

  /** Whether a new child of `parent` would be outside the tree digest. */
  childrenAreSystem(parent: NodeId): boolean {
    return this.isSystem(parent) ||
      (this.store.parent(parent) === ROOT && parent !== ROOT &&
        equalBytes(this.store.name(parent), ZOOKEEPER_NAME));
  }

  /** The znodes that end with a session. */
  ephemeralsOf(sessionId: bigint): ReadonlySet<NodeId> {
    return this.#owners.ephemeralsOf(sessionId);
  }

  ephemeralsBySession(): Iterable<{ sessionId: bigint; nodes: ReadonlySet<NodeId> }> {
    return this.#owners.ephemeralsBySession();
  }

  /** Writes the 68 bytes of a client's Stat. */
  writeStat(writer: JuteWriter, id: NodeId): void {
    writeStat(writer, { store: this.store, id, rules: this.#options });
  }

  /** Writes the data as a jute buffer. */
  writeData(writer: JuteWriter, id: NodeId): void {
    writeData(writer, this.store, id);
  }

  /** Writes the names of all children as `vector<ustring>`. */
  writeChildren(writer: JuteWriter, id: NodeId): void {
    const { store } = this;
    const childCount = store.childCount(id);
    this.isListFromCache = false;
    if (childCount < CACHED_CHILD_COUNT_MIN) return writeChildren(writer, store, id);
    const stamp = { czxid: store.czxid(id), pzxid: store.pzxid(id), childCount };
    const cached = this.#childrenCache.find(id, stamp);
    this.isListFromCache = cached !== null;
    if (cached !== null) return writer.raw(cached);
    const start = writer.position;
    writeChildren(writer, store, id);
    this.#childrenCache.keep(id, stamp, writer.buffer.subarray(start, writer.position));
  }

  /** Number of all znodes below one. */
  descendantCount(id: NodeId): number {
    if (id === ROOT) return this.store.count - 1;
    let count = 0;
    for (const _ of subtree(this.store, id)) count++;
    return count - 1;
  }

  // ---------------------------------------------------------------- txns

  /** Applies one operation; a result other than Ok happens on replay only, and is no failure there. */
  apply(header: TxnHeader, txn: OperationTxn | ErrorTxn): ErrorCode {
    switch (txn.kind) {
      case "create":
        return this.#create(header, txn, txn.ephemeral ? header.sessionId : 0n);
      case "createContainer":
        return this.#create(header, txn, CONTAINER_OWNER);
      case "createTtl":
        return this.#create(header, txn, ttlOwner(Number(txn.ttlMs)));
      case "delete":
        return this.deleteNode(header.zxid, txn.path);
      case "setData": {
        const id = txn.known?.node || this.store.lookup(txn.path);
        if (id === NO_NODE) return ErrorCode.NoNode;
        this.#setData(id, header, txn);
        return ErrorCode.Ok;
      }
      case "setAcl": {
        const id = this.store.lookup(txn.path);
        if (id === NO_NODE) return ErrorCode.NoNode;
        this.#replaceAcl(id, txn.acl);
        this.store.setAversion(id, txn.version);
        this.#refreshDigest(id);
        return ErrorCode.Ok;
      }
      case "check":
      case "error":
        return ErrorCode.Ok;
    }
  }

  /** A session ended: deletes the listed paths, then what the session still owns here. */
  closeSession(zxid: Zxid, sessionId: bigint, paths: readonly Uint8Array[] | null): void {
    for (const path of paths ?? []) this.deleteNode(zxid, path);
    for (const id of [...this.ephemeralsOf(sessionId)]) this.deleteNode(zxid, this.store.path(id));
  }

  /** Says that everything through `zxid` is in the tree: after the whole txn (ZOOKEEPER-3127). */
  advance(zxid: Zxid): void {
    if (zxid <= this.lastProcessedZxid) return;
    this.lastProcessedZxid = zxid;
    if (zxid % DIGEST_LOG_INTERVAL !== 0 || !this.#options.digestEnabled) return;
    this.digestLog.push({ zxid, digest: this.treeDigest });
    if (this.digestLog.length > DIGEST_LOG_LENGTH_MAX) this.digestLog.shift();
  }

  /** Deletes a znode by the rule for replay: the parent's pzxid moves even if the znode is gone. */
  deleteNode(zxid: Zxid, path: Uint8Array): ErrorCode {
    const { store } = this;
    const slash = lastSlash(path, 0, path.length);
    const parent = slash < 0 ? NO_NODE : store.lookup(path, 0, slash);
    if (parent === NO_NODE) return ErrorCode.NoNode;
    const id = store.lookup(path);
    if (id === ROOT || !this.#removeChildrenMadeSince(zxid, id)) return ErrorCode.NotEmpty;
    const parentAcl = this.aclOf(parent);
    if (zxid > store.pzxid(parent)) store.setPzxid(parent, zxid);
    if (id === NO_NODE) {
      this.#refreshDigest(parent);
      return ErrorCode.NoNode;
    }
    const acl = this.aclOf(id);
    this.#remove(id, path);
    this.#refreshDigest(parent);
    this.watches.fire({ type: EventType.NodeDeleted, path, zxid, acl });
    this.watches.fireChildren({
      type: EventType.NodeChildrenChanged,
      path: path.subarray(0, slash),
      zxid,
      acl: parentAcl,
    });
    return ErrorCode.Ok;
  }

  /**
   * A fuzzy snapshot may hold a later life of a znode than the one that replay is about to delete: the
   * children are of that life, and the txns behind this one make them again.
   *
   * @returns false when there are children from before, which no delete leaves behind
   */
  #removeChildrenMadeSince(zxid: Zxid, id: NodeId): boolean {
    const { store } = this;
    if (id === NO_NODE || store.childCount(id) === 0) return true;
    const below = [...subtree(this.store, id)].slice(1);
    if (below.some((at) => store.czxid(at) < zxid)) return false;
    for (const at of below.reverse()) this.#remove(at, store.path(at));
    return true;
  }

  /** Changes data in place, outside any txn: quota usage is derived by each server for itself. */
  setDerivedData(id: NodeId, data: Uint8Array): void {
    this.#replaceData(id, data);
    const path = this.store.path(id);
    this.#refreshCrc(id, path, 0, path.length);
  }

  #create(
    header: TxnHeader,
    txn: CreateTxn | CreateContainerTxn | CreateTtlTxn,
    owner: bigint,
  ): ErrorCode {
    const { store } = this;
    const { zxid } = header;
    const { known } = txn;
    const bytes = known === undefined ? txn.path : known.buffer;
    const start = known === undefined ? 0 : known.pathStart;
    const end = known === undefined ? bytes.length : known.pathEnd;
    const slash = lastSlash(bytes, start, end);
    if (slash < 0) return ErrorCode.NoNode;
    const parent = known?.parentNode || store.lookup(bytes, start, slash);
    if (parent === NO_NODE) return ErrorCode.NoNode;
    const existing = known === undefined ? store.lookup(bytes, start, end) : NO_NODE;
    const cversion = txn.parentCversion === -1 ? store.cversion(parent) + 1 : txn.parentCversion;
    if (cversion > store.cversion(parent)) { // ZOOKEEPER-3249: never backwards on replay
      store.setCversion(parent, cversion);
      store.setPzxid(parent, zxid);
    }
    if (existing !== NO_NODE) {
      this.#replaceAcl(existing, txn.acl); // ZOOKEEPER-4846
      this.#refreshDigest(parent);
      return ErrorCode.NodeExists;
    }
    const system = this.childrenAreSystem(parent);
    const id = store.add(parent, bytes, slash + 1, end);
    store.setCzxid(id, zxid);
    store.setMzxid(id, zxid);
    store.setPzxid(id, zxid);
    store.setCtime(id, header.timeMs);
    store.setMtime(id, header.timeMs);
    if (owner !== 0n) store.setOwner(id, owner);
    store.setAcl(id, this.#acls.acquire(txn.acl));
    if (system) store.setFlags(id, SYSTEM);
    if (known === undefined) this.#replaceData(id, txn.data);
    else this.#replaceDataFrom(id, known.buffer, known.dataStart, known.dataLength);
    this.#pathBytes += end - start;
    if (owner !== 0n) this.#owners.add(store, id);
    if (known === undefined) {
      this.#refreshDigest(parent);
      this.#refreshCrc(id, bytes, start, end);
    } else {
      store.setCrc(id, known.crc);
      this.#replaceDigest(parent, known.parentDigest);
      this.#replaceDigest(id, known.digest);
    }
    if (system || this.#quotas.isActive) this.#quotas.created(txn.path, store.dataLength(id));
    this.lastCreated = id;
    if (this.watches.watchCount > 0) this.#fireCreated(header, txn, parent);
    return ErrorCode.Ok;
  }

  #fireCreated(
    { zxid }: TxnHeader,
    { path, acl }: { path: Uint8Array; acl: AclList },
    parent: NodeId,
  ): void {
    this.watches.fire({ type: EventType.NodeCreated, path, zxid, acl });
    this.watches.fireChildren({
      type: EventType.NodeChildrenChanged,
      path: path.subarray(0, lastSlash(path, 0, path.length)),
      zxid,
      acl: this.aclOf(parent),
    });
  }

  #setData(id: NodeId, header: TxnHeader, txn: SetDataTxn): void {
    const { store } = this;
    const { known } = txn;
    const before = store.dataLength(id);
    store.setVersion(id, txn.version);
    store.setMzxid(id, header.zxid);
    store.setMtime(id, header.timeMs);
    if (known === undefined) {
      const { path } = txn;
      this.#replaceData(id, txn.data);
      this.#refreshCrc(id, path, 0, path.length);
    } else {
      this.#replaceDataFrom(id, known.buffer, known.dataStart, known.dataLength);
      store.setCrc(id, known.crc);
      this.#replaceDigest(id, known.digest);
    }
    if (this.#quotas.isActive) this.#quotas.changed(txn.path, before, store.dataLength(id));
    if (this.watches.watchCount > 0) {
      this.watches.fire({
        type: EventType.NodeDataChanged,
        path: txn.path,
        zxid: header.zxid,
        acl: this.aclOf(id),
      });
    }
  }

  #replaceData(id: NodeId, data: Uint8Array | null): void {
    if (data === null) this.#replaceDataFrom(id, NO_DATA, 0, -1);
    else this.#replaceDataFrom(id, data, 0, data.length);
  }

  /** @param length -1 for null */
  #replaceDataFrom(id: NodeId, bytes: Uint8Array, start: number, length: number): void {
    this.#dataBytes += Math.max(length, 0) - Math.max(this.store.dataLength(id), 0);
    this.store.setData(id, bytes, start, length);
  }

  #replaceAcl(id: NodeId, acl: AclList): void {
    const index = this.#acls.acquire(acl);
    this.#acls.release(this.store.acl(id));
    this.store.setAcl(id, index);
  }

  #remove(id: NodeId, path: Uint8Array): void {
    const { store } = this;
    for (const cursor of this.#cursors) {
      if (cursor.next === id) cursor.next = successor(this.store, id);
    }
    this.digest.subtract(store.digest(id));
    this.#dataBytes -= Math.max(store.dataLength(id), 0);
    this.#pathBytes -= path.length;
    this.#acls.release(store.acl(id));
    if (store.ownerHigh(id) !== 0 || store.ownerLow(id) !== 0) this.#owners.remove(store, id);
    const dataLength = store.dataLength(id);
    store.remove(id);
    this.#quotas.deleted(path, dataLength);
  }

  /** Path or data changed: computes the CRC over both anew, then the digest. */
  #refreshCrc(id: NodeId, path: Uint8Array, start: number, end: number): void {
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
    this.#refreshDigest(id);
  }

  /** The stat changed: replaces the znode's part of the sum. */
  #refreshDigest(id: NodeId): void {
    if (!this.#options.digestEnabled || this.isSystem(id)) return;
    const { store } = this;
    store.readStat(id, this.#stat);
    this.#replaceDigest(id, statDigest(store.crc(id), this.#stat));
  }

  /** @param digest unsigned; 0 for a znode outside the sum */
  #replaceDigest(id: NodeId, digest: number): void {
    this.digest.replace(this.store.digest(id), digest);
    this.store.setDigest(id, digest);
  }

  // ---------------------------------------------------------------- snapshots

  aclEntries(): Iterable<{ index: number; acl: AclList }> {
    return this.#acls.entries();
  }

  beginSnapshot(): SnapshotCursor {
    const cursor = new Cursor();
    this.#cursors.add(cursor);
    return cursor;
  }

  writeSnapshotNodes(cursor: SnapshotCursor, writer: JuteWriter, bytesMax: number): boolean {
    const at = cursor as Cursor;
    const stop = writer.position + bytesMax;
    while (at.next !== NO_NODE && writer.position < stop) {
      writeSnapshotNode(writer, this.store, at.next);
      at.next = this.store.firstChild(at.next) || successor(this.store, at.next);
    }
    return at.next === NO_NODE;
  }

  endSnapshot(cursor: SnapshotCursor): void {
    this.#cursors.delete(cursor as Cursor);
  }

  clear(): void {
    this.store = new NodeStore(this.#options.hashSeed);
    this.digest.reset();
    this.digestLog.length = 0;
    this.lastProcessedZxid = 0;
    this.#acls = new AclTable();
    this.#owners.clear();
    this.#pathBytes = 0;
    this.#dataBytes = 0;
    this.#quotas.clear();
    this.#childrenCache.clear();
    this.#lastParent = ROOT;
    this.#lastParentPath = NO_DATA;
  }

  resetToEmptyDatabase(): void {
    this.clear();
    const { store } = this;
    this.#replaceData(ROOT, NO_DATA);
    store.setAcl(ROOT, -1);
    this.#refreshCrc(ROOT, NO_DATA, 0, 0);
    for (const path of ["/zookeeper", "/zookeeper/quota", "/zookeeper/config"]) {
      const bytes = encodeUtf8(path);
      const slash = lastSlash(bytes, 0, bytes.length);
      const parent = store.lookup(bytes, 0, slash);
      const id = store.add(parent, bytes, slash + 1, bytes.length);
      if (parent !== ROOT) store.setFlags(id, SYSTEM);
      this.#replaceData(id, NO_DATA);
      store.setAcl(id, -1);
      this.#pathBytes += bytes.length;
      if (path === "/zookeeper/config") {
        store.setAcl(id, this.#acls.acquire(READ_ACL));
        store.setAversion(id, -1);
      }
      this.#refreshCrc(id, bytes, 0, bytes.length);
    }
  }

  loadAcl(index: number, acl: AclList): void {
    this.#acls.load(index, acl);
  }

  loadNode(path: Uint8Array, reader: JuteReader): void {
    const { store } = this;
    let id = ROOT;
    if (path.length > 0) {
      const slash = lastSlash(path, 0, path.length);
      const parent = this.#loadedParent(path, slash);
      if (parent === NO_NODE || slash === path.length - 1) {
        throw new DecodeError(`Snapshot holds "${decodeUtf8(path)}" before its parent`);
      }
      if (store.findChild(parent, path, slash + 1, path.length) !== NO_NODE) {
        throw new DecodeError(`Snapshot holds "${decodeUtf8(path)}" twice`);
      }
      const system = this.childrenAreSystem(parent);
      id = store.add(parent, path, slash + 1, path.length);
      if (system) store.setFlags(id, SYSTEM);
    }
    this.#pathBytes += path.length;
    this.#replaceData(id, reader.bytes());
    const aclIndex = reader.longAsNumber();
    this.#acls.addLoadedUse(aclIndex);
    store.setAcl(id, aclIndex);
    store.setCzxid(id, reader.zxid());
    store.setMzxid(id, reader.zxid());
    store.setCtime(id, reader.longAsNumber());
    store.setMtime(id, reader.longAsNumber());
    store.setVersion(id, reader.int());
    store.setCversion(id, reader.int());
    store.setAversion(id, reader.int());
    const owner = reader.long();
    store.setPzxid(id, reader.zxid());
    if (owner !== 0n) {
      store.setOwner(id, owner);
      this.#owners.add(store, id);
    }
    this.#refreshCrc(id, path, 0, path.length);
  }

  /** Siblings follow each other in a snapshot: the last parent is mostly the next one too. */
  #loadedParent(path: Uint8Array, slash: number): NodeId {
    const last = this.#lastParentPath;
    if (slash === last.length) {
      let i = 0;
      while (i < slash && path[i] === last[i]) i++;
      if (i === slash) return this.#lastParent;
    }
    const parent = slash < 0 ? NO_NODE : this.store.lookup(path, 0, slash);
    this.#lastParent = parent;
    this.#lastParentPath = path.slice(0, Math.max(slash, 0));
    return parent;
  }

  finishLoad(zxid: Zxid): void {
    this.#acls.dropUnused();
    this.#quotas.recompute();
    this.lastProcessedZxid = zxid;
  }
}

function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
