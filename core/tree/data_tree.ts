/**
 * The data tree: znodes with everything that hangs on them, and what each txn does to it.
 *
 * `apply` is the state machine that every server runs over the same txns, live and on replay (disk
 * format section 8): it is a pure function of txn and tree, idempotent where a fuzzy snapshot makes txns
 * meet their own effects. Requests are answered from here (`read_requests.ts`) and resolved into txns
 * against here (`prepare.ts`); nothing else changes a znode. What hangs on a znode is kept in `znodes.ts`.
 *
 * @module
 */
import { ErrorCode } from "../errors.ts";
import { DIGEST_LOG_LENGTH_MAX } from "../limits.ts";
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
import type { JuteReader, JuteWriter } from "../wire/jute.ts";
import type { Zxid } from "../zxid.ts";
import type { AclList } from "./acl_list.ts";
import { CACHED_CHILD_COUNT_MIN, ChildrenCache } from "./children_cache.ts";
import type { DigestSum } from "./digest_sum.ts";
import { writeChildren, writeData, writeStat } from "./node_encoding.ts";
import { NO_NODE, type NodeId, type NodeStore, ROOT } from "./node_store.ts";
import { subtree } from "./node_walk.ts";
import { CONFIG_PATH, lastSlash } from "./path.ts";
import { QuotaKeeper } from "./quota_keeper.ts";
import { CONTAINER_OWNER, type OwnerKind, ttlOwner } from "./stat.ts";
import { TreeLoader } from "./tree_loader.ts";
import { EventType, WatchManager } from "./watch_manager.ts";
import { Znodes, type ZnodesOptions } from "./znodes.ts";

/** Every so many zxids the digest is remembered for the `hash` command. */
const DIGEST_LOG_INTERVAL = 128;

export interface DataTreeOptions extends ZnodesOptions {
  /** Encoded child lists to keep (`maxGetChildrenResponseCacheSize`); 0 or less: none. */
  childrenCacheEntryCount?: number;
}

export class DataTree implements SnapshotTree {
  readonly watches: WatchManager;
  /** (zxid, tree digest) of every 128th zxid, the newest last. */
  readonly digestLog: { zxid: Zxid; digest: bigint }[] = [];
  lastProcessedZxid: Zxid = 0;
  /** The znode that the last create made: where a reply takes its stat from. */
  lastCreated: NodeId = NO_NODE;

  /** Memory is short: what would make it larger is refused, until the shell says otherwise. */
  refusesGrowth = false;

  /** Whether the list of children last written was one that was kept. */
  isListFromCache = false;

  readonly #options: DataTreeOptions;
  readonly #znodes: Znodes;
  readonly #loader: TreeLoader;
  readonly #quotas: QuotaKeeper;
  readonly #childrenCache: ChildrenCache;

  constructor(options: DataTreeOptions) {
    this.#options = options;
    this.#znodes = new Znodes(options);
    this.#loader = new TreeLoader(this.#znodes);
    this.#childrenCache = new ChildrenCache(options.childrenCacheEntryCount ?? 400);
    this.watches = new WatchManager({
      rootHash: this.store.rootHash, // the next store has the same seed
      extendHash: (hash, bytes, start, end) => this.store.extendHash(hash, bytes, start, end),
    });
    this.#quotas = new QuotaKeeper(this);
    this.resetToEmptyDatabase();
  }

  // ---------------------------------------------------------------- questions

  get store(): NodeStore {
    return this.#znodes.store;
  }
  get digest(): DigestSum {
    return this.#znodes.digest;
  }
  get treeDigest(): bigint {
    return this.#znodes.digest.toBigInt();
  }
  get nodeCount(): number {
    return this.store.count;
  }
  /** Bytes of all paths and all data: ZooKeeper's approximate_data_size. */
  get dataSize(): number {
    return this.#znodes.dataSize;
  }
  get quotas(): QuotaKeeper {
    return this.#quotas;
  }
  get ephemeralCount(): number {
    return this.#znodes.owners.ephemeralCount;
  }
  get containers(): ReadonlySet<NodeId> {
    return this.#znodes.owners.containers;
  }
  get ttlNodes(): ReadonlySet<NodeId> {
    return this.#znodes.owners.ttlNodes;
  }

  aclOf(id: NodeId): AclList {
    return this.#znodes.aclOf(id);
  }

  ownerKindOf(id: NodeId): OwnerKind {
    return this.#znodes.owners.kindOf(this.store, id);
  }

  /** Whether it is below `/zookeeper`, outside the tree digest. */
  isSystem(id: NodeId): boolean {
    return this.#znodes.isSystem(id);
  }

  /** Whether a new child of `parent` would be outside the tree digest. */
  childrenAreSystem(parent: NodeId): boolean {
    return this.#znodes.childrenAreSystem(parent);
  }

  /** The znodes that end with a session. */
  ephemeralsOf(sessionId: bigint): ReadonlySet<NodeId> {
    return this.#znodes.owners.ephemeralsOf(sessionId);
  }

  ephemeralsBySession(): Iterable<{ sessionId: bigint; nodes: ReadonlySet<NodeId> }> {
    return this.#znodes.owners.ephemeralsBySession();
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
        this.#znodes.replaceAcl(id, txn.acl);
        this.store.setAversion(id, txn.version);
        this.#znodes.refreshDigest(id);
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

  /** A leader begins its epoch: no txn has the zxid, and so no digest is kept of it. */
  beginEpoch(zxid: Zxid): void {
    if (zxid > this.lastProcessedZxid) this.lastProcessedZxid = zxid;
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
      this.#znodes.refreshDigest(parent);
      return ErrorCode.NoNode;
    }
    const acl = this.aclOf(id);
    this.#remove(id, path);
    this.#znodes.refreshDigest(parent);
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
    this.#znodes.replaceData(id, data);
    const path = this.store.path(id);
    this.#znodes.refreshCrc(id, path, 0, path.length);
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
      this.#znodes.replaceAcl(existing, txn.acl); // ZOOKEEPER-4846
      this.#znodes.refreshDigest(parent);
      return ErrorCode.NodeExists;
    }
    const id = this.#znodes.add(parent, bytes, { pathStart: start, nameStart: slash + 1, end });
    store.setCzxid(id, zxid);
    store.setMzxid(id, zxid);
    store.setPzxid(id, zxid);
    store.setCtime(id, header.timeMs);
    store.setMtime(id, header.timeMs);
    this.#znodes.setOwner(id, owner);
    store.setAcl(id, this.#znodes.acls.acquire(txn.acl));
    if (known === undefined) this.#znodes.replaceData(id, txn.data);
    else this.#znodes.replaceDataFrom(id, known.buffer, known.dataStart, known.dataLength);
    if (known === undefined) {
      this.#znodes.refreshDigest(parent);
      this.#znodes.refreshCrc(id, bytes, start, end);
    } else {
      store.setCrc(id, known.crc);
      this.#znodes.replaceDigest(parent, known.parentDigest);
      this.#znodes.replaceDigest(id, known.digest);
    }
    if (this.isSystem(id) || this.#quotas.isActive) {
      this.#quotas.created(txn.path, store.dataLength(id));
    }
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
      this.#znodes.replaceData(id, txn.data);
      this.#znodes.refreshCrc(id, path, 0, path.length);
    } else {
      this.#znodes.replaceDataFrom(id, known.buffer, known.dataStart, known.dataLength);
      store.setCrc(id, known.crc);
      this.#znodes.replaceDigest(id, known.digest);
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

  /**
   * Puts the text of the membership into /zookeeper/config, as each member does by itself when a role begins:
   * no txn does so before the first reconfig (quorum protocol section 15).
   */
  setConfig(text: Uint8Array, { version, wallMs }: { version: Zxid; wallMs: number }): void {
    const id = this.store.lookup(CONFIG_PATH);
    if (id === NO_NODE) return; // a database of 3.4 has none
    this.store.setVersion(id, -1);
    this.store.setMzxid(id, version);
    this.store.setMtime(id, wallMs);
    this.#znodes.replaceData(id, text);
    this.#znodes.refreshCrc(id, CONFIG_PATH, 0, CONFIG_PATH.length);
  }

  #remove(id: NodeId, path: Uint8Array): void {
    const dataLength = this.store.dataLength(id);
    this.#znodes.remove(id, path.length);
    this.#quotas.deleted(path, dataLength);
  }

  // ---------------------------------------------------------------- snapshots

  aclEntries(): Iterable<{ index: number; acl: AclList }> {
    return this.#znodes.acls.entries();
  }

  beginSnapshot(): SnapshotCursor {
    // a fuzzy snapshot that came without its logs holds later znodes: nothing else would bring them
    return this.#znodes.beginSnapshot(Math.max(this.lastProcessedZxid, this.#loader.czxidMax));
  }

  writeSnapshotNodes(cursor: SnapshotCursor, writer: JuteWriter, bytesMax: number): boolean {
    return this.#znodes.writeSnapshotNodes(cursor, writer, bytesMax);
  }

  endSnapshot(cursor: SnapshotCursor): void {
    this.#znodes.endSnapshot(cursor);
  }

  clear(): void {
    this.#znodes.clear();
    this.#loader.restart();
    this.#quotas.clear();
    this.#childrenCache.clear();
    this.digestLog.length = 0;
    this.lastProcessedZxid = 0;
  }

  resetToEmptyDatabase(): void {
    this.clear();
    this.#loader.addFirstZnodes();
  }

  loadAcl(index: number, acl: AclList): void {
    this.#znodes.acls.load(index, acl);
  }

  loadNode(path: Uint8Array, reader: JuteReader): void {
    this.#loader.loadNode(path, reader);
  }

  finishLoad(zxid: Zxid): void {
    this.#znodes.acls.dropUnused();
    this.#quotas.recompute();
    this.lastProcessedZxid = zxid;
  }
}
