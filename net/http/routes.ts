/**
 * All operations of the HTTP API, from the files of its resources.
 *
 * @module
 */
import type { AnyRoute } from "./route.ts";

export function apiRoutes(): AnyRoute[] {
  return [];
}
