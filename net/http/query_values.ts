/**
 * Values of URL queries, as schemas: what stands in a URL is text.
 *
 * @module
 */
import * as z from "zod";
import type { Zxid } from "../../core/zxid.ts";

/** On when it is there: `?recursive`, `?recursive=1` and `?recursive=true` are the same. */
export const Flag = z.enum(["", "1", "true", "0", "false"]).default("0")
  .transform((text) => text !== "0" && text !== "false");

/** A whole number within bounds. */
export function count({ min, max }: { min: number; max: number }) {
  return z.string().regex(/^\d{1,15}$/, "must be a whole number").transform(Number)
    .pipe(z.number().min(min).max(max));
}

/** A zxid as `0x` and hex digits, as it is written everywhere. */
export const ZxidText = z.string().regex(/^0x[0-9a-f]{1,14}$/i, "must be 0x and hex digits")
  .transform((text) => parseInt(text, 16) as Zxid);
