/**
 * The command `init`: writes zoo.cfg and myid of one server, of one member of an ensemble, of several members on this
 * machine, or of a container.
 *
 * @module
 */

import { join, resolve } from "node:path";
import { escapeValue } from "../../core/java_properties.ts";
import { CommandError } from "../command_line.ts";
import { ConfigError } from "../config_error.ts";
import { loadConfig } from "../config_loader.ts";
import type { Environment } from "../config_sources.ts";
import { imageMyid, imageSettings } from "../container_environment.ts";
import { ExitCode, type World } from "../world.ts";
import { configTextOf } from "./config_text.ts";
import { memberListOf, ownMember } from "./member_list.ts";
import { type IfThere, type PlannedFile, type PlannedResult, writeFiles } from "./planned_files.ts";

export interface InitOptions {
  /** Where zoo.cfg goes; undefined: the current directory, for a container ZOO_CONF_DIR. */
  readonly dir: string | undefined;
  readonly dataDir: string | undefined;
  readonly dataLogDir: string | undefined;
  readonly servers: string | undefined;
  readonly myid: number | undefined;
  readonly clientPort: number;
  readonly address: string | undefined;
  readonly httpPort: number;
  readonly quorumPort: number;
  readonly electionPort: number;
  /** How many members on this machine; undefined: this is one machine of them. */
  readonly local: number | undefined;
  readonly fromEnvironment: boolean;
  readonly force: boolean;
  readonly isDryRun: boolean;
  readonly json: boolean;
}

interface Plan {
  readonly files: readonly PlannedFile[];
  readonly ifThere: IfThere;
  /** Commands to go on with. */
  readonly next: readonly string[];
  /** For people: what to know. */
  readonly notes: readonly string[];
}

/** @returns the code to end the process with */
export function init(world: World, options: InitOptions): number {
  const plan = options.fromEnvironment
    ? planOfContainer(world, options)
    : options.local !== undefined
    ? planOfLocalMembers(options, options.local)
    : planOfServer(options);
  const results = writeFiles(
    plan.files,
    plan.ifThere === "keep" ? { ...plan, isDryRun: options.isDryRun } : {
      ifThere: options.force ? "overwrite" : "refuse",
      isDryRun: options.isDryRun,
    },
  );
  if (options.json) {
    const files = results.map((result, index) => ({ ...result, text: plan.files[index]!.text }));
    const { next, notes } = plan;
    world.print(`${JSON.stringify({ dryRun: options.isDryRun, files, next, notes })}\n`);
    return ExitCode.Normal;
  }
  world.print(reportOf(plan, results, options.isDryRun));
  return ExitCode.Normal;
}

function reportOf(
  { files, next, notes }: Plan,
  results: PlannedResult[],
  isDryRun: boolean,
): string {
  const lines = results.map(({ path, status }) =>
    isDryRun
      ? `${status === "written" ? "would be written" : `would be ${status}`}: ${path}`
      : `${status}: ${path}`
  );
  if (isDryRun) {
    for (const { path, text } of files) lines.push("", `--- ${path}`, text.trimEnd());
  }
  lines.push(...notes);
  if (next.length > 0) lines.push("", "Next:", ...next.map((command) => `  ${command}`));
  return `${lines.join("\n")}\n`;
}

function planOfServer(options: InitOptions): Plan {
  const dir = resolve(options.dir ?? ".");
  const dataDir = resolve(options.dataDir ?? join(dir, "data"));
  const path = join(dir, "zoo.cfg");
  const members = options.servers === undefined ? null : memberListOf(options.servers, options);
  const own = members === null
    ? null
    : ownMember(members, { myid: options.myid, hostname: Deno.hostname() });
  checkPorts([
    ["--client-port", own?.clientPort ?? options.clientPort],
    ["--http-port", options.httpPort],
    ...(own?.addresses ?? []).flatMap(({ quorumPort, electionPort }): [string, number][] => [
      ["quorum port", quorumPort],
      ["election port", electionPort],
    ]),
  ]);
  const text = configTextOf({
    dataDir,
    dataLogDir: options.dataLogDir === undefined ? null : resolve(options.dataLogDir),
    clientPort: own === null || own.clientPort === null ? options.clientPort : null,
    address: options.address ?? null,
    httpPort: options.httpPort,
    serverLines: members?.lines ?? [],
  });
  const files = [{ path, text }];
  const myid = own?.serverId ?? options.myid;
  if (myid !== undefined) files.push({ path: join(dataDir, "myid"), text: `${myid}\n` });
  const others = members?.servers.filter((server) => server !== own) ?? [];
  const voterCount = members?.servers.filter(({ role }) => role === "participant").length ?? 0;
  return {
    files,
    ifThere: "refuse",
    next: [`denkeeper start ${shown(path)}`, `denkeeper status ${shown(path)}`],
    notes: [
      ...others.map(({ serverId, addresses }) =>
        `on ${addresses[0]!.host}: denkeeper init with the same --servers and --myid ${serverId}`
      ),
      ...evenNote(voterCount),
    ],
  };
}

/** For trying out: a folder for each, and each its own ports on the loopback address. */
function planOfLocalMembers(options: InitOptions, count: number): Plan {
  for (const option of ["servers", "myid", "dataDir", "dataLogDir"] as const) {
    if (options[option] === undefined) continue;
    const flag =
      { servers: "servers", myid: "myid", dataDir: "data-dir", dataLogDir: "data-log-dir" }[option];
    throw wrong(`Cannot take --${flag} with --local: each of the members has its own below --dir`);
  }
  const host = options.address ?? "127.0.0.1";
  const dir = resolve(options.dir ?? ".");
  const ids = Array.from({ length: count }, (_, index) => index + 1);
  const ports = (base: number) => ids.map((_, index) => base + index);
  const named = (name: string, base: number) =>
    ports(base).map((port): [string, number] => [`${name} ${base} and following`, port]);
  checkPorts([
    ...named("--client-port", options.clientPort),
    ...named("--http-port", options.httpPort),
    ...named("--quorum-port", options.quorumPort),
    ...named("--election-port", options.electionPort),
  ]);
  const { quorumPort, electionPort } = options;
  const bracketed = host.includes(":") ? `[${host}]` : host;
  const serverLines = count === 1
    ? []
    : ids.map((id, index) =>
      `server.${id}=${bracketed}:${quorumPort + index}:${electionPort + index}`
    );
  const members = ids.map((id, index) => ({
    id,
    config: join(dir, `server-${id}`, "zoo.cfg"),
    dataDir: join(dir, `server-${id}`, "data"),
    clientPort: options.clientPort + index,
    httpPort: options.httpPort + index,
  }));
  const connect = members.map(({ clientPort }) => `${bracketed}:${clientPort}`).join(",");
  return {
    files: members.flatMap(({ id, config, dataDir, clientPort, httpPort }) => [
      {
        path: config,
        text: configTextOf({
          dataDir,
          dataLogDir: null,
          clientPort,
          address: host,
          httpPort,
          serverLines,
        }),
      },
      { path: join(dataDir, "myid"), text: `${id}\n` },
    ]),
    ifThere: "refuse",
    next: [
      ...members.map(({ config }) => `denkeeper start ${shown(config)}`),
      `denkeeper cli -server ${connect}`,
    ],
    notes: evenNote(count),
  };
}

/** What the official image's entry point writes before it starts the server; files that are there win. */
function planOfContainer(world: World, options: InitOptions): Plan {
  const { environment } = world;
  checkVariables(environment);
  const settings = imageSettings(environment);
  const dir = resolve(options.dir ?? (environment("ZOO_CONF_DIR") || "/conf"));
  const dataDir = settings.find(({ key }) => key === "dataDir")!.value;
  const text = settings.map(({ key, value }) => `${key}=${escapeValue(value)}\n`).join("");
  const path = join(dir, "zoo.cfg");
  return {
    files: [
      { path, text },
      { path: join(resolve(dataDir), "myid"), text: `${options.myid ?? imageMyid(environment)}\n` },
    ],
    ifThere: options.force ? "overwrite" : "keep",
    next: [`denkeeper start-foreground ${shown(path)}`],
    notes: [],
  };
}

/** A file that cannot be understood would win over variables that were put right since. */
function checkVariables(environment: Environment): void {
  try {
    loadConfig({
      environment: (name) => {
        if (name === "ZOOCFGDIR") return "/dev/null"; // no file is to be found
        return environment(name) ?? (name === "ZOO_MY_ID" ? "1" : undefined);
      },
    });
  } catch (error) {
    if (error instanceof ConfigError) throw wrong(error.problems.join("\n"));
    throw error;
  }
}

/** @param ports with what they are for */
function checkPorts(ports: readonly (readonly [name: string, port: number])[]): void {
  const taken = new Map<number, string>();
  for (const [name, port] of ports) {
    if (port > 65_535) throw wrong(`Cannot have port ${port} (${name}): ports end at 65535`);
    const other = taken.get(port);
    if (other !== undefined) {
      throw wrong(
        `Cannot have port ${port} twice, for ${other} and for ${name}: choose another one`,
      );
    }
    taken.set(port, name);
  }
}

function evenNote(voterCount: number): string[] {
  if (voterCount === 0 || voterCount % 2 === 1) return [];
  const bears = voterCount / 2 - 1;
  return [
    `note: ${voterCount} voting members bear the loss of ${bears}, no more than ${
      voterCount - 1
    } do; an odd number is better`,
  ];
}

function shown(path: string): string {
  return /^[\w./+-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`;
}

function wrong(message: string): CommandError {
  return new CommandError(message, { exitCode: ExitCode.InvalidInvocation });
}
