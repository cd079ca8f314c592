/**
 * An HTTP port: listens, hands requests to a handler that is loaded when it is needed, and stops in time.
 *
 * The port is an extra of the server. When it cannot be had, one warning says what to do, and the server goes on
 * without.
 *
 * @module
 */
import type { Logger } from "../../core/ports.ts";
import type { RequestHandler } from "./listener/http_connection.ts";
import { HttpListener } from "./listener/http_listener.ts";
import { unavailable } from "./unavailable.ts";

/** How long a stop lets requests end by themselves. */
const CLOSE_WAIT_MS = 1000;
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
  /** Connections without a request are closed after it. */
  readonly idleTimeoutMs: number;
  /** For a request's head to arrive, and between two parts of a body or of a response. */
  readonly stallTimeoutMs: number;
  readonly connectionCountMax: number;
  readonly logger: Logger;
  /**
   * Answers before the handler is there, when the server stops, and when it has too many requests. Null: the request
   * waits for the handler, or is turned away.
   */
  readonly early?: (request: Request) => Response | null;
  /** Makes the handler. */
  load(port: PortControl): Promise<RequestHandler>;
}

/** What a handler is told of its port. */
export interface PortControl {
  /** Tells those who wait or stream that the server stops. */
  readonly stopping: AbortSignal;
}

export class HttpServer {
  readonly port: number;
  readonly #options: HttpServerOptions;
  readonly #listener: HttpListener;
  readonly #stopping = new AbortController();
  #handler: RequestHandler;
  /** Null: nothing was asked that the handler is needed for. */
  #loading: Promise<RequestHandler> | null = null;
  #warnedMs = -Infinity;
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
    this.#handler = (request, info) =>
      options.early?.(request) ?? this.#loaded().then((handler) => handler(request, info));
    this.#listener = new HttpListener({
      ...options,
      handler: (request, info) =>
        this.#isClosed
          ? options.early?.(request) ?? turnedAway(request, "The server stops")
          : this.#handler(request, info),
      crowded: (request) =>
        options.early?.(request) ??
          turnedAway(
            request,
            "As many requests are under way here as may be (http.maxConnections)",
          ),
      tooMany: (problem) => this.#warnOfMany(problem),
      // the handler lets nothing through: this is for what it was not asked
      failed: (error) => logger.error(`${what} failed on a request`, fieldsOf(error)),
    });
    this.port = this.#listener.addr.port;
    logger.info(`${what} listens`, { address: options.address, port: this.port });
  }

  get connectionCount(): number {
    return this.#listener.connectionCount;
  }

  /** The handler, made by the first request that needs it; when that fails, every request tells of it. */
  #loaded(): Promise<RequestHandler> {
    return this.#loading ??= this.#load();
  }

  async #load(): Promise<RequestHandler> {
    const { what, logger, load } = this.#options;
    try {
      return this.#handler = await load({ stopping: this.#stopping.signal });
    } catch (error) {
      logger.error(`${what} cannot answer`, fieldsOf(error));
      throw error;
    }
  }

  /** Tells all to end, and takes no more; after a second ends what is left. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    const ended = this.#listener.shutdown();
    this.#stopping.abort(new DOMException("The server stops", "AbortError"));
    const late = Promise.withResolvers<void>();
    const timer = setTimeout(late.resolve, CLOSE_WAIT_MS);
    await Promise.race([ended, late.promise]);
    clearTimeout(timer);
    this.#listener.abort();
    await ended;
  }

  #warnOfMany(problem: string): void {
    const nowMs = performance.now();
    if (nowMs - this.#warnedMs < WARNED_MS) return;
    this.#warnedMs = nowMs;
    this.#options.logger.warn(`${this.#options.what} has many connections: ${problem}`, {
      max: this.#options.connectionCountMax,
      setting: "http.maxConnections",
    });
  }
}

/** The connection ends with it: the port sees to that. */
function turnedAway(request: Request, reason: string): Response {
  return unavailable(request, `${reason}: try again, or another server`);
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
