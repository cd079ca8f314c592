/**
 * How backups are shown to people.
 *
 * @module
 */
import { zxidText } from "../../core/zxid.ts";
import { sizeText } from "../../net/byte_size.ts";
import type { World } from "../world.ts";
import { bytesOf, timeText } from "../../net/backup/backup_json.ts";
import type { BackupManifest } from "../../net/backup/manifest.ts";

export function printTable(world: World, backups: readonly BackupManifest[]): void {
  const rows = backups.map((manifest) => {
    const { id, source, range } = manifest;
    return [
      id,
      `${source.host}:${source.dataDir}`,
      zxidText(range.fromZxid),
      timeText(range.fromTime),
      zxidText(range.toZxid),
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
