/**
 * Lists that may be long, told a page at a time: in order of a key, from behind the last one that was told.
 *
 * What comes or goes between two pages is on neither or the later one; nothing is told twice.
 *
 * @module
 */
import * as z from "zod";
import { count } from "../query_values.ts";

const LIMIT_MAX = 1000;
const LIMIT_DEFAULT = 100;

/** Query parameters of such lists. */
export const PageQuery = {
  limit: count({ min: 1, max: LIMIT_MAX }).default(LIMIT_DEFAULT)
    .meta({ description: "how many at most" }),
  after: z.string().max(10_000).optional()
    .meta({ description: "what `next` of the page before said" }),
};

/** What a page has beside its entries. */
export const PageEnd = {
  total: z.int().meta({ description: "of all pages together" }),
  next: z.string().nullable().meta({
    description: "to be given as `after` for the next page; null: this is the last",
  }),
};

export interface Page<T> {
  readonly entries: T[];
  readonly total: number;
  readonly next: string | null;
}

/** Looks at all items once, and keeps no more of them than a page has. */
export function pageOf<T>(
  items: Iterable<T>,
  { keyOf, after = "", limit }: {
    keyOf: (item: T) => string;
    after?: string | undefined;
    limit: number;
  },
): Page<T> {
  /** Ascending; one more than is told, to know whether there is one. */
  const kept: { key: string; item: T }[] = [];
  let total = 0;
  for (const item of items) {
    total++;
    const key = keyOf(item);
    if (key <= after || (kept.length > limit && key >= kept[limit]!.key)) continue;
    let at = kept.length;
    while (at > 0 && kept[at - 1]!.key > key) at--;
    kept.splice(at, 0, { key, item });
    if (kept.length > limit + 1) kept.pop();
  }
  const page = kept.slice(0, limit);
  return {
    entries: page.map(({ item }) => item),
    total,
    next: kept.length > limit ? page.at(-1)!.key : null,
  };
}
