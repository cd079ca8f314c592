/**
 * All settings as text, from wherever they come: the config file and the dynamic one it names, system properties,
 * the files zkServer.sh reads variables from, the container image's variables, or, where there is none of it, the
 * few that a server to try out needs.
 *
 * What values mean and whether they may be is not known here: who looks for a running server must find it with a
 * config file that has become wrong since.
 *
 * @module
 */

import { dirname } from "../net/file_path.ts";
import { isEnsembleLine } from "../cluster/ensemble_lines.ts";
import { ConfigError, type Notice } from "./config_error.ts";
import { type ConfigFile, findConfigFile, namedConfigDir, readProperties } from "./config_file.ts";
import type { Environment, MergedSettings, Setting, SystemProperty } from "./config_sources.ts";
import { fileSettingsOf, gatherSystemProperties, mergeSettings } from "./config_sources.ts";
import { containerSettings, containerVariables } from "./container_environment.ts";
import { environmentOfFiles } from "./environment_files.ts";

export interface LoadOptions {
  /** The argument after `start-foreground`, if any. */
  readonly file?: string | undefined;
  /** --config. */
  readonly configDir?: string | undefined;
  /** Of the command line, without their `-D`. */
  readonly defines?: readonly string[];
  readonly environment: Environment;
}

export interface GatheredSettings extends MergedSettings {
  /** Null: there is none. */
  readonly file: ConfigFile | null;
  /** With what the files beside the config file assign. */
  readonly environment: Environment;
  readonly properties: ReadonlyMap<string, SystemProperty>;
  /** Of the files alone, in their order. */
  readonly staticSettings: readonly Setting[];
}

/** Of a server that was told nothing: it keeps to its machine, since nobody asked to have it opened. */
const DEFAULTS: readonly [key: string, value: string][] = [
  ["dataDir", "./data"],
  ["clientPort", "2181"],
  ["clientPortAddress", "127.0.0.1"],
  ["admin.serverAddress", "127.0.0.1"],
];
/** Where a default comes from, as messages cite it. */
export const DEFAULT_ORIGIN = "default without a config file";

/** Where settings come from, in words. */
export function sourceText(
  { file, settings }: Pick<GatheredSettings, "file" | "settings">,
): string {
  if (file !== null) return file.path;
  if (settings.get("dataDir")?.origin !== DEFAULT_ORIGIN) return "ZOO_ environment variables";
  return "none here: data in ./data, on 127.0.0.1 only (denkeeper init writes a zoo.cfg)";
}

/**
 * @param notices gets what an operator must be told
 * @throws {ConfigError} when a file was asked for and is not there, or cannot be read
 */
export function gatherSettings(options: LoadOptions, notices: Notice[]): GatheredSettings {
  const { file, environment } = filesOf(options, notices);
  const { properties, ignoredFlags } = gatherSystemProperties(options.defines ?? [], environment);
  if (ignoredFlags.length > 0) {
    const flags = ignoredFlags.join(" ");
    notices.push({
      level: "info",
      message: "flags for a JVM have no effect here, but -Xmx with the command start",
      fields: { flags },
    });
  }
  if (environment("ZOO_DATADIR_AUTOCREATE_DISABLE")) { // as zkServer.sh passes it on
    const name = "zookeeper.datadir.autocreate";
    properties.set(name, { name, value: "false", origin: "ZOO_DATADIR_AUTOCREATE_DISABLE" });
  }
  const fileSettings = file === null
    ? settingsWithoutFile(options, environment, notices)
    : settingsOfFile(file, notices);
  const unusedVariables = file === null ? [] : containerVariables(environment);
  if (unusedVariables.length > 0) {
    notices.push({
      level: "info",
      message: "variables have no effect, since there is a config file",
      fields: { variables: unusedVariables.join(", ") },
    });
  }
  const staticSettings = addDynamicFile(fileSettings);
  return {
    file,
    environment,
    properties,
    staticSettings,
    ...mergeSettings(staticSettings, properties),
  };
}

/** The config file, and the variables that the files beside it assign. */
function filesOf(
  options: LoadOptions,
  notices: Notice[],
): { file: ConfigFile | null; environment: Environment } {
  const named = namedConfigDir(options);
  const outer = options.environment;
  const before = named === null ? null : environmentOfFiles(named, outer);
  const file = findConfigFile({ ...options, environment: before?.environment ?? outer });
  const read = before ?? (file === null ? null : environmentOfFiles(dirname(file.path), outer));
  if (read === null) return { file, environment: outer };
  if (read.notUnderstood.length > 0) {
    notices.push({
      level: "warn",
      message: "line has no effect, since no shell runs it: only NAME=value is understood",
      fields: { at: read.notUnderstood.join(", ") },
    });
  }
  return { file, environment: read.environment };
}

function settingsOfFile(file: ConfigFile, notices: Notice[]): Setting[] {
  const properties = readProperties(file.path);
  for (const { key, value, line } of properties) {
    if (!/[\x80-\uffff]/.test(key + value)) continue;
    notices.push({
      level: "warn",
      message:
        "letters beyond ASCII are read as ISO-8859-1, as Java reads them; write \\uXXXX instead",
      fields: { key, at: `${file.path}:${line}` },
    });
  }
  notices.push({ level: "info", message: "reading configuration", fields: { path: file.path } });
  return fileSettingsOf(properties, file.path);
}

function settingsWithoutFile(
  options: LoadOptions,
  environment: Environment,
  notices: Notice[],
): Setting[] {
  const settings = containerSettings(environment);
  if (settings !== null) return settings;
  const dir = namedConfigDir(options);
  if (dir !== null) {
    throw new ConfigError([
      `Cannot find a config file: there is no "${dir}/zoo.cfg"; name another one, or write one with ` +
      "denkeeper init",
    ]);
  }
  notices.push({
    level: "warn",
    message:
      "no config file: none was named, and there is neither conf/zoo.cfg nor zoo.cfg here; " +
      "this server is for programs on this machine",
    fields: Object.fromEntries(DEFAULTS),
  });
  return DEFAULTS.map(([key, value]) => ({ key, value, origin: DEFAULT_ORIGIN }));
}

/** Adds the lines of dynamicConfigFile; membership must then be in that file alone. */
function addDynamicFile(settings: Setting[]): Setting[] {
  const pointer = settings.findLast(({ key }) => key === "dynamicConfigFile");
  if (pointer === undefined) return settings;
  const path = pointer.value.trim();
  const member = settings.find(({ key }) => isEnsembleLine(key));
  if (member !== undefined) {
    throw new ConfigError([
      `${member.origin}: ${member.key} cannot be here: dynamicConfigFile is set (${pointer.origin}), which has the members`,
    ]);
  }
  const lines = fileSettingsOf(readProperties(path), path);
  const stray = lines.find(({ key }) => !isEnsembleLine(key));
  if (stray !== undefined) {
    throw new ConfigError([
      `${stray.origin}: ${stray.key} cannot be in a dynamic config file: only server, group and weight lines can`,
    ]);
  }
  return [...settings, ...lines];
}
