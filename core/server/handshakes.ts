/**
 * Handles connect requests: a new session, or one that a client attaches to again (client protocol
 * section 4).
 *
 * @module
 */
import { DecodeError } from "../errors.ts";
import type { ServerConfig } from "../server_config.ts";
import { isSessionPassword, sessionPassword } from "../session/session_id.ts";
import type { Session, SessionTracker } from "../session/session_tracker.ts";
import type { SessionTable } from "../storage/snapshot_tree.ts";
import type { DataTree } from "../tree/data_tree.ts";
import type { JuteReader } from "../wire/jute.ts";
import { OpCode } from "../wire/op_code.ts";
import { sessionIdToHex, zxidToHex } from "../zxid.ts";
import { Client } from "./client.ts";
import { writeConnectResponse } from "./reply.ts";

export interface HandshakesOptions {
  config: ServerConfig;
  tree: DataTree;
  sessions: SessionTracker;
  /** One whose creation is still on its way to the disk cannot be attached to. */
  durableSessions: SessionTable;
  /** Starts the txn that makes a session; the answer goes out when it is durable. */
  createSession: (client: Client, timeoutMs: number) => void;
}

export class Handshakes {
  readonly #options: HandshakesOptions;

  constructor(options: HandshakesOptions) {
    this.#options = options;
  }

  /** @param reader at the start of the connect request */
  connect(client: Client, reader: JuteReader, nowMs: number): void {
    const { config, tree } = this.#options;
    try {
      reader.int(); // protocol version, ignored
      const lastZxidSeen = reader.zxid();
      const requestedMs = reader.int();
      const sessionId = reader.long();
      const password = reader.bytes();
      client.hasReadOnly = reader.remaining > 0;
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
      if (sessionId === 0n) this.#options.createSession(client, timeoutMs);
      else this.#renew(client, { sessionId, password, timeoutMs, nowMs });
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      client.close("its connect request cannot be decoded");
    }
  }

  /**
   * Attaches a client to its session. The password is checked before the previous connection is closed,
   * where ZooKeeper lets a wrong one disconnect the owner (client protocol section 17).
   */
  #renew(
    client: Client,
    { sessionId, password, timeoutMs, nowMs }: {
      sessionId: bigint;
      password: Uint8Array | null;
      timeoutMs: number;
      nowMs: number;
    },
  ): void {
    const { sessions, durableSessions } = this.#options;
    const session = durableSessions.has(sessionId) ? sessions.get(sessionId) : undefined;
    if (!isSessionPassword(sessionId, password) || session === undefined || session.isClosing) {
      respondToConnect(client, null);
      return client.close(`session ${sessionIdToHex(sessionId)} is unknown or has expired`);
    }
    const previous = session.owner;
    if (previous instanceof Client && previous !== client) {
      previous.session = null; // its watches and replies are nobody's any more
      previous.close(`session ${sessionIdToHex(sessionId)} moved to another connection`);
    }
    session.timeoutMs = timeoutMs;
    sessions.restart(session, nowMs);
    session.owner = client;
    client.session = session;
    respondToConnect(client, session);
  }
}

/** Answers a connect request. @param session null says that there is none */
export function respondToConnect(client: Client, session: Session | null): void {
  client.isConnecting = false;
  writeConnectResponse(client.writer(), {
    timeoutMs: session === null ? 0 : session.timeoutMs,
    sessionId: session === null ? 0n : session.id,
    password: session === null ? NO_PASSWORD : sessionPassword(session.id),
    hasReadOnly: client.hasReadOnly,
    readOnly: false,
  });
  client.packetsSent++;
}

/** What a refused renewal carries. */
const NO_PASSWORD = new Uint8Array(16);
