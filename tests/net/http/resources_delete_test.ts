import assert from "node:assert/strict";
import { ZnodeServer } from "../../support/znode_server.ts";

Deno.test("DELETE data: one znode, on conditions", async () => {
  await using server = await ZnodeServer.start();
  await server.put("/data/parent/child?parents=1", "");
  await server.put("/data/closed?acl=world:anyone:rcw", "");
  await server.put("/data/closed/child", "");
  const { json: { etag } } = await server.put("/data/a", "");
  const cases: {
    url: string;
    headers?: Record<string, string>;
    status: number;
    problem?: string;
  }[] = [
    { url: "/data/none", status: 404, problem: "no-node" },
    { url: "/data/none", headers: { "if-match": "*" }, status: 404, problem: "no-node" },
    { url: "/data/none", headers: { "if-match": etag }, status: 404, problem: "no-node" },
    { url: "/data/parent", status: 409, problem: "not-empty" },
    { url: "/data/closed/child", status: 401, problem: "auth-required" },
    { url: "/data/", status: 400, problem: "bad-arguments" },
    { url: "/data/zookeeper", status: 400, problem: "bad-arguments" },
    { url: "/data/a", headers: { "if-match": '"5"' }, status: 412, problem: "bad-version" },
    { url: "/data/a", headers: { "if-match": '"0.1"' }, status: 412, problem: "bad-version" },
    { url: "/data/a", headers: { "if-match": "0" }, status: 400, problem: "bad-request" },
    { url: "/data/a?plan=1", status: 400, problem: "bad-request" },
    { url: "/data/a?max=1", status: 400, problem: "bad-request" },
    { url: "/data/a", headers: { "if-match": etag }, status: 200 },
    { url: "/data/a", status: 404, problem: "no-node" },
    { url: "/data/parent/child", headers: { "if-match": "*" }, status: 200 },
    { url: "/data/parent", status: 200 },
  ];
  for (const { url, headers = {}, status, problem } of cases) {
    const answer = await server.delete(url, headers);
    const label = `${url} ${JSON.stringify(headers)}: ${answer.text}`;
    assert.equal(answer.status, status, label);
    if (problem === undefined) assert.equal(answer.json.deleted, 1);
    else assert.equal(answer.json.type, `urn:denkeeper:problem:${problem}`, label);
  }
});

Deno.test("DELETE data: a subtree, in slices when it is large", async () => {
  await using server = await ZnodeServer.start();
  await server.put("/data/top/sub?parents=1", "");
  const ops = Array.from({ length: 1200 }, (_, i) => ({ op: "create", path: `/top/sub/n${i}` }));
  assert.equal((await server.post("/txn", { ops })).status, 200);

  const plan = await server.delete("/data/top?recursive=1&plan=1");
  assert.deepEqual([plan.status, plan.json.count, plan.json.paths.length], [200, 1202, 1202]);
  assert.deepEqual(plan.json.paths.slice(-2), ["/top/sub", "/top"]);
  assert.equal(new Set(plan.json.paths).size, 1202);
  const tooMany = await server.delete("/data/top?recursive=1&max=1201");
  assert.deepEqual(
    [tooMany.status, tooMany.json.type, tooMany.json.outcome],
    [409, "urn:denkeeper:problem:not-empty", "not-applied"],
  );
  assert.equal((await server.get("/node/top/sub")).json.childCount, 1200, "a plan changes nothing");

  const { json: { etag } } = await server.put("/data/top", "changed");
  const stale = await server.delete("/data/top?recursive=1", { "if-match": '"0"' });
  assert.equal(stale.status, 412);
  const gone = await server.delete("/data/top?recursive=1&max=1202", { "if-match": etag });
  assert.deepEqual([gone.status, gone.json.deleted], [200, 1202]);
  assert.equal((await server.get("/data/top")).status, 404);
  assert.equal((await server.delete("/data/top?recursive=1")).status, 404);
  assert.equal((await server.delete("/data/top?recursive=1&plan=1")).status, 404);
  assert.equal((await server.delete("/data/?recursive=1")).status, 400);
});

Deno.test("DELETE data: a subtree of which a part is protected stays whole", async () => {
  await using server = await ZnodeServer.start();
  for (const acl of ["world:anyone:cwda", "world:anyone:crwa"]) { // no READ, no DELETE
    await server.put("/data/top/a?parents=1", "");
    await server.put("/data/top/b/c?parents=1", "");
    assert.equal(
      (await server.ask("PUT", "/acl/top/b", {
        body: acl,
      })).status,
      200,
    );
    for (const query of ["recursive=1", "recursive=1&plan=1"]) {
      const answer = await server.delete(`/data/top?${query}`);
      assert.deepEqual(
        [answer.status, answer.json.path, answer.json.outcome],
        [401, "/top/b", "not-applied"],
      );
    }
    assert.equal((await server.get("/data/top/a")).status, 200);
  }
});

Deno.test("DELETE data: a subtree into which another goes on to write", async () => {
  await using server = await ZnodeServer.start();
  let isDone = false;
  const writer = (async () => {
    for (let i = 0; !isDone; i++) await server.put(`/data/top/n${i}`, "");
  })();
  for (let round = 0; round < 5; round++) {
    const ops = Array.from({ length: 600 }, (_, i) => ({ op: "create", path: `/top/old${i}` }));
    await server.put("/data/top", "");
    assert.equal((await server.post("/txn", { ops })).status, 200);
    const { status, json } = await server.delete("/data/top?recursive=1");
    // it ends with the znode gone, or says that others are in the way, and how far it came
    if (status === 200) assert(json.deleted > 600);
    else {
      assert.deepEqual([status, json.type], [409, "urn:denkeeper:problem:contended"]);
      assert.equal(json.outcome, "partial");
      assert(json.deleted >= 500, `${json.deleted}`);
      isDone = true;
      await writer;
      assert.equal((await server.delete("/data/top?recursive=1")).status, 200);
    }
    assert.equal((await server.get("/data/top/old0")).status, 404);
  }
  isDone = true;
  await writer;
});

Deno.test("DELETE data: of what every tree has, neither it nor what is below it goes", async () => {
  await using server = await ZnodeServer.start();
  await server.put("/data/zookeeper/quota/a/zookeeper_limits?parents=1", "");
  for (const path of ["/", "/zookeeper", "/zookeeper/quota"]) {
    for (const query of ["recursive=1", "recursive=1&plan=1"]) {
      const { status, json } = await server.ask("DELETE", `/data${path}?${query}`);
      assert.deepEqual([path, status, json.path], [path, 400, path], query);
    }
  }
  assert.equal((await server.get("/data/zookeeper/quota/a/zookeeper_limits")).status, 200);
});
