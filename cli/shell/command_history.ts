/**
 * The lines given to one run of the shell, by number: what `history` lists and `redo` takes up.
 *
 * @module
 */

/** How many `history` lists before the one it stands in itself. */
const LISTED_COUNT = 10;

export class CommandHistory {
  readonly #lines: string[] = [];
  #next = 0;

  /** Of the line that is being carried out, or that comes next: the number in the prompt. */
  get number(): number {
    return this.#next;
  }

  /** The line that is being carried out; of a redone one, what it stands for. */
  begin(line: string): void {
    this.#lines[this.#next] = line;
  }

  /** The line is done, however it ended. */
  end(): void {
    this.#next += 1;
  }

  /** Undefined: there is none of that number. */
  lineAt(number: number): string | undefined {
    return this.#lines[number];
  }

  /** The last ones, as `history` prints them. A command given as arguments is no line. */
  listed(): { number: number; line: string | null }[] {
    const first = Math.max(0, this.#next - LISTED_COUNT);
    return Array.from({ length: this.#next - first + 1 }, (_, i) => ({
      number: first + i,
      line: this.#lines[first + i] ?? null,
    }));
  }
}
