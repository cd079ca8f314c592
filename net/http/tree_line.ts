/**
 * One line of an exported tree: a znode as JSON, its path from the exported znode on.
 *
 * @module
 */
import { z } from "zod";
import { TTL_MS_MAX } from "../../core/tree/stat.ts";
import { AclJson } from "./acl_text.ts";
import { DataInput } from "./data_json.ts";
import { NodeType, Stat } from "./schemas.ts";

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
