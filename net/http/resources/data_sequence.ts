/**
 * `POST /data/{path}?sequence=1`: makes a znode whose name ends in the next number of its parent.
 *
 * A client that got no answer cannot know whether its znode was made. With an `Idempotency-Key` it may ask
 * again: the key becomes a GUID in the name, where Curator's "protection" has its own, and a znode that has
 * it is answered instead of making another. Two such requests through different servers at once may both
 * make one; each then looks again, and the later of the two goes.
 *
 * @module
 */
import * as z from "zod";
import type { DataTree } from "../../../core/tree/data_tree.ts";
import { NO_NODE, type NodeId } from "../../../core/tree/node_store.ts";
import { childPath, parentPath } from "../../../core/tree/path_text.ts";
import { encodeUtf8 } from "../../../core/wire/jute.ts";
import { sessionIdToHex } from "../../../core/zxid.ts";
import { nodeHashing } from "../../hashing.ts";
import type { CreateKind } from "../gateway.ts";
import { isProblem, Problem } from "../problem.ts";
import { Flag } from "../query_values.ts";
import { type AnyRoute, type Call, route } from "../route.ts";
import { dataUrl, STAT_HEADERS, WriteReply, writeReply } from "../znode_reply.ts";
import { clientStatOf, dataOf, findZnode, nameOf } from "../znode_stat.ts";
import { IDEMPOTENCY_KEY, idempotencyKeyOf } from "./idempotency_key.ts";
import { CREATE_QUERY, createRequest, dataOfBody } from "./data_put.ts";

const Query = z.strictObject({
  sequence: Flag.meta({ description: "must be 1" }),
  type: z.enum(["persistent", "ephemeral", "ttl"]).default("persistent"),
  ...CREATE_QUERY,
});

type SequenceCall = Call<z.output<typeof Query>, Uint8Array<ArrayBuffer>>;

const KINDS = {
  persistent: "persistent_sequential",
  ephemeral: "ephemeral_sequential",
  ttl: "ttl_sequential",
} as const satisfies Record<string, CreateKind>;

const HEADERS = { ...STAT_HEADERS, "Location": "the URL of the znode that was made" };

export const dataSequenceRoutes: readonly AnyRoute[] = [route({
  method: "POST",
  path: "/api/v1/data/{path}",
  operationId: "createSequential",
  tag: "znodes",
  summary: "Makes a znode with the next number of its parent at the end of its name",
  query: Query,
  headers: {
    [IDEMPOTENCY_KEY]:
      "any text, the same when the request is sent again: it finds the znode it made. " +
      "The name then begins with _c_<GUID>-",
    "X-Zk-Acl": "like ?acl=",
    "X-Zk-Null": "1: no data, which is not the same as empty data",
    "Prefer": "return=representation or return=minimal",
  },
  body: "raw",
  responses: {
    200: { description: "An earlier request made it", body: WriteReply, headers: HEADERS },
    201: { description: "It was made", body: WriteReply, headers: HEADERS },
  },
  problems: [
    ...["no-auth", "parent-missing", "no-children-for-ephemerals", "invalid-acl"] as const,
    ...["bad-arguments", "quota-exceeded", "session-required", "session-expired"] as const,
    ...["ephemeral-on-local-session", "too-large", "unimplemented"] as const,
  ],
  isWrite: true,
  handle: createSequential,
})];

async function createSequential(call: SequenceCall): Promise<Response> {
  const { request, gateway, caller, path, query } = call;
  if (!query.sequence) {
    throw new Problem("bad-request", {
      path,
      outcome: "not-applied",
      detail: "POST makes sequential znodes: send sequence=1, or PUT with If-None-Match: *",
    });
  }
  const data = dataOfBody(request, call.body);
  const key = idempotencyKeyOf(request);
  const prefix = key === null ? null : protection(call, key);
  const parent = parentPath(path);
  const create = createRequest(call, {
    path: prefix === null
      ? path
      : childPath(parent, prefix + path.slice(path.lastIndexOf("/") + 1)),
    data,
    kind: KINDS[query.type],
  });
  if (prefix !== null) {
    await gateway.sync(caller);
    const earlier = firstWithPrefix(gateway.tree, parent, prefix);
    if (earlier !== NO_NODE) return found(call, earlier);
  }
  try {
    const made = await gateway.create(caller, create);
    if (prefix !== null) {
      const first = firstWithPrefix(gateway.tree, parent, prefix);
      if (first !== NO_NODE && gateway.tree.store.czxid(first) < made.stat.czxid) {
        await withdraw(call, made.path);
        return found(call, first);
      }
    }
    const headers = { location: dataUrl(made.path) };
    return writeReply(request, { ...made, data, status: 201, headers });
  } catch (error) {
    if (!isProblem(error, "no-node", "parent-missing")) throw error;
    throw new Problem("parent-missing", {
      path,
      outcome: "not-applied",
      detail: `${parent} does not exist: make it first`,
    });
  }
}

/** `_c_<GUID>-`, with the same GUID for the same key of the same client. */
function protection({ caller, path }: SequenceCall, key: string): string {
  const session = caller.session === null ? "" : sessionIdToHex(caller.session.id);
  // the address may be another one when the request is sent again
  const ids = caller.ids.filter(({ scheme }) => scheme !== "ip")
    .map(({ scheme, id }) => [scheme, id]);
  const client = JSON.stringify([session, ids, path, key]);
  const digest = nodeHashing.digest("sha256", encodeUtf8(client));
  const hex = digest.slice(0, 16).toHex();
  // a UUID of version 8: made by a rule of our own
  const uuid = [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `8${hex.slice(13, 16)}`,
    `a${hex.slice(17, 20)}`,
    hex.slice(20),
  ];
  return `_c_${uuid.join("-")}-`;
}

/** The child made first among those whose names begin so. */
function firstWithPrefix(tree: DataTree, parentOfAll: string, prefix: string): NodeId {
  const { store } = tree;
  const parent = findZnode(tree, parentOfAll);
  if (parent === NO_NODE) return NO_NODE;
  const bytes = encodeUtf8(prefix);
  let first = NO_NODE;
  for (let id = store.firstChild(parent); id !== NO_NODE; id = store.nextSibling(id)) {
    const name = store.name(id);
    if (name.length <= bytes.length || !bytes.every((byte, i) => byte === name[i])) continue;
    if (first === NO_NODE || store.czxid(id) < store.czxid(first)) first = id;
  }
  return first;
}

/** Takes back what turned out to be the second; that it is gone already is as good. */
async function withdraw({ gateway, caller }: SequenceCall, path: string): Promise<void> {
  try {
    await gateway.delete(caller, { path, version: -1 });
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    if (error.problem === "no-node") return;
    throw new Problem(error.problem, {
      ...error.details,
      path,
      outcome: "applied",
      detail:
        `${path} was made, though another request with the same Idempotency-Key came first, and ` +
        `could not be taken back: ${error.message}`,
    });
  }
}

function found({ request, gateway, path }: SequenceCall, id: NodeId): Response {
  const { tree } = gateway;
  const real = childPath(parentPath(path), nameOf(tree, id));
  const stat = clientStatOf(tree, id);
  return writeReply(request, {
    path: real,
    stat,
    zxid: stat.czxid,
    data: dataOf(tree, id),
    status: 200,
    headers: { location: dataUrl(real) },
  });
}
