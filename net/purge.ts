/**
 * Deletes snapshots and txn logs that are no longer needed; which, decides `purge_plan.ts`.
 *
 * @module
 */
import type { Logger } from "../core/ports.ts";
import { snapshotsIn, txnLogsIn } from "../core/storage/file_names.ts";
import { planPurge, type PurgePlan } from "../core/storage/purge_plan.ts";
import { systemFiles } from "./file_system.ts";
import { LateInterval } from "./late_timers.ts";
import { looksWhole } from "./snapshot_files.ts";

/** What a timer can hold: 24 days. */
const INTERVAL_MS_MAX = 2 ** 31 - 1;

export interface PurgeOptions {
  snapshotDir: string;
  logDir: string;
  /** Snapshots to keep. */
  retainCount: number;
  /** Names of those that recovery found damaged, whatever they look like: they do not count. */
  damaged?: ReadonlySet<string>;
  logger: Logger;
  /** Called before each file is deleted. */
  onDelete?: (path: string) => void;
}

/** What would be purged now. */
export function planOf(
  { snapshotDir, logDir, retainCount, damaged = new Set() }: Omit<PurgeOptions, "logger">,
): PurgePlan {
  return planPurge({
    snapshots: snapshotsIn(systemFiles.namesIn(snapshotDir)),
    isWhole: ({ name }) => !damaged.has(name) && isReadableAndWhole(`${snapshotDir}/${name}`),
    logs: txnLogsIn(systemFiles.namesIn(logDir)),
    retainCount,
  });
}

/**
 * Purges once. A file that cannot be deleted is logged and left for the next time.
 *
 * @returns the names of what was deleted
 */
export async function purgeOldFiles(options: PurgeOptions): Promise<string[]> {
  const { snapshotDir, logDir, retainCount, logger, onDelete } = options;
  const plan = planOf(options);
  const deleted: string[] = [];
  // snapshots first: if we are cut off, what is left still has all its logs
  for (
    const [dir, files] of [[snapshotDir, plan.snapshots], [logDir, plan.logs]] as const
  ) {
    for (const { name } of files) {
      try {
        // not through the port: a file of many GB takes its time, which nobody should wait for
        onDelete?.(`${dir}/${name}`);
        await Deno.remove(`${dir}/${name}`);
        deleted.push(name);
      } catch (error) {
        logger.warn("file not purged", {
          file: `${dir}/${name}`,
          problem: error instanceof Error ? error.message : String(error),
        });
      }
    }
  }
  if (deleted.length > 0) {
    logger.info("old files purged", { count: deleted.length, kept: retainCount });
  }
  return deleted;
}

/** Purges now and then until told to stop. */
export class AutoPurge {
  #timer: LateInterval;
  #options: PurgeOptions;
  #isRunning = false;

  /** Starts with a purge at once, as ZooKeeper does. */
  constructor({ intervalMs, ...options }: PurgeOptions & { intervalMs: number }) {
    this.#options = options;
    this.#timer = new LateInterval(() => void this.#run(), Math.min(intervalMs, INTERVAL_MS_MAX));
    void this.#run();
  }

  stop(): void {
    this.#timer.stop();
  }

  async #run(): Promise<void> {
    if (this.#isRunning) return;
    this.#isRunning = true;
    try {
      await purgeOldFiles(this.#options);
    } catch (error) {
      this.#options.logger.warn("old files not purged", {
        problem: error instanceof Error ? error.message : String(error),
      });
    } finally {
      this.#isRunning = false;
    }
  }
}

/** Whether a snapshot passes the quick check. */
export function isReadableAndWhole(path: string): boolean {
  try {
    return looksWhole(path, systemFiles);
  } catch {
    return false;
  }
}
