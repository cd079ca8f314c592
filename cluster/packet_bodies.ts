/**
 * What the data of the quorum packets holds, type by type (quorum protocol section 5.1).
 *
 * Writers write the whole packet, straight into the output. Readers take the data of a packet; those
 * that return bytes lend them. PROPOSAL and INFORM carry the body of a log record, NEWLEADER the text
 * of a configuration: those are read elsewhere.
 *
 * @module
 */
import { DecodeError } from "../core/errors.ts";
import type { Id } from "../core/tree/acl_list.ts";
import { JuteReader, type JuteWriter } from "../core/wire/jute.ts";
import type { Zxid } from "../core/zxid.ts";
import { PacketType, writeIds } from "./quorum_packet.ts";
import type { ServerId } from "./server_id.ts";

/** What we speak, and all servers since 3.4: the leader answers an INFO with LEADERINFO. */
export const PROTOCOL_VERSION = 0x10000;

/** zxid of packets that have none. */
const NO_ZXID = -1;
const TOUCH_BYTES = 12;

/** Who a learner is, in FOLLOWERINFO and OBSERVERINFO. */
export interface LearnerInfo {
  /** Null for a learner that does not say: the leader gives it a negative one. */
  readonly serverId: ServerId | null;
  /** 0 when not said, which is below {@linkcode PROTOCOL_VERSION}: an old learner. */
  readonly protocolVersion: number;
  /** Version of the configuration that it knows to be committed; 0 when not said. */
  readonly configVersion: Zxid;
}

/** A client's request on its way from the learner to the leader. */
export interface ForwardedRequest {
  readonly sessionId: bigint;
  readonly cxid: number;
  readonly opCode: number;
  /** The client's bytes, behind its request header. */
  readonly body: Uint8Array;
}

export function writeLearnerInfo(
  writer: JuteWriter,
  { type, acceptedEpochZxid, serverId, configVersion }: {
    type: typeof PacketType.FollowerInfo | typeof PacketType.ObserverInfo;
    /** acceptedEpoch << 32. */
    acceptedEpochZxid: Zxid;
    serverId: ServerId;
    configVersion: Zxid;
  },
): void {
  writeHead(writer, type, acceptedEpochZxid, 20);
  writer.longFromNumber(serverId);
  writer.int(PROTOCOL_VERSION);
  writer.zxid(configVersion);
  writer.int(-1);
}

/**
 * Reads 20 bytes, or 12, 8 or null as old learners send them.
 *
 * @throws {DecodeError} on fewer than 8 bytes
 */
export function readLearnerInfo(data: Uint8Array | null): LearnerInfo {
  if (data === null) return { serverId: null, protocolVersion: 0, configVersion: 0 };
  const reader = new JuteReader(data);
  return {
    serverId: reader.longAsNumber(),
    protocolVersion: reader.remaining >= 4 ? reader.int() : 0,
    configVersion: reader.remaining >= 8 ? reader.zxid() : 0,
  };
}

/** Writes LEADERINFO; `epochZxid` is the new epoch << 32. */
export function writeLeaderInfo(writer: JuteWriter, epochZxid: Zxid): void {
  writeHead(writer, PacketType.LeaderInfo, epochZxid, 4);
  writer.int(PROTOCOL_VERSION);
  writer.int(-1);
}

/** The leader's protocol version. @throws {DecodeError} */
export function readLeaderInfo(data: Uint8Array | null): number {
  return new JuteReader(present(data, "LEADERINFO")).int();
}

/**
 * Writes ACKEPOCH. `currentEpoch` is -1 from a learner that had accepted the epoch before, which does
 * not count as an acknowledgement.
 */
export function writeAckEpoch(writer: JuteWriter, lastLogged: Zxid, currentEpoch: number): void {
  writeHead(writer, PacketType.AckEpoch, lastLogged, 4);
  writer.int(currentEpoch);
  writer.int(-1);
}

/** currentEpoch of the learner, or -1. @throws {DecodeError} */
export function readAckEpoch(data: Uint8Array | null): number {
  return new JuteReader(present(data, "ACKEPOCH")).int();
}

/** `ids` is null for what no ACL is checked against: createSession, and the upgrade of a session. */
export function writeRequest(
  writer: JuteWriter,
  { sessionId, cxid, opCode, body }: ForwardedRequest,
  ids: readonly Id[] | null,
): void {
  writeHead(writer, PacketType.Request, NO_ZXID, 16 + body.length);
  writer.long(sessionId);
  writer.int(cxid);
  writer.int(opCode);
  writer.raw(body);
  writeIds(writer, ids);
}

/** @throws {DecodeError} */
export function readRequest(data: Uint8Array | null): ForwardedRequest {
  const reader = new JuteReader(present(data, "REQUEST"));
  return {
    sessionId: reader.long(),
    cxid: reader.int(),
    opCode: reader.int(),
    body: reader.buffer.subarray(reader.position),
  };
}

/** Writes a learner's answer to PING: the sessions that were used since the last one. */
export function writePingReply(
  writer: JuteWriter,
  zxid: Zxid,
  touches: ReadonlyMap<bigint, number>,
): void {
  writeHead(writer, PacketType.Ping, zxid, TOUCH_BYTES * touches.size);
  for (const [sessionId, timeoutMs] of touches) {
    writer.long(sessionId);
    writer.int(timeoutMs);
  }
  writer.int(-1);
}

/**
 * Tells the sessions of a learner's answer to PING, in its order; null is none.
 *
 * @throws {DecodeError} on a piece of an entry, before anything is told
 */
export function readPingReply(
  data: Uint8Array | null,
  touch: (sessionId: bigint, timeoutMs: number) => void,
): void {
  if (data === null) return;
  if (data.length % TOUCH_BYTES !== 0) throw new DecodeError("PING ends inside a session");
  const reader = new JuteReader(data);
  while (reader.remaining > 0) touch(reader.long(), reader.int());
}

export function writeRevalidate(writer: JuteWriter, sessionId: bigint, timeoutMs: number): void {
  writeHead(writer, PacketType.Revalidate, NO_ZXID, 12);
  writer.long(sessionId);
  writer.int(timeoutMs);
  writer.int(-1);
}

/** @throws {DecodeError} */
export function readRevalidate(
  data: Uint8Array | null,
): { sessionId: bigint; timeoutMs: number } {
  const reader = new JuteReader(present(data, "REVALIDATE"));
  return { sessionId: reader.long(), timeoutMs: reader.int() };
}

export function writeRevalidateReply(
  writer: JuteWriter,
  sessionId: bigint,
  isValid: boolean,
): void {
  writeHead(writer, PacketType.Revalidate, NO_ZXID, 9);
  writer.long(sessionId);
  writer.boolean(isValid);
  writer.int(-1);
}

/** @throws {DecodeError} */
export function readRevalidateReply(
  data: Uint8Array | null,
): { sessionId: bigint; isValid: boolean } {
  const reader = new JuteReader(present(data, "REVALIDATE"));
  return { sessionId: reader.long(), isValid: reader.boolean() };
}

/** Writes COMMITANDACTIVATE: the commit of a reconfig, to followers. */
export function writeCommitAndActivate(
  writer: JuteWriter,
  zxid: Zxid,
  designatedLeader: ServerId,
): void {
  writeHead(writer, PacketType.CommitAndActivate, zxid, 8);
  writer.longFromNumber(designatedLeader);
  writer.int(-1);
}

/** The designated leader. @throws {DecodeError} */
export function readCommitAndActivate(data: Uint8Array | null): ServerId {
  return new JuteReader(present(data, "COMMITANDACTIVATE")).longAsNumber();
}

/** Writes INFORMANDACTIVATE: the same to observers, with the txn, the body of a log record. */
export function writeInformAndActivate(
  writer: JuteWriter,
  zxid: Zxid,
  designatedLeader: ServerId,
  txn: Uint8Array,
): void {
  writeHead(writer, PacketType.InformAndActivate, zxid, 8 + txn.length);
  writer.longFromNumber(designatedLeader);
  writer.raw(txn);
  writer.int(-1);
}

/** @throws {DecodeError} */
export function readInformAndActivate(
  data: Uint8Array | null,
): { designatedLeader: ServerId; txn: Uint8Array } {
  const reader = new JuteReader(present(data, "INFORMANDACTIVATE"));
  return {
    designatedLeader: reader.longAsNumber(),
    txn: reader.buffer.subarray(reader.position),
  };
}

/** Type, zxid and length of the data; the data and the ids are to follow. */
function writeHead(writer: JuteWriter, type: number, zxid: Zxid, dataBytes: number): void {
  writer.reserve(20 + dataBytes);
  writer.int(type);
  writer.zxid(zxid);
  writer.int(dataBytes);
}

function present(data: Uint8Array | null, name: string): Uint8Array {
  if (data === null) throw new DecodeError(`${name} has no data`);
  return data;
}
