/**
 * Measures one wait at a time: how long until a zxid, or one behind it, has come to some point.
 *
 * Txns come by the thousand in a batch; to time each of them would cost more than to send them. The next
 * sample begins when the one before has ended.
 *
 * @module
 */
import type { Summary } from "../core/metrics/metric.ts";
import type { Zxid } from "../core/zxid.ts";

export class LatencySample {
  readonly #summary: Summary;
  #zxid: Zxid = Infinity;
  #startMs = 0;

  constructor(summary: Summary) {
    this.#summary = summary;
  }

  get isUnderWay(): boolean {
    return this.#zxid !== Infinity;
  }

  /** @param startMs on any clock, the one that `reached` is told */
  begin(zxid: Zxid, startMs: number): void {
    if (this.#zxid !== Infinity) return;
    this.#zxid = zxid;
    this.#startMs = startMs;
  }

  /** Everything through `zxid` has come there. */
  reached(zxid: Zxid, nowMs: number): void {
    if (zxid < this.#zxid) return;
    this.#zxid = Infinity;
    this.#summary.add(Math.max(0, Math.round(nowMs - this.#startMs))); // clocks of two hosts may differ
  }
}
