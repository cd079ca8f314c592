/**
 * Backups as JSON, the same from the command line and over HTTP.
 *
 * @module
 */
import { zxidText } from "../../core/zxid.ts";
import { type BackupManifest, entriesOf } from "./manifest.ts";
import { completeThroughMs } from "./restore_point.ts";

/** Zxids in hex, times in UTC. */
export function describeBackup(manifest: BackupManifest) {
  const { id, createdAt, source, range, snapshots, logs } = manifest;
  const { fromZxid, fromTime, toZxid, toTime } = range;
  return {
    id,
    created: timeText(createdAt),
    source: {
      host: source.host,
      dataDir: source.dataDir,
      dataLogDir: source.dataLogDir,
      serverId: source.serverId,
    },
    range: {
      fromZxid: zxidText(fromZxid),
      fromTime: timeText(fromTime),
      toZxid: zxidText(toZxid),
      toTime: timeText(toTime),
      /** Nothing was logged between `toTime` and this. */
      completeThrough: timeText(completeThroughMs(manifest)),
    },
    snapshotCount: snapshots.length,
    txnCount: logs.reduce((sum, { txnCount }) => sum + txnCount, 0),
    bytes: bytesOf(manifest),
  };
}

export function timeText(ms: number): string {
  return new Date(ms).toISOString();
}

/** On the disk; what is shared with other backups is counted in each. */
export function bytesOf(manifest: BackupManifest): number {
  const files = new Map(entriesOf(manifest).map(({ file, storedBytes }) => [file, storedBytes]));
  return [...files.values()].reduce((sum, bytes) => sum + bytes, 0);
}
