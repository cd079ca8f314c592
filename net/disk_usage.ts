/**
 * How much room the disks have, and what of it our files take: for metrics and health, asked when they are.
 * What may not be read counts as nothing, or as infinite room; asking never fails.
 *
 * @module
 */
import { snapshotsIn, txnLogsIn } from "../core/storage/file_names.ts";
import type { Zxid } from "../core/zxid.ts";
import type { DataDir } from "./data_dir.ts";
import { nodeFs } from "./node_modules.ts";

export interface DiskSpace {
  readonly use: "data" | "log";
  readonly directory: string;
  /** For us; infinite where the system does not say. */
  readonly freeBytes: number;
  readonly sizeBytes: number;
}

export interface StoredFiles {
  readonly snapshots: {
    readonly count: number;
    readonly bytes: number;
    /** The one that a start would try first. */
    readonly newest: {
      readonly zxid: Zxid;
      readonly bytes: number;
      /** Since 1970. */
      readonly writtenWallMs: number;
    } | null;
  };
  readonly txnLogs: { readonly count: number; readonly bytes: number };
}

/** Of the directory of snapshots and that of logs, which may be on one disk. */
export function diskSpaces({ snapshotDir, logDir }: DataDir): DiskSpace[] {
  return [diskSpace("data", snapshotDir), diskSpace("log", logDir)];
}

export function storedFiles({ snapshotDir, logDir }: DataDir): StoredFiles {
  const snapshots = snapshotsIn(namesIn(snapshotDir)).map(({ name, zxid }) => ({
    zxid,
    ...statOf(`${snapshotDir}/${name}`),
  }));
  const logs = txnLogsIn(namesIn(logDir)).map(({ name }) => statOf(`${logDir}/${name}`));
  const sum = (files: readonly { bytes: number }[]) =>
    files.reduce((total, { bytes }) => total + bytes, 0);
  return {
    snapshots: { count: snapshots.length, bytes: sum(snapshots), newest: snapshots[0] ?? null },
    txnLogs: { count: logs.length, bytes: sum(logs) },
  };
}

function diskSpace(use: DiskSpace["use"], directory: string): DiskSpace {
  try {
    const { bavail, blocks, bsize } = nodeFs().statfsSync(directory);
    return { use, directory, freeBytes: bavail * bsize, sizeBytes: blocks * bsize };
  } catch {
    return { use, directory, freeBytes: Infinity, sizeBytes: Infinity };
  }
}

function namesIn(directory: string): string[] {
  try {
    return [...Deno.readDirSync(directory)].map(({ name }) => name);
  } catch {
    return [];
  }
}

/** A file that vanished meanwhile has no bytes. */
function statOf(path: string): { bytes: number; writtenWallMs: number } {
  try {
    const { size, mtime } = Deno.statSync(path);
    return { bytes: size, writtenWallMs: mtime?.getTime() ?? 0 };
  } catch {
    return { bytes: 0, writtenWallMs: 0 };
  }
}
