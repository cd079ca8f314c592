/**
 * The commands that run a server: `start-foreground`, `version`.
 *
 * @module
 */

import type { Command } from "commander";
import { BUILD, DENKEEPER_VERSION, ZOOKEEPER_PROTOCOL_VERSION } from "../../core/version.ts";
import { type CommandLine, type ConfigOptions, withConfigOptions } from "../command_line.ts";
import { ExitCode } from "../world.ts";

interface StartForegroundOptions extends ConfigOptions {
  readonly logLevel?: string;
  readonly logFormat?: string;
  readonly logFile?: string;
}

export function declareServerCommands(program: Command, commandLine: CommandLine): void {
  const { world } = commandLine;
  withConfigOptions(program.command("start-foreground"))
    .summary("run a server until SIGTERM or SIGINT")
    .description("Runs a server in the foreground until SIGTERM or SIGINT (Ctrl-C).")
    .argument("[zoo.cfg]", "its settings; a bare name is looked for in the config folder")
    .option("--log-level <level>", "debug, info, warn, error or off")
    .option("--log-format <form>", "text or json")
    .option("--log-file <file>", "log to a file, which is rotated, and not to stderr")
    .action(
      commandLine.action(async (file: string | undefined, options: StartForegroundOptions) => {
        const { startForeground } = await import("../start_foreground.ts");
        return await startForeground(world, {
          ...commandLine.configOf(options),
          file,
          level: options.logLevel,
          format: options.logFormat,
          logFile: options.logFile,
        });
      }),
    );

  program.command("version")
    .summary("tell the version")
    .description("Tells the version of this program, and of the protocol it speaks.")
    .option("--json", "as JSON")
    .action(commandLine.action(({ json }: { json?: true }) => {
      const version = {
        denkeeper: DENKEEPER_VERSION,
        build: BUILD,
        zookeeper: ZOOKEEPER_PROTOCOL_VERSION,
        deno: Deno.version.deno,
      };
      world.print(
        json ? `${JSON.stringify(version)}\n` : `Denkeeper, version ${version.denkeeper} ` +
          `(${version.build}; as ZooKeeper ${version.zookeeper}, on Deno ${version.deno})\n`,
      );
      return ExitCode.Normal;
    }));
}
