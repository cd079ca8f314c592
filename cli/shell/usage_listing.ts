/**
 * The list of commands that stderr gets for a command that does not exist: zkCli.sh's, in its form, then ours.
 *
 * @module
 */

import type { ShellCommand } from "./shell_command.ts";

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
    .map(({ name, summary }) => `  ${name.padEnd(22)} ${summary}\n`).join("");
}

export function commandHelp(command: ShellCommand): string {
  const { summary, details, isOurs } = command;
  const options = details === undefined ? "" : `${details}\n`;
  const common = isOurs && details !== undefined
    ? ""
    : "  --json  the result, and errors, as JSON\n";
  return `${usageOf(command).trimEnd()}\n\n${summary}\n\n${options}${common}`;
}

/** Of a command without arguments it ends in a blank. */
export function usageOf({ name, usage }: ShellCommand): string {
  return `${name} ${usage}`;
}
