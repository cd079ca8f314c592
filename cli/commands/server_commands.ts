/**
 * The commands that run a server, as zkServer.sh does: `start-foreground`, `start`, `stop`, `restart`, `status`,
 * `print-cmd`, `version`.
 *
 * @module
 */

import { type Command, InvalidArgumentError, Option } from "commander";
import { BUILD, DENKEEPER_VERSION, ZOOKEEPER_PROTOCOL_VERSION } from "../../core/version.ts";
import { type CommandLine, type ConfigOptions, withConfigOptions } from "../command_line.ts";
import { ExitCode } from "../world.ts";

interface JsonOption {
  readonly json?: true;
}

interface TimeoutOption {
  readonly timeout: number;
}

interface StartFlags extends ConfigOptions, JsonOption {
  readonly logLevel?: string;
  readonly logFormat?: string;
  readonly logFile?: string;
  readonly reportFile?: string;
}

const STOP_TIMEOUT_S = 60;
const STATUS_TIMEOUT_S = 5;

const WITHOUT_CONFIG = `
Without a config file (none named, and neither conf/zoo.cfg nor zoo.cfg here) a
server keeps its data in ./data, listens on 127.0.0.1 only, and has port 2181
for clients and 8080 for HTTP. "denkeeper init" writes a config file.`;

const FOREGROUND_NOTES = `${WITHOUT_CONFIG}

Exit codes:
  0   stopped by a signal
  1   could not start (a port is in use, damaged data), or an unexpected error
  2   the command line or the config cannot be understood
  3   the data directory cannot be used
  10  the txn log, or another file that has to be, could not be written
  14  the election port of an ensemble's member cannot be opened

Examples:
  denkeeper start-foreground
  denkeeper start-foreground zoo.cfg --log-format json`;

const START_NOTES = `
It returns when the server answers, or has failed and why is known; a member of
an ensemble answers before it has a quorum. The server runs on when the terminal
is closed. Its pid is in <dataDir>/zookeeper_server.pid (or ZOOPIDFILE), its log
in <dataDir>/logs (or ZOO_LOG_DIR), rotated. ZK_SERVER_HEAP (in MB) or -Xmx in
SERVER_JVMFLAGS limits its heap.
${WITHOUT_CONFIG}

Exit codes:
  0    it answers
  1    already running, or failed: a port is in use, the pid file cannot be
       written
  2    the command line or the config cannot be understood
  3    the data directory cannot be used
  130  interrupted by Ctrl-C; no server is left

Examples:
  denkeeper start
  denkeeper start /etc/zookeeper/zoo.cfg`;

const STOP_NOTES = `
Only a server of this data directory is ended: a pid file left over from a
crash, whose number another program has now, is removed and that program let be.

Exit codes:
  0  stopped, or there was none to stop
  1  it runs on: --timeout is over, or the pid file does not name it
  2  the command line or the config cannot be understood

Example:
  denkeeper stop /etc/zookeeper/zoo.cfg --timeout 120`;

const RESTART_NOTES = `
Exit codes: those of stop where it fails, else those of start.

Example:
  denkeeper restart /etc/zookeeper/zoo.cfg`;

const STATUS_NOTES = `
Exit codes:
  0  it serves clients: the last line is its mode, standalone, leader, follower,
     observer or read-only
  1  it is down, or not in a quorum; stderr says more
  2  the command line or the config cannot be understood

Examples:
  denkeeper status /etc/zookeeper/zoo.cfg
  denkeeper status --json | jq -r .mode`;

const PRINT_NOTES = `
Exit codes:
  0  printed
  2  the command line or the config cannot be understood

Example:
  denkeeper print-cmd /etc/zookeeper/zoo.cfg`;

/** The whole line of `--timeout`, in seconds; the program gets milliseconds. */
export function timeoutOption(seconds: number, what: string): Option {
  return new Option("--timeout <seconds>", what).default(seconds * 1000, String(seconds))
    .argParser((text) => {
      const value = Number(text);
      if (/^\d+(\.\d+)?$/.test(text) && value > 0 && value <= 86_400) return value * 1000;
      throw new InvalidArgumentError("Expected a number of seconds, more than 0 and up to 86400.");
    });
}

export function declareServerCommands(program: Command, commandLine: CommandLine): void {
  const { world } = commandLine;
  const declare = (name: string) =>
    withConfigOptions(program.command(name))
      .argument("[zoo.cfg]", "its settings; a bare name is looked for in the config folder");
  const withLogOptions = (command: Command) =>
    command
      .option("--log-level <level>", "debug, info, warn, error or off")
      .option("--log-format <form>", "text or json")
      .option("--log-file <file>", "log to this file, which is rotated, and not to stderr");
  const startOptions = (file: string | undefined, flags: StartFlags) => ({
    ...commandLine.configOf(flags),
    file,
    level: flags.logLevel,
    format: flags.logFormat,
    logFile: flags.logFile,
    reportFile: flags.reportFile,
    json: flags.json === true,
  });

  withLogOptions(declare("start"))
    .summary("start a server in the background")
    .description("Starts a server in the background, and waits until it answers.")
    .option("--json", "print what was started as JSON")
    .addHelpText("after", START_NOTES)
    .action(commandLine.action(async (file: string | undefined, flags: StartFlags) => {
      const { startService } = await import("../service/start.ts");
      return await startService(world, startOptions(file, flags));
    }));

  declare("stop")
    .summary("stop a server that was started with start")
    .description(
      "Ends a server that was started with start or by zkServer.sh, and waits until it is gone.",
    )
    .option("--json", "print what was stopped as JSON")
    .addOption(timeoutOption(STOP_TIMEOUT_S, "how long to wait"))
    .addHelpText("after", STOP_NOTES)
    .action(
      commandLine.action(
        async (file: string | undefined, flags: ConfigOptions & JsonOption & TimeoutOption) => {
          const { stopService } = await import("../service/stop.ts");
          const { timeout: timeoutMs, json = false } = flags;
          return await stopService(world, {
            ...commandLine.configOf(flags),
            file,
            timeoutMs,
            json,
          });
        },
      ),
    );

  withLogOptions(declare("restart"))
    .summary("stop, then start")
    .description("Stops a server as stop does, and starts it as start does.")
    .option("--json", "print what was stopped and started as JSON, a line each")
    .addOption(timeoutOption(STOP_TIMEOUT_S, "how long to wait for its end"))
    .addHelpText("after", RESTART_NOTES)
    .action(
      commandLine.action(async (file: string | undefined, flags: StartFlags & TimeoutOption) => {
        const { restartService } = await import("../service/stop.ts");
        const options = startOptions(file, flags);
        return await restartService(world, { ...options, timeoutMs: flags.timeout });
      }),
    );

  declare("status")
    .summary("tell whether a server serves, and in which mode")
    .description("Asks the server of a config file for its mode.")
    .option("--json", "print as JSON")
    .addOption(timeoutOption(STATUS_TIMEOUT_S, "how long to wait for an answer"))
    .addHelpText("after", STATUS_NOTES)
    .action(
      commandLine.action(
        async (file: string | undefined, flags: ConfigOptions & JsonOption & TimeoutOption) => {
          const { serviceStatus } = await import("../service/status.ts");
          const { timeout: timeoutMs, json = false } = flags;
          const options = { ...commandLine.configOf(flags), file, timeoutMs, json };
          return await serviceStatus(world, options);
        },
      ),
    );

  withLogOptions(declare("start-foreground"))
    .summary("run a server until SIGTERM or SIGINT")
    .description("Runs a server in the foreground until SIGTERM or SIGINT (Ctrl-C).")
    .addOption(new Option("--report-file <file>").hideHelp())
    .addHelpText("after", FOREGROUND_NOTES)
    .action(commandLine.action(async (file: string | undefined, flags: StartFlags) => {
      const { startForeground } = await import("../start_foreground.ts");
      return await startForeground(world, startOptions(file, flags));
    }));

  withLogOptions(declare("print-cmd"))
    .summary("print the command that start runs")
    .description("Prints the command line that start would run, for a shell.")
    .addHelpText("after", PRINT_NOTES)
    .action(commandLine.action(async (file: string | undefined, flags: StartFlags) => {
      const { printCommand } = await import("../service/print_command.ts");
      return printCommand(world, startOptions(file, flags));
    }));
}

export function declareVersionCommand(program: Command, { world, action }: CommandLine): void {
  program.command("version")
    .summary("print the version")
    .description("Prints the version of this program, and of the protocol it speaks.")
    .option("--json", "print as JSON")
    .action(action(({ json }: JsonOption) => {
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
