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

/** Of a command without arguments it ends in a blank. */
export function usageOf({ name, usage }: ShellCommand): string {
  return `${name} ${usage}`;
}
