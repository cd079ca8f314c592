/**
 * Feeds the times and sizes of ZooKeeper's queues between processors, in a server that has turns in their place:
 * once a turn, not once a request, from the times that the host reads anyway.
 *
 * What they mean here: writes are prepared when they are read, and the last one of a turn has waited for the
 * others (`prep_*`); what was committed in a turn has its oldest write timed (`*_commitproc_*`,
 * `*_write_committed_*`); reads queue for their session only behind a write of the same session
 * (`*_session_queue`). Metrics of what has no counterpart, such as pools of threads, stay zero.
 *
 * @module
 */
import type { ServerMetrics } from "../metrics/server_metrics.ts";

export class StageStats {
  readonly #metrics: ServerMetrics;
  #preparedCount = 0;
  #hasClosed = false;
  #committedCount = 0;

  constructor(metrics: ServerMetrics) {
    this.#metrics = metrics;
  }

  /** Whether there is something to time at the end of the turn. */
  get hasPrepared(): boolean {
    return this.#preparedCount > 0;
  }

  prepared(closesSession: boolean): void {
    this.#preparedCount++;
    if (closesSession) this.#hasClosed = true;
  }

  /** All requests of the turn are prepared; it took so long since its beginning. */
  preparedAll(durationMs: number): void {
    const count = this.#preparedCount;
    if (count === 0) return;
    this.#preparedCount = 0;
    const metrics = this.#metrics;
    const ms = Math.max(0, durationMs);
    metrics.prepProcessorQueueSize.add(count);
    metrics.writeCommitProcReqQueued.add(count);
    metrics.prepProcessTime.add(Math.round(ms / count));
    metrics.prepProcessorQueueTimeMs.add(Math.round(ms));
    if (!this.#hasClosed) return;
    this.#hasClosed = false;
    metrics.closeSessionPrepTime.add(Math.round(ms));
  }

  /** @param isOurs a client of this server asked for it */
  committed(latencyMs: number, isOurs: boolean): void {
    if (this.#committedCount++ > 0) return;
    const metrics = this.#metrics;
    metrics.writeCommitProcTimeMs.add(latencyMs);
    if (!isOurs) return;
    metrics.localWriteCommittedTimeMs.add(latencyMs);
    metrics.serverWriteCommittedTimeMs.add(latencyMs);
  }

  /** So many reads of one session had waited for a write of it that is answered now. */
  deferred(count: number): void {
    const metrics = this.#metrics;
    metrics.requestsInSessionQueue.add(count + 1);
    metrics.pendingSessionQueueSize.add(1);
    metrics.readsAfterWriteInSessionQueue.add(count);
    metrics.readsIssuedFromSessionQueue.add(count);
    metrics.sessionQueuesDrained.add(1);
  }

  /** @param readCount reads that were answered at once */
  endTurn(turnMs: number, readCount: number): void {
    const metrics = this.#metrics;
    const committedCount = this.#committedCount;
    if (readCount > 0) {
      metrics.readCommitProcReqQueued.add(readCount);
      metrics.readCommitProcIssued.add(readCount);
      metrics.readCommitProcTimeMs.add(Math.floor(turnMs));
      if (committedCount === 0) metrics.readFinalProcTimeMs.add(Math.round(turnMs / readCount));
    }
    if (committedCount === 0) return;
    this.#committedCount = 0;
    metrics.commitCommitProcReqQueued.add(committedCount);
    metrics.writeCommitProcIssued.add(committedCount);
  }
}
