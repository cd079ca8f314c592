/**
 * A znode that was read as a line of an export, the same that `GET /api/v1/tree` writes but for the types of znodes.
 *
 * @module
 */
import type { ClientAcl } from "../../../net/client/client_types.ts";
import { dataJson } from "../../../net/http/data_json.ts";
import type { TreeLine } from "../../../net/http/tree_line.ts";
import { statJson } from "../../../net/stat_json.ts";
import { aclJson } from "../json_texts.ts";
import type { VisitedZnode } from "./tree_walk.ts";
import { typeOf } from "./znode_text.ts";

/** What servers put in the place of a hash that the caller may not see, which takes ADMIN. */
const MASKED_ID = /^[^:]*:x$/;

/** @param path from the exported znode on, which is `/` itself */
export function exportedLine(
  path: string,
  { stat, data, acl, isDenied }: VisitedZnode,
  { withStat = false }: { withStat?: boolean } = {},
): TreeLine {
  if (isDenied || stat === null) return { path, denied: true };
  return {
    path,
    // whether it is a container or has a TTL, servers do not tell
    ...typeOf(stat) === "ephemeral" ? { type: "ephemeral" } : {},
    data: dataJson(data as Uint8Array<ArrayBuffer> | null, "auto"),
    ...acl === null || isMasked(acl) ? { aclDenied: true } : { acl: aclJson(acl) },
    ...withStat ? { stat: statJson(stat) as NonNullable<TreeLine["stat"]> } : {},
  };
}

/** The ACL is not the one there is. */
export function isMasked(acl: readonly ClientAcl[]): boolean {
  return acl.some(({ scheme, id }) => scheme === "digest" && MASKED_ID.test(id));
}

/** The part of a path that stands in lines of an export of `top`. */
export function linePath(top: string, path: string): string {
  return top === "/" ? path : path.slice(top.length) || "/";
}
