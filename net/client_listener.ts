/**
 * Accepts connections on the client port, within the limits of how many there may be.
 *
 * @module
 */
import type { Clock, Logger } from "../core/ports.ts";
import type { RequestProcessor } from "../core/server/request_processor.ts";
import type { ServerConfig } from "../core/server_config.ts";
import { ClientConnection, type ConnectionHost } from "./client_connection.ts";
import { rest } from "./rest.ts";
import { areFree, isOneFree, isOutOfDescriptors, SpareDescriptors } from "./spare_descriptors.ts";
import { listen, unmapped } from "./tcp_listen.ts";
import type { Turn } from "./turn.ts";

/** After a failed accept. */
const ACCEPT_RETRY_MS = 100;
/** While another program has the port that we are to listen at from now on. */
const REBIND_RETRY_MS = 100;
const REBIND_WARNED_ATTEMPT = 10;
/** Beyond this, addresses are told again. */
const WARNED_ADDRESS_COUNT_MAX = 10_000;
/** So many connections must have gone before more are kept again than file descriptors allowed. */
const DESCRIPTORS_FREED_MIN = 64;

export interface ClientAddress {
  readonly port: number;
  /** null: every address. */
  readonly host: string | null;
}

export interface ClientListenerOptions {
  config: ServerConfig;
  /** Whose clients they are, at first. */
  processor: RequestProcessor;
  turn: Turn;
  logger: Logger;
  clock: Clock;
  host: Omit<ConnectionHost, "closed" | "processor" | "turn" | "logger">;
}

export class ClientListener {
  readonly connections = new Set<ClientConnection>();
  readonly #options: ClientListenerOptions;
  #processor: RequestProcessor;
  #host: ConnectionHost;
  /** As wanted: a port that another program has is tried until it is free. */
  #address: ClientAddress;
  #listener: Deno.TcpListener;
  #isClosed = false;
  readonly #countByAddress = new Map<string, number>();
  /** Addresses that were told of their limit. */
  readonly #warnedAddresses = new Set<string>();
  readonly #spares = new SpareDescriptors();
  /** How many connections file descriptors suffice for, once that was found out. */
  #connectionCountMax = Infinity;
  #acceptProblem: string | null = null;

  /** Binds at once; throws when the port is taken. */
  constructor(options: ClientListenerOptions) {
    this.#options = options;
    const { config } = options;
    this.#processor = options.processor;
    this.#host = this.#hostOf(options.processor);
    const { clientPort: port, clientPortAddress, clientPortListenBacklog } = config;
    this.#address = { port, host: clientPortAddress };
    this.#listener = listen({ port, address: clientPortAddress, backlog: clientPortListenBacklog });
  }

  /** Listens elsewhere, unless it does already. Connections stay. */
  async rebind(address: ClientAddress): Promise<void> {
    const { port, host } = address;
    if (port === this.#address.port && host === this.#address.host) return;
    this.#address = address;
    this.#listener.close();
    const { logger, config: { clientPortListenBacklog: backlog } } = this.#options;
    const fields = { host: host ?? "0.0.0.0", port };
    for (let attempt = 1; !this.#isClosed && this.#address === address; attempt++) {
      try {
        this.#listener = listen({ port, address: host, backlog });
        logger.info("the client port is another one", fields);
        return void this.run();
      } catch (error) {
        // it may be the port of before, which is not free at once
        if (attempt === REBIND_WARNED_ATTEMPT) {
          logger.error("cannot listen at the new client port yet", {
            ...fields,
            problem: error instanceof Error ? error.message : String(error),
          });
        }
        await rest(REBIND_RETRY_MS);
      }
    }
  }

  /** From now on clients belong to another processor; those of the one before are disconnected. */
  serve(processor: RequestProcessor, reason: string): void {
    this.#processor = processor;
    this.#host = this.#hostOf(processor);
    for (const connection of [...this.connections]) connection.destroy(reason);
  }

  #hostOf(processor: RequestProcessor): ConnectionHost {
    const { host, turn, logger } = this.#options;
    return {
      ...host,
      processor,
      turn,
      logger,
      closed: (connection) => this.#closed(connection),
    };
  }

  get port(): number {
    return this.#listener.addr.port;
  }

  /** Accepts until the listener is closed. */
  async run(): Promise<void> {
    const listener = this.#listener;
    for (;;) {
      let socket: Deno.TcpConn;
      try {
        socket = await listener.accept();
      } catch (error) {
        if (error instanceof Deno.errors.BadResource || error instanceof Deno.errors.Interrupted) {
          return; // closed
        }
        if (isOutOfDescriptors(error)) this.#outOfDescriptors();
        else this.#tellOnce(String(error));
        await rest(ACCEPT_RETRY_MS);
        continue;
      }
      this.#acceptProblem = null;
      this.#accept(socket);
    }
  }

  /** Once a tick: connections that should be closed and are not, or never asked for a session. */
  checkDeadlines(nowMs: number): void {
    const { config } = this.#options;
    this.#checkDescriptors();
    for (const connection of this.connections) {
      connection.checkDeadline(nowMs);
      if (connection.isConnected) continue;
      if (nowMs - connection.acceptedMs < config.sessionlessCnxnTimeoutMs) continue;
      this.#processor.stats.metrics.sessionlessConnectionsExpired.increment();
      connection.destroy(`no session was asked for in ${config.sessionlessCnxnTimeoutMs} ms`);
    }
  }

  close(): void {
    this.#isClosed = true;
    try {
      this.#listener.close();
    } catch {
      // it was closed to listen elsewhere
    }
    for (const connection of [...this.connections]) connection.destroy("the server stops");
    this.#spares.release();
  }

  #checkDescriptors(): void {
    if (this.#connectionCountMax === Infinity) {
      if (!isOneFree()) this.#outOfDescriptors();
      return;
    }
    // it may have been the HTTP port's connections that took them
    const enough = Math.min(DESCRIPTORS_FREED_MIN, Math.max(this.#connectionCountMax / 2, 1));
    if (areFree(enough)) {
      this.#spares.acquire();
      if (this.#spares.areHeld) this.#connectionCountMax = Infinity;
    }
  }

  /** Connections have taken all file descriptors: no more of them, so that files can be opened. */
  #outOfDescriptors(): void {
    this.#spares.release();
    if (this.#connectionCountMax !== Infinity) return;
    this.#connectionCountMax = this.connections.size;
    this.#options.logger.error(
      "no file descriptor is left: further connections are closed, raise the limit (ulimit -n)",
      { connectionCount: this.connections.size },
    );
  }

  #tellOnce(problem: string): void {
    if (problem === this.#acceptProblem) return;
    this.#acceptProblem = problem;
    this.#options.logger.warn("a connection could not be accepted", { problem });
  }

  #accept(socket: Deno.TcpConn): void {
    const { config, turn, clock, logger } = this.#options;
    const processor = this.#processor;
    const { hostname, port } = socket.remoteAddr;
    const remoteAddress = unmapped(hostname);
    const count = this.#countByAddress.get(remoteAddress) ?? 0;
    const limit = config.maxClientCnxns > 0 && count >= config.maxClientCnxns
      ? "maxClientCnxns"
      : config.maxCnxns > 0 && this.connections.size >= config.maxCnxns
      ? "maxCnxns"
      : this.connections.size >= this.#connectionCountMax
      ? "ulimit -n"
      : null;
    if (limit !== null) {
      processor.stats.metrics.connectionRejected.increment();
      if (!this.#warnedAddresses.has(remoteAddress)) {
        if (this.#warnedAddresses.size >= WARNED_ADDRESS_COUNT_MAX) this.#warnedAddresses.clear();
        this.#warnedAddresses.add(remoteAddress);
        logger.warn("too many connections: further ones are closed; said once for each address", {
          client: remoteAddress,
          setting: limit,
          limit: limit === "maxClientCnxns"
            ? config.maxClientCnxns
            : limit === "maxCnxns"
            ? config.maxCnxns
            : this.#connectionCountMax,
        });
      }
      socket.close();
      return;
    }
    try {
      socket.setNoDelay(true);
      if (config.clientTcpKeepAlive) socket.setKeepAlive(true);
    } catch {
      // it is gone already: reading will tell
    }
    this.#countByAddress.set(remoteAddress, count + 1);
    turn.begin();
    const client = processor.accept({ remoteAddress, remotePort: port, isSecure: false });
    const connection = new ClientConnection(this.#host, socket, client, clock.monotonicMs());
    client.connection = connection;
    this.connections.add(connection);
    void connection.run();
  }

  #closed(connection: ClientConnection): void {
    this.connections.delete(connection);
    const { remoteAddress } = connection.client.address;
    const count = this.#countByAddress.get(remoteAddress)! - 1;
    if (count > 0) this.#countByAddress.set(remoteAddress, count);
    else this.#countByAddress.delete(remoteAddress);
  }
}
