/**
 * What a Tab offers: commands, their options, znodes of any depth, files.
 *
 * Znodes are asked of the server, for a short time: a server that is away or slow completes nothing, and keeps nobody
 * from typing.
 *
 * @module
 */

import type { ZooKeeperClient } from "../../../net/client/client_types.ts";
import type { ShellCommand } from "../shell_command.ts";
import type { Candidate } from "./candidates.ts";
import type { Completion } from "./line_editor.ts";
import { unfinishedLine, type UnfinishedWord } from "./unfinished_line.ts";
import { usageOptions } from "./usage_options.ts";

/** For all that is asked of a server at one Tab. */
const ANSWER_MS_MAX = 1000;
/** Of a directory on disk. */
const FILE_COUNT_MAX = 10_000;

/** `-file path`, `--output FILE`: what follows is a file. */
const FILE = /file$/i;

export class Completer {
  readonly #commands: readonly ShellCommand[];
  readonly #client: () => ZooKeeperClient | null;

  constructor(commands: readonly ShellCommand[], client: () => ZooKeeperClient | null) {
    this.#commands = commands;
    this.#client = client;
  }

  /** @param line up to the cursor */
  async complete(line: string, signal: AbortSignal): Promise<Completion> {
    const { words, last } = unfinishedLine(line);
    const [name, ...before] = words;
    if (name === undefined) {
      return closedWords(last, this.#commands.map((command) => command.name));
    }
    const command = this.#commands.find((known) => known.name === name);
    if (command === undefined) return { from: last.from, candidates: [] };
    return await this.#argument({ command, before, last, signal });
  }

  async #argument({ command, before, last, signal }: {
    command: ShellCommand;
    before: readonly string[];
    last: UnfinishedWord;
    signal: AbortSignal;
  }): Promise<Completion> {
    const { options, choices } = usageOptions(command);
    const [, joined, rest] = /^(--[\w-]+)=(.*)$/s.exec(last.text) ?? [];
    const option = joined ?? before.at(-1) ?? "";
    const word = joined === undefined
      ? last
      : { ...last, from: last.from + joined.length + 1, text: rest! };
    const value = options.get(option) ?? null;
    const isFile = value !== null && (FILE.test(value) || FILE.test(option));
    if (isFile || /^\.\.?\//.test(word.text)) return files(word);
    if (value?.includes("|")) return closedWords(word, value.split("|"));
    if (word.text.startsWith("-")) return closedWords(word, [...options.keys()]);
    if (word.text.startsWith("/")) return await this.#znodes(word, signal);
    if (value === null && choices.length > 0) return closedWords(word, choices);
    const isPath = value === null ? /\bpath\b/.test(command.usage) : /^path$/i.test(value);
    const candidates = word.text === "" && isPath ? [{ text: `${word.quote}/`, shown: "/" }] : [];
    return { from: word.from, candidates };
  }

  async #znodes(word: UnfinishedWord, interrupted: AbortSignal): Promise<Completion> {
    const { from, text } = word;
    const none = { from, candidates: [] };
    const client = this.#client();
    const slash = text.lastIndexOf("/");
    const parent = text.slice(0, slash);
    if (client === null || !client.state.startsWith("CONNECTED") || parent === "/") return none;
    const signal = AbortSignal.any([interrupted, AbortSignal.timeout(ANSWER_MS_MAX)]);
    const start = text.slice(slash + 1);
    try {
      const { children } = await client.getChildren(parent === "" ? "/" : parent, { signal });
      const names = children.filter((name) => name.startsWith(start)).sort();
      const only = names.length === 1 ? `${parent}/${names[0]}` : null;
      if (only === null) {
        const candidates = names.map((name) => ({ text: `${parent}/${name}`, shown: name }));
        return { from, candidates: quoted(word, candidates, "") };
      }
      const stat = await client.exists(only, { signal });
      const isParent = (stat?.numChildren ?? 0) > 0;
      // Of a znode with children the znode itself may be meant: the slash comes at the next Tab.
      const candidate = { text: isParent && only === text ? `${only}/` : only, shown: only };
      return { from, candidates: quoted(word, [candidate], isParent ? "" : " ") };
    } catch {
      return none; // it is not there, is not ours to see, or the server does not answer
    }
  }
}

/** Of words that nothing continues. */
function closedWords(word: UnfinishedWord, all: readonly string[]): Completion {
  const found = [...new Set(all)].filter((one) => one.startsWith(word.text)).sort();
  const candidates = found.map((text) => ({ text, shown: text }));
  return { from: word.from, candidates: quoted(word, candidates, " ") };
}

function files(word: UnfinishedWord): Completion {
  const slash = word.text.lastIndexOf("/");
  const directory = word.text.slice(0, slash + 1);
  const start = word.text.slice(slash + 1);
  const found: Candidate[] = [];
  try {
    let count = 0;
    for (const entry of Deno.readDirSync(directory === "" ? "." : directory)) {
      if (++count > FILE_COUNT_MAX) break;
      // Hidden ones where a dot is typed.
      if (!entry.name.startsWith(start) || entry.name.startsWith(".") && start === "") continue;
      const shown = isDirectory(directory, entry) ? `${entry.name}/` : entry.name;
      found.push({ text: directory + shown, shown });
    }
  } catch {
    // No such directory, or it is not ours to read.
  }
  found.sort((a, b) => a.shown < b.shown ? -1 : 1);
  const isDirectoryOnly = found.length === 1 && found[0]!.shown.endsWith("/");
  return { from: word.from, candidates: quoted(word, found, isDirectoryOnly ? "" : " ") };
}

function isDirectory(directory: string, { name, isDirectory, isSymlink }: Deno.DirEntry): boolean {
  if (!isSymlink) return isDirectory;
  try {
    return Deno.statSync(directory + name).isDirectory;
  } catch {
    return false; // it points nowhere
  }
}

/** As they are to be typed; the only one closed by its quote and `end`, where nothing is to follow in the word. */
function quoted(word: UnfinishedWord, candidates: Candidate[], end: "" | " "): Candidate[] {
  const hasBlanks = candidates.some(({ text }) => /\s/.test(text));
  const hasQuote = candidates.some(({ text }) => text.includes('"'));
  const quote = word.quote !== "" ? word.quote : !hasBlanks ? "" : hasQuote ? "'" : '"';
  const close = candidates.length === 1 && end !== "" ? quote + end : "";
  return candidates.map(({ text, shown }) => ({ text: quote + text + close, shown }));
}
