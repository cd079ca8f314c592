/**
 * One page of a znode's children, in the order of their names' bytes.
 *
 * Children are kept in no order, so each page is a walk over all of them; of a million only those of the page
 * are kept, in a heap with the largest name on top.
 *
 * @module
 */
import { NO_NODE, type NodeId, type NodeStore } from "../../core/tree/node_store.ts";

export interface PageRequest {
  readonly parent: NodeId;
  /** Only names behind it; null: from the first on. */
  readonly after: Uint8Array | null;
  /** Only names that begin so. */
  readonly prefix: Uint8Array | null;
  readonly limit: number;
  /** What else a child must be. */
  readonly isWanted: (id: NodeId) => boolean;
}

/** The children of a page, in order, and whether there are more behind it. */
export interface Page {
  readonly ids: readonly NodeId[];
  readonly hasMore: boolean;
}

/** A walk over all children, which may pause as long as none of them comes or goes. */
export class PageWalk {
  readonly #store: NodeStore;
  readonly #request: PageRequest;
  /** With the largest name on top. */
  readonly #heap: NodeId[] = [];
  #next: NodeId;
  #hasMore = false;

  constructor(store: NodeStore, request: PageRequest) {
    this.#store = store;
    this.#request = request;
    this.#next = store.firstChild(request.parent);
  }

  /** Looks at so many children more. Returns the page when there are no others, else null. */
  step(childCount: number): Page | null {
    const store = this.#store;
    const { after, prefix, limit, isWanted } = this.#request;
    const heap = this.#heap;
    let id = this.#next;
    for (let i = 0; i < childCount && id !== NO_NODE; i++, id = store.nextSibling(id)) {
      if (after !== null && compareToBytes(store, id, after) <= 0) continue;
      const isBehind = heap.length === limit && compareNames(store, id, heap[0]!) > 0;
      if (isBehind && this.#hasMore) continue; // the usual case of a long list
      if (prefix !== null && !beginsWith(store, id, prefix)) continue;
      if (!isWanted(id)) continue;
      if (heap.length < limit) {
        heap.push(id);
        siftUp(store, heap);
        continue;
      }
      this.#hasMore = true;
      if (isBehind) continue;
      heap[0] = id;
      siftDown(store, heap);
    }
    this.#next = id;
    if (id !== NO_NODE) return null;
    return { ids: heap.sort((a, b) => compareNames(store, a, b)), hasMore: this.#hasMore };
  }
}

/** Whether the name ends in the ten digits that the server adds to sequential ones. */
export function isSequential(store: NodeStore, id: NodeId): boolean {
  const name = store.name(id);
  if (name.length < 10) return false;
  for (let i = name.length - 10; i < name.length; i++) {
    if (name[i]! < 0x30 || name[i]! > 0x39) return false;
  }
  return true;
}

/** Names by their bytes. */
export function compareNames(store: NodeStore, a: NodeId, b: NodeId): number {
  const { arena } = store;
  const refA = store.nameRef(a);
  const refB = store.nameRef(b);
  const chunkA = arena.chunk(refA);
  const chunkB = arena.chunk(refB);
  const atA = arena.offset(refA);
  const atB = arena.offset(refB);
  const lengthA = store.nameLength(a);
  const lengthB = store.nameLength(b);
  const length = Math.min(lengthA, lengthB);
  for (let i = 0; i < length; i++) {
    const difference = chunkA[atA + i]! - chunkB[atB + i]!;
    if (difference !== 0) return difference;
  }
  return lengthA - lengthB;
}

function compareToBytes(store: NodeStore, id: NodeId, bytes: Uint8Array): number {
  const ref = store.nameRef(id);
  const chunk = store.arena.chunk(ref);
  const at = store.arena.offset(ref);
  const nameLength = store.nameLength(id);
  const length = Math.min(nameLength, bytes.length);
  for (let i = 0; i < length; i++) {
    const difference = chunk[at + i]! - bytes[i]!;
    if (difference !== 0) return difference;
  }
  return nameLength - bytes.length;
}

function beginsWith(store: NodeStore, id: NodeId, prefix: Uint8Array): boolean {
  if (store.nameLength(id) < prefix.length) return false;
  const ref = store.nameRef(id);
  const chunk = store.arena.chunk(ref);
  const at = store.arena.offset(ref);
  for (let i = 0; i < prefix.length; i++) if (chunk[at + i] !== prefix[i]) return false;
  return true;
}

function siftUp(store: NodeStore, heap: NodeId[]): void {
  let at = heap.length - 1;
  while (at > 0) {
    const parent = (at - 1) >> 1;
    if (compareNames(store, heap[at]!, heap[parent]!) <= 0) return;
    [heap[at], heap[parent]] = [heap[parent]!, heap[at]!];
    at = parent;
  }
}

function siftDown(store: NodeStore, heap: NodeId[]): void {
  for (let at = 0;;) {
    let largest = at;
    for (const child of [2 * at + 1, 2 * at + 2]) {
      if (child < heap.length && compareNames(store, heap[child]!, heap[largest]!) > 0) {
        largest = child;
      }
    }
    if (largest === at) return;
    [heap[at], heap[largest]] = [heap[largest]!, heap[at]!];
    at = largest;
  }
}
