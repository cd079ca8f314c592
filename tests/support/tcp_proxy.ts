/**
 * Stands between a client and a server on loopback, to fall silent, cut connections or lead elsewhere.
 *
 * @module
 */

interface Pair {
  readonly client: Deno.TcpConn;
  readonly server: Deno.TcpConn;
}

export class TcpProxy implements AsyncDisposable {
  readonly port: number;
  /** Where new connections lead; null: they are closed at once. */
  target: number | null;
  /** How many connections were made. */
  acceptedCount = 0;
  readonly #listener: Deno.TcpListener;
  readonly #pairs = new Set<Pair>();
  readonly #tasks = new Set<Promise<void>>();
  #isSilent = false;

  constructor(target: number | null, hostname = "127.0.0.1", port = 0) {
    this.target = target;
    this.#listener = Deno.listen({ hostname, port });
    this.port = this.#listener.addr.port;
    this.#keep(this.#accept());
  }

  get connectionCount(): number {
    return this.#pairs.size;
  }

  /** Whether bytes are thrown away, both ways; connections stay, and new ones are taken. */
  set isSilent(isSilent: boolean) {
    this.#isSilent = isSilent;
  }

  /** Closes all connections there are. */
  cut(): void {
    for (const pair of this.#pairs) this.#close(pair);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    this.cut();
    await Promise.all(this.#tasks);
  }

  async #accept(): Promise<void> {
    for await (const client of this.#listener) {
      this.acceptedCount++;
      if (this.target === null) {
        client.close();
        continue;
      }
      const server = await Deno.connect({ port: this.target }).catch(() => null);
      if (server === null) {
        client.close();
        continue;
      }
      const pair = { client, server };
      this.#pairs.add(pair);
      this.#keep(this.#forward(pair, client, server));
      this.#keep(this.#forward(pair, server, client));
    }
  }

  async #forward(pair: Pair, from: Deno.TcpConn, to: Deno.TcpConn): Promise<void> {
    const buffer = new Uint8Array(1 << 16);
    try {
      for (let count = await from.read(buffer); count !== null; count = await from.read(buffer)) {
        if (this.#isSilent) continue;
        for (let at = 0; at < count;) at += await to.write(buffer.subarray(at, count));
      }
    } catch {
      // closed
    }
    this.#close(pair);
  }

  #close(pair: Pair): void {
    if (!this.#pairs.delete(pair)) return;
    pair.client.close();
    pair.server.close();
  }

  #keep(task: Promise<void>): void {
    const kept = task.finally(() => this.#tasks.delete(kept));
    this.#tasks.add(kept);
  }
}
