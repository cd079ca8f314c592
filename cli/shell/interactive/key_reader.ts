/**
 * Bytes of a terminal as keys.
 *
 * The decoding is that of node:readline. It does not know bracketed paste (Deno 2.9), whose marks are taken out here.
 *
 * @module
 */

import { emitKeypressEvents } from "node:readline";
import { PassThrough } from "node:stream";

export interface Key {
  /** What it puts into a line; undefined: nothing. */
  readonly text: string | undefined;
  /** `return`, `up`, `c`; undefined for what only has a text. */
  readonly name: string | undefined;
  readonly ctrl: boolean;
  readonly meta: boolean;
  readonly shift: boolean;
  readonly sequence: string;
  /** It was not typed: a tab does not complete. */
  readonly isPasted: boolean;
}

interface NodeKey {
  readonly sequence: string;
  readonly name?: string;
  readonly ctrl?: boolean;
  readonly meta?: boolean;
  readonly shift?: boolean;
  readonly code?: string;
}

/** Sent to the terminal, so that it marks what is pasted, and no longer. */
export const BRACKETED_PASTE = { on: "\x1b[?2004h", off: "\x1b[?2004l" } as const;

const PASTE_START = "[200";
const PASTE_END = "[201";

export class KeyReader {
  readonly #bytes = new PassThrough();
  readonly #onKey: (key: Key) => void;
  #isPasting = false;
  /** The decoder ends a mark before its `~`. */
  #isMarkOpen = false;

  constructor(onKey: (key: Key) => void) {
    this.#onKey = onKey;
    emitKeypressEvents(this.#bytes);
    this.#bytes.on("keypress", (text: string | undefined, key: NodeKey) => this.#take(text, key));
  }

  write(bytes: Uint8Array): void {
    this.#bytes.write(bytes);
  }

  /** A lone escape key is waited with for what may follow it: not after this. */
  close(): void {
    this.#bytes.removeAllListeners();
    this.#bytes.destroy();
  }

  #take(text: string | undefined, key: NodeKey): void {
    if (this.#isMarkOpen) {
      this.#isMarkOpen = false;
      if (text === "~") return;
    }
    const code = key.code?.replace("~", "");
    if (code === PASTE_START || code === PASTE_END) {
      this.#isPasting = code === PASTE_START;
      this.#isMarkOpen = !key.sequence.endsWith("~");
      return;
    }
    const name = key.name === "undefined" ? undefined : key.name;
    if (text === undefined && name === undefined) return; // a key that nobody knows
    this.#onKey({
      text,
      name,
      ctrl: key.ctrl ?? false,
      meta: key.meta ?? false,
      shift: key.shift ?? false,
      sequence: key.sequence,
      isPasted: this.#isPasting,
    });
  }
}
