/**
 * One line of an exported tree: a znode as JSON, its path from the exported znode on. The same over HTTP and for
 * `export` and `import` of the command line.
 *
 * @module
 */
import * as z from "zod";
import type { AclEntry } from "../../core/tree/acl_list.ts";
import { TTL_MS_MAX } from "../../core/tree/stat.ts";
import { AclJson, aclOfJson } from "./acl_text.ts";
import { DataInput, dataOfJson } from "./data_json.ts";
import { Problem } from "./problem.ts";
import { NodeType, Stat } from "./schemas.ts";
import { isZnodePath } from "./znode_path.ts";

export const TreeLine = z.strictObject({
  path: z.string().startsWith("/").meta({
    description: "from the exported znode on, which is / itself",
  }),
  denied: z.literal(true).optional().meta({
    description: "the caller may not READ it: it and what is below it are missing",
  }),
  type: NodeType.optional(),
  ttlMs: z.int().min(1).max(TTL_MS_MAX).optional(),
  data: DataInput.optional(),
  acl: AclJson.optional().meta({ description: "left out on import: open to all" }),
  aclDenied: z.literal(true).optional().meta({
    description: "the caller may not see the hashes in the ACL, which takes ADMIN: it is missing",
  }),
  stat: Stat.optional(),
}).meta({ id: "TreeLine" });

export type TreeLine = z.input<typeof TreeLine>;

/** What a znode is made of, after a line. */
export interface LineContent {
  readonly type: NodeType;
  readonly ttlMs: number | undefined;
  readonly data: Uint8Array<ArrayBuffer> | null;
  /** Undefined: the line has none. */
  readonly acl: readonly AclEntry[] | undefined;
}

/** @throws {Problem} `bad-json` or `bad-request` */
export function parseTreeLine(text: string): z.output<typeof TreeLine> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new Problem("bad-json", { detail: "it is not JSON" });
  }
  const { data: line, error } = TreeLine.safeParse(json);
  if (line === undefined) {
    throw new Problem("bad-request", { detail: z.prettifyError(error).replaceAll("\n", " ") });
  }
  return line;
}

/**
 * Where the znode of a line goes.
 *
 * @param top where the znode goes that was exported
 * @throws {Problem} `bad-path`
 */
export function placedPath(top: string, linePath: string): string {
  const path = linePath === "/" ? top : (top === "/" ? "" : top) + linePath;
  if (!isZnodePath(path)) {
    throw new Problem("bad-path", {
      detail: `${JSON.stringify(linePath)} is no path of a znode`,
    });
  }
  return path;
}

/** @throws {Problem} `invalid-acl` or `bad-request` */
export function lineContent(line: z.output<typeof TreeLine>): LineContent {
  if (line.aclDenied) {
    throw new Problem("invalid-acl", {
      detail:
        "the ACL is missing, since who exported it may not see it: put one into the line as acl",
    });
  }
  const { type = "persistent", ttlMs } = line;
  if ((type === "ttl") !== (ttlMs !== undefined)) {
    throw new Problem("bad-request", { detail: "type ttl and ttlMs need each other" });
  }
  return {
    type,
    ttlMs,
    data: dataOfJson(line.data === undefined ? "" : line.data, "the line"),
    acl: line.acl === undefined ? undefined : aclOfJson(line.acl),
  };
}
