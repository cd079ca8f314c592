/**
 * The command line that runs a server on its own, as `start` runs it and `print-cmd` prints it.
 *
 * @module
 */

import { resolve } from "node:path";
import type { LoadedConfig } from "../config_loader.ts";
import { ownCommand } from "../own_program.ts";
import type { LoggingConfig } from "../logging_config.ts";
import type { StartOptions } from "../start_foreground.ts";
import type { World } from "../world.ts";
import { heapLimitOf, heapVariables } from "./heap_limit.ts";
import { type OutputFiles, outputFilesOf } from "./service_files.ts";

export interface Launch {
  readonly command: readonly string[];
  /** Beside those that this process has. */
  readonly variables: Readonly<Record<string, string>>;
  readonly files: OutputFiles;
  /** Where its log is. */
  readonly logPaths: readonly string[];
}

export function launchOf(
  world: World,
  options: StartOptions,
  { loaded, logging }: { loaded: LoadedConfig; logging: LoggingConfig },
): Launch {
  const { environment, config } = loaded;
  const files = outputFilesOf(environment, config.dataDir);
  // what would go to a terminal goes to a file that is rotated; other places are left as configured
  const moved = options.logFile ?? (logging.stderrThreshold === null ? undefined : files.log);
  const flags: [name: string, value: string | undefined][] = [
    ["--config", options.configDir],
    ["--log-level", options.level],
    ["--log-format", options.format],
    ["--log-file", moved],
  ];
  const given = moved === undefined ? [] : [moved];
  return {
    command: [
      ...ownCommand(world.environment),
      "start-foreground",
      ...flags.flatMap(([name, value]) => value === undefined ? [] : [name, value]),
      ...options.defines.map((define) => `-D${define}`),
      ...(options.file === undefined ? [] : ["--", options.file]),
    ],
    variables: heapVariables(heapLimitOf(environment), world.environment),
    files,
    logPaths: [
      ...new Set([...logging.files.map(({ path }) => path), ...given.map((path) => resolve(path))]),
    ],
  };
}

/** One line that a shell runs. */
export function shellLineOf({ command, variables }: Launch): string {
  const words = Object.entries(variables).map(([name, value]) => `${name}=${quoted(value)}`);
  return [...words, ...command.map(quoted)].join(" ");
}

function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
