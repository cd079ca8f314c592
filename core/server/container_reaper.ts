/**
 * Finds containers that have emptied and TTL znodes that nobody renewed (semantics section 6.3).
 *
 * Only names candidates: the txn that deletes one checks again.
 *
 * @module
 */
import type { DataTree } from "../tree/data_tree.ts";
import { ttlMsOfOwner } from "../tree/stat.ts";

/**
 * Paths of what may go now.
 *
 * @param maxNeverUsedIntervalMs how long a container that never had a child is kept; 0 for ever
 */
export function containerCandidates(
  tree: DataTree,
  { wallMs, maxNeverUsedIntervalMs }: { wallMs: number; maxNeverUsedIntervalMs: number },
): Uint8Array[] {
  const { store } = tree;
  const candidates: Uint8Array[] = [];
  for (const id of tree.containers) {
    if (store.childCount(id) > 0) continue;
    const wasUsed = store.cversion(id) > 0;
    const isStale = maxNeverUsedIntervalMs > 0 &&
      wallMs - store.mtime(id) > maxNeverUsedIntervalMs;
    if (wasUsed || isStale) candidates.push(store.path(id));
  }
  for (const id of tree.ttlNodes) {
    if (store.childCount(id) > 0) continue;
    if (wallMs - store.mtime(id) > ttlMsOfOwner(store.owner(id))) candidates.push(store.path(id));
  }
  return candidates;
}
