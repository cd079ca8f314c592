/**
 * What `--at` says: a zxid, or a time.
 *
 * @module
 */
import { type Zxid, zxidText } from "../../core/zxid.ts";
import { BackupError } from "./backup_error.ts";
import { type BackupManifest, isWithin } from "./manifest.ts";
import type { BackupList, Repository } from "./repository.ts";
import { type FoundTxn, lastTxnBy, lastTxnThrough } from "./stored_txns.ts";

export type RestorePoint = { kind: "zxid"; zxid: Zxid } | { kind: "time"; timeMs: number };

const ISO_TIME =
  /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d)(:\d\d)?([.,]\d{1,9})?(Z|[+-]\d\d:?\d\d|[+-]\d\d)?)?$/i;
const UNIT_MS: Readonly<Record<string, number>> = {
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/**
 * @param text `0x1a3`, `2026-11-26T09:30:00Z` (without a zone: local time), or `-15m`, as long before now
 * @returns null when it is none of these
 */
export function parseRestorePoint(text: string, nowMs: number): RestorePoint | null {
  const zxid = /^0x([0-9a-f]{1,16})$/i.exec(text)?.[1];
  if (zxid !== undefined) return { kind: "zxid", zxid: parseInt(zxid, 16) };
  const ago = /^-(\d{1,9}(?:\.\d{1,9})?)(s|m|h|d)$/.exec(text);
  if (ago !== null) return timeOf(nowMs - Number(ago[1]) * UNIT_MS[ago[2]!]!);
  const timeMs = parseTime(text);
  return timeOf(timeMs);
}

/** A Date holds no more than 270,000 years before or after 1970. */
function timeOf(timeMs: number): RestorePoint | null {
  return Number.isNaN(new Date(timeMs).getTime()) ? null : { kind: "time", timeMs };
}

function parseTime(text: string): number {
  const parts = ISO_TIME.exec(text);
  if (parts === null) return NaN;
  const [, date, time = "00:00", seconds = ":00", fraction = "", zone = ""] = parts;
  const offset = zone.replace(
    /^([+-]\d\d)(\d\d)?$/,
    (_, hours, minutes = "00") => `${hours}:${minutes}`,
  );
  const timeMs = Date.parse(
    `${date}T${time}${seconds}${fraction.replace(",", ".")}${offset.toUpperCase()}`,
  );
  // of the 31st of a month that has 30 days, another day would be made
  const day = Number(date!.slice(8));
  const [year, month] = [Number(date!.slice(0, 4)), Number(date!.slice(5, 7))];
  return day > new Date(Date.UTC(year, month, 0)).getUTCDate() ? NaN : timeMs;
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
