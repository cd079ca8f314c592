/**
 * Sessions made over HTTP, on a server of its own.
 *
 * @module
 */
import assert from "node:assert/strict";
import { eventually } from "../../support/eventually.ts";
import { InProcessServer } from "../../support/in_process_server.ts";
import { sessionPassword } from "../../../core/session/session_id.ts";
import { sessionTokenOf } from "../../../net/http/session_token.ts";
import { freePort } from "../../support/free_port.ts";
import { callApi } from "../../support/json_api.ts";
import { makeTempDir } from "../../support/temp_dir.ts";

/** Ticks of 100 ms: timeouts of 200 ms to 2 s. */
const FAST = { http: true, config: { tickTime: 100, "http.maxSessionTimeout": 5000 } };

Deno.test("POST /sessions makes a session whose timeout is within the limits", async () => {
  await using server = await InProcessServer.start(FAST);
  const cases: { body?: unknown; ttlMs: number; clamped?: string }[] = [
    { ttlMs: 5000, clamped: "15s is more than http.maxSessionTimeout, 5s" },
    { body: {}, ttlMs: 5000, clamped: "15s is more than http.maxSessionTimeout, 5s" },
    { body: { ttl: "3s" }, ttlMs: 3000 }, // more than maxSessionTimeout, which is of the client port
    { body: { ttl: 700 }, ttlMs: 700 },
    { body: { ttl: "10ms" }, ttlMs: 200, clamped: "10ms is less than minSessionTimeout, 200ms" },
  ];
  for (const { body, ttlMs, clamped } of cases) {
    const { status, headers, body: made } = await callApi(server.httpUrl, "POST", "/sessions", {
      body,
    });
    assert.equal(status, 201);
    assert.deepEqual(
      { ttlMs: made.ttlMs, expiresInMs: made.expiresInMs, clamped: made.clamped },
      { ttlMs, expiresInMs: ttlMs, clamped },
    );
    assert.match(made.id, /^0x[0-9a-f]+$/);
    assert.match(made.token, /^[\w-]+$/);
    assert.equal(headers.get("location"), `/api/v1/sessions/${made.token}`);
  }
});

Deno.test("POST /sessions refuses what is no timeout", async () => {
  await using server = await InProcessServer.start(FAST);
  for (const body of [{ ttl: "soon" }, { ttl: 0 }, { ttl: "-1s" }, { timeout: "1s" }, []]) {
    const reply = await callApi(server.httpUrl, "POST", "/sessions", { body });
    assert.equal(reply.status, 400, JSON.stringify(body));
    assert.equal(reply.body.type, "urn:denkeeper:problem:bad-request");
  }
});

Deno.test("GET /sessions/{token} tells the timeout and the ephemerals", async () => {
  await using server = await InProcessServer.start(FAST);
  const { httpUrl } = server;
  const { body: made } = await callApi(httpUrl, "POST", "/sessions", { body: { ttl: "5s" } });
  const session = made.token;
  const { body: lock } = await callApi(httpUrl, "POST", "/locks/a", { session });
  const expected = {
    id: made.id,
    ttlMs: 5000,
    expiresInMs: 5000,
    ephemerals: [lock.node],
    ephemeralCount: 1,
  };
  for (
    const [path, headers] of [[`/sessions/${session}`, {}], ["/sessions/current", {
      "X-Zk-Session": session,
    }]] as const
  ) {
    const { status, body } = await callApi(httpUrl, "GET", path, { headers });
    assert.equal(status, 200);
    assert.deepEqual(body, expected);
  }
});

Deno.test("DELETE /sessions/{token} takes the session's ephemerals along at once", async () => {
  await using server = await InProcessServer.start(FAST);
  const { httpUrl } = server;
  const { body: { token } } = await callApi(httpUrl, "POST", "/sessions", { body: { ttl: "5s" } });
  await callApi(httpUrl, "POST", "/locks/a", { session: token });
  assert.equal((await callApi(httpUrl, "DELETE", `/sessions/${token}`)).status, 204);
  assert.equal((await callApi(httpUrl, "GET", "/locks/a")).body.holder, null);
  for (
    const [method, path] of [
      ["GET", `/sessions/${token}`],
      ["DELETE", `/sessions/${token}`],
      ["POST", `/sessions/${token}/keepalive`],
    ] as const
  ) {
    const { status, body } = await callApi(httpUrl, method, path);
    assert.equal(status, 410, `${method} ${path}`);
    assert.equal(body.name, "SESSIONEXPIRED");
  }
});

Deno.test("a session ends when nothing is heard of it, and not while it is kept alive", async () => {
  await using server = await InProcessServer.start(FAST);
  const { httpUrl } = server;
  const makeSession = async () =>
    (await callApi(httpUrl, "POST", "/sessions", { body: { ttl: "1s" } })).body.token;
  const [silent, kept] = [await makeSession(), await makeSession()];
  await callApi(httpUrl, "POST", "/locks/kept", { session: kept });
  const askedMs = performance.now();
  await callApi(httpUrl, "POST", "/locks/silent", { session: silent });
  await eventually("the silent one ends", async () => {
    const { status, body } = await callApi(httpUrl, "POST", `/sessions/${kept}/keepalive`);
    assert.deepEqual({ status, body }, { status: 200, body: { expiresInMs: 1000 } });
    return (await callApi(httpUrl, "GET", "/locks/silent")).body.holder === null;
  });
  assert(performance.now() - askedMs >= 1000, "never earlier than its ttl");
  assert.notEqual((await callApi(httpUrl, "GET", "/locks/kept")).body.holder, null);
});

Deno.test("a session that is not there, or no session, is told apart", async () => {
  await using server = await InProcessServer.start(FAST);
  const { httpUrl } = server;
  const { body: { token } } = await callApi(httpUrl, "POST", "/sessions");
  const damaged = `${token.slice(0, 12)}${token[12] === "A" ? "B" : "A"}${token.slice(13)}`;
  const cases: [string, number, string][] = [
    ["/sessions/x", 400, "bad-request"],
    [`/sessions/${damaged}`, 400, "bad-request"],
    ["/sessions/current", 400, "session-required"],
  ];
  for (const [path, status, problem] of cases) {
    const reply = await callApi(httpUrl, "GET", path);
    assert.deepEqual(
      { status: reply.status, type: reply.body.type },
      { status, type: `urn:denkeeper:problem:${problem}` },
      path,
    );
    assert(!JSON.stringify(reply.body.detail).includes(token), "no token is repeated");
  }
});

Deno.test("tokens do not get into the log", async () => {
  await using server = await InProcessServer.start(FAST);
  const { httpUrl } = server;
  const { body: { token } } = await callApi(httpUrl, "POST", "/sessions");
  await callApi(httpUrl, "POST", "/locks/a", { session: token });
  await callApi(httpUrl, "DELETE", `/sessions/${token}`);
  await callApi(httpUrl, "GET", `/sessions/${token}`);
  assert.deepEqual(server.linesWith(token), []);
});

Deno.test("a member in read-only mode neither prolongs a session nor says that it is over", async () => {
  using dir = makeTempDir();
  const dataDir = `${dir.path}/data`;
  Deno.mkdirSync(dataDir);
  Deno.writeTextFileSync(`${dataDir}/myid`, "1\n");
  const start = (memberCount: 1 | 2) =>
    InProcessServer.start({
      ...{ http: true, dataDir, defines: ["readonlymode.enabled=true"] },
      config: {
        ...{ tickTime: 100, initLimit: 5, syncLimit: 5, standaloneEnabled: false },
        ...Object.fromEntries(
          Array.from({ length: memberCount }, (_, i) => [
            `server.${i + 1}`,
            `127.0.0.1:${freePort()}:${freePort()}`,
          ]),
        ),
      },
    });
  let token = "";
  {
    await using member = await start(1);
    await eventually("it leads itself", async () => {
      const { body } = await callApi(member.httpUrl, "POST", "/sessions", { body: { ttl: "2s" } });
      token = body?.token ?? "";
      return token !== "";
    });
  }
  await using alone = await start(2);
  await eventually("read-only mode begins", async () => {
    const { body } = await callApi(alone.httpUrl, "GET", "/cluster");
    return body?.readOnly === true;
  });
  const ask = async (method: string, path: string, session: string) => {
    const { status, body } = await callApi(alone.httpUrl, method, path, { session });
    return `${status} ${body?.type?.split(":").at(-1) ?? ""}`;
  };
  const unknown = sessionTokenOf({ id: 0x7777n, password: sessionPassword(0x7777n) });
  for (const session of [token, unknown]) { // what is unknown here may live in the quorum
    assert.equal(await ask("POST", "/sessions/current/keepalive", session), "503 not-read-only");
    assert.equal(await ask("GET", "/sessions/current", session), "503 not-read-only");
  }
  assert.equal(await ask("GET", "/data/zookeeper", unknown), "503 not-read-only");
  assert.equal(await ask("GET", "/data/zookeeper", token), "200 ");
});
