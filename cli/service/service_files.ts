/**
 * The files of a server that runs on its own: the number of its process, and what it says.
 *
 * All are named as zkServer.sh names them. Logs are in `logs` of dataDir unless ZOO_LOG_DIR names another place: a
 * single program has no directory of its own to put them beside.
 *
 * @module
 */

import { basename, dirname, join, resolve } from "../../net/file_path.ts";
import { CommandError } from "../command_line.ts";
import { ConfigError } from "../config_error.ts";
import type { Environment } from "../config_sources.ts";
import {
  type GatheredSettings,
  gatherSettings,
  type LoadOptions,
  sourceText,
} from "../gathered_settings.ts";
import { ExitCode, type World } from "../world.ts";

export interface ServicePlace {
  readonly settings: GatheredSettings;
  /** As zkServer.sh prints it. */
  readonly configText: string;
  readonly dataDir: string;
  readonly pidFile: string;
}

/**
 * Where a server is, with as little as can be of what its config file says: one that runs must be found when the
 * file has become wrong.
 *
 * @throws {CommandError} when it cannot be known
 */
export function servicePlaceOf(options: LoadOptions): ServicePlace {
  try {
    const settings = gatherSettings(options, []);
    const dataDir = settings.settings.get("dataDir")?.value.trim();
    const configText = sourceText(settings);
    if (!dataDir) throw new ConfigError([`${configText}: dataDir is not set`]);
    const pidFile = settings.environment("ZOOPIDFILE") || join(dataDir, "zookeeper_server.pid");
    return { settings, configText, dataDir, pidFile };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const exitCode = ExitCode.InvalidInvocation;
    throw new CommandError(error.problems.join("\n"), { exitCode, cause: error });
  }
}

/** As zkServer.sh does, before anything else. */
export function tellConfig(world: World, { configText }: ServicePlace): void {
  world.writeStderr(`Using config: ${configText}\n`);
}

export interface OutputFiles {
  /** Lines of the log, which are rotated. */
  readonly log: string;
  /** All else that the process prints: what it was started with, and why its runtime ended it. */
  readonly out: string;
}

export function outputFilesOf(environment: Environment, dataDir: string): OutputFiles {
  const dir = resolve(environment("ZOO_LOG_DIR") || join(dataDir, "logs"));
  const user = environment("USER") || environment("LOGNAME") || "";
  const host = environment("HOSTNAME") || Deno.hostname();
  const name = `zookeeper-${user}-server-${host}`;
  const logName = environment("ZOO_LOG_FILE") || `${name}.log`;
  return { log: join(dir, basename(logName)), out: join(dir, `${name}.out`) };
}

/** @returns null when there is no such file, or no number in it */
export function readPidFile(path: string): number | null {
  let text: string;
  try {
    text = Deno.readTextFileSync(path).trim();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
      return null;
    }
    const reason = error instanceof Error ? error.message : String(error);
    throw new CommandError(`Cannot read the pid file "${path}": ${reason}`);
  }
  return /^[1-9]\d{0,9}$/.test(text) ? Number(text) : null;
}

/** Whole or not at all: who reads it meanwhile must not see half a number. */
export function writePidFile(path: string, pid: number): void {
  Deno.mkdirSync(dirname(path), { recursive: true });
  const unfinished = `${path}.${Deno.pid}`;
  try {
    Deno.writeTextFileSync(unfinished, String(pid));
    Deno.renameSync(unfinished, path);
  } catch (error) {
    removeFile(unfinished);
    throw error;
  }
}

/** @returns whether it was there and could be removed */
export function removeFile(path: string): boolean {
  try {
    Deno.removeSync(path);
    return true;
  } catch {
    return false;
  }
}
