/**
 * zkCli.sh's commands about the shell and its session: `close`, `connect`, `history`, `quit`, `redo`, `sync`,
 * `version`; and `exit`, which is `quit` in later versions.
 *
 * @module
 */

import { DENKEEPER_VERSION, ZOOKEEPER_VERSION_TEXT } from "../../core/version.ts";
import { ClientErrorCode, KeeperError } from "../../net/client/client_errors.ts";
import { printJson, zooKeeperCommand } from "./command_words.ts";
import { type ShellCommand, type ShellContext, ShellError } from "./shell_command.ts";

const SYNC_MS_MAX = 30_000;

export const SESSION_COMMANDS: readonly ShellCommand[] = [
  {
    name: "close",
    usage: "",
    summary: "end the session; the shell goes on",
    isOurs: false,
    run: async (context) => {
      await context.close();
      if (context.isJson) printJson(context, { closed: true });
      return 0;
    },
  },
  {
    name: "connect",
    usage: "host:port",
    summary: "begin another session, by default at the same servers",
    isOurs: false,
    run: async (context, [server]) => {
      await context.connect(server);
      if (context.isJson) printJson(context, { server: context.connectString });
      return 0;
    },
  },
  {
    name: "history",
    usage: "",
    summary: "list the last lines",
    isOurs: false,
    run: (context) => {
      const history = context.history.listed();
      if (context.isJson) printJson(context, { history });
      else {
        context.print(history.map(({ number, line }) => `${number} - ${line}\n`).join(""));
      }
      return Promise.resolve(0);
    },
  },
  {
    name: "redo",
    usage: "cmdno",
    summary: "carry out a line again, by its number",
    isOurs: false,
    run: redo,
  },
  quitCommand("quit", { isOurs: false }),
  quitCommand("exit", { isOurs: true }), // which zkCli.sh has not, before 3.10
  zooKeeperCommand({
    name: "sync",
    usage: "path",
    summary: "let the server catch up with the leader",
    operandCount: 1,
    run: async (context, words) => {
      const path = words.operand(0);
      const rc = await syncCode(context, path);
      if (context.isJson) {
        if (rc !== 0) throw new KeeperError(rc, path);
        printJson(context, { path, synced: true });
      } else context.print(rc === 0 ? "Sync is OK\n" : `Sync has failed. rc=${rc}\n`);
    },
  }),
  zooKeeperCommand({
    name: "version",
    usage: "",
    summary: "print the version of this shell",
    run: (context, words) => {
      if (words.operands.length > 0) throw words.usage();
      if (context.isJson) {
        printJson(context, { denkeeper: DENKEEPER_VERSION, zookeeper: ZOOKEEPER_VERSION_TEXT });
      } else context.print(`ZooKeeper CLI version: ${ZOOKEEPER_VERSION_TEXT}\n`);
      return Promise.resolve();
    },
  }),
];

function quitCommand(name: string, { isOurs }: { isOurs: boolean }): ShellCommand {
  return {
    ...{ name, usage: "", isOurs },
    summary: "end the session and the shell",
    run: async (context) => {
      context.quit();
      await context.close();
      return 0;
    },
  };
}

/** The number may be written in hex, as `0x1f`. */
async function redo(context: ShellContext, [text]: readonly string[]): Promise<number> {
  if (text === undefined) return 0;
  const number = /^[+-]?(\d+|0x[\da-f]+)$/i.test(text) ? Number(text) : NaN;
  if (!Number.isInteger(number)) {
    throw new ShellError(`Cannot redo "${text}": it is not the number of a line`);
  }
  const line = number < context.history.number ? context.history.lineAt(number) : undefined;
  if (line === undefined) throw new ShellError("Command index out of range");
  if (/^\s*redo\b/.test(line)) throw new ShellError("No redoing redos");
  context.history.begin(line);
  await context.runLine(line);
  return 0;
}

/** A failure is told by its code, and is none of the command. */
async function syncCode(context: ShellContext, path: string): Promise<number> {
  const timeout = AbortSignal.timeout(SYNC_MS_MAX);
  const signal = AbortSignal.any([context.signal, timeout]);
  try {
    await context.connectedClient().sync(path, { signal });
    return 0;
  } catch (error) {
    if (error instanceof KeeperError) return error.code;
    if (timeout.aborted && !context.signal.aborted) return ClientErrorCode.ConnectionLoss;
    throw error;
  }
}
