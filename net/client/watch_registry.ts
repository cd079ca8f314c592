/**
 * The watches of a client: who is told of which event, and what is registered again at a new connection.
 *
 * Paths are the server's. What a one-shot watch is told of takes it away, here as at the server.
 *
 * @module
 */

import type { EventKind, WatcherKind, WatchListener } from "./client_types.ts";

/** As setWatches lists them. */
export type WatchKind = "data" | "exist" | "child" | "persistent" | "persistentRecursive";

export const WATCH_KINDS: readonly WatchKind[] = [
  ...["data", "exist", "child", "persistent", "persistentRecursive"] as const,
];

/** Of events, by their number on the wire. */
export const EVENT_KINDS: Readonly<Record<number, EventKind>> = {
  1: "NodeCreated",
  2: "NodeDeleted",
  3: "NodeDataChanged",
  4: "NodeChildrenChanged",
};

/** What an event takes, of watches of its path. */
const ONE_SHOT_OF: Readonly<Partial<Record<EventKind, readonly WatchKind[]>>> = {
  NodeCreated: ["data", "exist"],
  NodeDataChanged: ["data", "exist"],
  NodeChildrenChanged: ["child"],
  NodeDeleted: ["data", "exist", "child"],
};

const KINDS_OF_WATCHER: Readonly<Record<WatcherKind, readonly WatchKind[]>> = {
  children: ["child"],
  data: ["data", "exist"],
  any: WATCH_KINDS,
  persistent: ["persistent"],
  persistentRecursive: ["persistentRecursive"],
};

const REMOVAL_EVENTS: Readonly<Record<WatchKind, EventKind>> = {
  data: "DataWatchRemoved",
  exist: "DataWatchRemoved",
  child: "ChildWatchRemoved",
  persistent: "PersistentWatchRemoved",
  persistentRecursive: "PersistentWatchRemoved",
};

export interface RemovedWatch {
  readonly listener: WatchListener;
  readonly event: EventKind;
}

export class WatchRegistry {
  readonly #watches: Readonly<Record<WatchKind, Map<string, Set<WatchListener>>>> = {
    data: new Map(),
    exist: new Map(),
    child: new Map(),
    persistent: new Map(),
    persistentRecursive: new Map(),
  };

  get isEmpty(): boolean {
    return WATCH_KINDS.every((kind) => this.#watches[kind].size === 0);
  }

  add(kind: WatchKind, path: string, listener: WatchListener): void {
    const ofKind = this.#watches[kind];
    const listeners = ofKind.get(path);
    if (listeners === undefined) ofKind.set(path, new Set([listener]));
    else listeners.add(listener);
  }

  /** Those to tell of an event, each once; its one-shot watches are gone then. */
  take(event: EventKind, path: string): Set<WatchListener> {
    const told = new Set<WatchListener>();
    const tell = (listeners: Set<WatchListener> | undefined) => {
      for (const listener of listeners ?? []) told.add(listener);
    };
    for (const kind of ONE_SHOT_OF[event] ?? []) {
      tell(this.#watches[kind].get(path));
      this.#watches[kind].delete(path);
    }
    tell(this.#watches.persistent.get(path));
    const recursive = this.#watches.persistentRecursive;
    // it says of each znode below that it changed: that a parent's children changed, too, is no news
    if (recursive.size > 0 && event !== "NodeChildrenChanged") {
      for (let at = path;; at = at.slice(0, at.lastIndexOf("/")) || "/") {
        tell(recursive.get(at));
        if (at === "/") break;
      }
    }
    return told;
  }

  /** Takes away what a removeWatches of this kind means. */
  remove(kind: WatcherKind, path: string): RemovedWatch[] {
    const removed: RemovedWatch[] = [];
    for (const each of KINDS_OF_WATCHER[kind]) {
      const event = REMOVAL_EVENTS[each];
      for (const listener of this.#watches[each].get(path) ?? []) {
        const isTwice = removed.some((other) =>
          other.listener === listener && other.event === event
        );
        if (!isTwice) removed.push({ listener, event });
      }
      this.#watches[each].delete(path);
    }
    return removed;
  }

  paths(kind: WatchKind): Iterable<string> {
    return this.#watches[kind].keys();
  }

  clear(): void {
    for (const kind of WATCH_KINDS) this.#watches[kind].clear();
  }
}
