/**
 * A server in the test's own process, asked over HTTP.
 *
 * @module
 */
import { sessionTokenOf } from "../../net/http/session_token.ts";
import { eventually } from "./eventually.ts";
import { type Answer, HttpAsker } from "./http_asker.ts";
import { InProcessServer } from "./in_process_server.ts";
import { RawClient } from "./raw_client.ts";

export type { Answer };

export class ZnodeServer extends HttpAsker implements AsyncDisposable {
  readonly #server: InProcessServer;

  private constructor(server: InProcessServer) {
    super(server.httpUrl);
    this.#server = server;
  }

  static async start(
    config: Readonly<Record<string, string | number | boolean>> = {},
  ): Promise<ZnodeServer> {
    return new ZnodeServer(await InProcessServer.start({ http: true, config }));
  }

  /** An answer whose body is still to be read. */
  open(path: string): Promise<Response> {
    return fetch(`${this.#server.httpUrl}/api/v1${path}`, {
      headers: { "accept-encoding": "identity" },
    });
  }

  /** Asks until the answer has this status. */
  eventuallyStatus(path: string, status: number): Promise<void> {
    return eventually(
      `${path} is answered ${status}`,
      async () => (await this.get(path)).status === status,
    );
  }

  /** The token of a new session. */
  async newSession({ timeoutMs = 20_000 }: { timeoutMs?: number } = {}): Promise<string> {
    using client = await RawClient.session(this.#server.clientPort, { timeoutMs });
    const { sessionId: id, password } = client;
    return sessionTokenOf({ id, password });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#server[Symbol.asyncDispose]();
  }
}
