/**
 * A logger for what strangers can cause as often as they like, such as a connection that speaks no
 * ZooKeeper: of many lines in a short time only the first are written, and the rest counted in one.
 *
 * Without it a flood of connections is a flood of the log, which fills its disk.
 *
 * @module
 */
import type { LogFields, Logger } from "../core/ports.ts";

const LINE_COUNT_MAX = 100;
const PERIOD_MS = 10_000;

export class LimitedLogger implements Logger {
  readonly #logger: Logger;
  #lineCount = 0;
  #leftOutCount = 0;
  /** Monotonic; null until the first tick. */
  #periodStartMs: number | null = null;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  get isDebug(): boolean {
    return this.#logger.isDebug;
  }

  debug(message: string, fields?: LogFields): void {
    this.#logger.debug(message, fields);
  }

  info(message: string, fields?: LogFields): void {
    if (this.#mayWrite()) this.#logger.info(message, fields);
  }

  warn(message: string, fields?: LogFields): void {
    if (this.#mayWrite()) this.#logger.warn(message, fields);
  }

  error(message: string, fields?: LogFields): void {
    this.#logger.error(message, fields);
  }

  /** At the end of a period tells how many lines it left out, and begins the next. */
  tick(nowMs: number): void {
    this.#periodStartMs ??= nowMs;
    if (nowMs - this.#periodStartMs < PERIOD_MS) return;
    this.#periodStartMs = nowMs;
    this.tellLeftOut();
    this.#lineCount = 0;
  }

  tellLeftOut(): void {
    if (this.#leftOutCount === 0) return;
    this.#logger.warn(
      "lines about connections without a session were left out, there were too many",
      {
        leftOut: this.#leftOutCount,
        written: LINE_COUNT_MAX,
        periodMs: PERIOD_MS,
      },
    );
    this.#leftOutCount = 0;
  }

  #mayWrite(): boolean {
    if (this.#lineCount < LINE_COUNT_MAX) {
      this.#lineCount++;
      return true;
    }
    this.#leftOutCount++;
    return false;
  }
}
