/**
 * The HTTP ports of a server: that of the API, where ZooKeeper has its admin server, and the one of its metrics
 * provider when that is configured.
 *
 * What answers there is loaded when the ports are open: it would take a third of the time that a start takes.
 *
 * @module
 */
import type { AuthProviders } from "../../core/auth/auth_providers.ts";
import type { Logger } from "../../core/ports.ts";
import { connectionEstimate } from "./connection_estimate.ts";
import type { Gateway } from "./gateway.ts";
import { HttpServer } from "./http_server.ts";

/** What the HTTP API needs of the server. */
export interface HttpHost {
  readonly gateway: Gateway;
  readonly providers: AuthProviders;
  readonly logger: Logger;
  /** Somebody could not prove who it is. */
  readonly onAuthFailed: () => void;
  /** Where a session's client is connected from, if it is connected to this server. */
  readonly addressOf: (sessionId: bigint) => string | null;
  /** Connections of the client port. */
  readonly clientConnectionCount: () => number;
}

export class HttpPorts {
  readonly #api: HttpServer | null;
  readonly #metrics: HttpServer | null;

  /** Ports that cannot be had are told of in the log and left out. */
  constructor(host: HttpHost) {
    const { gateway, logger } = host;
    const { http } = gateway.config;
    const common = {
      idleTimeoutMs: http.idleTimeoutMs,
      connectionCountMax: http.connectionCountMax,
      connectionCount: connectionEstimate(host.clientConnectionCount),
      logger,
    };
    this.#api = !http.enabled ? null : HttpServer.open({
      ...common,
      what: "HTTP API",
      address: http.address,
      port: http.port,
      settings: {
        address: "admin.serverAddress",
        port: "admin.serverPort",
        off: "http.enabled=false",
      },
      load: async (port) => (await import("./http_handlers.ts")).apiHandler(host, port),
    });
    this.#metrics = http.metrics === null ? null : HttpServer.open({
      ...common,
      what: "metrics port",
      address: http.metrics.address,
      port: http.metrics.port,
      settings: {
        address: "metricsProvider.httpHost",
        port: "metricsProvider.httpPort",
        off: "the default metricsProvider.className",
      },
      load: async (port) => (await import("./http_handlers.ts")).metricsHandler(host, port),
    });
  }

  /** Null: there is none. */
  get apiPort(): number | null {
    return this.#api?.port ?? null;
  }

  get metricsPort(): number | null {
    return this.#metrics?.port ?? null;
  }

  async close(): Promise<void> {
    await Promise.all([this.#api?.close(), this.#metrics?.close()]);
  }
}
