/**
 * The command `init`.
 *
 * @module
 */

import { type Command, InvalidArgumentError } from "commander";
import {
  CommandError,
  type CommandLine,
  type ConfigOptions,
  withConfigOptions,
} from "../command_line.ts";
import { ExitCode } from "../world.ts";

interface InitFlags extends ConfigOptions {
  readonly dir?: string;
  readonly dataDir?: string;
  readonly dataLogDir?: string;
  readonly servers?: string[];
  readonly myid?: number;
  readonly clientPort: number;
  readonly address?: string;
  readonly httpPort: number;
  readonly quorumPort: number;
  readonly electionPort: number;
  readonly local?: number;
  readonly fromEnv?: true;
  readonly configfile?: string;
  readonly force?: true;
  readonly dryRun?: true;
  readonly json?: true;
}

const NOTES = `
Members are host names, numbered from 1, or server lines as zoo.cfg has them:
  --servers zk1,zk2,zk3
  --servers "1=zk1:2888:3888 2=zk2:2888:3888 3=zk3:2888:3888:observer;2181"

--from-env writes what the official container image does from ZOO_MY_ID,
ZOO_SERVERS, ZOO_DATA_DIR and the like, into --dir or ZOO_CONF_DIR or /conf;
files that are there win, so it can run before each start.

--configfile does what zkServer-initialize.sh does: it makes the data
directories of that zoo.cfg ready for a new member (version-2, myid and the file
"initialize", without which db.autocreate=false lets no member make an empty
database). With --force it REMOVES the data that are there.

Exit codes:
  0  written, or there already with the same contents
  1  a file is there with other contents (--force overwrites it), or cannot be
     written
  2  the options cannot be understood; nothing was written

Examples:
  denkeeper init && denkeeper start
  denkeeper init --local 3 --dir /tmp/ensemble
  denkeeper init --servers zk1,zk2,zk3 --myid 2 --data-dir /var/lib/zookeeper`;

const MYID_MAX = 255;
const LOCAL_COUNT_MAX = 20;

function wholeNumber(min: number, max: number) {
  return (text: string): number => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= min && value <= max) return value;
    throw new InvalidArgumentError(`Expected a whole number from ${min} to ${max}.`);
  };
}

export function declareInitCommands(program: Command, commandLine: CommandLine): void {
  const { world } = commandLine;
  const port = wholeNumber(1, 65_535);
  withConfigOptions(program.command("init"))
    .summary("write zoo.cfg and myid")
    .description(
      "Writes zoo.cfg and myid of a server, of a member of an ensemble, or of several on this machine.",
    )
    .option("--dir <dir>", "where zoo.cfg goes (default: here)")
    .option("--data-dir <dir>", "where the data go (default: data in --dir)")
    .option("--data-log-dir <dir>", "where txn logs go (default: with the data)")
    .option("--servers <members...>", "the members of an ensemble, the same on each")
    .option(
      "--myid <n>",
      "which of them this machine is (default: by its name)",
      wholeNumber(0, MYID_MAX),
    )
    .option("--client-port <port>", "where clients connect", port, 2181)
    .option(
      "--address <address>",
      "where clients and HTTP are listened for (default: all addresses)",
    )
    .option("--http-port <port>", "for HTTP", port, 8080)
    .option("--quorum-port <port>", "of members that are host names only", port, 2888)
    .option("--election-port <port>", "the same", port, 3888)
    .option(
      "--local <n>",
      "n members on this machine, for trying: folders server-1, ... in --dir, ports counted up",
      wholeNumber(1, LOCAL_COUNT_MAX),
    )
    .option("--from-env", "as the official container image does, from ZOO_ variables")
    .option(
      "--configfile <zoo.cfg>",
      "make the data directories of that file ready for a new member",
    )
    .option("--force", "overwrite files that are there; with --configfile, remove data")
    .option("--dry-run", "show what would be written, and write nothing")
    .option("--json", "print what was written as JSON")
    .addHelpText("after", NOTES)
    .action(commandLine.action(async (flags: InitFlags) => {
      const modes = (["servers", "local", "fromEnv", "configfile"] as const)
        .filter((mode) => flags[mode] !== undefined);
      if (modes.length > 1) {
        const names = modes.map((mode) => mode === "fromEnv" ? "--from-env" : `--${mode}`);
        throw new CommandError(`Cannot do ${names.join(" and ")} at once: give one of them`, {
          exitCode: ExitCode.InvalidInvocation,
        });
      }
      const common = {
        myid: flags.myid,
        force: flags.force === true,
        isDryRun: flags.dryRun === true,
        json: flags.json === true,
      };
      if (flags.configfile !== undefined) {
        const { initializeData } = await import("../init/initialize_data.ts");
        const file = flags.configfile;
        return initializeData(world, { ...commandLine.configOf(flags), file, ...common });
      }
      const { init } = await import("../init/init.ts");
      return init(world, {
        ...common,
        dir: flags.dir ?? (flags.config === undefined ? undefined : flags.config),
        dataDir: flags.dataDir,
        dataLogDir: flags.dataLogDir,
        servers: flags.servers?.join(" "),
        clientPort: flags.clientPort,
        address: flags.address,
        httpPort: flags.httpPort,
        quorumPort: flags.quorumPort,
        electionPort: flags.electionPort,
        local: flags.local,
        fromEnvironment: flags.fromEnv === true,
      });
    }));
}
