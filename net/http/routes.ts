/**
 * All operations of the HTTP API, from the files of its resources.
 *
 * @module
 */
import type { HttpHost } from "./http_ports.ts";
import { backupRoutes } from "./resources/backups.ts";
import { clusterRoutes } from "./resources/cluster.ts";
import { electionRoutes } from "./resources/elections.ts";
import { lockRoutes } from "./resources/locks.ts";
import { serverRoutes } from "./resources/server_admin.ts";
import { sessionRoutes } from "./resources/sessions.ts";
import { whoAmIRoutes } from "./resources/whoami.ts";
import { znodeRoutes } from "./resources/znodes.ts";
import type { AnyRoute } from "./route.ts";
import { watchRoutes } from "./watch/watch_routes.ts";

/** In the order in which the documents show them. */
export function apiRoutes(host: HttpHost): AnyRoute[] {
  const admin = host.serverAdmin();
  return [
    ...znodeRoutes(host),
    ...watchRoutes,
    ...sessionRoutes,
    ...lockRoutes,
    ...electionRoutes,
    ...whoAmIRoutes,
    ...clusterRoutes(admin),
    ...serverRoutes(admin),
    ...backupRoutes(host),
  ];
}
