/**
 * What a member without a quorum does with its clients: nothing. They are to try another one.
 *
 * @module
 */
import type { Client } from "./client.ts";
import type { WritePath } from "./write_path.ts";

const REASON = "this server is not in a quorum";

export class NoWrites implements WritePath {
  readonly outstandingCount = 0;
  readonly isFull = false;

  request(client: Client): void {
    client.close(REASON);
  }

  sync(client: Client): void {
    client.close(REASON);
  }

  createSession(client: Client): void {
    client.close(REASON);
  }

  renewSession(client: Client): void {
    client.close(REASON);
  }

  closeSessionOf(client: Client): void {
    client.close(REASON);
  }

  expireSessions(): void {
    // none can be ended
  }
}
