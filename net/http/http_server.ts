/**
 * An HTTP port: listens, hands requests to a handler that is loaded when the port is open, and stops in time.
 *
 * The port is an extra of the server. When it cannot be had, one warning says what to do, and the server goes on
 * without.
 *
 * `Deno.serve` costs a third of what `node:http` does for a request, but knows no limits: a connection may stay for
 * ever, idle or in the middle of a header, and when they have taken all file descriptors it ends. So the
 * connections are renewed from here: the listener is shut down, which closes those that have no request and
 * leaves those that have one alone, and another takes its place at once. That happens when there are
 * more than there may be, and, when there are many, each time the idle timeout has passed.
 *
 * How many there are without a request only the operating system knows: see `connection_estimate.ts`.
 *
 * @module
 */
import type { Logger } from "../../core/ports.ts";
import { rest } from "../rest.ts";
import { isOutOfDescriptors } from "../spare_descriptors.ts";

/** How long a stop lets requests end by themselves. */
const CLOSE_WAIT_MS = 1000;
const CHECK_MS = 500;
/** Idle connections that do no harm: they are not closed, however long they are idle. */
const HARMLESS_COUNT = 50;
/** Between two attempts to listen again at the port that was ours a moment ago. */
const REOPEN_REST_MS = 20;
/** Between two warnings of too many connections. */
const WARNED_MS = 60_000;

export interface HttpServerOptions {
  /** What it serves, for log lines: "HTTP API". */
  readonly what: string;
  readonly address: string;
  /** 0: one the operating system picks. */
  readonly port: number;
  /** The settings of address, port, and of doing without. */
  readonly settings: { readonly address: string; readonly port: string; readonly off: string };
  readonly idleTimeoutMs: number;
  /** Requests under way, and connections without one. */
  readonly connectionCountMax: number;
  /** About how many connections there are; 0 where nobody knows. */
  readonly connectionCount: () => number;
  readonly logger: Logger;
  /** Answers before the handler is there; null: the request waits for it. */
  readonly early?: (request: Request) => Response | null;
  /** Makes the handler. */
  load(port: PortControl): Promise<HttpHandler>;
}

/** What a handler is told of its port, and tells it. */
export interface PortControl {
  /** Tells those who wait or stream that the server stops. */
  readonly stopping: AbortSignal;
  /** A request goes on after its response began: it counts until this is done. */
  readonly hold: (completed: Promise<unknown>) => void;
}

export type ConnectionInfo = Pick<Deno.ServeHandlerInfo<Deno.NetAddr>, "remoteAddr" | "completed">;

export type HttpHandler = (
  request: Request,
  info: ConnectionInfo,
) => Response | Promise<Response>;

export class HttpServer {
  readonly port: number;
  readonly #options: HttpServerOptions;
  readonly #stopping = new AbortController();
  /** Those that have connections. */
  readonly #listeners = new Set<Deno.HttpServer<Deno.NetAddr>>();
  /** Ends all connections of the one that listens; it throws once that was shut down. */
  #abort = new AbortController();
  /** Called when no request is under way any more. */
  #onIdle: (() => void) | null = null;
  #handler: HttpHandler;
  /** Requests under way. */
  #requestCount = 0;
  #openedMs: number;
  #warnedMs = -Infinity;
  #timer: ReturnType<typeof setInterval>;
  #isReopening = false;
  #isClosed = false;

  /** @returns null when the port cannot be had: the log says why */
  static open(options: HttpServerOptions): HttpServer | null {
    try {
      return new HttpServer(options);
    } catch (error) {
      const { what, address, port, settings, logger } = options;
      const advice = error instanceof Deno.errors.AddrInUse
        ? `the port is in use by another process, choose another ${settings.port}`
        : `cannot listen at this address, check ${settings.address} and ${settings.port}`;
      logger.warn(`no ${what}: ${advice}, or turn it off with ${settings.off}`, {
        address,
        port,
        problem: messageOf(error),
      });
      return null;
    }
  }

  private constructor(options: HttpServerOptions) {
    this.#options = options;
    const { what, logger } = options;
    const loaded = Promise.withResolvers<HttpHandler>();
    this.#handler = (request, info) =>
      options.early?.(request) ?? loaded.promise.then((handler) => handler(request, info));
    this.#openedMs = performance.now();
    const { addr } = this.#listen(options.port);
    this.port = addr.port;
    logger.info(`${what} listens`, { address: addr.hostname, port: addr.port });
    options.load({
      stopping: this.#stopping.signal,
      hold: (completed) => this.#hold(completed),
    }).then((handler) => {
      this.#handler = handler;
      loaded.resolve(handler);
    }, (error) => {
      logger.error(`${what} cannot answer`, fieldsOf(error));
      loaded.reject(error);
    });
    loaded.promise.catch(() => {}); // every request tells of it
    this.#timer = setInterval(() => this.#check(), CHECK_MS);
  }

  /** Tells all to end, and takes no more; after a second ends what is left. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearInterval(this.#timer);
    this.#stopping.abort(new DOMException("The server stops", "AbortError"));
    const late = Promise.withResolvers<void>();
    const timer = setTimeout(late.resolve, CLOSE_WAIT_MS);
    const idle = new Promise<void>((resolve) => this.#onIdle = resolve);
    if (this.#requestCount > 0) await Promise.race([idle, late.promise]);
    const listeners = [...this.#listeners];
    if (this.#requestCount > 0 && !this.#isReopening) this.#abort.abort();
    else for (const listener of listeners) void listener.shutdown(); // what is being sent is sent
    await Promise.race([
      Promise.allSettled(listeners.map((listener) => listener.finished)),
      late.promise,
    ]);
    clearTimeout(timer);
  }

  #listen(port: number): Deno.HttpServer<Deno.NetAddr> {
    const abort = this.#abort = new AbortController();
    const listener = Deno.serve({
      hostname: this.#options.address,
      port,
      signal: abort.signal,
      onListen() {},
      onError: (error) => this.#failed(error),
    }, (request, info) => this.#handle(request, info));
    this.#listeners.add(listener);
    listener.finished.then(() => void this.#listeners.delete(listener), (error) => {
      this.#listeners.delete(listener);
      if (!isOutOfDescriptors(error)) {
        this.#options.logger.error(`${this.#options.what} stopped listening`, fieldsOf(error));
      } else this.#warnOfMany("they took all file descriptors");
      void listener.shutdown(); // its connections would stay for ever
      void this.#reopen();
    });
    return listener;
  }

  // ---------------------------------------------------------------- requests

  #handle(request: Request, info: ConnectionInfo): Response | Promise<Response> {
    if (this.#isClosed) return turnedAway("The server stops");
    if (this.#requestCount >= this.#options.connectionCountMax) {
      this.#warnOfMany("as many requests are under way as there may be");
      return turnedAway("Too many requests are under way here");
    }
    const response = this.#handler(request, info);
    if (response instanceof Promise) this.#hold(response);
    return response;
  }

  #hold(completed: Promise<unknown>): void {
    this.#requestCount++;
    completed.then(this.#ended, this.#ended);
  }

  readonly #ended = () => {
    this.#requestCount--;
    if (this.#requestCount === 0) this.#onIdle?.();
  };

  /** The handler lets nothing through: this is for what it was not asked. */
  #failed(error: unknown): Response {
    this.#options.logger.error(`${this.#options.what} failed on a request`, fieldsOf(error));
    return new Response("The request failed for a reason that the server's log has\n", {
      status: 500,
    });
  }

  // ---------------------------------------------------------------- connections

  #check(): void {
    const { connectionCount, connectionCountMax, idleTimeoutMs } = this.#options;
    const withoutRequest = connectionCount() - this.#requestCount;
    if (withoutRequest > connectionCountMax) {
      this.#warnOfMany("connections without a request were closed, there were too many");
      void this.#renew();
    } else if (
      withoutRequest > HARMLESS_COUNT && performance.now() - this.#openedMs >= idleTimeoutMs
    ) void this.#renew();
  }

  /** Closes the connections without a request. */
  async #renew(): Promise<void> {
    if (this.#isReopening) return;
    for (const listener of this.#listeners) void listener.shutdown();
    await this.#reopen();
  }

  async #reopen(): Promise<void> {
    if (this.#isReopening) return;
    this.#isReopening = true;
    for (let attempt = 1; !this.#isClosed; attempt++) {
      try {
        this.#listen(this.port);
        this.#openedMs = performance.now();
        break;
      } catch (error) {
        // the listener before is not gone at once, and another process may be quick
        if (attempt === 100) {
          this.#options.logger.error(
            `${this.#options.what} cannot listen again yet`,
            fieldsOf(error),
          );
        }
        await rest(REOPEN_REST_MS);
      }
    }
    this.#isReopening = false;
  }

  #warnOfMany(what: string): void {
    const nowMs = performance.now();
    if (nowMs - this.#warnedMs < WARNED_MS) return;
    this.#warnedMs = nowMs;
    this.#options.logger.warn(`${this.#options.what} has many connections: ${what}`, {
      max: this.#options.connectionCountMax,
      setting: "http.maxConnections",
    });
  }
}

function turnedAway(reason: string): Response {
  return new Response(`${reason}: try again, or another server\n`, {
    status: 503,
    headers: { "Retry-After": "1", "Connection": "close" },
  });
}

function fieldsOf(error: unknown) {
  return {
    problem: messageOf(error),
    stack: error instanceof Error ? error.stack : undefined,
  };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
