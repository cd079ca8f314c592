/**
 * What `bench` measured, as text and as JSON.
 *
 * @module
 */
import { type BenchOptions, CPU_SHARE_MAX } from "./bench.ts";
import type { Latencies, LatencySummary } from "./latencies.ts";
import type { LoadResult } from "./load.ts";

const BAR_COLUMNS = 40;
const COLUMNS = ["count", "per s", "mean", "p50", "p95", "p99", "p99.9", "max"];

export function reportText(result: LoadResult, options: BenchOptions): string {
  const { mix, elapsedMs, latencies, errors, unansweredCount } = result;
  const { clientCount, inFlightCount, dataBytes, znodeCount } = options;
  let text = `${mix}: ${clientCount} clients with ${inFlightCount} requests in flight each, ` +
    `${dataBytes} bytes of data, ${znodeCount} znodes, ${(elapsedMs / 1000).toFixed(1)} s\n`;
  text += line("latency in ms", COLUMNS);
  for (const [operation, its] of latencies) {
    const { count, meanMs, p50Ms, p95Ms, p99Ms, p999Ms, maxMs } = its.summary();
    const rate = Math.round(count / elapsedMs * 1000);
    text += line(
      operation,
      [count, rate, meanMs, p50Ms, p95Ms, p99Ms, p999Ms, maxMs].map(String),
    );
  }
  for (const [operation, its] of latencies) text += histogramText(operation, its);
  if (latencies.size === 0) text += "  no operation was done\n";
  for (const [kind, count] of errors) text += `  errors: ${count} ${kind}\n`;
  if (unansweredCount > 0) text += `  unanswered at the end: ${unansweredCount}\n`;
  return `${text}  ${cpuText(result)}\n\n`;
}

function line(head: string, cells: readonly string[]): string {
  return `  ${head.padEnd(14)}${cells.map((cell) => cell.padStart(9)).join("")}\n`;
}

function histogramText(operation: string, latencies: Latencies): string {
  const rows = latencies.rows();
  const { count: total } = latencies.summary();
  const most = Math.max(...rows.map(({ count }) => count));
  let text = `  ${operation}:\n`;
  for (const { toMs, count } of rows) {
    const bar = "#".repeat(Math.ceil(count / most * BAR_COLUMNS));
    const percent = `${(count / total * 100).toFixed(2)} %`;
    text += `    up to ${`${toMs} ms`.padEnd(11)}${percent.padStart(9)}  ${bar}\n`;
  }
  return text;
}

/** A load that this process could not make larger says nothing about what the servers could do. */
function cpuText({ cpuShare, ownDelay }: LoadResult): string {
  const { p50Ms, p99Ms } = ownDelay.summary();
  const percent =
    `${Math.round(cpuShare * 100)} % of a processor, and came ${p50Ms} ms late to what was due ` +
    `(99th percentile ${p99Ms} ms), which is in the latencies`;
  return isOwnLimit(cpuShare)
    ? `This program used ${percent}. It, and not the servers, may be the limit: run several at a time, from ` +
      "other machines, and add up what they do."
    : `This program used ${percent}.`;
}

function isOwnLimit(cpuShare: number): boolean {
  return cpuShare > CPU_SHARE_MAX;
}

interface OperationReport extends LatencySummary {
  readonly perSecond: number;
  readonly histogram: readonly { readonly toMs: number; readonly count: number }[];
}

export function reportJson(results: readonly LoadResult[], options: BenchOptions): unknown {
  const { connectString, clientCount, inFlightCount, dataBytes, znodeCount } = options;
  return {
    connectString,
    clients: clientCount,
    inFlight: inFlightCount,
    size: dataBytes,
    znodes: znodeCount,
    loads: results.map((
      { mix, elapsedMs, latencies, errors, unansweredCount, cpuShare, ownDelay },
    ) => ({
      mix,
      elapsedMs: Math.round(elapsedMs),
      operations: Object.fromEntries(
        [...latencies].map(([operation, its]): [string, OperationReport] => {
          const summary = its.summary();
          const perSecond = Math.round(summary.count / elapsedMs * 1000);
          return [operation, { perSecond, ...summary, histogram: its.rows() }];
        }),
      ),
      errors: Object.fromEntries(errors),
      unanswered: unansweredCount,
      cpuShare: Math.round(cpuShare * 1000) / 1000,
      ownDelay: ownDelay.summary(),
      isGeneratorTheLimit: isOwnLimit(cpuShare),
    })),
  };
}
