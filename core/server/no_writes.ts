/**
 * What a member without a quorum does with its clients: nothing. They are to try another one.
 *
 * @module
 */
import type { Client } from "./client.ts";
import type { RequestStats } from "./request_stats.ts";
import type { WritePath } from "./write_path.ts";

const REASON = "this server is not in a quorum";

export class NoWrites implements WritePath {
  readonly outstandingCount = 0;
  readonly isFull = false;
  readonly isReadOnly = false;
  readonly #stats: RequestStats;

  constructor(stats: RequestStats) {
    this.#stats = stats;
  }

  request(client: Client): void {
    client.close(REASON);
  }

  sync(client: Client): void {
    client.close(REASON);
  }

  createSession(client: Client): void {
    this.#turnAway(client);
  }

  renewSession(client: Client): void {
    this.#turnAway(client);
  }

  closeSessionOf(client: Client): void {
    client.close(REASON);
  }

  expireSessions(): void {
    // none can be ended
  }

  #turnAway(client: Client): void {
    this.#stats.metrics.cnxnClosedWithoutZkServerRunning.increment();
    client.close(REASON);
  }
}
