/**
 * Fills a tree and a session table from the bytes of a snapshot, pushed in pieces of any size.
 *
 * All seals are checked. What follows the first is told apart by its length, not by configuration, so
 * snapshots of all versions load (disk format section 7.1). The tree is not usable before `finish`, nor
 * after a failure.
 *
 * @module
 */
import { adler32 } from "../checksum.ts";
import { DataDirError, DecodeError } from "../errors.ts";
import type { Zxid } from "../zxid.ts";
import { FILE_HEADER_BYTES, readFileHeader, SNAPSHOT_MAGIC } from "./file_header.ts";
import { PieceBuffer } from "./piece_buffer.ts";
import { type TreeRecordOptions, TreeRecordReader } from "./tree_record_reader.ts";

const SEAL_BYTES = 13;
const LAST_ZXID_BYTES = 8 + SEAL_BYTES;
/** Longer than all known sections together, old text digests included. */
const TAIL_BYTES_MAX = 256;

/** A snapshot is damaged or incomplete: an older one may serve. */
export class SnapshotCorruptError extends DataDirError {
  override name = "SnapshotCorruptError";
}

export interface SnapshotDigest {
  /** The last txn applied when the tree had been written. */
  zxid: Zxid;
  version: number;
  /** Unsigned 64 bits; null for versions before 2, which nobody compares. */
  treeDigest: bigint | null;
}

export interface SnapshotSummary {
  znodeCount: number;
  /** Uncompressed. */
  bytes: number;
  digest: SnapshotDigest | null;
  lastZxid: Zxid | null;
}

export class SnapshotLoader {
  readonly #buffer: PieceBuffer;
  readonly #records: TreeRecordReader;
  #state: "header" | "records" | "seal" | "tail" = "header";
  #adler = 1;
  /** Up to where in the buffer the checksum is computed. */
  #summed = 0;
  #bytes = 0;

  constructor(options: TreeRecordOptions) {
    this.#buffer = new PieceBuffer(options.lengthMax);
    this.#records = new TreeRecordReader(options);
  }

  /** @throws {SnapshotCorruptError} when these bytes cannot be the next of a snapshot */
  push(bytes: Uint8Array): void {
    const { reader } = this.#buffer;
    this.#buffer.append(bytes);
    this.#bytes += bytes.length;
    this.#summed = 0;
    try {
      while (this.#step());
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      throw new SnapshotCorruptError(
        `${error.message}, near byte ${this.#bytes - reader.remaining}`,
      );
    }
    this.#sum(reader.position);
    if (this.#state === "tail" && reader.remaining > TAIL_BYTES_MAX) {
      throw new SnapshotCorruptError("There are bytes behind the last section");
    }
  }

  /**
   * Says that there are no more bytes. What remains is `tree.finishLoad`.
   *
   * @throws {SnapshotCorruptError} when there should be more, or a seal does not match
   */
  finish(): SnapshotSummary {
    if (this.#state !== "tail") {
      throw new SnapshotCorruptError(`It ends early, after ${this.#bytes} bytes`);
    }
    try {
      return { znodeCount: this.#records.znodeCount, bytes: this.#bytes, ...this.#readTail() };
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      throw new SnapshotCorruptError(`Its last section is damaged: ${error.message}`);
    }
  }

  /** Reads one item if it is there whole; false when more bytes are needed. */
  #step(): boolean {
    const { reader } = this.#buffer;
    switch (this.#state) {
      case "header": {
        if (reader.remaining < FILE_HEADER_BYTES) return false;
        const { magic } = readFileHeader(reader);
        if (magic !== SNAPSHOT_MAGIC) {
          throw new SnapshotCorruptError(
            `Its magic number is ${magic}, expected ${SNAPSHOT_MAGIC}`,
          );
        }
        this.#state = "records";
        return true;
      }
      case "records":
        if (this.#records.step(reader)) return true;
        if (!this.#records.isComplete) return false;
        this.#state = "seal";
        return true;
      case "seal":
        if (reader.remaining < SEAL_BYTES) return false;
        this.#readSeal();
        this.#state = "tail";
        return false;
      case "tail":
        return false;
    }
  }

  #readTail(): { digest: SnapshotDigest | null; lastZxid: Zxid | null } {
    const { reader } = this.#buffer;
    let digest: SnapshotDigest | null = null;
    let lastZxid: Zxid | null = null;
    if (reader.remaining > 0 && reader.remaining !== LAST_ZXID_BYTES) {
      const zxid = reader.zxid();
      const version = reader.int();
      if (version < 2) reader.string();
      const treeDigest = version < 2 ? null : BigInt.asUintN(64, reader.long());
      this.#readSeal();
      digest = { zxid, version, treeDigest };
    }
    if (reader.remaining > 0) {
      lastZxid = reader.zxid();
      this.#readSeal();
    }
    if (reader.remaining > 0) {
      throw new DecodeError(`there are ${reader.remaining} bytes behind it`);
    }
    return { digest, lastZxid };
  }

  #readSeal(): void {
    const { reader } = this.#buffer;
    this.#sum(reader.position);
    const checksum = reader.longAsNumber();
    if (checksum !== this.#adler) {
      throw new SnapshotCorruptError(
        `Its checksum is 0x${checksum.toString(16)}, expected 0x${this.#adler.toString(16)}`,
      );
    }
    if (reader.string() !== "/") {
      throw new SnapshotCorruptError("A seal is not closed with a slash");
    }
  }

  #sum(end: number): void {
    this.#adler = adler32(this.#adler, this.#buffer.reader.buffer, this.#summed, end);
    this.#summed = end;
  }
}
