/**
 * The tree as it will be once every txn under way is applied: what requests are resolved against.
 *
 * A write is prepared while earlier ones still wait for the disk (or a quorum), so it must see their
 * effects: versions, children, sequence numbers, digests. Each znode that a txn under way touches has a
 * {@linkcode ChangeRecord} here that hides the tree; when the last txn that touched it is applied, the
 * record goes.
 *
 * Invariant: without records, `digest` equals the tree's.
 *
 * @module
 */
import { assert } from "../assert.ts";
import { type AclList } from "../tree/acl_list.ts";
import type { DataTree } from "../tree/data_tree.ts";
import { DigestSum } from "../tree/digest_sum.ts";
import { NO_NODE, type NodeId } from "../tree/node_store.ts";
import { type OwnerKind, statDigest, type StoredStat } from "../tree/stat.ts";
import type { Zxid } from "../zxid.ts";
import type { KnownNode } from "./txn.ts";

/** A znode as it will be after the txn `zxid`. */
export interface ChangeRecord extends StoredStat, KnownNode {
  /** Stable bytes, kept in the log batch of the txn. */
  path: Uint8Array;
  hash: number;
  /** The last txn that touched it. */
  zxid: Zxid;
  exists: boolean;
  acl: AclList;
  ownerKind: OwnerKind;
  childCount: number;
  /** -1 for null. */
  dataLength: number;
  /** What it contributes to the digest sum now; 0 below /zookeeper. */
  digest: number;
  isSystem: boolean;
  childrenAreSystem: boolean;
  /** Another record of the same hash. */
  next: ChangeRecord | null;
  /** What this record replaced: for taking a failed multi back. */
  replaced: ChangeRecord | null;
}

export class PendingChanges {
  /** The tree digest after all txns under way. */
  readonly digest = new DigestSum();

  readonly #tree: DataTree;
  readonly #digestEnabled: boolean;
  #byHash = new Map<number, ChangeRecord>();
  #ephemerals = new Map<bigint, Set<ChangeRecord>>();
  #savedDigest = new DigestSum();

  constructor(tree: DataTree, { digestEnabled }: { digestEnabled: boolean }) {
    this.#tree = tree;
    this.#digestEnabled = digestEnabled;
    this.digest.copyFrom(tree.digest);
  }

  /** The record of a path, if a txn under way touches it. */
  find(hash: number, bytes: Uint8Array, start: number, end: number): ChangeRecord | null {
    let at = this.#byHash.get(hash >> 2) ?? null;
    while (at !== null && !(at.hash === hash && equalsAt(at.path, bytes, start, end))) at = at.next;
    return at;
  }

  /** The znode as it will be, as a loose record to be read or passed to `put`; null if there is none. */
  resolve(bytes: Uint8Array, start: number, end: number): ChangeRecord | null {
    const hash = this.#tree.store.hash(bytes, start, end);
    if (this.#byHash.size > 0) {
      const pending = this.find(hash, bytes, start, end);
      if (pending !== null) return pending.exists ? pending : null;
    }
    const id = this.#tree.store.find(hash, bytes, start, end);
    return id === NO_NODE ? null : this.#fromTree(id, hash);
  }

  /** Whether a znode will exist: cheaper than `resolve`. */
  exists(hash: number, bytes: Uint8Array, start: number, end: number): boolean {
    const pending = this.#byHash.size > 0 ? this.find(hash, bytes, start, end) : null;
    if (pending !== null) return pending.exists;
    return this.#tree.store.find(hash, bytes, start, end) !== NO_NODE;
  }

  /**
   * Returns the record that txn `zxid` may change: the same one when it already made it or nobody has
   * it yet, else a copy that takes its place.
   *
   * @param path stable bytes
   */
  change(record: ChangeRecord, path: Uint8Array, zxid: Zxid): ChangeRecord {
    if (record.zxid === zxid) return record;
    if (record.zxid === LOOSE) { // nobody else has it yet
      record.path = path;
      record.zxid = zxid;
      this.#link(record, null);
      return record;
    }
    const pending = this.find(record.hash, path, 0, path.length);
    const copy: ChangeRecord = { ...record, path, zxid, replaced: pending, next: null };
    this.#link(copy, pending);
    return copy;
  }

  /** Adds the record of a znode that txn `zxid` creates. `record.replaced` and `next` are set here. */
  create(record: ChangeRecord): void {
    const pending = this.find(record.hash, record.path, 0, record.path.length);
    assert(pending === null || !pending.exists, "what is created did not exist");
    record.replaced = pending;
    this.#link(record, pending);
    if (record.ownerKind !== "ephemeral") return;
    const owner = (BigInt(record.ownerHigh) << 32n) | BigInt(record.ownerLow >>> 0);
    const owned = this.#ephemerals.get(owner);
    if (owned === undefined) this.#ephemerals.set(owner, new Set([record]));
    else owned.add(record);
  }

  /** Recomputes what the record contributes to the digest sum. */
  refreshDigest(record: ChangeRecord): void {
    if (!this.#digestEnabled || record.isSystem) return;
    const digest = record.exists ? statDigest(record.crc, record) : 0;
    this.digest.replace(record.digest, digest);
    record.digest = digest;
  }

  /** Paths of all ephemerals that the session will own; copies, since txns outlive their batches here. */
  ephemeralPaths(sessionId: bigint): Uint8Array[] {
    const paths: Uint8Array[] = [];
    const { store } = this.#tree;
    for (const id of this.#tree.ephemeralsOf(sessionId)) {
      const path = store.path(id);
      const pending = this.find(store.pathHash(id), path, 0, path.length);
      if (pending === null || (pending.exists && pending.czxid === store.czxid(id))) {
        paths.push(path);
      }
    }
    for (const record of this.#ephemerals.get(sessionId) ?? []) {
      if (this.find(record.hash, record.path, 0, record.path.length)?.czxid !== record.czxid) {
        continue;
      }
      if (this.exists(record.hash, record.path, 0, record.path.length)) {
        paths.push(record.path.slice());
      }
    }
    return paths;
  }

  /** Remembers the digest, in case the multi that starts here fails. */
  beginMulti(): void {
    this.#savedDigest.copyFrom(this.digest);
  }

  /** Takes back every record of a failed multi; `records` are all that it made, in order. */
  rollback(records: readonly ChangeRecord[]): void {
    for (let i = records.length - 1; i >= 0; i--) {
      const record = records[i]!;
      this.#unlink(record);
      this.#forgetEphemeral(record);
      if (record.replaced !== null) this.#link(record.replaced, null);
    }
    this.digest.copyFrom(this.#savedDigest);
  }

  /** The txn that made these records was applied: the tree itself now shows their effects. */
  applied(records: readonly ChangeRecord[]): void {
    for (const record of records) {
      this.#forgetEphemeral(record);
      // a later txn's record has taken the place of this one
      if (this.find(record.hash, record.path, 0, record.path.length) === record) {
        this.#unlink(record);
      }
      record.replaced = null;
    }
  }

  /** Forgets everything under way: the txns will never be applied. */
  reset(): void {
    this.#byHash.clear();
    this.#ephemerals.clear();
    this.digest.copyFrom(this.#tree.digest);
  }

  get size(): number {
    return this.#byHash.size;
  }

  #fromTree(id: NodeId, hash: number): ChangeRecord {
    const tree = this.#tree;
    const { store } = tree;
    const record: ChangeRecord = {
      czxid: 0,
      mzxid: 0,
      pzxid: 0,
      ctime: 0,
      mtime: 0,
      version: 0,
      cversion: 0,
      aversion: 0,
      ownerHigh: 0,
      ownerLow: 0,
      node: id,
      crc: store.crc(id),
      path: NO_PATH,
      hash,
      zxid: LOOSE,
      exists: true,
      acl: tree.aclOf(id),
      ownerKind: "persistent",
      childCount: store.childCount(id),
      dataLength: store.dataLength(id),
      digest: store.digest(id),
      isSystem: tree.isSystem(id),
      childrenAreSystem: tree.childrenAreSystem(id),
      next: null,
      replaced: null,
    };
    store.readStat(id, record);
    if (record.ownerHigh !== 0 || record.ownerLow !== 0) record.ownerKind = tree.ownerKindOf(id);
    return record;
  }

  /** Puts a record in the place of `old`, or in front of its bucket. */
  #link(record: ChangeRecord, old: ChangeRecord | null): void {
    if (old !== null) this.#unlink(old);
    const key = record.hash >> 2;
    record.next = this.#byHash.get(key) ?? null;
    this.#byHash.set(key, record);
  }

  #unlink(record: ChangeRecord): void {
    const key = record.hash >> 2;
    const first = this.#byHash.get(key);
    if (first === record) {
      if (record.next === null) this.#byHash.delete(key);
      else this.#byHash.set(key, record.next);
    } else {
      let at = first ?? null;
      while (at !== null && at.next !== record) at = at.next;
      if (at !== null) at.next = record.next;
    }
    record.next = null;
  }

  #forgetEphemeral(record: ChangeRecord): void {
    if (record.ownerKind !== "ephemeral") return;
    const owner = (BigInt(record.ownerHigh) << 32n) | BigInt(record.ownerLow >>> 0);
    const owned = this.#ephemerals.get(owner);
    if (owned?.delete(record) && owned.size === 0) this.#ephemerals.delete(owner);
  }
}

const NO_PATH = new Uint8Array(0);
/** The zxid of a record that is no change yet. */
const LOOSE = -1;

function equalsAt(path: Uint8Array, bytes: Uint8Array, start: number, end: number): boolean {
  const length = end - start;
  if (path.length !== length) return isRoot(path, 0, path.length) && isRoot(bytes, start, end);
  for (let i = 0; i < length; i++) if (path[i] !== bytes[start + i]) return false;
  return true;
}

/** `/` and the empty path are both the root. */
function isRoot(bytes: Uint8Array, start: number, end: number): boolean {
  return end === start || (end - start === 1 && bytes[start] === 0x2f);
}
