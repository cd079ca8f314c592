/**
 * All that the HTTP ports serve beside the operations of the API.
 *
 * @module
 */
import type { HttpHost } from "./http_ports.ts";
import type { Mount } from "./mount.ts";
import type { AnyRoute } from "./route.ts";

export function apiMounts(_host: HttpHost, _routes: readonly AnyRoute[]): Mount[] {
  return [];
}

export function metricsMounts(_host: HttpHost): Mount[] {
  return [];
}
