/**
 * How backups are shown: as a table, and as JSON.
 *
 * @module
 */
import { zxidToHex } from "../../core/zxid.ts";
import type { World } from "../world.ts";
import { type BackupManifest, entriesOf } from "../../net/backup/manifest.ts";
import { completeThroughMs } from "../../net/backup/restore_point.ts";

/** For people and programs: zxids in hex, times in UTC. */
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
      fromZxid: `0x${zxidToHex(fromZxid)}`,
      fromTime: timeText(fromTime),
      toZxid: `0x${zxidToHex(toZxid)}`,
      toTime: timeText(toTime),
      /** Nothing was logged between `toTime` and this. */
      completeThrough: timeText(completeThroughMs(manifest)),
    },
    snapshotCount: snapshots.length,
    txnCount: logs.reduce((sum, { txnCount }) => sum + txnCount, 0),
    bytes: bytesOf(manifest),
  };
}

export function printTable(world: World, backups: readonly BackupManifest[]): void {
  const rows = backups.map((manifest) => {
    const { id, source, range } = manifest;
    return [
      id,
      `${source.host}:${source.dataDir}`,
      `0x${zxidToHex(range.fromZxid)}`,
      timeText(range.fromTime),
      `0x${zxidToHex(range.toZxid)}`,
      timeText(range.toTime),
      sizeText(bytesOf(manifest)),
    ];
  });
  const header = ["ID", "SOURCE", "FROM ZXID", "FROM TIME", "TO ZXID", "TO TIME", "SIZE"];
  const table = [header, ...rows];
  const widths = header.map((_, column) => Math.max(...table.map((row) => row[column]!.length)));
  for (const row of table) {
    world.print(
      `${row.map((cell, column) => cell.padEnd(widths[column]!)).join("  ").trimEnd()}\n`,
    );
  }
}

export function timeText(ms: number): string {
  return new Date(ms).toISOString();
}

export function sizeText(bytes: number): string {
  const units = ["bytes", "KB", "MB", "GB", "TB"];
  let value = bytes;
  let unit = 0;
  for (; value >= 1024 && unit < units.length - 1; unit++) value /= 1024;
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}

/** On the disk; what is shared with other backups is counted in each. */
function bytesOf(manifest: BackupManifest): number {
  const files = new Map(entriesOf(manifest).map(({ file, storedBytes }) => [file, storedBytes]));
  return [...files.values()].reduce((sum, bytes) => sum + bytes, 0);
}
