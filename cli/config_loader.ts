/**
 * From a config file, system properties and the environment to a {@linkcode ServerConfig}, with
 * what an operator must be told on the way.
 *
 * Everything wrong is collected and told at once. Reads files, writes none.
 *
 * @module
 */

import { isAbsolute, resolve } from "node:path";
import type { EnsembleServer, ServerConfig } from "../core/server_config.ts";
import { ConfigError, type Notice } from "./config_error.ts";
import { type ConfigFile, findConfigFile, readMyid, readProperties } from "./config_file.ts";
import { DIRECT_KEYS, JVM_KEYS } from "./config_schema.ts";
import { type Settings, settingsSchema } from "./config_schema.ts";
import type { Environment, Setting, SystemProperty } from "./config_sources.ts";
import { fileSettingsOf, gatherSystemProperties, mergeSettings } from "./config_sources.ts";
import { containerSettings, containerVariables } from "./container_environment.ts";
import { isEnsembleLine, parseEnsembleLines } from "../cluster/ensemble_lines.ts";
import { isMemberOfEnsemble } from "./ensemble_settings.ts";
import { isAuthProviderLine, isSuperUserLine, nearestKey, noticesOfKeys } from "./key_notices.ts";
import { type Facts, serverConfigOf } from "./server_config_of.ts";

export interface LoadOptions {
  /** The argument after `start-foreground`, if any. */
  readonly file?: string | undefined;
  /** --config. */
  readonly configDir?: string | undefined;
  /** Of the command line, without their `-D`. */
  readonly defines?: readonly string[];
  readonly environment: Environment;
}

export interface LoadedConfig {
  readonly config: ServerConfig;
  readonly notices: readonly Notice[];
  /** Properties with their `zookeeper.` prefix, the file's included: what logging looks into. */
  readonly properties: ReadonlyMap<string, string>;
}

/** @throws {ConfigError} */
export function loadConfig(options: LoadOptions): LoadedConfig {
  const { environment } = options;
  const notices: Notice[] = [];
  const problems: string[] = [];
  const file = findConfigFile(options);
  const { properties, ignoredFlags } = gatherSystemProperties(options.defines ?? [], environment);
  if (ignoredFlags.length > 0) {
    const flags = ignoredFlags.join(" ");
    notices.push({
      level: "info",
      message: "flags for a JVM have no effect here",
      fields: { flags },
    });
  }

  const fileSettings = file === null
    ? settingsOfEnvironment(environment)
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
  const { settings, misplaced, repeated } = mergeSettings(staticSettings, properties);
  for (const { key, origins } of repeated) {
    notices.push({
      level: "warn",
      message: "setting is given more than once, the last one counts",
      fields: { key, at: origins.join(", ") },
    });
  }
  for (const { name, origin } of misplaced) {
    notices.push({
      level: "warn",
      message: "setting has no effect as a system property, give it in the config file",
      fields: { key: name, at: origin },
    });
  }

  const parsed = settingsSchema.safeParse(
    Object.fromEntries([...settings].map(([key, { value }]) => [key, value])),
  );
  const wrong = new Map(
    parsed.error?.issues.map((issue) => [String(issue.path[0]), issue.message]),
  );
  for (const setting of settings.values()) { // in the order of the file
    const expected = wrong.get(setting.key);
    if (expected !== undefined) problems.push(wrongValue(setting, expected));
    wrong.delete(setting.key);
  }
  const notSet = (key: string) => {
    const slip = [...settings.values()].find((setting) => nearestKey(setting.key) === key);
    const hint = slip === undefined ? "" : `; did you mean it at ${slip.origin} (${slip.key})`;
    return `${file?.path ?? "environment"}: ${key} is not set${hint}`;
  };
  for (const key of wrong.keys()) problems.push(notSet(key));
  const ensemble = parseEnsembleLines(
    [...settings.values()].filter(({ key }) => isEnsembleLine(key)),
    (line, expected) => problems.push(wrongValue(line, expected)),
  );
  if (!parsed.success || problems.length > 0) throw new ConfigError(problems);

  const values = parsed.data;
  const { dataDir } = values;
  const myid = readMyid(dataDir, problems) ?? myidOfEnvironment(file, environment);
  const originOf = (key: string) => settings.get(key)?.origin;
  const told = { notices, problems, originOf };
  const facts: Facts = {
    configPath: file === null ? null : resolve(file.path),
    myid,
    ...ensemble,
    isMember: isMemberOfEnsemble(values, ensemble, told),
    ...clientAddressOf(values, { servers: ensemble.servers, myid, settings, notSet }, problems),
    superUsers: valuesOf(settings, isSuperUserLine),
    authProviders: valuesOf(settings, isAuthProviderLine).map((name) => name.split(".").at(-1)!),
    raw: new Map(staticSettings.map(({ key, value }) => [key, value.trim()])),
    systemProperties: systemPropertiesOf(properties, staticSettings),
  };
  notices.push(...noticesOfKeys(settings, facts));
  const config = serverConfigOf(values, facts, told);
  if (problems.length > 0) throw new ConfigError(problems);
  if (!isAbsolute(dataDir) && !dataDir.startsWith("./") && !dataDir.startsWith("../")) {
    const message = "dataDir is relative to the directory the server was started in";
    notices.push({ level: "info", message, fields: { dataDir, absolute: resolve(dataDir) } });
  }
  return { config, notices, properties: facts.systemProperties };
}

function wrongValue({ origin, key, value }: Setting, expected: string): string {
  return `${origin}: ${key} cannot be ${JSON.stringify(value)}: expected ${expected}`;
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

function settingsOfEnvironment(environment: Environment): Setting[] {
  const settings = containerSettings(environment);
  if (settings !== null) return settings;
  throw new ConfigError([
    "Cannot find a config file: no argument was given, and there is no conf/zoo.cfg " +
    "(looked where ZOOCFGDIR and ZOOCFG point too); name one, such as config.example.cfg",
  ]);
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

/** The container image writes ZOO_MY_ID, by default 1, into a data directory without one. */
function myidOfEnvironment(file: ConfigFile | null, environment: Environment): number | null {
  if (file !== null) return null;
  const text = environment("ZOO_MY_ID") ?? "1";
  if (!/^\d+$/.test(text)) {
    throw new ConfigError([`ZOO_MY_ID cannot be ${JSON.stringify(text)}: expected a whole number`]);
  }
  return Number(text);
}

function valuesOf(settings: ReadonlyMap<string, Setting>, isWanted: (key: string) => boolean) {
  const wanted = [...settings.values()].filter(({ key }) => isWanted(key));
  wanted.sort((a, b) => a.key < b.key ? -1 : 1);
  return wanted.map(({ value }) => value.trim());
}

function systemPropertiesOf(
  properties: ReadonlyMap<string, SystemProperty>,
  fileSettings: readonly Setting[],
): Map<string, string> {
  const all = new Map([...properties.values()].map(({ name, value }) => [name, value]));
  for (const { key, value } of fileSettings) {
    if (isEnsembleLine(key) || DIRECT_KEYS.has(key)) continue;
    if (JVM_KEYS.has(key) && all.has(key)) continue;
    all.set(
      key.startsWith("zookeeper.") || JVM_KEYS.has(key) ? key : `zookeeper.${key}`,
      value.trim(),
    );
  }
  return all;
}

/** clientPort and clientPortAddress, or what our own server.N line says: they must agree. */
function clientAddressOf(
  { clientPort, clientPortAddress }: Settings,
  { servers, myid, settings, notSet }: {
    servers: readonly EnsembleServer[];
    myid: number | null;
    settings: ReadonlyMap<string, Setting>;
    /** The problem that a key is not set. */
    notSet: (key: string) => string;
  },
  problems: string[],
): { clientPort: number; clientPortAddress: string | null } {
  const own = servers.find(({ serverId }) => serverId === myid) ??
    (servers.length === 1 && myid === null ? servers[0] : undefined);
  const isWildcard = (host: string) => host === "0.0.0.0" || host === "::";
  const ownHost = own?.clientHost ?? null;
  if (own !== undefined && own.clientPort !== null && clientPort !== undefined) {
    const address = clientPortAddress ?? "0.0.0.0";
    if (own.clientPort !== clientPort || (!isWildcard(address) && address !== ownHost)) {
      problems.push(
        `clientPort is ${address}:${clientPort}, but server.${own.serverId} says ${ownHost}:${own.clientPort}: make them the same`,
      );
    }
  }
  const port = own?.clientPort ?? clientPort;
  if (port === undefined) {
    const other = servers.find((server) => server.clientPort !== null);
    const reason = settings.has("secureClientPort")
      ? "; secureClientPort is not available in this version"
      : other !== undefined
      ? `; server.${other.serverId} has one, but is not this server: myid is ${myid ?? "missing"}`
      : "";
    problems.push(notSet("clientPort") + reason);
  }
  const host = own?.clientPort != null ? ownHost : clientPortAddress ?? null;
  return {
    clientPort: port ?? 0,
    clientPortAddress: host === null || host === "0.0.0.0" ? null : host,
  };
}
