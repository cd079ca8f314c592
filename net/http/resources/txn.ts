/**
 * `POST /txn`: several writes, all or none.
 *
 * @module
 */
import * as z from "zod";
import { NO_NODE } from "../../../core/tree/node_store.ts";
import { TTL_MS_MAX } from "../../../core/tree/stat.ts";
import { zxidText } from "../../../core/zxid.ts";
import { statJson } from "../../stat_json.ts";
import { AclJson, aclOfJson } from "../acl_text.ts";
import { jsonResponse } from "../compression.ts";
import { DataInput, dataOfJson } from "../data_json.ts";
import { etagOf, matches, parseZnodeTag } from "../etag.ts";
import type { CreateKind, MultiOp } from "../gateway.ts";
import { Problem, type ProblemName, PROBLEMS } from "../problem.ts";
import { errorNameOf } from "../problem_response.ts";
import { type AnyRoute, type Call, route } from "../route.ts";
import { HexText, NodeType, Stat } from "../schemas.ts";
import { isZnodePath } from "../znode_path.ts";
import { mayCompare } from "../znode_reply.ts";
import { findZnode } from "../znode_stat.ts";

const OP_COUNT_MAX = 10_000;

const Path = z.string().min(1).refine(isZnodePath, "is no path of a znode");

/** As ZooKeeper has it: -1 stands for any. */
const Version = z.int().min(-0x80000000).max(0x7fffffff);

const CONDITION = {
  version: Version.optional().meta({ description: "of the data; left out, or -1: any" }),
  etag: z.string().optional().meta({
    description: "an ETag instead, whose czxid is compared too, by this server",
  }),
};

const Op = z.discriminatedUnion("op", [
  z.strictObject({
    op: z.literal("create"),
    path: z.string().min(1).meta({
      description: "with sequence the name to which the number is added, which may be empty",
    }),
    data: DataInput.optional(),
    type: NodeType.default("persistent"),
    sequence: z.boolean().default(false),
    ttlMs: z.int().min(1).max(TTL_MS_MAX).optional().meta({ description: "of TTL nodes" }),
    acl: AclJson.optional(),
  }),
  z.strictObject({
    op: z.literal("set"),
    path: Path,
    data: DataInput,
    ...CONDITION,
  }),
  z.strictObject({ op: z.literal("delete"), path: Path, ...CONDITION }),
  z.strictObject({ op: z.literal("check"), path: Path, ...CONDITION }),
]);
type Op = z.output<typeof Op>;

const Body = z.strictObject({ ops: z.array(Op).min(1).max(OP_COUNT_MAX) });

const Result = z.object({
  op: z.enum(["create", "set", "delete", "check"]),
  path: z.string().meta({ description: "of sequential creates the real one" }),
  etag: z.string().optional(),
  stat: Stat.optional(),
});

export const txnRoutes: readonly AnyRoute[] = [route({
  method: "POST",
  path: "/api/v1/txn",
  operationId: "txn",
  tag: "znodes",
  summary: "Several writes, all or none",
  description:
    "When an operation fails, nothing is done and the answer is the problem txn-failed: index, path and " +
    "problem say which one and why, results what became of each.",
  query: z.strictObject({}),
  body: Body,
  responses: {
    200: {
      description: "All was done, in one txn",
      body: z.object({ zxid: HexText, results: z.array(Result) }),
    },
  },
  problems: ["txn-failed", "session-required", "session-expired", "too-large"],
  isWrite: true,
  handle: txn,
})];

async function txn(
  { request, gateway, caller, body }: Call<Record<string, never>, z.output<typeof Body>>,
): Promise<Response> {
  const ops: MultiOp[] = [];
  let isSynced = false;
  for (const [index, op] of body.ops.entries()) {
    if (op.op === "create") {
      if (op.type === "ephemeral" && caller.session === null) {
        throw new Problem("session-required", {
          path: op.path,
          outcome: "not-applied",
          detail: `ops[${index}] makes an ephemeral: send X-Zk-Session with the token of a session`,
          members: { index },
        });
      }
      ops.push(createOp(op, index));
      continue;
    }
    let version = op.version ?? -1;
    if (op.etag !== undefined) {
      if (op.version !== undefined) {
        throw badOp(index, "has both version and etag: send one of them");
      }
      let known = versionAt(op.etag, op.path);
      if (known === null && !isSynced) {
        await gateway.sync(caller);
        isSynced = true;
        known = versionAt(op.etag, op.path);
      }
      if (known === null) {
        throw failed(body.ops, { index, problem: mismatchOf(op) });
      }
      version = known;
    }
    ops.push(
      op.op === "set"
        ? { op: "set", path: op.path, data: dataOfJson(op.data, `ops[${index}]`), version }
        : { op: op.op, path: op.path, version },
    );
  }
  try {
    const { results, zxid } = await gateway.multi(caller, ops);
    return jsonResponse(request, {
      zxid: zxidText(zxid),
      results: results.map((result, index): z.input<typeof Result> => {
        const { op } = result;
        const path = op === "create" ? result.path : ops[index]!.path;
        if (op !== "create" && op !== "set") return { op, path };
        return { op, path, etag: etagOf(result.stat), stat: statJson(result.stat) };
      }),
    });
  } catch (error) {
    const index = error instanceof Problem ? error.details.members?.["index"] : undefined;
    if (typeof index !== "number") throw error;
    throw failed(body.ops, { index, problem: (error as Problem).problem });
  }

  function mismatchOf({ op, path }: Exclude<Op, { op: "create" }>): ProblemName {
    if (findZnode(gateway.tree, path) === NO_NODE) return "no-node";
    return mayCompare({ gateway, caller }, { op, path }) ? "bad-version" : "no-auth";
  }

  /** The version of what an ETag names; null when the znode here is another. */
  function versionAt(etag: string, path: string): number | null {
    const tag = parseZnodeTag(etag.replace(/^"(.*)"$/, "$1"));
    const id = findZnode(gateway.tree, path);
    if (tag === null || id === NO_NODE) return null;
    const { store } = gateway.tree;
    const version = store.version(id);
    return matches([tag], { version, czxid: store.czxid(id) }) ? version : null;
  }
}

function createOp(op: Extract<Op, { op: "create" }>, index: number): MultiOp {
  const { path, type, sequence, ttlMs, acl } = op;
  if ((type === "ttl") !== (ttlMs !== undefined)) {
    throw badOp(index, "must have type ttl and ttlMs, or neither");
  }
  if (sequence && type === "container") {
    throw badOp(index, "is a container: those have no sequence");
  }
  const kind: CreateKind = sequence && type !== "container" ? `${type}_sequential` : type;
  // what the server adds may make a path of what is none
  if (!Path.safeParse(sequence ? `${path}0` : path).success) {
    throw badOp(index, `has the path ${JSON.stringify(path)}, which is none of a znode`);
  }
  return {
    op: "create",
    path,
    data: dataOfJson(op.data === undefined ? "" : op.data, `ops[${index}]`),
    acl: acl === undefined ? null : aclOfJson(acl),
    kind,
    ...ttlMs === undefined ? {} : { ttlMs },
  };
}

function badOp(index: number, what: string): Problem {
  return new Problem("bad-request", {
    outcome: "not-applied",
    detail: `ops[${index}] ${what}`,
    members: { index },
  });
}

/** What a failed transaction answers: which operation, why, and what became of each. */
function failed(
  ops: readonly Op[],
  { index, problem }: { index: number; problem: ProblemName },
): Problem {
  const { op, path } = ops[index]!;
  const isParent = op === "create" && problem === "no-node";
  const reason: ProblemName = isParent ? "parent-missing" : problem;
  const kind: { title: string; code?: number } = PROBLEMS[reason];
  const { code } = kind;
  return new Problem("txn-failed", {
    path,
    outcome: "not-applied",
    detail: `ops[${index}] (${op} ${path}) failed, so nothing was done: ${kind.title}`,
    members: {
      index,
      problem: reason,
      ...code === undefined ? {} : { code, name: errorNameOf(code) },
      results: ops.map(({ op, path }, i) => ({
        op,
        path,
        result: i < index ? "rolled-back" : i === index ? reason : "not-tried",
      })),
    },
  });
}
