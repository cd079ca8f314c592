/**
 * `denkeeper txnlog verify`: tells what is wrong with txn logs, what is safe, and what can be done.
 *
 * @module
 */
import { zxidText } from "../../core/zxid.ts";
import { ExitCode, type World } from "../world.ts";
import { startProgress } from "./file_progress.ts";
import { lengthMaxOf } from "./size_limit.ts";
import { findTxnLogs } from "./storage_paths.ts";
import { timeText } from "./txn_json.ts";
import {
  checkTxnLogs,
  type LogFinding,
  type LogReport,
  type LogsReport,
  type ZxidRange,
} from "./txnlog_check.ts";

export interface VerifyOptions {
  readonly json?: boolean;
  readonly strict?: boolean;
  readonly maxBuffer?: string;
}

/** Marks in front of findings. */
const MARKS = { damage: "DAMAGE ", warning: "warning ", note: "" };

export async function verifyTxnLogs(
  world: World,
  path: string,
  { json = false, strict = false, maxBuffer }: VerifyOptions,
): Promise<number> {
  const lengthMax = lengthMaxOf(maxBuffer);
  const found = findTxnLogs(path);
  const totalBytes = found.files.reduce(
    (total, { name }) => total + Deno.statSync(`${found.dir}${name}`).size,
    0,
  );
  const progress = await startProgress(world, { totalBytes, what: "verifying" });
  let report: LogsReport;
  try {
    report = await checkTxnLogs(found, { lengthMax, at: (bytes) => progress.at(bytes) });
  } finally {
    progress.stop();
  }
  const isBad = report.isDamaged || (strict && report.hasWarnings);
  world.print(
    json
      ? `${JSON.stringify({ ok: !isBad, ...logsJson(report) })}\n`
      : logsText(report, `${found.dir}`),
  );
  return isBad ? ExitCode.Unexpected : ExitCode.Normal;
}

export function logsJson({ files, safe, atRisk }: LogsReport): Record<string, unknown> {
  return {
    files: files.map((file) => ({
      ...file,
      status: statusOf(file),
      firstZxid: file.firstZxid === null ? null : zxidText(file.firstZxid),
      lastZxid: file.lastZxid === null ? null : zxidText(file.lastZxid),
      firstTime: file.firstTimeMs === null ? null : timeText(file.firstTimeMs),
      lastTime: file.lastTimeMs === null ? null : timeText(file.lastTimeMs),
    })),
    safe: rangeJson(safe),
    atRisk: rangeJson(atRisk),
  };
}

export function logsText(report: LogsReport, dir: string): string {
  const lines = report.files.flatMap((file) => [
    `${file.file}: ${statusOf(file)}, ${contentOf(file)}`,
    ...file.findings.map((finding) => `  ${findingText(finding)}`),
    ...file.findingsLeftOut > 0 ? [`  and ${file.findingsLeftOut} more`] : [],
  ]);
  const { safe, atRisk, isDamaged } = report;
  if (isDamaged) {
    lines.push(`safe: ${safe === null ? "nothing" : rangeText(safe)}`);
    if (atRisk !== null) {
      lines.push(`at risk: ${rangeText(atRisk)}, behind the first damage, which can still be read`);
    }
    for (const file of report.files) {
      const advice = adviceFor(file, dir);
      if (advice !== null) lines.push(advice);
    }
  }
  return `${lines.join("\n")}\n`;
}

function statusOf({ findings }: LogReport): string {
  const codes = findings.filter(({ severity }) => severity === "damage").map(({ code }) => code);
  if (codes.length === 0) return "ok";
  return codes.every((code) => code === "torn") ? "torn" : "damaged";
}

function contentOf({ txnCount, firstZxid, lastZxid, firstTimeMs, lastTimeMs }: LogReport): string {
  if (txnCount === 0 || firstZxid === null || lastZxid === null) return "no txn";
  return `${rangeText({ count: txnCount, first: firstZxid, last: lastZxid })}, ` +
    `${timeText(firstTimeMs!)} to ${timeText(lastTimeMs!)}`;
}

function findingText({ severity, offset, message, server }: LogFinding): string {
  const then = server === undefined
    ? ""
    : server === "refuses"
    ? ": servers refuse to start"
    : ": servers take it for the end of the log, and lose what is behind";
  return `${MARKS[severity]}at offset ${offset}: ${message}${then}`;
}

function adviceFor({ file, findings }: LogReport, dir: string): string | null {
  const codes = new Set(
    findings.filter(({ severity }) => severity === "damage").map(({ code }) => code),
  );
  const path = `${dir}${file}`;
  if (codes.has("unreadable") || codes.has("undecodable")) {
    return `restore "${path}" from a backup or another member, or cut it before the damage: ` +
      `denkeeper txnlog repair --truncate "${path}"`;
  }
  if (["checksum", "length", "end-byte", "torn"].some((code) => codes.has(code as never))) {
    return `to repair: denkeeper txnlog repair "${path}"`;
  }
  return null;
}

function rangeText({ count, first, last }: ZxidRange): string {
  return `${count} ${count === 1 ? "txn" : "txns"}, ${zxidText(first)} to ${zxidText(last)}`;
}

function rangeJson(range: ZxidRange | null): Record<string, unknown> | null {
  return range && { count: range.count, first: zxidText(range.first), last: zxidText(range.last) };
}
