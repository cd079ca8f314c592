/**
 * A server in the test's own process, asked over HTTP.
 *
 * @module
 */
import { sessionTokenOf } from "../../net/http/session_token.ts";
import { HttpAsker } from "./http_asker.ts";
import { InProcessServer } from "./in_process_server.ts";
import { RawClient } from "./raw_client.ts";

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
