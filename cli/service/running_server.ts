/**
 * Finds the process that serves a data directory: ours by the lock it holds, Java's by its command line.
 *
 * The number in a pid file alone says little: after a crash or a restart of the machine another process may have it,
 * and must not be taken for a server, far less be ended.
 *
 * @module
 */

import { resolve } from "../../net/file_path.ts";
import { DataDirLock } from "../../net/data_dir_lock.ts";
import { commandLineOf, isAlive, workingDirectoryOf } from "../../net/process_table.ts";
import { readProperties } from "../config_file.ts";
import { readPidFile, type ServicePlace } from "./service_files.ts";

export interface RunningProcess {
  readonly pid: number;
  /** The pid file names it: it was started with `start`, or by zkServer.sh. */
  readonly isInPidFile: boolean;
}

/** @returns null when nothing serves the data directory */
export function runningProcess({ dataDir, pidFile }: ServicePlace): RunningProcess | null {
  const noted = readPidFile(pidFile);
  const holder = DataDirLock.holder(dataDir);
  if (holder !== null) return { pid: holder, isInPidFile: noted === holder };
  if (noted !== null && isAlive(noted) && isJavaServer(noted, dataDir)) {
    return { pid: noted, isInPidFile: true };
  }
  return null;
}

/** What the process of the pid file is, for a message; null when there is none any more. */
export function strangerText(pid: number): string | null {
  if (!isAlive(pid)) return null;
  const words = commandLineOf(pid);
  return words === null || words.length === 0
    ? "another program"
    : `"${words.join(" ").slice(0, 80)}"`;
}

/** Whether a Java process runs ZooKeeper with a config file of this data directory. */
function isJavaServer(pid: number, dataDir: string): boolean {
  const words = commandLineOf(pid) ?? [];
  const main = words.findIndex((word) =>
    /^org\.apache\.zookeeper\.server\.(quorum\.QuorumPeerMain|ZooKeeperServerMain)$/.test(word)
  );
  const directory = workingDirectoryOf(pid);
  if (main === -1 || directory === null) return false;
  const [first, second] = words.slice(main + 1);
  const theirs = second ?? dataDirOfFile(resolve(directory, first ?? ""));
  return theirs !== undefined &&
    realPath(resolve(directory, theirs)) === realPath(resolve(dataDir));
}

function dataDirOfFile(path: string): string | undefined {
  try {
    return readProperties(path).findLast(({ key }) => key === "dataDir")?.value.trim();
  } catch {
    return undefined;
  }
}

function realPath(path: string): string {
  try {
    return Deno.realPathSync(path);
  } catch {
    return path;
  }
}
