/**
 * Finds and reads the config file and myid.
 *
 * Found as zkServer.sh finds it: the argument, of which a bare name is looked for in the config
 * directory; the directory is --config, ZOOCFGDIR or the container image's ZOO_CONF_DIR, else the
 * first that has it of `./conf`, the current one and `../conf` beside the program; the name is
 * ZOOCFG or `zoo.cfg`.
 *
 * @module
 */

import { dirname, join } from "../net/file_path.ts";
import { ConfigError } from "./config_error.ts";
import type { Environment } from "./config_sources.ts";
import { ownExecutable } from "./own_program.ts";
import {
  decodeLatin1,
  parseJavaProperties,
  PropertiesSyntaxError,
} from "../core/java_properties.ts";
import type { Property } from "../core/java_properties.ts";

export interface ConfigFile {
  /** As messages cite it. */
  readonly path: string;
}

export interface ConfigPlace {
  /** As on the command line. */
  readonly file?: string | undefined;
  /** --config. */
  readonly configDir?: string | undefined;
  readonly environment: Environment;
}

/** The config directory that was asked for; null: none was, and a few are looked through. */
export function namedConfigDir({ configDir, environment }: ConfigPlace): string | null {
  return configDir ?? (environment("ZOOCFGDIR") || environment("ZOO_CONF_DIR") || null);
}

/** @returns null when none was asked for and none is where it would be */
export function findConfigFile(place: ConfigPlace): ConfigFile | null {
  const { file, configDir, environment } = place;
  const named = namedConfigDir(place);
  const name = file ?? (environment("ZOOCFG") || "zoo.cfg");
  const isBare = !name.includes("/");
  const dirs = named === null ? defaultConfigDirs(environment) : [named];
  // zkServer.sh looks for a bare name in the config directory alone; the current one comes too
  // here, so that `start-foreground zoo.cfg` does what it says.
  if (isBare && file !== undefined) dirs.push(".");
  const candidates = isBare ? [...new Set(dirs.map((dir) => join(dir, name)))] : [name];
  const path = candidates.find(isFile);
  if (path !== undefined) return { path };
  if (file === undefined && configDir === undefined && !environment("ZOOCFG")) return null;
  throw new ConfigError([`Cannot find config file "${candidates.join('" or "')}"`]);
}

/** `./conf` and the current directory; then, as zkServer.sh has it, `conf` beside the directory of the program. */
function defaultConfigDirs(environment: Environment): string[] {
  const program = ownExecutable(environment);
  return ["./conf", ".", ...program === null ? [] : [join(dirname(program), "../conf")]];
}

function isFile(path: string): boolean {
  try {
    return !Deno.statSync(path).isDirectory;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
      return false;
    }
    throw unreadable(path, error);
  }
}

function unreadable(path: string, error: unknown): ConfigError {
  const reason = error instanceof Error ? error.message : String(error);
  return new ConfigError([`Cannot read "${path}": ${reason}`]);
}

/**
 * A file as Java reads properties, a character a byte; null without such a file.
 *
 * @throws {ConfigError} when it cannot be read
 */
export function readConfigText(path: string): string | null {
  try {
    return decodeLatin1(Deno.readFileSync(path));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw unreadable(path, error);
  }
}

/** @throws {ConfigError} when it cannot be read, or is no properties file */
export function readProperties(path: string): Property[] {
  let text: string;
  try {
    text = decodeLatin1(Deno.readFileSync(path));
  } catch (error) {
    throw unreadable(path, error);
  }
  try {
    // Editors on Windows put a mark before the first key, which would make it another key.
    return parseJavaProperties(text.startsWith("\xef\xbb\xbf") ? text.slice(3) : text);
  } catch (error) {
    if (!(error instanceof PropertiesSyntaxError)) throw error;
    throw new ConfigError([`${path}:${error.line}: ${error.message}`]);
  }
}

/**
 * The first line of `<dataDir>/myid`; null without such a file.
 *
 * @param problems gets a line when the file does not hold a number
 */
export function readMyid(dataDir: string, problems: string[]): number | null {
  const path = join(dataDir, "myid");
  let text: string;
  try {
    text = Deno.readTextFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
      return null;
    }
    problems.push(unreadable(path, error).message);
    return null;
  }
  const first = text.split(/\r?\n/, 1)[0]!.trim();
  if (/^-?\d+$/.test(first) && Number.isSafeInteger(Number(first))) return Number(first);
  problems.push(`${path}:1: myid cannot be ${JSON.stringify(first)}: expected a whole number`);
  return null;
}
