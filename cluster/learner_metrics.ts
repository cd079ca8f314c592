/**
 * What a learner counts and times of the proposals and commits that it receives.
 *
 * @module
 */
import type { ServerMetrics } from "../core/metrics/server_metrics.ts";
import type { TurnTime } from "../core/server/replies.ts";
import type { Zxid } from "../core/zxid.ts";
import { LatencySample } from "./latency_sample.ts";

/** Where the time stands in a txn's header. */
const TXN_TIME_OFFSET = 20;

export class LearnerMetrics {
  readonly #metrics: ServerMetrics;
  readonly #isObserver: boolean;
  #nowMs = 0;
  #wallMs = 0;
  /** What comes before the end is old, and is not timed. */
  #isSynced = false;
  #syncStartMs = 0;
  /** All from the time that the leader wrote into the txn, on the clocks of two hosts. */
  readonly #proposalLatency: LatencySample;
  readonly #ackCreationLatency: LatencySample;
  readonly #commitLatency: LatencySample;

  constructor(metrics: ServerMetrics, isObserver: boolean) {
    this.#metrics = metrics;
    this.#isObserver = isObserver;
    this.#proposalLatency = new LatencySample(metrics.proposalLatency);
    this.#ackCreationLatency = new LatencySample(metrics.proposalAckCreationLatency);
    this.#commitLatency = new LatencySample(metrics.commitPropagationLatency);
  }

  /** Tells the time of all that follows until the next call. */
  beginTurn({ nowMs, wallMs }: TurnTime): void {
    this.#nowMs = nowMs;
    this.#wallMs = wallMs;
  }

  /** The leader said how it brings us up to date. */
  syncBegun(): void {
    this.#syncStartMs = this.#nowMs;
  }

  /** UPTODATE. */
  syncEnded(): void {
    this.#isSynced = true;
    const { observerSyncTime, followerSyncTime } = this.#metrics;
    const durationMs = Math.round(this.#nowMs - this.#syncStartMs);
    (this.#isObserver ? observerSyncTime : followerSyncTime).add(durationMs);
  }

  /** @param body the txn's header first */
  proposed(zxid: Zxid, body: Uint8Array): void {
    if (!this.#isObserver) this.#metrics.learnerProposalReceivedCount.increment();
    if (!this.#isSynced || this.#commitLatency.isUnderWay) return;
    const view = new DataView(body.buffer, body.byteOffset + TXN_TIME_OFFSET, 8);
    const timeMs = Number(view.getBigInt64(0));
    this.#commitLatency.begin(zxid, timeMs);
    if (this.#isObserver) return;
    this.#ackCreationLatency.begin(zxid, timeMs);
    this.#proposalLatency.begin(zxid, timeMs);
    this.#proposalLatency.reached(zxid, this.#wallMs);
  }

  acknowledged(zxid: Zxid): void {
    this.#ackCreationLatency.reached(zxid, this.#wallMs);
  }

  committed(zxid: Zxid): void {
    this.#metrics.learnerCommitReceivedCount.increment();
    this.#metrics.requestCommitQueued.increment();
    this.#commitLatency.reached(zxid, this.#wallMs);
  }
}
