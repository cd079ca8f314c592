import assert from "node:assert/strict";
import { ErrorCode } from "../../../core/errors.ts";
import { MULTI_READ_BYTES_MAX } from "../../../core/limits.ts";
import { NO_NODE } from "../../../core/tree/node_store.ts";
import { encodeUtf8 } from "../../../core/wire/jute.ts";
import { FakeSocket, settle } from "../../fuzz/connection_fuzz.ts";
import { makeConfig, ServerFixture } from "../../fuzz/server_fixture.ts";
import {
  connectRequest,
  decodeReply,
  frame,
  type Reply,
  requestFrame,
} from "../../support/raw_client.ts";
import {
  addWatchPersistent,
  closeSession,
  create,
  getData,
  multi,
  Op,
  type Request,
  setData,
  setWatches,
} from "../../support/requests.ts";

/** A connection with a session, on a server whose log is durable when a test says so. */
class TestClient {
  readonly server: ServerFixture;
  readonly socket = new FakeSocket();
  #xid = 0;

  constructor(server: ServerFixture) {
    this.server = server;
  }

  static async connect(server: ServerFixture): Promise<TestClient> {
    const client = new TestClient(server);
    void server.accept(client.socket.conn);
    client.socket.send(frame(connectRequest()));
    await client.run();
    client.socket.frames();
    return client;
  }

  get client() {
    return [...this.server.processor.clients][0]!;
  }

  send(request: Request): number {
    this.socket.send(requestFrame(request, ++this.#xid));
    return this.#xid;
  }

  /** Delivers everything sent, without making anything durable. */
  async deliver(): Promise<void> {
    while (!this.socket.isDrained && this.socket.canDeliver) {
      this.socket.deliver(1 << 30);
      await settle();
    }
  }

  /** Until nothing moves any more. */
  async run(): Promise<void> {
    for (let quiet = 0; quiet < 3; quiet++) {
      if (this.socket.canDeliver) quiet = (this.socket.deliver(1 << 30), 0);
      if (this.socket.canTake) quiet = (this.socket.take(1 << 30), 0);
      if (this.server.hasBatch) quiet = (this.server.makeDurable(), 0);
      await settle();
    }
  }

  replies(): Reply[] {
    return this.socket.frames().map(decodeReply);
  }

  async call(request: Request): Promise<Reply> {
    this.send(request);
    await this.run();
    return this.replies().at(-1)!;
  }
}

Deno.test("RequestProcessor applies and answers a write when its own batch is durable, not before", async () => {
  const server = new ServerFixture(makeConfig());
  const client = await TestClient.connect(server);
  const flush = async () => {
    for (let i = 0; i < 3; i++) {
      if (client.socket.canTake) client.socket.take(1 << 30);
      await settle();
    }
    return client.replies().map(({ xid }) => xid);
  };
  client.send(create("/a"));
  await client.deliver(); // on its way to the disk
  client.send(create("/b"));
  client.send(getData("/b"));
  await client.deliver(); // waits for the next batch
  assert.deepEqual(await flush(), []);
  const zxid = server.tree.lastProcessedZxid;
  server.makeDurable();
  assert.deepEqual(await flush(), [1]);
  assert.equal(server.tree.lastProcessedZxid, zxid + 1);
  assert.equal(server.processor.writes.outstandingCount, 1);
  server.makeDurable();
  assert.deepEqual(await flush(), [2, 3]);
  assert.equal(server.tree.lastProcessedZxid, zxid + 2);
});

Deno.test("RequestProcessor tells of a znode only who may read it, and before the reply", async () => {
  for (const { perms, isTold } of [{ perms: 31, isTold: true }, { perms: 30, isTold: false }]) {
    const client = await TestClient.connect(new ServerFixture(makeConfig()));
    const acl = [{ perms, scheme: "world", id: "anyone" }];
    await client.call(addWatchPersistent("/a"));
    client.send(create("/a", { acl }));
    client.send(setData("/a", "x"));
    await client.run();
    const xids = client.replies().map(({ xid }) => xid);
    assert.deepEqual(xids, isTold ? [-1, 2, -1, 3] : [2, 3], `${perms}`);
  }
});

Deno.test("RequestProcessor ends setWatches at a null path, behind the events of those before it", async () => {
  const cases = [
    { kind: "data", list: ["/a", null, "/a"], events: 1 },
    { kind: "exist", list: ["/a", null, "/a"], events: 2 },
    { kind: "child", list: ["/a", null, "/a"], events: 2 },
    { kind: "persistent", list: null, events: 1 },
    { kind: "recursive", list: null, events: 1 },
    { kind: "data", list: null, events: 0 },
  ];
  for (const { kind, list, events } of cases) {
    const client = await TestClient.connect(new ServerFixture(makeConfig()));
    await client.call(create("/a"));
    client.send(setWatches(0n, { data: ["/a"], persistent: [null], [kind]: list }));
    await client.run();
    const replies = client.replies().map(({ xid, err }) => ({ xid, err }));
    assert.equal(replies.filter(({ xid }) => xid === -1).length, events, kind);
    assert.deepEqual(replies.at(-1), { xid: 2, err: ErrorCode.MarshallingError }, kind);
  }
});

Deno.test("RequestProcessor refuses a multiRead whose reply would bury the server", async () => {
  const client = await TestClient.connect(new ServerFixture(makeConfig()));
  await client.call(create("/a", { data: new Uint8Array(1_000_000) }));
  const reads = (count: number) =>
    multi(Array.from({ length: count }, () => getData("/a")), Op.multiRead);
  const fits = await client.call(reads(10));
  assert.equal(fits.err, 0);
  assert(fits.body.length > 10_000_000);
  const bomb = await client.call(reads(50_000));
  assert.equal(bomb.err, ErrorCode.MarshallingError);
  assert.equal(bomb.body.length, 0);
  assert(MULTI_READ_BYTES_MAX < 32 << 20);
  assert.equal((await client.call(getData("/a"))).err, 0, "and goes on");
});

Deno.test("RequestProcessor keeps no more of waiting reads than there are, however long it is busy", async () => {
  const client = await TestClient.connect(new ServerFixture(makeConfig()));
  await client.call(create("/a"));
  client.send(setData("/a", "0"));
  const xids: number[] = [];
  let capacityMax = 0;
  for (let round = 1; round <= 2000; round++) {
    xids.push(client.send(getData("/a")), client.send(setData("/a", `${round}`)));
    xids.push(client.send(getData("/a")));
    await client.deliver(); // there is always a read behind a write that is not durable
    client.server.makeDurable();
    await settle();
    while (client.socket.canTake) {
      client.socket.take(1 << 30);
      await settle();
    }
    capacityMax = Math.max(capacityMax, client.client.deferred?.buffer.length ?? 0);
  }
  await client.run();
  assert.deepEqual(client.replies().slice(1).map(({ xid }) => xid), xids);
  assert(capacityMax <= 8192, `${capacityMax} bytes for a few waiting reads`);
});

Deno.test("RequestProcessor gives back what many waiting reads took", async () => {
  const client = await TestClient.connect(new ServerFixture(makeConfig()));
  await client.call(create("/a"));
  client.send(setData("/a", "0"));
  for (let i = 0; i < 120; i++) client.send(getData(`/${"x".repeat(20_000)}`));
  await client.deliver();
  assert(client.client.deferredBytes < 1_500_000, "the connection is not read any further");
  await client.run();
  assert.equal(client.replies().length, 121);
  assert.equal(client.client.deferred, null);
});

Deno.test("RequestProcessor answers what the full disk did not take with an error, in order", async () => {
  const server = new ServerFixture(makeConfig());
  const client = await TestClient.connect(server);
  await client.call(create("/a"));
  const xids = [
    client.send(setData("/a", "lost")),
    client.send(getData("/a")),
    client.send(create("/a/b")),
  ];
  await client.deliver();
  server.failDisk();
  await client.run();
  const replies = client.replies();
  assert.deepEqual(replies.map(({ xid }) => xid), xids);
  assert.deepEqual(replies.map(({ err }) => err), [-1, 0, -1]);
  assert.equal((await client.call(create("/a/b"))).err, 0, "there is room again");
  client.send(closeSession);
  await client.run();
  assert(client.socket.isClosed);
  assert.equal(server.tracker.count, 0);
});

Deno.test("RequestProcessor does nothing of what is sent behind an unknown request type", async () => {
  const server = new ServerFixture(makeConfig());
  const client = await TestClient.connect(server);
  const xids = [client.send(create("/before")), client.send({ type: 99, body: new Uint8Array() })];
  client.send(create("/behind"));
  client.send(getData("/before"));
  await client.deliver(); // all of it while the first is not durable
  await client.run();
  const replies = client.replies();
  assert.deepEqual(replies.map(({ xid }) => xid), xids);
  assert.deepEqual(replies.map(({ err }) => err), [0, ErrorCode.Unimplemented]);
  assert(client.socket.isClosed);
  assert.equal(server.tree.store.lookup(encodeUtf8("/behind")), NO_NODE);
});

Deno.test("a client that reads slowly gets all it asked for, however much that is", async () => {
  const server = new ServerFixture(makeConfig());
  const client = await TestClient.connect(server);
  await client.call(create("/a", { data: new Uint8Array(900_000) }));
  const group = async () => {
    client.send(setData("/a", new Uint8Array(900_000)));
    for (let i = 0; i < 30; i++) client.send(getData("/a"));
    await client.deliver();
  };
  await group(); // under way
  await group(); // in the next batch
  server.makeDurable();
  await settle();
  client.socket.take(100_000); // the first replies are being sent
  await settle();
  server.makeDurable();
  await settle();
  assert(!client.socket.isClosed);
  await client.run();
  assert.equal(client.replies().length, 62);
});

Deno.test("a client that does not read its events is closed before they bury the server", async () => {
  const server = new ServerFixture(makeConfig());
  const writer = await TestClient.connect(server);
  const name = `/${"x".repeat(100_000)}`;
  await writer.call(create(name));
  const watcher = await TestClient.connect(server);
  watcher.send(addWatchPersistent(name));
  await watcher.run();
  let events = 0;
  while (!watcher.socket.isClosed && events < 1000) {
    await writer.call(setData(name, "")); // nothing takes what the watcher is sent
    events++;
  }
  assert(events > 160 && events < 180, `${events} events of 100 kB: the bound is 16 MiB`);
  assert.equal(server.tree.watches.watchCount, 0);
  assert.equal((await writer.call(getData(name))).err, 0);
});

Deno.test("RequestProcessor closes a connection that writes for a session which another server has", async () => {
  const server = new ServerFixture(makeConfig());
  const client = await TestClient.connect(server);
  client.client.session!.owner = { ids: [] };
  client.send(create("/a"));
  client.send(getData("/"));
  await client.run();
  assert.deepEqual(client.replies(), []);
  assert(client.socket.isClosed);
  assert.equal(server.tree.store.lookup(encodeUtf8("/a")), NO_NODE);
  assert.equal(server.sessions.size, 1);
});
