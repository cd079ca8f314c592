/**
 * The words of a line that is still being typed, split as `line_words.ts` splits the whole one.
 *
 * @module
 */

export interface UnfinishedWord {
  /** Where it begins in the line, with its quote. */
  readonly from: number;
  /** The one it begins with, which nothing closed so far. */
  readonly quote: "" | '"' | "'";
  /** Without the quote. */
  readonly text: string;
}

const FINISHED_WORD = /\s*("[^"]*"|'[^']*'|[^\s"']\S*(?=\s))/y;

/** @returns `last`: the word that the line ends in, empty behind a blank */
export function unfinishedLine(line: string): { words: string[]; last: UnfinishedWord } {
  const words: string[] = [];
  let at = 0;
  while (true) {
    FINISHED_WORD.lastIndex = at;
    const found = FINISHED_WORD.exec(line);
    if (found === null) break;
    at = FINISHED_WORD.lastIndex;
    words.push(found[1]!.replace(/^(["'])([^]*)\1$/, "$2"));
  }
  const rest = line.slice(at);
  const text = rest.trimStart();
  const from = line.length - text.length;
  const quote = /^["']/.exec(text)?.[0] as '"' | "'" | undefined ?? "";
  return { words, last: { from, quote, text: text.slice(quote.length) } };
}
