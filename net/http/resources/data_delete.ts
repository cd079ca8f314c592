/**
 * `DELETE /data/{path}`: one znode, or all below it too, in slices of what one transaction takes.
 *
 * A large subtree is no single transaction: others see it go bit by bit, and when it stops half way, the
 * problem says how many are gone. What comes into it meanwhile goes too, for a few rounds.
 *
 * @module
 */
import * as z from "zod";
import { type AclList, Permission } from "../../../core/tree/acl_list.ts";
import { NO_NODE, type NodeId, type NodeStore } from "../../../core/tree/node_store.ts";
import { subtree } from "../../../core/tree/node_walk.ts";
import { PATHS_NEVER_DELETED } from "../../../core/txn/operation_preparer.ts";
import { decodeUtf8 } from "../../../core/wire/jute.ts";
import { type Zxid, zxidText } from "../../../core/zxid.ts";
import { jsonResponse } from "../compression.ts";
import { parseIfMatch } from "../etag.ts";
import type { MultiOp } from "../gateway.ts";
import { isProblem, Problem, RETRY_AFTER_S } from "../problem.ts";
import { count, Flag } from "../query_values.ts";
import { type AnyRoute, type Call, route } from "../route.ts";
import { HexText } from "../schemas.ts";
import { missingNode, versionConflict } from "../znode_reply.ts";
import { findZnode } from "../znode_stat.ts";
import { matchedVersion } from "./data_put.ts";

const DELETE_COUNT_MAX_DEFAULT = 10_000;
const DELETE_COUNT_LIMIT = 1_000_000;
/** Paths that a plan lists; it counts all. */
const PLAN_PATH_COUNT_MAX = 10_000;
/** Deletes of one transaction: few enough for others to get their turn in between. */
const SLICE_OP_COUNT = 500;
/** What a delete takes beside its path. */
const OP_BYTES = 64;
/** How often what others changed meanwhile is looked at again. */
const ROUND_COUNT_MAX = 10;

const Query = z.strictObject({
  recursive: Flag.meta({ description: "also all znodes below it" }),
  max: count({ min: 1, max: DELETE_COUNT_LIMIT }).optional().meta({
    description: `with recursive: refuse to delete more than so many (${DELETE_COUNT_MAX_DEFAULT})`,
  }),
  plan: Flag.meta({ description: "with recursive: only tells what would go" }),
});

type DeleteCall = Call<z.output<typeof Query>>;

const Deleted = z.object({
  path: z.string(),
  deleted: z.int().meta({ description: "how many znodes" }),
  zxid: HexText.meta({ description: "of the last txn" }),
});

const Plan = z.object({
  path: z.string(),
  count: z.int().meta({ description: "how many would go" }),
  paths: z.array(z.string()).meta({
    description: `which, in the order in which they would go: ${PLAN_PATH_COUNT_MAX} at most`,
  }),
});

export const dataDeleteRoutes: readonly AnyRoute[] = [route({
  method: "DELETE",
  path: "/api/v1/data/{path}",
  operationId: "deleteNode",
  tag: "znodes",
  summary: "Deletes a znode, or a whole subtree",
  description:
    "With recursive the znodes go children first, in several transactions when there are many. When that " +
    "stops half way, the problem says outcome=partial and how many were deleted; sending it again goes on.",
  query: Query,
  headers: { "If-Match": '* or ETags of the znode itself; the version alone will do, as in "3"' },
  body: null,
  responses: {
    200: { description: "It is gone, or with plan would be", body: z.union([Deleted, Plan]) },
  },
  problems: [
    ...["no-node", "no-auth", "bad-version", "not-empty", "bad-arguments", "contended"] as const,
  ],
  isWrite: true,
  handle: (call) => call.query.recursive ? deleteRecursively(call) : deleteOne(call),
})];

async function deleteOne(call: DeleteCall): Promise<Response> {
  const { request, gateway, caller, path, query } = call;
  if (query.plan || query.max !== undefined) {
    throw new Problem("bad-request", {
      path,
      outcome: "not-applied",
      detail: "plan and max are for deleting a subtree: send recursive=1 too",
    });
  }
  const header = request.headers.get("if-match");
  if (header === null) return deleted(call, 1, await gateway.delete(caller, { path, version: -1 }));
  const condition = parseIfMatch(header);
  for (let attempt = 0; attempt < ROUND_COUNT_MAX; attempt++) {
    const version = await matchedVersion(call, { condition, header, isSynced: attempt > 0 });
    try {
      return deleted(call, 1, await gateway.delete(caller, { path, version }));
    } catch (error) {
      if (!isProblem(error, "bad-version")) throw error;
      await gateway.sync(caller);
    }
  }
  throw contended(path, 0);
}

function deleted(
  { request, path }: DeleteCall,
  count: number,
  { zxid }: { zxid: Zxid },
): Response {
  return jsonResponse(request, { path, deleted: count, zxid: zxidText(zxid) });
}

// ---------------------------------------------------------------- subtrees

async function deleteRecursively(call: DeleteCall): Promise<Response> {
  const { request, gateway, caller, path, query, signal } = call;
  const header = request.headers.get("if-match");
  if (query.plan) gateway.exists(caller, path);
  const version = header === null
    ? -1
    : await matchedVersion(call, { condition: parseIfMatch(header), header });
  if (query.plan) {
    const count = checkedCount(call);
    const paths = deletionOrder(call, { countMax: PLAN_PATH_COUNT_MAX, bytesMax: Infinity });
    return jsonResponse(request, { path, count, paths });
  }
  await gateway.sync(caller); // what was made through other servers goes too
  checkedCount(call);
  let doneCount = 0;
  let last: { zxid: Zxid } = { zxid: 0 };
  for (let overtaken = 0; overtaken < ROUND_COUNT_MAX;) {
    const slice = deletionOrder(call, {
      countMax: SLICE_OP_COUNT,
      bytesMax: gateway.config.juteMaxBufferBytes / 2,
    });
    if (slice.length === 0) {
      if (doneCount === 0) throw missingNode(path);
      return deleted(call, doneCount, last); // another deleted the rest
    }
    if (signal.aborted) throw stopped(path, doneCount);
    try {
      last = await gateway.multi(caller, deletesOf(slice, { path, version }));
      doneCount += slice.length;
      if (slice.at(-1) === path) return deleted(call, doneCount, last);
      overtaken = 0;
    } catch (error) {
      if (isProblem(error, "bad-version")) {
        throw halfWay(versionConflict(call, { sent: header! }), doneCount);
      }
      if (!isProblem(error, "no-node", "not-empty")) throw halfWay(error, doneCount);
      overtaken += 1; // by others, who make or delete znodes here at the same time
      await gateway.sync(caller);
    }
  }
  throw contended(path, doneCount);
}

/**
 * How many znodes the subtree has.
 *
 * @throws {Problem} when there are too many, or the caller could not see or delete them one by one either
 */
function checkedCount({ gateway, caller, path, query }: DeleteCall): number {
  const { tree } = gateway;
  const { store } = tree;
  const top = findZnode(tree, path);
  if (top === NO_NODE) throw missingNode(path);
  if (PATHS_NEVER_DELETED.includes(path)) {
    throw new Problem("bad-arguments", {
      path,
      outcome: "not-applied",
      detail: `${path} is part of every tree and cannot be deleted: delete what is below it`,
    });
  }
  const max = query.max ?? DELETE_COUNT_MAX_DEFAULT;
  const allowing = new Set<AclList>();
  demand(store.parent(top), Permission.Delete, "DELETE");
  let count = 0;
  for (const id of subtree(store, top)) {
    if (++count > max) {
      throw new Problem("not-empty", {
        path,
        outcome: "not-applied",
        detail:
          `${path} and what is below it are more than max=${max} znodes: nothing was deleted. ` +
          "Send a larger max, or delete parts of it",
      });
    }
    const acl = tree.aclOf(id);
    if (store.childCount(id) === 0 || allowing.has(acl)) continue;
    demand(id, Permission.Read, "READ");
    demand(id, Permission.Delete, "DELETE");
    allowing.add(acl);
  }
  return count;

  function demand(id: NodeId, perm: number, name: string): void {
    const at = decodeUtf8(store.path(id)) || "/";
    if (gateway.mayDo(caller, at, perm)) return;
    throw new Problem("no-auth", {
      path: at,
      outcome: "not-applied",
      detail: `${at} does not let you ${name}, so what is below it cannot be deleted`,
    });
  }
}

/** The first paths of the subtree, children before their parents; none when there is no such znode. */
function deletionOrder(
  { gateway, path }: DeleteCall,
  { countMax, bytesMax }: { countMax: number; bytesMax: number },
): string[] {
  const { store } = gateway.tree;
  const top = findZnode(gateway.tree, path);
  const paths: string[] = [];
  if (top === NO_NODE) return paths;
  let bytes = 0;
  let at = firstLeaf(store, top);
  for (;;) {
    const text = decodeUtf8(store.path(at));
    bytes += OP_BYTES + text.length * 3;
    if (paths.length > 0 && (paths.length === countMax || bytes > bytesMax)) return paths;
    paths.push(text);
    if (at === top) return paths;
    const next = store.nextSibling(at);
    at = next === NO_NODE ? store.parent(at) : firstLeaf(store, next);
  }
}

function firstLeaf(store: NodeStore, id: NodeId): NodeId {
  let at = id;
  for (let child = at; child !== NO_NODE; child = store.firstChild(at)) at = child;
  return at;
}

/** The version of the znode itself holds for each slice. */
function deletesOf(
  paths: readonly string[],
  { path, version }: { path: string; version: number },
): MultiOp[] {
  const ops: MultiOp[] = paths.map((at) => ({
    op: "delete",
    path: at,
    version: at === path ? version : -1,
  }));
  if (version !== -1 && paths.at(-1) !== path) ops.unshift({ op: "check", path, version });
  return ops;
}

/** The problem, which also says what is gone already. */
function halfWay(error: unknown, doneCount: number): unknown {
  if (!(error instanceof Problem) || doneCount === 0) return error;
  const { details } = error;
  return new Problem(error.problem, {
    ...details,
    outcome: details.outcome === "unknown" ? "unknown" : "partial",
    detail: `${error.message}; ${doneCount} znodes were deleted before`,
    members: { ...details.members, deleted: doneCount },
  });
}

function stopped(path: string, doneCount: number): unknown {
  return halfWay(
    new Problem("unavailable", {
      path,
      outcome: "not-applied",
      detail: "The server stops, or the client hung up: send it again to delete the rest",
    }),
    doneCount,
  );
}

function contended(path: string, doneCount: number): unknown {
  return halfWay(
    new Problem("contended", {
      path,
      outcome: "not-applied",
      retryAfter: RETRY_AFTER_S,
      detail: `Others went on to change ${path} and what is below it while it was deleted`,
    }),
    doneCount,
  );
}
