/**
 * The commands that examine and measure servers: `doctor`, `smoke`, `bench`.
 *
 * @module
 */

import { type Command, InvalidArgumentError, Option } from "commander";
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
  declareBench(program, commandLine);
}

function declareDoctor(program: Command, commandLine: CommandLine): void {
  const { world } = commandLine;
  withConfigOptions(program.command("doctor"))
    .summary("find what is wrong with settings, machine and ensemble")
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
    .addOption(timeOption("--timeout <time>", "how long another server may take to answer", "2s"))
    .option("--list", "print every code that can be found")
    .option("--explain <code>", "print what a code means")
    .option("--json", "print as JSON")
    .addHelpText(
      "after",
      `
Exit codes:
  0  nothing above "info" was found
  1  errors or warnings were found
  2  the command line cannot be understood

Examples:
  denkeeper doctor conf/zoo.cfg
  denkeeper doctor conf/zoo.cfg --only disk,members
  denkeeper doctor --explain DK-DNS-003`,
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
    .addOption(timeOption("--timeout <time>", "how long each step may take", "10s"))
    .option("--auth <scheme:auth>", "as whom, e.g. digest:user:password; may be repeated", auth)
    .option("--json", "print as JSON")
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

interface BenchFlags {
  readonly mix: readonly string[];
  readonly clients: number;
  readonly inFlight: number;
  readonly size: number;
  readonly znodes: number;
  readonly readRatio: number;
  readonly duration: number;
  readonly ops?: number;
  readonly warmUp: number;
  readonly connectRate: number;
  readonly auth?: readonly AuthInfo[];
  readonly timeout: number;
  readonly json?: true;
}

function declareBench(program: Command, { world, action }: CommandLine): void {
  program.command("bench")
    .summary("measure how fast a ZooKeeper server or ensemble is")
    .description(
      "Measures operations per second and latencies of ZooKeeper servers of any make and version. Each client is a " +
        "session that keeps a number of requests in flight and sends the next when one is answered. All happens " +
        "below a znode of its own, /denkeeper-bench-..., which is gone in the end.",
    )
    .argument("[servers]", "host:port,host:port/chroot", CONNECT_STRING)
    .addOption(
      new Option(
        "--mix <mixes>",
        "loads, one after the other: get, set, create (and delete), mixed (get and set), multi (check and two sets), " +
          "watch (set until the event)",
      ).argParser(words).default(["mixed"], "mixed"),
    )
    .option("--clients <number>", "sessions", positive, 10)
    .option("--in-flight <number>", "requests that each has under way", positive, 8)
    .option("--size <bytes>", "data of a znode", wholeNumber, 100)
    .option("--znodes <number>", "znodes that are read and changed", positive, 1000)
    .option("--read-ratio <ratio>", "of reads in mixed", ratio, 0.9)
    .addOption(timeOption("--duration <time>", "of each load, e.g. 500ms, 10s, 2m", "10s"))
    .option("--ops <number>", "end a load after so many operations, if that is sooner", positive)
    .addOption(timeOption("--warm-up <time>", "before each, not measured", "2s"))
    .option("--connect-rate <number>", "sessions begun in a second", positive, 100)
    .option("--auth <scheme:auth>", "as whom, e.g. digest:user:password; may be repeated", auth)
    .addOption(timeOption("--timeout <time>", "how long a connection may take", "10s"))
    .option("--json", "print as JSON")
    .addHelpText(
      "after",
      `
Latencies are exact to 5 %. When this program takes most of a processor, it says
that it may be the limit.

Exit codes:
  0    all operations were done
  1    some failed, or there was no connection
  2    the command line cannot be understood
  130  interrupted by Ctrl-C, after telling what was measured and cleaning up

Example:
  denkeeper bench zk1:2181,zk2:2181 --mix get,set --clients 50 --duration 30s`,
    )
    .action(action(async (connectString: string, flags: BenchFlags) => {
      const { bench } = await import("../bench/bench.ts");
      return await bench(world, {
        connectString,
        mixes: flags.mix,
        clientCount: flags.clients,
        inFlightCount: flags.inFlight,
        dataBytes: flags.size,
        znodeCount: flags.znodes,
        readRatio: flags.readRatio,
        warmUpMs: flags.warmUp,
        durationMs: flags.duration,
        operationCount: flags.ops ?? Infinity,
        connectRate: flags.connectRate,
        auth: flags.auth ?? [],
        timeoutMs: flags.timeout,
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

function wholeNumber(text: string): number {
  return text === "0" ? 0 : positive(text);
}

function ratio(text: string): number {
  const number = Number(text);
  if (text.trim() !== "" && number >= 0 && number <= 1) return number;
  throw new InvalidArgumentError("Expected a number from 0 to 1.");
}

function timeOption(flags: string, description: string, preset: string): Option {
  return new Option(flags, description).argParser(time).default(time(preset), preset);
}

/** In ms; a number alone is seconds. */
function time(text: string): number {
  const [, number, unit = "s"] = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/.exec(text) ?? [];
  const ms = Number(number) * { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }[unit]!;
  if (ms >= 0 && ms < 2 ** 31) return ms;
  throw new InvalidArgumentError("Expected a time such as 500ms, 10s or 2m.");
}
