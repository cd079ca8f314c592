/**
 * Finds txns in the logs of a backup, by zxid and by time.
 *
 * @module
 */
import type { Zxid } from "../../core/zxid.ts";
import type { LogEntry } from "./manifest.ts";
import type { Repository } from "./repository.ts";
import { openStoredLog } from "./stored_files.ts";

export interface FoundTxn {
  readonly zxid: Zxid;
  readonly timeMs: number;
}

/**
 * The last txn through a zxid.
 *
 * @returns null when the logs begin behind it
 */
export function lastTxnThrough(
  repository: Repository,
  logs: readonly LogEntry[],
  zxid: Zxid,
): FoundTxn | null {
  const log = logs.findLast(({ firstZxid }) => firstZxid <= zxid);
  if (log === undefined) return null;
  if (log.lastZxid <= zxid) return { zxid: log.lastZxid, timeMs: log.lastTime };
  return lastWhile(repository, log, (txn) => txn.zxid <= zxid);
}

/**
 * The last txn before the first that is later than a time: where the clock of a new leader was behind, what it did
 * after that one is left out.
 *
 * @returns null when the logs begin later
 */
export function lastTxnBy(
  repository: Repository,
  logs: readonly LogEntry[],
  timeMs: number,
): FoundTxn | null {
  const later = logs.findIndex(({ latestTime }) => latestTime > timeMs);
  const before = later === -1 ? logs.at(-1) : logs[later - 1];
  const within = later === -1
    ? null
    : lastWhile(repository, logs[later]!, (txn) => txn.timeMs <= timeMs);
  if (within !== null) return within;
  return before === undefined ? null : { zxid: before.lastZxid, timeMs: before.lastTime };
}

function lastWhile(
  repository: Repository,
  log: LogEntry,
  isWanted: (txn: FoundTxn) => boolean,
): FoundTxn | null {
  let last: FoundTxn | null = null;
  const reader = openStoredLog(repository, log);
  while (reader.next()) {
    const txn = { zxid: reader.zxid, timeMs: reader.record().header.timeMs };
    if (!isWanted(txn)) break;
    last = txn;
  }
  return last;
}
