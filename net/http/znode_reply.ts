/**
 * How znodes look in headers and in the answers of writes: the same everywhere.
 *
 * @module
 */
import * as z from "zod";
import { parentPath } from "../../core/tree/path_text.ts";
import { sessionIdToHex, type Zxid, zxidText } from "../../core/zxid.ts";
import type { ClientStat } from "../client/client_types.ts";
import { statJson } from "../stat_json.ts";
import type { Caller, Gateway } from "./gateway.ts";
import { Permission } from "../../core/tree/acl_list.ts";
import { NO_NODE } from "../../core/tree/node_store.ts";
import { DataJson, dataJson } from "./data_json.ts";
import { returnPreference } from "./preferences.ts";
import { Problem, type ProblemDetails } from "./problem.ts";
import { etagOf } from "./etag.ts";
import { HexText, Stat } from "./schemas.ts";
import { urlPathOf } from "./znode_path.ts";
import { clientStatOf, dataOf, findZnode } from "./znode_stat.ts";
import { Reply } from "./listener/reply.ts";

export const STAT_HEADERS = {
  "ETag": 'version and czxid, as in "3.1000002a": for If-Match',
  "X-Zk-Stat": "the znode's stat as JSON",
} as const;

export const WriteReply = z.object({
  path: z.string(),
  etag: z.string(),
  zxid: HexText.meta({ description: "of the txn that did it" }),
  stat: Stat,
  data: DataJson.nullable().optional().meta({ description: "with Prefer: return=representation" }),
  tookOver: HexText.optional().meta({ description: "the session that owned the znode before" }),
}).meta({ id: "Written", description: "What a write made of a znode" });

/** The stat as compact JSON, put together by hand: it is in every answer. */
export function statText(stat: ClientStat): string {
  return `{"czxid":"${zxidText(stat.czxid)}","mzxid":"${
    zxidText(stat.mzxid)
  }","ctime":${stat.ctime},` +
    `"mtime":${stat.mtime},"version":${stat.version},"cversion":${stat.cversion},` +
    `"aversion":${stat.aversion},"ephemeralOwner":"${sessionIdToHex(stat.ephemeralOwner)}",` +
    `"dataLength":${stat.dataLength},"numChildren":${stat.numChildren},"pzxid":"${
      zxidText(stat.pzxid)
    }"}`;
}

/** The URL of a znode's data. */
export function dataUrl(path: string): string {
  return `/api/v1/data${urlPathOf(path)}`;
}

/** Answers a write of data as much as the client prefers. */
export function writeReply(
  request: Request,
  { path, stat, zxid, data, status, headers = {}, tookOver }: {
    path: string;
    stat: ClientStat;
    zxid: Zxid;
    /** What was written. */
    data: Uint8Array<ArrayBuffer> | null;
    status: 200 | 201;
    headers?: Record<string, string>;
    tookOver?: bigint | undefined;
  },
): Response {
  const etag = etagOf(stat);
  const statJsonText = statText(stat);
  headers["etag"] = etag;
  headers["x-zk-stat"] = statJsonText;
  headers["x-zk-zxid"] = zxidText(zxid);
  const preference = returnPreference(request);
  if (preference !== null) headers["preference-applied"] = `return=${preference}`;
  if (preference === "minimal") return new Reply(null, { status, headers });
  headers["content-type"] = "application/json";
  let body = `{"path":${JSON.stringify(path)},"etag":${JSON.stringify(etag)},"zxid":"${
    zxidText(zxid)
  }","stat":${statJsonText}`;
  if (preference === "representation") body += `,"data":${JSON.stringify(dataJson(data, "auto"))}`;
  if (tookOver !== undefined) body += `,"tookOver":"${sessionIdToHex(tookOver)}"`;
  return new Reply(body + "}\n", { status, headers });
}

/**
 * What to throw when a condition on the version does not hold: it says what the znode is like now, if the
 * caller may read it, with its value for those who prefer `return=representation`.
 */
export function versionConflict(
  { request, gateway, caller, path }: {
    request: Request;
    gateway: Gateway;
    caller: Caller;
    path: string;
  },
  { sent, details = {} }: { sent: string; details?: ProblemDetails },
): Problem {
  const id = findZnode(gateway.tree, path);
  if (id === NO_NODE) return missingNode(path);
  if (!gateway.mayDo(caller, path, Permission.Read)) {
    const op = request.method === "DELETE" ? "delete" : "set";
    if (!mayCompare({ gateway, caller }, { op, path })) {
      return new Problem("no-auth", { path, outcome: "not-applied" });
    }
    return new Problem("bad-version", {
      outcome: "not-applied",
      ...details,
      path,
      detail: `${path} is not at ${sent}`,
    });
  }
  const stat = clientStatOf(gateway.tree, id);
  const etag = etagOf(stat);
  const isWanted = returnPreference(request) === "representation";
  const current = {
    etag,
    stat: statJson(stat),
    ...isWanted ? { data: dataJson(dataOf(gateway.tree, id), "auto") } : {},
  };
  return new Problem("bad-version", {
    outcome: "not-applied",
    ...details,
    path,
    detail: `${path} is at ${etag}, you sent ${sent}`,
    headers: { ETag: etag },
    members: { current },
  });
}

/**
 * Whether the caller may hear that a znode is not at the version it names: who may read it, and who might have
 * done what was asked for, as the leader would tell them.
 */
export function mayCompare(
  { gateway, caller }: { gateway: Gateway; caller: Caller },
  { op, path }: { op: "set" | "delete" | "check"; path: string },
): boolean {
  if (gateway.mayDo(caller, path, Permission.Read)) return true;
  if (op === "set") return gateway.mayDo(caller, path, Permission.Write);
  return op === "delete" && gateway.mayDo(caller, parentPath(path), Permission.Delete);
}

export function missingNode(path: string): Problem {
  return new Problem("no-node", {
    path,
    outcome: "not-applied",
    detail: `There is no znode ${path}`,
  });
}
