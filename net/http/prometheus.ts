/**
 * Answers `/metrics`: every metric as text for Prometheus, on the HTTP port and, where ZooKeeper's
 * PrometheusMetricsProvider is configured, on `metricsProvider.httpPort`.
 *
 * All work is done here, when it is asked for: what is measured writes to plain fields (core/metrics).
 *
 * @module
 */
import type { MetricRegistry } from "../../core/metrics/metric_registry.ts";
import { CONTENT_TYPES, Exposition, negotiateFormat } from "./exposition.ts";
import type { HttpMetrics } from "./http_metrics.ts";
import { type OwnMetricsSource, writeOwnMetrics } from "./own_metrics.ts";
import { type ProcessMetricsSource, writeProcessMetrics } from "./process_metrics.ts";
import { writeZooKeeperMetrics } from "./zookeeper_metrics.ts";
import { Reply } from "./listener/reply.ts";

export interface MetricsSources {
  readonly registry: MetricRegistry;
  readonly server: OwnMetricsSource;
  readonly http: HttpMetrics;
  /** Null: `metricsProvider.exportJvmInfo=false`. */
  readonly process: ProcessMetricsSource | null;
}

/** Makes the handler of `/metrics`. */
export function metricsText(sources: MetricsSources): (request: Request) => Response {
  return (request) => {
    const format = negotiateFormat(request.headers.get("accept"));
    const headers = { "content-type": CONTENT_TYPES[format], "cache-control": "no-store" };
    if (request.method === "HEAD") return new Reply(null, { headers });
    const out = new Exposition(format);
    writeZooKeeperMetrics(out, sources.registry);
    writeOwnMetrics(out, sources.server);
    sources.http.write(out);
    if (sources.process !== null) writeProcessMetrics(out, sources.process);
    return new Reply(out.finish(), { headers });
  };
}

/** For the OpenAPI document. */
export const metricsOpenApi = {
  "/metrics": {
    get: {
      operationId: "getMetrics",
      tags: ["health and metrics"],
      summary: "Every metric, as text for Prometheus",
      description:
        "ZooKeeper's metrics under the names of its PrometheusMetricsProvider, and our own as " +
        "`denkeeper_*`. OpenMetrics when the Accept header asks for it.",
      responses: {
        "200": {
          description: "The metrics",
          content: {
            [CONTENT_TYPES.text]: { schema: { type: "string" } },
            [CONTENT_TYPES.openMetrics]: { schema: { type: "string" } },
          },
        },
      },
    },
  },
} as const;
