/**
 * A server, and its HTTP port to ask for ZooKeeper's commands at.
 *
 * @module
 */
import { type InProcessOptions, InProcessServer } from "../../../support/in_process_server.ts";
import { SUPER_PROPERTIES } from "../../../support/tree_dump.ts";

/** What a request says that may do everything. */
export const SUPER = { Authorization: "digest super:secret" };

export class AdminFixture implements AsyncDisposable {
  readonly server: InProcessServer;
  readonly #commandUrl: string;
  readonly #http = Deno.createHttpClient({});

  private constructor(server: InProcessServer, commandUrl: string) {
    this.server = server;
    this.#commandUrl = commandUrl;
  }

  static async start(options: InProcessOptions = {}): Promise<AdminFixture> {
    const supers = Object.entries(SUPER_PROPERTIES).map(([name, value]) => `${name}=${value}`);
    const config = { "admin.rateLimiterIntervalInMS": 0, ...options.config };
    return new AdminFixture(
      await InProcessServer.start({
        ...options,
        http: true,
        config,
        defines: [...supers, ...options.defines ?? []],
      }),
      String(options.config?.["admin.commandURL"] ?? "/commands"),
    );
  }

  /** @param path what is behind the base, `/commands` */
  fetch(path: string, init: RequestInit = {}): Promise<Response> {
    const url = `${this.server.httpUrl}${this.#commandUrl}${path}`;
    return fetch(url, { ...init, client: this.#http });
  }

  // deno-lint-ignore no-explicit-any
  async json(path: string, init: RequestInit = {}): Promise<any> {
    return await (await this.fetch(path, init)).json();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#http.close();
    await this.server[Symbol.asyncDispose]();
  }
}
