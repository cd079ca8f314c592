/**
 * The disk of an ensemble's member, as its roles need it: the txn log, snapshots that replace everything,
 * truncation, and loading again.
 *
 * @module
 */
import type { History, LogCursor, MemberStorage } from "../cluster/member.ts";
import type { LogHistory } from "../cluster/learner_sync.ts";
import type { FileSystem, Logger } from "../core/ports.ts";
import type { LogSource } from "../core/server/log_source.ts";
import type { SessionTable, SnapshotTree } from "../core/storage/snapshot_tree.ts";
import type { Zxid } from "../core/zxid.ts";
import type { DataDir } from "./data_dir.ts";
import type { LogPump } from "./log_pump.ts";
import type { RecoveryResult } from "./recovery.ts";
import type { Turn } from "./turn.ts";

export interface DiskStorageOptions {
  dirs: DataDir;
  tree: SnapshotTree;
  sessions: SessionTable;
  history: History;
  pump: LogPump;
  fileSystem: FileSystem;
  turn: Turn;
  logger: Logger;
  /** Loads tree, sessions and the proposals in memory from the disk. */
  recover: () => Promise<RecoveryResult>;
  fatal: (message: string, error: unknown) => void;
}

export class DiskStorage implements MemberStorage {
  readonly log: LogHistory = { around: () => null };
  readonly #options: DiskStorageOptions;
  #work: Promise<void> = Promise.resolve();

  constructor(options: DiskStorageOptions) {
    this.#options = options;
  }

  setLogSource(source: LogSource | null): void {
    this.#options.pump.source = source;
  }

  flushLog(): void {
    this.#options.pump.flush();
  }

  readLogAfter(_zxid: Zxid): LogCursor {
    throw new Error("nothing can be read");
  }

  truncate(zxid: Zxid, done: (isTruncated: boolean) => void): void {
    this.#run("the history could not be truncated", async () => {
      await this.#options.pump.quiesce();
      void zxid;
      return () => done(false);
    });
  }

  replaceBySnapshot(done: () => void): void {
    this.#run("a snapshot could not be written", async () => {
      const { pump } = this.#options;
      await pump.quiesce();
      await pump.snapshot("eager");
      return done;
    });
  }

  reload(done: () => void): void {
    this.#run("the data could not be loaded again", async () => {
      await this.#options.pump.quiesce();
      await this.#load();
      return done;
    });
  }

  async #load(): Promise<void> {
    const { lastProcessedZxid } = await this.#options.recover();
    this.#options.history.lastLoggedZxid = lastProcessedZxid;
  }

  /** One after the other. What fails here leaves nothing to go on with. */
  #run(message: string, work: () => Promise<() => void>): void {
    this.#work = this.#work.then(async () => {
      let finish: () => void;
      try {
        finish = await work();
      } catch (error) {
        return this.#options.fatal(message, error);
      }
      this.#options.turn.begin();
      finish();
    });
  }
}
