/**
 * `grep`: lines of znodes' data that match a pattern.
 *
 * @module
 */
import type { ShellContext } from "../shell_command.ts";
import { CommandOutput, counted, DeniedSubtrees, Progress } from "./command_output.ts";
import { patternOf, quoted } from "./linear_pattern.ts";
import { OptionWords, usageError } from "./option_words.ts";
import { asTrouble, TROUBLE } from "./trouble.ts";
import { walkTree } from "./tree_walk.ts";
import { checkedPath, printable, textOf } from "./znode_text.ts";

const NOTHING_FOUND = 1;

const WORD_START = String.raw`(?:^|[^\p{L}\p{N}_])`;
const WORD_END = String.raw`(?:[^\p{L}\p{N}_]|$)`;

const lossyDecoder = new TextDecoder("utf-8", { ignoreBOM: true });

export function runGrep(context: ShellContext, words: readonly string[]): Promise<number> {
  return asTrouble(() => grep(context, words));
}

async function grep(context: ShellContext, words: readonly string[]): Promise<number> {
  const options = new OptionWords("grep", {
    ...{ "-i": "flag", "-l": "flag", "-L": "flag", "-v": "flag", "-c": "flag", "-n": "flag" },
    ...{ "-F": "flag", "-E": "flag", "-w": "flag", "-x": "flag", "-a": "flag", "-q": "flag" },
    ...{ "-e": "value", "-m": "value" },
    "-maxdepth": "value",
  }, words);
  const [first, ...rest] = options.operands;
  const pattern = options.value("-e") ?? first;
  if (pattern === undefined) throw usageError("grep", "the pattern is missing");
  const tops = options.has("-e") ? options.operands : rest;
  if (tops.length === 0) tops.push("/");
  for (const top of tops) checkedPath("grep", top);
  const isWanted = lineTest(pattern, options);
  const countMax = options.integer("-m", { min: 1 }) ?? Infinity;
  const depthMax = options.integer("-maxdepth", { min: 0 }) ?? Infinity;
  const isQuiet = options.has("-q");
  const output = new CommandOutput(context);
  const report = reportOf(output, options, options.isJson(context));
  const denied = new DeniedSubtrees(context, "grep");
  const progress = new Progress(context, { isQuiet: context.world.terminal.stdout });
  let visited = 0;
  let isFound = false;
  try {
    for (const top of tops) {
      const walk = walkTree(context.connectedClient(), top, {
        signal: context.signal,
        withData: true,
        depthMax,
      });
      for await (const { path, znode } of walk) {
        if (znode === null) continue;
        visited += 1;
        progress.tell(() => `${counted(visited, "znode")}: ${path}`.slice(0, 79));
        if (znode.isDenied) {
          denied.add(path);
          if (znode.data === null) continue;
        }
        const matches = matchesIn(znode.data, isWanted, { countMax });
        const isHit = options.has("-L") ? matches.lines.length === 0 : matches.lines.length > 0;
        if (isHit) isFound = true;
        if (isQuiet && isFound) return 0;
        if (!isQuiet && (isHit || options.has("-c"))) {
          const isBinary = matches.isBinary && !options.has("-a");
          report({ path, ...matches, isBinary });
        }
      }
    }
  } finally {
    progress.end();
    output.flush();
  }
  if (denied.end()) return TROUBLE;
  return isFound ? 0 : NOTHING_FOUND;
}

interface Matches {
  readonly lines: readonly { readonly number: number; readonly text: string }[];
  /** The data is no text: its lines are not shown. */
  readonly isBinary: boolean;
}

function matchesIn(
  data: Uint8Array | null,
  isWanted: (line: string) => boolean,
  { countMax }: { countMax: number },
): Matches {
  if (data === null || data.length === 0) return { lines: [], isBinary: false };
  const plain = textOf(data);
  const text = plain ?? lossyDecoder.decode(data);
  const lines: { number: number; text: string }[] = [];
  let number = 1;
  // what ends with a line end has no further, empty line behind it
  const ended = text.endsWith("\n") ? text.slice(0, -1) : text;
  for (const line of ended.split("\n")) {
    if (isWanted(line)) lines.push({ number, text: line });
    if (lines.length >= countMax) break;
    number += 1;
  }
  return { lines, isBinary: plain === null };
}

function lineTest(pattern: string, options: OptionWords): (line: string) => boolean {
  if (options.has("-F") && options.has("-E")) {
    throw usageError("grep", "-F and -E exclude each other");
  }
  const source = options.has("-F") ? quoted(pattern) : pattern;
  const flags = { ignoreCase: options.has("-i") };
  const plain = patternOf("grep", source, flags, pattern);
  const isWanted = !options.has("-v");
  // a line that is the pattern holds it as a word, too
  if (options.has("-x")) return (line) => plain.testExact(line) === isWanted;
  if (!options.has("-w")) return (line) => plain.test(line) === isWanted;
  const words = patternOf("grep", `${WORD_START}(?:${source})${WORD_END}`, flags, pattern);
  return (line) => words.test(line) === isWanted;
}

function reportOf(
  output: CommandOutput,
  options: OptionWords,
  isJson: boolean,
): (hit: Matches & { path: string }) => void {
  const isListed = options.has("-l") || options.has("-L");
  return ({ path, lines, isBinary }) => {
    if (isJson) {
      if (isListed) output.line(JSON.stringify({ path }));
      else if (options.has("-c")) output.line(JSON.stringify({ path, count: lines.length }));
      else if (isBinary) output.line(JSON.stringify({ path, binary: true }));
      else {
        for (const { number, text } of lines) {
          output.line(JSON.stringify({ path, line: number, text }));
        }
      }
      return;
    }
    if (isListed) output.line(path);
    else if (options.has("-c")) output.line(`${path}:${lines.length}`);
    else if (isBinary) output.line(`${path}: binary data matches`);
    else {
      for (const { number, text } of lines) {
        const place = options.has("-n") ? `${path}:${number}` : path;
        output.line(`${place}:${printable(text)}`);
      }
    }
  };
}
