/**
 * zkCli.sh's commands that write znodes: `create`, `set`, `delete`, `deleteall`.
 *
 * @module
 */

import { ErrorCode } from "../../core/errors.ts";
import { KeeperError, MultiError } from "../../net/client/client_errors.ts";
import type { ClientAcl, CreateMode } from "../../net/client/client_types.ts";
import { statJson } from "../../net/stat_json.ts";
import { parseAclWords } from "./acl_words.ts";
import { type CommandWords, printJson, zooKeeperCommand } from "./command_words.ts";
import { givenData } from "./data_words.ts";
import { intOption } from "./java_options.ts";
import { keeperErrorCodeText } from "./keeper_error_text.ts";
import { type ShellCommand, type ShellContext, ShellError } from "./shell_command.ts";
import { statText } from "./stat_text.ts";
import { listLevels } from "./subtree.ts";

const TTL_MS_MAX = 0xffff_ffffff;
const BATCH_COUNT = 1000;
/** Of batches of deletes. */
const IN_FLIGHT_COUNT_MAX = 10;

export const WRITE_COMMANDS: readonly ShellCommand[] = [
  zooKeeperCommand({
    name: "create",
    usage: "[-s] [-e] [-c] [-t ttl] path [data] [acl]",
    summary: "make a znode",
    details: `  -s           put a number behind its name
  -e           it goes with the session
  -c           it goes when its last child has gone
  -t ttl       it goes when it was not changed for so many milliseconds and has no children
  --file name  the data from a file, or with - from stdin: the word behind the path is then the ACL`,
    options: { flags: ["s", "e", "c"], values: ["t"], longValues: ["file"] },
    operandCount: 1,
    run: create,
  }),
  zooKeeperCommand({
    name: "set",
    usage: "[-s] [-v version] path data",
    summary: "change the data of a znode",
    details: `  -s           print its stat
  -v version   only if this is its version
  -b           the data is given as base64
  --file name  the data from a file, or with - from stdin`,
    options: { flags: ["s", "b"], values: ["v"], longValues: ["file"] },
    operandCount: 1,
    run: set,
  }),
  zooKeeperCommand({
    name: "delete",
    usage: "[-v version] path",
    summary: "delete a znode",
    details: "  -v version  only if this is its version",
    options: { values: ["v"] },
    operandCount: 1,
    run: async (context, words) => {
      if (words.operands.length > 1) {
        context.complain(
          "'delete path [version]' has been deprecated. Please use 'delete [-v version] path' instead.\n",
        );
      }
      const path = words.operand(0);
      const version = intOption(words.value("v"), { option: "v", otherwise: -1 });
      await context.connectedClient().delete(path, { version, signal: context.signal });
      if (context.isJson) printJson(context, { path, deleted: 1 });
    },
  }),
  zooKeeperCommand({
    name: "deleteall",
    usage: "path [-b batch size]",
    summary: "delete a znode and all below it",
    details:
      `  -b batch size  so many at once, default: ${BATCH_COUNT}; 0: all. What is not deleted together may be left in part`,
    options: { values: ["b"] },
    operandCount: 1,
    run: deleteAll,
  }),
];

async function create(context: ShellContext, words: CommandWords): Promise<void> {
  const mode = createMode(words);
  const ttlMs = ttlOf(words);
  const [path = "", ...rest] = words.operands;
  const word = words.has("file") ? undefined : rest.shift();
  const data = await givenData(context, { words, word, isBase64: false });
  const [aclText] = rest;
  const acl = aclText === undefined
    ? undefined
    : parseAclWords(aclText, (text) => context.complain(text));
  try {
    if (acl?.length === 0) throw new KeeperError(ErrorCode.InvalidAcl, null);
    const { signal } = context;
    const created = await context.connectedClient().create(path, data, {
      ...{ mode, signal },
      ...(acl === undefined ? {} : { acl: acl satisfies ClientAcl[] }),
      ...(ttlMs === undefined ? {} : { ttlMs }),
    });
    if (words.has("e")) context.ownsEphemerals = true;
    if (context.isJson) {
      printJson(context, { path: created.path, stat: statJson(created.stat) });
    } else context.complain(`Created ${created.path}\n`);
  } catch (error) {
    if (error instanceof KeeperError && !context.isJson) explainRefusal(context, error);
    throw error;
  }
}

/** What zkCli.sh prints before the error itself. */
function explainRefusal(context: ShellContext, error: KeeperError): void {
  if (error.code === ErrorCode.InvalidAcl) {
    context.complain(`${keeperErrorCodeText(error)}\n`);
  } else if (error.code === ErrorCode.EphemeralOnLocalSession) {
    context.complain("Unable to create ephemeral node on a local session\n");
  }
}

function createMode(words: CommandWords): CreateMode {
  const [isSequential, isEphemeral] = [words.has("s"), words.has("e")];
  if (words.has("c")) {
    if (isSequential || isEphemeral) {
      throw new ShellError(
        "-c cannot be combined with -s or -e. Containers cannot be ephemeral or sequential.",
      );
    }
    return "container";
  }
  if (isEphemeral) return isSequential ? "ephemeralSequential" : "ephemeral";
  if (words.has("t")) return isSequential ? "persistentSequentialWithTtl" : "persistentWithTtl";
  return isSequential ? "persistentSequential" : "persistent";
}

function ttlOf(words: CommandWords): number | undefined {
  const text = words.value("t");
  if (text === undefined) return undefined;
  const isLong = /^[+-]?\d+$/.test(text) && BigInt.asIntN(64, BigInt(text)) === BigInt(text);
  if (!isLong) throw new ShellError("-t argument must be a long value");
  if (words.has("e")) throw new ShellError("TTLs cannot be used with Ephemeral znodes");
  if (words.has("c")) throw new ShellError("TTLs cannot be used with Container znodes");
  const ttlMs = Number(text);
  if (ttlMs <= 0 || ttlMs > TTL_MS_MAX) {
    throw new ShellError(`ttl must be positive and cannot be larger than: ${TTL_MS_MAX}`);
  }
  return ttlMs;
}

async function set(context: ShellContext, words: CommandWords): Promise<void> {
  const [path = "", word] = words.operands;
  if (word === undefined && !words.has("file")) throw words.usage();
  const version = intOption(words.value("v"), { option: "v", otherwise: -1 });
  const data = await givenData(context, { words, word, isBase64: words.has("b") });
  const { signal } = context;
  const stat = await context.connectedClient().set(path, data, { version, signal });
  if (context.isJson) printJson(context, { path, stat: statJson(stat) });
  else if (words.has("s")) context.print(statText(stat));
}

async function deleteAll(context: ShellContext, words: CommandWords): Promise<number> {
  const path = words.operand(0);
  const batchCount = intOption(words.value("b"), { option: "b", otherwise: BATCH_COUNT });
  const paths = (await listLevels(context, path)).reverse(); // children before their parents
  // zkCli.sh takes 0, and what is below, for all at once
  const deleted = await deleteInBatches(
    context,
    paths,
    batchCount > 0 ? batchCount : paths.length,
  );
  const isComplete = deleted === paths.length;
  if (context.isJson) printJson(context, { path, deleted, complete: isComplete });
  if (isComplete) return 0;
  if (!context.isJson) context.complain("Failed to delete some node(s) in the subtree!\n");
  return context.isJson ? 1 : 0;
}

/** @returns how many were deleted */
async function deleteInBatches(
  context: ShellContext,
  paths: readonly string[],
  batchCount: number,
): Promise<number> {
  let deleted = 0;
  let at = 0;
  const deleteSome = async () => {
    while (at < paths.length) {
      context.signal.throwIfAborted();
      const batch = paths.slice(at, at += batchCount);
      if (await deleteBatch(context, batch)) deleted += batch.length;
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT_COUNT_MAX }, deleteSome));
  return deleted;
}

/** All of them or none. */
async function deleteBatch(context: ShellContext, batch: readonly string[]): Promise<boolean> {
  const client = context.connectedClient();
  const { signal } = context;
  try {
    await client.multi(batch.map((path) => ({ kind: "delete", path })), { signal });
    return true;
  } catch (error) {
    if (error instanceof MultiError) return false;
    throw error;
  }
}
