/**
 * The log of a running server: LogTape behind the core's `Logger`.
 *
 * LogTape decides what goes where and escapes what a client could smuggle in; the sinks are ours.
 * Its own file sink syncs the file on the event loop, or loses the last lines at the end of the
 * process: here a line is with the operating system when the call returns.
 *
 * @module
 */

import { configureSync, getJsonLinesFormatter, resetSync } from "@logtape/logtape";
import { getLogger, sanitizeControlSequences, withFilter } from "@logtape/logtape";
import type { Logger as LogtapeLogger, LogLevel as LogtapeLevel } from "@logtape/logtape";
import type { LogRecord, Sink } from "@logtape/logtape";
import type { LogFields, Logger, LogLevel } from "../core/ports.ts";
import { RotatingFile } from "../net/rotating_file.ts";
import type { LoggingConfig, LogThreshold } from "./logging_config.ts";

export interface OpenLog {
  readonly logger: Logger;
  readonly level: LogLevel;
  /** Closes the files; later lines are dropped. */
  close(): void;
}

export interface OpenLogOptions {
  /** Stands in every line, as `[myid:1]`. */
  readonly myid: number | null;
  /** By default the process's stderr. */
  readonly writeStderr?: (line: Uint8Array) => void;
  /** Milliseconds since 1970 UTC. */
  readonly wallMs?: () => number;
}

const CATEGORY = "denkeeper";

/**
 * Opens the log. There is one a process: another call takes the place of the one before.
 *
 * @throws whatever keeps a log file from being opened
 */
export function openLog(config: LoggingConfig, options: OpenLogOptions): OpenLog {
  const { myid, writeStderr = writeToStderr, wallMs = Date.now } = options;
  const format = config.format === "json" ? jsonLines(myid) : textLines(myid);
  const encoder = new TextEncoder();
  const level = new LiveLevel(config.threshold);
  const sinks: Record<string, Sink> = {};
  const add = (name: string, threshold: LogThreshold, write: (line: Uint8Array) => void) => {
    const sink: Sink = (record) => write(encoder.encode(format(record)));
    sinks[name] = withFilter(sink, (record) => isAtLeast(record.level, level.of(threshold)));
  };
  const files = config.files.map(({ path, threshold, fileBytesMax, backupCount }) => {
    const onError = (error: unknown) => {
      writeStderr(
        encoder.encode(`Cannot write log file "${path}", its lines are lost: ${error}\n`),
      );
    };
    const file = new RotatingFile({ path, fileBytesMax, backupCount, onError });
    add(path, threshold, (line) => file.write(line));
    return file;
  });
  if (config.stderrThreshold !== null) add("stderr", config.stderrThreshold, writeStderr);
  configureSync({
    reset: true,
    sinks,
    loggers: [
      {
        category: CATEGORY,
        sinks: Object.keys(sinks),
        lowestLevel: "debug", // the level that counts may change
      },
      { category: ["logtape", "meta"], sinks: Object.keys(sinks), lowestLevel: "error" },
    ],
  });
  return {
    logger: new ServerLogger(getLogger(CATEGORY), { level, wallMs }),
    level,
    close: () => {
      resetSync();
      for (const file of files) file.close();
    },
  };
}

/**
 * The level as configured, until another one is set: that one counts in place of the root logger's and of every
 * appender's own, except of those that are off. The configured one brings all of them back.
 */
class LiveLevel implements LogLevel {
  readonly #configured: LogThreshold;
  #threshold: LogThreshold;

  constructor(configured: LogThreshold) {
    this.#configured = this.#threshold = configured;
  }

  get threshold(): LogThreshold {
    return this.#threshold;
  }

  set threshold(threshold: LogThreshold) {
    this.#threshold = threshold;
  }

  /** What counts for an appender. */
  of(own: LogThreshold): LogThreshold {
    return this.#threshold === this.#configured || own === "off" ? own : this.#threshold;
  }
}

class ServerLogger implements Logger {
  readonly #level: LogLevel;
  readonly #logtape: LogtapeLogger;
  readonly #wallMs: () => number;

  constructor(
    logtape: LogtapeLogger,
    { level, wallMs }: { level: LogLevel; wallMs: () => number },
  ) {
    this.#level = level;
    this.#logtape = logtape;
    this.#wallMs = wallMs;
  }

  get isDebug(): boolean {
    return this.#level.threshold === "debug";
  }

  debug(message: string, fields?: LogFields): void {
    if (this.isDebug) this.#emit("debug", message, fields);
  }

  info(message: string, fields?: LogFields): void {
    this.#emit("info", message, fields);
  }

  warn(message: string, fields?: LogFields): void {
    this.#emit("warning", message, fields);
  }

  error(message: string, fields?: LogFields): void {
    this.#emit("error", message, fields);
  }

  /** By `emit`, since a message is not a template here: braces in it are braces. */
  #emit(level: LogtapeLevel, message: string, fields: LogFields = {}): void {
    if (!isAtLeast(level, this.#level.threshold)) return;
    const timestamp = this.#wallMs();
    this.#logtape.emit({
      level,
      message: [message],
      rawMessage: message,
      timestamp,
      properties: fields,
    });
  }
}

const RANK: Readonly<Record<LogtapeLevel | LogThreshold, number>> = {
  trace: 0,
  debug: 1,
  info: 2,
  warn: 3,
  warning: 3,
  error: 4,
  fatal: 5,
  off: 6,
};

function isAtLeast(level: LogtapeLevel, threshold: LogThreshold): boolean {
  return RANK[level] >= RANK[threshold];
}

const LEVEL_NAME: Readonly<Record<LogtapeLevel, string>> = {
  trace: "TRACE",
  debug: "DEBUG",
  info: "INFO ",
  warning: "WARN ",
  error: "ERROR",
  fatal: "FATAL",
};

/** `2026-11-22 21:44:10,123 [myid:1] - INFO  [main] - session created id=0x1` */
function textLines(myid: number | null): (record: LogRecord) => string {
  let second = NaN;
  let stamp = "";
  return ({ level, message, properties, timestamp }) => {
    const thisSecond = Math.floor(timestamp / 1000);
    if (thisSecond !== second) {
      second = thisSecond;
      stamp = localSecond(new Date(timestamp));
    }
    let text = "";
    for (const part of message) text += String(part);
    for (const key in properties) {
      const value = properties[key];
      if (value !== undefined) text += ` ${key}=${fieldText(value)}`;
    }
    const ms = String(timestamp - thisSecond * 1000).padStart(3, "0");
    const head = `${stamp},${ms} [myid:${myid ?? ""}] - ${LEVEL_NAME[level]} [main] - `;
    return `${head}${sanitizeControlSequences(text, { sgr: "escape", newlines: "escape" })}\n`;
  };
}

/** In quotes when it would not be clear where it ends. */
function fieldText(value: unknown): string {
  const text = String(value);
  return /^[^\s"=]+$/.test(text) ? text : JSON.stringify(text);
}

function localSecond(date: Date): string {
  const two = (number: number) => String(number).padStart(2, "0");
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

/** `{"@timestamp":...,"level":"INFO","message":...,"logger":"denkeeper","fields":{...}}` */
function jsonLines(myid: number | null): (record: LogRecord) => string {
  const format = getJsonLinesFormatter({ properties: "nest:fields" });
  return (record) => {
    const properties: Record<string, unknown> = myid === null ? {} : { myid };
    for (const key in record.properties) {
      const value = record.properties[key];
      properties[key] = typeof value === "bigint" ? String(value) : value;
    }
    return format({ ...record, properties });
  };
}

/** A reader that went away must not take the server with it. */
function writeToStderr(line: Uint8Array): void {
  try {
    for (let at = 0; at < line.length;) at += Deno.stderr.writeSync(line.subarray(at));
  } catch {
    // Nowhere is left to tell it.
  }
}
