/**
 * zkCli.sh's commands about who belongs to the ensemble: `config`, `reconfig`.
 *
 * @module
 */

import { decodeUtf8 } from "../../core/wire/jute.ts";
import { KeeperError } from "../../net/client/client_errors.ts";
import type { ClientStat, ReconfigRequest } from "../../net/client/client_types.ts";
import { statJson } from "../../net/stat_json.ts";
import { type CommandWords, printJson, zooKeeperCommand } from "./command_words.ts";
import { type ShellCommand, type ShellContext, ShellError } from "./shell_command.ts";
import { statText } from "./stat_text.ts";

export const CONFIG_COMMANDS: readonly ShellCommand[] = [
  zooKeeperCommand({
    name: "config",
    usage: "[-c] [-w] [-s]",
    summary: "print who belongs to the ensemble",
    details: `  -c  only the version, and where clients connect
  -w  leave a watch
  -s  and the stat`,
    options: { flags: ["s", "w", "c"] },
    run: async (context, words) => {
      const watch = words.has("w") ? context.watcher : undefined;
      const { data, stat } = await context.connectedClient()
        .getConfig({ watch, signal: context.signal });
      const config = data === null ? "" : decodeUtf8(data);
      if (context.isJson) return printJson(context, configJson(config, stat));
      const { version, clientAddresses } = readConfig(config);
      context.print(words.has("c") ? `${version} ${clientAddresses.join(",")}\n` : `${config}\n`);
      if (words.has("s")) context.print(statText(stat));
    },
  }),
  zooKeeperCommand({
    name: "reconfig",
    usage:
      "[-s] [-v version] [[-file path] | [-members serverID=host:port1:port2;port3[,...]*]] | " +
      "[-add serverId=host:port1:port2;port3[,...]]* [-remove serverId[,...]*]",
    summary: "change who belongs to the ensemble",
    details: `  -add      servers that join, or change: 4=host:2888:3888;2181
  -remove   ids of servers that leave
  -members  all servers, in place of those there are
  -file     the same from a file, a line a server
  -v        only if this is the version, in hex
  -s        print the stat, too`,
    options: { flags: ["s"], values: ["v", "file", "members", "add", "remove"] },
    run: reconfig,
  }),
];

async function reconfig(context: ShellContext, words: CommandWords): Promise<void> {
  const request = reconfigRequest(words);
  const { data, stat } = await context.connectedClient().reconfig(request, context)
    .catch((error) => {
      if (!(error instanceof KeeperError)) throw error;
      throw new KeeperError(error.code, ""); // it is about no path, and zkCli.sh prints an empty one
    });
  const config = data === null ? "" : decodeUtf8(data);
  if (context.isJson) return printJson(context, configJson(config, stat));
  context.print(`Committed new configuration:\n${config}\n`);
  if (words.has("s")) context.print(statText(stat));
}

function reconfigRequest(words: CommandWords): ReconfigRequest {
  if (words.operands.length > 0) throw words.usage();
  const fromConfig = configVersion(words.value("v"));
  const [joining, leaving, members] = ["add", "remove", "members"].map((name) =>
    words.has(name) ? words.all(name).join(",").toLowerCase() : null
  );
  const file = words.value("file");
  const isWhole = file !== undefined || members != null;
  if (isWhole && (joining != null || leaving != null)) {
    throw new ShellError(
      "Can't use -file or -members together with -add or -remove (mixing incremental and non-incremental modes is " +
        "not allowed)",
    );
  }
  if (file !== undefined && members != null) {
    throw new ShellError(
      "Can't use -file and -members together (conflicting non-incremental modes)",
    );
  }
  if (!isWhole && joining == null && leaving == null) throw words.usage();
  const newMembers = file === undefined ? members : membersOfFile(file);
  return {
    joining: joining ?? null,
    leaving: leaving ?? null,
    newMembers: newMembers ?? null,
    fromConfig,
  };
}

function configVersion(text: string | undefined): number {
  if (text === undefined) return -1;
  if (!/^[+-]?[\da-f]+$/i.test(text)) {
    throw new ShellError("-v must be followed by a long (configuration version)");
  }
  return parseInt(text, 16);
}

/** @throws {ShellError} in zkCli.sh's words, which run the file's name into what is wrong with it */
function membersOfFile(file: string): string {
  let text;
  try {
    text = Deno.readTextFileSync(file);
  } catch (error) {
    const reason = error instanceof Deno.errors.NotFound
      ? "No such file or directory"
      : error instanceof Deno.errors.IsADirectory
      ? "Is a directory"
      : (error as Error).message;
    throw new ShellError(`Error processing ${file}${file} (${reason})`);
  }
  const lines = text.split("\n").map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#") && !line.startsWith("version="));
  for (const line of lines) {
    if (!/^(server|group|weight)\.\d+\s*=/.test(line)) {
      throw new ShellError(
        `Error processing ${file}Unrecognised parameter: ${line.split("=", 1)[0]!.trim()}`,
      );
    }
  }
  return lines.join(",").toLowerCase();
}

/** What stands in the config znode: a line a server, `version` in hex. */
function readConfig(
  config: string,
): { version: string; servers: string[]; clientAddresses: string[] } {
  const servers: string[] = [];
  let version = "";
  for (const line of config.split("\n")) {
    if (line.startsWith("server.")) servers.push(line);
    else if (line.startsWith("version=")) version = line.slice("version=".length);
  }
  const clientAddresses = servers.filter((line) => line.includes(";"))
    .map((line) => line.slice(line.lastIndexOf(";") + 1));
  return { version, servers, clientAddresses };
}

function configJson(config: string, stat: ClientStat): Record<string, unknown> {
  const { version, servers, clientAddresses } = readConfig(config);
  return {
    version: version === "" ? null : `0x${version}`,
    servers,
    clientAddresses,
    stat: statJson(stat),
  };
}
