/**
 * The list of commands that stderr gets for a command that does not exist: zkCli.sh's, in its form, then ours.
 *
 * @module
 */

import type { ShellCommand } from "./shell_command.ts";

const WIDTH = 80;

export function usageListing(commands: readonly ShellCommand[]): string {
  const lines = ["ZooKeeper -server host:port -client-configuration properties-file cmd args"];
  for (const isOurs of [false, true]) {
    const listed = commands.filter((command) => command.isOurs === isOurs)
      .sort((a, b) => a.name < b.name ? -1 : 1);
    lines.push(...listed.map((command) => `\t${usageOf(command)}`));
  }
  return `${lines.join("\n")}\n`;
}

/** A line a command, for a help text. */
export function summaries(
  commands: readonly ShellCommand[],
  { isOurs }: { isOurs: boolean },
): string {
  return commands.filter((command) => command.isOurs === isOurs)
    .sort((a, b) => a.name < b.name ? -1 : 1)
    .map(({ name, summary }) => `  ${name.padEnd(21)} ${summary}\n`).join("");
}

export function commandHelp(command: ShellCommand): string {
  const { summary, details, isOurs } = command;
  const options = details === undefined ? "" : `${details}\n`;
  const width = /^ {2}-.*? {2,}/.exec(details ?? "")?.[0].length ?? 0; // of the column before
  const common = isOurs && details !== undefined
    ? ""
    : `${"  --json".padEnd(width - 2)}  the result, and errors, as JSON\n`;
  return `${usageOf(command).trimEnd()}\n\n${summary}\n\n${wrapped(options)}${common}`;
}

/** Of a command without arguments it ends in a blank. */
export function usageOf({ name, usage }: ShellCommand): string {
  return `${name} ${usage}`;
}

/** Paragraphs filled to the width of a terminal, and lines of options with what they tell below itself. */
function wrapped(text: string): string {
  const filled = text.replace(/^(\S.*)\n(?=[a-z0-9(])/gm, "$1 ");
  return filled.replace(new RegExp(`^(?! +[^ -]).{${WIDTH + 1},}$`, "gm"), (line) => {
    const start = /^ +(?:\S.*? {2,})?/.exec(line)?.[0] ?? "";
    const room = WIDTH - start.length;
    const rest = line.slice(start.length).match(new RegExp(`.{1,${room}}(?= |$)|\\S+`, "g")) ?? [];
    return start + rest.map((part) => part.trim()).join(`\n${" ".repeat(start.length)}`);
  });
}
