/**
 * Who is told when a path changes: one-shot, persistent and recursive watches (semantics section 8).
 *
 * Registrations of different modes on one path are independent, as in ZooKeeper 3.9. Watches belong to a
 * connection and vanish with it. Paths are byte strings kept as they came, so a watch can be set on what
 * is no legal path, and one on the empty path never fires, although the empty path finds the root; the
 * lookup key is the hash that the tree computes anyway.
 *
 * Invariant: a watcher has modes in a `WatchedPath` exactly when that is in `watcher.watchedPaths`.
 *
 * @module
 */
import type { Zxid } from "../zxid.ts";
import type { AclList } from "./acl_list.ts";
import { WatchedPath } from "./watched_path.ts";

export const EventType = {
  NodeCreated: 1,
  NodeDeleted: 2,
  NodeDataChanged: 3,
  NodeChildrenChanged: 4,
} as const;
export type EventType = (typeof EventType)[keyof typeof EventType];

/** Bits of what one watcher has registered on one path. */
export const WatchMode = { Data: 1, Child: 2, Persistent: 4, Recursive: 8 } as const;
const ALL_MODES = 15;

/** Registrations of each mode. */
export interface WatchCounts {
  readonly data: number;
  readonly child: number;
  readonly persistent: number;
  readonly recursive: number;
}

/** Registration types of checkWatches and removeWatches (client protocol section 11.4). */
export const WATCHER_TYPE_MODES: readonly (number | undefined)[] = [
  undefined,
  WatchMode.Child,
  WatchMode.Data,
  ALL_MODES,
  WatchMode.Persistent,
  WatchMode.Recursive,
];

export interface WatchEvent {
  type: EventType;
  /** Bytes of the path, borrowed. */
  path: Uint8Array;
  zxid: Zxid;
  /** Who may hear of it: the ACL of the znode that the event is about. */
  acl: AclList;
}

/** A connection, as far as watches know it. */
export interface Watcher {
  readonly watchedPaths: Set<WatchedPath>;
  deliver(event: WatchEvent): void;
}

/** The tree's hash of paths. */
export interface PathHash {
  readonly rootHash: number;
  /** The hash of a path from that of its beginning, which ends before `start`. */
  extendHash(hash: number, bytes: Uint8Array, start: number, end: number): number;
}

const SLASH = 0x2f;
const RECURSIVE_BIT = 3;
/** A watcher with more watches than this is forgotten bit by bit: a million take a second. */
const FORGET_AT_ONCE_MAX = 100;
/** The paths are in so many maps, since one map of a million stalls for 100 ms when it grows. */
const SHARD_COUNT = 64;

export class WatchManager {
  #shards = Array.from({ length: SHARD_COUNT }, () => new Map<number, WatchedPath>());
  /** Removed watchers with watches left. */
  #leaving: Watcher[] = [];
  /** By the number of the mode's bit. */
  readonly #modeCounts: [number, number, number, number] = [0, 0, 0, 0];
  /** Registrations in all: one for each mode of each watcher on each path. */
  #watchCount = 0;
  #pathCount = 0;
  readonly #pathHash: PathHash;

  constructor(pathHash: PathHash) {
    this.#pathHash = pathHash;
  }

  get watchCount(): number {
    return this.#watchCount;
  }
  get pathCount(): number {
    return this.#pathCount;
  }
  get counts(): WatchCounts {
    const [data, child, persistent, recursive] = this.#modeCounts;
    return { data, child, persistent, recursive };
  }

  /** Registers `mode` (one bit of {@linkcode WatchMode}) for a path. */
  add(path: Uint8Array, watcher: Watcher, mode: number): void {
    const watched = this.#find(path, 0, path.length) ?? this.#insert(path);
    const before = watched.modesOf(watcher);
    if ((before & mode) !== 0) return;
    watched.setModes(watcher, before | mode);
    if (before === 0) watcher.watchedPaths.add(watched);
    this.#watchCount++;
    this.#modeCounts[bitOf(mode)]!++;
  }

  /** Whether the watcher has any of `modes` on the path. */
  has(path: Uint8Array, watcher: Watcher, modes: number): boolean {
    return ((this.#find(path, 0, path.length)?.modesOf(watcher) ?? 0) & modes) !== 0;
  }

  /** Removes `modes` of the watcher on the path; false when it had none of them. */
  remove(path: Uint8Array, watcher: Watcher, modes: number): boolean {
    const watched = this.#find(path, 0, path.length);
    const had = watched === null ? 0 : watched.modesOf(watcher) & modes;
    if (watched === null || had === 0) return false;
    this.#drop(watched, watcher, had);
    return true;
  }

  /**
   * Forgets a connection, which must ignore what is still delivered to it: with many watches, most are
   * left to `continueRemoving`.
   */
  removeWatcher(watcher: Watcher): void {
    if (watcher.watchedPaths.size > FORGET_AT_ONCE_MAX) this.#leaving.push(watcher);
    else this.#forget(watcher, FORGET_AT_ONCE_MAX);
  }

  /** Goes on with what `removeWatcher` left, for so many watched paths. To be called regularly. */
  continueRemoving(pathCountMax: number): void {
    let left = pathCountMax;
    for (let watcher = this.#leaving.at(-1); watcher !== undefined && left > 0;) {
      left -= this.#forget(watcher, left);
      if (watcher.watchedPaths.size > 0) return;
      this.#leaving.pop();
      watcher = this.#leaving.at(-1);
    }
  }

  /** A znode was created, changed or deleted: tells its watchers, and recursive ones above it. */
  fire(event: WatchEvent): void {
    if (this.#watchCount === 0) return;
    const bytes = event.path;
    const oneShot = event.type === EventType.NodeDeleted
      ? WatchMode.Data | WatchMode.Child
      : WatchMode.Data;
    const told = this.#modeCounts[RECURSIVE_BIT] > 0 ? new Set<Watcher>() : null;
    const watched = this.#find(bytes, 0, bytes.length);
    if (watched !== null) {
      this.#tell(
        watched,
        event,
        oneShot,
        oneShot | WatchMode.Persistent | WatchMode.Recursive,
        told,
      );
    }
    if (told !== null && bytes.length > 1) this.#fireAbove(event, told);
  }

  /** One pass over the path, however deep it is: hashing each ancestor anew took 80 ms at depth 8000. */
  #fireAbove(event: WatchEvent, told: Set<Watcher>): void {
    const bytes = event.path;
    const { rootHash } = this.#pathHash;
    const root = this.#findHashed(rootHash >> 2, ROOT_PATH, 0, 1);
    if (root !== null) this.#tell(root, event, 0, WatchMode.Recursive, told);
    let hash = rootHash;
    let hashedTo = 0;
    for (let end = 1; end < bytes.length; end++) {
      if (bytes[end] !== SLASH) continue;
      hash = this.#pathHash.extendHash(hash, bytes, hashedTo, end);
      hashedTo = end;
      const above = this.#findHashed(hash >> 2, bytes, 0, end);
      if (above !== null) this.#tell(above, event, 0, WatchMode.Recursive, told);
    }
  }

  /** The children of a znode changed; `event.path` is the parent's, empty for the root. */
  fireChildren(event: WatchEvent): void {
    if (this.#watchCount === 0) return;
    const path = event.path.length === 0 ? ROOT_PATH : event.path;
    const watched = this.#find(path, 0, path.length);
    if (watched === null) return;
    const modes = WatchMode.Child | WatchMode.Persistent;
    this.#tell(watched, { ...event, path }, WatchMode.Child, modes, null);
  }

  /** Every watched path, for the admin commands. */
  *paths(): Iterable<WatchedPath> {
    for (const shard of this.#shards) {
      for (const first of shard.values()) {
        for (let at: WatchedPath | null = first; at !== null; at = at.next) yield at;
      }
    }
  }

  #tell(
    watched: WatchedPath,
    event: WatchEvent,
    oneShot: number,
    modes: number,
    told: Set<Watcher> | null,
  ): void {
    watched.forEach((watcher, registered) => {
      if ((registered & modes) === 0) return;
      if (told === null || !told.has(watcher)) {
        told?.add(watcher);
        watcher.deliver(event);
      }
      const fired = registered & oneShot;
      if (fired !== 0) this.#drop(watched, watcher, fired);
    });
  }

  /** Returns how many paths it took off. */
  #forget(watcher: Watcher, pathCountMax: number): number {
    let count = 0;
    for (const watched of watcher.watchedPaths) {
      if (count === pathCountMax) break;
      this.#drop(watched, watcher, watched.modesOf(watcher));
      count++;
    }
    return count;
  }

  #drop(watched: WatchedPath, watcher: Watcher, modes: number): void {
    const left = watched.modesOf(watcher) & ~modes;
    for (let bits = modes; bits !== 0; bits &= bits - 1) {
      this.#watchCount--;
      this.#modeCounts[bitOf(bits)]!--;
    }
    watched.setModes(watcher, left);
    if (left !== 0) return;
    watcher.watchedPaths.delete(watched);
    if (watched.isUnwatched) this.#removePath(watched);
  }

  #find(bytes: Uint8Array, start: number, end: number): WatchedPath | null {
    return this.#findHashed(this.#hash(bytes, start, end), bytes, start, end);
  }

  #findHashed(hash: number, bytes: Uint8Array, start: number, end: number): WatchedPath | null {
    let at = this.#shardOf(hash).get(hash) ?? null;
    while (at !== null && !at.equals(bytes, start, end)) at = at.next;
    return at;
  }

  #insert(bytes: Uint8Array): WatchedPath {
    const hash = this.#hash(bytes, 0, bytes.length);
    const shard = this.#shardOf(hash);
    const watched = new WatchedPath(bytes, hash, shard.get(hash) ?? null);
    shard.set(hash, watched);
    this.#pathCount++;
    return watched;
  }

  /** A small integer: no heap number as key. */
  #hash(bytes: Uint8Array, start: number, end: number): number {
    const { rootHash } = this.#pathHash;
    if (end - start === 1 && bytes[start] === SLASH) return rootHash >> 2;
    return this.#pathHash.extendHash(rootHash, bytes, start, end) >> 2;
  }

  #shardOf(hash: number): Map<number, WatchedPath> {
    return this.#shards[hash & (SHARD_COUNT - 1)]!;
  }

  #removePath(watched: WatchedPath): void {
    this.#pathCount--;
    const shard = this.#shardOf(watched.hash);
    let at = shard.get(watched.hash)!;
    if (at === watched) {
      if (watched.next === null) shard.delete(watched.hash);
      else shard.set(watched.hash, watched.next);
      return;
    }
    while (at.next !== watched) at = at.next!;
    at.next = watched.next;
  }
}

const ROOT_PATH = new Uint8Array([SLASH]);

/** The number of the lowest bit. */
function bitOf(modes: number): number {
  return 31 - Math.clz32(modes & -modes);
}
