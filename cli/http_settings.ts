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

/** @param context.maxSessionTimeoutMs that of the client port */
export function httpConfigOf(
  values: Settings,
  context: {
    readonly maxSessionTimeoutMs: number;
    readonly notices: Notice[];
    readonly originOf: (key: string) => string | undefined;
  },
): HttpConfig {
  const trustedProxies = values["http.trustedProxies"];
  if (values["IPAuthenticationProvider.usexforwardedfor"] && trustedProxies.length === 0) {
    const key = "IPAuthenticationProvider.usexforwardedfor";
    const reason = "X-Forwarded-For is believed of proxies that http.trustedProxies names";
    context.notices.push(noEffect(key, context.originOf(key), reason));
  }
  return {
    enabled: values["admin.enableServer"] && values["http.enabled"],
    address: values["admin.serverAddress"],
    port: values["admin.serverPort"],
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
    metrics: metricsPortOf(values, context),
  };
}

function metricsPortOf(
  values: Settings,
  { notices, originOf }: {
    readonly notices: Notice[];
    readonly originOf: (key: string) => string | undefined;
  },
): MetricsPortConfig | null {
  const key = "metricsProvider.className";
  const name = values[key]?.split(".").at(-1);
  if (name === PROMETHEUS) {
    return {
      address: values["metricsProvider.httpHost"],
      port: values["metricsProvider.httpPort"],
      exportJvmInfo: values["metricsProvider.exportJvmInfo"],
    };
  }
  if (name !== undefined && !PROVIDERS_WITHOUT_PORT.has(name)) {
    notices.push(noEffect(key, originOf(key), "Java classes cannot be loaded"));
  }
  return null;
}

function noEffect(key: string, at: string | undefined, reason: string): Notice {
  return { level: "warn", message: "setting has no effect", fields: { key, at: at ?? "", reason } };
}
