/**
 * Appends batches of txns to the txn log, and makes them durable.
 *
 * A batch is one write and one fdatasync. A file is created by its first batch and never continued
 * after a restart. The file is extended ahead of the writes as ZooKeeper does (disk format section
 * 4.3), and the next stretch is filled with zeros, because a sync that need not allocate blocks takes
 * half the time: see `tests/bench/fsync_bench.ts`.
 *
 * Invariant: a batch is wholly in the file, or, after {@linkcode DiskFullError}, not at all.
 *
 * @module
 */
import { assert } from "../core/assert.ts";
import type { Clock, FileSystem, Logger, OpenFile } from "../core/ports.ts";
import type { LogBatch } from "../core/server/log_batches.ts";
import { FILE_HEADER_BYTES, writeTxnLogHeader } from "../core/storage/file_header.ts";
import { txnLogName } from "../core/storage/file_names.ts";
import { JuteWriter } from "../core/wire/jute.ts";
import type { Zxid } from "../core/zxid.ts";
import { DiskFullError, isDiskFull } from "./disk_full.ts";
import { ended, writeAll } from "./file_system.ts";

/** As in ZooKeeper: extend when less than this is left. */
const EXTEND_MARGIN_BYTES = 4096;
/** How far zeros are written ahead. Measured: less syncs zeros too often, more makes one sync slow. */
const ZERO_AHEAD_BYTES = 128 * 1024;
/** Larger batches gain nothing from zeros ahead: they would write everything twice. */
const ZERO_AHEAD_BATCH_BYTES_MAX = 32 * 1024;
const ZEROS = new Uint8Array(ZERO_AHEAD_BYTES + ZERO_AHEAD_BATCH_BYTES_MAX);

export interface TxnLogFileOptions {
  /** `<dataLogDir>/version-2` */
  dir: string;
  /** How far a file is extended at a time; 0 or less: not at all. */
  preallocBytes: number;
  /** False: syncs are skipped, and a power cut loses acknowledged writes. */
  forceSync: boolean;
  /** Syncs that take longer are logged. */
  fsyncWarningMs: number;
  logger: Logger;
  clock: Clock;
  fileSystem: FileSystem;
}

/** Whole, encoded records (checksum to end byte), one after the other. */
export type LogRecords = Pick<LogBatch, "bytes" | "firstZxid" | "recordCount">;

interface OpenLog {
  readonly path: string;
  readonly file: OpenFile;
  /** Where the next record goes, which is also where the file's cursor stands. */
  position: number;
  /** How far the file was extended; a large batch may reach beyond. */
  extendedTo: number;
  /** Up to where zeros were written. */
  zeroedTo: number;
  isDirty: boolean;
}

export class TxnLogFile {
  /** Syncs that took longer than `fsyncWarningMs`. */
  slowSyncCount = 0;

  #options: TxnLogFileOptions;
  #current: OpenLog | null = null;
  /** Rolled away, not yet synced. */
  #retired: OpenLog[] = [];
  #isDirectoryDirty = false;
  #rolledBytes = 0;
  #recordCount = 0;
  #failure: unknown = null;
  /** Being synced just now: closed when that is done. */
  #inSync: readonly OpenLog[] = [];

  constructor(options: TxnLogFileOptions) {
    this.#options = options;
  }

  /** Size of the file being written, with what lies ahead; 0 when the next write opens a new one. */
  get sizeBytes(): number {
    return this.#current === null ? 0 : sizeOf(this.#current);
  }

  /** Sizes on disk of the logs since the last reset, as ZooKeeper counts towards a snapshot. */
  get bytesSinceSnapshot(): number {
    return this.#rolledBytes + this.sizeBytes;
  }

  /** Records written since the last roll. */
  get recordsSinceRoll(): number {
    return this.#recordCount;
  }

  /** The file being written; null when the next write opens a new one. */
  get path(): string | null {
    return this.#current?.path ?? null;
  }

  resetBytesSinceSnapshot(): void {
    this.#rolledBytes = 0;
  }

  /**
   * Writes a batch. Not durable before the next `sync`.
   *
   * @throws {DiskFullError} the file is as it was before; all other errors are fatal
   */
  write({ bytes, firstZxid, recordCount }: LogRecords): void {
    assert(this.#failure === null, "nothing is logged after a failed write or sync");
    assert(bytes.length > 0 && recordCount > 0, "a batch holds at least one record");
    let log: OpenLog | null = this.#current;
    try {
      log ??= this.#create(firstZxid);
      this.#extend(log, bytes.length);
      writeAll(log.file, bytes);
    } catch (error) {
      if (log === null || !isDiskFull(error)) {
        if (isDiskFull(error)) throw this.#noRoomToCreate(firstZxid, error);
        this.#failure = error;
        throw error;
      }
      this.#undo(log);
      throw new DiskFullError(log.path, { cause: error });
    }
    log.position += bytes.length;
    if (log.position > log.zeroedTo) log.zeroedTo = log.position;
    log.isDirty = true;
    this.#recordCount += recordCount;
  }

  /**
   * Makes everything written so far durable; what is written meanwhile waits for the next call.
   *
   * @returns how long it took in ms; 0 at once when there is nothing to do, or with forceSync off
   * @throws the failure of the sync: fatal, since nobody knows what is on the disk now
   */
  async sync(): Promise<number> {
    const { dir, forceSync, clock, fileSystem } = this.#options;
    const logs = this.#takeDirty();
    if (logs.length === 0) return 0;
    if (!forceSync) {
      this.#closeRetired(logs);
      return 0;
    }
    const startMs = clock.monotonicMs();
    this.#inSync = logs;
    try {
      for (const { file } of logs) await ended((done) => file.startSync(done));
      if (this.#isDirectoryDirty) {
        this.#isDirectoryDirty = false;
        await ended((done) => fileSystem.startDirectorySync(dir, done));
      }
    } catch (error) {
      this.#failure = error;
      throw error;
    } finally {
      this.#inSync = [];
    }
    return this.#synced(logs, startMs);
  }

  /** The same, holding up everything else: a third faster on a fast disk, which pays for one client. */
  syncBlocking(): number {
    const { dir, forceSync, clock, fileSystem } = this.#options;
    const logs = this.#takeDirty();
    if (logs.length === 0) return 0;
    if (!forceSync) {
      this.#closeRetired(logs);
      return 0;
    }
    const startMs = clock.monotonicMs();
    try {
      for (const { file } of logs) file.sync();
      if (this.#isDirectoryDirty) {
        this.#isDirectoryDirty = false;
        fileSystem.syncDirectory(dir);
      }
    } catch (error) {
      this.#failure = error;
      throw error;
    }
    return this.#synced(logs, startMs);
  }

  /** Makes everything written durable, also what a sync under way may have on its way. */
  flush(): void {
    const { dir, forceSync, fileSystem } = this.#options;
    this.syncBlocking();
    if (!forceSync) return;
    try {
      for (const { file } of this.#inSync) file.sync();
      if (this.#inSync.length > 0) fileSystem.syncDirectory(dir);
    } catch (error) {
      this.#failure = error;
      throw error;
    }
  }

  /** Makes the next write open a new file. This one is closed by the next sync. */
  roll(): void {
    const log = this.#current;
    if (log === null) return;
    this.#rolledBytes += sizeOf(log);
    this.#recordCount = 0;
    this.#current = null;
    this.#retired.push(log);
  }

  /**
   * Closes all files; what was not synced is left to the operating system. After that, recovery has to
   * make it durable before anything more is written.
   */
  close(): void {
    this.roll();
    for (const log of this.#retired) if (!this.#inSync.includes(log)) log.file.close();
    this.#retired = [];
  }

  #create(firstZxid: Zxid): OpenLog {
    this.#syncOlder();
    const path = `${this.#options.dir}/${txnLogName(firstZxid)}`;
    // a file of this name can only hold a torn first record: recovery has read all others
    const file = this.#options.fileSystem.open(path, "create");
    const log: OpenLog = {
      path,
      file,
      position: FILE_HEADER_BYTES,
      extendedTo: FILE_HEADER_BYTES,
      zeroedTo: FILE_HEADER_BYTES,
      isDirty: false,
    };
    try {
      const header = new JuteWriter(FILE_HEADER_BYTES);
      writeTxnLogHeader(header);
      writeAll(file, header.written());
    } catch (error) {
      file.close();
      throw error;
    }
    this.#isDirectoryDirty = true;
    this.#current = log;
    return log;
  }

  /**
   * What a crash leaves of the new file is of no use, and refused by recovery, when the end of the one
   * before it is missing. Costs nothing when files are rolled right after a sync.
   */
  #syncOlder(): void {
    if (!this.#options.forceSync) return;
    for (const log of this.#inSync) log.file.sync();
    for (const log of this.#retired) {
      if (!log.isDirty) continue;
      log.file.sync();
      log.isDirty = false;
    }
  }

  /** Makes room ahead, before `byteCount` bytes are written. */
  #extend(log: OpenLog, byteCount: number): void {
    const { preallocBytes } = this.#options;
    if (preallocBytes <= 0) return;
    const { file, position } = log;
    if (position + EXTEND_MARGIN_BYTES >= log.extendedTo) {
      const extendedTo = position <= log.extendedTo
        ? log.extendedTo + preallocBytes
        : Math.floor((position + preallocBytes) / preallocBytes) * preallocBytes;
      file.seek(extendedTo - 1);
      writeAll(file, ZEROS.subarray(0, 1));
      file.seek(position);
      log.extendedTo = extendedTo;
    }
    if (position + byteCount <= log.zeroedTo || byteCount > ZERO_AHEAD_BATCH_BYTES_MAX) return;
    const end = Math.min(position + byteCount + ZERO_AHEAD_BYTES, log.extendedTo);
    if (end <= log.zeroedTo) return;
    file.seek(log.zeroedTo);
    writeAll(file, ZEROS.subarray(0, end - log.zeroedTo));
    file.seek(position);
    log.zeroedTo = end;
  }

  /**
   * Takes back a write that failed half way, and gives back the room ahead. For good: whoever asked for
   * it is told that it failed, so no crash may bring it back.
   */
  #undo(log: OpenLog): void {
    const { dir, fileSystem, forceSync } = this.#options;
    try {
      if (log.position === FILE_HEADER_BYTES) {
        this.#current = null;
        log.file.close();
        fileSystem.remove(log.path);
        if (forceSync) fileSystem.syncDirectory(dir);
        return;
      }
      log.file.truncate(log.position);
      if (forceSync) log.file.sync();
      log.file.seek(log.position);
      log.extendedTo = log.position;
      log.zeroedTo = log.position;
    } catch (error) {
      this.#failure = error;
      throw error;
    }
  }

  /** The header did not fit: leaves no empty file behind, which an older Java server would refuse. */
  #noRoomToCreate(firstZxid: Zxid, cause: unknown): DiskFullError {
    const path = `${this.#options.dir}/${txnLogName(firstZxid)}`;
    try {
      this.#options.fileSystem.remove(path);
    } catch {
      // not even its name fitted
    }
    return new DiskFullError(path, { cause });
  }

  #takeDirty(): OpenLog[] {
    assert(this.#failure === null, "nothing is synced after a failed write or sync");
    const logs = this.#retired;
    this.#retired = [];
    if (this.#current?.isDirty) logs.push(this.#current);
    for (const log of logs) log.isDirty = false;
    return logs;
  }

  #synced(logs: OpenLog[], startMs: number): number {
    this.#closeRetired(logs);
    const { clock, fsyncWarningMs, logger } = this.#options;
    const ms = clock.monotonicMs() - startMs;
    if (ms > fsyncWarningMs) {
      this.slowSyncCount++;
      logger.warn("fsync of the txn log was slow: put dataLogDir on a faster disk of its own", {
        ms: Math.round(ms),
        thresholdMs: fsyncWarningMs,
        file: logs[logs.length - 1]!.path,
      });
    }
    return ms;
  }

  /** Closes what was rolled away; a file that was rolled while it was synced waits for the next. */
  #closeRetired(logs: OpenLog[]): void {
    for (const log of logs) {
      if (log !== this.#current && !this.#retired.includes(log)) log.file.close();
    }
  }
}

/** Size on disk, with what lies ahead. */
function sizeOf(log: OpenLog): number {
  return Math.max(log.position, log.extendedTo);
}
