/**
 * Handles connect requests: a new session, or one that a client attaches to again (client protocol
 * section 4).
 *
 * @module
 */
import { DecodeError } from "../errors.ts";
import type { ServerConfig } from "../server_config.ts";
import { isSessionPassword, sessionPassword } from "../session/session_id.ts";
import type { Session } from "../session/sessions.ts";
import type { DataTree } from "../tree/data_tree.ts";
import type { JuteReader } from "../wire/jute.ts";
import { OpCode } from "../wire/op_code.ts";
import { sessionIdToHex, zxidToHex } from "../zxid.ts";
import { Client } from "./client.ts";
import { writeConnectResponse } from "./reply.ts";
import type { WritePath } from "./write_path.ts";

export interface HandshakesOptions {
  config: ServerConfig;
  tree: DataTree;
  /** Makes and renews sessions; the client is answered when that is done. */
  writes: WritePath;
}

export class Handshakes {
  readonly #options: HandshakesOptions;

  constructor(options: HandshakesOptions) {
    this.#options = options;
  }

  /** @param reader at the start of the connect request */
  connect(client: Client, reader: JuteReader): void {
    const { config, tree } = this.#options;
    try {
      reader.int(); // protocol version, ignored
      const lastZxidSeen = reader.zxid();
      const requestedMs = reader.int();
      const sessionId = reader.long();
      const password = reader.bytes();
      client.hasReadOnly = reader.remaining > 0;
      client.allowsReadOnly = client.hasReadOnly && reader.boolean();
      const { writes } = this.#options;
      if (writes.isReadOnly && !client.allowsReadOnly) {
        return client.close("this server is not in a quorum, and serves read-only clients only");
      }
      if (lastZxidSeen > tree.lastProcessedZxid) {
        return client.close(
          `client has seen zxid 0x${zxidToHex(lastZxidSeen)}, ours is ` +
            `0x${zxidToHex(tree.lastProcessedZxid)}: it must try another server`,
        );
      }
      const timeoutMs = Math.min(
        Math.max(requestedMs, config.minSessionTimeoutMs),
        config.maxSessionTimeoutMs,
      );
      client.lastOperation = OpCode.CreateSession;
      if (sessionId === 0n) writes.createSession(client, timeoutMs);
      // the password is checked before the previous connection is closed, where ZooKeeper lets a wrong
      // one disconnect the owner (client protocol section 17)
      else if (!isSessionPassword(sessionId, password)) refuseSession(client, sessionId);
      else writes.renewSession(client, { sessionId, timeoutMs });
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      client.close("its connect request cannot be decoded");
    }
  }
}

/** Attaches a client to its session, in place of whoever was, and says so to it. */
export function attachSession(client: Client, session: Session): void {
  const previous = session.client;
  if (previous instanceof Client && previous !== client) {
    previous.session = null; // its watches and replies are nobody's any more
    previous.close(`session ${sessionIdToHex(session.id)} moved to another connection`);
  }
  session.owner = session.client = client;
  client.session = session;
  respondToConnect(client, session);
}

/** Tells a client that the session it came back to is not there. */
export function refuseSession(client: Client, sessionId: bigint): void {
  respondToConnect(client, null);
  client.close(`session ${sessionIdToHex(sessionId)} is unknown or has expired`);
}

/** Answers a connect request. @param session null says that there is none */
export function respondToConnect(client: Client, session: Session | null): void {
  client.isConnecting = false;
  writeConnectResponse(client.writer(), {
    timeoutMs: session === null ? 0 : session.timeoutMs,
    sessionId: session === null ? 0n : session.id,
    password: session === null ? NO_PASSWORD : sessionPassword(session.id),
    hasReadOnly: client.hasReadOnly,
    readOnly: client.isReadOnly,
  });
  client.packetsSent++;
}

/** What a refused renewal carries. */
const NO_PASSWORD = new Uint8Array(16);
