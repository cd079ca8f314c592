/**
 * Holds a batch of the txn log back, so that more requests share its sync: `flushDelay` and its kin.
 *
 * A batch waits until `flushDelayMs` have passed since the last sync, or none came for
 * `maxWriteQueuePollTimeMs`, or it holds `maxBatchSize` requests (disk format section 6). After a calm
 * time the first request does not wait at all.
 *
 * @module
 */
import type { Clock } from "../core/ports.ts";
import type { ServerConfig } from "../core/server_config.ts";
import type { Turn } from "./turn.ts";

type BatchWaitConfig = Pick<
  ServerConfig,
  "flushDelayMs" | "maxWriteQueuePollTimeMs" | "maxBatchSize"
>;

export class BatchWait {
  readonly #config: BatchWaitConfig;
  readonly #turn: Pick<Turn, "begin">;
  readonly #clock: Clock;
  #syncedMs: number;
  /** What the batch held when its wait began anew. */
  #recordCount = 0;
  #isOver = false;
  #isStopped = false;
  #timer: ReturnType<typeof setTimeout> | null = null;

  constructor(config: BatchWaitConfig, turn: Pick<Turn, "begin">, clock: Clock) {
    this.#config = config;
    this.#turn = turn;
    this.#clock = clock;
    this.#syncedMs = clock.monotonicMs();
  }

  /** Whether a batch of so many records is to wait on; a turn ends when it need not any more. */
  isOn(recordCount: number): boolean {
    const { flushDelayMs, maxWriteQueuePollTimeMs, maxBatchSize } = this.#config;
    if (recordCount === 0 || this.#isOver || this.#isStopped) return false;
    if (maxBatchSize > 0 && recordCount >= maxBatchSize) return false;
    if (recordCount === this.#recordCount && this.#timer !== null) return true; // nothing came
    const restMs = this.#syncedMs + flushDelayMs - this.#clock.monotonicMs();
    const waitMs = Math.min(restMs, maxWriteQueuePollTimeMs);
    if (waitMs <= 0) return false;
    this.#recordCount = recordCount;
    this.#setTimer(waitMs);
    return true;
  }

  /** A batch is on the disk: the next one starts to wait. */
  synced(): void {
    this.#syncedMs = this.#clock.monotonicMs();
    this.#recordCount = 0;
    this.#isOver = false;
    this.#setTimer(null);
  }

  /** Nothing waits any more. */
  stop(): void {
    this.#isStopped = true;
    this.#setTimer(null);
  }

  /** After a stop: batches wait again. */
  resume(): void {
    this.#isStopped = false;
  }

  #setTimer(waitMs: number | null): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = waitMs === null ? null : setTimeout(() => {
      this.#timer = null;
      this.#isOver = true;
      this.#turn.begin(); // its end takes the batch
    }, waitMs);
  }
}
