/**
 * Where audit lines go: to a rotating file of their own, each behind its time and level as log4j's
 * template for that file writes them, or among the other log lines.
 *
 * @module
 */
import type { Clock, Logger } from "../core/ports.ts";
import type { AuditResult, AuditSink } from "../core/server/audit.ts";
import type { AuditConfig } from "../core/server_config.ts";
import { RotatingFile } from "./rotating_file.ts";

export interface OpenAudit {
  readonly write: AuditSink;
  close(): void;
}

/** @throws whatever keeps the file from being opened */
export function openAudit(
  config: AuditConfig,
  { logger, clock }: { logger: Logger; clock: Clock },
): OpenAudit {
  const isWanted = (result: AuditResult) =>
    config.threshold === "info" || (config.threshold === "error" && result === "failure");
  const { filePath } = config;
  if (filePath === null) {
    const write: AuditSink = (line, result) => {
      if (!isWanted(result)) return;
      if (result === "failure") logger.warn(line);
      else logger.info(line);
    };
    return { write, close: () => {} };
  }
  const file = new RotatingFile({
    path: filePath,
    fileBytesMax: config.fileBytesMax,
    backupCount: config.fileCountMax,
    onError: (error) =>
      logger.error("the audit log cannot be written, its lines are lost", {
        file: filePath,
        problem: error instanceof Error ? error.message : String(error),
      }),
  });
  const encoder = new TextEncoder();
  const write: AuditSink = (line, result) => {
    if (!isWanted(result)) return;
    const level = result === "failure" ? "ERROR" : "INFO";
    const time = localTime(new Date(clock.wallMs()));
    file.write(encoder.encode(`${time} ${level} audit.Slf4jAuditLogger: ${line}\n`));
  };
  return { write, close: () => file.close() };
}

/** `2026-11-22 21:44:10,123` */
function localTime(date: Date): string {
  const two = (number: number) => String(number).padStart(2, "0");
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  const time = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  return `${day} ${time},${String(date.getMilliseconds()).padStart(3, "0")}`;
}
