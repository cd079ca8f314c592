/**
 * What answers at the HTTP ports. Loaded by the first request that needs it: it brings in Hono, zod, and all resources
 * of the API.
 *
 * @module
 */
import { App } from "./app.ts";
import { Guard } from "./guard.ts";
import type { HttpHost, SharedParts } from "./http_ports.ts";
import type { PortControl } from "./http_server.ts";
import { Identities } from "./identity.ts";
import type { RequestHandler } from "./listener/http_connection.ts";
import { apiMounts, metricsMounts } from "./mounts.ts";
import type { Mount } from "./mount.ts";
import type { AnyRoute } from "./route.ts";
import { apiRoutes } from "./routes.ts";

interface PortContext extends SharedParts {
  readonly port: PortControl;
}

export function apiHandler(host: HttpHost, context: PortContext): RequestHandler {
  const routes = apiRoutes(host);
  return handlerOf(host, context, { routes, mounts: apiMounts(host, context.metrics, routes) });
}

/** Of the port that ZooKeeper's metrics provider has for itself. */
export function metricsHandler(host: HttpHost, context: PortContext): RequestHandler {
  return handlerOf(host, context, { routes: [], mounts: metricsMounts(host, context.metrics) });
}

function handlerOf(
  host: HttpHost,
  { port: { stopping }, metrics, strangersLogger }: PortContext,
  parts: { routes: readonly AnyRoute[]; mounts: readonly Mount[] },
): RequestHandler {
  const { gateway, providers, logger, onAuthFailed } = host;
  const { config } = gateway;
  const app = new App({
    ...parts,
    gateway,
    identities: new Identities({
      config,
      providers,
      logger: strangersLogger,
      onFailed: onAuthFailed,
    }),
    guard: new Guard(config.http, ownHosts()),
    logger,
    metrics,
    stopping,
  });
  return (request, info) => app.fetch(request, info);
}

/** Names of this machine. */
function ownHosts(): string[] {
  try {
    return [Deno.hostname()];
  } catch {
    return []; // without the permission
  }
}
