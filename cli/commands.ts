/**
 * The command line: which commands there are, the options before them, and the code the process ends with.
 *
 * @module
 */

import { Command, CommanderError } from "commander";
import {
  CommandError,
  type CommandLine,
  type ConfigOptions,
  type DeclareCommands,
  withConfigOptions,
} from "./command_line.ts";
import { declareFileCommands } from "./commands/file_commands.ts";
import { declareCheckCommands } from "./commands/check_commands.ts";
import { declareHealthCommands } from "./commands/health_commands.ts";
import { declareInitCommands } from "./commands/init_commands.ts";
import { declareBackupCommands } from "./commands/backup_commands.ts";
import { declareManifestsCommands } from "./commands/manifests_commands.ts";
import { declareCliCommand } from "./commands/cli_command.ts";
import { declareServerCommands, declareVersionCommand } from "./commands/server_commands.ts";
import { ExitCode, OutputClosedError, type World } from "./world.ts";

/** In the order of the help, under its headings. */
const DECLARATIONS: readonly [heading: string, ...readonly DeclareCommands[]][] = [
  ["Run a server:", declareServerCommands],
  ["Set one up:", declareInitCommands, declareManifestsCommands],
  ["Read and change znodes:", declareCliCommand],
  ["Look after its data:", declareBackupCommands, declareFileCommands],
  ["Examine and measure servers:", declareHealthCommands, declareCheckCommands],
  ["This program:", declareVersionCommand],
];

/** Declared in full only where it runs, since that costs every other command its time to start. */
const COMPLETE = "complete";

const EXIT_CODES = `
Exit codes:
  0    done, or nothing found that is wrong
  1    failed, or found what it looks for: a server that is down, differences,
       damage, faults
  2    the command line or a config file cannot be understood; nothing was done
  3    the data directory of a server cannot be used
  127  "cli" was given a command that does not exist
  130  interrupted by Ctrl-C
  141  whoever read the output went away

"denkeeper <command> --help" tells the rest, "denkeeper cli <command> --help" of
the shell's commands.`;

/** @returns the code to end the process with */
export async function runCommand(world: World): Promise<number> {
  let exitCode: number = ExitCode.Normal;
  const program = programOf(world, (code) => exitCode = code);
  try {
    if (world.args.length === 0) program.help({ error: true });
    if (world.args[0] === COMPLETE) {
      const { declareShellCompletion } = await import("./shell_completion.ts");
      declareShellCompletion(program, world);
    } else {
      program.command(COMPLETE).argument("[shell]").summary(
        "print a script that lets Tab complete in your shell",
      );
    }
    await program.parseAsync([...world.args], { from: "user" });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) {
      return error.exitCode === 0 ? ExitCode.Normal : ExitCode.InvalidInvocation;
    }
    if (error instanceof OutputClosedError) return ExitCode.OutputClosed;
    if (!(error instanceof CommandError)) throw error;
    world.writeStderr(`${error.message}\n`);
    return error.exitCode;
  }
}

/** Every command, with `setExitCode` to be told the result of the one that runs. */
export function programOf(world: World, setExitCode: (code: number) => void): Command {
  const program = withConfigOptions(new Command("denkeeper"))
    .description("A coordination server that speaks ZooKeeper's protocols, and its tools.")
    .usage("[-Dname=value]... [--config DIR] <command> [options]")
    .helpOption("-h, --help", "this text")
    .configureHelp({ subcommandTerm })
    .addHelpText("after", EXIT_CODES)
    .showHelpAfterError("(--help tells how to use it)")
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({
      writeOut: (text) => world.print(text),
      writeErr: (text) => world.writeStderr(text),
      getOutHelpWidth: () => world.terminal.columns,
      getErrHelpWidth: () => world.terminal.columns,
    });
  const commandLine: CommandLine = {
    world,
    action: (run) => async (...args) => setExitCode(await run(...args)),
    configOf: ({ config, define = [] }) => {
      const before = program.opts<ConfigOptions>();
      return {
        configDir: config ?? before.config,
        defines: [...before.define ?? [], ...define],
      };
    },
  };
  for (const [heading, ...declarations] of DECLARATIONS) {
    program.commandsGroup(heading);
    for (const declare of declarations) declare(program, commandLine);
  }
  return program.helpCommand("help [command]", "print the help of a command");
}

/** Names alone, which leaves room for what they do; of a command's own commands the arguments too. */
function subcommandTerm(command: Command): string {
  const isOfProgram = command.parent?.parent === null;
  const operands = isOfProgram ? [] : command.registeredArguments.map((argument) => {
    const name = `${argument.name()}${argument.variadic ? "..." : ""}`;
    return argument.required ? `<${name}>` : `[${name}]`;
  });
  return [command.name(), ...operands].join(" ");
}
