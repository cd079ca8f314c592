/**
 * zkCli.sh's commands about watches: `addWatch`, `removewatches`, `printwatches`.
 *
 * @module
 */

import type { AddWatchMode, WatcherKind } from "../../net/client/client_types.ts";
import { printJson, zooKeeperCommand } from "./command_words.ts";
import type { ShellCommand } from "./shell_command.ts";

const MODES: Readonly<Record<string, AddWatchMode>> = {
  PERSISTENT: "persistent",
  PERSISTENT_RECURSIVE: "persistentRecursive",
};

/** The first one given counts. */
const KINDS: readonly (readonly [option: string, kind: WatcherKind])[] = [
  ["c", "children"],
  ["d", "data"],
  ["p", "persistent"],
  ["r", "persistentRecursive"],
];

export const WATCH_COMMANDS: readonly ShellCommand[] = [
  zooKeeperCommand({
    name: "addWatch",
    usage:
      "[-m mode] path # optional mode is one of [PERSISTENT, PERSISTENT_RECURSIVE] - default " +
      "is PERSISTENT_RECURSIVE",
    summary: "leave a watch that stays",
    options: { values: ["m"] },
    operandCount: 1,
    run: async (context, words) => {
      const path = words.operand(0);
      const mode = MODES[(words.value("m") ?? "PERSISTENT_RECURSIVE").toUpperCase()];
      if (mode === undefined || words.operands.length > 1) throw words.usage();
      await context.connectedClient().addWatch(path, mode, context.watcher, context);
      if (context.isJson) printJson(context, { path, mode });
    },
  }),
  zooKeeperCommand({
    name: "removewatches",
    usage: "path [-c|-d|-a] [-l]",
    summary: "take watches away",
    details: `  -c  those of its children
  -d  those of its data
  -p  those that stay; needs a server of 3.9 or later
  -r  those that stay, and are of all below it, too; likewise
  -a  any, which is the default
  -l  also without a connection to the server`,
    options: { flags: ["c", "d", "p", "r", "a", "l"] },
    operandCount: 1,
    run: async (context, words) => {
      const path = words.operand(0);
      const kind = KINDS.find(([option]) => words.has(option))?.[1] ?? "any";
      const { signal } = context;
      await context.connectedClient().removeWatches(path, kind, { local: words.has("l"), signal });
      if (context.isJson) printJson(context, { path, kind });
    },
  }),
  {
    name: "printwatches",
    usage: "on|off",
    summary: "whether the events of watches are printed",
    isOurs: false,
    run: (context, [state]) => {
      if (state !== undefined) context.printsWatches = state === "on";
      if (context.isJson) printJson(context, { printwatches: context.printsWatches });
      else if (state === undefined) {
        context.print(`printwatches is ${context.printsWatches ? "on" : "off"}\n`);
      }
      return Promise.resolve(0);
    },
  },
];
