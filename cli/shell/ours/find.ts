/**
 * `find`: paths of the znodes that pass all tests.
 *
 * @module
 */
import { ErrorCode } from "../../../core/errors.ts";
import type { Zxid } from "../../../core/zxid.ts";
import { KeeperError } from "../../../net/client/client_errors.ts";
import { statJson } from "../../../net/stat_json.ts";
import type { ShellContext } from "../shell_command.ts";
import { CommandOutput, counted, DeniedSubtrees, Progress } from "./command_output.ts";
import { findTestsOf } from "./find_tests.ts";
import { OptionWords } from "./option_words.ts";
import { lasting, walkTree } from "./tree_walk.ts";
import { checkedPath, typeOf } from "./znode_text.ts";

export async function runFind(context: ShellContext, words: readonly string[]): Promise<number> {
  const { tests, newerThan, others } = findTestsOf(words, Date.now());
  const options = new OptionWords("find", {
    "-maxdepth": "value",
    "-mindepth": "value",
    "-0": "flag",
    "-print0": "flag",
    "-ls": "flag",
    "-count": "flag",
  }, others);
  const tops = options.operands.length === 0 ? ["/"] : options.operands;
  for (const top of tops) checkedPath("find", top);
  const depthMax = options.integer("-maxdepth", { min: 0 }) ?? Infinity;
  const depthMin = options.integer("-mindepth", { min: 0 }) ?? 0;
  const isJson = options.isJson(context);
  const end = options.has("-0") || options.has("-print0") ? "\0" : "\n";
  const client = context.connectedClient();
  const since = await zxidsOf(context, newerThan);
  const output = new CommandOutput(context);
  const denied = new DeniedSubtrees(context, "find");
  const progress = new Progress(context, { isQuiet: context.world.terminal.stdout });
  let visited = 0;
  let found = 0;
  try {
    for (const top of tops) {
      for await (const visit of walkTree(client, top, { signal: context.signal, depthMax })) {
        const { path, name, depth, znode } = visit;
        if (znode === null) continue;
        const { stat, isDenied } = znode;
        visited += 1;
        progress.tell(() => `${counted(visited, "znode")}, ${found} found`);
        if (isDenied) denied.add(path);
        if (depth < depthMin) continue;
        if (!since.every((zxid) => stat !== null && stat.mzxid > zxid)) continue;
        if (!tests.every((test) => test({ path, name, stat }))) continue;
        found += 1;
        if (options.has("-count")) continue;
        if (isJson) {
          const facts = stat === null ? {} : { type: typeOf(stat), stat: statJson(stat) };
          output.line(JSON.stringify({ path, ...facts }));
        } else if (options.has("-ls") && stat !== null) {
          const changed = new Date(stat.mtime).toISOString();
          const facts = [typeOf(stat).padEnd(10), String(stat.dataLength).padStart(8)];
          output.write(
            `${facts.join(" ")} ${String(stat.numChildren).padStart(6)} ${changed} ${path}${end}`,
          );
        } else output.write(`${path}${end}`);
      }
    }
    if (options.has("-count")) output.line(isJson ? JSON.stringify({ found }) : String(found));
  } finally {
    progress.end();
    output.flush();
  }
  return denied.end() ? 1 : 0;
}

/** Of `-newer`: when the znodes named there were changed. */
async function zxidsOf(context: ShellContext, references: readonly string[]): Promise<Zxid[]> {
  const client = context.connectedClient();
  const zxids: Zxid[] = [];
  for (const reference of references) {
    if (/^0x[0-9a-f]{1,14}$/i.test(reference)) {
      zxids.push(parseInt(reference, 16));
      continue;
    }
    checkedPath("find", reference);
    const stat = await lasting(client, () => client.exists(reference), context.signal);
    if (stat === null) throw new KeeperError(ErrorCode.NoNode, reference);
    zxids.push(stat.mzxid);
  }
  return zxids;
}
