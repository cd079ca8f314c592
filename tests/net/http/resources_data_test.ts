import assert from "node:assert/strict";
import type { AskOptions } from "../../support/http_asker.ts";
import { ZnodeServer } from "../../support/znode_server.ts";

const BINARY = new Uint8Array([0, 255, 128, 10]);

Deno.test("GET data: bytes as they are, stat in headers, null and empty apart", async () => {
  await using server = await ZnodeServer.start();
  const made = await server.put("/data/a", BINARY);
  assert.equal(made.status, 201);
  const { status, headers, bytes } = await server.get("/data/a");
  assert.equal(status, 200);
  assert.deepEqual(bytes, BINARY);
  assert.equal(headers.get("content-type"), "application/octet-stream");
  assert.equal(headers.get("x-content-type-options"), "nosniff");
  assert.equal(headers.get("etag"), made.json.etag);
  assert.equal(headers.get("x-zk-null"), null);
  const stat = JSON.parse(headers.get("x-zk-stat")!);
  assert.deepEqual(stat, made.json.stat);
  assert.equal(
    new Date(headers.get("last-modified")!).getTime(),
    Math.trunc(stat.mtime / 1000) * 1000,
  );
  assert.equal(headers.get("x-zk-since"), stat.mzxid);

  await server.put("/data/empty", "");
  await server.put("/data/null", "", { "x-zk-null": "1" });
  const empty = await server.get("/data/empty");
  const none = await server.get("/data/null");
  assert.deepEqual([empty.bytes.length, empty.headers.get("x-zk-null")], [0, null]);
  assert.deepEqual([none.bytes.length, none.headers.get("x-zk-null")], [0, "1"]);
});

Deno.test("GET data: answers 304 to the ETag that it is at", async () => {
  await using server = await ZnodeServer.start();
  const { json: { etag } } = await server.put("/data/a", "x");
  const cases: [ifNoneMatch: string, status: number][] = [
    [etag, 304],
    [`W/${etag}`, 304],
    [`"9.9", ${etag}`, 304],
    ["*", 304],
    ['"9.9"', 200],
  ];
  for (const [header, status] of cases) {
    const answer = await server.get("/data/a", { "if-none-match": header });
    assert.deepEqual([answer.status, answer.text], [status, status === 304 ? "" : "x"], header);
    assert.equal(answer.headers.get("etag"), etag);
  }
});

Deno.test("GET data: sniffs types, none of which a browser would run", async () => {
  await using server = await ZnodeServer.start();
  const cases: [data: BodyInit, type: string][] = [
    ["hello", "text/plain; charset=utf-8"],
    ["<html><script>1</script>", "text/plain; charset=utf-8"],
    ['{"a":1}', "application/json"],
    ["[1]", "application/json"],
    ["{no json", "text/plain; charset=utf-8"],
    [BINARY, "application/octet-stream"],
  ];
  for (const [data, type] of cases) {
    await server.put("/data/a", data);
    for (const flag of ["sniff", "sniff=1", "sniff=true"]) {
      assert.equal((await server.get(`/data/a?${flag}`)).headers.get("content-type"), type);
    }
    const plain = await server.get("/data/a?sniff=0");
    assert.equal(plain.headers.get("content-type"), "application/octet-stream");
  }
});

Deno.test("GET data: packs what is long, for those who ask", async () => {
  await using server = await ZnodeServer.start();
  const long = "x".repeat(100_000);
  const { json: { etag } } = await server.put("/data/a", long);
  // fetch unpacks what it gets
  const packed = await server.get("/data/a", { "accept-encoding": "gzip" });
  assert.equal(packed.text, long);
  assert.equal(packed.headers.get("etag"), etag, "it is still good for If-Match");
  assert.equal(packed.headers.get("vary"), "accept-encoding");
  const plain = await server.get("/data/a", { "accept-encoding": "identity" });
  assert.deepEqual([plain.text, plain.headers.get("content-encoding")], [long, null]);
});

Deno.test("HEAD data: the headers of GET, without the bytes", async () => {
  await using server = await ZnodeServer.start();
  await server.put("/data/a", "12345");
  const get = await server.get("/data/a");
  const head = await server.ask("HEAD", "/data/a");
  assert.deepEqual([head.status, head.text], [200, ""]);
  for (const name of ["etag", "last-modified", "x-zk-stat", "content-length", "content-type"]) {
    assert.equal(head.headers.get(name), get.headers.get(name), name);
  }
  await server.put("/data/null", "", { "x-zk-null": "1" });
  assert.equal((await server.ask("HEAD", "/data/null")).headers.get("x-zk-null"), "1");
  const missing = await server.ask("HEAD", "/data/b");
  assert.deepEqual([missing.status, missing.headers.get("x-zk-error")], [404, "NONODE"]);
});

Deno.test("GET data: waits for what is newer than since", async () => {
  await using server = await ZnodeServer.start();
  const { json: { stat } } = await server.put("/data/a", "1");
  const since = stat.mzxid;
  const now = await server.get(`/data/a?since=${since}`);
  assert.deepEqual([now.status, now.headers.get("x-zk-since")], [204, since]);
  assert.equal((await server.get("/data/a?since=0x0&wait=10m")).text, "1", "it is newer already");

  const waiting = server.get(`/data/a?since=${since}&wait=10m`);
  await server.put("/data/other", "");
  await server.put("/data/a", "2");
  const changed = await waiting;
  assert.deepEqual([changed.status, changed.text], [200, "2"]);

  const waitingForEnd = server.get(`/data/a?since=${changed.headers.get("x-zk-since")}&wait=10m`);
  const { json: { zxid } } = await server.delete("/data/a");
  const gone = await waitingForEnd;
  assert.deepEqual([gone.status, gone.headers.get("x-zk-zxid")], [404, zxid]);

  for (const query of ["wait=1s", "since=5&wait=1s", "since=0x0&wait=11m", "since=0x0&wait=x"]) {
    assert.equal((await server.get(`/data/a?${query}`)).status, 400, query);
  }
});

Deno.test("PUT data: makes and changes, and tells the new stat", async () => {
  await using server = await ZnodeServer.start();
  const made = await server.put("/data/a", "1");
  assert.equal(made.status, 201);
  assert.equal(made.json.path, "/a");
  assert.equal(made.json.stat.version, 0);
  assert.equal(made.json.zxid, made.json.stat.czxid);
  assert.equal(made.headers.get("etag"), made.json.etag);
  const changed = await server.put("/data/a", "2");
  assert.equal(changed.status, 200);
  assert.equal(changed.json.stat.version, 1);
  assert.equal(changed.json.zxid, changed.json.stat.mzxid);
  assert.deepEqual(JSON.parse(changed.headers.get("x-zk-stat")!), changed.json.stat);
  assert.equal("data" in changed.json, false);

  const full = await server.put("/data/a", "3", { prefer: "return=representation" });
  assert.deepEqual(full.json.data, { encoding: "utf8", data: "3" });
  assert.equal(full.headers.get("preference-applied"), "return=representation");
  const minimal = await server.put("/data/a", "4", { prefer: "return=minimal" });
  assert.deepEqual([minimal.status, minimal.text], [200, ""]);
  assert.notEqual(minimal.headers.get("etag"), full.headers.get("etag"));
});

Deno.test("PUT data: what each condition does to what is there", async () => {
  await using server = await ZnodeServer.start();
  const conditions: {
    headers: (etag: string) => Record<string, string>;
    there: number;
    none: number;
  }[] = [
    { headers: () => ({}), there: 200, none: 201 },
    { headers: () => ({ "if-none-match": "*" }), there: 409, none: 201 },
    { headers: () => ({ "if-match": "*" }), there: 200, none: 404 },
    { headers: (etag) => ({ "if-match": etag }), there: 200, none: 404 },
    { headers: (etag) => ({ "if-match": `"7.1", ${etag}` }), there: 200, none: 404 },
    { headers: () => ({ "if-match": '"0"' }), there: 200, none: 404 },
    { headers: () => ({ "if-match": '"1"' }), there: 412, none: 404 },
    { headers: () => ({ "if-match": '"0.1"' }), there: 412, none: 404 }, // of an earlier life
    { headers: () => ({ "if-match": '"what"' }), there: 412, none: 404 },
    { headers: (etag) => ({ "if-match": `W/${etag}` }), there: 400, none: 400 },
    { headers: () => ({ "if-match": "0" }), there: 400, none: 400 },
    { headers: () => ({ "if-none-match": '"0.1"' }), there: 400, none: 400 },
    { headers: () => ({ "if-match": "*", "if-none-match": "*" }), there: 400, none: 400 },
  ];
  for (const [index, { headers, there, none }] of conditions.entries()) {
    const { json: { etag } } = await server.put(`/data/there${index}`, "old");
    const label = JSON.stringify(headers(etag));
    const onThere = await server.put(`/data/there${index}`, "new", headers(etag));
    assert.equal(onThere.status, there, `${label}: ${onThere.text}`);
    const after = await server.get(`/data/there${index}`);
    assert.equal(after.text, there === 200 ? "new" : "old", label);
    const onNone = await server.put(`/data/none${index}`, "new", headers(etag));
    assert.equal(onNone.status, none, `${label}: ${onNone.text}`);
    assert.equal((await server.get(`/data/none${index}`)).status, none === 201 ? 200 : 404, label);
  }
});

Deno.test("PUT data: a conflict tells what is there, and with Prefer its value", async () => {
  await using server = await ZnodeServer.start();
  await server.put("/data/a", "1");
  const { json: { etag } } = await server.put("/data/a", "2");
  const conflict = await server.put("/data/a", "3", { "if-match": '"0"' });
  assert.equal(conflict.status, 412);
  assert.equal(conflict.headers.get("etag"), etag);
  const { type, code, name, outcome, path, current } = conflict.json;
  assert.deepEqual(
    { type, code, name, outcome, path },
    {
      type: "urn:denkeeper:problem:bad-version",
      code: -103,
      name: "BADVERSION",
      outcome: "not-applied",
      path: "/a",
    },
  );
  assert.deepEqual([current.etag, current.stat.version, "data" in current], [etag, 1, false]);
  const full = await server.put("/data/a", "3", {
    "if-match": '"0"',
    prefer: "return=representation",
  });
  assert.deepEqual(full.json.current.data, { encoding: "utf8", data: "2" });

  // who may not read it is told nothing of it
  await server.put("/data/secret", "s", { "x-zk-acl": "world:anyone:wcda" });
  const secret = await server.put("/data/secret", "3", {
    "if-match": '"7"',
    prefer: "return=representation",
  });
  assert.deepEqual([secret.status, secret.headers.get("etag")], [412, null]);
  assert.equal("current" in secret.json, false);
});

Deno.test("PUT data: a znode made anew is not the one that an old ETag names", async () => {
  await using server = await ZnodeServer.start();
  const { json: { etag } } = await server.put("/data/a", "1");
  await server.delete("/data/a");
  await server.put("/data/a", "2");
  assert.equal((await server.put("/data/a", "3", { "if-match": etag })).status, 412);
  assert.equal((await server.put("/data/a", "3", { "if-match": '"0"' })).status, 200);
});

Deno.test("PUT data: makes parents when it is asked to, all or nothing", async () => {
  await using server = await ZnodeServer.start();
  const missing = await server.put("/data/a/b/c", "1");
  assert.deepEqual(
    [missing.status, missing.json.type, missing.headers.get("x-zk-error")],
    [409, "urn:denkeeper:problem:parent-missing", "NONODE"],
  );
  const made = await server.put("/data/a/b/c?parents=1", "1");
  assert.equal(made.status, 201);
  const parent = await server.get("/node/a/b");
  assert.equal(parent.json.stat.czxid, made.json.stat.czxid, "it was one transaction");
  assert.equal((await server.put("/data/a/b/c?parents=1", "2")).status, 200);
  assert.equal((await server.put("/data/a/b/d?parents=1", "2")).status, 201);

  // they get the ACL of where they hang
  await server.put("/data/p?acl=world:anyone:crd", "");
  assert.equal((await server.put("/data/p/q/r?parents=1&acl=world:anyone:r", "")).status, 201);
  assert.equal((await server.get("/acl/p/q?format=text")).text, "world:anyone:cdr\n");
  assert.equal((await server.get("/acl/p/q/r?format=text")).text, "world:anyone:r\n");
  const refused = await server.put("/data/p/q/r/s/t?parents=1", "");
  assert.equal(refused.status, 401);
  assert.equal((await server.get("/data/p/q/r/s")).status, 404);
});

Deno.test("PUT data: types and what they need", async () => {
  await using server = await ZnodeServer.start({ extendedTypesEnabled: true });
  const session = await server.newSession();
  const cases: { query: string; status: number; type?: string; with?: { session: string } }[] = [
    { query: "type=persistent", status: 201, type: "persistent" },
    { query: "type=container", status: 201, type: "container" },
    { query: "type=ttl&ttlMs=60000", status: 201, type: "ttl" },
    { query: "type=ttl", status: 400 },
    { query: "type=ttl&ttlMs=0", status: 400 },
    { query: "ttlMs=60000", status: 400 },
    { query: "type=ephemeral", status: 400 },
    { query: "type=ephemeral", status: 201, type: "ephemeral", with: { session } },
    { query: "type=strange", status: 400 },
    { query: "takeover=1", status: 400 },
    { query: "type=ephemeral&takeover=1", status: 400 },
    { query: "acl=nonsense", status: 400 },
    { query: "acl=digest:u:r", status: 400 },
    { query: "acl=world:anyone:r", status: 201, type: "persistent" },
    { query: "nonsense=1", status: 400 },
  ];
  for (const [index, { query, status, type, with: options }] of cases.entries()) {
    const answer = await server.ask("PUT", `/data/n${index}?${query}`, { body: "x", ...options });
    assert.equal(answer.status, status, `${query}: ${answer.text}`);
    if (type !== undefined) assert.equal((await server.get(`/node/n${index}`)).json.type, type);
  }
  // what exists must be of the type that is asked for
  assert.equal((await server.put("/data/n1?type=container", "y")).status, 200);
  const other = await server.put("/data/n1?type=persistent", "z");
  assert.deepEqual([other.status, other.json.type], [409, "urn:denkeeper:problem:node-exists"]);
  assert.equal((await server.get("/data/n1")).text, "y");
  const child = await server.put("/data/n7/child", "");
  assert.deepEqual([child.status, child.headers.get("x-zk-error")], [
    409,
    "NOCHILDRENFOREPHEMERALS",
  ]);
  const both = await server.put("/data/x", "data", { "x-zk-null": "1" });
  assert.equal(both.status, 400);
});

Deno.test("PUT data: without extended types there are no TTL nodes", async () => {
  await using server = await ZnodeServer.start();
  const answer = await server.put("/data/a?type=ttl&ttlMs=1000", "");
  assert.deepEqual([answer.status, answer.json.outcome], [501, "not-applied"]);
});

Deno.test("PUT data: limits of size and quota, and sessions that are over", async () => {
  await using server = await ZnodeServer.start({ enforceQuota: true });
  const large = await server.put("/data/a", new Uint8Array(1_100_000));
  assert.deepEqual([large.status, large.json.outcome], [413, "not-applied"]);

  await server.put("/data/limited", "");
  const limits = "count=-1,bytes=-1=;byteHardLimit=5;countHardLimit=-1";
  const quota = "/data/zookeeper/quota/limited";
  assert.equal((await server.put(`${quota}/zookeeper_limits?parents=1`, limits)).status, 201);
  assert.equal((await server.put(`${quota}/zookeeper_stats`, "count=1,bytes=0")).status, 201);
  assert.equal((await server.put("/data/limited", "12345")).status, 200);
  const full = await server.put("/data/limited", "123456");
  assert.deepEqual(
    [full.status, full.headers.get("x-zk-error"), full.json.outcome],
    [507, "QUOTAEXCEEDED", "not-applied"],
  );

  const session = await server.newSession();
  const { json } = await server.ask("PUT", "/data/e?type=ephemeral", { session });
  assert.equal((await server.delete(`/sessions/${session}`)).status, 204);
  for (const query of ["type=ephemeral", "", "type=ephemeral&takeover=1"]) {
    const over = await server.ask("PUT", `/data/e2?${query}`, { session });
    assert.deepEqual([over.status, over.headers.get("x-zk-error")], [410, "SESSIONEXPIRED"]);
  }
  assert.equal((await server.get(`/data${json.path}`)).status, 404, "it went with its session");
});

Deno.test("PUT data: an ephemeral of another session is only replaced by takeover", async () => {
  await using server = await ZnodeServer.start();
  const [mine, other] = [await server.newSession(), await server.newSession()];
  const put = (session: string, query: string, data: string) =>
    server.ask("PUT", `/data/e?${query}`, { body: data, session });
  const first = await put(other, "type=ephemeral", "other");
  assert.equal(first.status, 201);
  assert.equal((await put(other, "type=ephemeral", "again")).status, 200);
  const refused = await put(mine, "type=ephemeral", "mine");
  assert.deepEqual([refused.status, refused.json.type], [409, "urn:denkeeper:problem:node-exists"]);

  const taken = await put(mine, "type=ephemeral&takeover=1", "mine");
  assert.equal(taken.status, 201);
  assert.equal(taken.json.tookOver, first.json.stat.ephemeralOwner);
  assert.notEqual(taken.json.stat.ephemeralOwner, first.json.stat.ephemeralOwner);
  assert.equal((await server.get("/data/e")).text, "mine");
  // its own one is just set
  const again = await put(mine, "type=ephemeral&takeover=1", "mine 2");
  assert.deepEqual([again.status, again.json.tookOver], [200, undefined]);
  // what is no ephemeral is nobody's to take over
  await server.put("/data/p", "");
  const persistent = await server.ask("PUT", "/data/p?type=ephemeral&takeover=1", {
    session: mine,
  });
  assert.equal(persistent.status, 409);
});

Deno.test("PUT data: of many compare-and-sets at a time none is lost", async () => {
  await using server = await ZnodeServer.start();
  await server.put("/data/counter", "0");
  const increment = async () => {
    for (;;) {
      const { text, headers } = await server.get("/data/counter");
      const answer = await server.put("/data/counter", String(Number(text) + 1), {
        "if-match": headers.get("etag")!,
      });
      if (answer.status === 200) return;
      assert.equal(answer.status, 412);
    }
  };
  await Promise.all(Array.from({ length: 10 }, async () => {
    for (let i = 0; i < 6; i++) await increment();
  }));
  const { text, headers } = await server.get("/data/counter");
  assert.equal(text, "60");
  assert.match(headers.get("etag")!, /^"60\./);
});

Deno.test("PUT data: of many at a time exactly one made the znode, and its parents", async () => {
  await using server = await ZnodeServer.start();
  for (const url of ["/data/one", "/data/a/b/c?parents=1"]) {
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, i) => server.put(url, String(i))),
    );
    const statuses = answers.map(({ status }) => status);
    assert.equal(statuses.filter((status) => status === 201).length, 1, url);
    assert.equal(statuses.filter((status) => status === 200).length, 49, url);
    assert.equal((await server.get(url.split("?")[0]!)).headers.get("etag")!.split(".")[0], '"49');
  }
  const only = await Promise.all(
    Array.from({ length: 50 }, () => server.put("/data/two", "", { "if-none-match": "*" })),
  );
  assert.deepEqual(
    only.map(({ status }) => status).sort(),
    [201, ...Array(49).fill(409)],
  );
});

Deno.test("PUT data: goes on while another makes and deletes the same", async () => {
  await using server = await ZnodeServer.start();
  let isDone = false;
  const other = (async () => {
    while (!isDone) {
      await server.put("/data/a", "");
      await server.delete("/data/a");
    }
  })();
  const statuses = new Set<number>();
  for (let i = 0; i < 100; i++) statuses.add((await server.put("/data/a", "x")).status);
  isDone = true;
  await other;
  assert.deepEqual([...statuses].filter((status) => ![200, 201].includes(status)), []);
});

Deno.test("writes that are refused say that nothing was done, whoever refuses them", async () => {
  await using server = await ZnodeServer.start();
  const session = await server.newSession();
  const refused: [string, string, AskOptions][] = [
    ["PUT", "/data/a%2Fb", {}],
    ["PUT", "/data/a?type=none", {}],
    ["PUT", "/data/a?consistency=none", {}],
    ["PUT", "/data/a", { session: "nonsense" }],
    ["PUT", "/data/a", { headers: { "x-zk-min-zxid": "x" } }],
    ["POST", "/txn", { body: "{", headers: { "content-type": "application/json" } }],
    ["POST", "/sessions", { body: "x", headers: { "content-type": "image/png" } }],
    ["DELETE", "/locks/a", { session }],
    ["DELETE", "/elections/a", { session }],
  ];
  for (const [method, path, options] of refused) {
    const { status, json } = await server.ask(method, path, options);
    assert.equal(json.outcome, "not-applied", `${method} ${path}: ${status}`);
  }
  assert.equal("outcome" in (await server.get("/data/a%2Fb")).json, false, "reads have none");
});

Deno.test("GET data: no cache may answer it without asking", async () => {
  await using server = await ZnodeServer.start();
  await server.put("/data/a", "");
  for (const path of ["/data/a", "/node/a", "/children/a", "/tree/a", "/acl/a"]) {
    const { headers } = await server.get(path);
    assert.equal(headers.get("cache-control"), "no-cache", path);
  }
});

Deno.test("writes with a condition that they do not know are refused", async () => {
  await using server = await ZnodeServer.start();
  await server.put("/data/a", "");
  const date = new Date(0).toUTCString();
  const refused: [string, string, Record<string, string>][] = [
    ["DELETE", "/data/a", { "if-none-match": "*" }],
    ["DELETE", "/data/a?recursive=1", { "if-unmodified-since": date }],
    ["PUT", "/data/a", { "if-unmodified-since": date }],
    ["PUT", "/acl/a", { "if-none-match": "*" }],
    ["PUT", "/tree/a", { "if-match": "*" }],
    ["POST", "/data/a/b?sequence=1", { "if-none-match": "*" }],
  ];
  for (const [method, path, headers] of refused) {
    const { status, json } = await server.ask(method, path, { headers });
    const label = `${method} ${path}`;
    assert.deepEqual([status, json.outcome], [400, "not-applied"], label);
    assert.match(json.detail, new RegExp(`knows no ${Object.keys(headers)[0]}`), label);
  }
  const { json } = await server.get("/node/a");
  assert.deepEqual([json.stat.version, json.stat.aversion, json.childCount], [0, 0, 0]);
});
