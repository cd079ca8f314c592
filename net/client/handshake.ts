/**
 * The first frame of each side (client protocol, section 4).
 *
 * @module
 */

import { ProtocolError } from "../../core/errors.ts";
import type { JuteReader, JuteWriter } from "../../core/wire/jute.ts";
import type { Zxid } from "../../core/zxid.ts";
import { nameOfCode } from "./client_errors.ts";

/**
 * A server that is cut off, and makes no sessions of its own (localSessionsEnabled), answers with the code
 * of a refused write and no more.
 */
const REPLY_HEADER_BYTES = 16;

export interface ConnectRequest {
  readonly lastZxid: Zxid;
  readonly sessionTimeoutMs: number;
  /** 0n asks for a new session. */
  readonly sessionId: bigint;
  readonly password: Uint8Array;
  readonly canBeReadOnly: boolean;
}

export interface ConnectResponse {
  /** 0 or less: there is no such session any more. */
  readonly sessionTimeoutMs: number;
  readonly sessionId: bigint;
  readonly password: Uint8Array;
  readonly isReadOnly: boolean;
}

export function writeConnectRequest(writer: JuteWriter, request: ConnectRequest): void {
  writer.int(0); // protocol version
  writer.zxid(request.lastZxid);
  writer.int(request.sessionTimeoutMs);
  writer.long(request.sessionId);
  writer.bytes(request.password);
  writer.boolean(request.canBeReadOnly);
}

/** @throws {ProtocolError} when the server makes no session for us, and says so in another way */
export function readConnectResponse(reader: JuteReader): ConnectResponse {
  if (reader.remaining === REPLY_HEADER_BYTES) {
    reader.position = reader.end - 4;
    throw new ProtocolError(`the server makes no session: ${nameOfCode(reader.int())}`);
  }
  reader.int(); // protocol version
  return {
    sessionTimeoutMs: reader.int(),
    sessionId: reader.long(),
    password: reader.bytes()?.slice() ?? new Uint8Array(16),
    isReadOnly: reader.remaining > 0 && reader.boolean(), // servers of 3.3 leave it away
  };
}
