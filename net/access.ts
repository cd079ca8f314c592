/**
 * Who clients are, and what is written down of what they do: the same in every role of a server.
 *
 * @module
 */
import { type AuthProviders, makeAuthProviders } from "../core/auth/auth_providers.ts";
import type { ServerMetrics } from "../core/metrics/server_metrics.ts";
import type { Clock, Logger } from "../core/ports.ts";
import { AuditLog } from "../core/server/audit.ts";
import { AuthRequests } from "../core/server/auth_requests.ts";
import type { ServerConfig } from "../core/server_config.ts";
import { openAudit } from "./audit_log.ts";
import { nodeHashing } from "./hashing.ts";
import { userName } from "./host_environment.ts";
import { readSaslUsers } from "./sasl_users.ts";

export interface Access {
  readonly providers: AuthProviders;
  readonly requests: AuthRequests;
  /** Null unless the audit log is on. */
  readonly audit: AuditLog | null;
  close(): void;
}

export function openAccess({ config, metrics, logger, clock, onFailed }: {
  config: ServerConfig;
  metrics: ServerMetrics;
  logger: Logger;
  clock: Clock;
  /** A client could not prove who it is. */
  onFailed: () => void;
}): Access {
  const providers = makeAuthProviders(config, nodeHashing, metrics);
  for (const name of providers.unknownProviders) {
    logger.warn("authProvider names a class that is not available here: it is ignored", {
      class: name,
    });
  }
  const file = config.audit.enabled ? openAudit(config.audit, { logger, clock }) : null;
  const audit = file === null
    ? null
    : new AuditLog({ write: file.write, providers, serverUser: userName() });
  const saslUsers = readSaslUsers(config, logger);
  return {
    providers,
    requests: new AuthRequests({
      ...{ config, providers, hashing: nodeHashing, logger, saslUsers, onFailed },
    }),
    audit,
    close: () => file?.close(),
  };
}
