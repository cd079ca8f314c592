/**
 * All operations of the HTTP API, from the files of its resources.
 *
 * @module
 */
import type { HttpHost } from "./http_ports.ts";
import type { AnyRoute } from "./route.ts";

export function apiRoutes(_host: HttpHost): AnyRoute[] {
  return [];
}
