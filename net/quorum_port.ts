/**
 * The quorum port: where a leader listens for its learners, and how a learner reaches its leader.
 *
 * Host names are resolved anew at each attempt.
 *
 * @module
 */
import type { QuorumAddress } from "../cluster/peer.ts";
import type { QuorumAuth } from "../cluster/quorum_auth.ts";
import { QuorumHandshake } from "../cluster/quorum_handshake.ts";
import { assert } from "../core/assert.ts";
import type { Logger } from "../core/ports.ts";
import { QuorumChannel, type QuorumChannelEvents } from "./quorum_channel.ts";
import { authenticate, closeQuietly } from "./quorum_login.ts";
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
  /** Null: servers take each other's word. */
  auth: QuorumAuth | null;
  /** How long they may take to prove who they are. */
  authTimeoutMs: number;
  logger: Logger;
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
  /** Accepted, and not yet known to be servers of ours. */
  readonly #strangers = new Set<Deno.TcpConn>();

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
    for (const conn of this.#strangers) closeQuietly(conn);
    this.#strangers.clear();
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
    while (this.#listeners.includes(listener)) {
      let conn: Deno.TcpConn;
      try {
        conn = await listener.accept();
      } catch {
        if (!this.#listeners.includes(listener)) return;
        await this.#rest(ACCEPT_RETRY_MS);
        continue;
      }
      const { auth } = this.#options;
      if (auth === null) this.#admit(conn);
      else void this.#examine(conn, auth);
    }
  }

  async #examine(conn: Deno.TcpConn, auth: QuorumAuth): Promise<void> {
    const { authTimeoutMs: timeoutMs, timers, logger } = this.#options;
    this.#strangers.add(conn);
    const begun = { handshake: QuorumHandshake.accept(auth), bytes: new Uint8Array() };
    const result = await authenticate(conn, begun, { timers, timeoutMs });
    if (!this.#strangers.delete(conn)) return; // it was closed with the port
    if ("first" in result) return this.#admit(conn, result.first);
    const { hostname, port } = conn.remoteAddr;
    logger.warn("a learner is refused: it did not prove that it is a member", {
      address: `${hostname}:${port}`,
      reason: result.problem,
    });
  }

  #admit(conn: Deno.TcpConn, first?: Uint8Array): void {
    const { turn, learnerEvents } = this.#options;
    turn.begin();
    const channel = this.#channel(conn, learnerEvents);
    learnerEvents.connected(channel);
    void channel.run(first);
  }

  async #connect(
    { host, port }: QuorumAddress,
    dial: AbortController,
    leaderEvents: LeaderEvents,
  ): Promise<void> {
    const { turn, sockets, timers, connectTimeoutMs, auth, authTimeoutMs } = this.#options;
    const stopTimer = timers.start(
      connectTimeoutMs,
      () => dial.abort("connection timed out"),
    );
    let conn: Deno.TcpConn | null = null;
    let problem = "";
    let first: Uint8Array | undefined;
    try {
      conn = await sockets.connect({ hostname: host, port, signal: dial.signal });
    } catch (error) {
      problem = error instanceof Error ? error.message : String(error);
    }
    stopTimer();
    const begun = auth === null ? null : QuorumHandshake.connect(auth);
    if (conn !== null && begun !== null) {
      const stranger = conn;
      dial.signal.addEventListener("abort", () => closeQuietly(stranger));
      const result = await authenticate(conn, begun, { timers, timeoutMs: authTimeoutMs });
      if ("first" in result) first = result.first;
      else {
        problem = `SASL: ${result.problem}`;
        conn = null;
      }
    }
    if (this.#dial !== dial) return conn?.close(); // nobody waits for it any more
    this.#dial = null;
    turn.begin();
    if (conn === null) return leaderEvents.failed(`${host}:${port}: ${problem}`);
    const channel = this.#channel(conn, leaderEvents);
    leaderEvents.connected(channel);
    void channel.run(first);
  }

  #channel(conn: Deno.TcpConn, events: QuorumChannelEvents): QuorumChannel {
    const { turn } = this.#options;
    return new QuorumChannel({ conn, turn, events, dirty: this.#dirty, rest: this.#rest });
  }
}
