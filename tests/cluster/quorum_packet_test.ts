import assert from "node:assert/strict";
import {
  PacketStream,
  PacketType,
  type QuorumPacket,
  writeBarePacket,
  writeInform,
  writePacket,
  writeProposal,
} from "../../cluster/quorum_packet.ts";
import { DecodeError } from "../../core/errors.ts";
import { JuteWriter } from "../../core/wire/jute.ts";
import { type CapturedMessage, capturedMessages } from "../support/quorum_captures.ts";
import { SeededRandom } from "../support/seeded_random.ts";

const DATA_BYTES_MAX = 1 << 20;
/** On the quorum port, but not a packet. */
const NO_PACKETS = ["SNAPSHOT-STREAM", "QUORUM-AUTH", "TCP-CLOSE"];

/** ZooKeeper's names are those of the captures, in capitals. */
const TYPES = new Map(Object.entries(PacketType).map(([name, type]) => [name.toUpperCase(), type]));

const packetMessages = capturedMessages("quorum").filter(({ name }) => !NO_PACKETS.includes(name));

Deno.test("PacketStream.next() reads what ZooKeeper's servers sent", () => {
  assert(packetMessages.length > 500);
  for (const { where, name, bytes, decoded } of packetMessages) {
    const stream = new PacketStream({ dataBytesMax: DATA_BYTES_MAX });
    stream.push(bytes);
    const packet = stream.next()!;
    assert.equal(packet.type, TYPES.get(name), where);
    assert.equal(stream.takeRaw().length, 0, where);
    if (decoded.type === undefined) continue; // capture 23 is not explained
    assert.equal(packet.type, decoded.type, where);
    assert.equal(zxidText(packet.zxid), decoded.zxid, where);
    if (decoded.data === null) assert.equal(packet.data, null, where);
    assert.deepEqual(packet.ids, decoded.authinfo ?? null, where);
  }
});

Deno.test("writePacket() writes the bytes that ZooKeeper's servers sent", () => {
  for (const { where, bytes } of packetMessages) {
    const writer = new JuteWriter(8);
    writePacket(writer, readOne(bytes));
    assert.equal(writer.written().toHex(), bytes.toHex(), where);
  }
});

Deno.test("writeBarePacket(), writeProposal() and writeInform() write the same bytes", () => {
  const counts = { bare: 0, proposal: 0, inform: 0 };
  for (const { where, bytes } of packetMessages) {
    const { type, zxid, data, ids } = readOne(bytes);
    const writer = new JuteWriter(8);
    if (data === null && ids === null) {
      counts.bare += 1;
      writeBarePacket(writer, type, zxid);
    } else if (type === PacketType.Proposal) {
      counts.proposal += 1;
      writeProposal(writer, zxid, bytes, 16, bytes.length - 4);
    } else if (type === PacketType.Inform) {
      counts.inform += 1;
      writeInform(writer, zxid, bytes, 16, bytes.length - 4);
    } else continue;
    assert.equal(writer.written().toHex(), bytes.toHex(), where);
  }
  assert(counts.bare > 100 && counts.proposal > 50 && counts.inform > 20, JSON.stringify(counts));
});

Deno.test("PacketStream reads each recorded connection whatever the pieces it arrives in", () => {
  const connections = Map.groupBy(
    capturedMessages("quorum").filter(({ name }) => !["QUORUM-AUTH", "TCP-CLOSE"].includes(name)),
    ({ where, conn, from }) => `${where.split(" ")[0]} ${conn} ${from}`,
  );
  assert(connections.size > 40);
  for (const seed of [1, 2, 3, 4]) {
    const random = new SeededRandom(seed);
    for (const [connection, messages] of connections) {
      readInPieces(messages, random, `seed ${seed}, ${connection}`);
    }
  }
});

/** Trees are taken raw; which of their bytes belong to packets behind them is known by their length. */
function readInPieces(messages: CapturedMessage[], random: SeededRandom, where: string): void {
  const bytes = Uint8Array.fromHex(messages.map((message) => message.bytes.toHex()).join(""));
  const pieceBytesMax = random.pick([1, 7, 30, 1000, 100_000]);
  const stream = new PacketStream({ dataBytesMax: DATA_BYTES_MAX });
  const read: string[] = [];
  let tree = "";
  const step = (): boolean => {
    const expected = messages[read.length];
    if (expected?.name === "SNAPSHOT-STREAM") {
      const raw = stream.takeRaw();
      const missing = expected.bytes.length - tree.length / 2;
      tree += raw.subarray(0, missing).toHex();
      if (raw.length < missing) return false;
      stream.unreadRaw(raw.length - missing);
      read.push(tree);
      tree = "";
      return true;
    }
    const packet = stream.next();
    if (packet === null) return false;
    const writer = new JuteWriter(8);
    writePacket(writer, packet);
    read.push(writer.written().toHex());
    return true;
  };
  for (let at = 0; at < bytes.length;) {
    const end = Math.min(bytes.length, at + random.between(1, pieceBytesMax));
    stream.push(bytes.subarray(at, end));
    at = end;
    while (step()) { /* all that is whole */ }
  }
  assert.deepEqual(read, messages.map((message) => message.bytes.toHex()), where);
}

Deno.test("PacketStream reads random packets, large ones among them, in random pieces", () => {
  for (const seed of [11, 12, 13]) {
    const random = new SeededRandom(seed);
    const packets = Array.from({ length: 300 }, () => randomPacket(random));
    const writer = new JuteWriter();
    for (const packet of packets) writePacket(writer, packet);
    const bytes = writer.written();
    const stream = new PacketStream({ dataBytesMax: DATA_BYTES_MAX });
    let read = 0;
    for (let at = 0; at < bytes.length;) {
      const pieceBytesMax = random.pick([1, 100, 5_000, 70_000, 3_000_000]);
      const end = Math.min(bytes.length, at + random.between(1, pieceBytesMax));
      stream.push(bytes.subarray(at, end));
      at = end;
      for (let packet = stream.next(); packet !== null; packet = stream.next()) {
        assert.deepEqual({ ...packet }, packets[read], `seed ${seed}, packet ${read}`);
        read += 1;
      }
    }
    assert.equal(read, packets.length, `seed ${seed}`);
  }
});

Deno.test("PacketStream.next() lends the same packet again, and data without copying it", () => {
  const stream = new PacketStream({ dataBytesMax: 10 });
  const writer = new JuteWriter();
  writePacket(writer, { type: PacketType.Inform, zxid: 5, data: new Uint8Array([1, 2]) });
  writePacket(writer, { type: PacketType.Inform, zxid: 6, data: new Uint8Array([3]) });
  stream.push(writer.written());
  const first = stream.next()!;
  const data = first.data!;
  assert.equal(stream.next(), first);
  assert.equal(first.data!.buffer, data.buffer);
  assert.deepEqual([...data, ...first.data!], [1, 2, 3]);
});

Deno.test("PacketStream shrinks after a large packet", () => {
  const stream = new PacketStream({ dataBytesMax: DATA_BYTES_MAX });
  const writer = new JuteWriter();
  const small = { type: PacketType.Inform, zxid: 1, data: new Uint8Array(4) };
  const held = (pieces: Uint8Array[]) => {
    for (const piece of pieces) stream.push(piece);
    return stream.next()!.data!.buffer.byteLength;
  };
  writePacket(writer, { ...small, data: new Uint8Array(DATA_BYTES_MAX) });
  assert(held([writer.written()]) >= DATA_BYTES_MAX);
  writer.position = 0;
  writePacket(writer, small);
  assert(held([writer.written()]) <= 64 << 10);
});

Deno.test("PacketStream moves each byte a bounded number of times", () => {
  const large = new JuteWriter();
  writePacket(large, { type: PacketType.Inform, zxid: 1, data: new Uint8Array(8 << 20) });
  const many = new JuteWriter();
  for (let zxid = 0; zxid < 20_000; zxid++) writeBarePacket(many, PacketType.Ack, zxid);
  const cases = [
    { note: "a large packet in small pieces", bytes: large.written(), start: 0, pieceBytes: 100 },
    { note: "a reader far behind", bytes: many.written(), start: 60_000, pieceBytes: 20 },
  ];
  for (const { note, bytes, start, pieceBytes } of cases) {
    const stream = new PacketStream({ dataBytesMax: 8 << 20 });
    const movedBytes = countMovedBytes(() => {
      stream.push(bytes.subarray(0, start));
      for (let at = start; at < bytes.length; at += pieceBytes) {
        stream.push(bytes.subarray(at, at + pieceBytes));
        stream.next();
      }
    });
    assert(movedBytes < 3 * bytes.length, `${note}: ${movedBytes / bytes.length} times`);
  }
});

/** Counts what `run` copies from one place of an array to another. */
function countMovedBytes(run: () => void): number {
  let movedBytes = 0;
  const { set, copyWithin } = Uint8Array.prototype;
  Uint8Array.prototype.set = function (source, offset) {
    movedBytes += source.length;
    return set.call(this, source, offset);
  };
  Uint8Array.prototype.copyWithin = function (target, start, end) {
    movedBytes += end! - start;
    return copyWithin.call(this, target, start, end);
  };
  try {
    run();
  } finally {
    Object.assign(Uint8Array.prototype, { set, copyWithin });
  }
  return movedBytes;
}

Deno.test("PacketStream.next() refuses lengths that cannot be", () => {
  const head = "00000002 0000000000000001";
  const cases: [hex: string, accepted: boolean, note: string][] = [
    [`${head} 00000000 ffffffff`, true, "empty data"],
    [`${head} ffffffff 00000000`, true, "empty ids"],
    [`${head} ffffffff 00000001 00000001 61 ffffffff`, true, "a null id is read as empty"],
    [`${head} ffffffff fffffffe`, true, "a negative count is none, as in ZooKeeper"],
    [`${head} fffffffe`, false, "negative"],
    [`${head} 80000000`, false, "most negative"],
    [`${head} 00000011`, false, "more than the limit, long before it has arrived"],
    [`${head} ffffffff 7fffffff`, false, "too many ids"],
    [`${head} ffffffff 00000001 00000011`, false, "a scheme of more than the limit"],
    [`${head} ffffffff 00000001 fffffffe`, false, "a scheme of negative length"],
    [`${head} ffffffff 00000002 ${"ffffffff".repeat(4)} `, true, "ids of as many bytes as allowed"],
    [`${head} ffffffff 00000002 ${"ffffffff".repeat(3)} 00000001 61`, false, "ids of one more"],
  ];
  for (const [hex, accepted, note] of cases) {
    const stream = new PacketStream({ dataBytesMax: 16 });
    stream.push(Uint8Array.fromHex(hex.replaceAll(" ", "")));
    if (accepted) assert.notEqual(stream.next(), null, note);
    else assert.throws(() => stream.next(), DecodeError, note);
  }
});

Deno.test("PacketStream.next() refuses an epoch that could not be stored, or not be followed by another", () => {
  const cases: [zxid: string, accepted: boolean][] = [
    ["001ffffeffffffff", true],
    ["001fffff00000000", false],
    ["7fffffff00000000", false],
    ["ffffffffffffffff", true], // none
    ["ffffffff00000000", true], // of a learner without a database
  ];
  for (const [zxid, accepted] of cases) {
    const stream = new PacketStream({ dataBytesMax: 16 });
    stream.push(Uint8Array.fromHex(`0000000b${zxid}ffffffffffffffff`));
    if (accepted) assert.notEqual(stream.next(), null, zxid);
    else assert.throws(() => stream.next(), DecodeError, zxid);
  }
});

Deno.test("PacketStream.next() reads a null id as an empty one", () => {
  const stream = new PacketStream({ dataBytesMax: 16 });
  stream.push(Uint8Array.fromHex("00000001ffffffffffffffffffffffff00000001ffffffff0000000161"));
  assert.deepEqual(stream.next()!.ids, [{ scheme: "", id: "a" }]);
});

Deno.test("PacketStream.unreadRaw() gives back no more than was taken", () => {
  const stream = new PacketStream({ dataBytesMax: 8 });
  stream.push(new Uint8Array(10));
  assert.equal(stream.takeRaw().length, 10);
  stream.unreadRaw(4);
  assert.throws(() => stream.unreadRaw(7), /given back/);
  stream.unreadRaw(1);
  assert.equal(stream.takeRaw().length, 5);
  assert.throws(() => stream.unreadRaw(6), /given back/);
  stream.push(new Uint8Array(10));
  assert.throws(() => stream.unreadRaw(1), /given back/);
});

function readOne(bytes: Uint8Array): QuorumPacket {
  const stream = new PacketStream({ dataBytesMax: DATA_BYTES_MAX });
  stream.push(bytes);
  return stream.next()!;
}

function randomPacket(random: SeededRandom): QuorumPacket {
  const dataBytes = random.pick([-1, -1, 0, 20, 100, 1000, random.below(DATA_BYTES_MAX / 8)]);
  const idCount = random.pick([-1, -1, -1, 0, 3]);
  return {
    type: random.between(1, 19),
    zxid: random.pick([-1, 0, 2 ** 32 * random.below(1000) + random.uint32()]),
    data: dataBytes < 0 ? null : random.bytes(dataBytes),
    ids: idCount < 0 ? null : Array.from({ length: idCount }, (_, i) => ({
      scheme: random.pick(["ip", "digest", ""]),
      id: random.pick(["127.0.0.1", "ü:x", ""]) + i,
    })),
  };
}

function zxidText(zxid: number): string {
  return "0x" + BigInt.asUintN(64, BigInt(zxid)).toString(16);
}
