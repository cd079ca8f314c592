/**
 * The quorum port: where a leader listens for its learners, and how a learner reaches its leader.
 *
 * Host names are resolved anew at each attempt.
 *
 * @module
 */
import type { QuorumAddress } from "../cluster/peer.ts";
import { assert } from "../core/assert.ts";
import { QuorumChannel, type QuorumChannelEvents } from "./quorum_channel.ts";
import { rest } from "./rest.ts";
import type { Turn } from "./turn.ts";

/** After a failed accept. */
const ACCEPT_RETRY_MS = 100;

export interface QuorumPortOptions {
  turn: Turn;
  connectTimeoutMs: number;
  /** quorumListenOnAllIPs */
  listenOnAllIps: boolean;
  /** Of learners, at the leader. */
  learnerEvents: QuorumChannelEvents & { connected(channel: QuorumChannel): void };
  /** Of the leader, at a learner; null for a port that is only listened on. */
  leaderEvents: LeaderEvents | null;
}

interface LeaderEvents extends QuorumChannelEvents {
  connected(channel: QuorumChannel): void;
  failed(reason: string): void;
}

export class QuorumPort {
  readonly #options: QuorumPortOptions;
  readonly #dirty = new Set<QuorumChannel>();
  #listeners: Deno.TcpListener[] = [];
  #dial: AbortController | null = null;

  constructor(options: QuorumPortOptions) {
    this.#options = options;
  }

  /** Sends what all channels have to say. */
  flush(): void {
    for (const channel of this.#dirty) channel.flush();
  }

  /** Returns why not, when one of the addresses cannot be listened on. */
  listen(addresses: readonly QuorumAddress[]): string | null {
    this.stopListening();
    const { listenOnAllIps } = this.#options;
    const seen = new Set<string>();
    for (const { host, port } of addresses) {
      const hostname = listenOnAllIps ? "0.0.0.0" : host;
      if (seen.has(`${hostname} ${port}`)) continue;
      seen.add(`${hostname} ${port}`);
      try {
        const listener = Deno.listen({ hostname, port });
        this.#listeners.push(listener);
        void this.#accept(listener);
      } catch (error) {
        this.stopListening();
        return `${hostname}:${port}: ${error instanceof Error ? error.message : String(error)}`;
      }
    }
    return null;
  }

  stopListening(): void {
    for (const listener of this.#listeners) listener.close();
    this.#listeners = [];
  }

  /** Tells `connected` or `failed`, later. An attempt under way is given up. */
  connect(address: QuorumAddress): void {
    const { leaderEvents } = this.#options;
    assert(leaderEvents !== null, "only a port that dials connects");
    this.#dial?.abort();
    const dial = this.#dial = new AbortController();
    void this.#connect(address, dial, leaderEvents);
  }

  close(): void {
    this.stopListening();
    this.#dial?.abort();
    this.#dial = null;
  }

  async #accept(listener: Deno.TcpListener): Promise<void> {
    const { turn, learnerEvents } = this.#options;
    while (this.#listeners.includes(listener)) {
      let conn: Deno.TcpConn;
      try {
        conn = await listener.accept();
      } catch {
        if (!this.#listeners.includes(listener)) return;
        await rest(ACCEPT_RETRY_MS);
        continue;
      }
      turn.begin();
      const channel = this.#channel(conn, learnerEvents);
      learnerEvents.connected(channel);
      void channel.run();
    }
  }

  async #connect(
    { host, port }: QuorumAddress,
    dial: AbortController,
    leaderEvents: LeaderEvents,
  ): Promise<void> {
    const { turn, connectTimeoutMs } = this.#options;
    const timer = setTimeout(() => dial.abort("connection timed out"), connectTimeoutMs);
    let conn: Deno.TcpConn | null = null;
    let problem = "";
    try {
      conn = await Deno.connect({ hostname: host, port, signal: dial.signal });
    } catch (error) {
      problem = error instanceof Error ? error.message : String(error);
    }
    clearTimeout(timer);
    if (this.#dial !== dial) return conn?.close(); // nobody waits for it any more
    this.#dial = null;
    turn.begin();
    if (conn === null) return leaderEvents.failed(`${host}:${port}: ${problem}`);
    const channel = this.#channel(conn, leaderEvents);
    leaderEvents.connected(channel);
    void channel.run();
  }

  #channel(conn: Deno.TcpConn, events: QuorumChannelEvents): QuorumChannel {
    return new QuorumChannel({ conn, turn: this.#options.turn, events, dirty: this.#dirty });
  }
}
