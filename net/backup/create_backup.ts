/**
 * `backup create`: copies what is needed out of a data directory, whether its server runs or not.
 *
 * Snapshots first, logs after them: a log that is read later holds all that a snapshot may hold a part of. While a
 * server runs, it appends to its newest log, begins new ones, writes snapshots and purges; what is gone when it is
 * read makes us look again. Of the snapshots the newest is taken, for fast restores, and the oldest from which the
 * logs go on without a hole, for how far back a restore can go.
 *
 * The log of a member may end with proposals that were never committed. A running member is asked for the last
 * committed txn, and the backup ends there.
 *
 * @module
 */
import { hostname } from "node:os";
import { resolve } from "node:path";
import { DataDirError } from "../../core/errors.ts";
import {
  snapshotsIn,
  type StorageFile,
  txnLogsFrom,
  txnLogsIn,
} from "../../core/storage/file_names.ts";
import { LogHoleError, ReplayOrder } from "../../core/storage/replay_check.ts";
import { SnapshotLoader } from "../../core/storage/snapshot_loader.ts";
import { SnapshotReach } from "../../core/storage/snapshot_reach.ts";
import { LogCorruptError } from "../../core/storage/txn_log_reader.ts";
import { counterOf, type Zxid, zxidText } from "../../core/zxid.ts";
import { systemFiles } from "../file_system.ts";
import { rest } from "../rest.ts";
import { looksWhole, readSnapshotFile } from "../snapshot_files.ts";
import { BackupError } from "./backup_error.ts";
import type { CommittedZxid } from "./committed_zxid.ts";
import { type KnownParts, knownPartsOf, partsOfLog } from "./log_parts.ts";
import {
  type BackupManifest,
  entriesOf,
  type LogEntry,
  newManifest,
  type SnapshotEntry,
} from "./manifest.ts";
import { numberIn } from "./number_file.ts";
import type { Progress } from "./progress.ts";
import type { Repository } from "./repository.ts";
import { lastTxnThrough } from "./stored_txns.ts";
import {
  hashFile,
  RECORD_BYTES_MAX,
  SourceChangedError,
  storeLog,
  storeSnapshot,
} from "./stored_files.ts";

/** A server that purges and rolls so often while it is copied is not met in practice. */
const ATTEMPTS_MAX = 10;

export interface CreateOptions {
  readonly repository: Repository;
  readonly dataDir: string;
  readonly dataLogDir: string;
  readonly gzip: boolean;
  /** Asked after snapshots are read, before logs are. Null: whatever is logged is taken. */
  readonly committed: (() => Promise<CommittedZxid>) | null;
  readonly progress: Progress;
  readonly warn: (message: string) => void;
}

export interface CreatedBackup {
  readonly manifest: BackupManifest;
  /** Of the files that are new in the repository. */
  readonly newBytes: number;
  /** Of those that it had. */
  readonly sharedBytes: number;
}

export async function createBackup(options: CreateOptions): Promise<CreatedBackup> {
  const { repository, warn } = options;
  using _ = repository.lock();
  const { backups, damaged } = await repository.list();
  for (const { reason } of damaged) warn(`${reason}; "backup verify" tells more`);
  const newest = backups.at(-1);
  if (newest !== undefined && newest.createdAt > Date.now()) {
    warn(
      `the clock is behind that of the backup ${newest.id}: what is made now counts as older than ` +
        'it, for "restore" and "prune"',
    );
  }
  const leftOut = new Set<string>();
  for (let attempt = 1;; attempt++) {
    try {
      const created = await new Creation(options, backups, leftOut).run();
      await repository.removeUnused();
      return created;
    } catch (error) {
      if (error instanceof IncompleteSnapshotError) {
        if (attempt < ATTEMPTS_MAX) continue;
        warn(`${error.message}: it is left out`);
        leftOut.add(error.snapshot);
        attempt--;
        continue;
      }
      const isRace = error instanceof SourceChangedError || error instanceof Deno.errors.NotFound ||
        error instanceof LogCorruptError;
      if (!isRace) throw error;
      if (attempt === ATTEMPTS_MAX || error instanceof LogCorruptError && attempt > 1) {
        throw new BackupError(`Cannot back up "${options.dataDir}": ${error.message}`, {
          cause: error,
        });
      }
    }
  }
}

/** A log of the data directory as it is taken, or why it cannot be. */
interface TakenLog {
  readonly name: string;
  readonly entries: readonly LogEntry[];
  readonly damage: LogCorruptError | null;
}

class Creation {
  readonly #options: CreateOptions;
  /** Names of snapshots that are of no use. */
  readonly #leftOut: ReadonlySet<string>;
  readonly #knownSnapshots: ReadonlyMap<string, SnapshotEntry>;
  readonly #knownParts: KnownParts;
  readonly #snapshotDir: string;
  readonly #logDir: string;
  /** Names of files that were stored. */
  readonly #stored = new Set<string>();

  constructor(
    options: CreateOptions,
    backups: readonly BackupManifest[],
    leftOut: ReadonlySet<string>,
  ) {
    this.#options = options;
    this.#leftOut = leftOut;
    const { repository, dataDir, dataLogDir } = options;
    this.#knownSnapshots = new Map(
      backups.flatMap(({ snapshots }) => snapshots)
        .filter((entry) => repository.has(entry)).map((entry) => [entry.sha256, entry]),
    );
    this.#knownParts = knownPartsOf(backups, (entry) => repository.has(entry));
    this.#snapshotDir = versionDirOf(dataDir);
    this.#logDir = versionDirOf(dataLogDir);
  }

  async run(): Promise<CreatedBackup> {
    const { repository, committed, progress, dataDir } = this.#options;
    const createdAt = Date.now();
    const snapshots = snapshotsIn(systemFiles.namesIn(this.#snapshotDir)).filter(({ name }) =>
      !this.#leftOut.has(name) && looksWhole(`${this.#snapshotDir}/${name}`, systemFiles)
    );
    const logs = txnLogsIn(systemFiles.namesIn(this.#logDir));
    progress.begin(totalBytes(this.#snapshotDir, snapshots.slice(0, 1)));
    const newest = await this.#newestSnapshot(snapshots);

    const answer = committed === null ? null : await committed();
    const through = answer?.throughZxid ?? Infinity;
    const oldest = snapshots.at(-1)!;
    const wanted = txnLogsFrom(logs, oldest.zxid + 1);
    progress.begin(totalBytes(this.#logDir, wanted));
    const taken: TakenLog[] = [];
    if (logs.length === 0) {
      this.#options.warn(
        `"${this.#logDir}" holds no txn log, only the newest snapshot can be restored; where logs are ` +
          "elsewhere, name the zoo.cfg or --data-log-dir",
      );
    }
    for (const [i, log] of wanted.entries()) {
      const isNewest = i === wanted.length - 1;
      taken.push(await this.#takeLog(log, { throughZxid: through, isNewest }));
    }
    const { base, entries } = await this.#chooseBase(snapshots, newest, taken);

    const last = entries.at(-1);
    if (newest.throughZxid > newest.zxid && !reaches(last, newest.throughZxid)) {
      throw new IncompleteSnapshotError(newest.source);
    }
    const manifest = newManifest({
      id: repository.newId(createdAt),
      createdAt,
      source: {
        host: hostname(),
        dataDir: resolve(dataDir),
        dataLogDir: resolve(this.#options.dataLogDir),
        serverId: numberIn(`${dataDir}/myid`),
        acceptedEpoch: numberIn(`${this.#snapshotDir}/acceptedEpoch`),
        currentEpoch: numberIn(`${this.#snapshotDir}/currentEpoch`),
        committedZxid: answer?.throughZxid ?? null,
      },
      range: {
        fromZxid: base.throughZxid,
        fromTime: lastTxnThrough(repository, entries, base.throughZxid)?.timeMs ??
          entries[0]?.firstTime ?? createdAt,
        toZxid: Math.max(newest.throughZxid, last?.lastZxid ?? 0),
        toTime: last?.lastTime ?? createdAt,
      },
      snapshots: base.file === newest.file ? [base] : [base, newest],
      logs: entries,
    });
    repository.add(manifest);
    progress.end();
    const used = [...new Map(entriesOf(manifest).map((entry) => [entry.file, entry])).values()];
    const bytesOf = (isNew: boolean) =>
      used.filter(({ file }) => this.#stored.has(file) === isNew)
        .reduce((sum, { storedBytes }) => sum + storedBytes, 0);
    return { manifest, newBytes: bytesOf(true), sharedBytes: bytesOf(false) };
  }

  async #newestSnapshot(snapshots: readonly StorageFile[]): Promise<SnapshotEntry> {
    for (const snapshot of snapshots) {
      const entry = await this.#takeSnapshot(snapshot);
      if (entry !== null) return entry;
    }
    throw new BackupError(
      `Cannot back up "${this.#options.dataDir}": "${this.#snapshotDir}" holds no snapshot that can ` +
        "be read; a server writes one when it starts",
    );
  }

  /** Null when it is damaged. */
  async #takeSnapshot({ name, zxid }: StorageFile): Promise<SnapshotEntry | null> {
    const { repository, gzip, progress, warn } = this.#options;
    const path = `${this.#snapshotDir}/${name}`;
    const sha256 = (await hashFile(path)).hex();
    const known = this.#knownSnapshots.get(sha256);
    if (known !== undefined) return known;
    const reach = new SnapshotReach();
    const loader = new SnapshotLoader({
      tree: reach,
      sessions: new Map(),
      lengthMax: RECORD_BYTES_MAX,
      extendedTypes: true,
    });
    try {
      const summary = await readSnapshotFile({ path, loader, fileSystem: systemFiles, rest });
      const stored = await storeSnapshot(repository, {
        ...{ path, source: name, sha256, gzip },
        onBytes: (bytes) => progress.add(bytes),
      });
      this.#stored.add(stored.file);
      return {
        ...stored,
        source: name,
        zxid,
        throughZxid: Math.max(zxid, reach.of(summary)),
        znodeCount: summary.znodeCount,
      };
    } catch (error) {
      if (!(error instanceof DataDirError)) throw error;
      warn(`"${path}" is left out: it is damaged: ${error.message}`);
      return null;
    }
  }

  async #takeLog(
    { name }: StorageFile,
    { throughZxid, isNewest }: { throughZxid: Zxid; isNewest: boolean },
  ): Promise<TakenLog> {
    const { repository, gzip, progress, warn } = this.#options;
    const entries: LogEntry[] = [];
    let damage: LogCorruptError | null = null;
    try {
      const parts = partsOfLog({
        ...{ path: `${this.#logDir}/${name}`, known: this.#knownParts, throughZxid },
        onBytes: (bytes) => progress.add(bytes),
        onTorn: (offset, reason) => {
          // in an older log an earlier crash left it, and the next log goes on from there
          if (!isNewest) return;
          warn(`"${name}" is taken through offset ${offset} only, as a server would: ${reason}`);
        },
      });
      for await (const part of parts) {
        if ("file" in part) {
          entries.push(part);
          continue;
        }
        const { content, ...described } = part;
        const stored = await storeLog(repository, { source: part.source, content, gzip });
        this.#stored.add(stored.file);
        entries.push({ ...stored, ...described });
      }
    } catch (error) {
      if (!(error instanceof LogCorruptError)) throw error;
      damage = error;
    }
    return { name, entries, damage };
  }

  /** The oldest snapshot from which the logs go on without a hole, and the logs from there on. */
  async #chooseBase(
    snapshots: readonly StorageFile[],
    newest: SnapshotEntry,
    taken: readonly TakenLog[],
  ): Promise<{ base: SnapshotEntry; entries: LogEntry[] }> {
    const { warn } = this.#options;
    let reason: Error | null = null;
    for (const snapshot of snapshots.toReversed()) {
      if (snapshot.zxid > newest.zxid) break;
      const logs = logsFrom(taken, snapshot.zxid);
      const later = snapshots.filter(({ zxid }) => zxid > snapshot.zxid && zxid <= newest.zxid);
      const problem = problemOf({ snapshot, later, logs });
      if (problem !== null) {
        reason ??= problem;
        continue;
      }
      const base = snapshot.zxid === newest.zxid ? newest : await this.#takeSnapshot(snapshot);
      if (base === null) continue;
      if (reason !== null) {
        warn(`the backup begins with ${zxidText(base.throughZxid)}, since ${reason.message}`);
      }
      return { base, entries: soundEntriesOf(logs) };
    }
    if (reason instanceof LogCorruptError) throw reason;
    throw new BackupError(
      `Cannot back up "${this.#options.dataDir}": ${reason?.message ?? "its files do not match"}`,
    );
  }
}

/** Those that may hold a txn after `zxid`. */
function logsFrom(taken: readonly TakenLog[], zxid: Zxid): TakenLog[] {
  const first = taken.findLastIndex(({ entries, damage }) =>
    damage === null && entries.length > 0 && entries[0]!.firstZxid <= zxid
  );
  return taken.slice(Math.max(first, 0));
}

/** Why the logs do not lead from a snapshot to their end. */
function problemOf({ snapshot, later, logs }: {
  snapshot: StorageFile;
  /** Newer ones: what they are named after has to be in the log. */
  later: readonly StorageFile[];
  logs: readonly TakenLog[];
}): Error | null {
  const order = new ReplayOrder({ zxid: snapshot.zxid, file: snapshot.name });
  let damage: LogCorruptError | null = null;
  for (const log of logs) {
    // what it holds is not needed if the next one goes on with the very next txn
    if (damage !== null && log.entries[0]?.firstZxid !== order.last + 1) return damage;
    damage = log.damage;
    if (damage !== null) continue;
    for (const { firstZxid, lastZxid } of log.entries) {
      try {
        if (firstZxid <= order.last) order.pass(log.name);
        else order.take(firstZxid, log.name);
        order.take(lastZxid, log.name);
      } catch (error) {
        if (error instanceof LogHoleError) return error;
        throw error;
      }
    }
  }
  if (damage !== null) return damage;
  const entries = soundEntriesOf(logs);
  // the first txn of an epoch may follow on any of the one before: only this tells that some are missing
  const missing = later.find(({ zxid }) =>
    counterOf(zxid) !== 0 &&
    !entries.some(({ firstZxid, lastZxid }) => firstZxid <= zxid && zxid <= lastZxid)
  );
  return missing === undefined
    ? null
    : new Error(`the txns between "${snapshot.name}" and "${missing.name}" are in no log`);
}

function soundEntriesOf(logs: readonly TakenLog[]): LogEntry[] {
  return logs.filter(({ damage }) => damage === null).flatMap(({ entries }) => entries);
}

/** Whether a log ends behind what a snapshot may hold a part of. The first zxid of an epoch is no txn's. */
function reaches(last: LogEntry | undefined, throughZxid: Zxid): boolean {
  return last !== undefined && (last.lastZxid >= throughZxid || counterOf(throughZxid) === 0);
}

/** The log does not make it exact: it lags behind for a moment, or lost its end. */
class IncompleteSnapshotError extends Error {
  override name = "IncompleteSnapshotError";
  readonly snapshot: string;

  constructor(snapshot: string) {
    super(`"${snapshot}" was taken while txns were applied that are in no log`);
    this.snapshot = snapshot;
  }
}

/** @throws {BackupError} when it is no data directory */
export function checkDataDir(dir: string): void {
  versionDirOf(dir);
}

function versionDirOf(dir: string): string {
  const path = `${dir}/version-2`;
  try {
    if (Deno.statSync(path).isDirectory) return path;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  throw new BackupError(
    `Cannot back up "${dir}": it holds no folder "version-2", as a data directory does`,
  );
}

function totalBytes(dir: string, files: readonly StorageFile[]): number {
  let bytes = 0;
  for (const { name } of files) {
    const file = systemFiles.open(`${dir}/${name}`, "read");
    bytes += file.storedBytes();
    file.close();
  }
  return bytes;
}
