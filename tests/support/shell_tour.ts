/**
 * A tour of shell commands in a document: its code blocks, run as a reader would, with what it says of their output
 * checked.
 *
 * A block ```` ```sh ```` is run in the first shell, ```` ```sh second ```` in another one: a command there may go
 * on while the first shell does further things, which wait for the first line of several that it prints. Lines
 * `# -> text` behind a command are what it prints: the words between `...` in that order. A command of the second
 * shell that has printed what was expected, and goes on, is ended at the end of its section.
 *
 * @module
 */
import assert from "node:assert/strict";
import { eventually } from "./eventually.ts";

export interface TourCommand {
  readonly text: string;
  readonly expected: readonly string[];
}

export interface TourBlock {
  readonly shell: "first" | "second";
  readonly commands: readonly TourCommand[];
}

export interface TourSection {
  readonly title: string;
  readonly blocks: readonly TourBlock[];
}

/** The sections of a chapter: its headings of one level below, each with its blocks. */
export function tourOf(markdown: string, chapter: string): TourSection[] {
  const level = /^#+/.exec(chapter)![0].length;
  const sections: { title: string; blocks: TourBlock[] }[] = [];
  let isInside = false;
  let fence: { info: string; body: string[] } | null = null;
  for (const line of markdown.split("\n")) {
    if (fence !== null && line !== "```") fence.body.push(line);
    else if (fence !== null) {
      const shell = /^sh( second)?$/.exec(fence.info);
      if (isInside && shell !== null) {
        const commands = commandsOf(fence.body);
        sections.at(-1)?.blocks.push({
          shell: shell[1] === undefined ? "first" : "second",
          commands,
        });
      }
      fence = null;
    } else if (line.startsWith("```")) fence = { info: line.slice(3), body: [] };
    else if (line === chapter) isInside = true;
    else {
      const depth = /^(#+) /.exec(line)?.[1]?.length ?? Infinity;
      if (depth <= level) isInside = false;
      else if (isInside && depth === level + 1) {
        sections.push({ title: line.slice(depth + 1), blocks: [] });
      }
    }
  }
  assert(sections.length > 0, `the document has a chapter ${chapter}`);
  return sections;
}

function commandsOf(lines: readonly string[]): TourCommand[] {
  const commands: { text: string; expected: string[] }[] = [];
  let isOpen = false;
  for (const line of lines) {
    if (line.trim() === "") continue;
    if (line.startsWith("# -> ")) commands.at(-1)!.expected.push(line.slice(5));
    else if (isOpen) commands.at(-1)!.text += `\n${line}`;
    else commands.push({ text: line, expected: [] });
    // an open quote, or a line that says so
    isOpen = commands.at(-1)!.text.split("'").length % 2 === 0 || line.endsWith("\\");
  }
  return commands;
}

/** One shell that is typed into, with what it has printed since the command it runs. */
export class TourShell implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #reading: Promise<void>;
  #output = "";
  #count = 0;

  constructor(dir: string) {
    this.#child = new Deno.Command("/bin/bash", {
      args: ["-c", "exec 2>&1; set -m; while IFS= read -r -d '' line; do eval \"$line\"; done"],
      cwd: dir,
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    this.#input = this.#child.stdin.getWriter();
    this.#reading = this.#read();
  }

  /** Sets a variable without a word. */
  async set(name: string, value: string): Promise<void> {
    await this.#type(`${name}=${value}`);
  }

  /** Runs a command, and waits until it has printed what is expected. It may go on then. */
  async start({ text, expected }: TourCommand): Promise<RunningCommand> {
    const mark = `--- end ${++this.#count} ---`;
    const from = this.#output.length;
    await this.#type(`${text}\necho "${mark}"`);
    const printed = () => this.#output.slice(from);
    const hasEnded = () => printed().includes(mark);
    return {
      text,
      settled: () => eventually(`end of ${text}`, hasEnded),
      check: async (lineCount) => {
        const lines = expected.slice(0, lineCount);
        const isAsExpected = () => holds(printed(), lines);
        await eventually(`${lines} from ${text}`, () => isAsExpected() || hasEnded());
        assert(isAsExpected(), `${text}\nprinted: ${printed()}\nexpected: ${lines}`);
      },
      hasEnded,
      interrupt: async () => {
        await this.#kill();
        await eventually(`end of ${text}`, hasEnded);
      },
    };
  }

  async #type(script: string): Promise<void> {
    await this.#input.write(new TextEncoder().encode(`${script}\0`));
  }

  /** Ends the command in the foreground. (After SIGINT the shell would not go on either.) */
  async #kill(): Promise<void> {
    const kill = new Deno.Command("pkill", { args: ["-TERM", "-P", String(this.#child.pid)] });
    await kill.output();
  }

  async #read(): Promise<void> {
    const decoder = new TextDecoder();
    for await (const bytes of this.#child.stdout) {
      this.#output += decoder.decode(bytes, { stream: true });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#kill();
    await this.#input.close().catch(() => {});
    await this.#reading;
    await this.#child.status;
  }
}

export interface RunningCommand {
  readonly text: string;
  hasEnded(): boolean;
  settled(): Promise<void>;
  /** @param lineCount how many of the expected lines; all unless said otherwise */
  check(lineCount?: number): Promise<void>;
  interrupt(): Promise<void>;
}

/** Whether each line's words stand in the output, in their order. */
function holds(output: string, expected: readonly string[]): boolean {
  let at = 0;
  for (const line of expected) {
    for (const words of line.split("...")) {
      const found = output.indexOf(words.trim(), at);
      if (found < 0) return false;
      at = found + words.trim().length;
    }
  }
  return true;
}

/**
 * Goes through the sections.
 *
 * @param before called at the start of each, with both shells
 */
export async function followTour(
  sections: readonly TourSection[],
  { dir, before }: {
    dir: string;
    before: (shells: { first: TourShell; second: TourShell }, index: number) => Promise<void>;
  },
): Promise<void> {
  await using first = new TourShell(dir);
  await using second = new TourShell(dir);
  for (const [index, { blocks }] of sections.entries()) {
    await before({ first, second }, index);
    const goingOn: RunningCommand[] = [];
    for (const { shell, commands } of blocks) {
      for (const command of commands) {
        if (shell === "first") {
          const running = await first.start(command);
          await running.settled();
          await running.check();
        } else {
          await goingOn.at(-1)?.settled();
          const running = await second.start(command);
          goingOn.push(running);
          if (command.expected.length > 1) await running.check(1);
        }
      }
    }
    for (const command of goingOn) {
      await command.check();
      if (!command.hasEnded()) await command.interrupt();
    }
  }
}
