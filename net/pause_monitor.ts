/**
 * Notices when the event loop stood still: a timer that fires late tells by how much. The counterpart
 * of ZooKeeper's monitor of JVM pauses, with its settings.
 *
 * @module
 */
import type { Summary } from "../core/metrics/metric.ts";
import type { Clock, Logger } from "../core/ports.ts";
import type { PauseMonitorConfig } from "../core/server_config.ts";

export class PauseMonitor {
  readonly #config: PauseMonitorConfig;
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #pauseMs: Pick<Summary, "add">;
  #sleptAtMs = 0;
  #infoCount = 0;
  #warnCount = 0;
  #timer: ReturnType<typeof setTimeout> | null = null;

  /** @param options.pauseMs takes every delay, also those of no time */
  constructor({ config, logger, clock, pauseMs }: {
    config: PauseMonitorConfig;
    logger: Logger;
    clock: Clock;
    pauseMs: Pick<Summary, "add">;
  }) {
    this.#config = config;
    this.#logger = logger;
    this.#clock = clock;
    this.#pauseMs = pauseMs;
    this.#sleep();
  }

  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  #sleep(): void {
    this.#sleptAtMs = this.#clock.monotonicMs();
    this.#timer = setTimeout(() => {
      this.#woke();
      this.#sleep();
    }, this.#config.sleepTimeMs);
  }

  #woke(): void {
    const { sleepTimeMs, infoThresholdMs, warnThresholdMs } = this.#config;
    const sleptMs = this.#clock.monotonicMs() - this.#sleptAtMs;
    const pauseMs = Math.max(0, Math.round(sleptMs - sleepTimeMs));
    this.#pauseMs.add(pauseMs);
    if (pauseMs <= Math.min(infoThresholdMs, warnThresholdMs)) return;
    const isWarning = pauseMs > warnThresholdMs;
    if (isWarning) this.#warnCount++;
    else this.#infoCount++;
    const message = "the event loop stood still (the process, its machine, or a long task)";
    const fields = { pauseMs, infoCount: this.#infoCount, warnCount: this.#warnCount };
    if (isWarning) this.#logger.warn(message, fields);
    else this.#logger.info(message, fields);
  }
}
