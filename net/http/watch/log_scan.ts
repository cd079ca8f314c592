/**
 * Reads the txn logs of a directory from some place on, as long as there is something. The place behind what was
 * read can be kept, and read on from later: also when the log was at its end and has grown since.
 *
 * @module
 */
import type { FileSystem, OpenFile } from "../../../core/ports.ts";
import { FILE_HEADER_BYTES } from "../../../core/storage/file_header.ts";
import { type StorageFile, txnLogsFrom, txnLogsIn } from "../../../core/storage/file_names.ts";
import { ReplayOrder } from "../../../core/storage/replay_check.ts";
import { RECORD_OVERHEAD_BYTES } from "../../../core/storage/txn_log_format.ts";
import { type ByteSource, TxnLogReader } from "../../../core/storage/txn_log_reader.ts";
import type { TxnRecord } from "../../../core/txn/txn.ts";
import type { Zxid } from "../../../core/zxid.ts";

/** What is read from a file at a time. */
const CHUNK_BYTES = 128 * 1024;

export interface LogPlace {
  /** The last txn before it. */
  readonly zxid: Zxid;
  readonly fileName: string;
  readonly offset: number;
}

export interface LogScanOptions {
  /** `<dataLogDir>/version-2` */
  readonly dir: string;
  readonly fileSystem: FileSystem;
  /** Longest record accepted, in bytes. */
  readonly lengthMax: number;
}

export class LogScan {
  readonly #options: LogScanOptions;
  /** The file that is read, and those after it. */
  readonly #logs: StorageFile[];
  readonly #order: ReplayOrder;
  #file: OpenFile | null = null;
  #reader: TxnLogReader | null = null;
  /** What the reader takes for the end of the header is there. */
  #firstOffset: number;
  #place: LogPlace;
  /** The reader stands at a record that was not passed. */
  #isAtRecord = false;

  private constructor(options: LogScanOptions, logs: StorageFile[], place: LogPlace) {
    this.#options = options;
    this.#logs = logs;
    this.#place = place;
    this.#firstOffset = place.offset;
    this.#order = new ReplayOrder({ zxid: place.zxid, file: place.fileName });
  }

  /**
   * Begins at the best place from which all txns after `zxid` can be read, some before it perhaps as well.
   *
   * @param places known ones
   * @returns null when the logs begin behind it
   */
  static open(
    options: LogScanOptions,
    zxid: Zxid,
    places: Iterable<LogPlace>,
  ): LogScan | null {
    const all = txnLogsIn(options.fileSystem.namesIn(options.dir));
    const [first] = txnLogsFrom(all, zxid + 1);
    if (first === undefined || first.zxid > zxid + 1) return null;
    let best: LogPlace = { zxid: first.zxid - 1, fileName: first.name, offset: FILE_HEADER_BYTES };
    const names = new Set(all.map(({ name }) => name));
    for (const place of places) {
      if (place.zxid > best.zxid && place.zxid <= zxid && names.has(place.fileName)) best = place;
    }
    const logs = all.slice(all.findIndex(({ name }) => name === best.fileName));
    return new LogScan(options, logs, best);
  }

  /** Behind what was passed. */
  get place(): LogPlace {
    return this.#place;
  }

  /**
   * Looks at the next record; what is there twice is left out.
   *
   * @returns its zxid; null at the end of what is there now: a scan from `place` finds what comes later
   * @throws {DataDirError} on damage, or when txns are missing
   */
  peek(): Zxid | null {
    for (;;) {
      this.#reader ??= this.#openFirst();
      if (this.#reader === null) return null;
      if (this.#isAtRecord) return this.#reader.zxid;
      const { name } = this.#logs[0]!;
      while (this.#reader.next()) {
        if (this.#order.take(this.#reader.zxid, name) === "outOfOrder") continue;
        this.#isAtRecord = true;
        return this.#reader.zxid;
      }
      if (this.#logs.length === 1) return null;
      this.close();
      this.#logs.shift();
    }
  }

  /** The record that was looked at; borrowed until the next. */
  record(): TxnRecord {
    return this.#reader!.record();
  }

  /** Goes behind the record that was looked at. Returns how many bytes it took. */
  pass(): number {
    const reader = this.#reader!;
    const bytes = reader.body().length + RECORD_OVERHEAD_BYTES;
    this.#isAtRecord = false;
    this.#place = {
      zxid: reader.zxid,
      fileName: this.#logs[0]!.name,
      offset: this.#firstOffset + reader.offset - FILE_HEADER_BYTES + bytes,
    };
    return bytes;
  }

  close(): void {
    this.#file?.close();
    this.#file = null;
    this.#reader = null;
    this.#isAtRecord = false;
  }

  #openFirst(): TxnLogReader | null {
    for (; this.#logs.length > 0; this.#logs.shift()) {
      const { dir, fileSystem, lengthMax } = this.#options;
      const { name } = this.#logs[0]!;
      this.#firstOffset = name === this.#place.fileName ? this.#place.offset : FILE_HEADER_BYTES;
      const path = `${dir}/${name}`;
      this.#file = fileSystem.open(path, "read");
      const reader = new TxnLogReader({
        source: headerThenFrom(this.#file, this.#firstOffset),
        fileName: path,
        lengthMax,
        chunkBytes: CHUNK_BYTES,
      });
      if (reader.readHeader() === "present") return reader;
      this.close();
      if (this.#logs.length === 1) return null;
    }
    return null;
  }
}

/** Lets a reader begin in the middle of a file. */
function headerThenFrom(file: OpenFile, offset: number): ByteSource {
  let isBehindHeader = false;
  return {
    read(target) {
      if (isBehindHeader) return file.read(target);
      const count = file.read(target.subarray(0, FILE_HEADER_BYTES));
      if (count === FILE_HEADER_BYTES) {
        file.seek(offset);
        isBehindHeader = true;
      }
      return count;
    },
  };
}
