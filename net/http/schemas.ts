/**
 * What several resources of the HTTP API have in common: how stats, zxids and types of znodes look in JSON.
 *
 * 64-bit numbers are strings (`0x` and hex digits), since JSON's readers keep 53 bits; versions and times are
 * numbers.
 *
 * @module
 */
import * as z from "zod";

export const HexText = z.string().regex(/^0x[0-9a-f]{1,16}$/);

export const NodeType = z.enum(["persistent", "ephemeral", "container", "ttl"]);
export type NodeType = z.output<typeof NodeType>;

export const Stat = z.object({
  czxid: HexText,
  mzxid: HexText,
  ctime: z.int().meta({ description: "ms since 1970" }),
  mtime: z.int().meta({ description: "ms since 1970" }),
  version: z.int(),
  cversion: z.int(),
  aversion: z.int(),
  ephemeralOwner: HexText.meta({ description: "the session that owns it, 0x0 for none" }),
  dataLength: z.int(),
  numChildren: z.int(),
  pzxid: HexText,
}).meta({ id: "Stat", description: "A znode's stat, with ZooKeeper's names" });
