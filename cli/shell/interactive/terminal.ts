/**
 * The terminal itself: its modes, keys, size and signals.
 *
 * In raw mode, so that Ctrl-C and Ctrl-Z are keys; whoever opens it closes it, in whatever way the shell ends.
 *
 * @module
 */

import type { World } from "../../world.ts";
import { BRACKETED_PASTE, type Key, KeyReader } from "./key_reader.ts";

export interface TerminalListener {
  onKey(key: Key): void;
  /** No key will come any more: it hung up. */
  onEnd(): void;
  onResize(): void;
  /** It was another program's for a while. */
  onResume(): void;
  /** SIGTERM, SIGHUP. */
  onStop(signal: string): void;
}

const CTRL_C: Key = {
  text: "\x03",
  name: "c",
  ctrl: true,
  meta: false,
  shift: false,
  sequence: "\x03",
  isPasted: false,
};

export class RawTerminal implements Disposable {
  readonly #world: World;
  readonly #listener: TerminalListener;
  readonly #keys: KeyReader;
  readonly #isDumb: boolean;
  #isRaw = false;
  #isClosed = false;

  constructor(world: World, listener: TerminalListener) {
    this.#world = world;
    this.#listener = listener;
    this.#isDumb = isDumbTerminal(world);
    this.#keys = new KeyReader((key) => listener.onKey(key));
    world.onStopSignal((signal) => {
      if (signal === "SIGINT") listener.onKey(CTRL_C);
      else listener.onStop(signal);
    });
    for (const [signal, act] of this.#signals) Deno.addSignalListener(signal, act);
    this.#enter();
    this.#read();
  }

  /** Gives the terminal back to the shell that started us, till it calls us again. */
  suspend(): void {
    this.#leave();
    try {
      Deno.kill(0, "SIGTSTP"); // all of the job, as a key in the terminal's own mode would
    } catch {
      this.#resume(); // not permitted: as if the key had done nothing
    }
  }

  [Symbol.dispose](): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const [signal, act] of this.#signals) Deno.removeSignalListener(signal, act);
    this.#leave();
    this.#keys.close();
  }

  readonly #signals: readonly [Deno.Signal, () => void][] = [
    ["SIGWINCH", () => this.#listener.onResize()],
    ["SIGCONT", () => this.#resume()],
    ["SIGHUP", () => this.#listener.onStop("SIGHUP")],
  ];

  #resume(): void {
    this.#isRaw = false; // who had it in between may have set its modes
    this.#enter();
    this.#listener.onResume();
  }

  #enter(): void {
    if (this.#isRaw) return;
    this.#isRaw = true;
    Deno.stdin.setRaw(true);
    if (!this.#isDumb) this.#world.writeStdout(BRACKETED_PASTE.on);
  }

  #leave(): void {
    if (!this.#isRaw) return;
    this.#isRaw = false;
    if (!this.#isDumb) this.#world.writeStdout(BRACKETED_PASTE.off);
    try {
      Deno.stdin.setRaw(false);
    } catch {
      // It is gone.
    }
  }

  async #read(): Promise<void> {
    try {
      for await (const bytes of this.#world.stdin()) this.#keys.write(bytes);
    } catch {
      // It hung up.
    }
    this.#listener.onEnd();
  }
}

/** It can neither move its cursor nor show colours. */
export function isDumbTerminal(world: World): boolean {
  return world.environment("TERM") === "dumb";
}
