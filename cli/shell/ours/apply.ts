/**
 * `apply`: makes the ensemble hold what a file says, or tells what that would take.
 *
 * @module
 */
import { ErrorCode } from "../../../core/errors.ts";
import { ConnectionLossError, KeeperError, MultiError } from "../../../net/client/client_errors.ts";
import type { MultiOp, ZooKeeperClient } from "../../../net/client/client_types.ts";
import { aclText } from "../../../net/http/acl_text.ts";
import { errorText } from "../keeper_error_text.ts";
import { dataJson } from "../json_texts.ts";
import { type ShellContext, ShellError } from "../shell_command.ts";
import { type ApplyPlan, ApplyPlanner, type PlannedChange, UNREADABLE } from "./apply_plan.ts";
import { CommandOutput, counted } from "./command_output.ts";
import { clientAclOf } from "./import_batches.ts";
import { OptionWords, usageError } from "./option_words.ts";
import { parseTreeFile } from "./tree_file.ts";
import { dataInShort } from "./znode_text.ts";

/** Servers take a request of 0xfffff bytes by default. */
const TRANSACTION_BYTES_DEFAULT = 1_000_000;
/** What an operation takes beside path, data and ACL. */
const OP_BYTES = 64;
/** Of --detailed-exitcode, as terraform has it: there is something to do, or was. */
const HAS_CHANGES = 2;
const SIGNS = { create: "+", change: "~", delete: "-" } as const;

export async function runApply(context: ShellContext, words: readonly string[]): Promise<number> {
  const options = new OptionWords("apply", {
    ...{ "-f": "value", "--file": "value", "--plan": "flag", "--prune": "flag" },
    ...{ "--atomic": "flag", "--detailed-exitcode": "flag", "--transaction-bytes": "value" },
  }, words);
  const [operand] = options.atMost(1);
  const file = options.value("-f") ?? options.value("--file") ?? operand;
  if (file === undefined) throw usageError("apply", "-f says which file");
  const bytesMax = options.integer("--transaction-bytes", { min: 1 }) ?? TRANSACTION_BYTES_DEFAULT;
  const wanted = parseTreeFile(await textOfFile(context, file), file);
  const client = context.connectedClient();
  const { signal } = context;
  await client.sync("/", { signal }).catch(() => {}); // what there is is looked up on this server
  const plan = await new ApplyPlanner(client, wanted, signal)
    .plan({ prunes: options.has("--prune") });
  const transactions = transactionsOf(plan.changes, bytesMax);
  const isPlan = options.has("--plan");
  const isJson = options.isJson(context);
  if (plan.obstacles.length > 0) {
    throw new ShellError(
      `apply: nothing is done, since\n${plan.obstacles.map((each) => `  ${each}`).join("\n")}`,
    );
  }
  if (options.has("--atomic") && transactions.length > 1) {
    throw new ShellError(
      `apply: nothing is done: it takes ${transactions.length} transactions of ${bytesMax} bytes, not one ` +
        `(--transaction-bytes, up to the jute.maxbuffer of the servers)`,
    );
  }
  if (!isJson) tellPlan(context, plan, { transactionCount: transactions.length, isPlan });
  if (!isPlan) await carryOut(client, { plan, transactions, signal });
  if (isJson) context.print(`${JSON.stringify(planJson(plan, transactions.length, isPlan))}\n`);
  else if (!isPlan && plan.changes.length > 0) context.print("Applied.\n");
  if (plan.kept.some(({ why }) => why === UNREADABLE)) return 1;
  return options.has("--detailed-exitcode") && plan.changes.length > 0 ? HAS_CHANGES : 0;
}

async function textOfFile({ world }: ShellContext, file: string): Promise<string> {
  try {
    return file === "-"
      ? await new Response(world.stdin() as ReadableStream<Uint8Array<ArrayBuffer>>).text()
      : await Deno.readTextFile(file);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new ShellError(`apply: Cannot read "${file}": ${why}`);
  }
}

/** As few as the size of a request allows. */
function transactionsOf(changes: readonly PlannedChange[], bytesMax: number): MultiOp[][] {
  const transactions: MultiOp[][] = [];
  let bytes = Infinity;
  for (const { op, acl } of changes) {
    if (op === null) continue;
    const dataBytes = "data" in op ? op.data?.length ?? 0 : 0;
    const aclBytes = acl === undefined ? 0 : aclText(acl).length + acl.length * OP_BYTES;
    const opBytes = OP_BYTES + op.path.length * 3 + dataBytes + aclBytes;
    if (bytes + opBytes > bytesMax) {
      transactions.push([]);
      bytes = 0;
    }
    transactions.at(-1)!.push(op);
    bytes += opBytes;
  }
  return transactions;
}

async function carryOut(
  client: ZooKeeperClient,
  { plan, transactions, signal }: {
    plan: ApplyPlan;
    transactions: readonly (readonly MultiOp[])[];
    signal: AbortSignal;
  },
): Promise<void> {
  const acls = plan.changes.filter(({ kind, acl }) => kind === "change" && acl !== undefined);
  let done = 0;
  const doneText = () =>
    done === 0 ? "nothing was changed" : `${done} of ${transactions.length} transactions were made`;
  for (const ops of transactions) {
    signal.throwIfAborted();
    try {
      await writeTransaction(client, ops);
    } catch (error) {
      throw failureOf(error, ops, doneText());
    }
    done += 1;
  }
  let aclsDone = 0;
  for (const { path, acl, aversion } of acls) {
    signal.throwIfAborted();
    try {
      await client.setAcl(path, acl!.map(clientAclOf), { version: aversion });
    } catch (error) {
      const count = `${counted(aclsDone, "ACL")} of ${acls.length} set`;
      throw failureOf(
        error,
        [],
        transactions.length === 0 ? count : `${doneText()}, ${count}`,
        path,
      );
    }
    aclsDone += 1;
  }
}

/** One operation may be as large as a request of its own, which a transaction cannot take. */
async function writeTransaction(client: ZooKeeperClient, ops: readonly MultiOp[]): Promise<void> {
  const [op] = ops;
  if (ops.length > 1 || op === undefined) {
    await client.multi(ops);
  } else if (op.kind === "create") {
    const { path, data, kind: _, ...options } = op;
    await client.create(path, data, options);
  } else if (op.kind === "set") {
    await client.set(op.path, op.data, { version: op.version ?? -1 });
  } else await client.delete(op.path, { version: op.version ?? -1 });
}

function failureOf(
  error: unknown,
  ops: readonly MultiOp[],
  done: string,
  aclPath?: string,
): unknown {
  if (!(error instanceof KeeperError)) return error;
  if (error instanceof ConnectionLossError) {
    return new ShellError(
      `apply: the connection was lost: whether the last change was made is not known; apply it again to see ` +
        `(${done})`,
    );
  }
  const path = aclPath ?? (error instanceof MultiError ? ops[error.index]?.path : ops[0]?.path) ??
    error.path;
  const isOvertaken = ([
    ErrorCode.BadVersion,
    ErrorCode.NodeExists,
    ErrorCode.NoNode,
    ErrorCode.NotEmpty,
  ] as number[]).includes(error.code);
  const what = errorText(new KeeperError(error.code, path));
  return new ShellError(
    isOvertaken
      ? `apply: ${path} was changed by somebody else since the plan was made (${what}): ${done}; apply it again`
      : `apply: ${what} (${done})`,
  );
}

// ---------------------------------------------------------------- what is told

function tellPlan(
  context: ShellContext,
  plan: ApplyPlan,
  { transactionCount, isPlan }: { transactionCount: number; isPlan: boolean },
): void {
  const output = new CommandOutput(context);
  for (const change of plan.changes) {
    const { kind, path, data, dataBefore, acl, aclBefore, type } = change;
    const note = kind !== "change" && type !== "persistent" ? ` (${type})` : "";
    const shown = kind === "create" ? ` ${dataInShort(data ?? null)}` : "";
    output.line(`${SIGNS[kind]} ${path}${note}${shown}`);
    if (kind === "change" && data !== undefined) {
      output.line(`    data: ${dataInShort(dataBefore ?? null)} -> ${dataInShort(data)}`);
    }
    if (acl !== undefined) {
      const before = aclBefore ? `${aclText(aclBefore)} -> ` : "";
      output.line(`    acl: ${before}${aclText(acl)}`);
    }
  }
  for (const { path, why } of plan.kept) output.line(`! ${path} stays: ${why}`);
  const { create, change, delete: deleted } = countsOf(plan);
  if (plan.changes.length === 0) {
    output.line(`Nothing to do: ${plan.unchanged} are as they should be.`);
  } else {
    output.line(
      `${isPlan ? "Plan: " : ""}${create} to create, ${change} to change, ${deleted} to delete, ` +
        `${plan.unchanged} as they should be.`,
    );
    const aclCount = plan.changes.filter(({ kind, acl }) => kind === "change" && acl).length;
    if (transactionCount > 1) {
      output.line(`Not atomic: it takes ${transactionCount} transactions, one after another.`);
    }
    if (aclCount > 0 && aclCount + transactionCount > 1) {
      output.line(`Not atomic: ${counted(aclCount, "ACL")} set behind the rest, one by one.`);
    }
  }
  output.flush();
}

function planJson(plan: ApplyPlan, transactionCount: number, isPlan: boolean) {
  return {
    plan: isPlan,
    ...countsOf(plan),
    unchanged: plan.unchanged,
    transactions: transactionCount,
    changes: plan.changes.map(({ kind, path, data, dataBefore, acl, aclBefore, type }) => ({
      kind,
      path,
      type,
      ...dataBefore === undefined ? {} : { before: dataJson(dataBefore) },
      ...data === undefined ? {} : { after: dataJson(data) },
      ...aclBefore ? { aclBefore: aclText(aclBefore) } : {},
      ...acl === undefined ? {} : { acl: aclText(acl) },
    })),
    kept: plan.kept,
  };
}

function countsOf({ changes }: ApplyPlan) {
  const count = (kind: PlannedChange["kind"]) =>
    changes.filter((each) => each.kind === kind).length;
  return { create: count("create"), change: count("change"), delete: count("delete") };
}
