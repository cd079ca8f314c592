/**
 * Brings back the tree and the sessions from disk: the newest snapshot that is whole, then all txns
 * after it (disk format section 10).
 *
 * Where ZooKeeper would start without something that was acknowledged, this refuses and says which file
 * is missing what; where it refuses although nothing is lost, this starts. In the order of the code:
 *
 * 1. Snapshots, newest first; one that is damaged is skipped, with tree and sessions emptied again.
 * 2. Without one: the log alone, if it begins with the first txn of all; an empty database, if there is
 *    no log either; otherwise refusal.
 * 3. All txns after the snapshot, of which none may be missing. Their files are synced: what a killed
 *    server wrote last may be in the system's memory only, and is served and built upon from now on.
 * 4. The log must reach as far as every snapshot that was skipped.
 *
 * @module
 */
import { DataDirError } from "../core/errors.ts";
import type { Clock, FileSystem, Logger } from "../core/ports.ts";
import {
  snapshotsIn,
  type StorageFile,
  txnLogsFrom,
  txnLogsIn,
} from "../core/storage/file_names.ts";
import { ReplayDigests, ReplayOrder } from "../core/storage/replay_check.ts";
import { SnapshotLoader, type SnapshotSummary } from "../core/storage/snapshot_loader.ts";
import type { SessionTable, SnapshotTree } from "../core/storage/snapshot_tree.ts";
import { ExtendedTypesOffError } from "../core/storage/tree_record_reader.ts";
import type { TxnLogReader } from "../core/storage/txn_log_reader.ts";
import type { TxnRecord } from "../core/txn/txn.ts";
import { decodeUtf8 } from "../core/wire/jute.ts";
import { OpCode } from "../core/wire/op_code.ts";
import { type Zxid, zxidToHex } from "../core/zxid.ts";
import { type DataDir, removeUnfinishedSnapshots, takeInitializeMarker } from "./data_dir.ts";
import { ended } from "./file_system.ts";
import type { Rest } from "./rest.ts";
import { looksWhole, readSnapshotFile } from "./snapshot_files.ts";
import { openTxnLog } from "./txn_log_source.ts";

/** As in ZooKeeper: older snapshots are not tried. */
const SNAPSHOTS_TRIED_MAX = 100;
/** Other events get through after so many txns. */
const TXNS_PER_TURN = 20000;
const PLACE_MESSAGES = {
  outOfOrder: "txn out of order in the log",
  unlogged: "zxids were given out and never logged, as a Java server does with some bad requests",
};

export interface RecoveryOptions {
  dirs: DataDir;
  /** Filled; what it held before is gone. */
  tree: SnapshotTree;
  sessions: SessionTable;
  /**
   * Applies one txn to tree and sessions, and moves `tree.lastProcessedZxid`. Record and body, its bytes
   * in the log, are borrowed.
   */
  replay: (record: TxnRecord, body: Uint8Array) => void;
  logger: Logger;
  clock: Clock;
  fileSystem: FileSystem;
  rest: Rest;
  /** Longest string, buffer or log record accepted: jute.maxbuffer and its extra size. */
  lengthMax: number;
  /** False: TTL znodes are refused, where ZooKeeper would delete them. */
  extendedTypes: boolean;
  /** False: digests are not compared. */
  digestEnabled: boolean;
  /** snapshot.trust.empty: replay a log without a snapshot, even if it does not begin at zxid 1. */
  trustEmpty: boolean;
  /** db.autocreate: an empty directory becomes an empty database without being asked. */
  autoCreateDatabase: boolean;
  /** A directory that stays empty for want of leave to fill it is no error: a leader will fill it. */
  joinsEnsemble?: boolean;
}

export interface RecoveryResult {
  /** What tree and sessions hold: all that is on disk. -1 with `joinsEnsemble` for nothing at all. */
  lastProcessedZxid: Zxid;
  /** The highest zxid in the logs that were read, committed or not; -1 when they hold no txn. */
  lastLoggedZxid: Zxid;
  /** The snapshot used; null for an empty database and for a log without snapshots. */
  snapshot: { name: string; znodeCount: number; bytes: number } | null;
  /** Newer snapshots that could not be used. */
  skipped: { name: string; reason: string }[];
  txnCount: number;
  /** The logs that were read. */
  logs: string[];
  /** Where a crash cut a record in the newest log. */
  tornTail: { file: string; offset: number; reason: string } | null;
  digestMismatchCount: number;
  /**
   * The log should reach so far, and does not: the snapshot was taken while those txns were applied, and
   * the tree may hold any part of them. Null when all is well.
   */
  incompleteThrough: Zxid | null;
  /** There was nothing on disk: this is a new database, not yet written. */
  isNew: boolean;
  /** There is no snapshot named after `lastProcessedZxid`. */
  needsSnapshot: boolean;
  ms: number;
  /** The part of it for snapshots, those that were skipped included. */
  snapshotMs: number;
}

/**
 * May be called again for the same tree, which then forgets what it held; nothing may be writing to the
 * log or a snapshot meanwhile.
 *
 * @throws {DataDirError} naming the file, the zxids and what to do
 */
export function recover(options: RecoveryOptions): Promise<RecoveryResult> {
  return new Recovery(options).run();
}

interface Start {
  zxid: Zxid;
  /** For messages. */
  file: string;
  snapshot: (SnapshotSummary & { name: string }) | null;
  isNew: boolean;
}

class Recovery {
  #options: RecoveryOptions;
  #skipped: (StorageFile & { reason: string })[] = [];
  #logs: StorageFile[] = [];
  #logsRead: string[] = [];
  #tornTail: RecoveryResult["tornTail"] = null;
  #txnCount = 0;
  #lastLogged: Zxid = -1;

  constructor(options: RecoveryOptions) {
    this.#options = options;
  }

  async run(): Promise<RecoveryResult> {
    const { dirs, tree, clock, logger, fileSystem, digestEnabled } = this.#options;
    const startMs = clock.monotonicMs();
    removeUnfinishedSnapshots({ snapshotDir: dirs.snapshotDir, fileSystem, logger });
    const isAsked = takeInitializeMarker(dirs, fileSystem);
    const mayCreate = isAsked || this.#options.autoCreateDatabase;
    this.#logs = txnLogsIn(fileSystem.namesIn(dirs.logDir));
    this.#removeBlankLastLog();

    const start = await this.#loadSnapshot() ?? this.#startWithoutSnapshot(mayCreate);
    const snapshotMs = clock.monotonicMs() - startMs;
    const order = new ReplayOrder(start);
    const digests = new ReplayDigests(start.zxid, start.snapshot?.digest ?? null);
    if (digestEnabled) digests.check(start.zxid, null, () => tree.treeDigest);
    await this.#replayLogs(order, digests);
    this.#refuseMissingEnd(order.last);
    this.#reportDigests(order.last, digests);

    const lastProcessedZxid = order.last;
    const hasSnapshot = start.snapshot !== null && start.zxid === lastProcessedZxid;
    return {
      lastProcessedZxid,
      lastLoggedZxid: this.#lastLogged,
      snapshot: start.snapshot,
      skipped: this.#skipped,
      txnCount: this.#txnCount,
      logs: this.#logsRead,
      tornTail: this.#tornTail,
      digestMismatchCount: digests.mismatchCount,
      incompleteThrough: incompleteThrough(lastProcessedZxid, digests),
      isNew: start.isNew,
      needsSnapshot: !hasSnapshot && lastProcessedZxid >= 0,
      ms: clock.monotonicMs() - startMs,
      snapshotMs,
    };
  }

  /** Loads the newest snapshot that is whole; undefined when there is none. */
  async #loadSnapshot(): Promise<Start | undefined> {
    const { dirs, logger, fileSystem } = this.#options;
    let triedCount = 0;
    for (const file of snapshotsIn(fileSystem.namesIn(dirs.snapshotDir))) {
      const path = `${dirs.snapshotDir}/${file.name}`;
      let reason = "it is incomplete";
      if (looksWhole(path, fileSystem)) {
        if (triedCount++ === SNAPSHOTS_TRIED_MAX) break;
        const summary = await this.#tryLoading(path, file);
        if (typeof summary !== "string") {
          const snapshot = { ...summary, name: file.name };
          return { zxid: file.zxid, file: file.name, snapshot, isNew: false };
        }
        reason = summary;
      }
      logger.warn("snapshot skipped", { file: file.name, reason });
      this.#skipped.push({ ...file, reason });
    }
    return undefined;
  }

  /** Returns why not, when a snapshot cannot be used. */
  async #tryLoading(path: string, file: StorageFile): Promise<SnapshotSummary | string> {
    const { tree, sessions, lengthMax, extendedTypes, fileSystem, rest } = this.#options;
    const loader = new SnapshotLoader({ tree, sessions, lengthMax, extendedTypes });
    try {
      const summary = await readSnapshotFile({ path, loader, fileSystem, rest });
      tree.finishLoad(file.zxid);
      return summary;
    } catch (error) {
      if (error instanceof ExtendedTypesOffError || !(error instanceof DataDirError)) throw error;
      return error.message;
    }
  }

  #startWithoutSnapshot(mayCreate: boolean): Start {
    const { dirs, tree, sessions, trustEmpty, logger } = this.#options;
    tree.resetToEmptyDatabase();
    sessions.clear();
    const firstZxid = this.#firstLoggedZxid();
    if (firstZxid !== null) {
      const noneWasTaken = this.#skipped.length === 0; // as far as the directory tells
      if (firstZxid !== 1 && !(trustEmpty && noneWasTaken)) {
        const snapshots = noneWasTaken
          ? `"${dirs.snapshotDir}" holds no snapshot`
          : `no snapshot in "${dirs.snapshotDir}" can be read (${this.#describeSkipped()})`;
        const upgrade = noneWasTaken
          ? ", or, if this is an upgrade from ZooKeeper 3.4 that never took one, set " +
            "snapshot.trust.empty=true"
          : "";
        throw new DataDirError(
          `Cannot recover: ${snapshots}, and the log begins with zxid 0x${zxidToHex(firstZxid)} ` +
            `("${this.#logs[0]!.name}"), so what came before is lost; restore a snapshot from a ` +
            `backup${upgrade}`,
        );
      }
      logger.warn("no usable snapshot: everything is replayed from the log", {
        firstZxid: `0x${zxidToHex(firstZxid)}`,
      });
      return { zxid: firstZxid - 1, file: "the start", snapshot: null, isNew: false };
    }
    if (this.#skipped.some(({ zxid }) => zxid > 0)) {
      throw new DataDirError(
        `Cannot recover: no snapshot in "${dirs.snapshotDir}" can be read ` +
          `(${this.#describeSkipped()}), and there is no log; restore a snapshot from a backup, or ` +
          "move the files away to start empty",
      );
    }
    if (!mayCreate && this.#options.joinsEnsemble === true) {
      tree.finishLoad(-1);
      return { zxid: -1, file: "the start", snapshot: null, isNew: false };
    }
    if (!mayCreate) {
      throw new DataDirError(
        `Cannot start: "${dirs.snapshotDir}" is empty and db.autocreate is false; mount the disk ` +
          `that holds the data, or make a file "${dirs.dataDir}/initialize" to start empty`,
      );
    }
    return { zxid: 0, file: "the start", snapshot: null, isNew: true };
  }

  async #replayLogs(order: ReplayOrder, digests: ReplayDigests): Promise<void> {
    const { dirs, fileSystem } = this.#options;
    for (const { name } of txnLogsFrom(this.#logs, order.last + 1)) {
      await this.#replayLog(name, order, digests);
      this.#logsRead.push(name);
    }
    if (this.#txnCount === 0) return;
    await ended((done) => fileSystem.startDirectorySync(dirs.logDir, done));
  }

  async #replayLog(name: string, order: ReplayOrder, digests: ReplayDigests): Promise<void> {
    const { dirs, tree, replay, extendedTypes, digestEnabled, logger, rest } = this.#options;
    const startZxid = order.last;
    const readDigest = () => tree.treeDigest;
    const txnCount = this.#txnCount;
    const { reader, sync, close } = this.#openLog(name);
    try {
      if (reader.readHeader() === "blank") {
        throw new DataDirError(
          `Cannot read txn log "${dirs.logDir}/${name}": it is empty, and is not the last log; ` +
            "delete it if the logs before and after it belong together",
        );
      }
      while (reader.next()) {
        const { zxid } = reader;
        if (zxid > this.#lastLogged) this.#lastLogged = zxid;
        if (zxid <= startZxid) {
          order.pass(name);
          continue;
        }
        const after = order.last;
        const place = order.take(zxid, name);
        if (place !== "next") {
          logger.warn(PLACE_MESSAGES[place], {
            file: name,
            zxid: `0x${zxidToHex(zxid)}`,
            after: `0x${zxidToHex(after)}`,
          });
        }
        const record = reader.record();
        if (!extendedTypes) refuseTtlTxns(record);
        replay(record, reader.body());
        if (digestEnabled) digests.check(zxid, record.digest, readDigest);
        if (++this.#txnCount % TXNS_PER_TURN === 0) await rest();
      }
      this.#noteEnd(name, reader);
      if (this.#txnCount > txnCount) sync();
    } finally {
      close();
    }
  }

  /** A crash tears the last record of the newest log; older logs may show the same of earlier crashes. */
  #noteEnd(file: string, { tornBecause, offset }: TxnLogReader): void {
    if (tornBecause === null) return;
    this.#options.logger.info("txn log ends with an unfinished record, which is ignored", {
      file,
      offset,
      reason: tornBecause,
    });
    if (file === this.#logs[this.#logs.length - 1]?.name) {
      this.#tornTail = { file, offset, reason: tornBecause };
    }
  }

  /**
   * A crash right after creating a log leaves it without a byte of content. ZooKeeper since 3.9.3
   * deletes such a last log (ZOOKEEPER-2332), older versions cannot start with it.
   */
  #removeBlankLastLog(): void {
    const last = this.#logs[this.#logs.length - 1];
    if (last === undefined) return;
    const { reader, close } = this.#openLog(last.name);
    try {
      if (reader.readHeader() !== "blank") return;
    } finally {
      close();
    }
    this.#options.fileSystem.remove(`${this.#options.dirs.logDir}/${last.name}`);
    this.#options.logger.warn("empty txn log removed: a crash left it", { file: last.name });
    this.#logs.pop();
  }

  /** The first zxid in the logs; null when they hold no txn. */
  #firstLoggedZxid(): Zxid | null {
    for (const { name } of this.#logs) {
      const { reader, close } = this.#openLog(name);
      try {
        if (reader.readHeader() === "present" && reader.next()) return reader.zxid;
      } finally {
        close();
      }
    }
    return null;
  }

  /** What a damaged snapshot held must be in the log, or it is lost. */
  #refuseMissingEnd(last: Zxid): void {
    const missing = this.#skipped.find(({ zxid }) => zxid > last);
    if (missing === undefined) return;
    throw new DataDirError(
      `Cannot recover: "${missing.name}" is damaged (${missing.reason}), and without it the data ends ` +
        `at zxid 0x${zxidToHex(last)}, so the txns up to 0x${zxidToHex(missing.zxid)} are lost; ` +
        `restore the snapshot or the logs from a backup, or move "${missing.name}" away to start ` +
        "without those txns",
    );
  }

  #reportDigests(last: Zxid, digests: ReplayDigests): void {
    const { logger } = this.#options;
    const { firstMismatch, mismatchCount } = digests;
    if (firstMismatch !== null) {
      logger.error("the tree differs from what the digests on disk say", {
        count: mismatchCount,
        firstZxid: `0x${zxidToHex(firstMismatch.zxid)}`,
        expected: firstMismatch.expected,
        actual: firstMismatch.actual,
      });
    }
    const missingThrough = incompleteThrough(last, digests);
    if (missingThrough !== null) {
      logger.error("the snapshot was taken while txns were applied that are in no log", {
        lastZxid: `0x${zxidToHex(last)}`,
        missingThrough: `0x${zxidToHex(missingThrough)}`,
      });
    }
  }

  #openLog(name: string): { reader: TxnLogReader; sync: () => void; close: () => void } {
    const { dirs, fileSystem, lengthMax } = this.#options;
    const path = `${dirs.logDir}/${name}`;
    const { reader, file } = openTxnLog({ path, fileSystem, lengthMax });
    return { reader, sync: () => file.sync(), close: () => file.close() };
  }

  #describeSkipped(): string {
    return this.#skipped.map(({ name, reason }) => `"${name}": ${reason}`).join("; ");
  }
}

function incompleteThrough(last: Zxid, { fuzzyThrough }: ReplayDigests): Zxid | null {
  return fuzzyThrough !== null && fuzzyThrough > last ? fuzzyThrough : null;
}

/** With extended types off, TTL znodes would become ephemerals of a session that does not exist. */
function refuseTtlTxns({ header, txn }: TxnRecord): void {
  if (header.type !== OpCode.CreateTtl && header.type !== OpCode.Multi) return;
  if (txn.kind === "createTtl") throw new ExtendedTypesOffError(decodeUtf8(txn.path));
  if (txn.kind !== "multi" || txn.ops.some(({ txn }) => txn.kind === "error")) return;
  for (const { txn: op } of txn.ops) {
    if (op.kind === "createTtl") throw new ExtendedTypesOffError(decodeUtf8(op.path));
  }
}
