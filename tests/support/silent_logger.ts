/**
 * Loggers for tests: one that writes nothing, and one that keeps what it is told.
 *
 * @module
 */
import type { LogFields, Logger } from "../../core/ports.ts";

export { silentLogger } from "../../net/silent_logger.ts";

export interface LogLine {
  readonly level: "debug" | "info" | "warn" | "error";
  readonly message: string;
  readonly fields: LogFields;
}

export function keepingLogger(lines: LogLine[]): Logger {
  const keep = (level: LogLine["level"]) => (message: string, fields: LogFields = {}) => {
    lines.push({ level, message, fields });
  };
  return {
    isDebug: true,
    debug: keep("debug"),
    info: keep("info"),
    warn: keep("warn"),
    error: keep("error"),
  };
}
