/**
 * What ZooKeeper has no metric for, and the server itself has to time. Shown to Prometheus only: `mntr` has
 * ZooKeeper's names and no others. Never reset, as Prometheus expects it.
 *
 * @module
 */
import { Histogram } from "./histogram.ts";

/** From a disk that only pretends to one that is about to fail. */
const FSYNC_MS = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000];
const LOOP_DELAY_MS = [1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000];

export class OwnMetrics {
  /** Syncs of the txn log, in ms. */
  readonly fsyncMs = new Histogram(FSYNC_MS);
  /** How late the server's tick came, in ms: for so long nothing else was done either. */
  readonly loopDelayMs = new Histogram(LOOP_DELAY_MS);
  /** Of the last tick. */
  lastLoopDelayMs = 0;

  ticked(delayMs: number): void {
    this.lastLoopDelayMs = Math.max(0, delayMs);
    this.loopDelayMs.observe(this.lastLoopDelayMs);
  }
}
