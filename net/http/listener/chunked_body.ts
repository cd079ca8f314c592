/**
 * Takes a chunked body apart (RFC 9112 section 7.1): knows the format, reads nothing itself.
 *
 * Extensions of chunks and trailers are let pass and forgotten. Lines end with CRLF, and are short.
 *
 * @module
 */

/** A chunk's size with its extensions; a trailer. */
const LINE_BYTES_MAX = 1024;
const TRAILER_BYTES_MAX = 8 << 10;
/** Hex digits of a chunk's size: a hundred terabytes. */
const SIZE_DIGITS_MAX = 12;

/** Blanks only before an extension, and no control characters: others may read those as they like. */
const SIZE = /^([0-9A-Fa-f]+)(?:[ \t]*;[\t\x20-\x7e\x80-\xff]*)?$/;
const TRAILER = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t\x20-\x7e\x80-\xff]*$/;

const CR = 0x0d;
const LF = 0x0a;

/** What was found in some bytes: part of the body, or only framing; `used` of them are done with. */
export type ChunkStep =
  | { kind: "data"; from: number; to: number; used: number }
  | { kind: "more"; used: number }
  | { kind: "end"; used: number }
  | { kind: "malformed" };

export class ChunkedBody {
  #state: "size" | "data" | "dataEnd" | "trailer" | "done" = "size";
  /** Of the chunk under way. */
  #bytesLeft = 0;
  #trailerBytes = 0;

  /** Whether the last chunk and its trailers were seen. */
  get isDone(): boolean {
    return this.#state === "done";
  }

  /** Looks at what has come and was not used yet. */
  step(bytes: Uint8Array, from: number, to: number): ChunkStep {
    for (let at = from;;) {
      switch (this.#state) {
        case "done":
          return { kind: "end", used: at - from };
        case "data": {
          if (at === to) return { kind: "more", used: at - from };
          const end = Math.min(to, at + this.#bytesLeft);
          this.#bytesLeft -= end - at;
          if (this.#bytesLeft === 0) this.#state = "dataEnd";
          return { kind: "data", from: at, to: end, used: end - from };
        }
        case "dataEnd":
          if (to - at < 2) return { kind: "more", used: at - from };
          if (bytes[at] !== CR || bytes[at + 1] !== LF) return { kind: "malformed" };
          at += 2;
          this.#state = "size";
          break;
        case "size":
        case "trailer": {
          const lineEnd = lineEndOf(bytes, at, to);
          if (lineEnd === "malformed") return { kind: "malformed" };
          if (lineEnd === null) {
            return to - at > LINE_BYTES_MAX
              ? { kind: "malformed" }
              : { kind: "more", used: at - from };
          }
          if (!this.#takeLine(bytes, at, lineEnd)) return { kind: "malformed" };
          at = lineEnd + 2;
        }
      }
    }
  }

  #takeLine(bytes: Uint8Array, from: number, to: number): boolean {
    if (to - from > LINE_BYTES_MAX) return false;
    const text = String.fromCharCode(...bytes.subarray(from, to));
    if (this.#state === "trailer") {
      if (to === from) this.#state = "done";
      else if (!TRAILER.test(text)) return false;
      this.#trailerBytes += to - from;
      return this.#trailerBytes <= TRAILER_BYTES_MAX;
    }
    const [, digits] = SIZE.exec(text) ?? [];
    if (digits === undefined || digits.length > SIZE_DIGITS_MAX) return false;
    this.#bytesLeft = parseInt(digits, 16);
    this.#state = this.#bytesLeft === 0 ? "trailer" : "data";
    return true;
  }
}

/** Where the line's CRLF begins; null when it has not come. */
function lineEndOf(bytes: Uint8Array, from: number, to: number): number | "malformed" | null {
  for (let at = from; at < to; at++) {
    const code = bytes[at]!;
    if (code === LF) return "malformed";
    if (code === CR) {
      if (at + 1 === to) return null;
      return bytes[at + 1] === LF ? at : "malformed";
    }
  }
  return null;
}
