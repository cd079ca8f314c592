/**
 * Finds out where log lines go, how many and in what form: from flags, system properties, the
 * environment, and a `logback.xml` or `log4j.properties` beside the config file.
 *
 * Of those files only what operators change is understood: properties, root level, and which
 * appenders there are, with their file, threshold and sizes. Layouts are not.
 *
 * @module
 */

import { dirname, join, resolve } from "../net/file_path.ts";
import { ConfigError } from "./config_error.ts";
import { readProperties } from "./config_file.ts";
import type { Environment } from "./config_sources.ts";

export type LogThreshold = "debug" | "info" | "warn" | "error" | "off";

export interface LogFileConfig {
  readonly path: string;
  readonly threshold: LogThreshold;
  readonly fileBytesMax: number;
  readonly backupCount: number;
}

export interface LoggingConfig {
  readonly format: "text" | "json";
  /** What the root logger lets through; sinks may be stricter. */
  readonly threshold: LogThreshold;
  /** null: nothing to stderr. */
  readonly stderrThreshold: LogThreshold | null;
  readonly files: readonly LogFileConfig[];
  /** Of the root logger, and neither to stderr nor to a file: nothing is written for them. */
  readonly ignoredAppenders: readonly string[];
  /** The logback.xml or log4j.properties that was read. */
  readonly sourcePath: string | null;
}

export interface LoggingOptions {
  /** Of the config file; null: no file beside it to look for. */
  readonly configPath: string | null;
  /** System properties by full name. */
  readonly properties: ReadonlyMap<string, string>;
  readonly environment: Environment;
  /** --log-level, --log-format, --log-file. */
  readonly level?: string | undefined;
  readonly format?: string | undefined;
  readonly file?: string | undefined;
}

const THRESHOLDS: Readonly<Record<string, LogThreshold>> = {
  ALL: "debug",
  TRACE: "debug",
  DEBUG: "debug",
  INFO: "info",
  WARN: "warn",
  WARNING: "warn",
  ERROR: "error",
  FATAL: "error",
  OFF: "off",
};

/** @throws {ConfigError} on a level, format or size that is none */
export function loggingConfigOf(options: LoggingOptions): LoggingConfig {
  const { format = "text" } = options;
  if (format !== "text" && format !== "json") {
    throw new ConfigError([
      `--log-format cannot be ${JSON.stringify(format)}: expected text or json`,
    ]);
  }
  const source = readSource(options);
  const lookup = new Lookup(options, source.definitions);
  const flagged = options.level === undefined
    ? undefined
    : thresholdOf(options.level, "--log-level");

  // `${zookeeper.root.logger}` of Debian's file is nothing unless somebody sets it.
  const [rootLevel = "INFO", ...appenders] = (lookup.given("zookeeper.root.logger") ||
    lookup.resolve(source.root) || lookup.find("zookeeper.root.logger") || "INFO, CONSOLE")
    .split(",").map((word) => word.trim()).filter((word) => word !== "");
  let stderrThreshold: LogThreshold | null = null;
  const files = new Map<string, LogFileConfig>();
  const ignoredAppenders = [...new Set(appenders)]
    .filter((name) => sinkOf(name, source.appenders.get(name)) === null);
  if (ignoredAppenders.length === new Set(appenders).size && ignoredAppenders.length > 0) {
    appenders.push("CONSOLE"); // all of the log is not to be lost for a name
  }
  for (const name of new Set(appenders)) {
    const appender = (option: string) =>
      lookup.resolve(source.appenders.get(`${name}.${option}`)) || undefined;
    const sink = sinkOf(name, source.appenders.get(name));
    if (sink === "stderr") {
      const threshold = lookup.given("zookeeper.console.threshold") ?? appender("threshold") ??
        lookup.find("zookeeper.console.threshold") ?? "INFO";
      stderrThreshold = flagged ?? thresholdOf(threshold, `threshold of ${name}`);
    } else if (sink === "file") {
      const file = fileOf(name, { appender, lookup });
      files.set(file.path, flagged === undefined ? file : { ...file, threshold: flagged });
    }
  }
  if (options.file !== undefined) {
    const file = fileOf("ROLLINGFILE", { appender: () => undefined, lookup });
    const path = resolve(options.file);
    files.set(path, { ...file, path, threshold: flagged ?? "debug" });
    stderrThreshold = null;
  }
  return {
    format,
    threshold: flagged ?? thresholdOf(rootLevel, "root logger"),
    stderrThreshold,
    files: [...files.values()],
    ignoredAppenders,
    sourcePath: source.path,
  };
}

/** @param kind the class of its appender; undefined: no file describes it */
function sinkOf(name: string, kind: string | undefined): "stderr" | "file" | null {
  if (kind === undefined) {
    if (name === "CONSOLE") return "stderr";
    return name === "ROLLINGFILE" || name === "TRACEFILE" ? "file" : null;
  }
  if (kind.endsWith("ConsoleAppender")) return "stderr";
  return kind.endsWith("FileAppender") ? "file" : null;
}

/** Values by name: what was given from outside, then what the file defines. */
class Lookup {
  readonly #options: LoggingOptions;
  readonly #definitions: ReadonlyMap<string, string>;

  constructor(options: LoggingOptions, definitions: ReadonlyMap<string, string>) {
    this.#options = options;
    this.#definitions = definitions;
  }

  /** From `-D`, the config file, or the variables that zkServer.sh turns into `-D`. */
  given(name: string): string | undefined {
    const variable = VARIABLES[name];
    const { properties, environment } = this.#options;
    const value = properties.get(name) ?? properties.get(name.replace(/^zookeeper\./, "")) ??
      (variable === undefined ? undefined : environment(variable));
    return value?.trim() || undefined;
  }

  find(name: string): string | undefined {
    return this.given(name) ?? this.resolve(this.#definitions.get(name));
  }

  /** Puts values for `${name}` and `${name:-default}`. */
  resolve(text: string | undefined, depth = 0): string | undefined {
    return text?.replace(/\$\{([^}]*)\}/g, (_, expression: string) => {
      const [name = "", fallback = ""] = expression.split(":-", 2);
      const value = this.given(name) ?? this.#definitions.get(name) ?? fallback;
      return depth < 8 ? this.resolve(value, depth + 1)! : value;
    });
  }
}

const VARIABLES: Readonly<Record<string, string>> = {
  "zookeeper.log.dir": "ZOO_LOG_DIR",
  "zookeeper.log.file": "ZOO_LOG_FILE",
  "zookeeper.root.logger": "ZOO_LOG4J_PROP",
};

/** ROLLINGFILE, TRACEFILE, or another appender that the file describes. */
function fileOf(
  name: string,
  { appender, lookup }: { appender: (option: string) => string | undefined; lookup: Lookup },
): LogFileConfig {
  const isTrace = name === "TRACEFILE";
  const nameKey = isTrace ? "zookeeper.tracelog.file" : "zookeeper.log.file";
  const logDir = lookup.find("zookeeper.log.dir") ?? ".";
  const dir = isTrace ? lookup.find("zookeeper.tracelog.dir") ?? logDir : logDir;
  const fallback = isTrace ? "zookeeper_trace.log" : "zookeeper.log";
  const described = appender("file");
  const given = lookup.given(nameKey);
  const path = given !== undefined || described === undefined
    ? join(dir, given ?? lookup.find(nameKey) ?? fallback)
    : described;
  /** An appender's own option, unless the property that stands for it was given from outside. */
  const option = (property: string, own: string, otherwise: string) => {
    if (isTrace) return appender(own) ?? otherwise;
    return lookup.given(property) ?? appender(own) ?? lookup.find(property) ?? otherwise;
  };
  const threshold = option("zookeeper.log.threshold", "threshold", isTrace ? "TRACE" : "INFO");
  const size = option("zookeeper.log.maxfilesize", "maxfilesize", "256MB");
  const count = option("zookeeper.log.maxbackupindex", "maxbackupindex", "20");
  if (!/^\d{1,4}$/.test(count)) {
    throw new ConfigError([
      `zookeeper.log.maxbackupindex cannot be ${JSON.stringify(count)}: expected 0 to 9999`,
    ]);
  }
  return {
    path: resolve(path),
    threshold: thresholdOf(threshold, `threshold of ${name}`),
    fileBytesMax: bytesOf(size),
    backupCount: Number(count),
  };
}

function thresholdOf(text: string, what: string): LogThreshold {
  const threshold = THRESHOLDS[text.trim().toUpperCase()];
  if (threshold !== undefined) return threshold;
  const levels = Object.keys(THRESHOLDS).join(", ").toLowerCase();
  throw new ConfigError([`${what} cannot be ${JSON.stringify(text)}: expected one of ${levels}`]);
}

function bytesOf(text: string): number {
  const match = /^(\d+)\s*([KMG]?)B?$/i.exec(text.trim());
  const bytes = Number(match?.[1]) * 1024 ** " KMG".indexOf(match?.[2]?.toUpperCase() || " ");
  if (match !== null && bytes > 0 && Number.isSafeInteger(bytes)) return bytes;
  throw new ConfigError([
    `zookeeper.log.maxfilesize cannot be ${JSON.stringify(text)}: expected a size such as 256MB`,
  ]);
}

interface Source {
  readonly path: string | null;
  readonly definitions: ReadonlyMap<string, string>;
  /** `LEVEL, APPENDER, ...` as the file has it. */
  readonly root: string | undefined;
  /** Class by appender name, and `NAME.option` in lower case. */
  readonly appenders: ReadonlyMap<string, string>;
}

/** The file that `-D` names, else logback.xml or log4j.properties beside the config file. */
function readSource({ configPath, properties }: LoggingOptions): Source {
  const named = properties.get("logback.configurationFile") ??
    properties.get("log4j.configuration");
  const candidates = named !== undefined ? [named.replace(/^file:(\/\/)?/, "")] : [];
  if (named === undefined && configPath !== null) {
    const dir = dirname(configPath);
    candidates.push(join(dir, "logback.xml"), join(dir, "log4j.properties"));
  }
  for (const path of candidates) {
    let isThere = named !== undefined;
    try {
      isThere ||= Deno.statSync(path).isFile;
    } catch {
      continue; // Not there, or not ours to read: what is not found is not used.
    }
    if (isThere) return path.endsWith(".xml") ? readLogback(path) : readLog4j(path);
  }
  return { path: null, definitions: new Map(), root: undefined, appenders: new Map() };
}

function readLog4j(path: string): Source {
  const definitions = new Map<string, string>();
  const appenders = new Map<string, string>();
  for (const { key, value } of readProperties(path)) {
    definitions.set(key, value.trim());
    const match = /^log4j\.appender\.([^.]+)(?:\.(.+))?$/.exec(key);
    if (match === null) continue;
    const [, name, option] = match;
    appenders.set(option === undefined ? name! : `${name}.${option.toLowerCase()}`, value.trim());
  }
  const root = definitions.get("log4j.rootLogger") ?? definitions.get("log4j.rootCategory");
  return { path, definitions, root, appenders };
}

/** Elements of logback's appenders, and what log4j calls the same. */
const LOGBACK_OPTIONS = [
  ["file", "file"],
  ["level", "threshold"], // of its ThresholdFilter
  ["maxFileSize", "maxfilesize"],
  ["maxIndex", "maxbackupindex"],
] as const;

function readLogback(path: string): Source {
  let text: string;
  try {
    text = Deno.readTextFileSync(path).replace(/<!--[\s\S]*?-->/g, "");
  } catch (error) {
    throw new ConfigError([
      `Cannot read "${path}": ${error instanceof Error ? error.message : error}`,
    ]);
  }
  const definitions = new Map<string, string>();
  const appenders = new Map<string, string>();
  for (const [, tag, body] of text.matchAll(/<appender\b([^>]*)>([\s\S]*?)<\/appender>/g)) {
    const name = attribute(tag!, "name");
    if (name === undefined) continue;
    appenders.set(name, attribute(tag!, "class") ?? "");
    for (const [element, option] of LOGBACK_OPTIONS) {
      const value = new RegExp(`<${element}>([^<]*)</${element}>`, "i").exec(body!)?.[1];
      if (value !== undefined) appenders.set(`${name}.${option}`, value.trim());
    }
  }
  for (const [tag] of text.matchAll(/<(?:property|variable)\s[^>]*>/g)) {
    const name = attribute(tag, "name");
    if (name !== undefined) definitions.set(name, attribute(tag, "value") ?? "");
  }
  const root = /<root\b([^>]*)>([\s\S]*?)<\/root>/.exec(text);
  const references = [...(root?.[2] ?? "").matchAll(/<appender-ref\s[^>]*>/g)]
    .map(([tag]) => attribute(tag, "ref")).filter((name) => name !== undefined);
  const level = attribute(root?.[1] ?? "", "level") ?? "INFO";
  return {
    path,
    definitions,
    root: root === null ? undefined : [level, ...references].join(","),
    appenders,
  };
}

function attribute(tag: string, name: string): string | undefined {
  const match = new RegExp(`\\b${name}\\s*=\\s*(?:"([^"]*)"|'([^']*)')`).exec(tag);
  return match?.[1] ?? match?.[2];
}
