import assert from "node:assert/strict";
import { eventually } from "../support/eventually.ts";
import { concat } from "../model/storage_helpers.ts";
import { FakeSocket, settle } from "../fuzz/connection_fuzz.ts";
import { makeConfig, ServerFixture } from "../fuzz/server_fixture.ts";
import {
  type ConnectOptions,
  connectRequest,
  decodeConnectResponse,
  decodeReply,
  frame,
  requestFrame,
} from "../support/raw_client.ts";
import { create, exists, ofPath, Op, ping, setData } from "../support/requests.ts";

const TIMEOUT_MS = 4000;

async function run(server: ServerFixture, socket: FakeSocket): Promise<void> {
  for (let quiet = 0; quiet < 3; quiet++) {
    if (socket.canDeliver) quiet = (socket.deliver(1 << 30), 0);
    if (socket.canTake) quiet = (socket.take(1 << 30), 0);
    if (server.hasBatch) quiet = (server.makeDurable(), 0);
    await settle();
  }
}

async function connect(server: ServerFixture, options: ConnectOptions) {
  const socket = new FakeSocket();
  void server.accept(socket.conn);
  socket.send(frame(connectRequest({ timeoutMs: TIMEOUT_MS, ...options })));
  await run(server, socket);
  const { sessionId, password, timeoutMs } = decodeConnectResponse(socket.frames()[0]!);
  return { socket, session: { sessionId, password }, timeoutMs };
}

Deno.test("whatever a client sends keeps its session, and so does taking it up in the last moment", async () => {
  const server = new ServerFixture(makeConfig({ settings: { tickTime: 1000 } }));
  const pass = async (ms: number) => {
    server.nowMs += ms;
    server.tick();
    await settle();
  };
  const { socket, session } = await connect(server, {});
  const half = requestFrame(create("/a", { flags: 1 }), 1);
  const signs = [
    half.subarray(0, 9), // not even a whole request
    half.subarray(9),
    requestFrame(ping, -2),
    requestFrame(exists("/none"), 2),
    requestFrame(setData("/a", "x"), 3),
  ];
  for (const bytes of signs) {
    await pass(TIMEOUT_MS - 1);
    socket.send(bytes);
    await run(server, socket);
  }
  await pass(TIMEOUT_MS - 1);
  assert.equal(server.tracker.count, 1);
  socket.end();
  await run(server, socket);
  for (let i = 0; i < 3; i++) {
    const { socket: next, session: same } = await connect(server, session);
    assert.deepEqual(same, session);
    next.end();
    await run(server, next);
    await pass(TIMEOUT_MS - 1);
  }
  await pass(1001); // to the end of the tick
  await run(server, socket);
  assert.equal(server.tracker.count, 0, "nobody takes it up any more");
  assert.equal(server.sessions.size, 0);
  assert.equal(server.tree.ephemeralCount, 0);
  const late = await connect(server, session);
  assert.equal(late.session.sessionId, 0n);
});

Deno.test("who takes up a session gives it a timeout anew, a shorter one as well", async () => {
  for (const timeoutMs of [2000, 20_000]) {
    const server = new ServerFixture(makeConfig({ settings: { tickTime: 1000 } }));
    const first = await connect(server, {});
    const next = await connect(server, { ...first.session, timeoutMs });
    assert.equal(next.timeoutMs, timeoutMs);
    assert.equal(first.socket.isClosed, true);
    for (const { ms, count } of [{ ms: timeoutMs - 1, count: 1 }, { ms: 1001, count: 0 }]) {
      server.nowMs += ms;
      server.tick();
      await run(server, next.socket);
      assert.equal(server.tracker.count, count, `${timeoutMs}`);
    }
  }
});

Deno.test("a client that the server holds up gives a sign of life when it goes on", async () => {
  const settings = { tickTime: 1000, request_throttle_max_requests: 1 };
  const server = new ServerFixture(makeConfig({ settings }));
  const writer = await connect(server, { timeoutMs: 20_000 });
  const waiting = await connect(server, {});
  writer.socket.send(requestFrame(create("/a"), 1));
  writer.socket.deliver(1 << 30);
  await settle();
  waiting.socket.send(requestFrame(exists("/a"), 1));
  waiting.socket.deliver(1 << 30);
  await settle();
  for (let i = 0; i < 2; i++) {
    server.nowMs += TIMEOUT_MS - 1;
    server.tick();
    await settle();
    if (i === 0) server.makeDurable();
    await run(server, waiting.socket);
    assert.equal(server.tracker.count, 2, `after ${i + 1}`);
  }
});

Deno.test("a client that has seen more than this server is turned away without an answer", async () => {
  const server = new ServerFixture(makeConfig());
  await connect(server, {});
  for (const ahead of [0, 1]) {
    const lastZxidSeen = BigInt(server.tree.lastProcessedZxid + ahead);
    const socket = new FakeSocket();
    void server.accept(socket.conn);
    socket.send(frame(connectRequest({ lastZxidSeen })));
    await run(server, socket);
    assert.equal(socket.isClosed, ahead > 0);
    assert.equal(socket.frames().length, ahead > 0 ? 0 : 1);
  }
});

Deno.test("a client whose requests take long lets others through between them", async () => {
  const cases = [
    { request: exists("/none"), slow: false, answered: 64 },
    { request: exists("/none"), slow: true, answered: 16 },
    { request: ofPath(Op.getAllChildrenNumber, "/"), slow: false, answered: 64 },
    { request: ofPath(Op.getAllChildrenNumber, "/"), slow: true, answered: 1 },
  ];
  for (const { request, slow, answered } of cases) {
    const server = new ServerFixture(makeConfig());
    const { socket } = await connect(server, { timeoutMs: 20_000 });
    let nowMs = server.nowMs;
    Object.defineProperty(server, "nowMs", { get: () => slow ? nowMs += 11 : nowMs });
    socket.send(concat(range(1, 64).map((xid) => requestFrame(request, xid))));
    await run(server, socket);
    const replies = socket.frames();
    assert.equal(replies.length, answered, `slow: ${slow}`);
    await eventually("all are answered", async () => {
      await run(server, socket);
      replies.push(...socket.frames());
      return replies.length === 64;
    });
    assert.deepEqual(replies.map((reply) => decodeReply(reply).xid), range(1, 64));
    socket.end();
    await run(server, socket);
  }
});

Deno.test("a client that always has more to read rests when others do not get their turn", async () => {
  for (const isStarved of [false, true]) {
    const server = new ServerFixture(makeConfig());
    const { socket } = await connect(server, { timeoutMs: 20_000 });
    server.isStarved = isStarved;
    const count = 2000; // about 50 KiB there, and as much back
    const frames = range(1, count).map((xid) => requestFrame(exists("/none"), xid));
    for (let at = 0; at < count; at += 50) socket.send(concat(frames.slice(at, at + 50)));
    await run(server, socket);
    const replies = socket.frames();
    assert.equal(replies.length < count, isStarved, `${replies.length} at once`);
    await eventually("all are answered", async () => {
      await run(server, socket);
      replies.push(...socket.frames());
      return replies.length === count;
    });
    assert.deepEqual(replies.map((reply) => decodeReply(reply).xid), range(1, count));
    socket.end();
    await run(server, socket);
  }
});

Deno.test("what looks at many znodes is not done in the middle of a commit, and in its order", async () => {
  const server = new ServerFixture(makeConfig());
  const { socket } = await connect(server, { timeoutMs: 20_000 });
  const kinds = [ofPath(Op.getAllChildrenNumber, "/"), create("/n", { flags: 2 }), exists("/n")];
  socket.send(concat(range(1, 9).map((xid) => requestFrame(kinds[xid % 3]!, xid))));
  socket.deliver(1 << 30);
  await settle();
  server.makeDurable();
  await settle();
  socket.take(1 << 30);
  const replies = socket.frames();
  assert.deepEqual(replies.map((reply) => decodeReply(reply).xid), [1, 2], "the read waits");
  await run(server, socket);
  replies.push(...socket.frames());
  assert.deepEqual(replies.map((reply) => decodeReply(reply).xid), range(1, 9));
  socket.end();
  await run(server, socket);
});

function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}
