/**
 * What a word may become, and how that is shown.
 *
 * @module
 */

export interface Candidate {
  /** In place of the word, with the blank or quote that closes it if nothing can follow. */
  readonly text: string;
  /** In a list of several. */
  readonly shown: string;
}

const GAP = 2;

export function commonPrefix(texts: readonly string[]): string {
  const [first = "", ...others] = texts;
  let end = first.length;
  for (const other of others) {
    while (!other.startsWith(first.slice(0, end))) end -= 1;
  }
  // Not between the halves of one character.
  return /[\uD800-\uDBFF]$/.test(first.slice(0, end))
    ? first.slice(0, end - 1)
    : first.slice(0, end);
}

/** Lines of a terminal, filled from above to below as `ls` fills them. */
export function inColumns(names: readonly string[], columns: number): string {
  const width = Math.max(0, ...names.map(lengthOf)) + GAP;
  const columnCount = Math.max(1, Math.floor((columns - 1) / width));
  const rowCount = Math.ceil(names.length / columnCount);
  const rows = Array.from({ length: rowCount }, (_, row) => {
    const cells = names.filter((_, i) => i % rowCount === row);
    return cells.map((name) => name + " ".repeat(width - lengthOf(name))).join("").trimEnd();
  });
  return rows.map((row) => `${row}\n`).join("");
}

function lengthOf(name: string): number {
  return [...name].length;
}
