/**
 * What a txn did to one znode, and whom it concerns: the form in which changes are kept, live ones and those
 * that are read back from the log.
 *
 * ZooKeeper's event for the children of a znode follows from the creation or deletion of one, so it is not kept
 * by itself.
 *
 * @module
 */
import type { AclList } from "../../../core/tree/acl_list.ts";
import { parentPath } from "../../../core/tree/path_text.ts";
import type { Zxid } from "../../../core/zxid.ts";

/** Watches that a list of changes remembers what concerns them. */
const FOUND_COUNT_MAX = 16;

export interface Change {
  readonly zxid: Zxid;
  readonly type: "created" | "changed" | "deleted";
  readonly path: string;
  /** The znode's at that time; null: not known any more. */
  readonly acl: AclList | null;
  /** Its parent's, of those created and deleted. Likewise. */
  readonly parentAcl: AclList | null;
}

/** Of a change in memory, beside its path. */
const CHANGE_BYTES = 120;

/** About what a change takes in memory. */
export function changeBytes({ path }: Change): number {
  return CHANGE_BYTES + 2 * path.length;
}

/** What a change is to one watch. */
export type EventKind = Change["type"] | "children";

export interface WatchScope {
  readonly path: string;
  /** The znode and all below it; no `children` events then, as with ZooKeeper's recursive watches. */
  readonly isRecursive: boolean;
}

/** What a watch tells of a change; null: nothing. */
export function kindFor({ path, isRecursive }: WatchScope, change: Change): EventKind | null {
  if (change.path === path) return change.type;
  if (isRecursive) return isBelow(change.path, path) ? change.type : null;
  return change.type !== "changed" && parentOf(change.path) === path ? "children" : null;
}

/** @returns null: the root has none */
export function parentOf(path: string): string | null {
  return path === "/" ? null : parentPath(path);
}

function isBelow(path: string, ancestor: string): boolean {
  if (ancestor === "/") return true;
  return path.startsWith(ancestor) && path.charCodeAt(ancestor.length) === 0x2f;
}

/** Changes in the order of their txns, which many streams look through for the same few watches. */
export class ChangeList {
  readonly all: readonly Change[];
  /** By watch: what concerns it. */
  readonly #found = new Map<string, readonly Change[]>();

  constructor(all: readonly Change[]) {
    this.all = all;
  }

  concerning(scope: WatchScope): readonly Change[] {
    const key = `${scope.isRecursive} ${scope.path}`;
    let found = this.#found.get(key);
    if (found === undefined) {
      found = this.all.filter((change) => kindFor(scope, change) !== null);
      if (this.#found.size < FOUND_COUNT_MAX) this.#found.set(key, found);
    }
    return found;
  }
}
