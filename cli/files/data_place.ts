/**
 * Which data directory a command is about: named, or that of a config file.
 *
 * @module
 */
import type { ServerConfig } from "../../core/server_config.ts";
import { CommandError } from "../command_line.ts";
import { ConfigError } from "../config_error.ts";
import { loadConfig } from "../config_loader.ts";
import { ExitCode, type World } from "../world.ts";
import { fileProblem } from "./storage_paths.ts";

const VERSION_DIR = "version-2";

export interface DataPlace {
  readonly dataDir: string;
  readonly dataLogDir: string;
  /** Where the files are. */
  readonly snapshotDir: string;
  readonly logDir: string;
  /** Null: the directories were named, and what else is set is not known. */
  readonly config: ServerConfig | null;
}

export interface ConfigPlaceOptions {
  readonly configDir: string | undefined;
  readonly defines: readonly string[];
}

/**
 * @param named nothing, for the config file that a server would read; a config file; or one or two directories,
 * `dataDir` first
 * @throws {CommandError}
 */
export function dataPlaceOf(
  world: World,
  named: readonly string[],
  options: ConfigPlaceOptions,
): DataPlace {
  const [first, second = first] = named;
  if (first !== undefined && second !== undefined && isDirectory(first)) {
    if (!isDirectory(second)) throw notADirectory(second);
    return placeOf(withoutVersion(first), withoutVersion(second), null);
  }
  if (named.length > 1) throw notADirectory(first!);
  try {
    const { config } = loadConfig({ ...options, file: first, environment: world.environment });
    return placeOf(config.dataDir, config.dataLogDir, config);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw new CommandError(error.problems.join("\n"), { exitCode: ExitCode.InvalidInvocation });
  }
}

function placeOf(dataDir: string, dataLogDir: string, config: ServerConfig | null): DataPlace {
  return {
    dataDir,
    dataLogDir,
    snapshotDir: `${dataDir}/${VERSION_DIR}`,
    logDir: `${dataLogDir}/${VERSION_DIR}`,
    config,
  };
}

/** `version-2` itself may be named. */
function withoutVersion(path: string): string {
  const plain = path.length > 1 ? path.replace(/\/+$/, "") : path;
  if (plain === VERSION_DIR) return ".";
  return plain.endsWith(`/${VERSION_DIR}`) ? plain.slice(0, -VERSION_DIR.length - 1) || "/" : plain;
}

function isDirectory(path: string): boolean {
  try {
    return Deno.statSync(path).isDirectory;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound && !path.includes("/")) return false; // a config's name
    throw fileProblem("read", path, error);
  }
}

function notADirectory(path: string): CommandError {
  return new CommandError(`Cannot use "${path}": it is no directory`, {
    exitCode: ExitCode.InvalidInvocation,
  });
}
