import assert from "node:assert/strict";
import { ZnodeServer } from "../../support/znode_server.ts";

const T = "urn:denkeeper:problem:";

Deno.test("POST txn: does all in one txn, and tells what became of each", async () => {
  await using server = await ZnodeServer.start({ extendedTypesEnabled: true });
  const session = await server.newSession();
  const { json: { etag } } = await server.put("/data/there", "1");
  await server.put("/data/old", "");
  const answer = await server.ask("POST", "/txn", {
    session,
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      ops: [
        { op: "check", path: "/there", version: 0 },
        { op: "check", path: "/there", etag },
        { op: "set", path: "/there", data: { encoding: "base64", data: "AP8=" }, etag },
        { op: "create", path: "/p" },
        { op: "create", path: "/p/null", data: null },
        {
          op: "create",
          path: "/p/text",
          data: "text",
          acl: [{ scheme: "world", id: "anyone", perms: "r" }],
        },
        { op: "create", path: "/p/json", data: { encoding: "json", data: { a: 1 } } },
        { op: "create", path: "/p/s-", sequence: true },
        { op: "create", path: "/p/", sequence: true, type: "ephemeral" },
        { op: "create", path: "/p/ttl", type: "ttl", ttlMs: 60000 },
        { op: "create", path: "/p/container", type: "container" },
        { op: "delete", path: "/old", version: 0 },
      ],
    }),
  });
  assert.equal(answer.status, 200, answer.text);
  const { zxid, results } = answer.json;
  assert.deepEqual(results.map(({ op, path }: { op: string; path: string }) => `${op} ${path}`), [
    ...["check /there", "check /there", "set /there", "create /p", "create /p/null"],
    ...["create /p/text", "create /p/json", "create /p/s-0000000003", "create /p/0000000004"],
    ...["create /p/ttl", "create /p/container", "delete /old"],
  ]);
  assert.deepEqual([results[2].stat.version, results[2].stat.mzxid], [1, zxid]);
  assert.equal(results[3].stat.czxid, zxid);
  assert.equal((await server.get("/data/there")).headers.get("etag"), results[2].etag);
  assert.deepEqual((await server.get("/data/there")).bytes, new Uint8Array([0, 255]));
  assert.equal((await server.get("/data/p/null")).headers.get("x-zk-null"), "1");
  assert.equal((await server.get("/data/p/json")).text, '{"a":1}');
  assert.equal((await server.get("/node/p/0000000004")).json.type, "ephemeral");
  assert.equal((await server.get("/data/old")).status, 404);
});

Deno.test("POST txn: when one fails nothing is done, and it says which and why", async () => {
  await using server = await ZnodeServer.start();
  await server.put("/data/there", "1");
  await server.put("/data/closed?acl=world:anyone:r", "1");
  await server.put("/data/full/child?parents=1", "1");
  const cases: { op: Record<string, unknown>; problem: string; code: number; name: string }[] = [
    {
      op: { op: "check", path: "/there", version: 7 },
      problem: "bad-version",
      code: -103,
      name: "BADVERSION",
    },
    {
      op: { op: "set", path: "/there", data: "", version: 7 },
      problem: "bad-version",
      code: -103,
      name: "BADVERSION",
    },
    {
      op: { op: "set", path: "/there", data: "", etag: '"0.1"' },
      problem: "bad-version",
      code: -103,
      name: "BADVERSION",
    },
    {
      op: { op: "delete", path: "/none", etag: '"0.1"' },
      problem: "no-node",
      code: -101,
      name: "NONODE",
    },
    { op: { op: "check", path: "/none" }, problem: "no-node", code: -101, name: "NONODE" },
    {
      op: { op: "create", path: "/none/a" },
      problem: "parent-missing",
      code: -101,
      name: "NONODE",
    },
    {
      op: { op: "create", path: "/there" },
      problem: "node-exists",
      code: -110,
      name: "NODEEXISTS",
    },
    { op: { op: "delete", path: "/full" }, problem: "not-empty", code: -111, name: "NOTEMPTY" },
    {
      op: { op: "set", path: "/closed", data: "" },
      problem: "no-auth",
      code: -102,
      name: "NOAUTH",
    },
  ];
  for (const { op, problem, code, name } of cases) {
    const ops = [{ op: "create", path: "/first" }, op, { op: "create", path: "/last" }];
    const { status, json } = await server.post("/txn", { ops });
    assert.equal(status, 409, JSON.stringify(json));
    assert.deepEqual(
      { type: json.type, index: json.index, path: json.path, problem: json.problem },
      { type: `${T}txn-failed`, index: 1, path: op["path"], problem },
    );
    assert.deepEqual([json.code, json.name, json.outcome], [code, name, "not-applied"]);
    assert.deepEqual(
      json.results.map(({ result }: { result: string }) => result),
      ["rolled-back", problem, "not-tried"],
    );
    assert.equal((await server.get("/data/first")).status, 404);
  }
});

Deno.test("POST txn: refuses what is not well-formed", async () => {
  await using server = await ZnodeServer.start();
  const bad: unknown[] = [
    {},
    { ops: [] },
    { ops: [{}] },
    { ops: [{ op: "rename", path: "/a" }] },
    { ops: [{ op: "create" }] },
    { ops: [{ op: "create", path: "a" }] },
    { ops: [{ op: "create", path: "/a/" }] },
    { ops: [{ op: "create", path: "/a/../b" }] },
    { ops: [{ op: "create", path: "/a", more: 1 }] },
    { ops: [{ op: "create", path: "/a", type: "ttl" }] },
    { ops: [{ op: "create", path: "/a", ttlMs: 5 }] },
    { ops: [{ op: "create", path: "/a", type: "container", sequence: true }] },
    { ops: [{ op: "create", path: "/a", type: "ephemeral" }] },
    { ops: [{ op: "create", path: "/a", acl: [] }] },
    { ops: [{ op: "create", path: "/a", data: { encoding: "base64", data: "*" } }] },
    { ops: [{ op: "create", path: "/a", data: { encoding: "hex", data: "00" } }] },
    { ops: [{ op: "create", path: "/a", data: 5 }] },
    { ops: [{ op: "set", path: "/a" }] },
    { ops: [{ op: "set", path: "/a", data: "", version: 0, etag: '"0.1"' }] },
    { ops: [{ op: "check", path: "/a", version: 2 ** 31 }] },
    { ops: [{ op: "check", path: "/a", version: "0" }] },
    { ops: [{ op: "create", path: "/ok" }], more: 1 },
  ];
  for (const body of bad) {
    const { status, text } = await server.post("/txn", body);
    assert.equal(status, 400, `${JSON.stringify(body)}: ${text}`);
  }
  const large = await server.post("/txn", {
    ops: [1, 2].map((n) => ({ op: "create", path: `/n${n}`, data: "x".repeat(600_000) })),
  });
  assert.deepEqual([large.status, large.json.type], [413, `${T}too-large`]);
  assert.equal((await server.get("/children/?prefix=n")).json.children.length, 0);
});

Deno.test("POST read: all as of one zxid, with problems in their places", async () => {
  await using server = await ZnodeServer.start();
  await server.put("/data/a/c2?parents=1", "two");
  await server.put("/data/a/c1", "one");
  await server.put("/data/secret?acl=world:anyone:w", "");
  const paths = ["/a", "/a/c1", "/none", "/secret"];
  const { status, json, headers } = await server.post("/read", { paths });
  assert.equal(status, 200);
  assert.equal(json.zxid, headers.get("x-zk-zxid"));
  assert.deepEqual(json.results.map(({ path }: { path: string }) => path), paths);
  const [, c1, none, secret] = json.results;
  assert.deepEqual(c1.data, { encoding: "utf8", data: "one" });
  assert.equal(c1.etag, (await server.get("/data/a/c1")).headers.get("etag"));
  assert.deepEqual(none, { path: "/none", problem: "no-node", status: 404 });
  assert.deepEqual(secret, { path: "/secret", problem: "no-auth", status: 403 });

  const children = await server.post("/read", { paths: ["/a", "/a/c1"], what: "children" });
  assert.deepEqual(
    children.json.results.map(({ children }: { children: string[] }) => children),
    [["c1", "c2"], []],
  );
  const stat = await server.post("/read", { paths: ["/a"], what: "stat" });
  assert.deepEqual([stat.json.results[0].stat.numChildren, stat.json.results[0].data], [
    2,
    undefined,
  ]);
  const base64 = await server.post("/read", { paths: ["/a/c1"], encoding: "base64" });
  assert.deepEqual(base64.json.results[0].data, { encoding: "base64", data: "b25l" });

  for (const body of [{}, { paths: [] }, { paths: ["a"] }, { paths, what: "acl" }]) {
    assert.equal((await server.post("/read", body)).status, 400, JSON.stringify(body));
  }
});

Deno.test("POST read: bounds its answer", async () => {
  await using server = await ZnodeServer.start();
  await server.put("/data/a", "x".repeat(1_000_000));
  const few = await server.post("/read", { paths: Array(16).fill("/a") });
  assert.deepEqual([few.status, few.json.results.length], [200, 16]);
  const many = await server.post("/read", { paths: Array(17).fill("/a") });
  assert.deepEqual([many.status, many.json.type], [413, `${T}too-large`]);
});

Deno.test("POST sync: tells the zxid that the server has", async () => {
  await using server = await ZnodeServer.start();
  const { json: { zxid } } = await server.put("/data/a", "");
  const { status, json, headers } = await server.ask("POST", "/sync");
  assert.equal(status, 200);
  assert.equal(json.zxid, headers.get("x-zk-zxid"));
  assert(parseInt(json.zxid, 16) >= parseInt(zxid, 16));
});
