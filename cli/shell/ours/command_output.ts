/**
 * What commands of ours write with: results in pieces, progress, and what could not be read.
 *
 * @module
 */
import type { ShellContext } from "../shell_command.ts";

/** A piece is printed when it has so many letters, or is so old. */
const PIECE_LENGTH = 16 * 1024;
const PIECE_AGE_MS_MAX = 100;

/** Progress is shown for work that takes longer than this, and then so often. */
const PROGRESS_AFTER_MS = 700;
const PROGRESS_EVERY_MS = 200;

/** Subtrees named on stderr; the rest is counted. */
const DENIED_NAMED_COUNT_MAX = 20;

/** Gathers what a command prints: a million lines one by one would be a million system calls. */
export class CommandOutput {
  readonly #context: ShellContext;
  #piece = "";
  #printedAtMs = performance.now();

  constructor(context: ShellContext) {
    this.#context = context;
  }

  line(text: string): void {
    this.write(`${text}\n`);
  }

  /** @throws {OutputClosedError} */
  write(text: string): void {
    this.#piece += text;
    if (
      this.#piece.length >= PIECE_LENGTH ||
      performance.now() - this.#printedAtMs > PIECE_AGE_MS_MAX
    ) this.flush();
  }

  flush(): void {
    const piece = this.#piece;
    this.#piece = "";
    this.#printedAtMs = performance.now();
    if (piece !== "") this.#context.print(piece);
  }
}

/** A line on stderr that counts, where a person looks at it and work takes long. */
export class Progress {
  readonly #context: ShellContext;
  readonly #isShown: boolean;
  #nextMs = performance.now() + PROGRESS_AFTER_MS;
  #length = 0;

  /** @param isQuiet results go by on the same terminal, which are progress enough */
  constructor(context: ShellContext, { isQuiet = false }: { isQuiet?: boolean } = {}) {
    this.#context = context;
    this.#isShown = context.world.terminal.stderr && !isQuiet;
  }

  /** `text` is asked for only when it will be shown. */
  tell(text: () => string): void {
    if (!this.#isShown || performance.now() < this.#nextMs) return;
    this.#nextMs = performance.now() + PROGRESS_EVERY_MS;
    const line = text();
    this.#context.world.writeStderr(`\r${line.padEnd(this.#length)}`);
    this.#length = line.length;
  }

  /** Takes the line away. */
  end(): void {
    if (this.#length > 0) this.#context.world.writeStderr(`\r${" ".repeat(this.#length)}\r`);
    this.#length = 0;
  }
}

/** Subtrees that may not be read: named on stderr as they are met. */
export class DeniedSubtrees {
  count = 0;
  readonly #context: ShellContext;
  readonly #command: string;

  constructor(context: ShellContext, command: string) {
    this.#context = context;
    this.#command = command;
  }

  add(path: string): void {
    this.count += 1;
    if (this.count > DENIED_NAMED_COUNT_MAX) return;
    this.#context.complain(
      `${this.#command}: Insufficient permission : ${path} (it is not read, nor what is below it)\n`,
    );
  }

  /** Tells of those not named; @returns whether there were any */
  end(): boolean {
    const more = this.count - DENIED_NAMED_COUNT_MAX;
    if (more > 0) {
      this.#context.complain(
        `${this.#command}: Insufficient permission : ${counted(more, "further znode")}\n`,
      );
    }
    return this.count > 0;
  }
}

/** `1 znode`, `12,345 znodes`. */
export function counted(count: number, noun: string): string {
  return `${grouped(count)} ${noun}${count === 1 ? "" : "s"}`;
}

/** Digits in groups of three. */
export function grouped(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ",");
}
