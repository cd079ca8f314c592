/**
 * Where a setting may come from, and which of two wins: the config file, `-D` system properties of
 * the command line, of SERVER_JVMFLAGS and of JVMFLAGS, or the container image's ZOO_ variables.
 *
 * Gathers text with its origin; what the text means is not known here.
 *
 * @module
 */

import { DIRECT_KEYS, JVM_KEYS } from "./config_schema.ts";
import type { Property } from "../core/java_properties.ts";

/** Variables by name; a parameter everywhere, so that tests have their own. */
export type Environment = (name: string) => string | undefined;

/** Where a value was written, as messages cite it: `zoo.cfg:12`, `-DsnapCount of JVMFLAGS`. */
export type Origin = string;

export interface Setting {
  readonly key: string;
  readonly value: string;
  readonly origin: Origin;
}

export interface SystemProperty {
  readonly name: string;
  readonly value: string;
  readonly origin: Origin;
}

/** Names that ZooKeeper's documentation gives to keys which its server reads by another name. */
const ALIASES: ReadonlyMap<string, string> = new Map([
  ["throttledOpWaitTime", "throttled_op_wait_time"],
  ["requestThrottleLimit", "request_throttle_max_requests"],
  ["requestThrottleStallTime", "request_throttle_stall_time"],
  ["requestThrottleDropStale", "request_throttle_drop_stale"],
  ["requestStaleLatencyCheck", "request_stale_latency_check"],
  ["requestStaleConnectionCheck", "request_stale_connection_check"],
  ["connectionMaxTokens", "connection_throttle_tokens"],
  ["connectionTokenFillTime", "connection_throttle_fill_time"],
  ["connectionTokenFillCount", "connection_throttle_fill_count"],
  ["connectionFreezeTime", "connection_throttle_freeze_time"],
  ["connectionDropIncrease", "connection_throttle_drop_increase"],
  ["connectionDropDecrease", "connection_throttle_drop_decrease"],
  ["connectionDecreaseRatio", "connection_throttle_decrease_ratio"],
]);

export const ALIAS_KEYS: Iterable<string> = ALIASES.keys();

/** The key's name in zoo.cfg: without `zookeeper.`, aliases resolved. */
export function canonicalKey(name: string): string {
  const key = name.startsWith("zookeeper.") ? name.slice("zookeeper.".length) : name;
  return ALIASES.get(key) ?? key;
}

/** Splits as a shell does: blanks separate, quotes and backslashes protect. */
export function splitShellWords(line: string): string[] {
  const words: string[] = [];
  let word: string | null = null;
  for (let at = 0; at < line.length; at++) {
    const char = line[at]!;
    if (/\s/.test(char)) {
      if (word !== null) words.push(word);
      word = null;
    } else if (char === "'") {
      const end = line.indexOf("'", at + 1);
      word = (word ?? "") + line.slice(at + 1, end === -1 ? undefined : end);
      at = end === -1 ? line.length : end;
    } else if (char === '"') {
      word ??= "";
      for (at++; at < line.length && line[at] !== '"'; at++) {
        if (line[at] === "\\" && /["\\$`]/.test(line[at + 1] ?? "")) at++;
        word += line[at];
      }
    } else {
      if (char === "\\" && at + 1 < line.length) at++;
      word = (word ?? "") + line[at];
    }
  }
  if (word !== null) words.push(word);
  return words;
}

/**
 * All `-D` properties, a later one of the same name in place of an earlier: SERVER_JVMFLAGS, then
 * JVMFLAGS (zkServer.sh gives them to Java in this order), then the command line.
 *
 * @param defines the command line's, without the `-D`
 */
export function gatherSystemProperties(
  defines: readonly string[],
  environment: Environment,
): { properties: Map<string, SystemProperty>; ignoredFlags: string[] } {
  const properties = new Map<string, SystemProperty>();
  const ignoredFlags: string[] = [];
  const define = (text: string, place: string) => {
    const equals = text.indexOf("=");
    const name = equals === -1 ? text : text.slice(0, equals);
    // Java gives -Dname without `=` the empty text.
    const value = equals === -1 ? "" : text.slice(equals + 1);
    properties.delete(name);
    properties.set(name, { name, value, origin: `-D${name} ${place}` });
  };
  for (const variable of ["SERVER_JVMFLAGS", "JVMFLAGS"]) {
    for (const word of splitShellWords(environment(variable) ?? "")) {
      if (word.startsWith("-D")) define(word.slice(2), `of ${variable}`);
      else ignoredFlags.push(word);
    }
  }
  for (const text of defines) define(text, "of the command line");
  return { properties, ignoredFlags };
}

/** Prefixes of properties that are Java's or a library's business. */
const FOREIGN =
  /^(java|javax|sun|com\.sun|jdk|user|os|file|line|path|awt|log4j|logback|slf4j)[.\d]/;

export function isForeignProperty(name: string): boolean {
  return FOREIGN.test(name) && !JVM_KEYS.has(name);
}

export interface MergedSettings {
  /** By canonical key. */
  readonly settings: ReadonlyMap<string, Setting>;
  /** System properties that name a setting read from the file only. */
  readonly misplaced: readonly SystemProperty[];
  /** Keys that the file has more than once. */
  readonly repeated: readonly { key: string; origins: readonly Origin[] }[];
}

/**
 * Puts file and system properties together. The file wins, as its keys become system properties
 * when ZooKeeper reads it; but of what ZooKeeper takes from `-D` only, `-D` wins.
 */
export function mergeSettings(
  fileSettings: readonly Setting[],
  properties: ReadonlyMap<string, SystemProperty>,
): MergedSettings {
  const settings = new Map<string, Setting>();
  const misplaced: SystemProperty[] = [];
  const places = new Map<string, Origin[]>();

  for (const { name, value, origin } of properties.values()) {
    if (isForeignProperty(name)) continue;
    const key = canonicalKey(name);
    if (DIRECT_KEYS.has(key)) {
      misplaced.push({ name, value, origin });
      continue;
    }
    // Of `-Dzookeeper.x` and `-Dx`, the name ZooKeeper reads wins.
    const isExact = JVM_KEYS.has(key) ? name === key : name.startsWith("zookeeper.");
    if (isExact || !settings.has(key)) settings.set(key, { key, value, origin });
  }
  for (const setting of fileSettings) {
    const key = canonicalKey(setting.key);
    places.set(key, [...places.get(key) ?? [], setting.origin]);
    if (JVM_KEYS.has(key) && settings.get(key)?.origin.startsWith("-D")) continue;
    settings.set(key, { key, value: setting.value, origin: setting.origin });
  }
  const repeated = [...places].filter(([, origins]) => origins.length > 1)
    .map(([key, origins]) => ({ key, origins }));
  return { settings, misplaced, repeated };
}

export function fileSettingsOf(properties: readonly Property[], path: string): Setting[] {
  return properties.map(({ key, value, line }) => ({ key, value, origin: `${path}:${line}` }));
}
