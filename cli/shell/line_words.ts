/**
 * The words of a line typed into the shell, split as zkCli.sh splits it.
 *
 * Quotes hold a word together only where one begins; there are no escapes. A quote that nothing closes is passed
 * over. A line of blanks has one word, a blank: no command has that name.
 *
 * @module
 */

const WORD = /\s*([^"']\S*|"[^"]*"|'[^']*')\s*/g;

export function lineWords(line: string): string[] {
  return [...line.matchAll(WORD)].map(([, word]) => withoutQuotes(word!));
}

function withoutQuotes(word: string): string {
  return /^(["'])[^]*\1$/.test(word) && word.length > 1 ? word.slice(1, -1) : word;
}
