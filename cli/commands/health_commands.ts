/**
 * The command `health`.
 *
 * @module
 */

import { type Command, Option } from "commander";
import { type CommandLine, type ConfigOptions, withConfigOptions } from "../command_line.ts";
import { timeoutOption } from "./server_commands.ts";

interface HealthFlags extends ConfigOptions {
  readonly live?: true;
  readonly ready?: true;
  readonly startup?: true;
  readonly url?: string;
  readonly server?: string;
  readonly timeout: number;
  readonly json?: true;
}

const TIMEOUT_S = 2;

const NOTES = `
Without --url and --server the ports are those of the config file or of the ZOO_
variables, as the server has them. The HTTP port is asked, and the client port;
the client port alone where there is no HTTP port.

Exit codes:
  0  yes
  1  no, and the line printed says why
  2  the command line or the config cannot be understood

Examples:
  HEALTHCHECK CMD ["denkeeper", "health"]
  denkeeper health --live --timeout 5
  denkeeper health --server zk1:2181`;

export function declareHealthCommands(program: Command, commandLine: CommandLine): void {
  withConfigOptions(program.command("health"))
    .summary("tell by exit code whether a server is live or ready")
    .description("Asks a server how it is: the exit code answers, and one line says why.")
    .argument("[zoo.cfg]", "its settings; a bare name is looked for in the config folder")
    .addOption(new Option("--ready", "whether to send clients to it (default)"))
    .addOption(
      new Option("--live", "whether it works at all; if not, restart it").conflicts([
        "ready",
        "startup",
      ]),
    )
    .addOption(
      new Option("--startup", "whether its data are loaded, and it has served once").conflicts(
        "ready",
      ),
    )
    .addOption(
      new Option("--url <url>", "ask there by HTTP, such as http://zk1:8080").conflicts("server"),
    )
    .option("--server <host:port>", "ask there by the client port, any ZooKeeper server")
    .option("--json", "print as JSON")
    .addOption(timeoutOption(TIMEOUT_S, "how long to wait for an answer"))
    .addHelpText("after", NOTES)
    .action(commandLine.action(async (file: string | undefined, flags: HealthFlags) => {
      const { health } = await import("../health.ts");
      return await health(commandLine.world, {
        ...commandLine.configOf(flags),
        file,
        question: flags.live ? "live" : flags.startup ? "startup" : "ready",
        url: flags.url,
        server: flags.server,
        timeoutMs: flags.timeout,
        json: flags.json === true,
      });
    }));
}
