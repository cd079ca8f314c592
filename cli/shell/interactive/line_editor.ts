/**
 * Takes lines from a terminal, one at a time, with what else is printed above the one being typed.
 *
 * The editing itself (cursor, words, kill ring, undo, history, lines longer than the terminal) is that of
 * node:readline, which gets single keys from here and reads nothing itself. So keys that come while a command runs
 * wait for the next prompt, as pasted lines must, and Ctrl-C still reaches the command.
 *
 * @module
 */

import {
  clearScreenDown,
  createInterface,
  cursorTo,
  type Interface,
  moveCursor,
} from "node:readline";
import { PassThrough, Writable } from "node:stream";
import { type Candidate, commonPrefix, inColumns } from "./candidates.ts";
import { HistorySearch } from "./history_search.ts";
import type { Key } from "./key_reader.ts";

/** Ahead of the prompt; more are dropped. */
const WAITING_KEY_COUNT_MAX = 1_000_000;
const LINE_FEED = 0x0a;
/** At a Tab. */
const LISTED_COUNT_MAX = 200;

export type Entry =
  | { readonly kind: "line"; readonly text: string }
  /** Ctrl-C; `isEmpty`: there was nothing to drop. */
  | { readonly kind: "interrupt"; readonly isEmpty: boolean }
  /** Ctrl-D on an empty line, or there is no terminal any more. */
  | { readonly kind: "end" };

export interface Completion {
  /** Where the word begins that the candidates stand for. */
  readonly from: number;
  readonly candidates: readonly Candidate[];
}

export interface EditorPorts {
  write(output: string | Uint8Array): void;
  columns(): number;
  /** With the escape sequences that colour it, if any. */
  prompt(): string;
  /** Of the line up to the cursor. Takes a short time at most, and does not throw. */
  complete(line: string, signal: AbortSignal): Promise<Completion>;
  /** Ctrl-C while no line is read. @returns whether there was a command for it */
  interruptCommand(): boolean;
  /** Ctrl-Z. */
  onSuspend(): void;
}

/** What is not in the types of an interface; `prevRows`: above the cursor when it last drew. */
type OpenInterface = Interface & {
  line: string;
  cursor: number;
  history: string[];
  historyIndex: number;
  prevRows: number;
};

export class LineEditor {
  readonly #ports: EditorPorts;
  readonly #output: Writable;
  readonly #readline: OpenInterface;
  /** A terminal that cannot move its cursor. */
  readonly #isDumb: boolean;
  #keys: Key[] = [];
  #hasEnded = false;
  #reading: ((entry: Entry) => void) | null = null;
  #completing: AbortController | null = null;
  #search: HistorySearch | null = null;
  #isAtLineStart = true;

  /** @param history oldest first */
  constructor(ports: EditorPorts, { history, historyCountMax, isDumb }: {
    history: readonly string[];
    historyCountMax: number;
    isDumb: boolean;
  }) {
    this.#ports = ports;
    this.#isDumb = isDumb;
    this.#output = new Writable({
      decodeStrings: false,
      write: (text, _encoding, done) => {
        ports.write(String(text));
        done();
      },
    });
    Object.defineProperty(this.#output, "columns", { get: () => ports.columns() });
    this.#readline = createInterface({
      input: new PassThrough(),
      output: this.#output,
      terminal: true,
      history: history.toReversed(),
      historySize: historyCountMax,
    }) as OpenInterface;
    this.#readline.on("line", (text: string) => this.#finish({ kind: "line", text }));
  }

  /** Resolves when a line is entered. One at a time. */
  read(): Promise<Entry> {
    if (!this.#isAtLineStart) this.print("\n");
    const { promise, resolve } = Promise.withResolvers<Entry>();
    this.#reading = resolve;
    this.resume();
    this.#work();
    return promise;
  }

  take(key: Key): void {
    if (isCtrl(key, "c")) {
      this.#keys = []; // typed ahead, for what is interrupted
      this.#completing?.abort();
      if (this.#reading === null && this.#ports.interruptCommand()) return;
    }
    if (this.#reading === null && isCtrl(key, "z")) return this.#ports.onSuspend();
    if (this.#keys.length < WAITING_KEY_COUNT_MAX) this.#keys.push(key);
    this.#work();
  }

  /** No key will come any more. */
  end(): void {
    this.#hasEnded = true;
    this.#work();
  }

  /** Above the line that is being typed, if there is one. @param write default: to stdout */
  print(output: string | Uint8Array, write = this.#ports.write): void {
    if (output.length === 0) return;
    const isWholeLine = output.at(-1) === "\n" || output.at(-1) === LINE_FEED;
    if (this.#reading === null) {
      this.#isAtLineStart = isWholeLine;
      return write(output);
    }
    this.#leaveLine();
    write(output);
    if (!isWholeLine) write("\n");
    this.resume();
  }

  /** What the prompt tells may have changed. */
  refreshPrompt(): void {
    if (this.#reading === null || this.#isDumb) return; // there it stands below what is printed next
    if (this.#promptNow() !== this.#readline.getPrompt()) this.#draw();
  }

  /** The terminal was another program's for a while. */
  resume(): void {
    this.#readline.prevRows = 0;
    this.#draw();
  }

  /** The terminal has another size. */
  resize(): void {
    if (this.#reading !== null) this.#output.emit("resize");
  }

  /** What is typed so far stays on the screen. */
  close(): void {
    if (this.#reading !== null) {
      this.#toLineEnd();
      this.#ports.write("\n");
    }
    this.#reading = null;
    this.#completing?.abort();
    this.#readline.close();
  }

  #work(): void {
    while (this.#reading !== null && this.#completing === null) {
      const key = this.#keys.shift();
      if (key !== undefined) this.#handle(key);
      else if (this.#hasEnded) this.#finish({ kind: "end" });
      else return;
    }
  }

  #handle(key: Key): void {
    if (this.#search !== null && this.#searchTakes(key, this.#search)) return;
    const { line } = this.#readline;
    if (isCtrl(key, "c")) return this.#drop();
    if (isCtrl(key, "d") && line === "") {
      this.#ports.write("\n");
      return this.#finish({ kind: "end" });
    }
    if (isCtrl(key, "z")) {
      this.#toLineEnd();
      this.#ports.write("\n");
      return this.#ports.onSuspend();
    }
    if (isCtrl(key, "r")) return this.#show(new HistorySearch(this.#readline.history, line));
    if (key.name === "tab" && !key.isPasted) return this.#complete();
    if (this.#isDumb && key.name === "backspace") return this.#eraseDumb();
    const { text, isPasted: _, ...rest } = key;
    this.#readline.write(text as string, rest);
  }

  #finish(entry: Entry): void {
    const resolve = this.#reading;
    this.#reading = null;
    this.#isAtLineStart = true;
    resolve?.(entry);
  }

  /** Ctrl-C: the line stays on the screen, and is gone. */
  #drop(): void {
    const isEmpty = this.#readline.line === "";
    this.#toLineEnd();
    this.#ports.write("^C\n");
    this.#readline.line = "";
    this.#readline.cursor = 0;
    this.#readline.historyIndex = -1;
    this.#finish({ kind: "interrupt", isEmpty });
  }

  #promptNow(): string {
    return this.#search?.prompt ?? this.#ports.prompt();
  }

  #draw(): void {
    if (this.#reading === null) return;
    this.#readline.setPrompt(this.#promptNow());
    this.#readline.prompt(true);
    if (this.#isDumb) this.#ports.write(this.#readline.line);
  }

  #toLineEnd(): void {
    if (!this.#isDumb) this.#readline.write(null as unknown as string, { ctrl: true, name: "e" });
  }

  /** From the line to where it began, with nothing left of it. */
  #leaveLine(): void {
    if (this.#isDumb) return this.#ports.write("\n");
    moveCursor(this.#output, 0, -this.#readline.getCursorPos().rows);
    cursorTo(this.#output, 0);
    clearScreenDown(this.#output);
  }

  #eraseDumb(): void {
    const { line } = this.#readline;
    if (line === "") return;
    this.#readline.line = [...line].slice(0, -1).join("");
    this.#readline.cursor = this.#readline.line.length;
    this.#ports.write("\b \b");
  }

  /** @returns whether that was all there is to do for the key */
  #searchTakes(key: Key, search: HistorySearch): boolean {
    if (isCtrl(key, "r")) search.older();
    else if (isCtrl(key, "s")) search.newer();
    else if (key.name === "backspace") search.erase();
    else if (isCtrl(key, "g")) return this.#endSearch(search.before, search.before.length);
    else if (isPrintable(key)) search.type(key.text!);
    else {
      this.#endSearch(search.line, search.cursor);
      return key.name === "escape";
    }
    this.#show(search);
    return true;
  }

  #show(search: HistorySearch): void {
    this.#search = search;
    this.#readline.line = search.line;
    this.#readline.cursor = search.cursor;
    this.#draw();
  }

  #endSearch(line: string, cursor: number): true {
    this.#search = null;
    this.#readline.line = line;
    this.#readline.cursor = cursor;
    this.#draw();
    return true;
  }

  #complete(): void {
    const { line, cursor } = this.#readline;
    const completing = this.#completing = new AbortController();
    this.#ports.complete(line.slice(0, cursor), completing.signal).then((completion) => {
      this.#completing = null;
      if (this.#reading === null) return;
      if (!completing.signal.aborted) this.#apply(completion, line.slice(completion.from, cursor));
      this.#work();
    });
  }

  #apply({ candidates }: Completion, word: string): void {
    if (candidates.length === 0) return this.#ports.write("\x07");
    const text = commonPrefix(candidates.map((candidate) => candidate.text));
    if (text !== word && (candidates.length === 1 || text.length > word.length)) {
      this.#replace(word, text);
    }
    if (candidates.length === 1) return;
    const names = candidates.slice(0, LISTED_COUNT_MAX).map((candidate) => candidate.shown);
    const moreCount = candidates.length - names.length;
    const more = moreCount > 0 ? `... and ${moreCount} more\n` : "";
    this.print(inColumns(names, this.#ports.columns()) + more);
  }

  /** The word before the cursor. */
  #replace(word: string, text: string): void {
    if (text.startsWith(word)) return this.#readline.write(text.slice(word.length));
    const { line, cursor } = this.#readline;
    this.#readline.line = line.slice(0, cursor - word.length) + text + line.slice(cursor);
    this.#readline.cursor = cursor - word.length + text.length;
    this.#draw();
  }
}

function isCtrl(key: Key, name: string): boolean {
  return key.ctrl && !key.meta && key.name === name;
}

function isPrintable({ text, ctrl, meta }: Key): boolean {
  // deno-lint-ignore no-control-regex
  return text !== undefined && !ctrl && !meta && !/[\x00-\x1f\x7f]/.test(text);
}
