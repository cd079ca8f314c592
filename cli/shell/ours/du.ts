/**
 * `du`: how many bytes of data and how many znodes each subtree holds.
 *
 * @module
 */
import type { ShellContext } from "../shell_command.ts";
import { CommandOutput, counted, DeniedSubtrees, Progress } from "./command_output.ts";
import { OptionWords } from "./option_words.ts";
import { walkTree } from "./tree_walk.ts";
import { checkedPath, humanBytes } from "./znode_text.ts";

/** What a subtree holds, its top included. */
interface Usage {
  readonly path: string;
  readonly depth: number;
  bytes: number;
  znodes: number;
}

const DEPTH_DEFAULT = 1;

export async function runDu(context: ShellContext, words: readonly string[]): Promise<number> {
  const options = new OptionWords("du", {
    "-d": "value",
    "-h": "flag",
    "-n": "value",
    "-s": "flag",
    "-c": "flag",
  }, words);
  const tops = options.operands.length === 0 ? ["/"] : options.operands;
  for (const top of tops) checkedPath("du", top);
  const depthMax = options.has("-s") ? 0 : options.integer("-d", { min: 0 }) ?? DEPTH_DEFAULT;
  const largest = options.integer("-n", { min: 1 });
  const order = options.has("-c") ? "znodes" : "bytes";
  const isJson = options.isJson(context);
  const output = new CommandOutput(context);
  const list = largest === undefined ? null : new LargestUsages(largest, order);
  const tell = (usage: Usage) => {
    const { bytes, znodes, path } = usage;
    if (isJson) output.line(JSON.stringify({ path, bytes, znodes }));
    else {
      const size = options.has("-h") ? humanBytes(bytes) : String(bytes);
      output.line(`${size}\t${znodes}\t${path}`);
    }
  };
  const denied = new DeniedSubtrees(context, "du");
  const progress = new Progress(context);
  try {
    for (const top of tops) {
      for await (const usage of usagesBelow(context, { top, depthMax, denied, progress })) {
        if (list === null) tell(usage);
        else list.add(usage);
      }
    }
    for (const usage of list?.sorted() ?? []) tell(usage);
  } finally {
    progress.end();
    output.flush();
  }
  return denied.end() ? 1 : 0;
}

/** Of each subtree whose top is at most so deep, those below before it. */
async function* usagesBelow(
  context: ShellContext,
  { top, depthMax, denied, progress }: {
    top: string;
    depthMax: number;
    denied: DeniedSubtrees;
    progress: Progress;
  },
): AsyncGenerator<Usage> {
  /** From the top down to the znode that was visited last, as far as they are told. */
  const open: Usage[] = [];
  let count = 0;
  const close = () => {
    const usage = open.pop()!;
    const parent = open.at(-1);
    if (parent !== undefined) {
      parent.bytes += usage.bytes;
      parent.znodes += usage.znodes;
    }
    return usage;
  };
  const walk = walkTree(context.connectedClient(), top, { signal: context.signal });
  for await (const { path, depth, znode } of walk) {
    if (znode === null) continue;
    if (znode.isDenied) denied.add(path);
    count += 1;
    progress.tell(() => `${counted(count, "znode")}: ${path}`.slice(0, 79));
    while (open.length > 0 && open.at(-1)!.depth >= Math.min(depth, depthMax + 1)) yield close();
    if (depth <= depthMax) open.push({ path, depth, bytes: 0, znodes: 0 });
    const usage = open.at(-1)!;
    usage.bytes += znode.stat?.dataLength ?? 0;
    usage.znodes += 1;
  }
  while (open.length > 0) yield close();
}

/** The largest ones, of however many come by. */
class LargestUsages {
  readonly #countMax: number;
  readonly #order: "bytes" | "znodes";
  #usages: Usage[] = [];

  constructor(countMax: number, order: "bytes" | "znodes") {
    this.#countMax = countMax;
    this.#order = order;
  }

  add(usage: Usage): void {
    this.#usages.push(usage);
    if (this.#usages.length >= this.#countMax * 2 + 1000) this.#usages = this.sorted();
  }

  sorted(): Usage[] {
    const order = this.#order;
    const other = order === "bytes" ? "znodes" : "bytes";
    return this.#usages
      .sort((a, b) => b[order] - a[order] || b[other] - a[other] || (a.path < b.path ? -1 : 1))
      .slice(0, this.#countMax);
  }
}
