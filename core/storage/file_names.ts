/**
 * Names of txn logs and snapshots: `log.<zxid>`, `snapshot.<zxid>[.gz|.snappy]`, the zxid in hex.
 *
 * A log is named after its first txn, a snapshot after the last txn that was applied when it was begun.
 *
 * @module
 */
import { DataDirError } from "../errors.ts";
import { type Zxid, zxidToHex } from "../zxid.ts";

export type SnapshotCompression = "none" | "gz" | "snappy";

/** A txn log or snapshot found in a directory. */
export interface StorageFile {
  name: string;
  zxid: Zxid;
}

/** What we write under until a snapshot is complete and synced. */
export const UNFINISHED_SUFFIX = ".tmp";

export function txnLogName(zxid: Zxid): string {
  return `log.${zxidToHex(zxid)}`;
}

export function snapshotName(zxid: Zxid, compression: SnapshotCompression): string {
  const suffix = compression === "none" ? "" : `.${compression}`;
  return `snapshot.${zxidToHex(zxid)}${suffix}`;
}

/** How a snapshot is packed goes by the last part of its name; unknown endings mean not at all. */
export function compressionOf(name: string): SnapshotCompression {
  if (name.endsWith(".gz")) return "gz";
  return name.endsWith(".snappy") ? "snappy" : "none";
}

export function isUnfinishedSnapshot(name: string): boolean {
  return name.startsWith("snapshot.") && name.endsWith(UNFINISHED_SUFFIX);
}

/** The txn logs among the names of a directory, oldest first. */
export function txnLogsIn(names: Iterable<string>): StorageFile[] {
  return filesIn(names, "log").sort((a, b) => a.zxid - b.zxid);
}

/** The snapshots among the names of a directory, newest first; unfinished ones are left out. */
export function snapshotsIn(names: Iterable<string>): StorageFile[] {
  return filesIn(names, "snapshot").filter(({ name }) => !isUnfinishedSnapshot(name)).sort((a, b) =>
    b.zxid - a.zxid || (a.name < b.name ? -1 : 1)
  );
}

/**
 * The logs to read for all txns from `zxid` on: those named so or later, and the one before them,
 * which may reach past its own name. A copy, such as `log.5.bak`, is of equal rank and read as well.
 */
export function txnLogsFrom(logs: readonly StorageFile[], zxid: Zxid): StorageFile[] {
  let first = -1;
  for (const log of logs) if (log.zxid < zxid) first = log.zxid;
  return logs.filter((log) => log.zxid >= first);
}

/** Up to 2^63: Java writes -1, for none, as 16 times f, and passes over it when it reads. */
const HEX_ZXID = /^([0-7]?[0-9a-f]{15}|[0-9a-f]{1,14})$/i;

function filesIn(names: Iterable<string>, prefix: string): StorageFile[] {
  const files: StorageFile[] = [];
  for (const name of names) {
    const [first, hex] = name.split(".");
    if (first !== prefix || hex === undefined || !HEX_ZXID.test(hex)) continue;
    const zxid = parseInt(hex, 16);
    if (!Number.isSafeInteger(zxid)) {
      throw new DataDirError(
        `Cannot use "${name}": its epoch is above the largest supported, 2^21`,
      );
    }
    files.push({ name, zxid });
  }
  return files;
}
