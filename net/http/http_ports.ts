/**
 * The HTTP ports of a server: that of the API, where ZooKeeper has its admin server, and the one of its metrics
 * provider when that is configured.
 *
 * They are open before the data are loaded, so that health can be told. What answers all else is loaded by the first
 * request for it: it takes 20 MB, and a third of the time that a start takes, which servers that are only asked
 * for their health or not at all need not spend.
 *
 * @module
 */
import type { AuthProviders } from "../../core/auth/auth_providers.ts";
import type { ServerMetrics } from "../../core/metrics/server_metrics.ts";
import type { Logger } from "../../core/ports.ts";
import { LimitedLogger } from "../limited_logger.ts";
import type { ServerProbe } from "../server_probe.ts";
import type { AdminParts } from "./admin/admin_mounts.ts";
import type { Gateway } from "./gateway.ts";
import { health } from "./health.ts";
import { HttpMetrics } from "./http_metrics.ts";
import { HttpServer } from "./http_server.ts";
import type { ServerAdmin } from "./server_admin.ts";
import { LateInterval } from "../late_timers.ts";
import { unavailable } from "./unavailable.ts";
import { rawPathOf } from "./url_template.ts";

const LOGGER_TICK_MS = 1000;

/** What the HTTP API needs of the server. */
export interface HttpHost {
  readonly gateway: Gateway;
  /** To be asked when the server has started, like what else is not made before. */
  readonly serverAdmin: () => ServerAdmin;
  readonly providers: AuthProviders;
  readonly logger: Logger;
  readonly metrics: ServerMetrics;
  readonly probe: ServerProbe;
  /** Clients are accepted: before, only health is told. */
  readonly started: Promise<void>;
  /** Somebody could not prove who it is. */
  readonly onAuthFailed: () => void;
  /** Where a session's client is connected from, if it is connected to this server. */
  readonly addressOf: (sessionId: bigint) => string | null;
  /** What ZooKeeper's commands are about; there when clients are accepted. */
  readonly admin: () => AdminParts;
}

/** What the ports of one server share. */
export interface SharedParts {
  readonly metrics: HttpMetrics;
  /** For what anybody can cause as often as they like. */
  readonly strangersLogger: LimitedLogger;
}

export class HttpPorts {
  readonly #shared: SharedParts;
  readonly #timer: LateInterval;
  readonly #api: HttpServer | null;
  readonly #metricsPort: HttpServer | null;

  /** Ports that cannot be had are told of in the log and left out. */
  constructor(host: HttpHost) {
    const { gateway, logger, started } = host;
    const strangersLogger = new LimitedLogger(logger);
    const shared = this.#shared = {
      metrics: new HttpMetrics(() => this.connectionCount),
      strangersLogger,
    };
    this.#timer = new LateInterval(() => strangersLogger.tick(performance.now()), LOGGER_TICK_MS);
    const { http } = gateway.config;
    const common = {
      idleTimeoutMs: http.idleTimeoutMs,
      stallTimeoutMs: http.requestTimeoutMs,
      connectionCountMax: http.connectionCountMax,
      logger,
      early: withoutHandlers(host),
    };
    const handlers = async () => {
      await started;
      return await import("./http_handlers.ts");
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
      load: async (port) => (await handlers()).apiHandler(host, { ...shared, port }),
    });
    const { address, port } = http.metrics ?? { address: "", port: null };
    this.#metricsPort = port === null ? null : HttpServer.open({
      ...common,
      what: "metrics port",
      address,
      port,
      settings: {
        address: "metricsProvider.httpHost",
        port: "metricsProvider.httpPort",
        off: "the default metricsProvider.className",
      },
      load: async (port) => (await handlers()).metricsHandler(host, { ...shared, port }),
    });
  }

  /** Null: there is none. */
  get apiPort(): number | null {
    return this.#api?.port ?? null;
  }

  get metricsPort(): number | null {
    return this.#metricsPort?.port ?? null;
  }

  get connectionCount(): number {
    return (this.#api?.connectionCount ?? 0) + (this.#metricsPort?.connectionCount ?? 0);
  }

  async close(): Promise<void> {
    this.#timer.stop();
    this.#shared.strangersLogger.tellLeftOut();
    await Promise.all([this.#api?.close(), this.#metricsPort?.close()]);
  }
}

/** Health is told at any time. Loading the data may take minutes: meanwhile all else is refused at once. */
function withoutHandlers({ probe }: HttpHost): (request: Request) => Response | null {
  const answers = new Map(
    Object.entries(health(probe)).map(([name, answer]) => [`/${name}`, answer]),
  );
  return (request) => {
    const answer = answers.get(rawPathOf(request.url));
    if (answer !== undefined) return answer(request);
    if (probe.stage !== "loading") return null;
    return unavailable(
      request,
      "The server is still loading its data: /startupz tells when it is there",
    );
  };
}
