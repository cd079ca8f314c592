/**
 * Encoded txn log records on their way to the disk, gathered in batches.
 *
 * A batch's buffer is where its txns borrow their paths and data from, so it is used again only when
 * all of them are both applied and logged: on a follower, and on a leader whose followers are quicker,
 * a txn may be applied before our own disk has it.
 *
 * @module
 */
import { JuteWriter } from "../wire/jute.ts";
import type { Zxid } from "../zxid.ts";

/** Encoded records on their way to the disk. */
export interface LogBatch {
  bytes: Uint8Array;
  firstZxid: Zxid;
  lastZxid: Zxid;
  recordCount: number;
  /** Where the bytes are; it is used again when all is logged and applied. */
  writer: JuteWriter;
}

const BATCH_BYTES_START = 64 << 10;
const BATCH_BYTES_KEPT_MAX = 1 << 20;
/** More than are under way together for long; a disk that stalls may need any number. */
const BATCHES_KEPT_MAX = 8;

export class LogBatches {
  /** What is being filled. */
  writer = new JuteWriter(BATCH_BYTES_START);

  #firstZxid: Zxid = -1;
  #lastZxid: Zxid = -1;
  #recordCount = 0;
  /** For the next batches: allocating one for each would keep the garbage collector busy. */
  #pool: JuteWriter[] = [];
  /** Taken, not yet both logged and applied; oldest first. */
  #taken: LogBatch[] = [];
  #takenBytes = 0;
  #loggedZxid: Zxid = -1;
  #appliedZxid: Zxid = -1;

  /** Records of the batch that is being filled. */
  get recordCount(): number {
    return this.#recordCount;
  }

  /** Of records that are not yet both logged and applied. */
  get bytes(): number {
    return this.#takenBytes + this.writer.position;
  }

  /** A whole record was written to `writer`. */
  added(zxid: Zxid): void {
    if (this.#recordCount++ === 0) this.#firstZxid = zxid;
    this.#lastZxid = zxid;
  }

  /** The records added since the last call; null when there are none. */
  take(): LogBatch | null {
    if (this.#recordCount === 0) return null;
    const { writer } = this;
    const batch = {
      bytes: writer.written(),
      firstZxid: this.#firstZxid,
      lastZxid: this.#lastZxid,
      recordCount: this.#recordCount,
      writer,
    };
    this.#taken.push(batch);
    this.#takenBytes += batch.bytes.length;
    this.#recordCount = 0;
    this.writer = this.#pool.pop() ?? new JuteWriter(BATCH_BYTES_START);
    return batch;
  }

  /** All records through `zxid` are durable. */
  logged(zxid: Zxid): void {
    this.#loggedZxid = zxid;
    this.#release();
  }

  /** All txns through `zxid` are applied. */
  applied(zxid: Zxid): void {
    this.#appliedZxid = zxid;
    this.#release();
  }

  /** Forgets everything: nothing of it was logged. */
  discard(): void {
    this.writer.position = 0;
    this.#recordCount = 0;
    this.#taken = [];
    this.#takenBytes = 0;
  }

  #release(): void {
    const done = Math.min(this.#loggedZxid, this.#appliedZxid);
    while (this.#taken.length > 0 && this.#taken[0]!.lastZxid <= done) {
      const { bytes, writer } = this.#taken.shift()!;
      this.#takenBytes -= bytes.length;
      if (writer.buffer.length > BATCH_BYTES_KEPT_MAX) continue;
      if (this.#pool.length === BATCHES_KEPT_MAX) continue;
      writer.position = 0;
      this.#pool.push(writer);
    }
  }
}
