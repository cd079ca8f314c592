/**
 * `denkeeper verify`: whether a server would start with a data directory, with what, and what it would lose.
 *
 * Runs the recovery of the server itself, over files that it cannot change; then looks through the txn logs for what
 * every server passes over in silence.
 *
 * @module
 */
import { isUnfinishedSnapshot, snapshotsIn, txnLogsIn } from "../../core/storage/file_names.ts";
import { zxidText } from "../../core/zxid.ts";
import { DataDirLock } from "../../net/data_dir_lock.ts";
import { systemFiles } from "../../net/file_system.ts";
import { epochProblem, type OfflineSettings, recoverOffline } from "../../net/offline_recovery.ts";
import type { RecoveryResult } from "../../net/recovery.ts";
import { ExitCode, type World } from "../world.ts";
import { type ConfigPlaceOptions, type DataPlace, dataPlaceOf } from "./data_place.ts";
import { startProgress } from "./file_progress.ts";
import { lengthMaxOf } from "./size_limit.ts";
import { sizeOf } from "./snapshot_dump.ts";
import { timeText } from "./txn_json.ts";
import { checkTxnLogs, type LogsReport } from "./txnlog_check.ts";
import { logsJson, logsText } from "./txnlog_verify.ts";

/** Where no config file says more: what accepts most, TTLs included. */
const DEFAULTS: Omit<OfflineSettings, "lengthMax"> = {
  digestEnabled: true,
  extendedTypesEnabled: true,
  emulate353TtlNodes: false,
  snapshotTrustEmpty: false,
  dbAutoCreate: true,
};

export interface DataVerifyOptions {
  readonly json?: boolean;
  readonly maxBuffer?: string;
}

/** What recovery came to. */
interface Outcome {
  /** Null: no server starts, for this reason. */
  readonly recovered: RecoveryResult | null;
  readonly problem: string | null;
  readonly znodeCount: number;
  readonly sessionCount: number;
  readonly ttlCount: number;
  readonly lastTimeMs: number | null;
}

export async function verifyDataDir(
  world: World,
  named: readonly string[],
  { json = false, maxBuffer }: DataVerifyOptions,
  config: ConfigPlaceOptions,
): Promise<number> {
  const place = dataPlaceOf(world, named, config);
  const { config: set } = place;
  const lengthMax = set === null || maxBuffer !== undefined
    ? lengthMaxOf(maxBuffer)
    : set.juteMaxBufferBytes + set.juteExtraSizeBytes;
  const names = { snapshots: namesIn(place.snapshotDir), logs: namesIn(place.logDir) };
  const logFiles = txnLogsIn(names.logs);
  const report = new DataReport(place);
  if (snapshotsIn(names.snapshots).length + logFiles.length === 0) {
    report.note(
      `there is neither a snapshot nor a log in "${place.snapshotDir}": a server starts empty`,
    );
    world.print(json ? report.json(null, null) : report.text(null, null));
    return ExitCode.Normal;
  }
  const holder = DataDirLock.holder(place.dataDir);
  if (holder !== null) {
    report.note(
      `process ${holder} uses it: what is being written just now looks like a torn end, and is none`,
    );
  }
  const logs = { isDirectory: true, dir: `${place.logDir}/`, files: logFiles };
  const totalBytes = logFiles.reduce((sum, { name }) => sum + sizeOf(`${logs.dir}${name}`), 0);
  const outcome = await tryRecovery(place, lengthMax);
  const progress = await startProgress(world, { totalBytes, what: "verifying" });
  let logsReport: LogsReport | null = null;
  try {
    const at = (bytes: number) => progress.at(bytes);
    if (logFiles.length > 0) logsReport = await checkTxnLogs(logs, { lengthMax, at });
  } finally {
    progress.stop();
  }
  report.judge({ outcome, logs: logsReport });
  for (const name of names.snapshots) {
    if (isUnfinishedSnapshot(name)) report.note(`${name} was never finished; a start removes it`);
  }
  world.print(json ? report.json(outcome, logsReport) : report.text(outcome, logsReport));
  return report.isBad ? ExitCode.Unexpected : ExitCode.Normal;
}

async function tryRecovery(place: DataPlace, lengthMax: number): Promise<Outcome> {
  const { config } = place;
  const { tree, sessions, lastTimeMs, result, problem } = await recoverOffline(place, {
    ...config ?? DEFAULTS,
    lengthMax,
  });
  const isMember = config?.ensemble.isMember !== false;
  const contradiction = result !== null && isMember
    ? epochProblem(place, result.lastProcessedZxid)
    : null;
  return {
    recovered: contradiction === null ? result : null,
    problem: problem ?? contradiction,
    znodeCount: tree.nodeCount,
    sessionCount: sessions.size,
    ttlCount: tree.ttlNodes.size,
    lastTimeMs,
  };
}

class DataReport {
  readonly #place: DataPlace;
  readonly #notes: string[] = [];
  /** What would be lost, or is wrong although a server starts. */
  readonly #losses: string[] = [];
  #starts = true;

  constructor(place: DataPlace) {
    this.#place = place;
  }

  get isBad(): boolean {
    return !this.#starts || this.#losses.length > 0;
  }

  note(message: string): void {
    this.#notes.push(message);
  }

  judge({ outcome, logs }: {
    outcome: Outcome;
    logs: LogsReport | null;
  }): void {
    const { recovered } = outcome;
    this.#starts = recovered !== null;
    if (recovered === null) return;
    for (const { name, reason } of recovered.skipped) {
      this.note(
        `${name} is damaged and passed over, an older snapshot and the logs serve: ${reason}`,
      );
    }
    if (recovered.tornTail !== null) {
      const { file, offset, reason } = recovered.tornTail;
      this.note(
        `${file} ends torn at offset ${offset} (${reason}): no client was told of that txn`,
      );
    }
    if (recovered.incompleteThrough !== null) {
      this.#losses.push(
        `the snapshot was taken while txns up to ${
          zxidText(recovered.incompleteThrough)
        } were applied, ` +
          "which are in no log: any part of them may be in the tree",
      );
    }
    if (recovered.digestMismatchCount > 0) {
      this.#losses.push(
        `${recovered.digestMismatchCount} digests do not match the tree: it differs from what was written`,
      );
    }
    if (this.#place.config === null && outcome.ttlCount > 0) {
      this.note(
        `there are znodes with a time to live (${outcome.ttlCount}): the server needs extendedTypesEnabled=true`,
      );
    }
    for (const { file, findings } of logs?.files ?? []) {
      const isRead = recovered.logs.includes(file);
      for (const { severity, code, server, message, offset } of findings) {
        if (severity !== "damage" || code === "torn") continue;
        const place = `${file} at offset ${offset}: ${message}`;
        if (isRead && server === "stops") this.#losses.push(`${place}; a server reads no further`);
        else if (!isRead) this.note(`${place}; this log is not needed, the snapshot is newer`);
      }
    }
  }

  text(outcome: Outcome | null, logs: LogsReport | null): string {
    const { snapshotDir, logDir } = this.#place;
    const where = snapshotDir === logDir ? snapshotDir : `${snapshotDir} and ${logDir}`;
    const lines: string[] = [];
    if (outcome === null) lines.push(`ok: a server starts on ${where}`);
    else if (outcome.recovered === null) {
      lines.push(`DAMAGED: no server starts on ${where}`, `  why: ${outcome.problem}`);
    } else {
      const { recovered, znodeCount, sessionCount, lastTimeMs } = outcome;
      const { lastProcessedZxid, snapshot, txnCount } = recovered;
      const state = this.#losses.length === 0 ? "ok" : "DAMAGED";
      const time = lastTimeMs === null ? "" : `, last write ${timeText(lastTimeMs)}`;
      lines.push(
        `${state}: a server starts on ${where}, at zxid ${zxidText(lastProcessedZxid)}`,
        `  data: ${znodeCount} znodes, ${sessionCount} ${
          sessionCount === 1 ? "session" : "sessions"
        }${time}`,
        `  from: ${snapshot === null ? "no snapshot" : snapshot.name} and ${txnCount} txns of ` +
          `${recovered.logs.join(", ") || "no log"}`,
        ...this.#losses.map((loss) => `  LOST: ${loss}`),
        ...this.#losses.length === 0 ? ["  lost: nothing that any client was told of"] : [],
      );
    }
    lines.push(...this.#notes.map((note) => `  note: ${note}`));
    if (this.isBad && logs !== null) {
      lines.push("", "the logs:", logsText(logs, `${logDir}/`).trimEnd());
    }
    return `${lines.join("\n")}\n`;
  }

  json(outcome: Outcome | null, logs: LogsReport | null): string {
    const recovered = outcome?.recovered ?? null;
    const report = {
      ok: !this.isBad,
      starts: this.#starts,
      dataDir: this.#place.dataDir,
      dataLogDir: this.#place.dataLogDir,
      problem: outcome?.problem ?? null,
      lost: this.#losses,
      notes: this.#notes,
      ...recovered === null || outcome === null ? {} : {
        zxid: zxidText(recovered.lastProcessedZxid),
        lastTime: outcome.lastTimeMs === null ? null : timeText(outcome.lastTimeMs),
        znodes: outcome.znodeCount,
        sessions: outcome.sessionCount,
        snapshot: recovered.snapshot?.name ?? null,
        txnsReplayed: recovered.txnCount,
        logsRead: recovered.logs,
        skippedSnapshots: recovered.skipped.map(({ name, reason }) => ({ name, reason })),
        tornTail: recovered.tornTail,
      },
      logs: logs === null ? null : logsJson(logs),
    };
    return `${JSON.stringify(report)}\n`;
  }
}

function namesIn(dir: string): string[] {
  try {
    return systemFiles.namesIn(dir);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}
