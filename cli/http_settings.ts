/**
 * The settings of the HTTP port: ZooKeeper's of its admin server and its metrics provider, and our own.
 *
 * @module
 */
import type { HttpConfig, MetricsPortConfig } from "../core/server_config.ts";
import type { Notice } from "./config_error.ts";
import type { Settings } from "./config_schema.ts";

/** Of ZooKeeper's metrics providers, by the last word of their names, those that open no port. */
const PROVIDERS_WITHOUT_PORT: ReadonlySet<string> = new Set([
  ...["DefaultMetricsProvider", "NullMetricsProvider"],
]);
const PROMETHEUS = "PrometheusMetricsProvider";

interface Place {
  /** Null: all addresses. */
  readonly address: string | null;
  readonly port: number;
}

interface Context {
  readonly clients: Place;
  /** That of the client port. */
  readonly maxSessionTimeoutMs: number;
  readonly notices: Notice[];
  readonly originOf: (key: string) => string | undefined;
}

export function httpConfigOf(values: Settings, context: Context): HttpConfig {
  const trustedProxies = values["http.trustedProxies"];
  if (values["IPAuthenticationProvider.usexforwardedfor"] && trustedProxies.length === 0) {
    const key = "IPAuthenticationProvider.usexforwardedfor";
    const reason = "X-Forwarded-For is believed of proxies that http.trustedProxies names";
    context.notices.push(noEffect(key, context.originOf(key), reason));
  }
  const own: Place = { address: values["admin.serverAddress"], port: values["admin.serverPort"] };
  const isWanted = values["admin.enableServer"] && values["http.enabled"];
  // it opens first, and would keep clients out
  const isTaken = isWanted && areSame(own, context.clients);
  if (isTaken) {
    const key = "admin.serverPort";
    const reason = `it is the clientPort too, ${own.port}: there is no HTTP API`;
    context.notices.push(noEffect(key, context.originOf(key), reason));
  }
  const enabled = isWanted && !isTaken;
  return {
    enabled,
    address: values["admin.serverAddress"],
    port: own.port,
    idleTimeoutMs: values["admin.idleTimeout"],
    requestTimeoutMs: values["http.requestTimeout"],
    commandUrl: values["admin.commandURL"],
    rateLimiterIntervalMs: values["admin.rateLimiterIntervalInMS"],
    snapshotEnabled: values["admin.snapshot.enabled"],
    restoreEnabled: values["admin.restore.enabled"],
    connectionCountMax: values["http.maxConnections"],
    readOnly: values["http.readOnly"],
    trustedProxies,
    allowedHosts: values["http.allowedHosts"],
    adminPath: values["http.adminPath"] ?? null,
    maxSessionTimeoutMs: values["http.maxSessionTimeout"] ?? context.maxSessionTimeoutMs,
    metrics: metricsPortOf(values, { ...context, http: enabled ? own : null }),
  };
}

function metricsPortOf(
  values: Settings,
  { notices, originOf, clients, http }: Context & { readonly http: Place | null },
): MetricsPortConfig | null {
  const key = "metricsProvider.className";
  const name = values[key]?.split(".").at(-1);
  if (name === PROMETHEUS) {
    const address = values["metricsProvider.httpHost"];
    const port = values["metricsProvider.httpPort"];
    const taken = http !== null && areSame({ address, port }, http)
      ? `it is the admin.serverPort too, ${port}: /metrics is there anyway`
      : areSame({ address, port }, clients)
      ? `it is the clientPort too, ${port}: choose another one`
      : null;
    if (taken !== null) {
      const key = "metricsProvider.httpPort";
      notices.push(noEffect(key, originOf(key), taken));
    }
    const exportJvmInfo = values["metricsProvider.exportJvmInfo"];
    return { address, port: taken === null ? port : null, exportJvmInfo };
  }
  if (name !== undefined && !PROVIDERS_WITHOUT_PORT.has(name)) {
    notices.push(noEffect(key, originOf(key), "Java classes cannot be loaded"));
  }
  return null;
}

/** Whether one of them would keep the other from its port. */
function areSame(a: Place, b: Place): boolean {
  const isEverywhere = ({ address }: Place) =>
    address === null || address === "0.0.0.0" || address === "::";
  return a.port !== 0 && a.port === b.port &&
    (a.address === b.address || isEverywhere(a) || isEverywhere(b));
}

function noEffect(key: string, at: string | undefined, reason: string): Notice {
  return { level: "warn", message: "setting has no effect", fields: { key, at: at ?? "", reason } };
}
