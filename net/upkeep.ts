/**
 * What a running server does by itself from time to time: removes containers and TTL nodes, notices its own pauses
 * and when memory gets short, purges old files.
 *
 * @module
 */
import type { ServerMetrics } from "../core/metrics/server_metrics.ts";
import type { Clock, Logger } from "../core/ports.ts";
import type { WritePipeline } from "../core/server/write_pipeline.ts";
import type { ServerConfig } from "../core/server_config.ts";
import type { DataTree } from "../core/tree/data_tree.ts";
import { ContainerReaping } from "./container_reaping.ts";
import type { DataDir } from "./data_dir.ts";
import { MemoryWatch, softLimitOf } from "./memory_watch.ts";
import { PauseMonitor } from "./pause_monitor.ts";
import { AutoPurge } from "./purge.ts";
import type { RecoveryResult } from "./recovery.ts";
import type { Turn } from "./turn.ts";

export interface UpkeepOptions {
  config: ServerConfig;
  dirs: DataDir;
  tree: DataTree;
  /** Null where writes are not ordered here. */
  deciding: () => WritePipeline | null;
  metrics: ServerMetrics;
  turn: Turn;
  logger: Logger;
  clock: Clock;
  /** Snapshots that could not be used: nothing is purged on their account. */
  skipped: RecoveryResult["skipped"];
}

export class Upkeep {
  readonly #reaping: ContainerReaping;
  /** Null: off. */
  readonly #pauseMonitor: PauseMonitor | null;
  readonly #memory: MemoryWatch;
  readonly #purge: AutoPurge | null;

  constructor(options: UpkeepOptions) {
    const { config, dirs, tree, deciding, metrics, turn, logger, clock, skipped } = options;
    this.#reaping = new ContainerReaping({ config, tree, writes: deciding, turn, clock });
    this.#pauseMonitor = !config.pauseMonitor.enabled ? null : new PauseMonitor({
      config: config.pauseMonitor,
      logger,
      clock,
      pauseMs: metrics.jvmPauseTimeMs,
    });
    this.#memory = new MemoryWatch({ tree, logger, ...softLimitOf(config) });
    const { purgeIntervalMs, snapRetainCount } = config.autopurge;
    this.#purge = purgeIntervalMs <= 0 ? null : new AutoPurge({
      snapshotDir: dirs.snapshotDir,
      logDir: dirs.logDir,
      retainCount: snapRetainCount,
      damaged: new Set(skipped.map(({ name }) => name)),
      logger,
      intervalMs: purgeIntervalMs,
    });
  }

  stop(): void {
    this.#purge?.stop();
    this.#reaping.stop();
    this.#pauseMonitor?.stop();
    this.#memory.stop();
  }
}
