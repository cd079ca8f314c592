/**
 * Where the txns come from that are logged, and what follows when they are durable.
 *
 * @module
 */
import type { Zxid } from "../zxid.ts";
import type { LogBatch } from "./log_batches.ts";
import type { WritePipeline } from "./write_pipeline.ts";

/** Where txns come from: one at a time, as long as a role lasts. */
export interface LogSource {
  /** Requests under way. */
  readonly outstandingCount: number;
  /** Records of the batch that is being filled. */
  readonly batchRecordCount: number;
  takeBatch(): LogBatch | null;
  /** Everything through `zxid` is durable. */
  logged(zxid: Zxid): void;
  /** Nothing of what is not durable yet reached the disk. @returns whether it can live with that */
  diskFull(): boolean;
  diskHasRoom(): void;
}

/** What is durable is committed: there is nobody else to ask. */
export class StandaloneLog implements LogSource {
  readonly #writes: WritePipeline;

  constructor(writes: WritePipeline) {
    this.#writes = writes;
  }

  get outstandingCount(): number {
    return this.#writes.outstandingCount;
  }

  get batchRecordCount(): number {
    return this.#writes.batchRecordCount;
  }

  takeBatch(): LogBatch | null {
    return this.#writes.takeBatch();
  }

  logged(zxid: Zxid): void {
    this.#writes.logged(zxid);
    this.#writes.committed(zxid);
  }

  diskFull(): boolean {
    this.#writes.diskFull();
    return true;
  }

  diskHasRoom(): void {
    this.#writes.acceptsWrites = true;
  }
}
