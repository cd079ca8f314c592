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
import { type Rest, restOn } from "./rest.ts";
import type { Sockets, Timers } from "./sockets.ts";
import type { Turn } from "./turn.ts";

/** After a failed accept. */
const ACCEPT_RETRY_MS = 100;

export interface QuorumPortOptions {
  turn: Turn;
  sockets: Sockets;
  timers: Timers;
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
  readonly #rest: Rest;
  readonly #dirty = new Set<QuorumChannel>();
  #listeners: Deno.TcpListener[] = [];
  #dial: AbortController | null = null;

  constructor(options: QuorumPortOptions) {
    this.#options = options;
    this.#rest = restOn(options.timers);
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
        const listener = this.#options.sockets.listen({ hostname, port });
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
        await this.#rest(ACCEPT_RETRY_MS);
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
    const { turn, sockets, timers, connectTimeoutMs } = this.#options;
    const stopTimer = timers.start(
      connectTimeoutMs,
      () => dial.abort("connection timed out"),
    );
    let conn: Deno.TcpConn | null = null;
    let problem = "";
    try {
      conn = await sockets.connect({ hostname: host, port, signal: dial.signal });
    } catch (error) {
      problem = error instanceof Error ? error.message : String(error);
    }
    stopTimer();
    if (this.#dial !== dial) return conn?.close(); // nobody waits for it any more
    this.#dial = null;
    turn.begin();
    if (conn === null) return leaderEvents.failed(`${host}:${port}: ${problem}`);
    const channel = this.#channel(conn, leaderEvents);
    leaderEvents.connected(channel);
    void channel.run();
  }

  #channel(conn: Deno.TcpConn, events: QuorumChannelEvents): QuorumChannel {
    const { turn } = this.#options;
    return new QuorumChannel({ conn, turn, events, dirty: this.#dirty, rest: this.#rest });
  }
}
