/**
 * What a command takes, read from its usage line and the list of options in its help.
 *
 * @module
 */

import type { ShellCommand } from "../shell_command.ts";

export interface UsageOptions {
  /** With the name of the value that follows, `file` for example; null: none does. */
  readonly options: ReadonlyMap<string, string | null>;
  /** The words that an argument may be, where those are told: `on|off`. */
  readonly choices: readonly string[];
}

/** A line of a help: `  -f FILE      YAML or JSON`. */
const HELP_LINE = /^ {2}(--?[A-Za-z][\w-]*)(?: (\S+))?(?= {2,}|$)/gm;
const CHOICES = /^\w+(\|\w+)+$/;

export function usageOptions({ usage, details = "" }: ShellCommand): UsageOptions {
  const options = new Map<string, string | null>();
  const choices: string[] = [];
  const [described = ""] = usage.split(" # ");
  const tokens = described.split(/\s+/);
  for (let i = 0; i < tokens.length; i++) {
    const token = tokens[i]!.replace(/^\[+/, "");
    const word = token.replace(/\]+\**$/, "");
    if (word.startsWith("-")) {
      const next = tokens[i + 1] ?? "|";
      const hasValue = word === token && !/^[|[-]/.test(next);
      const names = word.split("|").filter((name) => name.startsWith("-"));
      for (const name of names) options.set(name, hasValue ? next.replace(/\]+\**$/, "") : null);
      if (hasValue) i++;
    } else if (CHOICES.test(word)) choices.push(...word.split("|"));
  }
  for (const [, name, value] of details.matchAll(HELP_LINE)) {
    options.set(name!, options.get(name!) ?? value ?? null);
  }
  return { options, choices };
}
