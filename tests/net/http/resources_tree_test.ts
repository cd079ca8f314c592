import assert from "node:assert/strict";
import { type Answer, ZnodeServer } from "../../support/znode_server.ts";

const T = "urn:denkeeper:problem:";
const BASIC = { authorization: `Basic ${btoa("app:pw")}` };

// deno-lint-ignore no-explicit-any
function linesOf({ text }: Answer): any[] {
  return text.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line));
}

function ndjson(lines: readonly unknown[]): string {
  return lines.map((line) => JSON.stringify(line) + "\n").join("");
}

const OPEN = [{ scheme: "world", id: "anyone", perms: "cdrwa" }];

Deno.test("GET tree: a line each, parents first, paths from the exported znode on", async () => {
  await using server = await ZnodeServer.start({ extendedTypesEnabled: true });
  const session = await server.newSession();
  await server.put("/data/t/b/c?parents=1", new Uint8Array([255]));
  await server.put("/data/t/a?type=container", "text");
  await server.put("/data/t/null", "", { "x-zk-null": "1" });
  await server.put("/data/t/ttl?type=ttl&ttlMs=600000", "");
  await server.ask("PUT", "/data/t/e?type=ephemeral", { session });
  const all = await server.get("/tree/t");
  assert.equal(all.headers.get("content-type"), "application/x-ndjson");
  const empty = { encoding: "utf8", data: "" };
  const lines = [
    { path: "/", type: "persistent", data: empty, acl: OPEN },
    { path: "/a", type: "container", data: { encoding: "utf8", data: "text" }, acl: OPEN },
    { path: "/b", type: "persistent", data: empty, acl: OPEN },
    { path: "/b/c", type: "persistent", data: { encoding: "base64", data: "/w==" }, acl: OPEN },
    { path: "/null", type: "persistent", data: null, acl: OPEN },
    { path: "/ttl", type: "ttl", ttlMs: 600_000, data: empty, acl: OPEN },
  ];
  assert.deepEqual(linesOf(all), lines);
  const paths = async (query: string) =>
    linesOf(await server.get(`/tree/t?${query}`)).map(({ path }) => path);
  assert.deepEqual(await paths("depth=0"), ["/"]);
  assert.deepEqual(await paths("depth=1"), ["/", "/a", "/b", "/null", "/ttl"]);
  assert.deepEqual(await paths("ephemerals=1&depth=1"), ["/", "/a", "/b", "/e", "/null", "/ttl"]);
  const [first] = linesOf(await server.get("/tree/t?stat=1"));
  assert.deepEqual(first.stat, (await server.get("/node/t")).json.stat);
  const root = linesOf(await server.get("/tree/?depth=1")).map(({ path }) => path);
  assert.deepEqual(root, ["/", "/t"], "what ZooKeeper keeps for itself is left out");
  assert.equal(linesOf(await server.get("/tree/zookeeper"))[0].path, "/");
  for (const query of ["depth=x", "depth=-1", "format=xml"]) {
    assert.equal((await server.get(`/tree/t?${query}`)).status, 400, query);
  }
  assert.equal((await server.get("/tree/none")).status, 404);
});

Deno.test("GET tree: says what it could not see", async () => {
  await using server = await ZnodeServer.start();
  await server.put("/data/t/secret/below?parents=1", "");
  await server.put("/data/t/shown", "", { "x-zk-acl": "auth::cdrwa,world:anyone:r", ...BASIC });
  await server.ask("PUT", "/acl/t/secret", { body: "world:anyone:cw" });
  const [, secret, shown] = linesOf(await server.get("/tree/t"));
  assert.deepEqual(secret, { path: "/secret", denied: true });
  assert.deepEqual([shown.aclDenied, "acl" in shown], [true, false]);
  const [, , own] = linesOf(await server.get("/tree/t", BASIC));
  assert.equal(own.acl[0].scheme, "digest");
  assert.equal((await server.get("/tree/t/secret")).status, 401);
});

Deno.test("GET and PUT tree: what is exported is what is imported", async () => {
  await using server = await ZnodeServer.start({ extendedTypesEnabled: true });
  const ops = Array.from({ length: 900 }, (_, i) => ({
    op: "create",
    path: `/t/n${i}`,
    data: i % 3 === 0 ? null : { encoding: "base64", data: new Uint8Array([i]).toBase64() },
    acl: i % 2 === 0 ? OPEN : [{ scheme: "ip", id: "10.0.0.0/8", perms: "r" }, ...OPEN],
  }));
  await server.put("/data/t", "top");
  assert.equal((await server.post("/txn", { ops })).status, 200);
  await server.put("/data/t/n5/deep/er?parents=1", "x");
  await server.put("/data/t/large", "x".repeat(900_000));
  await server.put("/data/t/large2", "y".repeat(900_000));
  const exported = await server.get("/tree/t");
  assert.equal(linesOf(exported).length, 905);
  const imported = await server.put("/tree/copy/of/it?parents=1", exported.bytes);
  assert.equal(imported.status, 200, imported.text);
  const { lines, created, updated, skipped } = imported.json;
  assert.deepEqual([lines, created, updated, skipped], [905, 907, 0, 0], "with two parents");
  assert.equal((await server.get("/tree/copy/of/it")).text, exported.text);
});

Deno.test("PUT tree: takes lines of znodes as large as a PUT of data takes", async () => {
  await using server = await ZnodeServer.start();
  const data = new Uint8Array(1_048_575).fill(7); // jute.maxbuffer: more than a transaction takes
  await server.put("/data/t", data);
  await server.put("/data/t/a", "");
  const exported = (await server.get("/tree/t")).text;
  const all = await server.ask("PUT", "/tree/x/copy?parents=1", { body: exported });
  assert.deepEqual([all.status, all.json.created], [200, 3]);
  assert.deepEqual((await server.get("/data/x/copy")).bytes, data);
  await server.put("/data/x/copy", "changed");
  const again = await server.ask("PUT", "/tree/x/copy?conflict=replace", { body: exported });
  assert.deepEqual([again.status, again.json.created, again.json.updated], [200, 0, 2]);
  assert.equal((await server.get("/tree/x/copy")).text, exported);
});

Deno.test("PUT tree: what it does to what exists", async () => {
  await using server = await ZnodeServer.start();
  const body = ndjson([
    { path: "/" },
    { path: "/a", data: "new", acl: [{ scheme: "world", id: "anyone", perms: "cdrw" }] },
    { path: "/b", data: "new" },
  ]);
  const cases: {
    conflict: string;
    status: number;
    counts: number[];
    a: string;
    b: string | null;
  }[] = [
    { conflict: "", status: 409, counts: [3, 0, 0, 0], a: "old", b: null },
    { conflict: "conflict=fail", status: 409, counts: [3, 0, 0, 0], a: "old", b: null },
    { conflict: "conflict=skip", status: 200, counts: [3, 1, 0, 2], a: "old", b: "new" },
    { conflict: "conflict=replace", status: 200, counts: [3, 1, 2, 0], a: "new", b: "new" },
  ];
  for (const { conflict, status, counts, a, b } of cases) {
    await server.put("/data/t/a?parents=1", "old");
    const { status: found, json } = await server.put(`/tree/t?${conflict}`, body);
    assert.equal(found, status, JSON.stringify(json));
    assert.deepEqual([json.lines, json.created, json.updated, json.skipped], counts, conflict);
    if (status === 409) {
      assert.deepEqual(
        [json.type, json.line, json.path, json.outcome],
        [`${T}node-exists`, 1, "/t", "not-applied"],
      );
    }
    assert.equal((await server.get("/data/t/a")).text, a);
    const after = await server.get("/data/t/b");
    assert.equal(after.status === 404 ? null : after.text, b);
    const acl = (await server.get("/acl/t/a?format=text")).text;
    assert.equal(acl, `world:anyone:${a === "new" ? "cdrw" : "cdrwa"}\n`);
    await server.delete("/data/t?recursive=1");
  }
});

Deno.test("PUT tree: the root is there already, which is no conflict", async () => {
  await using server = await ZnodeServer.start();
  const { status, json } = await server.put("/tree/", ndjson([{ path: "/" }, { path: "/a" }]));
  assert.deepEqual([status, json.created, json.skipped], [200, 1, 1]);
});

Deno.test("PUT tree: names the line that is wrong, and what was done before", async () => {
  await using server = await ZnodeServer.start();
  const cases: { line: string; status: number; problem: string; made?: number }[] = [
    { line: "{", status: 400, problem: "bad-json" },
    { line: "[]", status: 400, problem: "bad-request" },
    { line: "{}", status: 400, problem: "bad-request" },
    { line: '{"path":"a"}', status: 400, problem: "bad-request" },
    { line: '{"path":"/a","more":1}', status: 400, problem: "bad-request" },
    { line: '{"path":"/a/"}', status: 400, problem: "bad-path" },
    { line: '{"path":"/../a"}', status: 400, problem: "bad-path" },
    { line: '{"path":"/a","type":"ttl"}', status: 400, problem: "bad-request" },
    { line: '{"path":"/a","type":"ephemeral"}', status: 400, problem: "session-required" },
    { line: '{"path":"/a","aclDenied":true}', status: 400, problem: "invalid-acl" },
    {
      line: '{"path":"/a","data":{"encoding":"base64","data":"*"}}',
      status: 400,
      problem: "bad-request",
    },
    {
      line: '{"path":"/a","acl":[{"scheme":"x","id":"","perms":"r"}]}',
      status: 400,
      problem: "invalid-acl",
    },
    { line: '{"path":"/no/parent"}', status: 409, problem: "parent-missing" },
    { line: '{"path":"/n0"}', status: 409, problem: "node-exists" },
    {
      line: `{"path":"/a","data":"${"x".repeat(1_100_000)}"}`,
      status: 413,
      problem: "too-large",
      made: 250, /* it stands alone, so those before it went first */
    },
    { line: "x".repeat(5_000_000), status: 413, problem: "too-large" },
  ];
  // a whole transaction goes before the one with the line that is wrong
  const before = ndjson([
    { path: "/" },
    ...Array.from({ length: 249 }, (_, i) => ({ path: `/n${i}` })),
  ]);
  for (const { line, status, problem, made = 200 } of cases) {
    const answer = await server.put("/tree/t", `${before}\n${line}\n{"path":"/last"}\n`);
    const label = `${line.slice(0, 60)}: ${answer.text.slice(0, 300)}`;
    assert.equal(answer.status, status, label);
    const { type, line: number, outcome, created } = answer.json;
    assert.deepEqual([type, number], [`${T}${problem}`, 252], label);
    assert.deepEqual([outcome, created], ["partial", made], label);
    assert.equal(
      (await server.get("/children/t?limit=1000")).json.children.length,
      made - 1,
      label,
    );
    assert.equal((await server.delete("/data/t?recursive=1")).status, 200);
  }
});

Deno.test("PUT tree: what was denied on export is left out, and an empty body is nothing", async () => {
  await using server = await ZnodeServer.start();
  const denied = await server.put("/tree/t", ndjson([{ path: "/" }, { path: "/s", denied: true }]));
  assert.deepEqual([denied.json.created, denied.json.skipped], [1, 1]);
  const none = await server.put("/tree/t", "");
  assert.deepEqual([none.status, none.json.lines, none.json.zxid], [200, 0, "0x0"]);
  const notClosed = await server.put("/tree/t2", '{"path":"/"}'); // without the last line end
  assert.equal(notClosed.json.created, 1);
});

Deno.test("GET tree: so many exports at a time, and those that hang up make room", async () => {
  await using server = await ZnodeServer.start();
  await server.put("/data/t", "");
  // more than the sockets between them hold
  for (let i = 0; i < 20; i++) await server.put(`/data/t/n${i}`, "x".repeat(1_000_000));
  const open = await Promise.all(Array.from({ length: 16 }, () => server.open("/tree/t")));
  const refused = await server.get("/tree/t?depth=0");
  assert.deepEqual([refused.status, refused.headers.get("retry-after")], [429, "5"]);
  for (const response of open) await response.body!.cancel();
  await server.eventuallyStatus("/tree/t?depth=0", 200);
});
