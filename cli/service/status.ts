/**
 * The command `status`: asks the server of a config file what it is.
 *
 * @module
 */

import { CommandError } from "../command_line.ts";
import { ExitCode, type World } from "../world.ts";
import { runningProcess } from "./running_server.ts";
import { clientAddressOf, httpUrlOf, myidOf, serverStateOf } from "./server_state.ts";
import { type ServicePlace, servicePlaceOf, tellConfig } from "./service_files.ts";

export interface StatusOptions {
  readonly file: string | undefined;
  readonly configDir: string | undefined;
  readonly defines: readonly string[];
  readonly timeoutMs: number;
  readonly json: boolean;
}

/** @returns the code to end the process with */
export async function serviceStatus(world: World, options: StatusOptions): Promise<number> {
  const place = servicePlaceOf({ ...options, environment: world.environment });
  const { settings, dataDir } = place;
  tellConfig(world, place);
  const say = (text: string) => options.json || world.print(`${text}\n`);
  const sayJson = (result: unknown) => options.json && world.print(`${JSON.stringify(result)}\n`);
  const address = clientAddressOf(settings);
  const inLine = !settings.settings.has("clientPort");
  if (inLine && myidOf(settings) === null) {
    say("myid could not be determined, will not able to locate clientPort in the server configs.");
  } else if (inLine && settings.settings.has("dynamicConfigFile")) {
    say("Client port not found in static config file. Looking in dynamic config file.");
  }
  if (address === null) {
    say("Client port not found. Looking for secureClientPort in the static config.");
    say("Unable to find either secure or unsecure client port in any configs. Terminating.");
    sayJson({ status: "unknown", reason: "no client port is set" });
    return ExitCode.Unexpected;
  }
  const { host, port } = address;
  say(`Client port found: ${port}. Client address: ${host}. Client SSL: false.`);
  const state = await serverStateOf(address, {
    httpUrl: httpUrlOf(settings),
    commandUrl: settings.settings.get("admin.commandURL")?.value.trim(),
    timeoutMs: options.timeoutMs,
  });
  const pid = runningPid(place);
  const { kind, ...details } = state;
  sayJson({ status: kind, ...details, client: { host, port }, pid });
  switch (state.kind) {
    case "serving":
      say(`Mode: ${state.mode}`);
      return ExitCode.Normal;
    case "notServing":
      say("The server runs, and serves no clients.");
      break;
    case "unknown":
      say("Somebody answers, and does not tell a mode.");
      break;
    case "down":
      say("Error contacting service. It is probably not running.");
  }
  if (!options.json) world.writeStderr(`${state.reason}\n`);
  if (state.kind === "down" && pid !== null) {
    world.writeStderr(`Process ${pid} has the data directory "${dataDir}"\n`);
  }
  return ExitCode.Unexpected;
}

/** Null for those too who may not read the pid file: a mode is told to everyone who can reach the port. */
function runningPid(place: ServicePlace): number | null {
  try {
    return runningProcess(place)?.pid ?? null;
  } catch (error) {
    if (error instanceof CommandError) return null;
    throw error;
  }
}
