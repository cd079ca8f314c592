import assert from "node:assert/strict";
import { FakeSocket, settle } from "../fuzz/connection_fuzz.ts";
import { makeConfig, ServerFixture } from "../fuzz/server_fixture.ts";
import {
  type ConnectOptions,
  connectRequest,
  decodeConnectResponse,
  frame,
  requestFrame,
} from "../support/raw_client.ts";
import { create, exists, ping, setData } from "../support/requests.ts";

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
