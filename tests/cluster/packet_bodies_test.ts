import assert from "node:assert/strict";
import {
  PROTOCOL_VERSION,
  readAckEpoch,
  readCommitAndActivate,
  readInformAndActivate,
  readLeaderInfo,
  readLearnerInfo,
  readPingReply,
  readRequest,
  readRevalidate,
  readRevalidateReply,
  writeAckEpoch,
  writeCommitAndActivate,
  writeInformAndActivate,
  writeLeaderInfo,
  writeLearnerInfo,
  writePingReply,
  writeRequest,
  writeRevalidate,
  writeRevalidateReply,
} from "../../cluster/packet_bodies.ts";
import { PacketStream, PacketType, type QuorumPacket } from "../../cluster/quorum_packet.ts";
import { DecodeError } from "../../core/errors.ts";
import { JuteWriter } from "../../core/wire/jute.ts";
import { sessionIdToHex } from "../../core/zxid.ts";
import { type CapturedMessage, capturedMessages } from "../support/quorum_captures.ts";

/** Reads the data as the receiver does, compares, and writes the packet as the sender did. */
type Check = (
  packet: QuorumPacket,
  decoded: CapturedMessage["decoded"],
  writer: JuteWriter,
) => void;

const CHECKS: Record<string, Check> = {
  FOLLOWERINFO: checkLearnerInfo,
  OBSERVERINFO: checkLearnerInfo,
  LEADERINFO({ zxid, data }, decoded, writer) {
    assert.equal(readLeaderInfo(data), Number(decoded.protocolVersion));
    writeLeaderInfo(writer, zxid);
  },
  ACKEPOCH({ zxid, data }, decoded, writer) {
    assert.equal(readAckEpoch(data), decoded.currentEpoch);
    writeAckEpoch(writer, zxid, readAckEpoch(data));
  },
  REQUEST({ data, ids }, { request }, writer) {
    const { sessionId, cxid, opCode, body } = readRequest(data);
    assert.equal(sessionIdToHex(sessionId), request.sessionId);
    assert.deepEqual([cxid, opCode], [request.cxid, request.type]);
    writeRequest(writer, { sessionId, cxid, opCode, body }, ids);
  },
  PING({ zxid, data }, { touch }, writer) {
    const touches = new Map<bigint, number>();
    readPingReply(data, (sessionId, timeoutMs) => touches.set(sessionId, timeoutMs));
    const read = [...touches].map(([id, timeoutMs]) => [sessionIdToHex(id), timeoutMs]);
    const expected = touch.map((
      t: { sessionId: string; timeout: number },
    ) => [t.sessionId, t.timeout]);
    assert.deepEqual(read, expected);
    writePingReply(writer, zxid, touches);
  },
  REVALIDATE({ data }, decoded, writer) {
    if (decoded.valid === undefined) {
      const { sessionId, timeoutMs } = readRevalidate(data);
      assert.deepEqual([sessionIdToHex(sessionId), timeoutMs], [
        decoded.sessionId,
        decoded.timeout,
      ]);
      writeRevalidate(writer, sessionId, timeoutMs);
    } else {
      const { sessionId, isValid } = readRevalidateReply(data);
      assert.deepEqual([sessionIdToHex(sessionId), isValid], [decoded.sessionId, decoded.valid]);
      writeRevalidateReply(writer, sessionId, isValid);
    }
  },
  COMMITANDACTIVATE({ zxid, data }, decoded, writer) {
    assert.equal(readCommitAndActivate(data), decoded.designatedLeader);
    writeCommitAndActivate(writer, zxid, decoded.designatedLeader);
  },
  INFORMANDACTIVATE({ zxid, data }, decoded, writer) {
    const { designatedLeader, txn } = readInformAndActivate(data);
    assert.equal(designatedLeader, decoded.designatedLeader);
    assert.equal("0x" + txn.subarray(0, 8).toHex().replace(/^0+/, ""), decoded.txn.clientId);
    writeInformAndActivate(writer, zxid, designatedLeader, txn);
  },
};

function checkLearnerInfo(
  { type, zxid, data }: QuorumPacket,
  decoded: CapturedMessage["decoded"],
  writer: JuteWriter,
) {
  const { serverId, protocolVersion, configVersion } = readLearnerInfo(data);
  const { learnerInfo } = decoded;
  assert.deepEqual(
    [serverId, protocolVersion, configVersion],
    [learnerInfo.serverid, PROTOCOL_VERSION, Number(learnerInfo.configVersion)],
  );
  assert(type === PacketType.FollowerInfo || type === PacketType.ObserverInfo);
  writeLearnerInfo(writer, {
    type,
    acceptedEpochZxid: zxid,
    serverId: serverId!,
    configVersion,
  });
}

Deno.test("the bodies of ZooKeeper's packets are read, and written byte for byte", () => {
  const seen = new Set<string>();
  for (const { where, name, bytes, decoded } of capturedMessages("quorum")) {
    const check = CHECKS[name];
    if (check === undefined || decoded.data === null || decoded.type === undefined) continue;
    seen.add(name);
    const stream = new PacketStream({ dataBytesMax: 1 << 20 });
    stream.push(bytes);
    const writer = new JuteWriter(8);
    try {
      check(stream.next()!, decoded, writer);
      assert.equal(writer.written().toHex(), bytes.toHex());
    } catch (error) {
      throw new Error(where, { cause: error });
    }
  }
  assert.deepEqual([...seen].sort(), Object.keys(CHECKS).sort());
});

Deno.test("readLearnerInfo() reads the shorter forms of old learners", () => {
  const cases: [hex: string | null, expected: ReturnType<typeof readLearnerInfo>][] = [
    [null, { serverId: null, protocolVersion: 0, configVersion: 0 }],
    ["0000000000000003", { serverId: 3, protocolVersion: 0, configVersion: 0 }],
    ["000000000000000300010000", { serverId: 3, protocolVersion: 0x10000, configVersion: 0 }],
    ["0000000000000003000100000000000100000002", {
      serverId: 3,
      protocolVersion: 0x10000,
      configVersion: 2 ** 32 + 2,
    }],
    ["ffffffffffffffff00010000", { serverId: -1, protocolVersion: 0x10000, configVersion: 0 }],
  ];
  for (const [hex, expected] of cases) {
    const data = hex === null ? null : Uint8Array.fromHex(hex);
    assert.deepEqual(readLearnerInfo(data), expected, `${hex}`);
  }
});

Deno.test("readPingReply() takes no data for no sessions", () => {
  readPingReply(null, () => assert.fail());
  readPingReply(new Uint8Array(0), () => assert.fail());
});

Deno.test("the readers refuse data that is missing or too short", () => {
  const cases: [name: string, read: (data: Uint8Array | null) => unknown, bytesMin: number][] = [
    ["LEADERINFO", readLeaderInfo, 4],
    ["ACKEPOCH", readAckEpoch, 4],
    ["REQUEST", readRequest, 16],
    ["REVALIDATE", readRevalidate, 12],
    ["REVALIDATE reply", readRevalidateReply, 9],
    ["COMMITANDACTIVATE", readCommitAndActivate, 8],
    ["INFORMANDACTIVATE", readInformAndActivate, 8],
    ["FOLLOWERINFO", (data) => readLearnerInfo(data ?? new Uint8Array(0)), 8],
  ];
  for (const [name, read, bytesMin] of cases) {
    read(new Uint8Array(bytesMin));
    assert.throws(() => read(null), DecodeError, name);
    assert.throws(() => read(new Uint8Array(bytesMin - 1)), DecodeError, name);
  }
  const touched: bigint[] = [];
  assert.throws(() => readPingReply(new Uint8Array(23), (id) => touched.push(id)), DecodeError);
  assert.deepEqual(touched, []);
});
