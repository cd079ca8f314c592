/**
 * The table of znodes: their stats, links and names in typed arrays, and a hash index over paths.
 *
 * A znode is a small integer; its fields are a row of 120 bytes in a page, its name and data are blocks
 * of the {@linkcode ByteArena}. One znode with 100 bytes of data takes about 260 bytes, where an object
 * a znode costs V8 about a thousand. Pages are never moved or copied, and the index grows one bucket
 * an insert (linear hashing), so no operation stalls however large the tree is.
 *
 * Knows nothing of transactions, ACL meaning, sessions or watches: that is `data_tree.ts`.
 *
 * @module
 */
import { assert } from "../assert.ts";
import type { Zxid } from "../zxid.ts";
import { ByteArena } from "./byte_arena.ts";
import { ownerFromHalves, ownerHighOf, ownerLowOf, type StoredStat } from "./stat.ts";

export type NodeId = number;
/** No znode. */
export const NO_NODE: NodeId = 0;
/** The znode with the empty path, which clients call `/`. */
export const ROOT: NodeId = 1;

const SLASH = 0x2f;
const NODES_PER_PAGE = 8192;
const PAGE_SHIFT = 13;
const PAGE_MASK = NODES_PER_PAGE - 1;
const INTS = 30;
const DOUBLES = INTS / 2;

/** Doubles of a row. */
const CZXID = 0, MZXID = 1, PZXID = 2, CTIME = 3, MTIME = 4;
/** Integers of a row, behind the doubles. */
const VERSION = 10,
  CVERSION = 11,
  AVERSION = 12,
  OWNER_HIGH = 13,
  OWNER_LOW = 14,
  PARENT = 15,
  FIRST_CHILD = 16,
  NEXT = 17,
  PREVIOUS = 18,
  CHILD_COUNT = 19,
  ACL = 20,
  NAME_REF = 21,
  NAME_LENGTH = 22,
  DATA_REF = 23,
  DATA_LENGTH = 24,
  HASH = 25,
  DIGEST = 26,
  CRC = 27,
  HASH_NEXT = 28,
  FLAGS = 29;

const BUCKETS_PER_SEGMENT = 65536;

interface Page {
  ints: Int32Array;
  doubles: Float64Array;
}

export class NodeStore {
  readonly arena = new ByteArena();
  #pages: Page[] = [];
  #nextId = ROOT;
  /** Freed rows, linked through HASH_NEXT. */
  #freeId = NO_NODE;
  #count = 0;
  #segments: Int32Array[] = [];
  #bucketCount = 1024;
  /** The smallest power of two >= bucketCount, minus 1. */
  #bucketMask = 1023;
  readonly #hashSeed: number;

  /** @param hashSeed makes colliding names hard to guess */
  constructor(hashSeed: number) {
    this.#hashSeed = hashSeed | 0;
    this.#segments.push(new Int32Array(BUCKETS_PER_SEGMENT));
    this.#pages.push(newPage());
    this.#allocateRow(); // the root, in no bucket: its paths are "" and "/"
    this.#setInt(ROOT, HASH, this.#hashSeed);
  }

  get count(): number {
    return this.#count;
  }

  // ---------------------------------------------------------------- paths

  /** Hash of a path, to be continued for its children. `/` and the empty path are both the root. */
  hash(bytes: Uint8Array, start: number, end: number): number {
    if (end - start === 1 && bytes[start] === SLASH) return this.#hashSeed;
    let hash = this.#hashSeed;
    for (let i = start; i < end; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193);
    return hash;
  }

  get rootHash(): number {
    return this.#hashSeed;
  }

  /** The hash of a path from that of its beginning, which ends before `start`. */
  extendHash(hash: number, bytes: Uint8Array, start: number, end: number): number {
    for (let i = start; i < end; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193);
    return hash;
  }

  /** Finds the znode at a path, byte for byte; `hash` is that of the same bytes. */
  find(hash: number, bytes: Uint8Array, start: number, end: number): NodeId {
    let id = this.#bucketHead(hash);
    while (id !== NO_NODE) {
      const row = this.#pages[id >>> PAGE_SHIFT]!.ints;
      const base = (id & PAGE_MASK) * INTS;
      if (row[base + HASH] === hash && this.#isAt(id, bytes, start, end)) return id;
      id = row[base + HASH_NEXT]!;
    }
    const length = end - start;
    return length === 0 || (length === 1 && bytes[start] === SLASH) ? ROOT : NO_NODE;
  }

  /** Finds a child by its name: for one whose parent is known already. */
  findChild(parent: NodeId, bytes: Uint8Array, start: number, end: number): NodeId {
    const hash = this.#childHash(parent, bytes, start, end);
    let id = this.#bucketHead(hash);
    while (id !== NO_NODE) {
      const row = this.#pages[id >>> PAGE_SHIFT]!.ints;
      const base = (id & PAGE_MASK) * INTS;
      if (
        row[base + HASH] === hash && row[base + PARENT] === parent &&
        this.#hasName(row, base, bytes, start, end)
      ) return id;
      id = row[base + HASH_NEXT]!;
    }
    return NO_NODE;
  }

  lookup(bytes: Uint8Array, start = 0, end = bytes.length): NodeId {
    return this.find(this.hash(bytes, start, end), bytes, start, end);
  }

  /** The path in UTF-8: empty for the root. */
  path(id: NodeId): Uint8Array {
    const path = new Uint8Array(this.pathLength(id));
    let end = path.length;
    for (let at = id; at !== ROOT; at = this.parent(at)) {
      const name = this.name(at);
      path.set(name, end - name.length);
      end -= name.length + 1;
      path[end] = SLASH;
    }
    return path;
  }

  pathLength(id: NodeId): number {
    let length = 0;
    for (let at = id; at !== ROOT; at = this.parent(at)) length += this.nameLength(at) + 1;
    return length;
  }

  // ---------------------------------------------------------------- rows

  /** Adds a znode below `parent` with zero stats and no data; the name is copied out of `bytes`. */
  add(parent: NodeId, bytes: Uint8Array, start: number, end: number): NodeId {
    assert(end > start, "only the root has an empty name");
    const id = this.#allocateRow();
    const row = this.#row(id);
    const base = (id & PAGE_MASK) * INTS;
    const parentRow = this.#row(parent);
    const parentBase = (parent & PAGE_MASK) * INTS;
    const hash = this.#childHash(parent, bytes, start, end);
    row[base + HASH] = hash;
    row[base + PARENT] = parent;
    row[base + NAME_REF] = this.arena.store(bytes, start, end - start);
    row[base + NAME_LENGTH] = end - start;
    const first = parentRow[parentBase + FIRST_CHILD]!;
    row[base + NEXT] = first;
    if (first !== NO_NODE) this.#row(first)[(first & PAGE_MASK) * INTS + PREVIOUS] = id;
    parentRow[parentBase + FIRST_CHILD] = id;
    parentRow[parentBase + CHILD_COUNT]!++;
    this.#link(id, hash);
    return id;
  }

  /** Removes a znode that has no children. */
  remove(id: NodeId): void {
    const row = this.#row(id);
    const base = (id & PAGE_MASK) * INTS;
    assert(id !== ROOT && row[base + FIRST_CHILD] === NO_NODE, "only a leaf is removed");
    const parent = row[base + PARENT]!;
    const next = row[base + NEXT]!;
    const previous = row[base + PREVIOUS]!;
    if (next !== NO_NODE) this.#row(next)[(next & PAGE_MASK) * INTS + PREVIOUS] = previous;
    const parentRow = this.#row(parent);
    const parentBase = (parent & PAGE_MASK) * INTS;
    if (previous !== NO_NODE) this.#row(previous)[(previous & PAGE_MASK) * INTS + NEXT] = next;
    else parentRow[parentBase + FIRST_CHILD] = next;
    parentRow[parentBase + CHILD_COUNT]!--;
    this.#unlink(id, row[base + HASH]!);
    this.arena.free(row[base + NAME_REF]!, row[base + NAME_LENGTH]!);
    if (row[base + DATA_LENGTH]! > 0) {
      this.arena.free(row[base + DATA_REF]!, row[base + DATA_LENGTH]!);
    }
    row.fill(0, base, base + INTS);
    row[base + HASH_NEXT] = this.#freeId;
    this.#freeId = id;
    this.#count--;
  }

  /**
   * Replaces the data; null and empty are distinct.
   *
   * @param newLength -1 for null
   */
  setData(id: NodeId, bytes: Uint8Array, start: number, newLength: number): void {
    const row = this.#row(id);
    const base = (id & PAGE_MASK) * INTS;
    const oldLength = row[base + DATA_LENGTH]!;
    if (this.arena.fitsInPlace(oldLength, newLength)) {
      this.arena.overwrite(row[base + DATA_REF]!, bytes, start, newLength);
    } else {
      if (oldLength > 0) this.arena.free(row[base + DATA_REF]!, oldLength);
      row[base + DATA_REF] = newLength > 0 ? this.arena.store(bytes, start, newLength) : 0;
    }
    row[base + DATA_LENGTH] = newLength;
  }

  /** Length of the data, -1 for null. */
  dataLength(id: NodeId): number {
    return this.#int(id, DATA_LENGTH);
  }
  dataRef(id: NodeId): number {
    return this.#int(id, DATA_REF);
  }
  /** The data, borrowed; null when it is null. */
  data(id: NodeId): Uint8Array | null {
    const length = this.#int(id, DATA_LENGTH);
    return length < 0 ? null : this.arena.bytes(this.#int(id, DATA_REF), length);
  }
  /** The last component of the path, borrowed. */
  name(id: NodeId): Uint8Array {
    return this.arena.bytes(this.#int(id, NAME_REF), this.#int(id, NAME_LENGTH));
  }
  nameRef(id: NodeId): number {
    return this.#int(id, NAME_REF);
  }
  nameLength(id: NodeId): number {
    return this.#int(id, NAME_LENGTH);
  }
  parent(id: NodeId): NodeId {
    return this.#int(id, PARENT);
  }
  firstChild(id: NodeId): NodeId {
    return this.#int(id, FIRST_CHILD);
  }
  nextSibling(id: NodeId): NodeId {
    return this.#int(id, NEXT);
  }
  childCount(id: NodeId): number {
    return this.#int(id, CHILD_COUNT);
  }
  pathHash(id: NodeId): number {
    return this.#int(id, HASH);
  }

  czxid(id: NodeId): Zxid {
    return this.#double(id, CZXID);
  }
  mzxid(id: NodeId): Zxid {
    return this.#double(id, MZXID);
  }
  pzxid(id: NodeId): Zxid {
    return this.#double(id, PZXID);
  }
  ctime(id: NodeId): number {
    return this.#double(id, CTIME);
  }
  mtime(id: NodeId): number {
    return this.#double(id, MTIME);
  }
  version(id: NodeId): number {
    return this.#int(id, VERSION);
  }
  /** The stored cversion: the number of direct children ever created. */
  cversion(id: NodeId): number {
    return this.#int(id, CVERSION);
  }
  aversion(id: NodeId): number {
    return this.#int(id, AVERSION);
  }
  ownerHigh(id: NodeId): number {
    return this.#int(id, OWNER_HIGH);
  }
  ownerLow(id: NodeId): number {
    return this.#int(id, OWNER_LOW);
  }
  /** The stored ephemeralOwner, signed. */
  owner(id: NodeId): bigint {
    return ownerFromHalves(this.#int(id, OWNER_HIGH), this.#int(id, OWNER_LOW));
  }
  /** Index in the ACL table; -1 is the open list. */
  acl(id: NodeId): number {
    return this.#int(id, ACL);
  }
  /** The digest that is part of the tree's sum, unsigned. */
  digest(id: NodeId): number {
    return this.#int(id, DIGEST) >>> 0;
  }
  /** CRC-32 register over path and data. */
  crc(id: NodeId): number {
    return this.#int(id, CRC);
  }
  flags(id: NodeId): number {
    return this.#int(id, FLAGS);
  }

  setCzxid(id: NodeId, zxid: Zxid): void {
    this.#setDouble(id, CZXID, zxid);
  }
  setMzxid(id: NodeId, zxid: Zxid): void {
    this.#setDouble(id, MZXID, zxid);
  }
  setPzxid(id: NodeId, zxid: Zxid): void {
    this.#setDouble(id, PZXID, zxid);
  }
  setCtime(id: NodeId, timeMs: number): void {
    this.#setDouble(id, CTIME, timeMs);
  }
  setMtime(id: NodeId, timeMs: number): void {
    this.#setDouble(id, MTIME, timeMs);
  }
  setVersion(id: NodeId, version: number): void {
    this.#setInt(id, VERSION, version);
  }
  setCversion(id: NodeId, cversion: number): void {
    this.#setInt(id, CVERSION, cversion);
  }
  setAversion(id: NodeId, aversion: number): void {
    this.#setInt(id, AVERSION, aversion);
  }
  setOwner(id: NodeId, owner: bigint): void {
    this.#setInt(id, OWNER_HIGH, ownerHighOf(owner));
    this.#setInt(id, OWNER_LOW, ownerLowOf(owner));
  }
  setAcl(id: NodeId, aclIndex: number): void {
    this.#setInt(id, ACL, aclIndex);
  }
  setDigest(id: NodeId, digest: number): void {
    this.#setInt(id, DIGEST, digest);
  }
  setCrc(id: NodeId, register: number): void {
    this.#setInt(id, CRC, register);
  }
  setFlags(id: NodeId, flags: number): void {
    this.#setInt(id, FLAGS, flags);
  }

  // ---------------------------------------------------------------- inside

  /** Copies the stored stat of a row into an object: one look at the page for all fields. */
  readStat(id: NodeId, stat: StoredStat): void {
    const { ints, doubles } = this.#pages[id >>> PAGE_SHIFT]!;
    const base = (id & PAGE_MASK) * INTS;
    const at = (id & PAGE_MASK) * DOUBLES;
    stat.czxid = doubles[at + CZXID]!;
    stat.mzxid = doubles[at + MZXID]!;
    stat.pzxid = doubles[at + PZXID]!;
    stat.ctime = doubles[at + CTIME]!;
    stat.mtime = doubles[at + MTIME]!;
    stat.version = ints[base + VERSION]!;
    stat.cversion = ints[base + CVERSION]!;
    stat.aversion = ints[base + AVERSION]!;
    stat.ownerHigh = ints[base + OWNER_HIGH]!;
    stat.ownerLow = ints[base + OWNER_LOW]!;
  }

  #int(id: NodeId, field: number): number {
    return this.#pages[id >>> PAGE_SHIFT]!.ints[(id & PAGE_MASK) * INTS + field]!;
  }
  #setInt(id: NodeId, field: number, value: number): void {
    this.#pages[id >>> PAGE_SHIFT]!.ints[(id & PAGE_MASK) * INTS + field] = value;
  }
  #double(id: NodeId, field: number): number {
    return this.#pages[id >>> PAGE_SHIFT]!.doubles[(id & PAGE_MASK) * DOUBLES + field]!;
  }
  #setDouble(id: NodeId, field: number, value: number): void {
    this.#pages[id >>> PAGE_SHIFT]!.doubles[(id & PAGE_MASK) * DOUBLES + field] = value;
  }
  #row(id: NodeId): Int32Array {
    return this.#pages[id >>> PAGE_SHIFT]!.ints;
  }

  #allocateRow(): NodeId {
    this.#count++;
    const free = this.#freeId;
    if (free !== NO_NODE) {
      const row = this.#row(free);
      const base = (free & PAGE_MASK) * INTS;
      this.#freeId = row[base + HASH_NEXT]!;
      row[base + HASH_NEXT] = NO_NODE;
      return free;
    }
    const id = this.#nextId++;
    if (id >>> PAGE_SHIFT === this.#pages.length) this.#pages.push(newPage());
    return id;
  }

  /** Compares names from the leaf up to the root with the components of a path from its end. */
  #isAt(id: NodeId, bytes: Uint8Array, start: number, end: number): boolean {
    while (id !== ROOT) {
      const row = this.#pages[id >>> PAGE_SHIFT]!.ints;
      const base = (id & PAGE_MASK) * INTS;
      const length = row[base + NAME_LENGTH]!;
      const nameStart = end - length;
      if (nameStart <= start || bytes[nameStart - 1] !== SLASH) return false;
      const ref = row[base + NAME_REF]!;
      const chunk = this.arena.chunk(ref);
      const offset = this.arena.offset(ref);
      for (let i = 0; i < length; i++) {
        if (chunk[offset + i] !== bytes[nameStart + i]) return false;
      }
      end = nameStart - 1;
      id = row[base + PARENT]!;
    }
    return end === start;
  }

  #hasName(
    row: Int32Array,
    base: number,
    bytes: Uint8Array,
    start: number,
    end: number,
  ): boolean {
    if (row[base + NAME_LENGTH] !== end - start) return false;
    const ref = row[base + NAME_REF]!;
    const chunk = this.arena.chunk(ref);
    const offset = this.arena.offset(ref) - start;
    for (let i = start; i < end; i++) if (chunk[offset + i] !== bytes[i]) return false;
    return true;
  }

  #childHash(parent: NodeId, bytes: Uint8Array, start: number, end: number): number {
    let hash = Math.imul(this.#int(parent, HASH) ^ SLASH, 0x01000193);
    for (let i = start; i < end; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193);
    return hash;
  }

  #bucketOf(hash: number): number {
    const mixed = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
    const spread = mixed ^ (mixed >>> 13);
    const bucket = spread & this.#bucketMask;
    return bucket < this.#bucketCount ? bucket : spread & (this.#bucketMask >>> 1);
  }

  #bucketHead(hash: number): NodeId {
    const bucket = this.#bucketOf(hash);
    return this.#segments[bucket >>> 16]![bucket & 0xffff]!;
  }

  #link(id: NodeId, hash: number): void {
    if (this.#count > this.#bucketCount) this.#splitBucket();
    const bucket = this.#bucketOf(hash);
    const segment = this.#segments[bucket >>> 16]!;
    this.#setInt(id, HASH_NEXT, segment[bucket & 0xffff]!);
    segment[bucket & 0xffff] = id;
  }

  #unlink(id: NodeId, hash: number): void {
    const bucket = this.#bucketOf(hash);
    const segment = this.#segments[bucket >>> 16]!;
    let at = segment[bucket & 0xffff]!;
    if (at === id) {
      segment[bucket & 0xffff] = this.#int(id, HASH_NEXT);
      return;
    }
    for (;;) {
      const next = this.#int(at, HASH_NEXT);
      assert(next !== NO_NODE, "a znode is in the bucket of its hash");
      if (next === id) break;
      at = next;
    }
    this.#setInt(at, HASH_NEXT, this.#int(id, HASH_NEXT));
  }

  /** Adds one bucket and moves to it what now belongs there, out of the one bucket it was in. */
  #splitBucket(): void {
    const added = this.#bucketCount++;
    if (added > this.#bucketMask) this.#bucketMask = this.#bucketMask * 2 + 1;
    if (added >>> 16 === this.#segments.length) {
      this.#segments.push(new Int32Array(BUCKETS_PER_SEGMENT));
    }
    const old = added & (this.#bucketMask >>> 1);
    const oldSegment = this.#segments[old >>> 16]!;
    const newSegment = this.#segments[added >>> 16]!;
    let id = oldSegment[old & 0xffff]!;
    let kept = NO_NODE;
    let moved = NO_NODE;
    while (id !== NO_NODE) {
      const next = this.#int(id, HASH_NEXT);
      if (this.#bucketOf(this.#int(id, HASH)) === added) {
        this.#setInt(id, HASH_NEXT, moved);
        moved = id;
      } else {
        this.#setInt(id, HASH_NEXT, kept);
        kept = id;
      }
      id = next;
    }
    oldSegment[old & 0xffff] = kept;
    newSegment[added & 0xffff] = moved;
  }
}

function newPage(): Page {
  const buffer = new ArrayBuffer(NODES_PER_PAGE * INTS * 4);
  return { ints: new Int32Array(buffer), doubles: new Float64Array(buffer) };
}
