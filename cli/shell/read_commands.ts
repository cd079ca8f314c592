/**
 * zkCli.sh's commands that read znodes: `get`, `ls`, `stat`, `getAllChildrenNumber`, `getEphemerals`.
 *
 * @module
 */

import { decodeUtf8 } from "../../core/wire/jute.ts";
import { ErrorCode } from "../../core/errors.ts";
import { KeeperError } from "../../net/client/client_errors.ts";
import type { ReadOptions } from "../../net/client/client_types.ts";
import { statJson } from "../../net/stat_json.ts";
import {
  type CommandWords,
  commandWords,
  olderWatchForm,
  printJson,
  type ZooKeeperCommand,
  zooKeeperCommand,
} from "./command_words.ts";
import { hexDump } from "./data_words.ts";
import { dataJson } from "./json_texts.ts";
import type { ShellCommand, ShellContext } from "./shell_command.ts";
import { statText } from "./stat_text.ts";
import { visitSubtree } from "./subtree.ts";

export const READ_COMMANDS: readonly ShellCommand[] = [
  withOlderForm({
    name: "get",
    usage: "[-s] [-w] path",
    summary: "print the data of a znode",
    details: `  -s     and its stat
  -w     leave a watch
  -b     the data as base64
  -x     the data in hex
  --raw  the bytes as they are, with nothing else on stdout: get --raw /image > image.png`,
    options: { flags: ["s", "w", "b", "x"], longFlags: ["raw"] },
    operandCount: 1,
    run: get,
  }),
  withOlderForm({
    name: "ls",
    usage: "[-s] [-w] [-R] path",
    summary: "list the children of a znode",
    details: `  -s  and its stat
  -w  leave a watch
  -R  all paths below it, too`,
    options: { flags: ["?", "s", "w", "R"] },
    run: ls,
  }),
  withOlderForm({
    name: "stat",
    usage: "[-w] path",
    summary: "print the stat of a znode",
    details: "  -w  leave a watch, also where there is no such znode",
    options: { flags: ["w"] },
    operandCount: 1,
    run: stat,
  }),
  zooKeeperCommand({
    name: "getAllChildrenNumber",
    usage: "path",
    summary: "count the znodes below a znode",
    operandCount: 1,
    run: async (context, words) => {
      const path = words.operand(0);
      const count = await context.connectedClient().getAllChildrenNumber(path, context);
      if (context.isJson) printJson(context, { path, count });
      else context.print(`${count}\n`);
    },
  }),
  zooKeeperCommand({
    name: "getEphemerals",
    usage: "path",
    summary: "list this session's ephemerals, or those below a path",
    run: async (context, words) => {
      const path = words.operands[0] ?? "/";
      const ephemerals = await context.connectedClient().getEphemerals(path, context);
      if (context.isJson) printJson(context, { path, ephemerals });
      else context.print(`[${ephemerals.join(", ")}]\n`);
    },
  }),
];

/** Before 3.5, what stood behind the path was for a watch. */
function withOlderForm(declared: ZooKeeperCommand): ShellCommand {
  const { name, run } = declared;
  const command: ShellCommand = {
    ...zooKeeperCommand(declared),
    run: async (context, words) => {
      let given = commandWords(command, declared, words);
      const older = olderWatchForm({ words, operands: given.operands });
      if (older !== null) {
        const options = name === "get" ? "[-s] [-w]" : "[-w]";
        context.complain(
          `'${name} path [watch]' has been deprecated. Please use '${name} ${options} path' instead.\n`,
        );
        given = commandWords(command, declared, older);
      }
      return await run(context, given) ?? 0;
    },
  };
  return command;
}

async function get(context: ShellContext, words: CommandWords): Promise<void> {
  const path = words.operand(0);
  const { data, stat } = await context.connectedClient().get(path, readOptions(context, words));
  if (words.has("raw")) return context.print(data ?? new Uint8Array());
  if (context.isJson) return printJson(context, { path, ...dataJson(data), stat: statJson(stat) });
  context.print(`${dataText(data, words)}${words.has("s") ? statText(stat) : ""}`);
}

function dataText(data: Uint8Array | null, words: CommandWords): string {
  if (data === null) return "null\n";
  if (words.has("x")) return hexDump(data);
  return `${words.has("b") ? data.toBase64() : decodeUtf8(data)}\n`;
}

const LS_HELP = `usage: ls [options] path
 -?   help
 -R   recurse
 -s   stat
 -w   watch
`;

async function ls(context: ShellContext, words: CommandWords): Promise<void> {
  if (words.has("?")) context.print(LS_HELP);
  const [path] = words.operands;
  if (path === undefined) throw words.usage();
  if (words.has("R")) return await listSubtree(context, path);
  const { children, stat } = await context.connectedClient()
    .getChildren(path, readOptions(context, words));
  children.sort();
  if (context.isJson) return printJson(context, { path, children, stat: statJson(stat) });
  context.print(`[${children.join(", ")}]\n${words.has("s") ? statText(stat) : ""}`);
}

/** As text, each path as it is found. */
async function listSubtree(context: ShellContext, path: string): Promise<void> {
  if (!context.isJson) {
    return await visitSubtree(context, path, (found) => context.print(`${found}\n`));
  }
  const paths: string[] = [];
  await visitSubtree(context, path, (found) => void paths.push(found));
  printJson(context, { path, paths });
}

async function stat(context: ShellContext, words: CommandWords): Promise<void> {
  const path = words.operand(0);
  const found = await context.connectedClient().exists(path, readOptions(context, words));
  if (found === null) throw new KeeperError(ErrorCode.NoNode, path);
  if (context.isJson) printJson(context, { path, stat: statJson(found) });
  else context.print(statText(found));
}

function readOptions(context: ShellContext, words: CommandWords): ReadOptions {
  return { signal: context.signal, watch: words.has("w") ? context.watcher : undefined };
}
