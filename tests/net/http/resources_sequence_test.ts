import assert from "node:assert/strict";
import { ZnodeServer } from "../../support/znode_server.ts";

Deno.test("POST data: makes the next of a sequence, and tells where it is", async () => {
  await using server = await ZnodeServer.start({ extendedTypesEnabled: true });
  const session = await server.newSession();
  await server.put("/data/q u%C3%A9", "");
  const cases: { query: string; name: string; type: string }[] = [
    { query: "sequence=1", name: "n-0000000000", type: "persistent" },
    { query: "sequence", name: "n-0000000001", type: "persistent" },
    { query: "sequence=1&type=ephemeral", name: "n-0000000002", type: "ephemeral" },
    { query: "sequence=1&type=ttl&ttlMs=60000", name: "n-0000000003", type: "ttl" },
  ];
  for (const { query, name, type } of cases) {
    const made = await server.ask("POST", `/data/q%20u%C3%A9/n-?${query}`, { body: "x", session });
    assert.equal(made.status, 201, made.text);
    assert.equal(made.json.path, `/q ué/${name}`);
    assert.equal(made.headers.get("location"), `/api/v1/data/q%20u%C3%A9/${name}`);
    assert.equal(made.headers.get("etag"), made.json.etag);
    const node = await server.get(`/node/q%20u%C3%A9/${name}`);
    assert.deepEqual([node.json.type, node.json.data.data], [type, "x"]);
  }
});

Deno.test("POST data: what it refuses", async () => {
  await using server = await ZnodeServer.start();
  await server.put("/data/closed?acl=world:anyone:r", "");
  const cases: {
    url: string;
    status: number;
    problem: string;
    headers?: Record<string, string>;
  }[] = [
    { url: "/data/a", status: 400, problem: "bad-request" },
    { url: "/data/a?sequence=0", status: 400, problem: "bad-request" },
    { url: "/data/none/a?sequence=1", status: 409, problem: "parent-missing" },
    { url: "/data/a?sequence=1&type=ephemeral", status: 400, problem: "session-required" },
    { url: "/data/a?sequence=1&type=container", status: 400, problem: "bad-request" },
    { url: "/data/a?sequence=1&type=ttl&ttlMs=5", status: 501, problem: "unimplemented" },
    { url: "/data/a?sequence=1&acl=x", status: 400, problem: "invalid-acl" },
    { url: "/data/closed/a?sequence=1", status: 401, problem: "auth-required" },
    {
      url: "/data/a?sequence=1",
      status: 400,
      problem: "bad-request",
      headers: { "idempotency-key": "x".repeat(201) },
    },
  ];
  for (const { url, status, problem, headers = {} } of cases) {
    const answer = await server.ask("POST", url, { headers });
    assert.deepEqual(
      [answer.status, answer.json.type, answer.json.outcome],
      [status, `urn:denkeeper:problem:${problem}`, answer.json.outcome],
      `${url}: ${answer.text}`,
    );
  }
  assert.deepEqual((await server.get("/children/?prefix=a")).json.children, []);
});

Deno.test("POST data: the same Idempotency-Key finds what was made", async () => {
  await using server = await ZnodeServer.start();
  await server.put("/data/q", "");
  const post = (key: string, session?: string) =>
    server.ask("POST", "/data/q/n-?sequence=1", {
      headers: { "idempotency-key": key },
      body: "x",
      ...session === undefined ? {} : { session },
    });
  const first = await post("one");
  assert.equal(first.status, 201);
  assert.match(
    first.json.path,
    /^\/q\/_c_[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}-n-0000000000$/,
  );
  const again = await post("one");
  assert.deepEqual([again.status, again.json.path], [200, first.json.path]);
  assert.equal(again.headers.get("location"), first.headers.get("location"));
  assert.equal(again.headers.get("etag"), first.headers.get("etag"));

  assert.equal((await post("two")).status, 201);
  assert.equal((await post("one", await server.newSession())).status, 201, "another client's key");
  const other = await server.ask("POST", "/data/q/m-?sequence=1", {
    headers: { "idempotency-key": "one" },
  });
  assert.equal(other.status, 201, "another URL");
  assert.equal((await server.get("/children/q")).json.children.length, 4);
  // once it is deleted nothing is known of it
  await server.delete(`/data${first.json.path}`);
  assert.equal((await post("one")).status, 201);
});

Deno.test("POST data: of many with one Idempotency-Key at a time one makes a znode", async () => {
  await using server = await ZnodeServer.start();
  await server.put("/data/q", "");
  const answers = await Promise.all(
    Array.from(
      { length: 30 },
      () => server.ask("POST", "/data/q/n-?sequence=1", { headers: { "idempotency-key": "k" } }),
    ),
  );
  assert.equal(answers.filter(({ status }) => status === 201).length, 1);
  assert.equal(answers.filter(({ status }) => status === 200).length, 29);
  assert.equal(new Set(answers.map(({ json }) => json.path)).size, 1);
  assert.equal((await server.get("/children/q")).json.children.length, 1);
});
