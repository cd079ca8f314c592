/**
 * Reads old txns back from the log, for a learner that lacks more than is kept in memory (quorum protocol
 * section 7, case 5).
 *
 * Works by slices, so that a long log never holds up the server: first `find` to the place, then `next`
 * through the txns behind it. The log may be appended to meanwhile; what is behind `throughZxid` is not
 * looked at. A log that turns out to be damaged or to have a hole is no failure of ours: there is always
 * a SNAP.
 *
 * @module
 */
import { assert } from "../core/assert.ts";
import type { FileSystem, OpenFile } from "../core/ports.ts";
import { type StorageFile, txnLogsFrom, txnLogsIn } from "../core/storage/file_names.ts";
import { ReplayOrder } from "../core/storage/replay_check.ts";
import type { TxnLogReader } from "../core/storage/txn_log_reader.ts";
import type { Zxid } from "../core/zxid.ts";
import { openTxnLog } from "./txn_log_source.ts";

/** What is read from a file at a time. */
const CHUNK_BYTES = 256 * 1024;

export interface TxnLogHistoryOptions {
  /** `<dataLogDir>/version-2` */
  dir: string;
  fileSystem: FileSystem;
  /** Longest record accepted, in bytes. */
  lengthMax: number;
  /** The last txn that the learner has. */
  afterZxid: Zxid;
  /** The last txn wanted: logged and durable already. */
  throughZxid: Zxid;
}

export class TxnLogHistory {
  /** Whether the log holds txn `afterZxid` itself. Known once it is found. */
  hasAfterZxid = false;
  /** The last txn before `afterZxid`; null when there is none in the log read. Known once it is found. */
  previousZxid: Zxid | null = null;
  /** The first txn after `afterZxid`; null when there is none through `throughZxid`. Likewise. */
  firstZxid: Zxid | null = null;
  /** What the logs behind the one with the place take on the disk. Likewise. */
  laterFilesBytes = 0;
  /** Why the log is of no use, when it is broken. */
  brokenBecause: string | null = null;

  readonly #options: TxnLogHistoryOptions;
  /** The file that is read, and those after it. */
  #logs: StorageFile[];
  #file: OpenFile | null = null;
  #reader: TxnLogReader | null = null;
  #order: ReplayOrder | null = null;
  #state: "finding" | "atFirst" | "reading" | "ended" = "finding";

  private constructor(options: TxnLogHistoryOptions, logs: StorageFile[]) {
    this.#options = options;
    this.#logs = logs;
  }

  /**
   * Opens the log that may hold `afterZxid`.
   *
   * @returns null when it begins behind it, or not at all: what comes before is not known then
   */
  static open(options: TxnLogHistoryOptions): TxnLogHistory | null {
    const { dir, fileSystem, afterZxid } = options;
    const logs = txnLogsFrom(txnLogsIn(fileSystem.namesIn(dir)), afterZxid + 1);
    if (logs.length === 0 || logs[0]!.zxid > afterZxid) return null;
    return new TxnLogHistory(options, logs);
  }

  /**
   * Looks for the place after `afterZxid`, through so many bytes or a little more.
   *
   * @returns "more" to be called again; "found" when the fields above are known
   */
  find(bytesMax: number): "more" | "found" | "broken" {
    assert(this.#state === "finding", "the place is looked for once");
    return this.#guarded(() => this.#find(bytesMax));
  }

  /**
   * Hands out txns, oldest first, of so many bytes together or a little more.
   *
   * @param take gets the body of a record: header, txn and digest; borrowed for the call
   * @returns "end" when there are none any more; "broken" takes back all that came before
   */
  next(
    bytesMax: number,
    take: (zxid: Zxid, body: Uint8Array) => void,
  ): "more" | "end" | "broken" {
    assert(this.#state !== "finding", "the place is found first");
    return this.#guarded(() => this.#next(bytesMax, take));
  }

  close(): void {
    this.#file?.close();
    this.#file = null;
    this.#reader = null;
  }

  #find(bytesMax: number): "more" | "found" {
    const { afterZxid } = this.#options;
    for (let readBytes = 0; readBytes < bytesMax;) {
      const reader = this.#advance();
      if (reader === null || reader.zxid > afterZxid) {
        this.#found(reader);
        return "found";
      }
      readBytes += reader.body().length;
      if (reader.zxid === afterZxid) this.hasAfterZxid = true;
      else this.previousZxid = reader.zxid;
    }
    return "more";
  }

  #found(reader: TxnLogReader | null): void {
    this.#state = reader === null ? "ended" : "atFirst";
    if (reader === null) return;
    this.firstZxid = reader.zxid;
    const { dir, fileSystem } = this.#options;
    for (const { name } of this.#logs.slice(1)) {
      const file = fileSystem.open(`${dir}/${name}`, "read");
      this.laterFilesBytes += file.storedBytes();
      file.close();
    }
  }

  #next(bytesMax: number, take: (zxid: Zxid, body: Uint8Array) => void): "more" | "end" {
    for (let takenBytes = 0; takenBytes < bytesMax;) {
      if (this.#state === "ended") return "end";
      const reader = this.#state === "atFirst" ? this.#reader : this.#advance();
      this.#state = reader === null ? "ended" : "reading";
      if (reader === null) return "end";
      const body = reader.body();
      takenBytes += body.length;
      take(reader.zxid, body);
    }
    return "more";
  }

  /** Goes to the next record, in this file or a later one; null behind `throughZxid`. */
  #advance(): TxnLogReader | null {
    for (;;) {
      this.#reader ??= this.#openFirst();
      if (this.#reader === null) return null;
      while (this.#reader.next()) {
        const { zxid } = this.#reader;
        if (zxid > this.#options.throughZxid) return null;
        const { name } = this.#logs[0]!;
        this.#order ??= new ReplayOrder({ zxid: zxid - 1, file: name });
        if (this.#order.take(zxid, name) !== "outOfOrder") return this.#reader;
      }
      this.close();
      this.#logs.shift();
    }
  }

  #openFirst(): TxnLogReader | null {
    for (; this.#logs.length > 0; this.#logs.shift()) {
      const { dir, fileSystem, lengthMax } = this.#options;
      const path = `${dir}/${this.#logs[0]!.name}`;
      const { reader, file } = openTxnLog({
        path,
        fileSystem,
        lengthMax,
        chunkBytes: CHUNK_BYTES,
      });
      this.#file = file;
      if (reader.readHeader() === "present") return reader;
      this.close();
    }
    return null;
  }

  /** A file that is gone, cannot be read or holds nonsense: whatever it is, we have a snapshot to send. */
  #guarded<T>(read: () => T): T | "broken" {
    try {
      return read();
    } catch (error) {
      this.brokenBecause = error instanceof Error ? error.message : String(error);
      this.#state = "ended";
      this.close();
      return "broken";
    }
  }
}
