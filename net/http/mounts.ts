/**
 * All that the HTTP ports serve beside the operations of the API.
 *
 * @module
 */
import { adminMounts } from "./admin/admin_mounts.ts";
import { commandsOpenApi } from "./admin/commands_openapi.ts";
import { docsPage, docsPolicy } from "./docs_page.ts";
import { health, healthOpenApi } from "./health.ts";
import type { HttpMetrics } from "./http_metrics.ts";
import type { HttpHost } from "./http_ports.ts";
import { Reply } from "./listener/reply.ts";
import type { Mount } from "./mount.ts";
import { documentsOpenApi, mountItems } from "./mounts_openapi.ts";
import { type OpenApiDocument, openApiDocument } from "./openapi.ts";
import { metricsOpenApi, metricsText } from "./prometheus.ts";
import type { AnyRoute } from "./route.ts";

export function apiMounts(
  host: HttpHost,
  metrics: HttpMetrics,
  routes: readonly AnyRoute[],
): Mount[] {
  return [
    ...documentMounts(host, routes),
    ...adminMounts(host),
    ...healthMounts(host),
    ...metricsMounts(host, metrics),
  ];
}

/** The documents, made when they are first asked for. */
function documentMounts({ gateway }: HttpHost, routes: readonly AnyRoute[]): Mount[] {
  let document: OpenApiDocument | null = null;
  let json: string | null = null;
  let page: string | null = null;
  const documented = () =>
    document ??= openApiDocument(routes, {
      ...mountItems({ ...healthOpenApi, ...documentsOpenApi }, { isPublic: true }),
      ...mountItems({ ...metricsOpenApi, ...commandsOpenApi(gateway.config.http.commandUrl) }, {
        isPublic: false,
      }),
    });
  return [{
    path: "/openapi.json",
    operationId: "getOpenApi",
    methods: ["GET"],
    isPublic: true,
    handle: () => {
      json ??= `${JSON.stringify(documented())}\n`;
      return new Reply(json, { headers: { "content-type": "application/json" } });
    },
  }, {
    path: "/docs",
    operationId: "getDocs",
    methods: ["GET"],
    isPublic: true,
    handle: () => {
      page ??= docsPage(documented());
      return new Reply(page, {
        headers: {
          "content-type": "text/html; charset=utf-8",
          "content-security-policy": docsPolicy(),
          "x-content-type-options": "nosniff",
          "referrer-policy": "no-referrer",
        },
      });
    },
  }];
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
