/**
 * Replaces a whole database by a snapshot that came from elsewhere, while the server runs.
 *
 * Before anything of the database is touched, the snapshot is on the disk under a name that nobody reads, was read
 * to its end, and was loaded as a tree of its own: what is damaged is refused, and nothing has happened. Then, with
 * requests held up:
 *
 * 1. Everything that was asked before is applied and durable.
 * 2. The tree is written as a snapshot of ours, above every zxid that was logged: `snapshot.<zxid>`. When it has its
 *    name, the restore is done: whenever a crash comes, recovery finds all of the old or all of the new.
 * 3. Snapshots and logs of before are moved aside. A log that seems to lead up to the new zxid would be sent to a
 *    learner in place of what was restored, once the server is a member of an ensemble.
 * 4. The server loads what is on the disk, as if it had started.
 *
 * The zxid is the snapshot's own, if that is above all that was logged here, as on a new server; otherwise the next
 * one. ZooKeeper takes the snapshot's in any case: its clients, which have seen later ones, are not let in again,
 * and a restart replays the old logs over what was restored.
 *
 * Only for a server that stands alone. Members of an ensemble must hold one history: one of them that is restored by
 * itself contradicts the others, and whether those accept its data, take theirs back to it, or serve both, depends
 * on who leads.
 *
 * @module
 */
import { DataDirError } from "../core/errors.ts";
import type { Clock, FileSystem, Logger, Random } from "../core/ports.ts";
import type { ServerConfig } from "../core/server_config.ts";
import { snapshotsIn, txnLogsIn, UNFINISHED_SUFFIX } from "../core/storage/file_names.ts";
import { SnapshotLoader, type SnapshotSummary } from "../core/storage/snapshot_loader.ts";
import { SnapshotReach } from "../core/storage/snapshot_reach.ts";
import type { SessionTable } from "../core/storage/snapshot_tree.ts";
import type { DataTree } from "../core/tree/data_tree.ts";
import { EPOCH_LIMIT, epochOf, type Zxid, zxidToHex } from "../core/zxid.ts";
import type { DataDir } from "./data_dir.ts";
import { DiskFullError, isDiskFull } from "./disk_full.ts";
import { emptyTree } from "./empty_tree.ts";
import type { Rest } from "./rest.ts";
import {
  compressionOfStart,
  readSnapshotFile,
  SNAPSHOT_START_BYTES,
  type WrittenSnapshot,
} from "./snapshot_files.ts";

/** Recovery removes it after a crash, and nobody takes it for a snapshot. */
const RECEIVED_NAME = `snapshot.restore${UNFINISHED_SUFFIX}`;

/** The server, as far as its database is replaced. */
export interface RestoreHost {
  /**
   * Ends service: what was asked before is applied and durable, clients are told what `restored` changes of what
   * they watch, and disconnected.
   *
   * @param zxidAfter from the last zxid here to that of the restored database
   */
  suspend(restored: DataTree, zxidAfter: (last: Zxid) => Zxid): Promise<void>;
  writeSnapshot(tree: DataTree, sessions: SessionTable): Promise<WrittenSnapshot>;
  /** Loads what is on the disk. Returns the last zxid. */
  reload(): Promise<Zxid>;
  /** Serves what is loaded. */
  resume(): void;
  /** Our own machine failed us: the process must end. */
  fatal(message: string, error: unknown): void;
}

export interface DatabaseRestoreOptions {
  readonly config: ServerConfig;
  readonly dirs: DataDir;
  readonly host: RestoreHost;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly random: Random;
  readonly fileSystem: FileSystem;
  readonly rest: Rest;
}

/** A database that is not yet ours. */
interface Restored {
  readonly tree: DataTree;
  readonly sessions: SessionTable;
  /** No txn after this one left a trace in it. */
  readonly through: Zxid;
  readonly znodeCount: number;
}

export class DatabaseRestore {
  readonly #options: DatabaseRestoreOptions;
  /** Settled when the one under way has ended. */
  #running: Promise<void> | null = null;

  constructor(options: DatabaseRestoreOptions) {
    this.#options = options;
  }

  /**
   * Restores, or leaves everything as it was.
   *
   * @returns the last zxid of the database; null when not a byte came
   */
  async run(snapshot: ReadableStream<Uint8Array>): Promise<Zxid | null> {
    if (this.#running !== null) {
      await snapshot.cancel();
      throw new Error("Cannot restore: another restore is under way");
    }
    const ended = Promise.withResolvers<void>();
    this.#running = ended.promise;
    const { dirs, fileSystem } = this.#options;
    const path = `${dirs.snapshotDir}/${RECEIVED_NAME}`;
    try {
      if (await this.#receive(snapshot, path) === 0) return null;
      return await this.#replace(await this.#load(path));
    } finally {
      fileSystem.remove(path);
      this.#running = null;
      ended.resolve();
    }
  }

  /** Waits until none is under way. */
  async ended(): Promise<void> {
    await this.#running;
  }

  async #receive(snapshot: ReadableStream<Uint8Array>, path: string): Promise<number> {
    const reader = snapshot.getReader();
    let bytes = 0;
    try {
      using file = await Deno.open(path, { write: true, create: true, truncate: true });
      for (;;) {
        const { done, value } = await this.#next(reader);
        if (done) return bytes;
        for (let at = 0; at < value.length;) at += await file.write(value.subarray(at));
        bytes += value.length;
      }
    } catch (error) {
      reader.cancel().catch(() => {}); // it may be what failed
      throw isDiskFull(error) ? new DiskFullError(path, { cause: error }) : error;
    }
  }

  async #next(
    reader: ReadableStreamDefaultReader<Uint8Array>,
  ): Promise<ReadableStreamReadResult<Uint8Array>> {
    const { idleTimeoutMs } = this.#options.config.http;
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(() => {
      late.reject(
        new Error(`Cannot restore: nothing came of the snapshot in ${idleTimeoutMs} ms`),
      );
    }, idleTimeoutMs);
    try {
      return await Promise.race([reader.read(), late.promise]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Twice: first for its checksum and its reach, which takes no memory. */
  async #load(path: string): Promise<Restored> {
    const { config, random, fileSystem, rest } = this.#options;
    const compression = compressionOfStart(startOf(path, fileSystem));
    const reach = new SnapshotReach();
    const sessions: SessionTable = new Map();
    const read = async (loader: SnapshotLoader) => {
      try {
        return await readSnapshotFile({ path, compression, loader, fileSystem, rest });
      } catch (error) {
        if (!(error instanceof DataDirError)) throw error;
        throw new DataDirError(`Cannot restore: this is no whole snapshot: ${error.message}`, {
          cause: error,
        });
      }
    };
    const limits = {
      lengthMax: config.juteMaxBufferBytes + config.juteExtraSizeBytes,
      extendedTypes: config.extendedTypesEnabled,
    };
    const summary = await read(new SnapshotLoader({ tree: reach, sessions, ...limits }));
    this.#tellFuzzy(summary);
    const tree = emptyTree(config, random);
    const { znodeCount } = await read(new SnapshotLoader({ tree, sessions, ...limits }));
    const through = Math.max(summary.lastZxid ?? 0, reach.of(summary));
    checkRoomAbove(through);
    tree.finishLoad(through);
    return { tree, sessions, through, znodeCount };
  }

  /** Without the log of its time nothing can make it exact. */
  #tellFuzzy({ lastZxid, digest }: SnapshotSummary): void {
    if (lastZxid === null || digest === null || digest.zxid <= lastZxid) return;
    this.#options.logger.warn(
      "the snapshot to be restored was taken while txns were applied: it may hold some of them, and parts",
      { zxid: `0x${zxidToHex(lastZxid)}`, through: `0x${zxidToHex(digest.zxid)}` },
    );
  }

  async #replace({ tree, sessions, through, znodeCount }: Restored): Promise<Zxid> {
    const { host, clock, logger } = this.#options;
    const startMs = clock.monotonicMs();
    try {
      await host.suspend(tree, (last) => {
        tree.lastProcessedZxid = through > last ? through : last + 1;
        return tree.lastProcessedZxid;
      });
      const name = await this.#write(tree, sessions);
      await this.#makeCurrent(name, tree.lastProcessedZxid);
    } finally {
      host.resume();
    }
    logger.info("database restored: what was there is moved aside, to be deleted by hand", {
      movedTo: `version-2/${asideName(tree.lastProcessedZxid)}`,
      zxid: `0x${zxidToHex(tree.lastProcessedZxid)}`,
      snapshotZxid: `0x${zxidToHex(through)}`,
      znodeCount,
      sessionCount: sessions.size,
      heldUpMs: Math.round(clock.monotonicMs() - startMs),
    });
    return tree.lastProcessedZxid;
  }

  async #write(tree: DataTree, sessions: SessionTable): Promise<string> {
    const { host, dirs, fileSystem } = this.#options;
    try {
      return (await host.writeSnapshot(tree, sessions)).name;
    } catch (error) {
      // it failed when it had its name: a start would take it, and put behind it what the old database is asked now
      const zxid = tree.lastProcessedZxid;
      if (snapshotsIn(fileSystem.namesIn(dirs.snapshotDir)).some((other) => other.zxid === zxid)) {
        host.fatal("the snapshot to be restored may be on the disk, or not", error);
      }
      throw error;
    }
  }

  /** From here on there is no way back. */
  async #makeCurrent(snapshot: string, zxid: Zxid): Promise<void> {
    const { host, dirs, fileSystem } = this.#options;
    try {
      const aside = asideName(zxid);
      const snapshots = snapshotsIn(fileSystem.namesIn(dirs.snapshotDir));
      const logs = txnLogsIn(fileSystem.namesIn(dirs.logDir));
      moveAside(dirs.snapshotDir, aside, snapshots.filter(({ name }) => name !== snapshot));
      moveAside(dirs.logDir, aside, logs);
      for (const dir of new Set([dirs.snapshotDir, dirs.logDir])) fileSystem.syncDirectory(dir);
      const loaded = await host.reload();
      if (loaded !== zxid) {
        throw new Error(`the data ends with 0x${zxidToHex(loaded)}, not 0x${zxidToHex(zxid)}`);
      }
    } catch (error) {
      host.fatal("what was restored could not be loaded", error);
      throw error;
    }
  }
}

/** An epoch is left for what will be written: a log above the limit could not be read again. */
function checkRoomAbove(zxid: Zxid): void {
  if (epochOf(zxid) < EPOCH_LIMIT - 1) return;
  throw new DataDirError(
    `Cannot restore: the snapshot ends with zxid 0x${
      zxidToHex(zxid)
    }, and its epoch must be below ` +
      `0x${(EPOCH_LIMIT - 1).toString(16)}: it is of no server that counts zxids as ZooKeeper does`,
  );
}

/** Of a directory beside the files that are in use; nobody looks for files in it. */
function asideName(zxid: Zxid): string {
  return `before-restore.${zxidToHex(zxid)}`;
}

function moveAside(dir: string, aside: string, files: readonly { name: string }[]): void {
  if (files.length === 0) return;
  Deno.mkdirSync(`${dir}/${aside}`, { recursive: true });
  for (const { name } of files) Deno.renameSync(`${dir}/${name}`, `${dir}/${aside}/${name}`);
}

function startOf(path: string, fileSystem: FileSystem): Uint8Array {
  const file = fileSystem.open(path, "read");
  try {
    const start = new Uint8Array(SNAPSHOT_START_BYTES);
    return start.subarray(0, file.read(start));
  } finally {
    file.close();
  }
}
