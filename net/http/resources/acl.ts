/**
 * `GET` and `PUT /acl/{path}`: who may do what, as JSON or as the text that ZooKeeper's shell takes.
 *
 * @module
 */
import * as z from "zod";
import type { AclEntry } from "../../../core/tree/acl_list.ts";
import { NO_NODE } from "../../../core/tree/node_store.ts";
import { zxidText } from "../../../core/zxid.ts";
import type { ClientStat } from "../../client/client_types.ts";
import { statJson } from "../../stat_json.ts";
import { AclJson, aclJson, aclOfJson, aclText, parseAclText } from "../acl_text.ts";
import { jsonResponse } from "../compression.ts";
import { aclEtagOf, matches, namesEtag, parseIfMatch } from "../etag.ts";
import { returnPreference } from "../preferences.ts";
import { isProblem, Problem, RETRY_AFTER_S } from "../problem.ts";
import { type AnyRoute, type Call, route } from "../route.ts";
import { HexText, Stat } from "../schemas.ts";
import { missingNode, statText } from "../znode_reply.ts";
import { clientStatOf, findZnode } from "../znode_stat.ts";
import { Reply } from "../listener/reply.ts";

const ATTEMPT_COUNT_MAX = 10;

const Query = z.strictObject({
  format: z.enum(["json", "text"]).default("json")
    .meta({ description: "text: world:anyone:r,digest:app:hash:cdrwa" }),
});

const AclReply = z.object({
  path: z.string(),
  etag: z.string(),
  zxid: HexText.meta({ description: "of the txn that did it" }),
  stat: Stat,
});

const HEADERS = {
  "ETag": "version of the ACL (aversion) and czxid: for If-Match here, not for that of data",
  "X-Zk-Stat": "the znode's stat as JSON",
};

export const aclRoutes: readonly AnyRoute[] = [
  route({
    method: "GET",
    path: "/api/v1/acl/{path}",
    operationId: "getAcl",
    tag: "znodes",
    summary: "The ACL of a znode",
    description: "Without ADMIN, hashes of the digest scheme are shown as x.",
    query: Query,
    headers: { "If-None-Match": "ETags that the client has: 304 when the ACL is at one of them" },
    body: null,
    responses: {
      200: {
        description: "The ACL",
        body: AclJson,
        otherContentTypes: ["text/plain"],
        headers: HEADERS,
      },
      304: { description: "The client has it already", headers: HEADERS },
    },
    problems: ["no-node", "no-auth"],
    isWrite: false,
    handle: getAcl,
  }),
  route({
    method: "PUT",
    path: "/api/v1/acl/{path}",
    operationId: "putAcl",
    tag: "znodes",
    summary: "Replaces the ACL of a znode",
    description: "The body is JSON as GET answers it, or the text form.",
    query: z.strictObject({}),
    headers: {
      "If-Match": '* or ETags of the ACL; the version alone will do, as in "3"',
      "Prefer": "return=minimal",
    },
    body: "raw",
    responses: { 200: { description: "It was replaced", body: AclReply, headers: HEADERS } },
    problems: ["no-node", "no-auth", "invalid-acl", "bad-version", "bad-json", "contended"],
    isWrite: true,
    handle: putAcl,
  }),
];

function getAcl({ request, gateway, caller, path, query }: Call<z.output<typeof Query>>): Response {
  const { acl, stat } = gateway.getAcl(caller, path);
  const headers = headersOf(stat);
  const known = request.headers.get("if-none-match");
  if (known !== null && namesEtag(known, headers["etag"]!)) {
    return new Reply(null, { status: 304, headers });
  }
  if (query.format === "json") return jsonResponse(request, aclJson(acl), { headers });
  headers["content-type"] = "text/plain; charset=utf-8";
  return new Reply(aclText(acl) + "\n", { headers });
}

function headersOf(stat: ClientStat): Record<string, string> {
  return { "etag": aclEtagOf(stat), "x-zk-stat": statText(stat) };
}

async function putAcl(
  call: Call<Record<string, never>, Uint8Array<ArrayBuffer>>,
): Promise<Response> {
  const { request, gateway, caller, path, body } = call;
  const acl = aclOfBody(body);
  const header = request.headers.get("if-match");
  for (let attempt = 0; attempt < ATTEMPT_COUNT_MAX; attempt++) {
    const version = header === null ? -1 : await matchedAversion(call, header, attempt > 0);
    try {
      const { stat, zxid } = await gateway.setAcl(caller, { path, acl, version });
      const headers = headersOf(stat);
      if (returnPreference(request) === "minimal") {
        headers["preference-applied"] = "return=minimal";
        return new Reply(null, { headers });
      }
      const reply = { path, etag: aclEtagOf(stat), zxid: zxidText(zxid), stat: statJson(stat) };
      return jsonResponse(request, reply, { headers });
    } catch (error) {
      if (!isProblem(error, "bad-version")) throw error;
      await gateway.sync(caller);
    }
  }
  throw new Problem("contended", {
    path,
    outcome: "not-applied",
    retryAfter: RETRY_AFTER_S,
    detail:
      `Others changed the ACL of ${path} ${ATTEMPT_COUNT_MAX} times while this request tried to`,
  });
}

/** JSON or the text form: no scheme begins with a bracket. Types are not asked, since clients guess them. */
function aclOfBody(body: Uint8Array<ArrayBuffer>): AclEntry[] {
  const text = new TextDecoder().decode(body).trim();
  if (!/^[[{]/.test(text)) return parseAclText(text);
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new Problem("bad-json", {
      outcome: "not-applied",
      detail: `Cannot read the ACL as JSON: ${error instanceof Error ? error.message : error}`,
    });
  }
  const { data, error } = AclJson.safeParse(json);
  if (data !== undefined) return aclOfJson(data);
  throw new Problem("invalid-acl", {
    outcome: "not-applied",
    detail: `The ACL is not valid: ${z.prettifyError(error!).replaceAll("\n", " ")}`,
  });
}

/** The version to ask the leader for, as for data; what is wrong is told with the ACL's ETag. */
async function matchedAversion(
  { gateway, caller, path }: Call<Record<string, never>, Uint8Array<ArrayBuffer>>,
  header: string,
  isSynced: boolean,
): Promise<number> {
  const condition = parseIfMatch(header);
  if (condition === "*") return -1;
  for (;; isSynced = true) {
    const id = findZnode(gateway.tree, path);
    if (id !== NO_NODE) {
      const stat = clientStatOf(gateway.tree, id);
      if (matches(condition, { version: stat.aversion, czxid: stat.czxid })) return stat.aversion;
    }
    if (!isSynced) {
      await gateway.sync(caller);
      continue;
    }
    if (id === NO_NODE) throw missingNode(path);
    const { stat } = gateway.getAcl(caller, path);
    throw new Problem("bad-version", {
      path,
      outcome: "not-applied",
      detail: `The ACL of ${path} is at ${aclEtagOf(stat)}, you sent ${header}`,
      headers: { ETag: aclEtagOf(stat) },
      members: { current: { etag: aclEtagOf(stat), stat: statJson(stat) } },
    });
  }
}
