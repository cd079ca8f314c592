/**
 * zkCli.sh's commands about quotas: `setquota`, `listquota`, `delquota`.
 *
 * A quota is two znodes below `/zookeeper/quota`: its limits, which we write, and its usage, which the server keeps.
 *
 * @module
 */

import { ErrorCode } from "../../core/errors.ts";
import { decodeUtf8, encodeUtf8 } from "../../core/wire/jute.ts";
import { KeeperError } from "../../net/client/client_errors.ts";
import type { ZooKeeperClient } from "../../net/client/client_types.ts";
import { type CommandWords, printJson, zooKeeperCommand } from "./command_words.ts";
import { parseInt32 } from "./java_options.ts";
import { type ShellCommand, type ShellContext, ShellError } from "./shell_command.ts";

const QUOTA_PATH = "/zookeeper/quota";
const LIMITS = "zookeeper_limits";
const STATS = "zookeeper_stats";
const LONG_MAX = 2n ** 63n - 1n;

/** Options and what they limit, as the server's text of a quota names it. */
const LIMIT_KEYS = {
  n: "count",
  b: "bytes",
  N: "countHardLimit",
  B: "byteHardLimit",
} as const;
type LimitOption = keyof typeof LIMIT_KEYS;
const LIMIT_OPTIONS = Object.keys(LIMIT_KEYS) as LimitOption[];

/** -1: there is no limit. */
type Quota = Record<(typeof LIMIT_KEYS)[LimitOption], bigint>;

const OPTIONS_HELP = `  -n  of the number of znodes, itself counted: the server warns in its log
  -b  of the bytes of their data: likewise
  -N  of their number: the server refuses more, if it has enforceQuota
  -B  of the bytes: likewise`;

export const QUOTA_COMMANDS: readonly ShellCommand[] = [
  zooKeeperCommand({
    name: "setquota",
    usage: "-n|-b|-N|-B val path",
    summary: "limit how many znodes and bytes are below a znode",
    details: OPTIONS_HELP,
    options: {
      values: LIMIT_OPTIONS,
      group: LIMIT_OPTIONS,
      groupText: "[-n num soft quota, -b bytes soft quota, -N num hard quota, -B bytes hard quota]",
    },
    operandCount: 1,
    run: setQuota,
  }),
  zooKeeperCommand({
    name: "listquota",
    usage: "path",
    summary: "print the quota of a znode, and what of it is used",
    operandCount: 1,
    run: listQuota,
  }),
  zooKeeperCommand({
    name: "delquota",
    usage: "[-n|-b|-N|-B] path",
    summary: "take a limit away, or the whole quota",
    details: OPTIONS_HELP,
    options: { flags: LIMIT_OPTIONS, group: LIMIT_OPTIONS },
    operandCount: 1,
    run: deleteQuota,
  }),
];

async function setQuota(context: ShellContext, words: CommandWords): Promise<void> {
  const path = words.operand(0);
  const option = givenLimit(words)!;
  const limit = limitValue(option, words.value(option)!);
  const client = context.connectedClient();
  if (path.startsWith(QUOTA_PATH)) {
    throw new ShellError(`cannot set a quota under the path: ${QUOTA_PATH}`);
  }
  if (await client.exists(path, context) === null) throw new ShellError(`${path} does not exist.`);
  await checkNoOtherQuota(client, path);
  const quota = await writeLimit(client, path, { key: LIMIT_KEYS[option], limit });
  const usage = await readQuota(client, `${QUOTA_PATH}${path}/${STATS}`);
  if (context.isJson) printJson(context, quotaJson({ path, quota, usage }));
  else if (usage !== null) warnOfExcess(context, quota, usage);
}

function givenLimit(words: CommandWords): LimitOption | undefined {
  return LIMIT_OPTIONS.find((option) => words.has(option));
}

function limitValue(option: LimitOption, text: string): bigint {
  const isCount = option === "n" || option === "N";
  const value = isCount ? parseInt32(text) : /^[+-]?\d+$/.test(text) ? text : null;
  const limit = value === null ? null : BigInt(String(value).replace("+", ""));
  if (limit === null || limit > LONG_MAX || limit < -LONG_MAX) {
    throw new ShellError("NumberFormatException happens when parsing the option value");
  }
  if (isCount && limit <= 0n) throw new ShellError("the num quota must be greater than zero");
  if (limit < 0n) throw new ShellError("the bytes quota must be greater than or equal to zero");
  return limit;
}

/** Quotas do not lie below one another. */
async function checkNoOtherQuota(client: ZooKeeperClient, path: string): Promise<void> {
  const names = path.split("/").slice(1);
  for (let depth = 1; depth < names.length; depth++) {
    const ancestor = `/${names.slice(0, depth).join("/")}`;
    if (await client.exists(`${QUOTA_PATH}${ancestor}/${LIMITS}`) !== null) {
      throw new ShellError(`${path} has a parent ${ancestor} which has a quota`);
    }
  }
  const unseen = [path];
  for (let next = unseen.pop(); next !== undefined; next = unseen.pop()) {
    const children = await childrenIfAny(client, `${QUOTA_PATH}${next}`);
    if (next !== path && children.includes(LIMITS)) {
      throw new ShellError(`${path} has a child ${next} which has a quota`);
    }
    for (const name of children.sort().reverse()) {
      if (name !== LIMITS && name !== STATS) unseen.push(`${next}/${name}`);
    }
  }
}

async function childrenIfAny(client: ZooKeeperClient, path: string): Promise<string[]> {
  try {
    return (await client.getChildren(path)).children;
  } catch (error) {
    if (error instanceof KeeperError && error.code === ErrorCode.NoNode) return [];
    throw error;
  }
}

/** @returns all limits, the new one among them */
async function writeLimit(
  client: ZooKeeperClient,
  path: string,
  { key, limit }: { key: keyof Quota; limit: bigint },
): Promise<Quota> {
  const limitsPath = `${QUOTA_PATH}${path}/${LIMITS}`;
  const before = await readQuota(client, limitsPath);
  const quota = { ...before ?? NO_LIMITS, [key]: limit };
  const data = encodeUtf8(quotaText(quota));
  if (before !== null) {
    await client.set(limitsPath, data);
    return quota;
  }
  const names = path.split("/").slice(1);
  for (let depth = 0; depth <= names.length; depth++) {
    await createIfMissing(client, [QUOTA_PATH, ...names.slice(0, depth)].join("/"), null);
  }
  await createIfMissing(client, limitsPath, data);
  await createIfMissing(client, `${QUOTA_PATH}${path}/${STATS}`, encodeUtf8("count=0,bytes=0"));
  return quota;
}

async function createIfMissing(
  client: ZooKeeperClient,
  path: string,
  data: Uint8Array | null,
): Promise<void> {
  if (await client.exists(path) !== null) return;
  try {
    await client.create(path, data);
  } catch (error) {
    if (!(error instanceof KeeperError) || error.code !== ErrorCode.NodeExists) throw error;
  }
}

function warnOfExcess(context: ShellContext, quota: Quota, usage: Quota): void {
  const exceeds = (used: bigint, ...limits: bigint[]) =>
    limits.some((limit) => limit !== -1n && used > limit);
  if (exceeds(usage.count, quota.count, quota.countHardLimit)) {
    context.print(
      `[Warning]: the count quota you create is less than the existing count:${usage.count}\n`,
    );
  }
  if (exceeds(usage.bytes, quota.bytes, quota.byteHardLimit)) {
    context.print(
      `[Warning]: the bytes quota you create is less than the existing bytes:${usage.bytes}\n`,
    );
  }
}

async function listQuota(context: ShellContext, words: CommandWords): Promise<void> {
  const path = words.operand(0);
  const client = context.connectedClient();
  const limitsPath = `${QUOTA_PATH}${path}/${LIMITS}`;
  if (!context.isJson) context.complain(`absolute path is ${limitsPath}\n`);
  const limits = await textIfAny(client, limitsPath);
  const usage = limits === null ? null : await textIfAny(client, `${QUOTA_PATH}${path}/${STATS}`);
  if (context.isJson) {
    const [quota, used] = [limits, usage].map((text) => text === null ? null : parseQuota(text));
    return printJson(context, quotaJson({ path, quota: quota ?? null, usage: used ?? null }));
  }
  if (limits === null) return context.complain(`quota for ${path} does not exist.\n`);
  context.print(`Output quota for ${path} ${limits}\n`);
  if (usage !== null) context.print(`Output stat for ${path} ${usage}\n`);
}

async function deleteQuota(context: ShellContext, words: CommandWords): Promise<void> {
  const path = words.operand(0);
  const client = context.connectedClient();
  const limitsPath = `${QUOTA_PATH}${path}/${LIMITS}`;
  const quota = await readQuota(client, limitsPath);
  const option = givenLimit(words);
  if (quota === null) {
    if (context.isJson) printJson(context, quotaJson({ path, quota, usage: null }));
    else context.print(`Quota does not exist for ${path}\n`);
    return;
  }
  if (option === undefined) await deleteQuotaNodes(client, path);
  else await client.set(limitsPath, encodeUtf8(quotaText({ ...quota, [LIMIT_KEYS[option]]: -1n })));
  if (!context.isJson) return;
  const left = option === undefined ? null : { ...quota, [LIMIT_KEYS[option]]: -1n };
  printJson(context, quotaJson({ path, quota: left, usage: null }));
}

/** And what was above them for their sake. */
async function deleteQuotaNodes(client: ZooKeeperClient, path: string): Promise<void> {
  for (const name of [LIMITS, STATS]) {
    await deleteUnless(client, `${QUOTA_PATH}${path}/${name}`, [ErrorCode.NoNode]);
  }
  for (let empty = path; empty !== ""; empty = empty.slice(0, empty.lastIndexOf("/"))) {
    const isDeleted = await deleteUnless(client, `${QUOTA_PATH}${empty}`, [
      ErrorCode.NoNode,
      ErrorCode.NotEmpty,
    ]);
    if (!isDeleted) return;
  }
}

async function deleteUnless(
  client: ZooKeeperClient,
  path: string,
  codes: readonly number[],
): Promise<boolean> {
  try {
    await client.delete(path);
    return true;
  } catch (error) {
    if (error instanceof KeeperError && codes.includes(error.code)) return false;
    throw error;
  }
}

const NO_LIMITS: Quota = { count: -1n, bytes: -1n, countHardLimit: -1n, byteHardLimit: -1n };

async function readQuota(client: ZooKeeperClient, path: string): Promise<Quota | null> {
  const text = await textIfAny(client, path);
  return text === null ? null : parseQuota(text);
}

async function textIfAny(client: ZooKeeperClient, path: string): Promise<string | null> {
  try {
    const { data } = await client.get(path);
    return data === null ? "" : decodeUtf8(data);
  } catch (error) {
    if (error instanceof KeeperError && error.code === ErrorCode.NoNode) return null;
    throw error;
  }
}

function parseQuota(text: string): Quota {
  const quota = { ...NO_LIMITS };
  for (const [, key, value] of text.matchAll(/(\w+)=(-?\d+)/g)) {
    if (Object.hasOwn(quota, key!)) quota[key as keyof Quota] = BigInt(value!);
  }
  return quota;
}

function quotaText({ count, bytes, countHardLimit, byteHardLimit }: Quota): string {
  return `count=${count},bytes=${bytes}=;byteHardLimit=${byteHardLimit};` +
    `countHardLimit=${countHardLimit}`;
}

/** Limits that are not set are null. */
function quotaJson(
  { path, quota, usage }: { path: string; quota: Quota | null; usage: Quota | null },
): Record<string, unknown> {
  const limit = (value: bigint) => value === -1n ? null : Number(value);
  return {
    path,
    limits: quota === null ? null : {
      count: limit(quota.count),
      bytes: limit(quota.bytes),
      countHard: limit(quota.countHardLimit),
      bytesHard: limit(quota.byteHardLimit),
    },
    ...(usage === null
      ? {}
      : { usage: { count: Number(usage.count), bytes: Number(usage.bytes) } }),
  };
}
