/**
 * `PUT /data/{path}`: makes a znode or changes its data, on conditions or without.
 *
 * Whether the znode exists is looked up here, and decided by the leader: when another came in between, it
 * is looked up again. 201 is answered by the one whose create was committed, and nobody else.
 *
 * @module
 */
import * as z from "zod";
import { assert } from "../../../core/assert.ts";
import { type AclEntry, OPEN_ACL, Permission } from "../../../core/tree/acl_list.ts";
import { NO_NODE, type NodeId } from "../../../core/tree/node_store.ts";
import { parentPath } from "../../../core/tree/path_text.ts";
import { TTL_MS_MAX } from "../../../core/tree/stat.ts";
import type { ClientStat } from "../../client/client_types.ts";
import { parseAclText } from "../acl_text.ts";
import { type MatchCondition, matches, parseIfMatch } from "../etag.ts";
import type { CreateKind, CreateRequest, MultiOp, MultiResult } from "../gateway.ts";
import { isProblem, Problem, RETRY_AFTER_S } from "../problem.ts";
import { count, Flag } from "../query_values.ts";
import { type AnyRoute, type Call, route } from "../route.ts";
import { NodeType } from "../schemas.ts";
import {
  missingNode,
  STAT_HEADERS,
  versionConflict,
  WriteReply,
  writeReply,
} from "../znode_reply.ts";
import { findZnode } from "../znode_stat.ts";

/** How often others may come in between before a PUT gives up. */
const ATTEMPT_COUNT_MAX = 10;

/** What a znode is made with, as far as the query says it. */
export const CREATE_QUERY = {
  ttlMs: count({ min: 1, max: TTL_MS_MAX }).optional()
    .meta({ description: "of a TTL node, in ms: with type=ttl" }),
  acl: z.string().min(1).optional()
    .meta({ description: "of a znode that is made, as in world:anyone:r,digest:app:hash:cdrwa" }),
};

const Query = z.strictObject({
  type: NodeType.optional()
    .meta({
      description:
        "what to make; a znode that exists must be of this type, ephemerals the session's own",
    }),
  ...CREATE_QUERY,
  parents: Flag.meta({
    description: "makes the parents that are missing, with the ACL of the nearest one that exists",
  }),
  takeover: Flag.meta({
    description:
      "with type=ephemeral: replaces the ephemeral of another session, in one transaction",
  }),
});

type PutCall = Call<z.output<typeof Query>, Uint8Array<ArrayBuffer>>;

export const dataPutRoutes: readonly AnyRoute[] = [route({
  method: "PUT",
  path: "/api/v1/data/{path}",
  operationId: "putData",
  tag: "znodes",
  summary: "Makes a znode, or changes its data",
  description:
    "The body is the data. With If-Match it only changes (404 when there is nothing to change), with " +
    "If-None-Match: * it only makes (409 when there is one). The czxid of an ETag is compared by this " +
    "server, with what was committed when it looked; the version by the leader. So a znode that is deleted " +
    "and made again in the instant between the two, and is at the same version, is taken for the old one.",
  query: Query,
  headers: {
    "If-Match": '* or ETags; the version alone will do, as in "3"',
    "If-None-Match": "*: only make it",
    "X-Zk-Acl": "like ?acl=",
    "X-Zk-Null": "1: no data, which is not the same as empty data",
    "Prefer": "return=representation or return=minimal",
  },
  body: "raw",
  responses: {
    200: { description: "It was changed", body: WriteReply, headers: STAT_HEADERS },
    201: { description: "It was made", body: WriteReply, headers: STAT_HEADERS },
  },
  problems: [
    ...["no-node", "no-auth", "bad-version", "node-exists", "parent-missing"] as const,
    ...["no-children-for-ephemerals", "invalid-acl", "bad-arguments", "quota-exceeded"] as const,
    ...["session-required", "session-expired", "ephemeral-on-local-session", "too-large"] as const,
    ...["unimplemented", "contended"] as const,
  ],
  isWrite: true,
  handle: (call) => {
    const put = plannedPut(call);
    const ifMatch = call.request.headers.get("if-match");
    return ifMatch === null ? upsert(call, put) : setMatching(call, put, ifMatch);
  },
})];

interface PlannedPut {
  readonly data: Uint8Array<ArrayBuffer> | null;
  readonly create: CreateRequest;
  readonly createOnly: boolean;
}

/** Refuses what contradicts itself, before anything is asked of the server. */
function plannedPut(call: PutCall): PlannedPut {
  const { request, path, query } = call;
  const ifNoneMatch = request.headers.get("if-none-match");
  if (ifNoneMatch !== null && ifNoneMatch.trim() !== "*") {
    throw badRequest(`If-None-Match is ${ifNoneMatch}: with PUT it can only be *`);
  }
  if (ifNoneMatch !== null && request.headers.has("if-match")) {
    throw badRequest("If-Match and If-None-Match contradict each other: send one of them");
  }
  if (query.takeover && query.type !== "ephemeral") {
    throw badRequest("takeover is for ephemerals: send type=ephemeral too");
  }
  const data = dataOfBody(request, call.body);
  return {
    data,
    create: createRequest(call, { path, data, kind: query.type ?? "persistent" }),
    createOnly: ifNoneMatch !== null,
  };
}

/** The body, or null when `X-Zk-Null: 1` says so. */
export function dataOfBody(
  request: Request,
  body: Uint8Array<ArrayBuffer>,
): Uint8Array<ArrayBuffer> | null {
  if (request.headers.get("x-zk-null") !== "1") return body;
  if (body.length > 0) {
    throw badRequest(`X-Zk-Null is 1, but there are ${body.length} bytes of data`);
  }
  return null;
}

/** What a znode is made of: data, type and ACL, checked as far as no server is needed. */
export function createRequest(
  { request, caller, query }: {
    request: Request;
    caller: PutCall["caller"];
    query: { ttlMs?: number | undefined; acl?: string | undefined };
  },
  { path, data, kind }: { path: string; data: Uint8Array<ArrayBuffer> | null; kind: CreateKind },
): CreateRequest {
  const { ttlMs } = query;
  const isTtl = kind === "ttl" || kind === "ttl_sequential";
  if (isTtl !== (ttlMs !== undefined)) throw badRequest("type=ttl and ttlMs need each other");
  if (kind.startsWith("ephemeral") && caller.session === null) {
    throw new Problem("session-required", {
      path,
      outcome: "not-applied",
      detail: `The ephemeral ${path} needs a session: send X-Zk-Session with the token of one`,
    });
  }
  const aclText = query.acl ?? request.headers.get("x-zk-acl");
  const acl = aclText === null ? null : parseAclText(aclText);
  return ttlMs === undefined ? { path, data, acl, kind } : { path, data, acl, kind, ttlMs };
}

// ---------------------------------------------------------------- with If-Match

async function setMatching(call: PutCall, { data }: PlannedPut, header: string): Promise<Response> {
  const { request, gateway, caller, path } = call;
  const condition = parseIfMatch(header);
  let isSynced = false;
  for (let attempt = 0; attempt < ATTEMPT_COUNT_MAX; attempt++) {
    const version = await matchedVersion(call, { condition, header, isSynced });
    try {
      const { stat, zxid } = await gateway.setData(caller, { path, data, version });
      return writeReply(request, { path, stat, zxid, data, status: 200 });
    } catch (error) {
      if (!isProblem(error, "bad-version")) throw error;
      // another's write came first: the next look sees it, and whether another of the ETags fits
      await gateway.sync(caller);
      isSynced = true;
    }
  }
  throw contended(path);
}

/**
 * The version to ask the leader for: of a znode that fits the condition as far as this server knows, after it
 * asked for what it does not know yet.
 *
 * @throws {Problem} `no-node`, or `bad-version` with what the znode is like
 */
export async function matchedVersion(
  call: Pick<PutCall, "request" | "gateway" | "caller" | "path">,
  { condition, header, isSynced = false }: {
    condition: MatchCondition;
    /** What the client sent. */
    header: string;
    /** All that was committed is here already. */
    isSynced?: boolean;
  },
): Promise<number> {
  if (condition === "*") return -1;
  const { gateway, caller, path } = call;
  for (;; isSynced = true) {
    const id = findZnode(gateway.tree, path);
    if (id !== NO_NODE) {
      const { store } = gateway.tree;
      const version = store.version(id);
      if (matches(condition, { version, czxid: store.czxid(id) })) return version;
    }
    if (isSynced) {
      throw id === NO_NODE ? missingNode(path) : versionConflict(call, { sent: header });
    }
    await gateway.sync(caller);
  }
}

// ---------------------------------------------------------------- without

async function upsert(call: PutCall, put: PlannedPut): Promise<Response> {
  const { gateway, caller, path, query } = call;
  for (let attempt = 0; attempt < ATTEMPT_COUNT_MAX; attempt++) {
    // the leader says whether it exists: a look here only spares a create that fails
    let id = findZnode(gateway.tree, path);
    if (put.createOnly || id === NO_NODE) {
      const made = await make(call, put);
      if (typeof made !== "string") return made;
      if (made === "exists" && put.createOnly) throw existing(path, "it exists");
      // others made or deleted it, or its parents, which this server may not know yet
      if (findZnode(gateway.tree, path) === NO_NODE) await gateway.sync(caller);
      if (made === "again") continue;
      id = findZnode(gateway.tree, path);
    }
    if (id === NO_NODE) continue;
    try {
      if (query.type !== undefined) {
        const owner = otherOwner(call, id);
        if (owner !== null) return await takeOver(call, put, { id, owner });
      }
      const { data } = put;
      const { stat, zxid } = await gateway.setData(caller, { path, data, version: -1 });
      return writeReply(call.request, { path, stat, zxid, data, status: 200 });
    } catch (error) {
      if (!isProblem(error, "no-node", "bad-version")) throw error;
      // another deleted or replaced it, which this server may not know yet
      await gateway.sync(caller);
    }
  }
  throw contended(path);
}

/**
 * Makes the znode, with its parents if it is asked to, all or nothing.
 *
 * @returns "exists" when another did so before, "again" when it was a parent that another made or deleted
 */
async function make(
  call: PutCall,
  { create, data }: PlannedPut,
): Promise<Response | "exists" | "again"> {
  const { request, gateway, caller, path, query } = call;
  const parents = query.parents ? missingParents(call) : [];
  try {
    if (parents.length === 0) {
      const { stat, zxid } = await gateway.create(caller, create);
      return writeReply(request, { path, stat, zxid, data, status: 201 });
    }
    const { results, zxid } = await gateway.multi(caller, [...parents, {
      op: "create",
      ...create,
    }]);
    return writeReply(request, { path, stat: statOfLast(results), zxid, data, status: 201 });
  } catch (error) {
    if (isProblem(error, "node-exists")) {
      const index = error.details.members?.["index"];
      return typeof index === "number" && index < parents.length ? "again" : "exists";
    }
    if (!isProblem(error, "no-node", "parent-missing")) throw error;
    if (query.parents) {
      await gateway.sync(caller);
      return "again";
    }
    throw new Problem("parent-missing", {
      path,
      outcome: "not-applied",
      detail: `${parentPath(path)} does not exist: make it first, or send parents=1`,
    });
  }
}

function statOfLast(results: readonly MultiResult[]): ClientStat {
  const last = results.at(-1);
  assert(last?.op === "create", "the last operation was a create");
  return last.stat;
}

/** Creates for the parents that are not there, the topmost first. */
function missingParents({ gateway, path }: Pick<PutCall, "gateway" | "path">): MultiOp[] {
  const { tree } = gateway;
  const ops: MultiOp[] = [];
  let at = parentPath(path);
  let id = findZnode(tree, at);
  const missing: string[] = [];
  while (id === NO_NODE) {
    missing.push(at);
    at = parentPath(at);
    id = findZnode(tree, at);
  }
  const list = tree.aclOf(id);
  const acl: readonly AclEntry[] | null = list === OPEN_ACL || list.entries.length === 0
    ? null
    : list.entries;
  for (const parent of missing.reverse()) {
    ops.push({ op: "create", path: parent, data: NO_DATA, acl, kind: "persistent" });
  }
  return ops;
}

const NO_DATA = new Uint8Array(0);

/**
 * Checks that a znode is of the type that is asked for. Returns the other session that owns an ephemeral which
 * is to be taken over; null when the data may simply be set.
 *
 * @throws {Problem} `node-exists` when it is another type's or another session's; `no-auth` when the caller may
 * neither read nor change it, and so is not told
 */
function otherOwner({ gateway, caller, path, query }: PutCall, id: NodeId): bigint | null {
  const mayKnow = gateway.mayDo(caller, path, Permission.Read | Permission.Write) ||
    (query.takeover && gateway.mayDo(caller, parentPath(path), Permission.Delete));
  if (!mayKnow) throw new Problem("no-auth", { path, outcome: "not-applied" });
  const kind = gateway.tree.ownerKindOf(id);
  if (kind !== query.type) throw existing(path, `its type is ${kind}, you sent ${query.type}`);
  if (kind !== "ephemeral") return null;
  const owner = gateway.tree.store.owner(id);
  if (owner === BigInt.asIntN(64, caller.session!.id)) return null;
  if (!query.takeover) {
    throw existing(path, "another session owns it: wait for that to end, or send takeover=1");
  }
  return owner;
}

/** Replaces another session's ephemeral by one of the caller's own: there is no moment without one. */
async function takeOver(
  { request, gateway, caller, path }: PutCall,
  { create, data }: PlannedPut,
  { id, owner }: { id: NodeId; owner: bigint },
): Promise<Response> {
  const version = gateway.tree.store.version(id);
  const mayRead = gateway.mayDo(caller, path, Permission.Read);
  const { results, zxid } = await gateway.multi(caller, [
    { op: "delete", path, version },
    { op: "create", ...create },
  ]);
  const stat = statOfLast(results);
  return writeReply(request, {
    path,
    stat,
    zxid,
    data,
    status: 201,
    tookOver: mayRead ? owner : undefined,
  });
}

// ---------------------------------------------------------------- refusals

function badRequest(detail: string): Problem {
  return new Problem("bad-request", { outcome: "not-applied", detail });
}

function existing(path: string, why: string): Problem {
  return new Problem("node-exists", {
    path,
    outcome: "not-applied",
    detail: `${path} cannot be made: ${why}`,
  });
}

function contended(path: string): Problem {
  return new Problem("contended", {
    path,
    outcome: "not-applied",
    retryAfter: RETRY_AFTER_S,
    detail: `Others changed ${path} ${ATTEMPT_COUNT_MAX} times while this request tried to`,
  });
}
