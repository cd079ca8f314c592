/**
 * Servers that prove to each other who they are: where passwords come from, and the exchange on a fresh
 * quorum connection.
 *
 * @module
 */
import { QuorumAuth } from "../cluster/quorum_auth.ts";
import type { QuorumHandshake } from "../cluster/quorum_handshake.ts";
import { digestUsersOf, type JaasConfig, parseJaasConfig } from "../core/auth/jaas_config.ts";
import { ProtocolError } from "../core/errors.ts";
import type { ServerConfig } from "../core/server_config.ts";
import { nodeHashing } from "./hashing.ts";
import type { Timers } from "./sockets.ts";

const READ_BYTES = 4096;

/**
 * What `quorum.auth.*` and the JAAS file make of it; null when servers do not authenticate each other.
 *
 * @throws {RangeError} when the file does not have what is needed
 * @throws {JaasConfigError} also whatever keeps the file from being read
 */
export function openQuorumAuth(config: ServerConfig): QuorumAuth | null {
  const { jaasConfigPath: path, fipsMode, ensemble: { quorumAuth } } = config;
  if (!quorumAuth.enabled) return null;
  const unusable = (reason: string) =>
    new RangeError(`Cannot authenticate members, as quorum.auth.enableSasl=true says: ${reason}`);
  if (fipsMode) throw unusable("DIGEST-MD5 needs MD5, which fips-mode=true forbids");
  if (path === null) throw unusable("java.security.auth.login.config does not name a JAAS file");
  const jaas = parseJaasConfig(Deno.readTextFileSync(path), {
    fileName: path,
    properties: config.systemProperties,
  });
  const { learnerSection, serverSection, learnerRequireSasl, serverRequireSasl } = quorumAuth;
  const users = digestUsersOf(jaas, { section: serverSection });
  if (users === null) throw unusable(`${path} has no section ${serverSection}`);
  const credentials = credentialsOf(jaas, learnerSection);
  if (credentials === null) {
    throw unusable(`${path} has no username and password in section ${learnerSection}`);
  }
  return new QuorumAuth({
    users,
    credentials: learnerRequireSasl ? credentials : null,
    isRequired: serverRequireSasl,
    hashing: nodeHashing,
  });
}

/**
 * Goes through the exchange.
 *
 * @param begun `bytes` are sent first
 * @returns what came behind it; or, with the connection closed, why there is no more of it
 */
export async function authenticate(
  conn: Deno.TcpConn,
  { handshake, bytes }: { handshake: QuorumHandshake; bytes: Uint8Array },
  { timers, timeoutMs }: { timers: Timers; timeoutMs: number },
): Promise<{ first: Uint8Array } | { problem: string }> {
  let problem = "it closed the connection";
  const stopTimer = timers.start(timeoutMs, () => {
    problem = `it did not authenticate itself in ${timeoutMs} ms`;
    conn.close();
  });
  const buffer = new Uint8Array(READ_BYTES);
  try {
    await writeAll(conn, bytes);
    for (;;) {
      const byteCount = await conn.read(buffer);
      if (byteCount === null) break;
      const step = handshake.take(buffer.subarray(0, byteCount));
      await writeAll(conn, step.bytes);
      if (step.kind === "done") return { first: step.rest };
      if (step.kind === "failed") {
        problem = step.reason;
        break;
      }
    }
  } catch (error) {
    if (error instanceof ProtocolError) problem = error.message;
    // else it is gone, or too late
  } finally {
    stopTimer();
  }
  closeQuietly(conn);
  return { problem };
}

/** It may be closed already. */
export function closeQuietly(conn: Deno.TcpConn): void {
  try {
    conn.close();
  } catch {
    // so it was
  }
}

function credentialsOf(
  jaas: JaasConfig,
  section: string,
): { username: string; password: string } | null {
  for (const { options } of jaas.get(section) ?? []) {
    const [username, password] = [options.get("username"), options.get("password")];
    if (username !== undefined && password !== undefined) return { username, password };
  }
  return null;
}

async function writeAll(conn: Deno.TcpConn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await conn.write(bytes.subarray(at));
}
