/**
 * Takes txns to the disk and back: writes a batch, syncs it, reports it durable; the next batch fills
 * meanwhile. Also where a full disk is noticed and waited out, and where snapshots are started.
 *
 * @module
 */
import type { Clock, Logger, Random } from "../core/ports.ts";
import type { RequestProcessor } from "../core/server/request_processor.ts";
import type { LogBatch } from "../core/server/write_pipeline.ts";
import type { ServerConfig } from "../core/server_config.ts";
import { SnapshotSchedule } from "../core/storage/snapshot_schedule.ts";
import type { SessionTable } from "../core/storage/snapshot_tree.ts";
import { BatchWait } from "./batch_wait.ts";
import type { DataDir } from "./data_dir.ts";
import { DiskFullError, DiskRoom } from "./disk_full.ts";
import { SnapshotFiles } from "./snapshot_files.ts";
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
  processor: RequestProcessor;
  sessions: SessionTable;
  turn: Turn;
  logger: Logger;
  clock: Clock;
  random: Random;
  /** Our own machine failed us: the process must end. */
  fatal: (message: string, error: unknown) => void;
}

export class LogPump {
  readonly log: TxnLogFile;
  readonly snapshots: SnapshotFiles;
  #options: LogPumpOptions;
  #schedule: SnapshotSchedule;
  #isSyncing = false;
  /** Set only when flushDelay asks batches to wait for more. */
  readonly #wait: BatchWait | null;
  #syncMsAverage = 0;
  #room: DiskRoom;
  #roomTimer: ReturnType<typeof setTimeout> | null = null;
  #idle: (() => void) | null = null;
  #isStopped = false;
  #snapshotEnd: Promise<void> = Promise.resolve();

  constructor(options: LogPumpOptions) {
    this.#options = options;
    const { config, dirs, logger, clock, random } = options;
    this.log = new TxnLogFile({
      dir: dirs.logDir,
      preallocBytes: config.preAllocSizeBytes,
      forceSync: config.forceSync,
      fsyncWarningMs: config.fsyncWarningThresholdMs,
      logger,
      clock,
    });
    this.snapshots = new SnapshotFiles({
      dir: dirs.snapshotDir,
      compression: config.snapshotCompression,
      withDigest: config.digestEnabled,
      withLastZxid: config.serializeLastProcessedZxid,
      logger,
      clock,
    });
    this.#schedule = new SnapshotSchedule({
      random,
      snapCount: config.snapCount,
      sizeLimitBytes: config.snapSizeLimitBytes,
    });
    this.#wait = config.flushDelayMs > 0 ? new BatchWait(config, options.turn, clock) : null;
    this.#room = new DiskRoom({ dir: dirs.logDir, freeBytesMin: FREE_BYTES_MIN });
  }

  /** Starts on what was prepared, unless a batch is under way: its end starts the next. */
  kick(): void {
    if (this.#isSyncing || this.#isStopped) return;
    const { processor } = this.#options;
    if (this.#wait?.isOn(processor.writes.batchRecordCount)) return; // it will end a turn when it is over
    const batch = processor.writes.takeBatch();
    if (batch === null) return;
    if (!this.#write(batch)) return;
    if (this.#mayBlock(batch)) return this.#syncNow(batch);
    this.#isSyncing = true;
    void this.#sync(batch);
  }

  /**
   * Whether to sync with everything held up: worth it for few txns on a disk that was fast lately, since
   * handing the sync to a thread costs as much as the sync itself.
   */
  #mayBlock({ recordCount }: LogBatch): boolean {
    return recordCount <= BLOCKING_RECORD_COUNT_MAX &&
      this.#syncMsAverage < BLOCKING_SYNC_MS_MAX && !this.snapshots.isWriting;
  }

  #syncNow(batch: LogBatch): void {
    let syncMs: number;
    try {
      syncMs = this.log.syncBlocking();
    } catch (error) {
      return this.#options.fatal("the txn log could not be synced", error);
    }
    this.#committed(batch, syncMs);
  }

  /** Writes what was prepared and waits until all of it is durable and applied. */
  async drain(): Promise<void> {
    this.#wait?.stop();
    this.#options.turn.begin(); // its end sends the replies
    this.kick();
    while (this.#isSyncing) await new Promise<void>((resolve) => this.#idle = resolve);
  }

  /** Takes a snapshot in the background, unless one is being taken. */
  async snapshot(pace: "gentle" | "eager" = "gentle"): Promise<void> {
    const { processor, sessions, fatal, clock } = this.#options;
    if (this.snapshots.isWriting || this.#isStopped) return;
    const startMs = clock.monotonicMs();
    const ended = Promise.withResolvers<void>();
    this.#snapshotEnd = ended.promise;
    try {
      await this.snapshots.write(processor.tree, sessions, pace);
      processor.stats.metrics.snapshotTimeMs.add(Math.round(clock.monotonicMs() - startMs));
    } catch (error) {
      if (error instanceof DiskFullError || this.#isStopped) return; // logged; older ones are kept
      fatal("a snapshot could not be written", error);
    } finally {
      ended.resolve();
    }
  }

  /** Closes the log; a snapshot under way is given up, which takes a moment. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#wait?.stop();
    if (this.#roomTimer !== null) clearTimeout(this.#roomTimer);
    this.snapshots.stop();
    this.log.close();
    await this.#snapshotEnd;
  }

  #write(batch: LogBatch): boolean {
    try {
      this.log.write(batch);
      return true;
    } catch (error) {
      if (!(error instanceof DiskFullError)) {
        this.#options.fatal("the txn log could not be written", error);
        return false;
      }
      this.#diskFull(error);
      return false;
    }
  }

  async #sync(batch: LogBatch): Promise<void> {
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
    this.#isSyncing = false;
    turn.begin(); // its end kicks the next batch and flushes
    this.#committed(batch, syncMs);
    const idle = this.#idle;
    this.#idle = null;
    this.kick();
    idle?.();
  }

  #committed(batch: LogBatch, syncMs: number): void {
    const { processor } = this.#options;
    this.#wait?.synced();
    this.#syncMsAverage += (syncMs - this.#syncMsAverage) / SYNC_MS_SAMPLES;
    const { metrics } = processor.stats;
    const ms = Math.round(syncMs);
    metrics.fsyncTimeMs.add(ms);
    metrics.syncProcessTime.add(ms);
    metrics.syncProcessorQueueFlushTimeMs.add(ms);
    metrics.syncProcessorQueueSize.add(processor.writes.outstandingCount);
    metrics.syncProcessorBatchSize.add(batch.recordCount);
    processor.stats.server.fsyncThresholdExceedCount = this.log.slowSyncCount;
    processor.writes.committed(batch);
    this.#snapshotIfDue();
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

  #diskFull(error: DiskFullError): void {
    const { processor, logger } = this.#options;
    logger.error("the disk is full: writes are refused until there is room, reads go on", {
      file: error.path,
    });
    processor.writes.diskFull();
    this.#awaitRoom();
  }

  #awaitRoom(): void {
    this.#roomTimer = setTimeout(() => {
      if (!this.#room.hasRoom()) return this.#awaitRoom();
      this.#roomTimer = null;
      this.#options.processor.writes.acceptsWrites = true;
      this.#options.logger.info("the disk has room again: writes are accepted");
    }, ROOM_CHECK_MS);
  }
}
