/**
 * How many may connect, how long a silent connection may stay, and how long a frame may be.
 */
import assert from "node:assert/strict";
import { eventually } from "../support/eventually.ts";
import { InProcessServer } from "../support/in_process_server.ts";
import { connectRequest, frame, RawClient } from "../support/raw_client.ts";
import { create, exists, getData, ping, type Request, setData } from "../support/requests.ts";
import { word } from "../support/server_process.ts";

const encoder = new TextEncoder();

/** A setData whose frame has exactly this many bytes behind its length. */
function setDataOfFrame(path: string, frameBytes: number): Request {
  const overhead = 8 + 4 + path.length + 4 + 4;
  return setData(path, new Uint8Array(frameBytes - overhead));
}

Deno.test("maxClientCnxns closes what one address opens beyond it, and says so once", async () => {
  await using server = await InProcessServer.start({ config: { maxClientCnxns: 3 } });
  const port = server.clientPort;
  const clients = [];
  for (let i = 0; i < 3; i++) clients.push(await RawClient.session(port));
  for (let i = 0; i < 5; i++) {
    using refused = await RawClient.open(port);
    assert.equal(await refused.receiveFrame(), "closed");
  }
  const said = server.linesWith("too many connections");
  assert.equal(said.length, 1);
  assert.match(said[0]!, /client=127\.0\.0\.1 setting=maxClientCnxns limit=3/);
  for (const client of clients) assert.equal((await client.call(exists("/"))).err, 0);
  await clients.pop()!.endSession();
  await eventually("a place is free", async () => {
    using again = await RawClient.open(port);
    return await again.connect() !== "closed";
  });
  for (const client of clients) client.close();
});

Deno.test("maxCnxns closes what comes beyond it, from whatever address", async () => {
  await using server = await InProcessServer.start({ config: { maxCnxns: 2 } });
  const port = server.clientPort;
  using first = await RawClient.session(port);
  using second = await RawClient.session(port);
  using refused = await RawClient.open(port);
  assert.equal(await refused.receiveFrame(), "closed");
  assert.equal((await first.call(exists("/"))).err, 0);
  assert.equal((await second.call(exists("/"))).err, 0);
  assert.match(server.linesWith("too many connections")[0]!, /setting=maxCnxns limit=2/);
});

Deno.test("a connection that never asks for a session is closed in time", async () => {
  await using server = await InProcessServer.start({
    config: { tickTime: 100, maxSessionTimeout: 60_000 },
    defines: ["zookeeper.nio.sessionlessCnxnTimeout=200"],
  });
  const port = server.clientPort;
  const closed = () => server.linesWith("no session was asked for in 200 ms").length;
  let session: RawClient | null = null;
  while (session === null) { // where this process is held up for 200 ms, it must ask again
    session = await RawClient.session(port, { timeoutMs: 60_000 }).catch(() => null);
  }
  using patient = session;
  const closedBefore = closed();
  const connect = frame(connectRequest());
  const starts = [
    new Uint8Array(), // says nothing
    connect.subarray(0, 2), // half a length
    connect.subarray(0, 20), // half a connect request
    encoder.encode("ru"), // half a word
    new Uint8Array([0, 0x0f, 0xff, 0xff]), // announces the longest frame
  ];
  const slow = await Promise.all(starts.map(async (bytes) => {
    const client = await RawClient.open(port);
    await client.sendBytes(bytes);
    return client;
  }));
  for (const client of slow) {
    assert.equal(await client.receiveFrame(), "closed");
    client.close();
  }
  assert.equal(closed() - closedBefore, starts.length);
  assert.equal((await patient.call(exists("/"))).err, 0);
});

Deno.test("a drip of bytes does not keep a handshake alive", async () => {
  await using server = await InProcessServer.start({
    config: { tickTime: 100 },
    defines: ["zookeeper.nio.sessionlessCnxnTimeout=200"],
  });
  using client = await RawClient.open(server.clientPort);
  let at = 0;
  const bytes = frame(connectRequest());
  const drip = setInterval(() => {
    if (at < bytes.length - 1) client.sendBytes(bytes.subarray(at, ++at)).catch(() => {});
  }, 20);
  try {
    assert.equal(await client.receiveFrame(), "closed");
  } finally {
    clearInterval(drip);
  }
});

Deno.test("a frame of jute.maxbuffer bytes is taken, one more closes the connection", async () => {
  const cases = [
    { defines: [], limit: 1048575 },
    { defines: ["jute.maxbuffer=5000"], limit: 5000 },
    { defines: ["jute.maxbuffer=4194304"], limit: 4194304 },
  ];
  for (const { defines, limit } of cases) {
    await using server = await InProcessServer.start({ defines });
    using client = await RawClient.session(server.clientPort);
    await client.must(create("/a"));
    assert.equal((await client.call(setDataOfFrame("/a", limit))).err, 0);
    const { body } = await client.call(getData("/a"));
    assert.ok(body.length > limit - 100, `${body.length} bytes came back`);
    client.sendBytes(frame(new Uint8Array(limit + 1))).catch(() => {}); // refused on its way
    assert.equal(await client.receiveFrame(), "closed");
    const [line] = server.linesWith(`a frame of ${limit + 1} bytes`);
    assert.match(line!, new RegExp(`the limit is ${limit} \\(jute.maxbuffer\\)`));
    using other = await RawClient.session(server.clientPort);
    assert.equal((await other.call(exists("/a"))).err, 0);
  }
});

Deno.test("a negative length closes the connection, before and after the handshake", async () => {
  await using server = await InProcessServer.start();
  using fresh = await RawClient.open(server.clientPort);
  await fresh.sendBytes(new Uint8Array([0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0]));
  assert.equal(await fresh.receiveFrame(), "closed");
  using known = await RawClient.session(server.clientPort);
  await known.sendBytes(new Uint8Array([0x80, 0, 0, 0]));
  assert.equal(await known.receiveFrame(), "closed");
});

Deno.test("large requests beyond their budget close the connection, and give back their share", async () => {
  await using server = await InProcessServer.start({
    defines: [
      "zookeeper.largeRequestThreshold=100000",
      "zookeeper.largeRequestMaxBytes=500000",
    ],
  });
  const port = server.clientPort;
  using client = await RawClient.session(port);
  await client.must(create("/a"));
  const large = frame(new Uint8Array(400_000));
  using half = await RawClient.session(port);
  await half.sendBytes(large.subarray(0, 200_000)); // holds 400 kB of the budget
  await eventually("the second large request is refused", async () => {
    using refused = await RawClient.session(port);
    refused.sendBytes(large.subarray(0, 200_000)).catch(() => {});
    return await refused.receiveFrame(100) === "closed";
  });
  assert.ok(server.linesWith("too many bytes in large requests").length > 0);
  assert.equal((await client.call(setData("/a", "small"))).err, 0);
  half.close();
  await eventually("the budget is free again", async () => {
    using retry = await RawClient.session(port);
    await retry.send(setDataOfFrame("/a", 400_000), 1).catch(() => {});
    return typeof await retry.receiveFrame() !== "string";
  });
});

Deno.test("a request is large from largeRequestThreshold on, however little that is", async () => {
  await using server = await InProcessServer.start({
    config: { largeRequestThreshold: 1000, largeRequestMaxBytes: 2000 },
  });
  const port = server.clientPort;
  using client = await RawClient.session(port);
  await client.must(create("/a"));
  for (let i = 0; i < 3; i++) { // each gives back what it took
    assert.equal((await client.call(setDataOfFrame("/a", 2000))).err, 0);
  }
  await client.send(setDataOfFrame("/a", 2001), 9);
  assert.equal(await client.receiveFrame(), "closed");
  using small = await RawClient.session(port);
  const requests = Array.from({ length: 5 }, () => setDataOfFrame("/a", 1000)); // not one is large
  for (const request of requests) assert.equal((await small.call(request)).err, 0);
});

Deno.test("hundreds of connections that each sent a large frame hold no memory for it", async () => {
  await using server = await InProcessServer.start({ config: { maxSessionTimeout: 600_000 } });
  const port = server.clientPort;
  const clients = await Promise.all(
    Array.from({ length: 100 }, () => RawClient.session(port, { timeoutMs: 600_000 })),
  );
  await clients[0]!.must(create("/a"));
  const before = Deno.memoryUsage().external;
  for (const client of clients) {
    assert.equal((await client.call(setDataOfFrame("/a", 1_000_000))).err, 0);
  }
  // what is garbage goes sooner or later; what the connections keep does not
  await eventually("the buffers are gone", async () => {
    for (const client of clients) await client.call(ping, -2);
    return Deno.memoryUsage().external - before < 50_000_000;
  });
  for (const client of clients) client.close();
});

Deno.test("a foreign protocol is told what this port is", async () => {
  await using server = await InProcessServer.start({
    config: { "4lw.commands.whitelist": "srvr" },
  });
  const port = server.clientPort;
  const ask = async (bytes: Uint8Array) => {
    using client = await RawClient.open(port);
    await client.sendBytes(bytes);
    return new TextDecoder().decode(await client.receiveAll());
  };
  const answer = await ask(encoder.encode("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
  assert.match(answer, /^HTTP\/1\.1 400 Bad Request\r\n/);
  assert.match(answer, new RegExp(`client port ${port}`));
  assert.equal(await ask(new Uint8Array([0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3])), "");
  assert.equal(server.linesWith("a TLS handshake came to the client port").length, 1);
  assert.match(await word(port, "mntr"), /mntr is not executed because it is not in the whitelist/);
  assert.match(server.lines.join("\n"), /4lw\.commands\.whitelist/);
  assert.match(await word(port, "srvr"), /Mode: standalone/);
});
