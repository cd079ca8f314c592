/**
 * Who may log in with SASL, out of the JAAS file that the configuration names.
 *
 * @module
 */
import { digestUsersOf, parseJaasConfig } from "../core/auth/jaas_config.ts";
import type { Logger } from "../core/ports.ts";
import type { ServerConfig } from "../core/server_config.ts";

/**
 * Passwords by user; null when SASL is not configured.
 *
 * @throws {JaasConfigError} also whatever keeps the file from being read
 */
export function readSaslUsers(
  config: ServerConfig,
  logger: Logger,
): ReadonlyMap<string, string> | null {
  const path = config.jaasConfigPath;
  if (path === null) return null;
  if (config.fipsMode) {
    logger.warn(
      "fips-mode is on: the JAAS file is not read, since DIGEST-MD5, the one SASL mechanism of " +
        "this server, needs MD5; clients stay without a SASL login",
      { file: path },
    );
    return null;
  }
  const jaas = parseJaasConfig(Deno.readTextFileSync(path), {
    fileName: path,
    properties: config.systemProperties,
  });
  return digestUsersOf(jaas, {
    section: config.saslServerSection,
    superPassword: config.saslSuperPassword,
  });
}
