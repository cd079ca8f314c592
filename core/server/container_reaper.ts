/**
 * Finds containers that have emptied and TTL znodes that nobody renewed (semantics section 6.3).
 *
 * Only names candidates: the txn that deletes one checks again.
 *
 * @module
 */
import type { DataTree } from "../tree/data_tree.ts";
import { isReapable } from "../tree/stat.ts";

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
  for (const ids of [tree.containers, tree.ttlNodes]) {
    for (const id of ids) {
      const znode = {
        ownerKind: tree.ownerKindOf(id),
        owner: store.owner(id),
        childCount: store.childCount(id),
        cversion: store.cversion(id),
        mtime: store.mtime(id),
      };
      if (isReapable(znode, { wallMs, maxNeverUsedIntervalMs })) candidates.push(store.path(id));
    }
  }
  return candidates;
}
