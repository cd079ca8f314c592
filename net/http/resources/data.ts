/**
 * `GET` and `HEAD /data/{path}`: a znode's bytes as they are, its stat in headers.
 *
 * Reading is what is done most, and so it is answered at once, without a promise.
 *
 * @module
 */
import * as z from "zod";
import { zxidText } from "../../../core/zxid.ts";
import type { ClientStat } from "../../client/client_types.ts";
import { packedResponse } from "../compression.ts";
import { plainText } from "../data_json.ts";
import { etagOf, namesEtag } from "../etag.ts";
import { Flag } from "../query_values.ts";
import { type AnyRoute, type Call, route } from "../route.ts";
import { SINCE_HEADER, WAIT_QUERY, whenChanged } from "./long_poll_read.ts";
import { STAT_HEADERS, statText } from "../znode_reply.ts";
import { httpDate } from "../http_date.ts";
import { Reply } from "../listener/reply.ts";
import { findZnode } from "../znode_stat.ts";

const Query = z.strictObject({
  sniff: Flag.meta({
    description: "a Content-Type by what the data looks like: text, JSON, or bytes",
  }),
  ...WAIT_QUERY,
});

const HEADERS = {
  ...STAT_HEADERS,
  ...SINCE_HEADER,
  "Last-Modified": "mtime",
  "X-Zk-Null": "1 when the znode has no data, which is not the same as empty data",
};

export const dataRoutes: readonly AnyRoute[] = [
  route({
    method: "GET",
    path: "/api/v1/data/{path}",
    operationId: "getData",
    tag: "znodes",
    summary: "The data of a znode, as it is",
    query: Query,
    headers: { "If-None-Match": "ETags that the client has: 304 when the znode is at one of them" },
    body: null,
    responses: {
      200: {
        description: "The bytes",
        body: { contentType: "application/octet-stream" },
        headers: HEADERS,
      },
      204: { description: "Nothing changed in time", headers: SINCE_HEADER },
      304: { description: "The client has it already", headers: HEADERS },
    },
    problems: ["no-node", "no-auth"],
    isWrite: false,
    handle: getData,
  }),
  route({
    method: "HEAD",
    path: "/api/v1/data/{path}",
    operationId: "exists",
    tag: "znodes",
    summary: "Whether a znode exists, and its stat",
    query: z.strictObject({}),
    body: null,
    responses: { 200: { description: "It exists", headers: HEADERS } },
    problems: ["no-node", "no-auth"],
    isWrite: false,
    handle: headData,
  }),
];

function getData(
  call: Call<z.output<typeof Query>>,
): Response | Promise<Response> {
  return call.query.since === undefined && call.query.wait === undefined
    ? dataNow(call)
    : whenChanged(call, "data", dataNow);
}

function dataNow(
  { request, gateway, caller, path, query }: Call<z.output<typeof Query>>,
): Response {
  const { data, stat } = gateway.getData(caller, path);
  const etag = etagOf(stat);
  const headers = readHeaders(stat, etag);
  const known = request.headers.get("if-none-match");
  if (known !== null && namesEtag(known, etag)) return new Reply(null, { status: 304, headers });
  if (data === null) headers["x-zk-null"] = "1";
  else if (query.sniff) headers["content-type"] = sniffedType(data);
  return packedResponse(request, { body: data, bytes: data?.length ?? 0, headers });
}

function headData({ gateway, caller, path }: Call): Response {
  const stat = gateway.exists(caller, path);
  const headers = readHeaders(stat, etagOf(stat));
  const { tree } = gateway;
  if (stat.dataLength === 0 && tree.store.dataLength(findZnode(tree, path)) < 0) {
    headers["x-zk-null"] = "1";
  }
  headers["content-length"] = String(stat.dataLength);
  return new Reply(null, { headers });
}

function readHeaders(stat: ClientStat, etag: string): Record<string, string> {
  return {
    "content-type": "application/octet-stream",
    "etag": etag,
    "x-zk-since": zxidText(stat.mzxid),
    "last-modified": httpDate(stat.mtime),
    "x-zk-stat": statText(stat),
    // what others stored is shown as what it is said to be, never as a page of ours
    "x-content-type-options": "nosniff",
  };
}

/** Never anything that a browser would run. */
function sniffedType(data: Uint8Array): string {
  const text = plainText(data);
  if (text === null) return "application/octet-stream";
  if (!/^\s*[[{]/.test(text)) return "text/plain; charset=utf-8";
  try {
    JSON.parse(text);
    return "application/json";
  } catch {
    return "text/plain; charset=utf-8";
  }
}
