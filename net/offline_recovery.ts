/**
 * What a server would start with, tried over files that it cannot change: for commands that judge a data directory.
 *
 * @module
 */
import { DataDirError } from "../core/errors.ts";
import type { ServerConfig } from "../core/server_config.ts";
import { UNFINISHED_SUFFIX } from "../core/storage/file_names.ts";
import type { SessionTable } from "../core/storage/snapshot_tree.ts";
import { DataTree } from "../core/tree/data_tree.ts";
import { TxnApplier } from "../core/txn/apply.ts";
import type { Zxid } from "../core/zxid.ts";
import type { DataDir } from "./data_dir.ts";
import { EpochFiles } from "./epoch_files.ts";
import { systemFiles } from "./file_system.ts";
import { readOnly } from "./read_only_files.ts";
import { recover, type RecoveryResult } from "./recovery.ts";
import { rest } from "./rest.ts";
import { silentLogger } from "./silent_logger.ts";
import { systemClock } from "./system_clock.ts";

/** Settings that decide whether data are accepted. */
export interface OfflineSettings extends
  Pick<
    ServerConfig,
    | "digestEnabled"
    | "extendedTypesEnabled"
    | "emulate353TtlNodes"
    | "snapshotTrustEmpty"
    | "dbAutoCreate"
  > {
  /** jute.maxbuffer and its extra size. */
  readonly lengthMax: number;
}

export interface OfflineRecovery {
  readonly tree: DataTree;
  readonly sessions: SessionTable;
  /** Of the last txn; null: none was read from a log. */
  readonly lastTimeMs: number | null;
  /** Null: no server starts, and `problem` says why. */
  readonly result: RecoveryResult | null;
  readonly problem: string | null;
}

/** Recovers as a start does. Data that no server starts with are no error here; what else fails is thrown. */
export async function recoverOffline(
  dirs: DataDir,
  settings: OfflineSettings,
): Promise<OfflineRecovery> {
  const tree = new DataTree({
    digestEnabled: settings.digestEnabled,
    extendedTypes: settings.extendedTypesEnabled,
    emulate353Ttl: settings.emulate353TtlNodes,
    hashSeed: 1,
  });
  const sessions: SessionTable = new Map();
  const applier = new TxnApplier(tree, sessions);
  let lastTimeMs: number | null = null;
  try {
    const result = await recover({
      dirs,
      tree,
      sessions,
      replay: ({ header, txn }) => {
        lastTimeMs = header.timeMs;
        applier.apply(header, txn);
      },
      logger: silentLogger,
      clock: systemClock,
      fileSystem: readOnly(systemFiles),
      rest,
      lengthMax: settings.lengthMax,
      extendedTypes: settings.extendedTypesEnabled,
      digestEnabled: settings.digestEnabled,
      trustEmpty: settings.snapshotTrustEmpty,
      autoCreateDatabase: settings.dbAutoCreate,
    });
    return { tree, sessions, lastTimeMs, result, problem: null };
  } catch (error) {
    const isOfData = error instanceof DataDirError ||
      error instanceof Deno.errors.PermissionDenied || error instanceof Deno.errors.NotFound;
    if (!isOfData) throw error;
    return { tree, sessions, lastTimeMs, result: null, problem: error.message };
  }
}

/** Why a member would not start: its epochs contradict each other, or the data. Null too where it has none yet. */
export function epochProblem({ snapshotDir }: DataDir, lastZxid: Zxid): string | null {
  const names = systemFiles.namesIn(snapshotDir).map((name) => name.replace(UNFINISHED_SUFFIX, ""));
  if (!names.includes("acceptedEpoch") && !names.includes("currentEpoch")) return null;
  try {
    new EpochFiles({
      dir: snapshotDir,
      lastZxid,
      fileSystem: readOnly(systemFiles),
      logger: silentLogger,
    });
    return null;
  } catch (error) {
    if (error instanceof DataDirError) return error.message;
    throw error;
  }
}
