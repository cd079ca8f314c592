import assert from "node:assert/strict";
import { type Answer, ZnodeServer } from "../../support/znode_server.ts";

const OPEN = [{ scheme: "world", id: "anyone", perms: "cdrwa" }];
const BASIC = { authorization: `Basic ${btoa("app:pw")}` };

Deno.test("GET and PUT acl: as JSON and as text, with an ETag of their own", async () => {
  await using server = await ZnodeServer.start();
  const { json: { etag: dataEtag } } = await server.put("/data/a", "");
  const open = await server.get("/acl/a");
  assert.deepEqual([open.status, open.json], [200, OPEN]);
  assert.equal(open.headers.get("etag"), dataEtag, "both are at version 0");

  const acl = [...OPEN, { scheme: "ip", id: "10.0.0.0/8", perms: "r" }];
  const put = await server.ask("PUT", "/acl/a", { body: JSON.stringify(acl) });
  assert.deepEqual([put.status, put.json.stat.aversion], [200, 1]);
  assert.equal(put.headers.get("etag"), put.json.etag);
  assert.deepEqual((await server.get("/acl/a")).json, acl);
  assert.equal(
    (await server.get("/acl/a?format=text")).text,
    "world:anyone:cdrwa,ip:10.0.0.0/8:r\n",
  );
  const same = await server.get("/acl/a", { "if-none-match": put.json.etag });
  assert.equal(same.status, 304);

  const put2 = await server.put("/acl/a", "world:anyone:ra\n", {
    prefer: "return=minimal",
  });
  assert.deepEqual([put2.status, put2.text], [200, ""]);
  assert.deepEqual((await server.get("/acl/a")).json, [{ ...OPEN[0], perms: "ra" }]);
  assert.equal(
    (await server.get("/data/a")).headers.get("etag"),
    dataEtag,
    "the data is as it was",
  );
});

Deno.test("PUT acl: conditions and refusals", async () => {
  await using server = await ZnodeServer.start();
  await server.put("/data/a", "");
  await server.put("/data/closed?acl=world:anyone:r", "");
  const etag = (await server.get("/acl/a")).headers.get("etag")!;
  const body = JSON.stringify(OPEN);
  const cases: {
    path?: string;
    body?: string;
    headers?: Record<string, string>;
    status: number;
  }[] = [
    { headers: { "if-match": etag }, status: 200 },
    { headers: { "if-match": etag }, status: 412 },
    { headers: { "if-match": '"1"' }, status: 200 },
    { headers: { "if-match": '"2.1"' }, status: 412 },
    { headers: { "if-match": "*" }, status: 200 },
    { headers: { "if-match": "3" }, status: 400 },
    { path: "/none", status: 404 },
    { path: "/none", headers: { "if-match": '"0"' }, status: 404 },
    { path: "/closed", status: 401 },
    { path: "/closed", headers: BASIC, status: 403 },
    { body: "[]", status: 400 },
    { body: "{}", status: 400 },
    { body: "world:anyone:cdrwa", status: 200 },
    { body: "[", status: 400 },
    { body: "", status: 400 },
    { body: '[{"scheme":"world","id":"anyone","perms":"x"}]', status: 400 },
    { body: '[{"scheme":"nonsense","id":"anyone","perms":"r"}]', status: 400 },
    { body: '[{"scheme":"world","id":"anyone","perms":"r","more":1}]', status: 400 },
    { body: "world:anyone", status: 400 },
    { body: "auth::r", status: 400 },
    { body: "auth::cdrwa", headers: BASIC, status: 200 },
  ];
  for (const { path = "/a", body: sent = body, headers = {}, status } of cases) {
    const answer = await server.put(`/acl${path}`, sent, headers);
    assert.equal(
      answer.status,
      status,
      `${path} ${sent} ${JSON.stringify(headers)}: ${answer.text}`,
    );
    if (status === 412) assert.match(answer.headers.get("etag")!, /^"\d+\.[0-9a-f]+"$/);
  }
});

Deno.test("GET acl: hides hashes from those who may only read", async () => {
  await using server = await ZnodeServer.start();
  await server.put("/data/a", "", { "x-zk-acl": "auth::cdrwa,world:anyone:r", ...BASIC });
  const own = await server.get("/acl/a?format=text", BASIC);
  assert.match(own.text, /^digest:app:[^x][^,]+:cdrwa,world:anyone:r\n$/);
  assert.equal(
    (await server.get("/acl/a?format=text")).text,
    "digest:app:x:cdrwa,world:anyone:r\n",
  );
  await server.put("/data/b", "", { "x-zk-acl": "auth::cdrwa", ...BASIC });
  assert.equal((await server.get("/acl/b")).status, 401);
  assert.equal((await server.get("/acl/none")).status, 404);
});

Deno.test("conditional writes: who has no right to a znode is not told how it is", async () => {
  await using server = await ZnodeServer.start();
  const session = await server.newSession();
  await server.put("/data/p", "");
  await server.put("/data/p/hidden", "");
  await server.put("/data/p/writable", "");
  await server.ask("PUT", "/data/p/own?type=ephemeral", { session });
  await server.put("/acl/p/hidden", "auth::cdrwa", BASIC);
  await server.put("/acl/p/own", "auth::cdrwa", BASIC);
  await server.put("/acl/p/writable", "world:anyone:w");
  await server.put("/acl/p", "world:anyone:rca");
  const txn = (op: string, path: string) =>
    server.ask("POST", "/txn", {
      body: JSON.stringify({ ops: [{ op, path, etag: "9", data: "" }] }),
      headers: { "content-type": "application/json" },
    });
  const ifMatch = { "if-match": '"9"' };
  const mismatches: [string, Promise<Answer>][] = [
    ["PUT", server.put("/data/p/hidden", "", ifMatch)],
    ["DELETE", server.ask("DELETE", "/data/p/hidden", { headers: ifMatch })],
    [
      "DELETE -r",
      server.ask("DELETE", "/data/p/hidden?recursive=1", { headers: ifMatch }),
    ],
    ["plan", server.ask("DELETE", "/data/p/hidden?recursive=1&plan=1", { headers: ifMatch })],
    ["type", server.put("/data/p/hidden?type=container", "")],
    ["owner", server.ask("PUT", "/data/p/own?type=ephemeral", { session })],
    ["DELETE without READ", server.ask("DELETE", "/data/p/writable", { headers: ifMatch })],
  ];
  for (const [name, answer] of mismatches) {
    const { status, json } = await answer;
    assert.deepEqual([name, status, json.code], [name, 401, -102]);
  }
  assert.equal((await txn("set", "/p/hidden")).json.problem, "no-auth");
  assert.equal((await txn("set", "/p/writable")).json.problem, "bad-version");
  assert.equal((await server.put("/data/p/writable", "", ifMatch)).status, 412);

  await server.put("/acl/p", "world:anyone:cdrwa");
  const allowed = await server.ask("DELETE", "/data/p/hidden", { headers: ifMatch });
  assert.equal(allowed.status, 412, "who may delete it hears that it is another version");
});
