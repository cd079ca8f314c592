/**
 * `GET /children/{path}`: the children of a znode, page by page in the order of their names.
 *
 * @module
 */
import * as z from "zod";
import { assert } from "../../../core/assert.ts";
import { Permission } from "../../../core/tree/acl_list.ts";
import { NO_NODE, type NodeId } from "../../../core/tree/node_store.ts";
import { encodeUtf8 } from "../../../core/wire/jute.ts";
import { zxidText } from "../../../core/zxid.ts";
import { statJson } from "../../stat_json.ts";
import { AclMemo } from "../acl_memo.ts";
import { isSequential, type Page, PageWalk } from "../children_page.ts";
import { jsonResponse } from "../compression.ts";
import { DataJson, dataJson, EncodingName } from "../data_json.ts";
import { SINCE_HEADER, WAIT_QUERY, whenChanged } from "./long_poll_read.ts";
import { count, Flag } from "../query_values.ts";
import { type AnyRoute, type Call, route } from "../route.ts";
import { etagOf } from "../etag.ts";
import { NodeType, Stat } from "../schemas.ts";
import { missingNode } from "../znode_reply.ts";
import { clientStatOf, dataOf, findZnode, nameOf } from "../znode_stat.ts";

const LIMIT_DEFAULT = 500;
const LIMIT_MAX = 10_000;
/** Data of one page: a page ends with the child that reaches it. */
const PAGE_DATA_BYTES_MAX = 4 << 20;

/** Children looked at before others get their turn. */
const STEP_CHILD_COUNT = 10_000;
/** Walks that begin again because a child came or went. */
const WALK_COUNT_MAX = 4;

const Query = z.strictObject({
  stat: Flag.meta({ description: "with stat, type and ETag of each" }),
  data: Flag.meta({ description: "with the data of each" }),
  encoding: EncodingName.default("auto").meta({ description: "of the data" }),
  limit: count({ min: 1, max: LIMIT_MAX }).default(LIMIT_DEFAULT)
    .meta({ description: "children of one page" }),
  after: z.string().optional().meta({ description: "next of the page before" }),
  prefix: z.string().optional().meta({ description: "only names that begin so" }),
  type: z.enum([...NodeType.options, "sequential"]).optional().meta({
    description:
      "only those of the type, as far as the caller may read them; sequential: those whose " +
      "names end in ten digits",
  }),
  ...WAIT_QUERY,
});

type ChildrenCall = Call<z.output<typeof Query>>;

const Child = z.object({
  name: z.string(),
  denied: z.literal(true).optional().meta({ description: "the caller may not READ it" }),
  type: NodeType.optional(),
  etag: z.string().optional(),
  stat: Stat.optional(),
  data: DataJson.nullable().optional(),
});

const ChildrenReply = z.object({
  path: z.string(),
  stat: Stat,
  children: z.array(Child).meta({ description: "by the bytes of their names" }),
  next: z.string().nullable().meta({
    description: "to be sent as after for the next page; null: this was the last",
  }),
}).meta({ id: "Children" });

export const childrenRoutes: readonly AnyRoute[] = [route({
  method: "GET",
  path: "/api/v1/children/{path}",
  operationId: "getChildren",
  tag: "znodes",
  summary: "The children of a znode, page by page",
  description: "With since and wait it answers when a child was made or deleted (long poll).",
  query: Query,
  body: null,
  responses: {
    200: {
      description: "A page",
      body: ChildrenReply,
      headers: { ...SINCE_HEADER, Link: "the URL of the next page, with rel=next" },
    },
    204: { description: "Nothing changed in time", headers: SINCE_HEADER },
  },
  problems: ["no-node", "no-auth"],
  isWrite: false,
  handle: (call) =>
    call.query.since === undefined && call.query.wait === undefined
      ? getChildren(call)
      : whenChanged(call, "children", getChildren),
})];

/** Long lists are walked over bit by bit: a million children take a tenth of a second. */
function getChildren(call: ChildrenCall): Response | Promise<Response> {
  const { gateway, caller, path } = call;
  gateway.exists(caller, path); // READ is needed, as to list
  const { store } = gateway.tree;
  const parent = findZnode(gateway.tree, path);
  if (parent === NO_NODE) throw missingNode(path);
  if (store.childCount(parent) > STEP_CHILD_COUNT) return longList(call);
  const page = walkOf(call, parent).step(Infinity);
  assert(page !== null, "all children were looked at");
  return replyOf(call, page);
}

async function longList(call: ChildrenCall): Promise<Response> {
  const { gateway, caller, path } = call;
  for (let attempt = 1;; attempt++) {
    const { czxid, pzxid } = gateway.exists(caller, path);
    const { tree } = gateway;
    const { store } = tree;
    const parent = findZnode(tree, path);
    if (parent === NO_NODE) throw missingNode(path);
    const walk = walkOf(call, parent);
    // where children come and go all the time, it is done in one go at last
    const stepCount = attempt === WALK_COUNT_MAX ? Infinity : STEP_CHILD_COUNT;
    let page = walk.step(stepCount);
    while (page === null) {
      await new Promise((resolve) => setTimeout(resolve, 0));
      const isSame = tree.store === store && findZnode(tree, path) === parent &&
        store.czxid(parent) === czxid && store.pzxid(parent) === pzxid;
      if (!isSame) break;
      page = walk.step(stepCount);
    }
    if (page !== null) return replyOf(call, page);
  }
}

function walkOf(call: ChildrenCall, parent: NodeId): PageWalk {
  const { tree } = call.gateway;
  const { after, prefix, limit, type } = call.query;
  const readable = new AclMemo(call, Permission.Read);
  return new PageWalk(tree.store, {
    parent,
    after: after === undefined ? null : encodeUtf8(after),
    prefix: prefix === undefined ? null : encodeUtf8(prefix),
    limit,
    isWanted: (id) =>
      type === undefined ||
      (type === "sequential"
        ? isSequential(tree.store, id)
        : tree.ownerKindOf(id) === type && readable.allows(id)),
  });
}

function replyOf(call: ChildrenCall, { ids, hasMore }: Page): Response {
  const { request, gateway, caller, path, query } = call;
  const { tree } = gateway;
  const { store } = tree;
  const stat = gateway.exists(caller, path);
  const readable = new AclMemo(call, Permission.Read);
  const children: z.input<typeof Child>[] = [];
  let dataBytes = 0;
  for (const id of ids) {
    children.push(childOf(id));
    if (query.data) dataBytes += Math.max(0, store.dataLength(id));
    if (dataBytes >= PAGE_DATA_BYTES_MAX) break;
  }
  const isLast = !hasMore && children.length === ids.length;
  const next = isLast ? null : children.at(-1)!.name;
  const headers: Record<string, string> = { "x-zk-since": zxidText(stat.pzxid) };
  if (next !== null) {
    const url = new URL(request.url);
    url.searchParams.set("after", next);
    url.searchParams.delete("since");
    url.searchParams.delete("wait");
    headers["link"] = `<${url.pathname}${url.search}>; rel="next"`;
  }
  return jsonResponse(request, { path, stat: statJson(stat), children, next }, { headers });

  function childOf(id: NodeId): z.input<typeof Child> {
    const name = nameOf(tree, id);
    if (!query.stat && !query.data) return { name };
    if (!readable.allows(id)) return { name, denied: true };
    const child: z.input<typeof Child> = { name };
    if (query.stat) {
      const stat = clientStatOf(tree, id);
      child.type = tree.ownerKindOf(id);
      child.etag = etagOf(stat);
      child.stat = statJson(stat);
    }
    if (query.data) child.data = dataJson(dataOf(tree, id), query.encoding);
    return child;
  }
}
