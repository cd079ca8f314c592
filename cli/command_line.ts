/**
 * What the files under `commands/` declare their commands with.
 *
 * Each declares names, arguments and options only, and loads what does the work when it is asked for: a server must
 * not wait at its start for the tools.
 *
 * @module
 */

import type { Command } from "commander";
import { ExitCode, type World } from "./world.ts";

/** A command cannot be carried out: told in one line, without a stack, and the process ends with the code. */
export class CommandError extends Error {
  override name = "CommandError";
  readonly exitCode: number;

  /** @param message what was attempted, the value, the limit, and what to do */
  constructor(
    message: string,
    { exitCode = ExitCode.Unexpected, cause }: { exitCode?: number; cause?: unknown } = {},
  ) {
    super(message, { cause });
    this.exitCode = exitCode;
  }
}

/** What {@linkcode withConfigOptions} declares. */
export interface ConfigOptions {
  /** Where zoo.cfg is. */
  readonly config?: string;
  /** `name=value` of each -D. */
  readonly define?: readonly string[];
}

export interface CommandLine {
  readonly world: World;
  /** The action of a command: what `run` returns is the code the process ends with. */
  action<Args extends unknown[]>(
    run: (...args: Args) => Promise<number> | number,
  ): (...args: Args) => Promise<void>;
  /** Where settings are, with what stands before the command: `denkeeper --config DIR start`. */
  configOf(options: ConfigOptions): { configDir: string | undefined; defines: readonly string[] };
}

/** What each file under `commands/` exports. */
export type DeclareCommands = (program: Command, commandLine: CommandLine) => void;

/** For each command that reads a zoo.cfg. */
export function withConfigOptions(command: Command): Command {
  return command
    .option("--config <dir>", "where zoo.cfg is (default: ZOOCFGDIR, else ./conf or here)")
    .option(
      "-D, --define <name=value>",
      "a ZooKeeper system property; JVMFLAGS and SERVER_JVMFLAGS may hold some too",
      (value: string, before: readonly string[] = []) => [...before, value],
    );
}
