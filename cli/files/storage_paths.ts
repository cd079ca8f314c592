/**
 * Finds the files that a command is told to look at: one file, or all of their kind in a directory.
 *
 * @module
 */
import type { OpenFile } from "../../core/ports.ts";
import { basename } from "../../net/file_path.ts";
import { snapshotsIn, type StorageFile, txnLogsIn } from "../../core/storage/file_names.ts";
import { systemFiles } from "../../net/file_system.ts";
import { CommandError } from "../command_line.ts";

const VERSION_DIR = "version-2";

export interface FoundFiles {
  /** What was named is a directory. */
  readonly isDirectory: boolean;
  /** The directory that holds them. */
  readonly dir: string;
  readonly files: readonly StorageFile[];
}

/** Txn logs, oldest first. @throws {CommandError} */
export function findTxnLogs(path: string): FoundFiles {
  return find(path, { kind: "txn log", list: txnLogsIn, example: "log.1" });
}

/** Snapshots, newest first. @throws {CommandError} */
export function findSnapshots(path: string): FoundFiles {
  return find(path, { kind: "snapshot", list: snapshotsIn, example: "snapshot.0" });
}

function find(path: string, { kind, list, example }: {
  kind: string;
  list: (names: Iterable<string>) => StorageFile[];
  example: string;
}): FoundFiles {
  if (!isDirectory(path, kind)) {
    const name = basename(path);
    const dir = path.slice(0, path.length - name.length) || "./";
    // what it is called says nothing of a single file: it may be a copy
    const [named] = list([name]);
    return { isDirectory: false, dir, files: [{ name, zxid: named?.zxid ?? -1 }] };
  }
  const prefix = path.endsWith("/") ? path : `${path}/`;
  for (const dir of [prefix, `${prefix}${VERSION_DIR}/`]) {
    const files = list(namesIn(dir));
    if (files.length > 0) return { isDirectory: true, dir, files };
  }
  throw new CommandError(
    `Cannot find a ${kind} in "${path}", nor in its "${VERSION_DIR}": such files are called ` +
      `"${example}"; name the directory that holds them, or a file`,
  );
}

/** @throws {CommandError} also for what cannot be read at any offset: a pipe, as `<(zcat log.1.gz)` names one */
export function openToRead(path: string, kind: string): OpenFile {
  try {
    const { isFifo, isSocket } = Deno.statSync(path);
    if (isFifo === true || isSocket === true) {
      throw new CommandError(
        `Cannot read ${kind} "${path}": it is a pipe, which is read only once; write it to a file, and name that`,
      );
    }
    return systemFiles.open(path, "read");
  } catch (error) {
    throw error instanceof CommandError ? error : fileProblem(`open ${kind}`, path, error);
  }
}

/** What is wrong with a file that cannot be opened or read, as one sentence. */
export function fileProblem(attempt: string, path: string, error: unknown): CommandError {
  const reason = error instanceof Deno.errors.NotFound
    ? "there is no such file"
    : error instanceof Error
    ? error.message
    : String(error);
  return new CommandError(`Cannot ${attempt} "${path}": ${reason}`, { cause: error });
}

function isDirectory(path: string, kind: string): boolean {
  try {
    return Deno.statSync(path).isDirectory;
  } catch (error) {
    throw fileProblem(`read ${kind}`, path, error);
  }
}

function namesIn(dir: string): string[] {
  try {
    return systemFiles.namesIn(dir);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw fileProblem("list", dir, error);
  }
}
