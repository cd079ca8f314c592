/**
 * The settings that the official container image takes from ZOO_ variables when there is no config
 * file. The image writes a file from them; here they become settings at once, in memory.
 *
 * Unset variables have the image's defaults, except that purging stays on.
 *
 * @module
 */

import { ConfigError } from "./config_error.ts";
import type { Environment, Setting } from "./config_sources.ts";

/** Variable, key, and the image's default if it always writes the key. */
const VARIABLES: readonly [variable: string, key: string, fallback?: string][] = [
  ["ZOO_DATA_DIR", "dataDir", "/data"],
  ["ZOO_DATA_LOG_DIR", "dataLogDir"],
  ["ZOO_TICK_TIME", "tickTime", "2000"],
  ["ZOO_INIT_LIMIT", "initLimit", "5"],
  ["ZOO_SYNC_LIMIT", "syncLimit", "2"],
  ["ZOO_AUTOPURGE_SNAPRETAINCOUNT", "autopurge.snapRetainCount"],
  ["ZOO_AUTOPURGE_PURGEINTERVAL", "autopurge.purgeInterval"],
  ["ZOO_MAX_CLIENT_CNXNS", "maxClientCnxns"],
  ["ZOO_STANDALONE_ENABLED", "standaloneEnabled"],
  ["ZOO_ADMINSERVER_ENABLED", "admin.enableServer"],
  ["ZOO_4LW_COMMANDS_WHITELIST", "4lw.commands.whitelist"],
];

const DEFAULT_SERVERS = "server.1=localhost:2888:3888;2181";

/** The names of those that are set. */
export function containerVariables(environment: Environment): string[] {
  return [...VARIABLES.map(([variable]) => variable), "ZOO_SERVERS", "ZOO_CFG_EXTRA", "ZOO_MY_ID"]
    .filter((variable) => environment(variable) !== undefined);
}

/** @returns null when no variable asks for a server */
export function containerSettings(environment: Environment): Setting[] | null {
  return containerVariables(environment).length === 0 ? null : imageSettings(environment);
}

/** Whether or not a variable is set. */
export function imageSettings(environment: Environment): Setting[] {
  const servers = environment("ZOO_SERVERS");
  const extra = environment("ZOO_CFG_EXTRA");
  const settings: Setting[] = [];
  for (const [variable, key, fallback] of VARIABLES) {
    const value = environment(variable) ?? fallback;
    if (value === undefined || value === "") continue;
    settings.push({ key, value, origin: variable });
  }
  if (!environment("ZOO_DATA_DIR") && !environment("ZOO_DATA_LOG_DIR")) {
    settings.push({ key: "dataLogDir", value: "/datalog", origin: "ZOO_DATA_LOG_DIR" });
  }
  const extras = [
    ...words(servers || DEFAULT_SERVERS, "ZOO_SERVERS"),
    ...words(extra ?? "", "ZOO_CFG_EXTRA"),
  ];
  return [...settings, ...extras];
}

/**
 * What the image writes into a data directory without a myid.
 *
 * @throws {ConfigError}
 */
export function imageMyid(environment: Environment): number {
  const text = environment("ZOO_MY_ID") || "1"; // empty too, as where a compose file hands on an unset one
  if (/^\d+$/.test(text)) return Number(text);
  throw new ConfigError([`ZOO_MY_ID cannot be ${JSON.stringify(text)}: expected a whole number`]);
}

/** `key=value` between blanks, as the image's script splits them. */
function words(text: string, origin: string): Setting[] {
  return text.split(/\s+/).filter((word) => word !== "").map((word) => {
    const equals = word.indexOf("=");
    const key = equals === -1 ? word : word.slice(0, equals);
    return { key, value: equals === -1 ? "" : word.slice(equals + 1), origin };
  });
}
