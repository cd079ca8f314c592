/**
 * Listens for HTTP/1.1 and serves a handler of `Request` and `Response`, like `Deno.serve`, within bounds.
 *
 * Why not `Deno.serve`: it has no time-outs, no limit of connections and no way to count them, so that idle ones
 * may take all file descriptors. And a request costs it more than the server itself: measured in µs of CPU with
 * Deno 2.9 on 2 cores of x86, for a GET that answers 100 bytes with six header fields, 20 to 23 before the
 * handler does anything (9.5 without fields, 11 more when the request's `signal` is touched); over `Deno.listen`
 * as here it is 9 to 11, most of it the two system calls. A PUT that waits for the disk is to stay below
 * 19 with everything that the server does for it (`tests/bench/README.md`).
 *
 * Bounded are: connections (the one that was idle for longest makes room), the time without a request, for a
 * head to arrive, and between two parts of a body or a response, the size of a head, and what all responses
 * together hold that clients do not read. Bodies are bounded by who reads them. File descriptors may suffice for
 * fewer connections than that, and files and the client port need some: when none is left, a quarter of the
 * connections here is closed, and their number is bounded by what remains, growing again slowly.
 *
 * @module
 */
import { UNSENT_RESPONSE_BYTES_MAX } from "../../../core/limits.ts";
import { rest } from "../../rest.ts";
import { isOneFree, isOutOfDescriptors } from "../../spare_descriptors.ts";
import { listen, unmapped } from "../../tcp_listen.ts";
import {
  type ConnectionHost,
  HttpConnection,
  type RemoteAddress,
  type RequestHandler,
} from "./http_connection.ts";
import { LateInterval } from "../../late_timers.ts";
import { UnsentBytes } from "./unsent_bytes.ts";

const TICK_MS = 500;
const ACCEPT_RETRY_MS = 100;
/** Connections beyond the limit, whose requests are answered by `crowded`. */
const SPARE_CONNECTION_COUNT = 16;
/** Of the connections that are closed when no file descriptor is left: one of so many. */
const SHED_SHARE = 4;
/** So many are left alone then: it is others that hold the descriptors. */
const SHED_COUNT_MIN = 16;
/** By how much the bound grows again in a tick: one of so many. */
const REGROWTH_SHARE = 256;

const ALL_IN_USE = "All connections of this port are in use: try another server\n";
const TURNED_AWAY = new TextEncoder().encode(
  "HTTP/1.1 503 Service Unavailable\r\ncontent-type: text/plain; charset=utf-8\r\n" +
    `retry-after: 1\r\nconnection: close\r\ncontent-length: ${ALL_IN_USE.length}\r\n\r\n${ALL_IN_USE}`,
);

export interface ListenerOptions {
  /** `0.0.0.0`: all of the machine's, of IPv6 too. */
  readonly address: string;
  /** 0: one the operating system picks. */
  readonly port: number;
  readonly handler: RequestHandler;
  /** Answers at once when all connections have requests under way. */
  readonly crowded: (request: Request) => Response;
  readonly connectionCountMax: number;
  readonly idleTimeoutMs: number;
  readonly stallTimeoutMs: number;
  /** A connection had to go, or was refused. */
  tooMany(problem: string): void;
  /** The handler threw, which it should not. */
  failed(error: unknown): void;
}

export class HttpListener {
  readonly addr: Deno.NetAddr;
  readonly #options: ListenerOptions;
  readonly #listener: Deno.TcpListener;
  readonly #connections = new Set<HttpConnection>();
  readonly #unsent: UnsentBytes;
  readonly #timer: LateInterval;
  readonly #time = { nowMs: performance.now(), date: new Date().toUTCString(), isClosing: false };
  readonly #host: ConnectionHost;
  readonly #crowdedHost: ConnectionHost;
  /** How many connections there may be, as far as file descriptors are known to suffice. */
  #connectionCountMax: number;
  /** With so many connections a descriptor was free. */
  #sufficientCount = 0;
  #ended: PromiseWithResolvers<void> | null = null;

  /** Binds at once; throws when the port is taken. */
  constructor(options: ListenerOptions) {
    this.#options = options;
    this.#unsent = new UnsentBytes(
      UNSENT_RESPONSE_BYTES_MAX,
      () => options.tooMany("too much waits to be read, one that did not read was closed"),
    );
    const { address, port } = options;
    this.#connectionCountMax = options.connectionCountMax;
    this.#listener = listen({ address: address === "0.0.0.0" ? null : address, port });
    this.addr = this.#listener.addr;
    this.#host = this.#hostOf(options.handler);
    this.#crowdedHost = this.#hostOf((request) => {
      const response = options.crowded(request);
      response.headers.set("connection", "close");
      return response;
    });
    this.#timer = new LateInterval(() => this.#tick(), TICK_MS);
    void this.#accept();
  }

  get connectionCount(): number {
    return this.#connections.size;
  }

  /** Accepts no more; resolves when the requests that are under way have their responses. */
  shutdown(): Promise<void> {
    if (this.#ended !== null) return this.#ended.promise;
    this.#ended = Promise.withResolvers();
    this.#time.isClosing = true;
    this.#listener.close();
    for (const connection of [...this.#connections]) {
      if (!connection.hasRequest) connection.close();
    }
    this.#endIfEmpty();
    return this.#ended.promise;
  }

  /** Ends whatever is under way. */
  abort(): void {
    void this.shutdown();
    for (const connection of [...this.#connections]) connection.close();
  }

  async #accept(): Promise<void> {
    while (!this.#time.isClosing) {
      try {
        this.#take(await this.#listener.accept());
      } catch (error) {
        if (this.#time.isClosing) return;
        if (isOutOfDescriptors(error)) this.#shed();
        await rest(ACCEPT_RETRY_MS);
      }
    }
  }

  #take(socket: Deno.TcpConn): void {
    const connectionCountMax = this.#connectionCountMax;
    let host = this.#host;
    if (this.#connections.size >= connectionCountMax) {
      const isOneClosed = this.#closeIdlest();
      this.#options.tooMany(
        isOneClosed
          ? "one without a request was closed for a new one"
          : "all have requests under way, a new one was refused",
      );
      if (!isOneClosed) host = this.#crowdedHost;
      if (this.#connections.size >= connectionCountMax + SPARE_CONNECTION_COUNT) {
        return void turnAway(socket);
      }
    }
    const { hostname, port } = socket.remoteAddr;
    const remoteAddr: RemoteAddress = { hostname: unmapped(hostname), port, transport: "tcp" };
    try {
      socket.setNoDelay(true);
    } catch {
      // it is gone already: reading will tell
    }
    const connection = new HttpConnection(host, socket, remoteAddr);
    this.#connections.add(connection);
    void connection.run();
    if (this.#connections.size > this.#sufficientCount) this.#checkDescriptors();
  }

  #checkDescriptors(): void {
    if (isOneFree()) this.#sufficientCount = this.#connections.size;
    else this.#shed();
  }

  /** Gives up connections, those without a request and the newest first: all descriptors are taken. */
  #shed(): void {
    const countBefore = this.#connections.size;
    const count = countBefore - Math.floor(countBefore / SHED_SHARE);
    this.#sufficientCount = 0;
    if (countBefore < SHED_COUNT_MIN) {
      this.#options.tooMany("no file descriptor is left");
      return void this.#closeIdlest();
    }
    this.#connectionCountMax = count;
    const newest = [...this.#connections].reverse();
    const idle = newest.filter(({ hasRequest }) => !hasRequest);
    const busy = newest.filter(({ hasRequest }) => hasRequest);
    const given = [...idle, ...busy].slice(0, countBefore - count);
    for (const connection of given) connection.close();
    this.#options.tooMany(
      `no file descriptor is left, ${given.length} of ${countBefore} were closed (ulimit -n)`,
    );
  }

  #regrow(): void {
    const { connectionCountMax } = this.#options;
    if (this.#connectionCountMax === connectionCountMax) return;
    const grown = this.#connectionCountMax + Math.ceil(this.#connectionCountMax / REGROWTH_SHARE);
    this.#connectionCountMax = Math.min(grown, connectionCountMax);
  }

  /** Closes the connection that has waited for its request for longest. Returns whether there was one. */
  #closeIdlest(): boolean {
    let idlest: HttpConnection | null = null;
    for (const connection of this.#connections) {
      if (connection.hasRequest) continue;
      if (idlest === null || connection.deadlineMs < idlest.deadlineMs) idlest = connection;
    }
    idlest?.close();
    return idlest !== null;
  }

  #tick(): void {
    const time = this.#time;
    time.nowMs = performance.now();
    time.date = new Date().toUTCString();
    for (const connection of this.#connections) connection.checkDeadline(time.nowMs);
    if (this.#connections.size >= SHED_COUNT_MIN) this.#checkDescriptors();
    this.#regrow();
  }

  #hostOf(handler: RequestHandler): ConnectionHost {
    const time = this.#time;
    const unsent = this.#unsent;
    const { idleTimeoutMs, stallTimeoutMs, failed } = this.#options;
    return {
      handler,
      get nowMs() {
        return time.nowMs;
      },
      get date() {
        return time.date;
      },
      get isClosing() {
        return time.isClosing;
      },
      idleTimeoutMs,
      stallTimeoutMs,
      unsent,
      failed,
      closed: (connection) => this.#closed(connection),
    };
  }

  #closed(connection: HttpConnection): void {
    this.#connections.delete(connection);
    this.#endIfEmpty();
  }

  #endIfEmpty(): void {
    if (this.#ended === null || this.#connections.size > 0) return;
    this.#timer.stop();
    this.#ended.resolve();
  }
}

async function turnAway(socket: Deno.TcpConn): Promise<void> {
  try {
    await socket.write(TURNED_AWAY);
    socket.close();
  } catch {
    // it is gone already
  }
}
