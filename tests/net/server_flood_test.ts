/**
 * Floods: of connections, of requests, of replies that nobody reads. The server bounds what each
 * costs, others are served meanwhile, and descriptors and memory come back.
 */
import assert from "node:assert/strict";
import { eventually } from "../support/eventually.ts";
import { InProcessServer } from "../support/in_process_server.ts";
import { JuteDecoder } from "../support/jute.ts";
import { connectRequest, frame, RawClient, requestFrame } from "../support/raw_client.ts";
import {
  addWatchPersistent,
  create,
  exists,
  getData,
  type Request,
  setData,
} from "../support/requests.ts";
import { runProcess } from "../support/run_process.ts";
import { ServerProcess } from "../support/server_process.ts";

/** Sessions of those who wait while a flood goes on, on a machine however slow. */
const LONG_MS = 600_000;

/** Opens connections, some of them at a time, and does with each what `use` says. */
async function flood(
  count: number,
  port: number,
  use: (conn: Deno.TcpConn, i: number) => Promise<void>,
): Promise<void> {
  for (let i = 0; i < count; i += 100) {
    await Promise.all(
      Array.from({ length: Math.min(100, count - i) }, async (_, k) => {
        const conn = await Deno.connect({ hostname: "127.0.0.1", port });
        await use(conn, i + k).catch(() => {});
      }),
    );
  }
}

// by programs: the runtime lets nobody read /proc without all permissions

async function descriptorCount(pid: number): Promise<number> {
  const { output } = await runProcess(["ls", `/proc/${pid}/fd`]);
  return output.trim().split("\n").length;
}

async function residentBytes(pid: number): Promise<number> {
  const { output } = await runProcess(["cat", `/proc/${pid}/status`]);
  return Number(/^VmRSS:\s+(\d+)/m.exec(output)![1]) * 1024;
}

/** The same request many times, as one stretch of bytes. */
function repeated(request: Request, count: number): Uint8Array {
  const one = requestFrame(request, 1);
  const all = new Uint8Array(one.length * count);
  for (let i = 0; i < count; i++) all.set(one, i * one.length);
  return all;
}

Deno.test("5000 connections that end in every abrupt way leave no descriptor behind", async () => {
  await using server = await ServerProcess.start("denkeeper", {
    config: { tickTime: 100, maxSessionTimeout: LONG_MS, "4lw.commands.whitelist": "*" },
  });
  const port = server.clientPort;
  using bystander = await RawClient.session(port, { timeoutMs: LONG_MS });
  await bystander.must(create("/a"));
  const before = await descriptorCount(server.pid);
  const connect = frame(connectRequest({ timeoutMs: 200 }));
  const ends: ((conn: Deno.TcpConn) => Promise<unknown>)[] = [
    () => Promise.resolve(),
    (conn) => conn.write(connect.subarray(0, 10)),
    (conn) => conn.write(connect), // gone before the answer
    async (conn) => {
      await conn.write(connect);
      await conn.read(new Uint8Array(100));
      await conn.write(requestFrame(getData("/a", true), 1)); // so is its reply
    },
    (conn) => conn.write(new TextEncoder().encode("cons")),
    (conn) => conn.write(new Uint8Array([0xff, 0xff, 0xff, 0xff])),
    (conn) => conn.closeWrite(),
  ];
  await flood(5000, port, async (conn, i) => {
    try {
      await ends[i % ends.length]!(conn);
    } finally {
      conn.close();
    }
  });
  await eventually("all descriptors are back", async () => {
    return await descriptorCount(server.pid) <= before;
  });
  assert.equal((await bystander.call(exists("/a"))).err, 0);
});

Deno.test({
  name: "connections that take all file descriptors do not keep the log from rolling",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    await using server = await ServerProcess.start("denkeeper", {
      config: { snapCount: 20, maxSessionTimeout: LONG_MS },
      prelude: "ulimit -n 150",
    });
    const port = server.clientPort;
    using client = await RawClient.session(port, { timeoutMs: LONG_MS });
    await client.must(create("/a"));
    const open: Deno.TcpConn[] = [];
    await flood(400, port, (conn) => Promise.resolve(void open.push(conn)));
    await eventually("it is noticed", () => server.log().includes("no file descriptor is left"));
    for (let i = 0; i < 200; i++) assert.equal((await client.call(setData("/a", `${i}`))).err, 0);
    await eventually("a snapshot", () => /snapshot written file=snapshot\.\d\d/.test(server.log()));
    for (const conn of open) conn.close();
    await eventually("there is room for others again", async () => {
      using again = await RawClient.session(port).catch(() => null);
      return again !== null;
    });
    assert.equal(server.log().match(/no file descriptor is left/g)!.length, 1);
  },
});

Deno.test({
  name: "HTTP connections that take all file descriptors leave some to files and clients",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    await using server = await ServerProcess.start("denkeeper", {
      http: true,
      config: { snapCount: 20, maxSessionTimeout: LONG_MS },
      prelude: "ulimit -n 200",
    });
    using client = await RawClient.session(server.clientPort, { timeoutMs: LONG_MS });
    await client.must(create("/a"));
    const open: Deno.TcpConn[] = [];
    const stream = new TextEncoder().encode(
      "GET /api/v1/watch?path=/none HTTP/1.1\r\nhost: localhost\r\n\r\n",
    );
    await flood(400, server.httpPort!, async (conn) => {
      open.push(conn);
      await conn.write(stream);
    });
    await eventually("it is noticed", () => server.log().includes("no file descriptor is left"));
    for (let i = 0; i < 200; i++) assert.equal((await client.call(setData("/a", `${i}`))).err, 0);
    await eventually("a snapshot", () => /snapshot written file=snapshot\.\d\d/.test(server.log()));
    await eventually("another client is taken while the flood lasts", async () => {
      using another = await RawClient.session(server.clientPort).catch(() => null);
      return another !== null;
    });
    for (const conn of open) conn.close();
    await eventually("HTTP is answered again", async () => {
      const response = await fetch(`${server.httpUrl}/api/v1/data/a`).catch(() => null);
      await response?.body?.cancel();
      return response?.status === 200;
    });
  },
});

Deno.test("clients that ask for much and read nothing are bounded, and closed with one line each", async () => {
  await using server = await ServerProcess.start("denkeeper", {
    config: { tickTime: 200, maxSessionTimeout: LONG_MS },
  });
  const port = server.clientPort;
  using client = await RawClient.session(port, { timeoutMs: LONG_MS });
  await client.must(create("/big", { data: new Uint8Array(1_000_000) }));
  const asked = repeated(getData("/big"), 500); // half a gigabyte of replies for each
  const greedy = await Promise.all(
    Array.from({ length: 20 }, () => RawClient.session(port, { timeoutMs: 1000 })),
  );
  for (const one of greedy) one.sendBytes(asked).catch(() => {});
  for (let i = 0; i < 30; i++) {
    assert.equal((await client.call(exists("/big"))).err, 0);
    assert.ok(await residentBytes(server.pid) < 700_000_000);
  }
  const closed = () => server.log().match(/connection closed.*its session expired/g)?.length ?? 0;
  await eventually("they are closed", () => closed() === greedy.length);
  for (const one of greedy) one.close();
  assert.equal((await client.call(exists("/big"))).err, 0);
  assert.equal(closed(), greedy.length);
});

Deno.test("a watcher that reads nothing is closed when its events pile up", async () => {
  await using server = await InProcessServer.start({
    config: { maxSessionTimeout: LONG_MS, forceSync: "no" },
  });
  const port = server.clientPort;
  const path = `/${"w".repeat(100_000)}`; // each event carries it
  using writer = await RawClient.session(port, { timeoutMs: LONG_MS });
  await writer.must(create(path));
  using deaf = await RawClient.session(port, { timeoutMs: LONG_MS });
  await deaf.must(addWatchPersistent(path));
  for (let i = 0; server.linesWith("it does not read").length === 0; i++) {
    assert.ok(i < 1000, "100 MB of events are too many");
    await writer.must(setData(path, ""));
  }
  assert.match(server.linesWith("it does not read")[0]!, /\d+ bytes wait for it/);
  using back = await RawClient.session(port, {
    sessionId: deaf.sessionId,
    password: deaf.password,
  });
  assert.equal((await back.call(exists(path))).err, 0, "its session lives on");
});

Deno.test("100,000 writes sent without reading a reply hold up nobody, and are all answered", async () => {
  await using server = await InProcessServer.start({
    config: { globalOutstandingLimit: 200, forceSync: "no", maxSessionTimeout: LONG_MS },
  });
  const port = server.clientPort;
  using other = await RawClient.session(port, { timeoutMs: LONG_MS });
  await other.must(create("/a"));
  using pipelining = await RawClient.session(port, { timeoutMs: LONG_MS });
  const count = 100_000;
  const sent = pipelining.sendBytes(repeated(setData("/a", "x"), count));
  for (let i = 0; i < 100; i++) {
    assert.equal((await other.call(exists("/a"))).err, 0);
    assert.equal((await other.call(setData("/", "y"))).err, 0);
  }
  let last = 0n;
  for (let i = 0; i < count; i++) {
    const { err, zxid } = await pipelining.reply();
    assert.equal(err, 0);
    assert.ok(zxid > last);
    last = zxid;
  }
  await sent;
  const stat = new JuteDecoder((await other.call(exists("/a"))).body);
  stat.take(32);
  assert.equal(stat.int(), count);
});
