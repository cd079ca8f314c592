/**
 * Reads the records of one txn log, and tells where a crash ended it (disk format section 4.4).
 *
 * A log ends, without complaint, at the end of the file, at a length of 0, or at a record whose end
 * byte is missing: that record was never acknowledged. All other damage is refused with
 * {@linkcode LogCorruptError}, because what lies behind it may have been acknowledged.
 *
 * Memory is one chunk, or the longest record if that is longer.
 *
 * @module
 */
import { adler32 } from "../checksum.ts";
import { DataDirError, DecodeError } from "../errors.ts";
import { readTxnRecord, TXN_HEADER_BYTES, type TxnRecord } from "../txn/txn.ts";
import { JuteReader } from "../wire/jute.ts";
import type { Zxid } from "../zxid.ts";
import {
  FILE_HEADER_BYTES,
  type FileHeader,
  readFileHeader,
  TXN_LOG_MAGIC,
} from "./file_header.ts";
import { RECORD_END, RECORD_OVERHEAD_BYTES, RECORD_PREFIX_BYTES } from "./txn_log_format.ts";

const CHUNK_BYTES = 1024 * 1024;
const ZXID_OFFSET = 12;

/** The bytes of a file, in order. */
export interface ByteSource {
  /** Fills the start of `target`; returns how many bytes, 0 at the end. */
  read(target: Uint8Array): number;
}

/** A txn log holds what no crash leaves behind. */
export class LogCorruptError extends DataDirError {
  override name = "LogCorruptError";
  readonly file: string;
  readonly offset: number;
  /** What is wrong at the offset. */
  readonly problem: string;

  constructor({ file, offset, problem }: { file: string; offset: number; problem: string }) {
    super(
      `Cannot read txn log "${file}": ${problem} at offset ${offset}; restore the file from a ` +
        "backup, or move it and all later logs away to start without the txns they hold",
    );
    this.file = file;
    this.offset = offset;
    this.problem = problem;
  }
}

export interface TxnLogReaderOptions {
  source: ByteSource;
  /** For messages. */
  fileName: string;
  /** Longest record body, string or buffer accepted, in bytes. */
  lengthMax: number;
  /** What is read at a time. */
  chunkBytes?: number;
  /** Where in the file the source stands: at its start, or at a record. */
  startOffset?: number;
  /** "tell": records are read whatever their checksum is, see `wrongChecksum`; for tools. */
  checksums?: "refuse" | "tell";
}

export class TxnLogReader {
  /** Where the current record starts, or where the log ended. */
  offset = 0;
  /** Zxid of the current record. */
  zxid: Zxid = -1;
  /** Why the log ended, when bytes of an unfinished record are there. */
  tornBecause: string | null = null;
  /** The file's header, once it was read. */
  header: FileHeader | null = null;
  /** Of the current record, when it is not that of its body. */
  wrongChecksum: { stored: bigint; expected: number } | null = null;

  #source: ByteSource;
  #fileName: string;
  #lengthMax: number;
  #buffer: Uint8Array<ArrayBuffer>;
  #view: DataView<ArrayBuffer>;
  #position = 0;
  #end = 0;
  /** Offset in the file of the buffer's first byte. */
  #bufferOffset = 0;
  #bodyBytes = 0;
  #body: JuteReader;
  #checksums: "refuse" | "tell";

  constructor(
    {
      source,
      fileName,
      lengthMax,
      chunkBytes = CHUNK_BYTES,
      startOffset = 0,
      checksums = "refuse",
    }: TxnLogReaderOptions,
  ) {
    this.#source = source;
    this.#fileName = fileName;
    this.#lengthMax = lengthMax;
    this.#bufferOffset = startOffset;
    this.#checksums = checksums;
    this.#buffer = new Uint8Array(chunkBytes);
    this.#view = new DataView(this.#buffer.buffer);
    this.#body = new JuteReader(this.#buffer, { lengthMax });
  }

  /**
   * Reads the file header.
   *
   * @returns "blank" for a file without a byte, or with nothing but zeros: it was created, and the
   * crash came before anything was written to it
   * @throws {LogCorruptError} on a header that is cut or is not a txn log's
   */
  readHeader(): "present" | "blank" {
    if (!this.#has(FILE_HEADER_BYTES)) {
      if (this.#end === 0) return "blank";
      this.#refuse(`the file header has ${this.#end} bytes instead of ${FILE_HEADER_BYTES}`);
    }
    this.header = readFileHeader(this.#readerAt(0, FILE_HEADER_BYTES));
    const { magic } = this.header;
    if (magic === 0 && this.#onlyZeros()) return "blank";
    if (magic !== TXN_LOG_MAGIC) {
      this.#refuse(`the magic number is ${magic}, expected ${TXN_LOG_MAGIC}`);
    }
    this.#position = FILE_HEADER_BYTES;
    this.offset = FILE_HEADER_BYTES;
    return "present";
  }

  /**
   * Goes to the next record, and sets `zxid` and `offset`.
   *
   * @returns false at the end of the log
   * @throws {LogCorruptError} on damage that no crash explains
   */
  next(): boolean {
    this.#position += this.#bodyBytes === 0 ? 0 : this.#bodyBytes + RECORD_OVERHEAD_BYTES;
    this.#bodyBytes = 0;
    this.offset = this.#bufferOffset + this.#position;
    if (!this.#has(RECORD_PREFIX_BYTES)) {
      return this.#ended(this.#end > this.#position ? "the file ends inside a record" : null);
    }
    const length = this.#view.getInt32(this.#position + 8);
    if (length === 0) {
      const started = this.#view.getBigInt64(this.#position) !== 0n;
      return this.#ended(started ? "only the checksum of a record was written" : null);
    }
    if (length < 0 || length > this.#lengthMax) {
      this.#refuse(`there is a record of ${length} bytes, the limit is ${this.#lengthMax}`);
    }
    if (!this.#has(length + RECORD_OVERHEAD_BYTES)) {
      return this.#ended("the file ends inside a record");
    }
    const start = this.#position + RECORD_PREFIX_BYTES;
    if (this.#buffer[start + length] !== RECORD_END) {
      return this.#ended("a record lacks its end byte");
    }
    const expected = adler32(1, this.#buffer, start, start + length);
    this.wrongChecksum = null;
    if (
      this.#view.getUint32(this.#position) !== 0 ||
      this.#view.getUint32(this.#position + 4) !== expected
    ) {
      const stored = this.#view.getBigUint64(this.#position);
      if (this.#checksums === "refuse") {
        this.#refuse(
          `there is a record with checksum 0x${stored.toString(16)}, expected 0x${
            expected.toString(16)
          },`,
        );
      }
      this.wrongChecksum = { stored, expected };
    }
    if (length < TXN_HEADER_BYTES) this.#refuse(`there is a record of only ${length} bytes`);
    this.#bodyBytes = length;
    this.zxid = this.#readerAt(start + ZXID_OFFSET, 8).zxid();
    return true;
  }

  /**
   * Decodes the current record. Paths and data are borrowed until the next call of `next`.
   *
   * @throws {LogCorruptError} on a record of unknown type or one that ends early
   */
  record(): TxnRecord {
    const start = this.#position + RECORD_PREFIX_BYTES;
    try {
      return readTxnRecord(this.#readerAt(start, this.#bodyBytes));
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      this.#refuse(`there is a record that cannot be decoded (${error.message})`);
    }
  }

  /** The current record's body as it lies in the file; borrowed like the record. */
  body(): Uint8Array {
    const start = this.#position + RECORD_PREFIX_BYTES;
    return this.#buffer.subarray(start, start + this.#bodyBytes);
  }

  /** The current record as it lies in the file, with checksum, length and end byte; borrowed likewise. */
  recordBytes(): Uint8Array {
    return this.#buffer.subarray(
      this.#position,
      this.#position + this.#bodyBytes + RECORD_OVERHEAD_BYTES,
    );
  }

  #readerAt(start: number, byteCount: number): JuteReader {
    this.#body.reset(this.#buffer, this.#view, start, start + byteCount);
    return this.#body;
  }

  #ended(tornBecause: string | null): false {
    this.tornBecause = tornBecause;
    return false;
  }

  /** Whether all that is left of the file is zeros. Consumes it. */
  #onlyZeros(): boolean {
    for (;;) {
      for (let i = 0; i < this.#end; i++) if (this.#buffer[i] !== 0) return false;
      this.#end = this.#source.read(this.#buffer);
      if (this.#end === 0) return true;
    }
  }

  /** Makes `byteCount` bytes from `position` on available; false when the file ends before. */
  #has(byteCount: number): boolean {
    if (this.#position + byteCount <= this.#end) return true;
    this.#bufferOffset += this.#position;
    if (byteCount > this.#buffer.length) {
      const grown = new Uint8Array(byteCount + CHUNK_BYTES);
      grown.set(this.#buffer.subarray(this.#position, this.#end));
      this.#buffer = grown;
      this.#view = new DataView(grown.buffer);
    } else this.#buffer.copyWithin(0, this.#position, this.#end);
    this.#end -= this.#position;
    this.#position = 0;
    while (this.#end < byteCount) {
      const count = this.#source.read(this.#buffer.subarray(this.#end));
      if (count === 0) return false;
      this.#end += count;
    }
    return true;
  }

  #refuse(problem: string): never {
    throw new LogCorruptError({ file: this.#fileName, offset: this.offset, problem });
  }
}
