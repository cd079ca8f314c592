/**
 * Where the HTTP port answers as ZooKeeper's AdminServer: at `admin.commandURL` and below.
 *
 * @module
 */
import { systemClock as clock } from "../../system_clock.ts";
import type { HttpHost } from "../http_ports.ts";
import type { Mount, Visit } from "../mount.ts";
import { adminCommands, type AdminCommandsOptions } from "./commands.ts";

/** What there is for the commands alone. */
export type AdminParts = Pick<AdminCommandsOptions, "context" | "database">;

/** Those that no command has are answered as there, too. */
const METHODS = ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"];

export function adminMounts({ gateway, providers, metrics, logger, admin }: HttpHost): Mount[] {
  const { config } = gateway;
  const answer = adminCommands({ ...admin(), config, providers, metrics, logger, clock });
  const base = config.http.commandUrl.replace(/\/$/, "");
  const common = {
    operationId: "adminCommand",
    methods: METHODS,
    isPublic: false,
    handle: ({ request, remoteAddress }: Visit) => answer(request, { remoteAddress }),
  };
  return [base, `${base}/*`].filter((path) => path !== "").map((path) => ({ path, ...common }));
}
