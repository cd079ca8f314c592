/**
 * The disk of an ensemble's member, as its roles need it: the txn log, snapshots that replace everything,
 * truncation, and loading again.
 *
 * @module
 */
import type { LogHistory, LogNeighbourhood } from "../cluster/learner_sync.ts";
import type { History, LogCursor, MemberStorage } from "../cluster/member.ts";
import type { LogSource } from "../core/server/log_source.ts";
import { snapshotsIn } from "../core/storage/file_names.ts";
import type { Zxid } from "../core/zxid.ts";
import type { LogPump } from "./log_pump.ts";
import { recover, type RecoveryOptions, type RecoveryResult } from "./recovery.ts";
import { SnapshotAbandonedError } from "./snapshot_files.ts";
import { removeReplacedFiles, truncate } from "./truncation.ts";
import type { Turn } from "./turn.ts";
import { TxnLogHistory } from "./txn_log_history.ts";

export interface DiskStorageOptions {
  history: History;
  pump: LogPump;
  files: Pick<RecoveryOptions, "dirs" | "fileSystem" | "lengthMax">;
  /** How tree, sessions and the proposals in memory are loaded; to be asked for anew each time. */
  recovery: () => RecoveryOptions;
  turn: Turn;
  fatal: (message: string, error: unknown) => void;
}

export class DiskStorage implements MemberStorage {
  readonly log: LogHistory = { around: (peer) => this.#around(peer) };
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

  truncate(zxid: Zxid, done: (isTruncated: boolean) => void): void {
    this.#run("the history could not be truncated", async () => {
      await this.#closeLog();
      const result = await truncate({ zxid, recovery: this.#options.recovery() });
      if (result.kind === "done") loaded(this.#options.history, result.recovered);
      return () => done(result.kind === "done");
    });
  }

  replaceBySnapshot(done: () => void): void {
    this.#run("a snapshot could not be written", async () => {
      await this.#closeLog();
      const recovery = this.#options.recovery();
      const { name } = await this.#options.pump.writeSnapshot();
      removeReplacedFiles({ keep: name, recovery });
      return done;
    });
  }

  reload(done: () => void): void {
    this.#run("the data could not be loaded again", async () => {
      await this.#closeLog();
      loaded(this.#options.history, await recover(this.#options.recovery()));
      return done;
    });
  }

  readLog(after: Zxid, through: Zxid): LogCursor | null {
    const history = this.#open(after, through);
    if (history === null) return null;
    if (history.find(Infinity) === "found") return history;
    history.close();
    return null;
  }

  #around(peer: Zxid): LogNeighbourhood | null {
    const { history, files } = this.#options;
    const last = history.lastLoggedZxid;
    const log = this.#open(peer, last);
    if (log === null) return null;
    const isFound = log.find(Infinity) === "found";
    log.close();
    if (!isFound) return null;
    const { fileSystem, dirs } = files;
    const [newest] = snapshotsIn(fileSystem.namesIn(dirs.snapshotDir));
    let snapshotBytes = 0;
    if (newest !== undefined) {
      const file = fileSystem.open(`${dirs.snapshotDir}/${newest.name}`, "read");
      snapshotBytes = file.sizeBytes();
      file.close();
    }
    return {
      floor: log.hasAfterZxid ? peer : log.previousZxid ?? undefined,
      next: log.firstZxid ?? undefined,
      last,
      isWhole: true, // a hole breaks it, and a SNAP leaves no log of before
      laterFilesBytes: log.laterFilesBytes,
      snapshotBytes,
    };
  }

  #open(afterZxid: Zxid, throughZxid: Zxid): TxnLogHistory | null {
    const { dirs, fileSystem, lengthMax } = this.#options.files;
    return TxnLogHistory.open({ dir: dirs.logDir, fileSystem, lengthMax, afterZxid, throughZxid });
  }

  /** What is appended next opens a new file, and nothing is written meanwhile. */
  async #closeLog(): Promise<void> {
    await this.#options.pump.quiesce();
    this.#options.pump.log.close();
  }

  /** One after the other. What fails here leaves nothing to go on with. */
  #run(message: string, work: () => Promise<() => void>): void {
    this.#work = this.#work.then(async () => {
      let finish: () => void;
      try {
        finish = await work();
      } catch (error) {
        if (error instanceof SnapshotAbandonedError) return; // the server stops
        return this.#options.fatal(message, error);
      }
      this.#options.pump.release();
      this.#options.turn.begin();
      finish();
    });
  }
}

/** The history is what recovery found. */
export function loaded(history: History, { lastProcessedZxid }: RecoveryResult): void {
  history.lastLoggedZxid = lastProcessedZxid;
  const { proposals } = history;
  if (proposals.last === undefined) proposals.clear(lastProcessedZxid); // all is in the snapshot
}
