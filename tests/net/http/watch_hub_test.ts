import assert from "node:assert/strict";
import { EVENT_STREAM_COUNT_MAX } from "../../../core/limits.ts";
import { ChangeWindow } from "../../../net/http/watch/change_window.ts";
import { create, multi, remove, setAcl, setData } from "../../support/requests.ts";
import { OpenedStream, SOMEBODY, WatchedServer } from "./watch_fixture.ts";

const SECRET = [{ perms: 31, scheme: "digest", id: "u:RpX2QsVTLkgbJCC3uyCdbZYYjl4=" }];
const OWNER = {
  ...SOMEBODY,
  ids: [{ scheme: "digest", id: "u:RpX2QsVTLkgbJCC3uyCdbZYYjl4=" }],
};
/** Remembers nothing: all that is past comes from the log. */
const noMemory = () => new ChangeWindow({ countMax: 0 });

Deno.test("WatchHub gives a stream the past from the log, then from memory, then goes live", async () => {
  using server = new WatchedServer(new ChangeWindow({ countMax: 2 }));
  server.write(create("/a"), create("/b"));
  server.open(); // from here on changes are remembered
  server.write(create("/c"), create("/d"), create("/e"), create("/f"));
  const stream = server.open({ since: 0 });
  const expected = ["/a", "/b", "/c", "/d", "/e", "/f"].map((path) => `created ${path}`);
  assert.deepEqual(await stream.take(6), expected);
  server.write(setData("/a", "x"));
  assert.deepEqual(await stream.take(1), ["changed /a"]);
});

Deno.test("WatchHub tells each watch what ZooKeeper's of its kind tells", async () => {
  using server = new WatchedServer();
  const cases: { path: string; isRecursive: boolean; told: string[] }[] = [
    {
      path: "/a",
      isRecursive: false,
      told: ["created /a", "children /a", "changed /a", "children /a", "deleted /a"],
    },
    {
      path: "/a",
      isRecursive: true,
      told: [
        "created /a",
        "created /a/b",
        "changed /a",
        "changed /a/b",
        "deleted /a/b",
        "deleted /a",
      ],
    },
    { path: "/a/b", isRecursive: false, told: ["created /a/b", "changed /a/b", "deleted /a/b"] },
    {
      path: "/",
      isRecursive: false,
      told: ["children /", "children /", "children /", "children /"],
    },
    { path: "/ab", isRecursive: true, told: ["created /ab", "deleted /ab"] },
  ];
  const live = cases.map((x) => server.open(x));
  server.write(
    create("/a"),
    create("/ab"), // below nothing but the root
    create("/a/b"),
    setData("/a", "1"),
    setData("/a/b", "1"),
    setAcl("/a/b", SECRET.map((entry) => ({ ...entry, scheme: "world", id: "anyone" }))),
    remove("/a/b"),
    remove("/a"),
    remove("/ab"),
  );
  for (const [i, { told, ...scope }] of cases.entries()) {
    assert.deepEqual(await live[i]!.take(told.length), told);
    assert.deepEqual(await server.open({ ...scope, since: 0 }).take(told.length), told);
  }
});

Deno.test("WatchHub finds the watches above a znode that is deep down", async () => {
  using server = new WatchedServer();
  const depth = 600;
  const paths = Array.from({ length: depth }, (_, i) => "/d".repeat(i + 1));
  const streams = ["/", "/d", "/d/d/d", paths.at(-1)!, "/d/e"].map((path) => server.open({ path }));
  server.write(...paths.map((path) => create(path)), create("/d/e"));
  const below = (count: number) => paths.slice(-count).map((path) => `created ${path}`);
  const end = "created /d/e";
  assert.deepEqual(await streams[0]!.take(depth + 1), [...below(depth), end]);
  assert.deepEqual(await streams[1]!.take(depth + 1), [...below(depth), end]);
  assert.deepEqual(await streams[2]!.take(depth - 2), below(depth - 2));
  assert.deepEqual(await streams[3]!.take(1), below(1));
  assert.deepEqual(await streams[4]!.take(1), [end]);
});

Deno.test("WatchHub tells of a znode whom its ACL lets READ, live and of the past", async () => {
  for (const window of [undefined, noMemory()]) {
    using server = new WatchedServer(window);
    const live = [server.open(), server.open({ caller: OWNER })];
    const secret = { acl: SECRET };
    server.write(create("/s", secret), create("/open"));
    server.client.client.ids = OWNER.ids;
    server.write(
      setData("/s", "1"),
      multi([create("/s/x", secret), create("/s/y")]), // what is open is told, wherever it is
      create("/t"),
      setData("/t", "1"),
      remove("/s/x"),
      remove("/s/y"),
      remove("/s"),
      setAcl("/t", SECRET),
      setData("/t", "2"),
      create("/end"),
    );
    const all = [
      ...["created /s", "created /open", "changed /s", "created /s/x", "created /s/y"],
      ...["created /t", "changed /t", "deleted /s/x", "deleted /s/y", "deleted /s"],
      ...["changed /t", "created /end"],
    ];
    const open = [
      ...["created /open", "created /s/y", "created /t", "changed /t", "deleted /s/y"],
      "created /end",
    ];
    assert.deepEqual(await live[0]!.take(open.length), open);
    assert.deepEqual(await live[1]!.take(all.length), all);
    // of the past by what is known, and by what is there now
    const past = open.filter((told) => !told.endsWith(" /t"));
    assert.deepEqual(await server.open({ since: 0 }).take(past.length), past);
    const byOwner = server.open({ since: 0, caller: OWNER });
    assert.deepEqual(await byOwner.take(all.length), all);
  }
});

Deno.test("WatchHub asks to read anew when nothing tells any more who may know of a deleted znode", async () => {
  using server = new WatchedServer(noMemory());
  server.write(create("/a"), create("/a/b"), create("/c"));
  const { lastZxid } = server.gateway;
  server.write(remove("/c"), create("/d"), remove("/a/b"), remove("/a"));
  const stream = server.open({ since: lastZxid });
  // who may list the children of the root may know /c; nobody says so of /a/b
  assert.deepEqual(await stream.take(1), ["resync "]);
  assert.equal(Number(stream.lastId), server.gateway.lastZxid);
});

Deno.test("WatchHub tells values as the txn left them, and leaves out those that were overtaken", async () => {
  using server = new WatchedServer();
  const forms = ["utf8", "base64", "json"] as const;
  const live = forms.map((form) => server.open({ form }));
  server.write(create("/j", { data: '{"a":\n1.50}' }), setData("/j", "é"), setData("/j", null));
  const expected = [
    [{ encoding: "utf8", data: '{"a":\n1.50}' }, { encoding: "utf8", data: "é" }, null],
    [{ encoding: "base64", data: "eyJhIjoKMS41MH0=" }, { encoding: "base64", data: "w6k=" }, null],
    [{ encoding: "json", data: { a: 1.5 } }, { encoding: "utf8", data: "é" }, null],
  ];
  for (const [i, stream] of live.entries()) {
    for (const [version, value] of expected[i]!.entries()) {
      const { data } = (await stream.next())!;
      assert.deepEqual(data.value, value);
      assert.equal(data.stat.version, version);
    }
  }
  const past = server.open({ since: 0, form: "utf8" });
  const values = [await past.next(), await past.next(), await past.next()].map((x) => x!.data);
  assert.deepEqual(values.map((data) => "value" in data), [false, false, true]);
  assert.equal(values[2]!.stat.version, 2);
});

Deno.test("WatchHub waits for what is committed and not yet in our own log", async () => {
  using server = new WatchedServer(noMemory());
  server.open();
  server.write(create("/a"));
  server.client.send(create("/b"));
  server.commit(false);
  const stream = server.open({ since: 0 });
  assert.deepEqual(await stream.take(1), ["created /a"]);
  server.writeLog();
  assert.deepEqual(await stream.take(1), ["created /b"]);
});

Deno.test("WatchHub tells nothing that is logged and not committed", async () => {
  using server = new WatchedServer(noMemory());
  server.open();
  server.write(create("/a"));
  const { writes } = server.server;
  server.client.send(create("/b"));
  const batch = writes.takeBatch()!;
  server.log.write(batch);
  const stream = server.open({ since: 0 });
  assert.deepEqual(await stream.take(1), ["created /a"]);
  writes.logged(batch.lastZxid);
  let next: string[] | null = null;
  void stream.take(1).then((told) => next = told);
  await new Promise((resolve) => setTimeout(resolve, 0));
  assert.equal(next, null);
  writes.committed(batch.lastZxid);
  await new Promise((resolve) => setTimeout(resolve, 0));
});

Deno.test("WatchHub keeps streams through a time without a quorum, and leaves nothing out", async () => {
  using server = new WatchedServer();
  const stream = server.open();
  server.write(create("/a"));
  assert.deepEqual(await stream.take(1), ["created /a"]);
  server.write(create("/b")); // not yet told when the quorum is lost
  server.loseQuorum();
  assert.throws(() => server.open(), { problem: "no-quorum" });
  server.write(create("/c")); // as a learner applies what it has missed
  server.gainQuorum();
  server.write(create("/d"));
  const told = await stream.take(5);
  assert.deepEqual(told, [
    ...["session disconnected", "session connected", "created /b", "created /c", "created /d"],
  ]);
});

Deno.test("WatchHub cuts off who reads too slowly, who then goes on from the last id", async () => {
  using server = new WatchedServer();
  server.write(create("/a"));
  const slow = server.open({ form: "utf8" });
  const quick = server.open();
  const data = "d".repeat(15_000);
  const count = 120; // more than 1 MiB
  for (let i = 0; i < count; i++) {
    server.write(setData("/a", data));
    assert.deepEqual(await quick.take(1), ["changed /a"]);
  }
  const told: string[] = [];
  for (;;) {
    const event = await slow.next();
    if (event === null) break;
    told.push(event.name);
  }
  assert.equal(told.at(-1), "resync");
  assert.ok(told.length < 5, `${told.length}`);
  assert.equal(server.hub.streamCount, 1);
  const left = count - (told.length - 1);
  const resumed = server.open({ since: Number(slow.lastId) });
  assert.deepEqual(await resumed.take(left), Array(left).fill("changed /a"));
});

Deno.test("WatchHub lets streams catch up that cannot be told of so much at once", async () => {
  using server = new WatchedServer();
  server.write(create("/a"), ...Array.from({ length: 40 }, (_, i) => create(`/n${i}`)));
  const streams = [server.open({ form: "utf8" }), server.open()];
  const data = "d".repeat(200_000);
  const writes = Array.from(
    { length: 40 },
    (_, i) => [setData("/a", data), setData(`/n${i}`, data)],
  );
  server.write(...writes.flat()); // in one turn: 16 MB
  for (const [i, stream] of streams.entries()) {
    const told: string[] = [];
    const valuesOf: string[] = [];
    while (told.length < 80) {
      const { name, data, id } = (await stream.next())!;
      assert.equal(name, "changed");
      assert.equal(id, data.zxid);
      told.push(data.path);
      if ("value" in data) valuesOf.push(data.path);
    }
    assert.deepEqual(told, Array.from({ length: 40 }, (_, i) => ["/a", `/n${i}`]).flat());
    // /a was overtaken but for the last time
    const whole = [...Array.from({ length: 39 }, (_, i) => `/n${i}`), "/a", "/n39"];
    assert.deepEqual(valuesOf, i === 0 ? whole : []);
  }
});

Deno.test("WatchHub lets a stream begin in the future: what another server told is not told again", async () => {
  using server = new WatchedServer();
  server.write(create("/a"));
  const stream = server.open({ since: server.gateway.lastZxid + 2 });
  server.write(create("/b"), create("/c"), create("/d"));
  assert.deepEqual(await stream.take(1), ["created /d"]);
});

Deno.test("WatchHub forgets a stream whose reader is gone, and ends all when the server stops", async () => {
  using server = new WatchedServer();
  const abort = new AbortController();
  let overCount = 0;
  const over = () => void overCount++;
  const streams: OpenedStream[] = [
    server.open({ over }),
    server.open({ over, signal: abort.signal }),
  ];
  assert.equal(server.hub.streamCount, 2);
  await streams[0]!.cancel();
  assert.equal(server.hub.streamCount, 1);
  abort.abort();
  assert.deepEqual(await streams[1]!.take(1), ["end"]);
  assert.deepEqual([server.hub.streamCount, overCount], [0, 2]);
  const unused = server.open({ over, signal: abort.signal });
  assert.deepEqual(await unused.take(1), ["end"]);
});

Deno.test("WatchHub.open() refuses one stream more than there may be, until one ends", () => {
  using server = new WatchedServer();
  const first = new AbortController();
  server.open({ signal: first.signal });
  for (let i = 1; i < EVENT_STREAM_COUNT_MAX; i++) server.open();
  assert.throws(() => server.open(), { problem: "too-many-streams", status: 503 });
  first.abort();
  server.open();
  assert.throws(() => server.open(), { problem: "too-many-streams" });
});
