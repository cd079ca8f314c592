/**
 * Takes txns to the disk and back: writes batches, syncs them, reports them durable; the next ones fill
 * meanwhile. Also where a full disk is noticed and waited out, and where snapshots are started.
 *
 * @module
 */
import type { Clock, FileSystem, Logger, Random } from "../core/ports.ts";
import type { ServerMetrics } from "../core/metrics/server_metrics.ts";
import type { LogBatch } from "../core/server/log_batches.ts";
import type { LogSource } from "../core/server/log_source.ts";
import type { ServerConfig } from "../core/server_config.ts";
import type { ServerStats } from "../core/server_stats.ts";
import { SnapshotSchedule } from "../core/storage/snapshot_schedule.ts";
import {
  type SessionTable,
  type SnapshotTree,
  TreeClearedError,
} from "../core/storage/snapshot_tree.ts";
import type { Zxid } from "../core/zxid.ts";
import { BatchWait } from "./batch_wait.ts";
import type { DataDir } from "./data_dir.ts";
import { DiskFullError, DiskRoom } from "./disk_full.ts";
import type { Rest } from "./rest.ts";
import { SnapshotAbandonedError, SnapshotFiles, type WrittenSnapshot } from "./snapshot_files.ts";
import type { Turn } from "./turn.ts";
import { TxnLogFile } from "./txn_log_file.ts";

/** How often a full disk is looked at. */
const ROOM_CHECK_MS = 1000;
/** What must be free before writes are taken again. */
const FREE_BYTES_MIN = 1 << 20;
/** Larger batches are synced in the background, while the next one fills. */
const BLOCKING_RECORD_COUNT_MAX = 16;
/** A disk slower than this is never waited for. */
const BLOCKING_SYNC_MS_MAX = 0.5;
/** Syncs that the moving average remembers: one slow sync of 10 ms sends the next hundred away. */
const SYNC_MS_SAMPLES = 32;

export interface LogPumpOptions {
  config: ServerConfig;
  dirs: DataDir;
  tree: SnapshotTree;
  sessions: SessionTable;
  metrics: ServerMetrics;
  stats: ServerStats;
  turn: Turn;
  logger: Logger;
  clock: Clock;
  random: Random;
  fileSystem: FileSystem;
  rest: Rest;
  /** Our own machine failed us: the process must end. */
  fatal: (message: string, error: unknown) => void;
}

export class LogPump {
  readonly log: TxnLogFile;
  readonly snapshots: SnapshotFiles;
  #options: LogPumpOptions;
  #schedule: SnapshotSchedule;
  #source: LogSource | null = null;
  /** Since when a sync is under way that is not waited for; null when none is. */
  #syncingSinceMs: number | null = null;
  /** Set only when flushDelay asks batches to wait for more. */
  readonly #wait: BatchWait | null;
  /** Since when records wait for the sync under way; null: none do. */
  #queuedMs: number | null = null;
  #syncMsAverage = 0;
  #room: DiskRoom;
  #roomTimer: ReturnType<typeof setTimeout> | null = null;
  #awaitingSync: (() => void)[] = [];
  #isStopped = false;
  /** No snapshot may be begun: see `quiesce`. */
  #isHeld = false;
  #snapshotEnd: Promise<void> = Promise.resolve();

  constructor(options: LogPumpOptions) {
    this.#options = options;
    const { config, dirs, logger, clock, random, fileSystem, rest } = options;
    this.log = new TxnLogFile({
      dir: dirs.logDir,
      preallocBytes: config.preAllocSizeBytes,
      forceSync: config.forceSync,
      fsyncWarningMs: config.fsyncWarningThresholdMs,
      logger,
      clock,
      fileSystem,
    });
    this.snapshots = new SnapshotFiles({
      dir: dirs.snapshotDir,
      compression: config.snapshotCompression,
      withDigest: config.digestEnabled,
      withLastZxid: config.serializeLastProcessedZxid,
      logger,
      clock,
      fileSystem,
      rest,
    });
    this.#schedule = new SnapshotSchedule({
      random,
      snapCount: config.snapCount,
      sizeLimitBytes: config.snapSizeLimitBytes,
    });
    this.#wait = config.flushDelayMs > 0 ? new BatchWait(config, options.turn, clock) : null;
    this.#room = new DiskRoom({ dir: dirs.logDir, freeBytesMin: FREE_BYTES_MIN });
  }

  /** Whose txns are logged from now on; what the last one left must have been flushed. */
  set source(source: LogSource | null) {
    this.#source = source;
    this.#tellSynced();
  }

  /** Starts on what was prepared, unless batches are under way: their end starts the next. */
  kick(): void {
    const source = this.#source;
    if (source === null || this.#isStopped) return;
    if (this.#isSyncing) {
      if (source.batchRecordCount > 0) this.#queuedMs ??= this.#options.clock.monotonicMs();
      return;
    }
    if (this.#wait?.isOn(source.batchRecordCount)) return; // it will end a turn when it is over
    const written = this.#writeAll(source);
    if (written === null) return;
    this.#countQueueTime();
    if (this.#mayBlock(written)) return this.#syncNow(written);
    this.#syncingSinceMs = this.#options.clock.monotonicMs();
    void this.#sync(written);
  }

  /** Monotonic; null when no sync is under way, or one that holds up everything. */
  get syncingSinceMs(): number | null {
    return this.#syncingSinceMs;
  }

  /** Writes are refused until there is room. */
  get isDiskFull(): boolean {
    return this.#roomTimer !== null;
  }

  get #isSyncing(): boolean {
    return this.#syncingSinceMs !== null;
  }

  /** Makes durable, with everything held up, what was prepared: nothing more will come of its source. */
  flush(): void {
    if (this.#source === null || this.#isStopped) return;
    this.#writeAll(this.#source);
    try {
      this.log.flush();
    } catch (error) {
      return this.#options.fatal("the txn log could not be synced", error);
    }
    this.#tellSynced();
  }

  /** How long the first of what is written now has waited. */
  #countQueueTime(): void {
    const { metrics, clock } = this.#options;
    const queuedMs = this.#queuedMs;
    this.#queuedMs = null;
    metrics.syncProcessorQueueTimeMs.add(
      queuedMs === null ? 0 : Math.max(0, Math.round(clock.monotonicMs() - queuedMs)),
    );
  }

  #writeAll(source: LogSource): Written | null {
    let lastZxid: Zxid = -1;
    let recordCount = 0;
    for (let batch = source.takeBatch(); batch !== null; batch = source.takeBatch()) {
      if (!this.#write(source, batch)) return null;
      lastZxid = batch.lastZxid;
      recordCount += batch.recordCount;
    }
    return recordCount === 0 ? null : { source, lastZxid, recordCount };
  }

  /**
   * Whether to sync with everything held up: worth it for few txns on a disk that was fast lately, since
   * handing the sync to a thread costs as much as the sync itself.
   */
  #mayBlock({ recordCount }: Written): boolean {
    return recordCount <= BLOCKING_RECORD_COUNT_MAX &&
      this.#syncMsAverage < BLOCKING_SYNC_MS_MAX && !this.snapshots.isWriting;
  }

  #syncNow(written: Written): void {
    let syncMs: number;
    try {
      syncMs = this.log.syncBlocking();
    } catch (error) {
      return this.#options.fatal("the txn log could not be synced", error);
    }
    this.#synced(written, syncMs);
  }

  /**
   * Writes what was prepared and waits until all of it is durable and applied; not for what comes meanwhile,
   * since a leader's learners go on.
   */
  async drain(): Promise<void> {
    this.#wait?.stop();
    this.#options.turn.begin(); // its end sends the replies
    this.kick();
    // what was prepared is behind the sync under way
    for (let i = 0; i < 2 && this.#isSyncing; i++) await this.#nextSync();
  }

  /** Takes a snapshot, with nobody to be served meanwhile. To be called when the disk is left alone. */
  writeSnapshot(): Promise<WrittenSnapshot> {
    const { tree, sessions } = this.#options;
    return this.snapshots.write(tree, sessions, "eager");
  }

  /**
   * Waits until the disk is left alone: no sync is under way any more, and no snapshot; nobody can ask for one
   * before `release`.
   */
  async quiesce(): Promise<void> {
    this.#isHeld = true;
    while (this.#isSyncing) await this.#nextSync();
    await this.snapshots.abandon();
    await this.#snapshotEnd;
  }

  /** What the disk was left alone for is done. */
  release(): void {
    this.#isHeld = false;
    this.#wait?.resume();
  }

  /** Waits until what is applied now is durable: on a learner a commit may come before our own sync. */
  async #logged(): Promise<void> {
    // the batch that is being filled is behind the sync under way
    for (let i = 0; i < 2 && this.#isBehind(); i++) await this.#nextSync();
  }

  #isBehind(): boolean {
    if (this.#source === null || this.#isStopped) return false;
    return this.#isSyncing || this.#source.batchRecordCount > 0;
  }

  #nextSync(): Promise<void> {
    return new Promise((resolve) => this.#awaitingSync.push(resolve));
  }

  #tellSynced(): void {
    for (const resolve of this.#awaitingSync.splice(0)) resolve();
  }

  /** Takes a snapshot in the background, unless one is being taken, or none may be. */
  async snapshot(pace: "gentle" | "eager" = "gentle"): Promise<void> {
    const { fatal } = this.#options;
    if (this.snapshots.isWriting || this.#isStopped || this.#isHeld) return;
    try {
      await this.#takeSnapshot(pace);
    } catch (error) {
      if (error instanceof DiskFullError || this.#isStopped) return; // logged; older ones are kept
      if (error instanceof TreeClearedError || error instanceof SnapshotAbandonedError) return;
      fatal("a snapshot could not be written", error);
    }
  }

  /**
   * Takes a snapshot of what there is now, behind one that is being taken: somebody asked for it, and is to hear
   * when it fails.
   *
   * @throws {SnapshotAbandonedError} when the server stops, or all it has is being replaced
   */
  async snapshotNow(): Promise<WrittenSnapshot> {
    while (this.snapshots.isWriting) await this.snapshots.ended();
    if (this.#isStopped || this.#isHeld) {
      throw new SnapshotAbandonedError(
        "Cannot take a snapshot now: the server stops, or loads other data; ask again",
      );
    }
    return await this.#takeSnapshot("gentle");
  }

  async #takeSnapshot(pace: "gentle" | "eager"): Promise<WrittenSnapshot> {
    const { tree, sessions, metrics, clock } = this.#options;
    const startMs = clock.monotonicMs();
    const ended = Promise.withResolvers<void>();
    this.#snapshotEnd = ended.promise;
    try {
      const written = await this.snapshots.write(tree, sessions, pace, () => this.#logged());
      metrics.snapshotTimeMs.add(Math.round(clock.monotonicMs() - startMs));
      return written;
    } finally {
      ended.resolve();
    }
  }

  /** Closes the log; a snapshot under way is given up, which takes a moment. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#tellSynced();
    this.#wait?.stop();
    if (this.#roomTimer !== null) clearTimeout(this.#roomTimer);
    this.snapshots.stop();
    this.log.close();
    await this.#snapshotEnd;
  }

  #write(source: LogSource, batch: LogBatch): boolean {
    try {
      this.log.write(batch);
      return true;
    } catch (error) {
      if (!(error instanceof DiskFullError)) {
        this.#options.fatal("the txn log could not be written", error);
        return false;
      }
      this.#diskFull(source, error);
      return false;
    }
  }

  async #sync(written: Written): Promise<void> {
    const { turn, fatal } = this.#options;
    let syncMs: number;
    try {
      syncMs = await this.log.sync();
    } catch (error) {
      if (this.#isStopped) return; // nothing is acknowledged any more
      // nobody knows what is on the disk now: to go on would be to guess
      return fatal("the txn log could not be synced", error);
    }
    if (this.#isStopped) return;
    this.#syncingSinceMs = null;
    turn.begin(); // its end kicks the next batch and flushes
    this.#synced(written, syncMs);
    this.kick();
  }

  #synced({ source, lastZxid, recordCount }: Written, syncMs: number): void {
    this.#wait?.synced();
    this.#syncMsAverage += (syncMs - this.#syncMsAverage) / SYNC_MS_SAMPLES;
    const { metrics, stats } = this.#options;
    const ms = Math.round(syncMs);
    metrics.own.fsyncMs.observe(syncMs);
    metrics.fsyncTimeMs.add(ms);
    metrics.syncProcessTime.add(ms);
    metrics.syncProcessorQueueFlushTimeMs.add(ms);
    metrics.syncProcessorQueueSize.add(source.outstandingCount);
    metrics.syncProcessorBatchSize.add(recordCount);
    stats.fsyncThresholdExceedCount = this.log.slowSyncCount;
    if (source === this.#source) this.#tellLogged(source, lastZxid, recordCount); // else its role is over
    this.#tellSynced();
    this.#snapshotIfDue();
  }

  /** Standing alone, all of it is applied and answered now; a member counts or sends acknowledgements. */
  #tellLogged(source: LogSource, lastZxid: Zxid, recordCount: number): void {
    const { metrics, clock } = this.#options;
    const startMs = clock.monotonicMs();
    source.logged(lastZxid);
    const ms = clock.monotonicMs() - startMs;
    metrics.commitProcessTime.add(Math.round(ms));
    metrics.writeFinalProcTimeMs.add(Math.round(ms / recordCount));
  }

  #snapshotIfDue(): void {
    const { log } = this;
    const { config } = this.#options;
    const due = this.#schedule.isDue({
      txnCount: log.recordsSinceRoll,
      bytes: log.bytesSinceSnapshot,
    });
    if (due) {
      log.roll();
      log.resetBytesSinceSnapshot();
      this.#schedule.draw();
      void this.snapshot();
    } else if (config.txnLogSizeLimitBytes > 0 && log.sizeBytes > config.txnLogSizeLimitBytes) {
      log.roll();
    }
  }

  #diskFull(source: LogSource, error: DiskFullError): void {
    const { logger, fatal } = this.#options;
    logger.error("the disk is full: writes are refused until there is room, reads go on", {
      file: error.path,
    });
    if (!source.diskFull()) return fatal("the txn log could not be written", error);
    this.#awaitRoom();
  }

  #awaitRoom(): void {
    this.#roomTimer = setTimeout(() => {
      if (!this.#room.hasRoom()) return this.#awaitRoom();
      this.#roomTimer = null;
      this.#source?.diskHasRoom();
      this.#options.logger.info("the disk has room again: writes are accepted");
    }, ROOM_CHECK_MS);
  }
}

/** Records on their way to the disk together. */
interface Written {
  source: LogSource;
  lastZxid: Zxid;
  recordCount: number;
}
