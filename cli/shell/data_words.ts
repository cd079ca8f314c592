/**
 * A znode's data on the command line: as a word, as base64, from a file or from a pipe; and printed, as text, as
 * base64, in hex.
 *
 * @module
 */

import { encodeUtf8 } from "../../core/wire/jute.ts";
import type { CommandWords } from "./command_words.ts";
import { type ShellContext, ShellError } from "./shell_command.ts";

/** Where `--file -` reads. */
const STDIN = "-";

/** With `--file`, what the file holds; with `-b`, the word as base64; else the word itself. Null: there is no word. */
export async function givenData(
  context: ShellContext,
  { words, word, isBase64 }: {
    words: CommandWords;
    word: string | undefined;
    isBase64: boolean;
  },
): Promise<Uint8Array | null> {
  const file = words.value("file");
  if (file !== undefined) return await fileData(context, file);
  if (word === undefined) return null;
  if (!isBase64) return encodeUtf8(word);
  try {
    return Uint8Array.fromBase64(word);
  } catch {
    throw new ShellError(`Cannot read the data "${word}": it is not base64, as -b demands`);
  }
}

async function fileData(context: ShellContext, file: string): Promise<Uint8Array> {
  if (file === STDIN) {
    return new Uint8Array(await new Response(context.world.stdin()).arrayBuffer());
  }
  try {
    return await Deno.readFile(file);
  } catch (error) {
    throw new ShellError(`Cannot read the file "${file}": ${(error as Error).message}`);
  }
}

/** As hex and as text, sixteen bytes a line, in a frame. */
export function hexDump(data: Uint8Array): string {
  if (data.length === 0) return "\n";
  const frame = "+--------+-------------------------------------------------+----------------+\n";
  let dump = "         +-------------------------------------------------+\n" +
    "         |  0  1  2  3  4  5  6  7  8  9  a  b  c  d  e  f |\n" + frame;
  for (let at = 0; at < data.length; at += 16) {
    const row = [...data.subarray(at, at + 16)];
    const hex = row.map((byte) => ` ${byte.toString(16).padStart(2, "0")}`).join("");
    const text = row.map((byte) => byte > 0x1f && byte < 0x7f ? String.fromCharCode(byte) : ".");
    const offset = at.toString(16).padStart(8, "0");
    dump += `|${offset}|${hex.padEnd(48)} |${text.join("").padEnd(16)}|\n`;
  }
  return dump + frame;
}
