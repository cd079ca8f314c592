/**
 * Keeps a second server off our directories, whatever way the first one ended.
 *
 * An flock on `denkeeper.lock` beside `version-2`; the system drops it with the process, so a killed
 * server leaves no stale lock. The file stays where it is: removing it would let two servers lock two
 * files of one name. Java ignores it.
 *
 * @module
 */
import { DataDirError } from "../core/errors.ts";
import type { Logger } from "../core/ports.ts";
import type { DataDir } from "./data_dir.ts";
import { isDiskFull } from "./disk_full.ts";
import { isAlive } from "./process_table.ts";

export const LOCK_NAME = "denkeeper.lock";

export class DataDirLock {
  #files: Deno.FsFile[] = [];

  private constructor() {}

  /**
   * Locks dataDir and dataLogDir until `release` or the end of the process.
   *
   * @throws {DataDirError} naming the process that has one of them
   */
  static acquire({ dataDir, dataLogDir }: DataDir, logger: Logger): DataDirLock {
    const lock = new DataDirLock();
    try {
      lock.#add("dataDir", dataDir, logger);
      if (Deno.realPathSync(dataDir) !== Deno.realPathSync(dataLogDir)) {
        lock.#add("dataLogDir", dataLogDir, logger);
      }
      return lock;
    } catch (error) {
      lock.release();
      throw error;
    }
  }

  /**
   * The process whose server has `dataDir`; null: no server has it.
   *
   * The lock is tried only while a process of the number in the file is alive: trying takes it for a moment, which
   * would turn away a server that starts.
   */
  static holder(dataDir: string): number | null {
    const pid = DataDirLock.lastHolder(dataDir);
    if (pid === null || !isAlive(pid)) return null;
    try {
      using file = Deno.openSync(`${dataDir}/${LOCK_NAME}`);
      return file.tryLockSync(true) ? null : pid;
    } catch {
      return pid; // network file systems without locks
    }
  }

  /** The process that had the lock last, whether or not it still has; null: none had. */
  static lastHolder(dataDir: string): number | null {
    try {
      const text = Deno.readTextFileSync(`${dataDir}/${LOCK_NAME}`).trim();
      return /^[1-9]\d{0,9}$/.test(text) ? Number(text) : null;
    } catch {
      return null;
    }
  }

  release(): void {
    for (const file of this.#files) file.close();
    this.#files = [];
  }

  #add(key: string, dir: string, logger: Logger): void {
    const path = `${dir}/${LOCK_NAME}`;
    const file = Deno.openSync(path, { read: true, write: true, create: true });
    this.#files.push(file);
    let isOurs: boolean;
    try {
      isOurs = file.tryLockSync(true);
    } catch (error) { // network file systems without locks
      logger.warn("no lock on the data directory: nothing keeps a second server off it", {
        file: path,
        problem: error instanceof Error ? error.message : String(error),
      });
      return;
    }
    if (!isOurs) {
      const pid = Deno.readTextFileSync(path).trim();
      throw new DataDirError(
        `Cannot use ${key} "${dir}": the server with process id ${pid || "unknown"} is using it; ` +
          `stop that server, or give this one a ${key} of its own`,
      );
    }
    try {
      file.truncateSync();
      file.writeSync(new TextEncoder().encode(`${Deno.pid}\n`));
    } catch (error) { // the number is for a message only: a full disk can still be read from
      if (!isDiskFull(error)) throw error;
    }
  }
}
