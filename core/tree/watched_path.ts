/**
 * A path that somebody watches, and who. Most paths have one watcher, so the first one needs no map:
 * with a map each, a million watched paths took 760 bytes apiece.
 *
 * @module
 */
import { decodeUtf8 } from "../wire/jute.ts";
import type { Watcher } from "./watch_manager.ts";

export class WatchedPath {
  /** One character a byte. */
  readonly key: string;
  readonly hash: number;
  /** Another path of the same hash. */
  next: WatchedPath | null;
  #sole: Watcher | null = null;
  #soleModes = 0;
  /** Once there were two, all of them. */
  #many: Map<Watcher, number> | null = null;

  constructor(bytes: Uint8Array, hash: number, next: WatchedPath | null) {
    this.key = keyOf(bytes);
    this.hash = hash;
    this.next = next;
  }

  /** The path as text. */
  get path(): string {
    return IS_ASCII.test(this.key) ? this.key : decodeUtf8(this.bytes);
  }

  /** The path as it came; made anew each time. */
  get bytes(): Uint8Array {
    return Uint8Array.from(this.key, (c) => c.charCodeAt(0));
  }

  get isUnwatched(): boolean {
    return this.#sole === null && (this.#many === null || this.#many.size === 0);
  }

  /** Bits of what the watcher has registered here; 0 for nothing. */
  modesOf(watcher: Watcher): number {
    if (this.#many !== null) return this.#many.get(watcher) ?? 0;
    return this.#sole === watcher ? this.#soleModes : 0;
  }

  /** @param modes 0 removes the watcher */
  setModes(watcher: Watcher, modes: number): void {
    if (this.#many !== null) {
      if (modes === 0) this.#many.delete(watcher);
      else this.#many.set(watcher, modes);
    } else if (this.#sole === null || this.#sole === watcher) {
      this.#sole = modes === 0 ? null : watcher;
      this.#soleModes = modes;
    } else if (modes !== 0) {
      this.#many = new Map([[this.#sole, this.#soleModes], [watcher, modes]]);
      this.#sole = null;
    }
  }

  /** Calls `visit` for each watcher; it may change the modes of the one it is called for. */
  forEach(visit: (watcher: Watcher, modes: number) => void): void {
    if (this.#many !== null) { for (const [watcher, modes] of this.#many) visit(watcher, modes); }
    else if (this.#sole !== null) visit(this.#sole, this.#soleModes);
  }

  equals(bytes: Uint8Array, start: number, end: number): boolean {
    const { key } = this;
    if (key.length !== end - start) return false;
    for (let i = 0; i < key.length; i++) if (key.charCodeAt(i) !== bytes[start + i]) return false;
    return true;
  }
}

// deno-lint-ignore no-control-regex
const IS_ASCII = /^[\x00-\x7f]*$/;

/** Adding one character at a time would keep a chain of strings. */
const KEY_PIECE_LENGTH = 4096;

function keyOf(bytes: Uint8Array): string {
  let key = "";
  for (let at = 0; at < bytes.length; at += KEY_PIECE_LENGTH) {
    key += String.fromCharCode(...bytes.subarray(at, at + KEY_PIECE_LENGTH));
  }
  return key;
}
