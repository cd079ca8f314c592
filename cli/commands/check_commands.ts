/**
 * The commands that examine and measure servers: `doctor`, `smoke`, `bench`.
 *
 * @module
 */

import { type Command, InvalidArgumentError } from "commander";
import type { AuthInfo } from "../../net/client/client_types.ts";
import { type CommandLine, type ConfigOptions, withConfigOptions } from "../command_line.ts";

const CONNECT_STRING = "127.0.0.1:2181";

interface DoctorFlags extends ConfigOptions {
  readonly timeout: number;
  readonly deep?: true;
  readonly only?: readonly string[];
  readonly list?: true;
  readonly explain?: string;
  readonly json?: true;
}

export function declareCheckCommands(program: Command, commandLine: CommandLine): void {
  declareDoctor(program, commandLine);
  declareSmoke(program, commandLine);
}

function declareDoctor(program: Command, commandLine: CommandLine): void {
  const { world } = commandLine;
  withConfigOptions(program.command("doctor"))
    .summary("find what is wrong with a server's settings, machine and ensemble")
    .description(
      "Finds what is wrong, or soon will be: settings, names, ports, myid, disks, data, memory, clocks, and what " +
        "differs between the members. Each finding has a code, what it means and what to do. Run it on the machine " +
        "and as the user of the server, before the start or while it runs; it changes nothing.",
    )
    .argument("[zoo.cfg]", "its settings; a bare name is looked for in the config folder")
    .option(
      "--only <checks>",
      "of config, myid, names, ports, disk, data, memory, clock, members",
      words,
    )
    .option("--deep", "read all data, however large they are")
    .option("--timeout <ms>", "how long another server may take to answer", positive, 2000)
    .option("--list", "print every code that can be found")
    .option("--explain <code>", "print what a code means")
    .option("--json", "as JSON")
    .addHelpText(
      "after",
      `
Exit codes:
  0  nothing above "info" was found
  1  errors or warnings were found
  2  the command line cannot be understood

Example:
  denkeeper doctor conf/zoo.cfg --only disk,members`,
    )
    .action(commandLine.action(async (file: string | undefined, flags: DoctorFlags) => {
      const { doctor, explainFinding, listFindings } = await import("../doctor/doctor.ts");
      const json = flags.json === true;
      if (flags.list) return listFindings(world, json);
      if (flags.explain !== undefined) return explainFinding(world, flags.explain, json);
      return await doctor(world, {
        ...commandLine.configOf(flags),
        file,
        timeoutMs: flags.timeout,
        isDeep: flags.deep === true,
        only: flags.only,
        json,
      });
    }));
}

interface SmokeFlags {
  readonly timeout: number;
  readonly auth?: readonly AuthInfo[];
  readonly json?: true;
}

function declareSmoke(program: Command, { world, action }: CommandLine): void {
  program.command("smoke")
    .summary("try every feature of a ZooKeeper server")
    .description(
      "Tries what a ZooKeeper server must be able to do, of any make and version: znodes, ACLs, transactions, " +
        "watches, sessions, four-letter words; with several servers, that each shows what was written at another. " +
        "All happens below a znode of its own, /denkeeper-smoke-..., which is gone in the end.",
    )
    .argument("[servers]", "host:port,host:port/chroot", CONNECT_STRING)
    .option("--timeout <ms>", "how long each step may take", positive, 10_000)
    .option("--auth <scheme:auth>", "as whom, e.g. digest:user:password; may be repeated", auth)
    .option("--json", "as JSON")
    .addHelpText(
      "after",
      `
Exit codes:
  0    every step succeeded, or was skipped since the server need not be able to
  1    steps failed
  2    the command line cannot be understood
  130  interrupted by Ctrl-C, and cleaned up

Example:
  denkeeper smoke zk1:2181,zk2:2181,zk3:2181`,
    )
    .action(action(async (connectString: string, flags: SmokeFlags) => {
      const { smoke } = await import("../smoke/smoke.ts");
      return await smoke(world, {
        connectString,
        timeoutMs: flags.timeout,
        auth: flags.auth ?? [],
        json: flags.json === true,
      });
    }));
}

/** `digest:user:password`. */
function auth(text: string, before: readonly AuthInfo[] = []): AuthInfo[] {
  const colon = text.indexOf(":");
  if (colon < 1) throw new InvalidArgumentError("Expected scheme:auth, e.g. digest:user:password.");
  const scheme = text.slice(0, colon);
  return [...before, { scheme, auth: new TextEncoder().encode(text.slice(colon + 1)) }];
}

function words(text: string): string[] {
  return text.split(",").map((word) => word.trim()).filter((word) => word !== "");
}

function positive(text: string): number {
  const number = Number(text);
  if (!/^\d+$/.test(text) || number < 1 || number > 2 ** 31 - 1) {
    throw new InvalidArgumentError("Expected a whole number, 1 or more.");
  }
  return number;
}
