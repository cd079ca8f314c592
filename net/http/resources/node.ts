/**
 * `GET /node/{path}`: all there is to know of a znode, as JSON.
 *
 * @module
 */
import * as z from "zod";
import { Permission } from "../../../core/tree/acl_list.ts";
import { NO_NODE } from "../../../core/tree/node_store.ts";
import { sessionIdToHex } from "../../../core/zxid.ts";
import { statJson } from "../../stat_json.ts";
import { AclJson, aclJson } from "../acl_text.ts";
import { jsonResponse } from "../compression.ts";
import { DataJson, dataJson, EncodingName } from "../data_json.ts";
import { etagOf, namesEtag } from "../etag.ts";
import { missingNode, STAT_HEADERS, statText } from "../znode_reply.ts";
import { type AnyRoute, type Call, route } from "../route.ts";
import { HexText, NodeType, Stat } from "../schemas.ts";
import { findZnode, ttlMsOf } from "../znode_stat.ts";
import { Reply } from "../listener/reply.ts";

const Query = z.strictObject({
  encoding: EncodingName.default("auto").meta({ description: "of the data" }),
});

const Owner = z.object({
  session: HexText.meta({ description: "the session that the znode ends with" }),
  own: z.boolean().meta({ description: "it is the session of this request" }),
  address: z.string().optional().meta({
    description: "of its client, when that is connected to this server and the caller has ADMIN",
  }),
});

const Ttl = z.object({
  ttlMs: z.int(),
  remainingMs: z.int().nullable().meta({
    description: "until the server may delete it; null while it has children",
  }),
});

const NodeReply = z.object({
  path: z.string(),
  type: NodeType,
  etag: z.string(),
  data: DataJson.nullable(),
  stat: Stat,
  acl: AclJson.nullable().meta({ description: "without ADMIN, hashes of the digest scheme are x" }),
  childCount: z.int(),
  owner: Owner.nullable().meta({ description: "of ephemerals" }),
  ttl: Ttl.nullable().meta({ description: "of TTL nodes" }),
}).meta({ id: "Node" });

/** @param addressOf where a session's client is connected from, if it is connected to this server */
export function nodeRoutes(
  { addressOf }: { addressOf: (sessionId: bigint) => string | null },
): readonly AnyRoute[] {
  return [route({
    method: "GET",
    path: "/api/v1/node/{path}",
    operationId: "getNode",
    tag: "znodes",
    summary: "Everything about a znode, as JSON",
    query: Query,
    headers: { "If-None-Match": "ETags that the client has: 304 when the data is at one of them" },
    body: null,
    responses: {
      200: { description: "The znode", body: NodeReply, headers: STAT_HEADERS },
      304: { description: "The data is what the client has already", headers: STAT_HEADERS },
    },
    problems: ["no-node", "no-auth"],
    isWrite: false,
    handle: (call) => getNode(call, addressOf),
  })];
}

function getNode(
  { request, gateway, caller, path, query }: Call<z.output<typeof Query>>,
  addressOf: (sessionId: bigint) => string | null,
): Response {
  const { data, stat } = gateway.getData(caller, path);
  const { tree } = gateway;
  const id = findZnode(tree, path);
  if (id === NO_NODE) throw missingNode(path);
  const type = tree.ownerKindOf(id);
  const etag = etagOf(stat);
  const headers = { "etag": etag, "x-zk-stat": statText(stat) };
  const known = request.headers.get("if-none-match");
  if (known !== null && namesEtag(known, etag)) return new Reply(null, { status: 304, headers });
  const body: z.input<typeof NodeReply> = {
    path,
    type,
    etag,
    data: dataJson(data, query.encoding),
    stat: statJson(stat),
    acl: aclJson(gateway.getAcl(caller, path).acl),
    childCount: stat.numChildren,
    owner: null,
    ttl: null,
  };
  if (type === "ephemeral") {
    const owner = stat.ephemeralOwner;
    const isAdmin = gateway.mayDo(caller, path, Permission.Admin);
    const address = isAdmin ? addressOf(owner) : null;
    body.owner = {
      session: sessionIdToHex(owner),
      own: caller.session !== null && BigInt.asIntN(64, caller.session.id) === owner,
      ...address === null ? {} : { address },
    };
  } else if (type === "ttl") {
    const ttlMs = ttlMsOf(tree, id);
    const remainingMs = stat.numChildren > 0 ? null : Math.max(0, stat.mtime + ttlMs - Date.now());
    body.ttl = { ttlMs, remainingMs };
  }
  return jsonResponse(request, body, { headers });
}
