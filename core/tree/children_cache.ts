/**
 * Keeps the encoded child lists of the znodes that are listed most, so that listing a hundred children
 * is one copy and not a hundred walks through memory.
 *
 * A list is good as long as nobody created or deleted a child, which pzxid and the count tell.
 *
 * @module
 */
import { CHILDREN_CACHE_BYTES_MAX } from "../limits.ts";
import type { Zxid } from "../zxid.ts";
import type { NodeId } from "./node_store.ts";

/** Shorter lists are as fast without. */
export const CACHED_CHILD_COUNT_MIN = 8;

interface CachedList {
  czxid: Zxid;
  pzxid: Zxid;
  childCount: number;
  /** `vector<ustring>` in jute. */
  encoded: Uint8Array;
}

export class ChildrenCache {
  readonly #entryCountMax: number;
  #lists = new Map<NodeId, CachedList>();
  #bytes = 0;

  /** @param entryCountMax 0 or less: nothing is kept */
  constructor(entryCountMax: number) {
    this.#entryCountMax = entryCountMax;
  }

  /** The encoded list, borrowed, if it is still true. */
  find(
    id: NodeId,
    { czxid, pzxid, childCount }: { czxid: Zxid; pzxid: Zxid; childCount: number },
  ): Uint8Array | null {
    const list = this.#lists.get(id);
    if (list === undefined) return null;
    const isGood = list.pzxid === pzxid && list.czxid === czxid && list.childCount === childCount;
    return isGood ? list.encoded : null;
  }

  /** Keeps a copy of a list. */
  keep(
    id: NodeId,
    { czxid, pzxid, childCount }: { czxid: Zxid; pzxid: Zxid; childCount: number },
    encoded: Uint8Array,
  ): void {
    if (this.#entryCountMax <= 0 || encoded.length > CHILDREN_CACHE_BYTES_MAX / 8) return;
    this.#remove(id);
    while (
      this.#lists.size >= this.#entryCountMax ||
      this.#bytes + encoded.length > CHILDREN_CACHE_BYTES_MAX
    ) this.#remove(this.#lists.keys().next().value!);
    this.#lists.set(id, { czxid, pzxid, childCount, encoded: encoded.slice() });
    this.#bytes += encoded.length;
  }

  clear(): void {
    this.#lists.clear();
    this.#bytes = 0;
  }

  #remove(id: NodeId): void {
    const list = this.#lists.get(id);
    if (list === undefined) return;
    this.#lists.delete(id);
    this.#bytes -= list.encoded.length;
  }
}
