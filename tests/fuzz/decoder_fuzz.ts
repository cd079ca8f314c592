/**
 * Throws damaged and random bytes at every decoder: the answer is a value or a `DecodeError`, never
 * another error, and nothing reads past the record's end. What does decode is written again and must
 * decode to the same.
 *
 * @module
 */
import assert from "node:assert/strict";
import { DecodeError } from "../../core/errors.ts";
import { readAclList } from "../../core/tree/acl_list.ts";
import { isValidPath } from "../../core/tree/path.ts";
import { readTxnRecord, writeTxn, writeTxnHeader } from "../../core/txn/txn.ts";
import { readMultiRequest, readWriteRequest } from "../../core/txn/write_request.ts";
import { decodeUtf8, JuteReader, JuteWriter } from "../../core/wire/jute.ts";
import { OpCode } from "../../core/wire/op_code.ts";
import { classifyFirstBytes } from "../../net/first_bytes.ts";
import { connectRequest, frame } from "../support/raw_client.ts";
import { auth, setWatches } from "../support/requests.ts";
import { SeededRandom } from "../support/seeded_random.ts";
import { FakeSocket, settle } from "./connection_fuzz.ts";
import { mutate } from "./mutations.ts";
import { isLegalPath, NaiveDatabase } from "./naive_database.ts";
import { makeConfig, ServerFixture } from "./server_fixture.ts";
import { drawMix, Planner, toRequest } from "./tree_plans.ts";

const WRITE_OPS = [1, 2, 5, 7, 13, 15, 19, 20, 21, 0, -1, 14, 16];
const READ_OPS = [3, 4, 6, 8, 9, 12, 17, 18, 22, 101, 103, 104, 105, 106, 107];

export interface DecoderFuzzCounts {
  requests: number;
  multis: number;
  aclVectors: number;
  txnRecords: number;
  paths: number;
  firstBytes: number;
  connectionFrames: number;
  decoded: number;
}

export async function runDecoderFuzz(
  seed: number,
  { inputs = 400 }: { inputs?: number } = {},
): Promise<DecoderFuzzCounts> {
  const random = new SeededRandom(seed);
  const counts: DecoderFuzzCounts = {
    requests: 0,
    multis: 0,
    aclVectors: 0,
    txnRecords: 0,
    paths: 0,
    firstBytes: 0,
    connectionFrames: 0,
    decoded: 0,
  };
  const mix = { ...drawMix(random), oddPathPercent: 20, multiPercent: 30, aclPercent: 30 };
  const planner = new Planner(random, { ...mix, largeDataPercent: 0 });
  const database = new NaiveDatabase({ extendedTypes: true, enforceQuota: false });
  const server = new ServerFixture(makeConfig({ settings: { "jute.maxbuffer": 65536 } }));
  for (let i = 0; i < inputs; i++) {
    const asked = toRequest(planner.request(database));
    const body = random.chance(1, 10)
      ? random.bytes(random.below(100))
      : mutate(random, asked.body);
    const op = random.chance(2, 3) ? asked.type : random.pick(WRITE_OPS);
    counts.requests++;
    counts.decoded += decodes(body, random, (reader) => {
      const request = readWriteRequest(reader, op);
      assert(request.pathEnd <= reader.end && request.dataStart <= reader.end);
      assert(request.dataStart + request.dataLength <= reader.end, "data within the record");
    });
    counts.multis++;
    counts.decoded += decodes(body, random, (reader) => void readMultiRequest(reader));
    counts.aclVectors++;
    counts.decoded += decodes(body.subarray(random.below(body.length + 1)), random, (reader) => {
      const acl = readAclList(reader);
      if (acl === null) return;
      const again = readAclList(new JuteReader(acl.encoded));
      assert.deepEqual(again?.entries, acl.entries);
    });
    counts.txnRecords++;
    counts.decoded += decodes(txnBytes(random, body), random, (reader) => {
      const record = readTxnRecord(reader);
      const writer = new JuteWriter();
      writeTxnHeader(writer, record.header);
      writeTxn(writer, record.txn);
      const again = readTxnRecord(new JuteReader(writer.written()));
      assert.deepEqual(again.txn, record.txn, "a txn written again");
    });
    counts.paths++;
    const path = mutate(
      random,
      new TextEncoder().encode(random.pick(["/a/b", "/é/ü", "/", "/a."])),
    );
    assert.equal(
      isValidPath(path, 0, path.length),
      isLegalPath(decodeUtf8(path)),
      `path ${path.toHex()}`,
    );
    counts.firstBytes++;
    classifyFirstBytes(random.chance(1, 2) ? body : random.bytes(random.below(16)), 65536);
  }
  for (let i = 0; i < inputs / 10; i++) {
    counts.connectionFrames += await tryConnection(random, server, planner, database);
  }
  server.nowMs += 100_000;
  server.tick();
  await settle();
  for (let i = 0; i < 100 && (server.hasBatch || server.connections.size > 0); i++) {
    server.nowMs += 10_000;
    server.tick();
    server.makeDurable();
    await settle(); // the next batch, if there is one, is on its way
  }
  assert.equal(server.connections.size, 0, "all connections are closed");
  assert.equal(server.tracker.count, 0, "all sessions have expired");
  assert.equal(server.tree.watches.watchCount, 0, "no watch is left");
  assert.equal(server.tree.ephemeralCount, 0, "no ephemeral is left");
  return counts;
}

/** A connection that sends a connect request, perhaps damaged, and damaged frames. */
async function tryConnection(
  random: SeededRandom,
  server: ServerFixture,
  planner: Planner,
  database: NaiveDatabase,
): Promise<number> {
  const socket = new FakeSocket();
  void server.accept(socket.conn);
  const greeting = frame(connectRequest({ readOnly: random.pick([null, false, true]) }));
  socket.send(random.chance(1, 3) ? mutate(random, greeting) : greeting);
  let frames = 1;
  for (let i = random.below(30); i > 0; i--) {
    frames++;
    const header = new JuteWriter();
    const asked = random.chance(1, 20)
      ? auth(random.pick(["digest", "ip", "nope", null]), random.bytes(8))
      : random.chance(1, 10)
      ? setWatches(0n, { data: ["/a"], exist: ["/b"], child: ["/"], recursive: ["/"] })
      : toRequest(planner.request(database));
    const op = random.chance(1, 3) ? random.pick([...READ_OPS, ...WRITE_OPS]) : asked.type;
    header.int(random.pick([i, 0, -1, -2, -4, -8, 0x7fffffff]));
    header.int(random.chance(1, 100) ? random.uint32() | 0 : op);
    header.raw(random.chance(1, 2) ? mutate(random, asked.body) : asked.body);
    const whole = frame(header.written());
    socket.send(random.chance(1, 40) ? mutate(random, whole) : whole);
  }
  if (random.chance(1, 3)) socket.end();
  for (let quiet = 0; quiet < 3 && !socket.isClosed;) {
    quiet++;
    if (socket.canDeliver) quiet = (socket.deliver(random.between(1, 5000)), 0);
    if (socket.canTake) quiet = (socket.take(random.between(1, 100_000)), 0);
    if (server.hasBatch && random.chance(1, 2)) quiet = (server.makeDurable(), 0);
    await settle();
  }
  if (!socket.isClosed) socket.reset();
  await settle();
  return frames;
}

/** Whether the bytes decode; anything but a DecodeError is thrown on. */
function decodes(
  bytes: Uint8Array,
  random: SeededRandom,
  decode: (reader: JuteReader) => void,
): number {
  // inside a larger buffer, whose other bytes must not be reached
  const before = random.below(9);
  const buffer = new Uint8Array(before + bytes.length + 16).fill(0x01);
  buffer.set(bytes, before);
  const reader = new JuteReader(buffer, { lengthMax: 0xfffff });
  reader.position = before;
  reader.end = before + bytes.length;
  try {
    decode(reader);
    assert(reader.position <= reader.end, "nothing behind the record is read");
    return 1;
  } catch (error) {
    if (error instanceof DecodeError) return 0;
    throw error;
  }
}

/** A log record's body: a header of some type before what stands in for the txn. */
function txnBytes(random: SeededRandom, body: Uint8Array): Uint8Array {
  const writer = new JuteWriter();
  writeTxnHeader(writer, {
    sessionId: 1n,
    cxid: 1,
    zxid: 1,
    timeMs: 1,
    type: random.pick([...WRITE_OPS, OpCode.CreateSession, OpCode.CloseSession, OpCode.Error]),
  });
  writer.raw(body);
  return random.chance(1, 5) ? mutate(random, writer.written()) : writer.written().slice();
}
