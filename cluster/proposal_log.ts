/**
 * The recent proposals in memory, in zxid order: the committed ones, then the outstanding ones.
 *
 * What ZooKeeper calls the committed list, from which learners catch up, and its outstanding proposals,
 * in one. A leader and a follower keep it alike. The bytes are those of the txn log: a batch is copied
 * once, whole, and single txns are found by walking over their records.
 *
 * Invariant: what is committed has no hole since the oldest one kept, if what was appended had none.
 *
 * @module
 */
import { assert } from "../core/assert.ts";
import { PROPOSAL_LOG_BYTES_MAX } from "../core/limits.ts";
import { RECORD_OVERHEAD_BYTES, RECORD_PREFIX_BYTES } from "../core/storage/txn_log_format.ts";
import type { Zxid } from "../core/zxid.ts";

/** Fewer committed proposals than this are not worth a list, says ZooKeeper. */
const COMMIT_LOG_COUNT_MIN = 500;
/** Small batches share a chunk. It is also the unit in which the oldest proposals go. */
const CHUNK_BYTES = 64 << 10;
/** From the start of a record to its zxid: behind the session and the cxid of the txn's header. */
const ZXID_OFFSET = RECORD_PREFIX_BYTES + 12;
const LENGTH_OFFSET = 8;
const TWO_32 = 2 ** 32;

/** Takes one txn: `buffer` from `start` to `end`, on loan. Returns whether it wants the next one. */
export type ProposalVisitor = (
  zxid: Zxid,
  buffer: Uint8Array,
  start: number,
  end: number,
) => boolean;

interface Chunk {
  readonly buffer: Uint8Array<ArrayBuffer>;
  readonly view: DataView;
  /** Bytes with records in them. */
  usedBytes: number;
  recordCount: number;
  readonly firstZxid: Zxid;
  lastZxid: Zxid;
}

export class ProposalLog {
  readonly #commitLogCount: number;
  readonly #bytesMax: number;
  /** None is empty. */
  readonly #chunks: Chunk[] = [];
  #bytes = 0;
  /** Where the first outstanding record is: a chunk, the offset and the number of records before it. */
  #committedChunk = 0;
  #committedBytes = 0;
  #committedRecords = 0;
  #committedCount = 0;
  #max: Zxid | undefined;
  /** What was committed after this one is here. */
  #droppedThrough: Zxid = 0;

  constructor({ commitLogCount, bytesMax = PROPOSAL_LOG_BYTES_MAX }: {
    /** Committed proposals to keep at the least, if `bytesMax` allows; at least 500. */
    commitLogCount: number;
    bytesMax?: number;
  }) {
    this.#commitLogCount = Math.max(COMMIT_LOG_COUNT_MIN, commitLogCount);
    this.#bytesMax = bytesMax;
  }

  /** The oldest committed zxid; undefined when none is. */
  get min(): Zxid | undefined {
    return this.#max === undefined ? undefined : this.#chunks[0]!.firstZxid;
  }

  /** The newest committed zxid; undefined when none is. */
  get max(): Zxid | undefined {
    return this.#max;
  }

  /** The newest zxid, committed or outstanding. */
  get last(): Zxid | undefined {
    return this.#chunks.at(-1)?.lastZxid;
  }

  get committedCount(): number {
    return this.#committedCount;
  }

  /** Adds a batch of whole log records, which are copied: `count` of them, `firstZxid` to `lastZxid`. */
  append(records: Uint8Array, firstZxid: Zxid, lastZxid: Zxid, count: number): void {
    assert(count > 0 && firstZxid <= lastZxid, "a batch holds records");
    let chunk = this.#chunks.at(-1);
    assert(chunk === undefined || firstZxid > chunk.lastZxid, "zxids only grow");
    if (chunk === undefined || records.length > chunk.buffer.length - chunk.usedBytes) {
      chunk = this.#addChunk(Math.max(CHUNK_BYTES, records.length), firstZxid);
    }
    chunk.buffer.set(records, chunk.usedBytes);
    chunk.usedBytes += records.length;
    chunk.recordCount += count;
    chunk.lastZxid = lastZxid;
  }

  /** Adds one txn that is committed, as replay finds it in the txn log; its body is copied. */
  appendCommitted(zxid: Zxid, body: Uint8Array): void {
    const record = new Uint8Array(RECORD_OVERHEAD_BYTES + body.length);
    new DataView(record.buffer).setInt32(LENGTH_OFFSET, body.length); // nobody looks at the checksum
    record.set(body, RECORD_PREFIX_BYTES);
    this.append(record, zxid, zxid, 1);
    this.commit(zxid);
  }

  /** Makes the outstanding proposals through `zxid`, one of theirs, committed; may drop old ones. */
  commit(zxid: Zxid): void {
    assert(this.#max === undefined || zxid > this.#max, "commits are in zxid order");
    for (;;) {
      const chunk = this.#chunks[this.#committedChunk];
      assert(chunk !== undefined, "only what was proposed is committed");
      if (zxid < chunk.lastZxid) {
        const { bytes, count } = walkTo(chunk, this.#committedBytes, zxid);
        this.#committedBytes = bytes;
        this.#committedRecords += count;
        this.#committedCount += count;
        break;
      }
      this.#committedCount += chunk.recordCount - this.#committedRecords;
      this.#committedBytes = chunk.usedBytes;
      this.#committedRecords = chunk.recordCount;
      if (zxid === chunk.lastZxid) break;
      this.#committedChunk += 1;
      this.#committedBytes = this.#committedRecords = 0;
    }
    this.#max = zxid;
    this.#trim();
  }

  /**
   * Forgets everything: when the database is replaced, as by SNAP.
   *
   * @param through what is appended next follows this one, or nothing but an epoch's beginning is between
   */
  clear(through: Zxid): void {
    this.#chunks.length = 0;
    this.#bytes = 0;
    this.#committedChunk = this.#committedBytes = this.#committedRecords = 0;
    this.#committedCount = 0;
    this.#max = undefined;
    this.#droppedThrough = through;
  }

  /** Whether all that was committed after `zxid` is here. */
  holdsAfter(zxid: Zxid): boolean {
    return zxid >= this.#droppedThrough;
  }

  /** The newest committed zxid that is at most `zxid`, if it is here. */
  committedFloor(zxid: Zxid): Zxid | undefined {
    const { min, max } = this;
    if (min === undefined || zxid < min) return undefined;
    if (zxid >= max!) return max;
    const chunk = this.#chunks.findLast(({ firstZxid }) => firstZxid <= zxid)!;
    if (zxid >= chunk.lastZxid) return chunk.lastZxid;
    let floor = chunk.firstZxid;
    for (let at = 0, found = floor; found <= zxid; found = zxidAt(chunk.view, at)) {
      floor = found;
      at += RECORD_OVERHEAD_BYTES + chunk.view.getInt32(at + LENGTH_OFFSET);
    }
    return floor;
  }

  /** Visits the committed txns after `zxid`, oldest first, until the visitor has enough. */
  forEachCommitted(zxid: Zxid, visit: ProposalVisitor): void {
    const { max } = this;
    if (max === undefined || zxid >= max) return;
    const from = this.#chunks.findIndex(({ lastZxid }) => lastZxid > zxid);
    for (let i = from; i <= this.#committedChunk; i++) {
      const chunk = this.#chunks[i]!;
      const end = i === this.#committedChunk ? this.#committedBytes : chunk.usedBytes;
      if (!visitRecords(chunk, { start: 0, end, after: zxid }, visit)) return;
    }
  }

  /** Visits the outstanding txns after `zxid`, oldest first, until the visitor has enough. */
  forEachOutstanding(zxid: Zxid, visit: ProposalVisitor): void {
    let start = this.#committedBytes;
    for (let i = this.#committedChunk; i < this.#chunks.length; i++) {
      const chunk = this.#chunks[i]!;
      const isWanted = chunk.lastZxid > zxid;
      const range = { start, end: chunk.usedBytes, after: zxid };
      if (isWanted && !visitRecords(chunk, range, visit)) return;
      start = 0;
    }
  }

  #addChunk(capacity: number, firstZxid: Zxid): Chunk {
    const buffer = new Uint8Array(capacity);
    const view = new DataView(buffer.buffer);
    const chunk = { buffer, view, usedBytes: 0, recordCount: 0, firstZxid, lastZxid: firstZxid };
    this.#chunks.push(chunk);
    this.#bytes += capacity;
    return chunk;
  }

  /** Drops the oldest chunks; never the one with the newest committed proposal. */
  #trim(): void {
    while (this.#committedChunk > 0) {
      const { buffer, recordCount, lastZxid } = this.#chunks[0]!;
      const isSpare = this.#committedCount - recordCount >= this.#commitLogCount;
      if (!isSpare && this.#bytes <= this.#bytesMax) return;
      this.#chunks.shift();
      this.#bytes -= buffer.length;
      this.#committedChunk -= 1;
      this.#committedCount -= recordCount;
      this.#droppedThrough = lastZxid;
    }
  }
}

/** Returns whether the visitor wants more. */
function visitRecords(
  { buffer, view }: Chunk,
  { start, end, after }: { start: number; end: number; after: Zxid },
  visit: ProposalVisitor,
): boolean {
  for (let at = start; at < end;) {
    const bodyStart = at + RECORD_PREFIX_BYTES;
    const bodyEnd = bodyStart + view.getInt32(at + LENGTH_OFFSET);
    const zxid = zxidAt(view, at);
    if (zxid > after && !visit(zxid, buffer, bodyStart, bodyEnd)) return false;
    at = bodyEnd + 1;
  }
  return true;
}

/** Where the record of `zxid` ends, and the number of records from offset `from` to there. */
function walkTo({ view }: Chunk, from: number, zxid: Zxid): { bytes: number; count: number } {
  let bytes = from;
  let count = 0;
  let found: Zxid;
  do {
    found = zxidAt(view, bytes);
    bytes += RECORD_OVERHEAD_BYTES + view.getInt32(bytes + LENGTH_OFFSET);
    count += 1;
  } while (found < zxid);
  assert(found === zxid, "only what was proposed is committed");
  return { bytes, count };
}

/** The zxid of the record that starts at `offset`. */
function zxidAt(view: DataView, offset: number): Zxid {
  return view.getInt32(offset + ZXID_OFFSET) * TWO_32 + view.getUint32(offset + ZXID_OFFSET + 4);
}
