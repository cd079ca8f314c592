import assert from "node:assert/strict";
import { sessionIdToHex } from "../../../core/zxid.ts";
import { parseSessionToken } from "../../../net/http/session_token.ts";
import { ZnodeServer } from "../../support/znode_server.ts";

Deno.test("GET node: all there is to know", async () => {
  await using server = await ZnodeServer.start({ extendedTypesEnabled: true });
  const made = await server.put("/data/a", '{"a":1}');
  await server.put("/data/a/b", "");
  const { status, json, headers } = await server.get("/node/a?encoding=json");
  assert.equal(status, 200);
  assert.deepEqual(
    { ...json, stat: null },
    {
      path: "/a",
      type: "persistent",
      etag: made.json.etag,
      data: { encoding: "json", data: { a: 1 } },
      stat: null,
      acl: [{ scheme: "world", id: "anyone", perms: "cdrwa" }],
      childCount: 1,
      owner: null,
      ttl: null,
    },
  );
  assert.deepEqual(json.stat, JSON.parse(headers.get("x-zk-stat")!));
  assert.equal(json.stat.numChildren, 1);
  const same = await server.get("/node/a", { "if-none-match": made.json.etag });
  assert.deepEqual([same.status, same.text], [304, ""]);
  assert.equal((await server.get("/node/a?encoding=hex")).status, 400);
  assert.equal((await server.get("/node/none")).status, 404);
  assert.equal((await server.get("/node/")).json.path, "/");
  assert.equal((await server.get("/node")).json.path, "/");
});

Deno.test("GET node: who owns an ephemeral, and from where", async () => {
  await using server = await ZnodeServer.start();
  const session = await server.newSession();
  await server.ask("PUT", "/data/e?type=ephemeral", { session });
  const id = sessionIdToHex(parseSessionToken(session)!.id);
  const own = await server.ask("GET", "/node/e", { session });
  assert.equal(own.json.type, "ephemeral");
  assert.deepEqual([own.json.owner.session, own.json.owner.own], [id, true]);
  const other = await server.get("/node/e");
  assert.deepEqual([other.json.owner.session, other.json.owner.own], [id, false]);
  // only who administers the znode is told the address
  const body = "world:anyone:r";
  assert.equal((await server.ask("PUT", "/acl/e", { body })).status, 200);
  assert.deepEqual((await server.get("/node/e")).json.owner, { session: id, own: false });
});

Deno.test("GET node: how long a TTL node has left", async () => {
  await using server = await ZnodeServer.start({ extendedTypesEnabled: true });
  await server.put("/data/t?type=ttl&ttlMs=600000", "");
  const { json } = await server.get("/node/t");
  assert.equal(json.type, "ttl");
  assert.equal(json.stat.ephemeralOwner, "0x0");
  assert.equal(json.ttl.ttlMs, 600_000);
  assert(json.ttl.remainingMs > 0 && json.ttl.remainingMs <= 600_000, `${json.ttl.remainingMs}`);
  await server.put("/data/t/child", "");
  assert.equal((await server.get("/node/t")).json.ttl.remainingMs, null);
});

Deno.test("GET children: pages in order, each with the URL of the next", async () => {
  await using server = await ZnodeServer.start();
  await server.put("/data/p", "");
  const names = ["a b", "a", "ä", "b", "c&d", "Z"];
  const ops = names.map((name) => ({ op: "create", path: `/p/${name}`, data: name }));
  assert.equal((await server.post("/txn", { ops })).status, 200);
  const found: string[] = [];
  let url: string | null = "/children/p?limit=4&stat=1";
  for (let page = 0; url !== null; page++) {
    const { status, json, headers } = await server.get(url);
    assert.equal(status, 200);
    assert.equal(json.stat.numChildren, 6);
    for (const child of json.children) {
      assert.equal(
        child.etag,
        (await server.get(`/data/p/${encodeURIComponent(child.name)}`)).headers.get("etag"),
      );
      assert.deepEqual([child.type, "data" in child], ["persistent", false]);
      found.push(child.name);
    }
    const link = /^<\/api\/v1(.*)>; rel="next"$/.exec(headers.get("link") ?? "");
    assert.equal(link === null, page === 1);
    assert.equal(json.next, page === 1 ? null : "b");
    url = link?.[1] ?? null;
  }
  assert.deepEqual(found, ["Z", "a", "a b", "b", "c&d", "ä"]);
});

Deno.test("GET children: filters, and what comes with each", async () => {
  await using server = await ZnodeServer.start({ extendedTypesEnabled: true });
  const session = await server.newSession();
  await server.put("/data/p/plain?parents=1", "text");
  await server.put("/data/p/container?type=container", "");
  await server.put("/data/p/ttl?type=ttl&ttlMs=600000", "");
  await server.ask("PUT", "/data/p/eph?type=ephemeral", { session });
  await server.ask("POST", "/data/p/seq-?sequence=1");
  await server.put("/data/p/secret?acl=world:anyone:w", "hidden");
  const cases: { query: string; names: string[] }[] = [
    { query: "", names: ["container", "eph", "plain", "secret", "seq-0000000004", "ttl"] },
    { query: "type=ephemeral", names: ["eph"] },
    { query: "type=container", names: ["container"] },
    { query: "type=ttl", names: ["ttl"] },
    { query: "type=sequential", names: ["seq-0000000004"] },
    { query: "type=persistent", names: ["plain", "seq-0000000004"] }, // what secret is, is one
    { query: "prefix=se", names: ["secret", "seq-0000000004"] },
    { query: "prefix=se&after=secret", names: ["seq-0000000004"] },
    { query: "after=ttl", names: [] },
  ];
  for (const { query, names } of cases) {
    const { json } = await server.get(`/children/p?${query}`);
    assert.deepEqual(json.children, names.map((name) => ({ name })), query);
  }
  const full = await server.get("/children/p?data=1&stat=1&prefix=secret");
  assert.deepEqual(full.json.children, [{ name: "secret", denied: true }]);
  const plain = await server.get("/children/p?data=1&prefix=plain&encoding=base64");
  assert.deepEqual(plain.json.children, [
    { name: "plain", data: { encoding: "base64", data: "dGV4dA==" } },
  ]);
  for (const query of ["limit=0", "limit=10001", "limit=x", "type=x", "nonsense=1", "stat=2"]) {
    assert.equal((await server.get(`/children/p?${query}`)).status, 400, query);
  }
  assert.equal((await server.get("/children/none")).status, 404);
  assert.equal((await server.get("/children/p/secret")).status, 401);
});

Deno.test("GET children: a page ends where its data gets too much", async () => {
  await using server = await ZnodeServer.start();
  await server.put("/data/p", "");
  for (let i = 0; i < 6; i++) await server.put(`/data/p/n${i}`, "x".repeat(1_000_000));
  const { json } = await server.get("/children/p?data=1");
  assert.deepEqual([json.children.length, json.next], [5, "n4"]);
  const rest = await server.get(`/children/p?data=1&after=${json.next}`);
  assert.deepEqual([rest.json.children.length, rest.json.next], [1, null]);
  assert.equal((await server.get("/children/p")).json.children.length, 6);
});

Deno.test("GET children: waits for a child to come or go", async () => {
  await using server = await ZnodeServer.start();
  await server.put("/data/p/a?parents=1", "");
  const since = (await server.get("/children/p")).headers.get("x-zk-since");
  assert.equal((await server.get(`/children/p?since=${since}`)).status, 204);
  const waiting = server.get(`/children/p?since=${since}&wait=10m`);
  await server.put("/data/p/a", "data of a child is none of it");
  await server.put("/data/p/b", "");
  const { status, json } = await waiting;
  assert.deepEqual([status, json.children], [200, [{ name: "a" }, { name: "b" }]]);
});

Deno.test("GET children: pages of a long list, while children come and go", async () => {
  await using server = await ZnodeServer.start();
  await server.put("/data/p", "");
  const names = Array.from({ length: 12_000 }, (_, i) => `n${String(i).padStart(5, "0")}`);
  for (let at = 0; at < names.length; at += 4000) {
    const ops = names.slice(at, at + 4000).map((name) => ({ op: "create", path: `/p/${name}` }));
    assert.equal((await server.post("/txn", { ops })).status, 200);
  }
  let isDone = false;
  const other = (async () => {
    for (let i = 0; !isDone; i++) {
      await server.put(`/data/p/x${i}`, "");
      await server.delete(`/data/p/x${i}`);
    }
  })();
  const found: string[] = [];
  for (let next: string | null = ""; next !== null;) {
    const { status, json } = await server.get(`/children/p?limit=5000&after=${next}`);
    assert.equal(status, 200);
    for (const { name } of json.children) if (name.startsWith("n")) found.push(name);
    next = json.next;
  }
  isDone = true;
  await other;
  assert.deepEqual(found, names);
});
