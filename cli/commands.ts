/**
 * The command line: which command, with which flags, and the code the process ends with.
 *
 * @module
 */

import { parseArgs } from "node:util";
import { DENKEEPER_VERSION, ZOOKEEPER_PROTOCOL_VERSION } from "../core/version.ts";
import { startForeground } from "./start_foreground.ts";
import { ExitCode, type World } from "./world.ts";

export const USAGE = `Usage: denkeeper [-Dname=value]... <command> [options]

Commands:
  start-foreground [zoo.cfg]  run a server until SIGTERM or SIGINT
  version                     tell the version

Options of start-foreground:
  --config DIR        where zoo.cfg is (default: ZOOCFGDIR, else ./conf)
  --log-level LEVEL   debug, info, warn, error or off
  --log-format FORM   text or json
  --log-file FILE     log to a file, which is rotated, and not to stderr
  -Dname=value        a ZooKeeper system property; JVMFLAGS and SERVER_JVMFLAGS may hold some too

Other options:
  -h, --help          this text
`;

const OPTIONS = {
  help: { type: "boolean", short: "h" },
  config: { type: "string" },
  "log-level": { type: "string" },
  "log-format": { type: "string" },
  "log-file": { type: "string" },
  define: { type: "string", short: "D", multiple: true },
} as const;

/** @returns the code to end the process with */
export async function runCommand(world: World): Promise<number> {
  const invalid = (reason: string) => {
    world.writeStderr(`${reason}\n\n${USAGE}`);
    return ExitCode.InvalidInvocation;
  };
  let parsed;
  try {
    parsed = parseArgs({ args: [...world.args], options: OPTIONS, allowPositionals: true });
  } catch (error) {
    return invalid(error instanceof Error ? error.message : String(error));
  }
  const { values, positionals: [command, file, ...more] } = parsed;
  if (values.help) {
    world.writeStdout(USAGE);
    return ExitCode.Normal;
  }
  switch (command) {
    case undefined:
      return invalid("No command was given");
    case "version":
      if (file !== undefined) return invalid(`version takes no argument: "${file}"`);
      world.writeStdout(
        `Denkeeper, version ${DENKEEPER_VERSION} (as ZooKeeper ${ZOOKEEPER_PROTOCOL_VERSION}, on Deno ${Deno.version.deno})\n`,
      );
      return ExitCode.Normal;
    case "start-foreground":
      if (more.length > 0) return invalid(`start-foreground takes one config file: "${more[0]}"`);
      return await startForeground(world, {
        file,
        configDir: values.config,
        defines: values.define ?? [],
        level: values["log-level"],
        format: values["log-format"],
        logFile: values["log-file"],
      });
    default:
      return invalid(`There is no command "${command}"`);
  }
}
