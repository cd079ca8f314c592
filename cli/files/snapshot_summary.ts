/**
 * `denkeeper snapshot summary`: how many znodes and bytes are below each znode, as
 * zkSnapshotRecursiveSummaryToolkit.sh prints it.
 *
 * @module
 */
import { CommandError } from "../command_line.ts";
import { ExitCode, type World } from "../world.ts";
import { startProgress } from "./file_progress.ts";
import { OutputPieces } from "./output_pieces.ts";
import { lengthMaxOf } from "./size_limit.ts";
import { sizeOf } from "./snapshot_dump.ts";
import { streamSnapshot } from "./snapshot_stream.ts";

export interface SummaryOptions {
  readonly json?: boolean;
  readonly maxBuffer?: string;
}

interface Entry {
  readonly path: string;
  /** Below the start. */
  readonly level: number;
  descendantCount: number;
  /** Its own data included. */
  bytes: number;
}

/** @param depth levels below the start; "0": all */
export async function summarizeSnapshot(
  world: World,
  { file, start, depth }: { file: string; start: string; depth: string },
  { json = false, maxBuffer }: SummaryOptions,
): Promise<number> {
  const levelMax = levelMaxOf(depth);
  const startPath = startPathOf(start);
  const lengthMax = lengthMaxOf(maxBuffer);
  const progress = await startProgress(world, { totalBytes: sizeOf(file), what: "reading" });
  const entries: Entry[] = [];
  let isFound = false;
  try {
    const above: { path: string; entry: Entry | null }[] = [];
    await streamSnapshot({ path: file, lengthMax, at: (bytes) => progress.at(bytes) }, {
      node({ path, depth, data }) {
        above.length = depth;
        const startDepth = above.findIndex((node) => node.path === startPath);
        const isInside = startDepth >= 0 || path === startPath;
        const level = startDepth < 0 ? 0 : depth - startDepth;
        const bytes = data?.length ?? 0;
        for (const { entry } of above) {
          if (entry === null) continue;
          entry.descendantCount++;
          entry.bytes += bytes;
        }
        if (path === startPath) isFound = true;
        const isTold = isInside && level <= levelMax;
        const entry = isTold ? { path: path || "/", level, descendantCount: 0, bytes } : null;
        if (entry !== null) entries.push(entry);
        above.push({ path, entry });
      },
    });
  } finally {
    progress.stop();
  }
  if (!isFound) {
    throw new CommandError(`Cannot summarize "${start}": it is not in snapshot "${file}"`);
  }
  const output = new OutputPieces(world);
  const told = entries.filter(({ descendantCount }) => descendantCount > 0)
    .sort((a, b) => inOrder(a.path, b.path));
  for (const { path, level, descendantCount, bytes } of told) {
    if (json) {
      const line = { path, level, children: descendantCount, data: bytes };
      output.print(`${JSON.stringify(line)}\n`);
      continue;
    }
    const dashes = "--".repeat(level);
    output.print(
      `${dashes} ${path}\n${dashes}   children: ${descendantCount}\n${dashes}   data: ${bytes}\n`,
    );
  }
  if (told.length === 0 && !json) output.print("\n");
  output.flush();
  return ExitCode.Normal;
}

/** A parent before its children, and these before its next sibling. */
function inOrder(a: string, b: string): number {
  const [x, y] = [a.replaceAll("/", "\0"), b.replaceAll("/", "\0")];
  return x < y ? -1 : x > y ? 1 : 0;
}

function levelMaxOf(text: string): number {
  if (!/^\d{1,9}$/.test(text)) {
    throw new CommandError(
      `The depth cannot be "${text}": expected how many levels below the start, 0 for all`,
      { exitCode: ExitCode.InvalidInvocation },
    );
  }
  return Number(text) === 0 ? Infinity : Number(text);
}

function startPathOf(text: string): string {
  if (!text.startsWith("/")) {
    throw new CommandError(`The znode to start from cannot be "${text}": a path begins with /`, {
      exitCode: ExitCode.InvalidInvocation,
    });
  }
  return text.replace(/\/+$/, "");
}
