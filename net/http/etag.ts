/**
 * Conditions on a znode's version in request headers: `If-Match` and `If-None-Match`.
 *
 * An ETag names version and czxid: `"3.1000002a"`. The version alone (`"3"`) is taken as well; it does not
 * notice that a znode was deleted and made anew.
 *
 * @module
 */
import { type Zxid, zxidToHex } from "../../core/zxid.ts";
import { Problem } from "./problem.ts";

export interface ZnodeTag {
  readonly version: number;
  /** Null: any. */
  readonly czxid: Zxid | null;
}

/** `*`: the znode must exist. */
export type MatchCondition = "*" | readonly ZnodeTag[];

const TAG_COUNT_MAX = 100;
const ETAGS = /^\s*(W\/)?"([^"]*)"\s*$/;
const ZNODE_TAG = /^(-?\d{1,10})(?:\.([0-9a-f]{1,14}))?$/;

/**
 * Reads an `If-Match`. A tag that is none of ours never matches.
 *
 * @throws {Problem} `bad-request` for weak tags, which say nothing about bytes, and for what is no list of tags
 */
export function parseIfMatch(header: string): MatchCondition {
  if (header.trim() === "*") return "*";
  const parts = header.split(",");
  if (parts.length > TAG_COUNT_MAX) {
    throw new Problem("bad-request", {
      detail: `If-Match holds ${parts.length} ETags: the limit is ${TAG_COUNT_MAX}`,
    });
  }
  const tags: ZnodeTag[] = [];
  for (const part of parts) {
    const [, weak, text] = ETAGS.exec(part) ?? [];
    if (text === undefined) {
      throw new Problem("bad-request", {
        detail: `If-Match is ${header}: it must be * or ETags in double quotes, as in "3.1000002a"`,
      });
    }
    if (weak !== undefined) {
      throw new Problem("bad-request", {
        detail:
          `If-Match holds the weak ETag ${part.trim()}: send it without W/, which a proxy put there`,
      });
    }
    const tag = parseZnodeTag(text);
    if (tag !== null) tags.push(tag);
  }
  return tags;
}

/** Reads what stands between the quotes; null when it cannot be ours. */
export function parseZnodeTag(text: string): ZnodeTag | null {
  const [, version, czxid] = ZNODE_TAG.exec(text) ?? [];
  if (version === undefined) return null;
  return { version: Number(version), czxid: czxid === undefined ? null : parseInt(czxid, 16) };
}

/** Whether the czxid may be meant: the version is left to the leader. */
export function matches(
  condition: MatchCondition,
  { version, czxid }: { version: number; czxid: Zxid },
): boolean {
  return condition === "*" ||
    condition.some((tag) => tag.version === version && (tag.czxid === null || tag.czxid === czxid));
}

/** Whether an `If-None-Match` names this ETag, so that nothing new is to be sent. */
export function namesEtag(header: string, etag: string): boolean {
  if (header === etag) return true;
  return header.split(",").some((part) => {
    const tag = part.trim();
    return tag === "*" || tag === etag || (tag.startsWith("W/") && tag.slice(2) === etag);
  });
}

/** The znode's ETag: the version alone starts again at 0 when it is made anew. */
export function etagOf({ version, czxid }: { version: number; czxid: Zxid }): string {
  return `"${version}.${zxidToHex(czxid)}"`;
}

/** The ACL's ETag: like that of the data, with the ACL's version. */
export function aclEtagOf({ aversion, czxid }: { aversion: number; czxid: Zxid }): string {
  return `"${aversion}.${zxidToHex(czxid)}"`;
}
