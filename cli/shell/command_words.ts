/**
 * How a command of zkCli.sh takes its words: options first, then as many operands as it needs, or its usage is told.
 *
 * @module
 */

import { type GivenOptions, type OptionNames, parseOptions } from "./java_options.ts";
import { type ShellCommand, type ShellContext, ShellError } from "./shell_command.ts";
import { usageOf } from "./usage_listing.ts";

/** What a command gets that has read its words. */
export interface CommandWords extends GivenOptions {
  /** What stands at the place, which is there if it is one of those needed. */
  operand(index: number): string;
  /** To be thrown: how the command is used. */
  usage(): ShellError;
}

export interface ZooKeeperCommand {
  readonly name: string;
  readonly usage: string;
  readonly summary: string;
  readonly details?: string;
  readonly options?: OptionNames;
  /** How many operands it takes at least. Default: none. */
  readonly operandCount?: number;
  run(context: ShellContext, words: CommandWords): Promise<number | void>;
}

/** A command of zkCli.sh that reads options. */
export function zooKeeperCommand(declared: ZooKeeperCommand): ShellCommand {
  const { name, usage, summary, details } = declared;
  const command: ShellCommand = {
    ...{ name, usage, summary, isOurs: false },
    ...(details === undefined ? {} : { details }),
    run: async (context, words) => {
      const given = commandWords(command, declared, words);
      return await declared.run(context, given) ?? 0;
    },
  };
  return command;
}

/** @throws {ShellError} */
export function commandWords(
  command: ShellCommand,
  { options = {}, operandCount = 0 }: Pick<ZooKeeperCommand, "options" | "operandCount">,
  words: readonly string[],
): CommandWords {
  const given = parseOptions(words, options);
  const usage = () => new ShellError(usageOf(command));
  if (given.operands.length < operandCount) throw usage();
  return { ...given, usage, operand: (index) => given.operands[index] ?? "" };
}

/**
 * The words of the older form `get path watch`, which sets a watch, whatever stands there; null: it is not that form.
 * As in zkCli.sh, it is the second word that becomes `-w`, be it the path.
 */
export function olderWatchForm(
  { words, operands }: { words: readonly string[]; operands: readonly string[] },
): string[] | null {
  return operands.length > 1 ? words.with(1, "-w") : null;
}

/** One document of --json. */
export function printJson(context: ShellContext, value: unknown): void {
  context.print(`${JSON.stringify(value)}\n`);
}
