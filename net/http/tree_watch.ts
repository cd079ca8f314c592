/**
 * A watch of the server's own on its tree, for those who wait over HTTP: it belongs to no session, and what it
 * tells is not checked against ACLs.
 *
 * @module
 */
import type { DataTree } from "../../core/tree/data_tree.ts";
import type { Watcher, WatchEvent } from "../../core/tree/watch_manager.ts";
import type { WatchedPath } from "../../core/tree/watched_path.ts";
import { encodeUtf8 } from "../../core/wire/jute.ts";

/**
 * Watches a path until the result is called. A one-shot mode tells once.
 *
 * @param mode one bit of `WatchMode`
 * @param deliver called while the txn is being applied: it must not change anything, and the event's path is
 * borrowed for the call
 */
export function watchTree(
  tree: DataTree,
  { path, mode }: { path: string; mode: number },
  deliver: (event: WatchEvent) => void,
): () => void {
  let isWatching = true;
  const watcher: Watcher = {
    watchedPaths: new Set<WatchedPath>(),
    deliver: (event) => {
      if (isWatching) deliver(event);
    },
  };
  tree.watches.add(encodeUtf8(path), watcher, mode);
  return () => {
    isWatching = false;
    tree.watches.removeWatcher(watcher);
  };
}
