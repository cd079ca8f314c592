/**
 * From a config file, system properties and the environment to a {@linkcode ServerConfig}, with
 * what an operator must be told on the way.
 *
 * Everything wrong is collected and told at once. Reads files, writes none.
 *
 * @module
 */

import { isAbsolute, resolve } from "../net/file_path.ts";
import type { EnsembleServer, ServerConfig } from "../core/server_config.ts";
import { ConfigError, type Notice } from "./config_error.ts";
import { readMyid } from "./config_file.ts";
import { DIRECT_KEYS, JVM_KEYS } from "./config_schema.ts";
import { type Settings, settingsSchema } from "./config_schema.ts";
import type { Environment, Setting, SystemProperty } from "./config_sources.ts";
import { imageMyid } from "./container_environment.ts";
import { isEnsembleLine, parseEnsembleLines } from "../cluster/ensemble_lines.ts";
import { isMemberOfEnsemble } from "./ensemble_settings.ts";
import {
  DEFAULT_ORIGIN,
  gatherSettings,
  type LoadOptions,
  sourceText,
} from "./gathered_settings.ts";
import { isAuthProviderLine, isSuperUserLine, nearestKey, noticesOfKeys } from "./key_notices.ts";
import { type Facts, serverConfigOf } from "./server_config_of.ts";

export interface LoadedConfig {
  readonly config: ServerConfig;
  readonly notices: readonly Notice[];
  /** Properties with their `zookeeper.` prefix, the file's included: what logging looks into. */
  readonly properties: ReadonlyMap<string, string>;
  /** Where settings come from, in words. */
  readonly source: string;
  /** With what the files beside the config file assign. */
  readonly environment: Environment;
}

/** @throws {ConfigError} */
export function loadConfig(options: LoadOptions): LoadedConfig {
  const notices: Notice[] = [];
  const problems: string[] = [];
  const gathered = gatherSettings(options, notices);
  const { file, environment, properties, staticSettings, settings } = gathered;
  const { misplaced, repeated } = gathered;
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
  const isDefault = settings.get("dataDir")?.origin === DEFAULT_ORIGIN;
  const myid = readMyid(dataDir, problems) ??
    (file === null && !isDefault ? imageMyid(environment) : null);
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
  const source = config.configPath ?? sourceText(gathered);
  return { config, notices, properties: facts.systemProperties, source, environment };
}

function wrongValue({ origin, key, value }: Setting, expected: string): string {
  return `${origin}: ${key} cannot be ${JSON.stringify(value)}: expected ${expected}`;
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
