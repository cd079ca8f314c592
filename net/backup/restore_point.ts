/**
 * What `--at` says: a zxid, or a time.
 *
 * @module
 */
import { type Zxid, zxidText } from "../../core/zxid.ts";
import { timeGiven } from "../given_time.ts";
import { BackupError } from "./backup_error.ts";
import { type BackupManifest, isWithin } from "./manifest.ts";
import type { BackupList, Repository } from "./repository.ts";
import { type FoundTxn, lastTxnBy, lastTxnThrough } from "./stored_txns.ts";

export type RestorePoint = { kind: "zxid"; zxid: Zxid } | { kind: "time"; timeMs: number };

/**
 * @param text `0x1a3`, or a time as {@linkcode timeGiven} takes it
 * @returns null when it is neither
 */
export function parseRestorePoint(text: string, nowMs: number): RestorePoint | null {
  const zxid = /^0x([0-9a-f]{1,16})$/i.exec(text)?.[1];
  if (zxid !== undefined) return { kind: "zxid", zxid: parseInt(zxid, 16) };
  const timeMs = timeGiven(text, nowMs);
  return timeMs === null ? null : { kind: "time", timeMs };
}

/** The backup that reaches a point, and the last txn that is to be in the tree. */
export interface ChosenBackup {
  readonly manifest: BackupManifest;
  readonly throughZxid: Zxid;
  /** Null when it is not known: the txn is in a snapshot only. */
  readonly timeMs: number | null;
}

/**
 * The newest of the backups that reaches a point; without one, its end.
 *
 * @throws {BackupError} naming what can be reached
 */
export function chooseBackup(
  repository: Repository,
  { backups, damaged }: BackupList,
  { id, point }: { id: string | undefined; point: RestorePoint | null },
): ChosenBackup {
  const bad = damaged.find((other) => other.id === id);
  if (bad !== undefined) throw new BackupError(bad.reason);
  const candidates = id === undefined ? backups : backups.filter((backup) => backup.id === id);
  if (candidates.length === 0) {
    throw new BackupError(
      id === undefined
        ? `Cannot restore: "${repository.dir}" holds no backup that can be read`
        : `Cannot find backup "${id}" in "${repository.dir}"; "backup list ${repository.dir}" tells ` +
          "which there are",
      { kind: "unknown" },
    );
  }
  for (const manifest of candidates.toReversed()) {
    const found = find(repository, manifest, point);
    if (found !== null) return { manifest, throughZxid: found.zxid, timeMs: found.timeMs };
  }
  const asked = point!.kind === "zxid"
    ? `zxid ${zxidText(point!.zxid)}`
    : new Date(point!.timeMs).toISOString();
  const ranges = candidates.map((manifest) => `  ${manifest.id}: ${describeRange(manifest)}`);
  throw new BackupError(
    `Cannot restore to ${asked}: it is in no backup's range:\n${ranges.join("\n")}`,
  );
}

function find(
  repository: Repository,
  manifest: BackupManifest,
  point: RestorePoint | null,
): { zxid: Zxid; timeMs: number | null } | null {
  const { range, logs } = manifest;
  if (point === null) return { zxid: range.toZxid, timeMs: range.toTime };
  let txn: FoundTxn | null;
  if (point.kind === "zxid") {
    if (!isWithin(manifest, point.zxid)) return null;
    txn = lastTxnThrough(repository, logs, point.zxid);
  } else {
    if (point.timeMs < range.fromTime || point.timeMs > completeThroughMs(manifest)) return null;
    txn = lastTxnBy(repository, logs, point.timeMs);
  }
  if (txn !== null && txn.zxid >= range.fromZxid) return txn;
  return { zxid: range.fromZxid, timeMs: txn?.timeMs ?? null };
}

/** Nothing happened between the last txn and the moment when the backup was made. */
export function completeThroughMs({ range, createdAt }: BackupManifest): number {
  return Math.max(createdAt, range.toTime);
}

function describeRange(manifest: BackupManifest): string {
  const { fromZxid, fromTime, toZxid } = manifest.range;
  return `${zxidText(fromZxid)} to ${zxidText(toZxid)}, ` +
    `${new Date(fromTime).toISOString()} to ${new Date(completeThroughMs(manifest)).toISOString()}`;
}
