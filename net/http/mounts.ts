/**
 * All that the HTTP ports serve beside the operations of the API.
 *
 * @module
 */
import { health } from "./health.ts";
import type { HttpMetrics } from "./http_metrics.ts";
import type { HttpHost } from "./http_ports.ts";
import type { Mount } from "./mount.ts";
import { metricsText } from "./prometheus.ts";
import type { AnyRoute } from "./route.ts";

export function apiMounts(
  host: HttpHost,
  metrics: HttpMetrics,
  _routes: readonly AnyRoute[],
): Mount[] {
  return [...healthMounts(host), ...metricsMounts(host, metrics)];
}

/** Of the port that is for metrics alone, too. */
export function metricsMounts(
  { gateway, metrics: registry, probe }: HttpHost,
  http: HttpMetrics,
): Mount[] {
  const isProcessTold = gateway.config.http.metrics?.exportJvmInfo ?? true;
  const answer = metricsText({
    registry,
    server: probe,
    http,
    process: isProcessTold ? probe : null,
  });
  return [{
    path: "/metrics",
    operationId: "getMetrics",
    methods: ["GET"],
    isPublic: false,
    handle: ({ request }) => answer(request),
  }];
}

function healthMounts({ probe }: HttpHost): Mount[] {
  const answers = health(probe);
  const names = { livez: "isLive", readyz: "isReady", startupz: "isStarted" } as const;
  return Object.entries(answers).map(([name, answer]) => ({
    path: `/${name}`,
    operationId: names[name as keyof typeof names],
    methods: ["GET"],
    isPublic: true,
    handle: ({ request }) => answer(request),
  }));
}
