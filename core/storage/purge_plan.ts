/**
 * Decides which snapshots and txn logs are no longer needed (disk format section 12).
 *
 * Kept are the newest snapshots that are whole, and every log that may hold a txn after the oldest of
 * them: the logs named after it and the one log before, which may reach past it.
 *
 * @module
 */
import type { StorageFile } from "./file_names.ts";

export interface PurgePlan {
  snapshots: StorageFile[];
  logs: StorageFile[];
}

/**
 * @param snapshots newest first
 * @param isWhole whether a snapshot passes the validity check; damaged ones do not count as kept
 * @param retainCount snapshots to keep, 1 or more
 * @returns what to delete: nothing without a whole snapshot
 */
export function planPurge({ snapshots, isWhole, logs, retainCount }: {
  snapshots: readonly StorageFile[];
  isWhole: (snapshot: StorageFile) => boolean;
  logs: readonly StorageFile[];
  retainCount: number;
}): PurgePlan {
  let keptCount = 0;
  let oldest = -1;
  for (const snapshot of snapshots) {
    if (keptCount === retainCount) break;
    if (!isWhole(snapshot)) continue;
    keptCount++;
    oldest = snapshot.zxid;
  }
  if (keptCount === 0) return { snapshots: [], logs: [] };
  let firstLog = -1;
  for (const { zxid } of logs) if (zxid <= oldest && zxid > firstLog) firstLog = zxid;
  return {
    snapshots: snapshots.filter(({ zxid }) => zxid < oldest),
    logs: logs.filter(({ zxid }) => zxid < firstLog),
  };
}
