/**
 * The wall clock may jump either way: times of znodes follow it, and nothing else does.
 */
import assert from "node:assert/strict";
import { FakeSocket, settle } from "../../fuzz/connection_fuzz.ts";
import { makeConfig, ServerFixture } from "../../fuzz/server_fixture.ts";
import { JuteDecoder } from "../../support/jute.ts";
import { connectRequest, decodeReply, frame, requestFrame } from "../../support/raw_client.ts";
import { create, exists, type Request, setData } from "../../support/requests.ts";

const HOUR_MS = 3_600_000;

async function run(server: ServerFixture, socket: FakeSocket): Promise<void> {
  for (let quiet = 0; quiet < 3; quiet++) {
    if (socket.canDeliver) quiet = (socket.deliver(1 << 30), 0);
    if (socket.canTake) quiet = (socket.take(1 << 30), 0);
    if (server.hasBatch) quiet = (server.makeDurable(), 0);
    await settle();
  }
}

Deno.test("a wall clock that jumps changes times of znodes only: no session, no zxid, no order", async () => {
  const server = new ServerFixture(makeConfig({ settings: { tickTime: 1000 } }));
  const socket = new FakeSocket();
  void server.accept(socket.conn);
  socket.send(frame(connectRequest({ timeoutMs: 4000 })));
  await run(server, socket);
  socket.frames();
  const call = async (request: Request) => {
    socket.send(requestFrame(request, 1));
    await run(server, socket);
    return decodeReply(socket.frames().at(-1)!);
  };
  const times = async () => {
    const stat = new JuteDecoder((await call(exists("/a"))).body);
    stat.take(16);
    return { ctime: Number(stat.long()), mtime: Number(stat.long()) };
  };
  const startWallMs = server.wallOffsetMs + server.nowMs;
  const created = await call(create("/a", { flags: 1 }));
  assert.deepEqual(await times(), { ctime: startWallMs, mtime: startWallMs });
  let zxid = created.zxid;
  for (const jumpMs of [-24 * HOUR_MS, 1000 * HOUR_MS, -2000 * HOUR_MS]) {
    server.wallOffsetMs += jumpMs;
    for (let i = 0; i < 8; i++) { // four seconds of ticks, with a sign of life in each second
      server.nowMs += 500;
      server.tick();
      await run(server, socket);
      if (i % 2 === 0) assert.equal((await call(exists("/a"))).err, 0, `after ${jumpMs}`);
    }
    const changed = await call(setData("/a", ""));
    assert.equal(changed.zxid, zxid + 1n);
    zxid = changed.zxid;
    assert.deepEqual(await times(), {
      ctime: startWallMs,
      mtime: server.wallOffsetMs + server.nowMs,
    });
  }
  server.nowMs += 6000;
  server.tick();
  await run(server, socket);
  assert.equal(server.tracker.count, 0, "it ends when it was not heard of for its timeout");
});
