import assert from "node:assert/strict";
import { waitForChange } from "../../../net/http/watch/long_poll.ts";
import { create, remove, setData } from "../../support/requests.ts";
import { SOMEBODY, WatchedServer } from "./watch_fixture.ts";

interface Options {
  kind?: "data" | "children";
  since?: number;
  waitMs?: number;
  signal?: AbortSignal;
}

function poll({ gateway }: WatchedServer, path: string, options: Options = {}) {
  const { kind = "data", since = gateway.lastZxid, waitMs = 60_000 } = options;
  const { signal = new AbortController().signal } = options;
  return waitForChange({ gateway, caller: SOMEBODY }, { path, since, kind, waitMs, signal });
}

Deno.test("waitForChange() answers at once by the znode's own zxid, and else only for a change of it", async () => {
  using server = new WatchedServer();
  server.write(create("/a"), create("/a/b"), setData("/a", "1"), create("/other"));
  const { store } = server.gateway.tree;
  const id = store.lookup(new TextEncoder().encode("/a"));
  const data = store.mzxid(id);
  const children = store.pzxid(id);
  assert.ok(data > children);
  const cases = [
    { kind: "data", since: 0, end: "changed" },
    { kind: "data", since: data - 1, end: "changed" },
    { kind: "data", since: data, end: "timeout" },
    { kind: "children", since: children - 1, end: "changed" },
    { kind: "children", since: children, end: "timeout" },
  ] as const;
  for (const { kind, since, end } of cases) {
    assert.equal(await poll(server, "/a", { kind, since, waitMs: 0 }), end, `${kind} ${since}`);
  }
});

Deno.test("waitForChange() is woken by what it waits for, and by nothing else", async () => {
  const cases = [
    { kind: "data", writes: [create("/a/c"), setData("/a/b", "1")], end: null },
    { kind: "data", writes: [setData("/a", "1")], end: "changed" },
    { kind: "children", writes: [setData("/a", "1"), setData("/a/b", "1")], end: null },
    { kind: "children", writes: [create("/a/c")], end: "changed" },
    { kind: "children", writes: [remove("/a/b")], end: "changed" },
    { kind: "data", writes: [remove("/a/b"), remove("/a")], end: "deleted" },
    { kind: "children", path: "/a/b", writes: [remove("/a/b")], end: "deleted" },
    { kind: "data", path: "/new", writes: [create("/newer"), remove("/newer")], end: null },
    { kind: "data", path: "/new", writes: [create("/new")], end: "changed" },
    { kind: "children", path: "/new", writes: [create("/new")], end: "changed" },
    { kind: "data", path: "/new/x", writes: [create("/new"), create("/new/x")], end: "changed" },
  ] as const;
  for (const [i, { kind, writes, end, ...x }] of cases.entries()) {
    using server = new WatchedServer();
    server.write(create("/a"), create("/a/b"));
    const abort = new AbortController();
    const path = "path" in x ? x.path : "/a";
    const polled = poll(server, path, { kind, signal: abort.signal });
    server.write(...writes);
    for (let turn = 0; turn < 5; turn++) await Promise.resolve();
    abort.abort(); // ends it as the end of time does
    assert.equal(await polled, end ?? "timeout", `case ${i}`);
    assert.equal(server.gateway.tree.watches.watchCount, 0);
  }
});

Deno.test("waitForChange() tells of a znode that is not there once, then waits for it", async () => {
  using server = new WatchedServer();
  server.write(create("/a"), create("/a/b"));
  const seen = server.gateway.lastZxid;
  server.write(remove("/a/b"), remove("/a"));
  assert.equal(await poll(server, "/a/b", { since: seen }), "deleted");
  const polled = poll(server, "/a/b"); // with the zxid that the 404 told
  server.write(create("/a"), create("/a/b"));
  assert.equal(await polled, "changed");
});

Deno.test("waitForChange() ends with its time, and rejects when the server stops serving", async () => {
  using server = new WatchedServer();
  server.write(create("/a"));
  assert.equal(await poll(server, "/a", { waitMs: 1 }), "timeout");
  const polled = poll(server, "/a");
  server.loseQuorum();
  await assert.rejects(polled, { problem: "no-quorum" });
  await assert.rejects(poll(server, "/a"), { problem: "no-quorum" });
});

Deno.test("waitForChange() refuses a znode that may not be read", async () => {
  using server = new WatchedServer();
  const acl = [{ perms: 31, scheme: "digest", id: "u:x" }];
  server.write(create("/s", { acl }));
  await assert.rejects(poll(server, "/s", { since: 0 }), { problem: "no-auth" });
});
