/**
 * Opens a client of a ZooKeeper ensemble.
 *
 * @module
 */

import type { ClientOptions, ZooKeeperClient } from "./client_types.ts";
import { parseConnectString } from "./connect_string.ts";
import { KeeperClient } from "./keeper_client.ts";
import { lookUpName } from "./name_lookup.ts";
import { Session } from "./session.ts";

const SESSION_TIMEOUT_MS = 30_000;
/** Far beyond what a server sends, unless a znode has a million children. */
const FRAME_BYTES_MAX = 64 << 20;

/**
 * Begins a session with an ensemble; returns at once and connects behind it. Requests may be made before there
 * is a connection: they wait for it.
 *
 * @param connectString `host1:port1,host2:port2/chroot`; the port may be left away, the chroot, too
 * @throws {ClientArgumentError} when it cannot be read
 */
export function openClient(connectString: string, options: ClientOptions = {}): ZooKeeperClient {
  const session = new Session(parseConnectString(connectString), {
    sessionTimeoutMs: options.sessionTimeoutMs ?? SESSION_TIMEOUT_MS,
    canBeReadOnly: options.canBeReadOnly ?? false,
    auth: options.auth ?? [],
    session: options.session,
    onEvent: options.onEvent,
    isShuffled: options.shuffle ?? true,
    failsFast: options.failsFast ?? false,
    frameBytesMax: options.maxFrameBytes ?? FRAME_BYTES_MAX,
    lookUp: options.lookUp ?? lookUpName,
  });
  return new KeeperClient(session, options.signal);
}
