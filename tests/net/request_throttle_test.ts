/**
 * request_throttle_max_requests and throttled_op_wait_time: requests that wait for those of others.
 */
import assert from "node:assert/strict";
import { ErrorCode } from "../../core/errors.ts";
import { eventually } from "../support/eventually.ts";
import { InProcessServer } from "../support/in_process_server.ts";
import { decodeReply, RawClient, requestFrame } from "../support/raw_client.ts";
import { create, exists, getData, ping, remove } from "../support/requests.ts";
import { word } from "../support/server_process.ts";

async function metric(port: number, name: string): Promise<number> {
  const metrics = await word(port, "mntr");
  return Number(new RegExp(`zk_${name}\\t(\\d+)`).exec(metrics)?.[1]);
}

async function isWriteUnderWay(port: number): Promise<boolean> {
  return /^Outstanding: [1-9]/m.test(await word(port, "srvr"));
}

Deno.test("with one write at a time every client is served, each in its order", async () => {
  await using server = await InProcessServer.start({
    config: { request_throttle_max_requests: 1, "4lw.commands.whitelist": "mntr" },
  });
  const port = server.clientPort;
  const clients = await Promise.all(Array.from({ length: 20 }, () => RawClient.session(port)));
  await Promise.all(clients.map(async (client, number) => {
    const frames: number[] = [];
    for (let xid = 1; xid <= 20; xid += 2) {
      frames.push(...requestFrame(create(`/${number}-${xid}`), xid));
      frames.push(...requestFrame(getData(`/${number}-${xid}`), xid + 1));
    }
    await client.sendBytes(new Uint8Array(frames));
    for (let xid = 1; xid <= 20; xid++) {
      const frame = await client.receiveFrame();
      assert.ok(typeof frame !== "string", `reply ${xid} of client ${number}: ${frame}`);
      const reply = decodeReply(frame);
      assert.deepEqual([reply.xid, reply.err], [xid, 0]);
    }
  }));
  assert.ok(await metric(port, "request_throttle_wait_count") > 0);
  assert.ok(await metric(port, "cnt_request_throttle_queue_time_ms") > 0);
  assert.equal(await metric(port, "throttled_ops"), 0);
  for (const client of clients) client.close();
});

Deno.test("a connection that is gone while it waits holds up nobody", async () => {
  await using server = await InProcessServer.start({
    config: { request_throttle_max_requests: 1, flushDelay: 300, maxWriteQueuePollTime: 300 },
  });
  const port = server.clientPort;
  const [writer, gone, last] = await Promise.all([
    RawClient.session(port),
    RawClient.session(port),
    RawClient.session(port),
  ]);
  await writer.send(create("/a"), 1);
  await gone.send(create("/b"), 1);
  gone.close();
  assert.equal((await last.call(exists("/"))).err, 0);
  await last.must(create("/c"));
  writer.close();
  last.close();
});

Deno.test("a request that waited longer than throttled_op_wait_time is refused and not done", async () => {
  await using server = await InProcessServer.start({
    config: {
      request_throttle_max_requests: 1,
      throttled_op_wait_time: 1,
      // holds the one write that is let through for a while
      flushDelay: 500,
      maxWriteQueuePollTime: 500,
      "4lw.commands.whitelist": "mntr",
    },
  });
  const port = server.clientPort;
  const [writer, other] = await Promise.all([RawClient.session(port), RawClient.session(port)]);
  await eventually("requests are refused", async () => {
    await writer.send(create("/a"), 1);
    await eventually("the write is under way", () => isWriteUnderWay(port));
    await other.sendBytes(
      new Uint8Array([
        ...requestFrame(exists("/"), 1),
        ...requestFrame(create("/b"), 2),
        ...requestFrame(ping, -2),
        ...requestFrame(remove("/none"), 3),
      ]),
    );
    const replies = [];
    for (let i = 0; i < 4; i++) {
      const frame = await other.receiveFrame();
      assert.ok(typeof frame !== "string", `reply ${i}: ${frame}`);
      replies.push(decodeReply(frame));
    }
    assert.deepEqual(replies.map(({ xid }) => xid), [1, 2, -2, 3]);
    const errors = replies.map(({ err }) => err);
    await writer.receiveFrame();
    await writer.must(remove("/a"));
    if (errors[0] !== ErrorCode.ThrottledOp) return false; // the machine stood still meanwhile
    const { ThrottledOp } = ErrorCode;
    assert.deepEqual(errors, [ThrottledOp, ThrottledOp, ErrorCode.Ok, ThrottledOp]);
    return true;
  });
  assert.equal((await other.call(exists("/b"))).err, ErrorCode.NoNode);
  assert.ok(await metric(port, "throttled_ops") >= 3);
  writer.close();
  other.close();
});

Deno.test("a handshake waits for its turn too", async () => {
  await using server = await InProcessServer.start({
    config: { request_throttle_max_requests: 1 },
  });
  const clients = await Promise.all(
    Array.from({ length: 30 }, () => RawClient.session(server.clientPort)),
  );
  assert.equal(new Set(clients.map(({ sessionId }) => sessionId)).size, 30);
  for (const client of clients) client.close();
});
