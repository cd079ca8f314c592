/**
 * Text in lines that fit a terminal.
 *
 * @module
 */

const COLUMNS_MIN = 40;
/** Longer lines are hard to read. */
const COLUMNS_MAX = 110;

/** @param first what the first line begins with; the others are indented as far */
export function wrapped(
  text: string,
  { first, columns }: { readonly first: string; readonly columns: number },
): string {
  const width = Math.min(Math.max(columns, COLUMNS_MIN), COLUMNS_MAX);
  const rest = " ".repeat(first.length);
  let lines = "";
  let line = first;
  let isEmpty = true;
  for (const word of text.split(/\s+/)) {
    if (!isEmpty && line.length + 1 + word.length > width) {
      lines += `${line}\n`;
      line = rest;
      isEmpty = true;
    }
    line += isEmpty ? word : ` ${word}`;
    isEmpty = false;
  }
  return `${lines}${line}\n`;
}
