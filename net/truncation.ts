/**
 * Takes back txns that were logged and never committed: TRUNC (disk format section 11).
 *
 * Two things that a Java server does wrong are done otherwise. No txn after the target stays, also when
 * the target itself is in no record. And snapshots that hold txns after the target go as well, those
 * that were fuzzy and reach past their names included: Java loads them afterwards, and serves what was
 * taken back (the family of ZOOKEEPER-1549).
 *
 * Everything is decided before anything is deleted. Then, each step durable before the next:
 *
 * 1. Snapshots. Until the last is gone, recovery finds what it found before: an older snapshot is left,
 *    and the whole log after it.
 * 2. Logs behind the cut, the newest first, so that what is left never has a hole.
 * 3. The end of the log with the target.
 *
 * So whenever a crash comes, recovery finds the beginning of what there was, at least to the target.
 *
 * @module
 */
import { assert } from "../core/assert.ts";
import { DataDirError } from "../core/errors.ts";
import { FILE_HEADER_BYTES } from "../core/storage/file_header.ts";
import {
  snapshotsIn,
  type StorageFile,
  txnLogsFrom,
  txnLogsIn,
} from "../core/storage/file_names.ts";
import { LogHoleError, ReplayOrder } from "../core/storage/replay_check.ts";
import { SnapshotLoader } from "../core/storage/snapshot_loader.ts";
import { SnapshotReach } from "../core/storage/snapshot_reach.ts";
import { counterOf, type Zxid, zxidToHex } from "../core/zxid.ts";
import { recover, type RecoveryOptions, type RecoveryResult } from "./recovery.ts";
import { looksWhole, readSnapshotFile } from "./snapshot_files.ts";
import { openTxnLog } from "./txn_log_source.ts";

/** Other events get through after so many records. */
const RECORDS_PER_TURN = 20000;

export type TruncationResult =
  | { kind: "done"; recovered: RecoveryResult }
  /** Nothing was changed: without what would have to go, there is no way to the target. */
  | { kind: "needsSnapshot"; reason: string };

/**
 * Truncates log and snapshots to a txn, and loads the tree anew. The log must be closed, and no
 * snapshot be under way.
 *
 * @param options.zxid what `tree.lastProcessedZxid` is afterwards; its counter may be 0, as that of a
 * leader which has no txn of its epoch
 * @param options.recovery how to load; for all else it needs as well
 * @throws whatever goes wrong, which must end the process: to go on would be to serve what was taken
 * back (ZOOKEEPER-3701)
 */
export async function truncate({ zxid, recovery }: {
  zxid: Zxid;
  recovery: RecoveryOptions;
}): Promise<TruncationResult> {
  const { dirs, fileSystem, logger } = recovery;
  const snapshots = snapshotsIn(fileSystem.namesIn(dirs.snapshotDir));
  const logs = txnLogsIn(fileSystem.namesIn(dirs.logDir));
  const { base, reachingPast } = await findBase(snapshots, zxid, recovery);
  if (base === null && firstLoggedZxid(logs, recovery) !== 1) {
    return needsSnapshot(`no snapshot ends at or before 0x${zxidToHex(zxid)}`);
  }
  const cut = await findCut({ base: base ?? { name: "the start", zxid: 0 }, logs, zxid, recovery });
  if (typeof cut === "string") return needsSnapshot(cut);
  if (cut.lastKept !== zxid && counterOf(zxid) !== 0) {
    return needsSnapshot(`txn 0x${zxidToHex(zxid)} is in no log`);
  }

  for (const { name } of reachingPast) fileSystem.remove(`${dirs.snapshotDir}/${name}`);
  if (reachingPast.length > 0) fileSystem.syncDirectory(dirs.snapshotDir);
  for (const { name } of cut.laterLogs.toReversed()) removeLog(name, recovery);
  if (cut.log !== null) cutLog(cut.log, recovery);
  logger.info("txns taken back: the leader does not have them", {
    through: `0x${zxidToHex(zxid)}`,
    was: `0x${zxidToHex(cut.last)}`,
    snapshotsRemoved: reachingPast.length,
    logsRemoved: cut.laterLogs.length,
  });

  const recovered = await recover(recovery);
  if (recovered.lastProcessedZxid !== cut.lastKept) {
    throw new DataDirError(
      `Cannot truncate to zxid 0x${zxidToHex(zxid)}: what is left ends with 0x${
        zxidToHex(recovered.lastProcessedZxid)
      }, expected 0x${zxidToHex(cut.lastKept)}`,
    );
  }
  recovery.tree.finishLoad(zxid);
  return { kind: "done", recovered: { ...recovered, lastProcessedZxid: zxid } };
}

/**
 * Removes all logs, and all snapshots but one: what a SNAP replaced when it came in the place of a TRUNC.
 * Left as they are, they would be what recovery falls back on.
 *
 * @param options.keep the snapshot that was written after the SNAP, and is durable
 */
export function removeReplacedFiles(
  { keep, recovery }: { keep: string; recovery: RecoveryOptions },
): void {
  const { dirs, fileSystem, logger } = recovery;
  const names = fileSystem.namesIn(dirs.snapshotDir);
  assert(names.includes(keep), "what replaces the files is there");
  for (const { name } of snapshotsIn(names)) {
    if (name !== keep) fileSystem.remove(`${dirs.snapshotDir}/${name}`);
  }
  fileSystem.syncDirectory(dirs.snapshotDir);
  for (const { name } of txnLogsIn(fileSystem.namesIn(dirs.logDir)).reverse()) {
    removeLog(name, recovery);
  }
  logger.info("files of before removed: the leader sent all it has", { kept: keep });
}

function needsSnapshot(reason: string): TruncationResult {
  return { kind: "needsSnapshot", reason };
}

/**
 * Finds the newest snapshot to build on, and all newer ones that hold something after the target. Older
 * ones were complete before it was begun, and so need no look.
 */
async function findBase(
  snapshots: readonly StorageFile[],
  zxid: Zxid,
  { dirs, fileSystem, rest, lengthMax }: RecoveryOptions,
): Promise<{ base: StorageFile | null; reachingPast: StorageFile[] }> {
  const reachingPast: StorageFile[] = [];
  for (const file of snapshots) {
    if (file.zxid > zxid) {
      reachingPast.push(file);
      continue;
    }
    const path = `${dirs.snapshotDir}/${file.name}`;
    if (!looksWhole(path, fileSystem)) continue;
    const reach = new SnapshotReach();
    const sessions = new Map();
    const loader = new SnapshotLoader({ tree: reach, sessions, lengthMax, extendedTypes: true });
    try {
      const summary = await readSnapshotFile({ path, loader, fileSystem, rest });
      if (reach.of(summary) <= zxid) return { base: file, reachingPast };
    } catch (error) {
      if (!(error instanceof DataDirError)) throw error;
      continue; // recovery passes over it as well
    }
    reachingPast.push(file);
  }
  return { base: null, reachingPast };
}

interface Cut {
  /** Where the log with the first txn to be taken back ends; null when there is none. */
  log: { name: string; offset: number } | null;
  laterLogs: StorageFile[];
  /** The last txn at or before the target, and the last of all. */
  lastKept: Zxid;
  last: Zxid;
}

/** Reads the log from the base to its end. Returns why not, when it is not whole. */
async function findCut({ base, logs, zxid, recovery }: {
  base: StorageFile;
  logs: readonly StorageFile[];
  zxid: Zxid;
  recovery: RecoveryOptions;
}): Promise<Cut | string> {
  const order = new ReplayOrder({ zxid: base.zxid, file: base.name });
  const { dirs } = recovery;
  const cut: Cut = { log: null, laterLogs: [], lastKept: base.zxid, last: base.zxid };
  let recordCount = 0;
  for (const log of txnLogsFrom(logs, base.zxid + 1)) {
    if (cut.log !== null) cut.laterLogs.push(log);
    const { reader, file } = openTxnLog({ ...recovery, path: `${dirs.logDir}/${log.name}` });
    try {
      if (reader.readHeader() === "blank") continue;
      while (reader.next()) {
        if (++recordCount % RECORDS_PER_TURN === 0) await recovery.rest();
        if (reader.zxid <= base.zxid) {
          order.pass(log.name);
          continue;
        }
        order.take(reader.zxid, log.name);
        cut.last = order.last;
        if (cut.log !== null) continue;
        if (reader.zxid > zxid) cut.log = { name: log.name, offset: reader.offset };
        else cut.lastKept = order.last;
      }
    } catch (error) {
      if (error instanceof LogHoleError) return error.message;
      throw error;
    } finally {
      file.close();
    }
  }
  return cut;
}

function firstLoggedZxid(logs: readonly StorageFile[], recovery: RecoveryOptions): Zxid | null {
  for (const { name } of logs) {
    const { reader, file } = openTxnLog({ ...recovery, path: `${recovery.dirs.logDir}/${name}` });
    try {
      if (reader.readHeader() === "present" && reader.next()) return reader.zxid;
    } finally {
      file.close();
    }
  }
  return null;
}

function removeLog(name: string, { dirs, fileSystem }: RecoveryOptions): void {
  fileSystem.remove(`${dirs.logDir}/${name}`);
  fileSystem.syncDirectory(dirs.logDir); // before the next: the names that are left stay in a row
}

function cutLog(
  { name, offset }: { name: string; offset: number },
  recovery: RecoveryOptions,
): void {
  if (offset === FILE_HEADER_BYTES) return removeLog(name, recovery);
  const { dirs, fileSystem } = recovery;
  const file = fileSystem.open(`${dirs.logDir}/${name}`, "change");
  try {
    file.truncate(offset);
    file.sync();
  } finally {
    file.close();
  }
}
