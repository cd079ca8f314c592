/**
 * The directories a server works in: finds or makes them, and refuses what would mix two kinds of
 * file (disk format section 2).
 *
 * @module
 */
import { DataDirError } from "../core/errors.ts";
import type { FileSystem, Logger } from "../core/ports.ts";
import { isUnfinishedSnapshot } from "../core/storage/file_names.ts";
import { systemFiles } from "./file_system.ts";

const VERSION_DIR = "version-2";

export interface DataDirOptions {
  dataDir: string;
  dataLogDir: string;
  /** Make directories that are missing. */
  autoCreate: boolean;
}

export interface DataDir {
  /** As configured. */
  dataDir: string;
  dataLogDir: string;
  /** Their `version-2` directories, where the files are. */
  snapshotDir: string;
  logDir: string;
}

/**
 * Makes sure of both directories, and that we can write to them.
 *
 * @throws {DataDirError} when one is missing (with `autoCreate` off), cannot be written, or holds the
 * other's files
 */
export function openDataDir({ dataDir, dataLogDir, autoCreate }: DataDirOptions): DataDir {
  const snapshotDir = `${dataDir}/${VERSION_DIR}`;
  const logDir = `${dataLogDir}/${VERSION_DIR}`;
  for (const [key, dir] of [["dataDir", snapshotDir], ["dataLogDir", logDir]] as const) {
    makeDirectory(key, dir, autoCreate);
    tryWriting(key, dir);
  }
  if (Deno.realPathSync(snapshotDir) !== Deno.realPathSync(logDir)) {
    refuseNames(logDir, "snapshot.", "dataLogDir holds txn logs, and snapshots belong in dataDir");
    refuseNames(snapshotDir, "log.", "dataDir holds snapshots, and txn logs belong in dataLogDir");
  }
  return { dataDir, dataLogDir, snapshotDir, logDir };
}

/** Removes snapshots that a crash kept from being finished. */
export function removeUnfinishedSnapshots({ snapshotDir, fileSystem, logger }: {
  snapshotDir: string;
  fileSystem: FileSystem;
  logger: Logger;
}): void {
  for (const name of fileSystem.namesIn(snapshotDir)) {
    if (!isUnfinishedSnapshot(name)) continue;
    fileSystem.remove(`${snapshotDir}/${name}`);
    logger.info("unfinished snapshot removed", { file: name });
  }
}

/**
 * Removes the operator's marker `initialize`, which allows an empty database to be made. ZooKeeper
 * looks in dataLogDir, its own script writes to dataDir: both count.
 *
 * @returns whether it was there
 */
export function takeInitializeMarker(
  { dataDir, dataLogDir }: DataDir,
  fileSystem: FileSystem,
): boolean {
  let wasThere = false;
  for (const dir of new Set([dataDir, dataLogDir])) {
    if (fileSystem.remove(`${dir}/initialize`)) wasThere = true;
  }
  return wasThere;
}

function makeDirectory(key: string, dir: string, autoCreate: boolean): void {
  try {
    if (Deno.statSync(dir).isDirectory) return;
    throw new DataDirError(`Cannot use ${key}: "${dir}" is not a directory`);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw asDataDirError(key, dir, error);
  }
  if (!autoCreate) {
    throw new DataDirError(
      `Cannot use ${key}: "${dir}" is missing and datadir.autocreate is false; make the directory, ` +
        "or mount the disk it should be on",
    );
  }
  try {
    Deno.mkdirSync(dir, { recursive: true });
  } catch (error) {
    throw asDataDirError(key, dir, error);
  }
}

function tryWriting(key: string, dir: string): void {
  const path = `${dir}/.denkeeper.probe`;
  try {
    Deno.openSync(path, { write: true, create: true }).close();
    Deno.removeSync(path);
  } catch (error) {
    throw asDataDirError(key, dir, error);
  }
}

function refuseNames(dir: string, prefix: string, why: string): void {
  const name = systemFiles.namesIn(dir).find((name) => name.startsWith(prefix));
  if (name === undefined) return;
  throw new DataDirError(`Cannot use "${dir}": it holds "${name}"; ${why}, so move it there`);
}

function asDataDirError(key: string, dir: string, error: unknown): DataDirError {
  if (error instanceof DataDirError) return error;
  const problem = error instanceof Error ? error.message : String(error);
  return new DataDirError(`Cannot use ${key} "${dir}": ${problem}`, { cause: error });
}
