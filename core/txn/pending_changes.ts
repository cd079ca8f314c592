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
import { CHANGE_RECORD_POOL_LENGTH_MAX } from "../limits.ts";
import type { DataTree } from "../tree/data_tree.ts";
import { DigestSum } from "../tree/digest_sum.ts";
import { NO_NODE } from "../tree/node_store.ts";
import { statDigest } from "../tree/stat.ts";
import type { Zxid } from "../zxid.ts";
import { ChangeRecord, LOOSE } from "./change_record.ts";

export class PendingChanges {
  /** The tree digest after all txns under way. */
  readonly digest = new DigestSum();

  readonly #tree: DataTree;
  readonly #digestEnabled: boolean;
  #byHash = new Map<number, ChangeRecord>();
  #ephemerals = new Map<bigint, Set<ChangeRecord>>();
  #savedDigest = new DigestSum();
  #pool: ChangeRecord[] = [];

  constructor(tree: DataTree, { digestEnabled }: { digestEnabled: boolean }) {
    this.#tree = tree;
    this.#digestEnabled = digestEnabled;
    this.digest.copyFrom(tree.digest);
  }

  get size(): number {
    return this.#byHash.size;
  }

  /** The record of a path, if a txn under way touches it. */
  find(hash: number, bytes: Uint8Array, start: number, end: number): ChangeRecord | null {
    let at = this.#byHash.get(hash >> 2) ?? null;
    while (at !== null && !(at.hash === hash && isAt(at, bytes, start, end))) at = at.next;
    return at;
  }

  /** The znode as it will be, as a record to be read or passed to `change`; null if there is none. */
  resolve(bytes: Uint8Array, start: number, end: number): ChangeRecord | null {
    const hash = this.#tree.store.hash(bytes, start, end);
    if (this.#byHash.size > 0) {
      const pending = this.find(hash, bytes, start, end);
      if (pending !== null) return pending.exists ? pending : null;
    }
    const id = this.#tree.store.find(hash, bytes, start, end);
    if (id === NO_NODE) return null;
    const record = this.#pool.pop() ?? new ChangeRecord();
    record.readFromTree(this.#tree, id, hash);
    return record;
  }

  /** Whether a znode will exist: cheaper than `resolve`. */
  exists(hash: number, bytes: Uint8Array, start: number, end: number): boolean {
    const pending = this.#byHash.size > 0 ? this.find(hash, bytes, start, end) : null;
    if (pending !== null) return pending.exists;
    return this.#tree.store.find(hash, bytes, start, end) !== NO_NODE;
  }

  /**
   * Returns the record that txn `zxid` may change: the same one when nobody has it yet, else a copy that
   * takes its place. Not for one that this txn has already.
   *
   * @param bytes hold the path from `start` to `end` until the txn is applied
   */
  change(
    record: ChangeRecord,
    zxid: Zxid,
    { bytes, start, end }: { bytes: Uint8Array; start: number; end: number },
  ): ChangeRecord {
    assert(record.zxid !== zxid, "a txn takes a record once");
    if (record.zxid === LOOSE) {
      record.setPath(bytes, start, end);
      record.zxid = zxid;
      this.#link(record);
      return record;
    }
    const copy = this.#pool.pop() ?? new ChangeRecord();
    copy.copyFrom(record);
    copy.setPath(bytes, start, end);
    copy.zxid = zxid;
    copy.replaced = record;
    this.#unlink(record);
    this.#link(copy);
    return copy;
  }

  /** A record to be filled in and passed to `create`. */
  blank(): ChangeRecord {
    return this.#pool.pop() ?? new ChangeRecord();
  }

  /** Adds the record of a znode that its txn creates. */
  create(record: ChangeRecord): void {
    const { hash, buffer, pathStart, pathEnd } = record;
    const pending = this.find(hash, buffer, pathStart, pathEnd);
    assert(pending === null || !pending.exists, "what is created did not exist");
    record.replaced = pending;
    if (pending !== null) this.#unlink(pending);
    this.#link(record);
    if (record.ownerKind !== "ephemeral") return;
    const { owner } = record;
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

  /** Paths of all ephemerals that the session will own; copies, which outlive the batches. */
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
    for (const created of this.#ephemerals.get(sessionId) ?? []) {
      if (!created.exists) continue; // a multi made it, deleted it, and perhaps made another there
      const { hash, buffer, pathStart, pathEnd, czxid } = created;
      const pending = this.find(hash, buffer, pathStart, pathEnd);
      if (pending !== null && pending.exists && pending.czxid === czxid) {
        paths.push(created.path.slice());
      }
    }
    return paths;
  }

  /** Remembers the digest, in case the txn that starts here is taken back. */
  saveDigest(): void {
    this.#savedDigest.copyFrom(this.digest);
  }

  /** Takes back every record since `saveDigest`; `records` are all that were made, in order. */
  rollback(records: readonly ChangeRecord[]): void {
    for (let i = records.length - 1; i >= 0; i--) {
      const record = records[i]!;
      this.#unlink(record);
      this.#forgetEphemeral(record);
      if (record.replaced !== null) this.#link(record.replaced);
    }
    for (const record of records) this.#recycle(record);
    this.digest.copyFrom(this.#savedDigest);
  }

  /** The txn that made these records was applied: the tree itself now shows their effects. */
  applied(records: readonly ChangeRecord[]): void {
    for (let i = 0; i < records.length; i++) {
      const record = records[i]!;
      this.#forgetEphemeral(record);
      this.#unlink(record); // unless a later txn's record has taken its place
      this.#recycle(record);
    }
  }

  /** Forgets everything under way: the txns will never be applied. */
  reset(): void {
    this.#byHash.clear();
    this.#ephemerals.clear();
    this.digest.copyFrom(this.#tree.digest);
  }

  #recycle(record: ChangeRecord): void {
    record.release();
    if (this.#pool.length < CHANGE_RECORD_POOL_LENGTH_MAX) this.#pool.push(record);
  }

  #link(record: ChangeRecord): void {
    const key = record.hash >> 2; // a small integer: no heap number as key
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
    const { owner } = record;
    const owned = this.#ephemerals.get(owner);
    if (owned?.delete(record) && owned.size === 0) this.#ephemerals.delete(owner);
  }
}

function isAt(record: ChangeRecord, bytes: Uint8Array, start: number, end: number): boolean {
  const length = end - start;
  const { buffer, pathStart, pathEnd } = record;
  if (pathEnd - pathStart !== length) {
    return isRoot(buffer, pathStart, pathEnd) && isRoot(bytes, start, end);
  }
  for (let i = 0; i < length; i++) if (buffer[pathStart + i] !== bytes[start + i]) return false;
  return true;
}

/** `/` and the empty path are both the root. */
function isRoot(bytes: Uint8Array, start: number, end: number): boolean {
  return end === start || (end - start === 1 && bytes[start] === 0x2f);
}
