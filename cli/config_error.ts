/**
 * What is thrown when settings cannot be used, and what is told when they can.
 *
 * @module
 */

/** One line a problem. The process ends with code 2. */
export class ConfigError extends Error {
  override name = "ConfigError";
  constructor(readonly problems: readonly string[]) {
    super(problems.join("\n"));
  }
}

/** Something to log once the log is open. */
export interface Notice {
  readonly level: "info" | "warn";
  readonly message: string;
  readonly fields?: Record<string, string | number>;
}
