/**
 * What one server has done since it started or was last asked to forget it: `srvr`, `stat`, `mntr`.
 *
 * Latency is that of replies to clients, writes and reads and pings alike, in whole milliseconds.
 *
 * @module
 */
import { average } from "./metrics/decimal.ts";

/** Nothing was measured yet. */
const NO_SIZE = -1;

export class ServerStats {
  /** On the shell's monotonic clock. */
  readonly startedMs: number;
  packetsReceived = 0;
  packetsSent = 0;
  /** Requests for authentication that were refused. */
  authFailedCount = 0;
  /** Syncs of the txn log that took longer than the warning threshold. */
  fsyncThresholdExceedCount = 0;
  /** Encoded replies to requests and pings, without their length prefix. */
  readonly clientResponse = new SizeStats();
  /** Encoded proposals; only a leader adds to it. */
  readonly proposal = new SizeStats();
  #latencyCount = 0;
  #latencySum = 0;
  #latencyMin = Infinity;
  #latencyMax = 0;

  constructor(startedMs: number) {
    this.startedMs = startedMs;
  }

  addLatency(latencyMs: number): void {
    this.#latencyCount += 1;
    this.#latencySum += latencyMs;
    if (latencyMs < this.#latencyMin) this.#latencyMin = latencyMs;
    if (latencyMs > this.#latencyMax) this.#latencyMax = latencyMs;
  }

  get minLatencyMs(): number {
    return this.#latencyCount === 0 ? 0 : this.#latencyMin;
  }

  /** Rounded half up to four decimals. */
  get avgLatencyMs(): number {
    return average(this.#latencySum, this.#latencyCount);
  }

  get maxLatencyMs(): number {
    return this.#latencyMax;
  }

  uptimeMs(nowMs: number): number {
    return nowMs - this.startedMs;
  }

  /** What `srst` does; `ServerMetrics.reset()` is the other half. */
  reset(): void {
    this.packetsReceived = 0;
    this.packetsSent = 0;
    this.clientResponse.reset();
    this.proposal.reset();
    this.#latencyCount = 0;
    this.#latencySum = 0;
    this.#latencyMin = Infinity;
    this.#latencyMax = 0;
  }
}

/** The last, least and greatest of some sizes in bytes; -1 before the first. */
export class SizeStats {
  lastBytes = NO_SIZE;
  minBytes = NO_SIZE;
  maxBytes = NO_SIZE;

  add(bytes: number): void {
    this.lastBytes = bytes;
    if (this.minBytes === NO_SIZE || bytes < this.minBytes) this.minBytes = bytes;
    if (bytes > this.maxBytes) this.maxBytes = bytes;
  }

  reset(): void {
    this.lastBytes = NO_SIZE;
    this.minBytes = NO_SIZE;
    this.maxBytes = NO_SIZE;
  }

  /** `last/min/max`, as `srvr` prints it. */
  toString(): string {
    return `${this.lastBytes}/${this.minBytes}/${this.maxBytes}`;
  }
}
