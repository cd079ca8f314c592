/**
 * Ctrl-R: looks for what is typed in the lines of before, newest first, as bash does.
 *
 * @module
 */

export class HistorySearch {
  readonly #history: readonly string[];
  /** The line that was being typed. */
  readonly before: string;
  #query = "";
  /** In the history; -1: nothing is found yet, the line is the one of before. */
  #at = -1;
  #hasFailed = false;

  /** @param history newest first */
  constructor(history: readonly string[], before: string) {
    this.#history = history;
    this.before = before;
  }

  get prompt(): string {
    return `(${this.#hasFailed ? "failed " : ""}reverse-i-search)\`${this.#query}': `;
  }

  /** What is found. */
  get line(): string {
    return this.#history[this.#at] ?? this.before;
  }

  /** Where in it the found text begins. */
  get cursor(): number {
    return this.#at < 0 ? this.line.length : Math.max(0, this.line.indexOf(this.#query));
  }

  type(text: string): void {
    this.#query += text;
    this.#find(Math.max(0, this.#at), 1);
  }

  erase(): void {
    this.#query = [...this.#query].slice(0, -1).join("");
    this.#at = -1;
    this.#hasFailed = false;
    if (this.#query !== "") this.#find(0, 1);
  }

  older(): void {
    if (this.#query !== "") this.#find(this.#at + 1, 1);
  }

  newer(): void {
    if (this.#query !== "") this.#find(this.#at - 1, -1);
  }

  #find(from: number, step: 1 | -1): void {
    const shown = this.#at < 0 ? null : this.line;
    for (let at = from; at >= 0 && at < this.#history.length; at += step) {
      const line = this.#history[at]!;
      if (!line.includes(this.#query) || at !== this.#at && line === shown) continue;
      this.#at = at;
      this.#hasFailed = false;
      return;
    }
    this.#hasFailed = true;
  }
}
