/**
 * Ways through the tree of znodes, depth first, parents before children.
 *
 * @module
 */
import { NO_NODE, type NodeId, type NodeStore, ROOT } from "./node_store.ts";

/** A znode and everything below it. The znode yielded may not be removed before the next is asked for. */
export function* subtree(store: NodeStore, top: NodeId): Iterable<NodeId> {
  let at = top;
  for (;;) {
    yield at;
    let next = store.firstChild(at);
    while (next === NO_NODE) {
      if (at === top) return;
      next = store.nextSibling(at);
      if (next === NO_NODE) at = store.parent(at);
    }
    at = next;
  }
}

/** The next znode that is not below this one; none behind the last. */
export function successor(store: NodeStore, id: NodeId): NodeId {
  for (let at = id; at !== ROOT; at = store.parent(at)) {
    const next = store.nextSibling(at);
    if (next !== NO_NODE) return next;
  }
  return NO_NODE;
}
