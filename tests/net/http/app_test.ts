import assert from "node:assert/strict";
import { z } from "zod";
import { makeAuthProviders } from "../../../core/auth/auth_providers.ts";
import { nodeHashing } from "../../../net/hashing.ts";
import { App, type AppOptions } from "../../../net/http/app.ts";
import type { Gateway } from "../../../net/http/gateway.ts";
import { Guard } from "../../../net/http/guard.ts";
import { HttpMetrics } from "../../../net/http/http_metrics.ts";
import { Identities } from "../../../net/http/identity.ts";
import type { Mount } from "../../../net/http/mount.ts";
import { Problem, type ProblemDetails, type ProblemName } from "../../../net/http/problem.ts";
import { type AnyRoute, type Call, route } from "../../../net/http/route.ts";
import { sessionTokenOf } from "../../../net/http/session_token.ts";
import { makeConfig } from "../../fuzz/server_fixture.ts";
import { keepingLogger, type LogLine } from "../../support/silent_logger.ts";

const TOKEN = sessionTokenOf({ id: 7n, password: new Uint8Array(16) });

interface Fixture {
  readonly app: App;
  readonly lines: LogLine[];
  /** What was asked of the gateway, in this order. */
  readonly asked: string[];
  readonly stopping: AbortController;
  readonly metrics: HttpMetrics;
}

function fixtureOf(
  { routes = [], mounts = [], settings = {}, gateway: own = {} }: {
    routes?: readonly AnyRoute[];
    mounts?: readonly Mount[];
    settings?: Record<string, string | number | boolean>;
    gateway?: Partial<Gateway>;
  },
): Fixture {
  const config = makeConfig({ settings });
  const asked: string[] = [];
  const gateway = {
    config,
    lastZxid: 0x100000005,
    touch: ({ id }: { id: bigint }) => {
      asked.push(`touch ${id}`);
      return Promise.resolve();
    },
    waitForZxid: (zxid: number) => {
      asked.push(`wait ${zxid}`);
      return Promise.resolve();
    },
    sync: () => {
      asked.push("sync");
      return Promise.resolve(0);
    },
    barrier: () => {
      asked.push("barrier");
      return Promise.resolve(0);
    },
    ...own,
  } as unknown as Gateway;
  const lines: LogLine[] = [];
  const logger = keepingLogger(lines);
  const stopping = new AbortController();
  const metrics = new HttpMetrics();
  const options: AppOptions = {
    gateway,
    routes,
    mounts,
    identities: new Identities({
      config,
      providers: makeAuthProviders(config, nodeHashing),
      logger,
      onFailed: () => {},
    }),
    guard: new Guard(config.http, []),
    logger,
    metrics,
    stopping: stopping.signal,
  };
  return { app: new App(options), lines, asked, stopping, metrics };
}

async function ask(
  { app }: Fixture,
  url: string,
  init: RequestInit = {},
  completed: Promise<void> = Promise.resolve(),
): Promise<Response> {
  const info = { remoteAddr: { hostname: "10.0.0.1" }, completed };
  return await app.fetch(new Request(`http://server${url}`, init), info);
}

const thing = {
  path: "/api/v1/thing/{path}",
  tag: "things",
  summary: "A thing",
  responses: {},
  problems: [],
  isWrite: false,
} as const;

/** Answers with what the handler was given. */
const echo = route({
  ...thing,
  method: "GET",
  operationId: "getThing",
  query: z.strictObject({ size: z.string().regex(/^\d+$/).transform(Number).optional() }),
  body: null,
  handle: ({ path, query, caller }) =>
    Response.json({ path, query, ids: caller.ids.length, session: String(caller.session?.id) }),
});

function failing(problem: ProblemName, details?: ProblemDetails): AnyRoute {
  return route({
    ...thing,
    method: "GET",
    operationId: "fail",
    query: z.strictObject({}),
    body: null,
    handle: () => {
      throw new Problem(problem, details);
    },
  });
}

Deno.test("App gives handlers a path, a query and a caller that are checked", async () => {
  const fixture = fixtureOf({ routes: [echo] });
  const cases = [
    ["/api/v1/thing/a/b", { path: "/a/b", query: {} }],
    ["/api/v1/thing", { path: "/", query: {} }],
    ["/api/v1/thing/", { path: "/", query: {} }],
    ["/api/v1/thing/a%20b?size=3", { path: "/a b", query: { size: 3 } }],
    ["/api/v1/thing/a?", { path: "/a", query: {} }],
    ["/api/v1/thing/a?consistency=local&size=1", { path: "/a", query: { size: 1 } }],
  ] as const;
  for (const [url, expected] of cases) {
    const response = await ask(fixture, url);
    const { path, query } = await response.json();
    assert.deepEqual({ path, query }, expected, url);
    assert.equal(response.headers.get("x-zk-zxid"), "0x100000005");
    assert.equal(response.headers.get("x-denkeeper-version"), "0.1.0");
  }
});

Deno.test("App refuses queries, naming what is wrong and what there is", async () => {
  const fixture = fixtureOf({ routes: [echo] });
  const cases = [
    ["?sice=3", /no query parameter "sice" here: there are consistency, size/],
    ["?size=3&size=4", /has "size" twice/],
    ["?size=x", /size: /],
    ["?consistency=strong", /consistency cannot be "strong": it is local, sync, linearizable/],
  ] as const;
  for (const [query, detail] of cases) {
    const response = await ask(fixture, `/api/v1/thing/a${query}`);
    const problem = await response.json();
    assert.equal(response.status, 400);
    assert.equal(problem.type, "urn:denkeeper:problem:bad-request");
    assert.match(problem.detail, detail);
  }
});

Deno.test("App answers a problem as RFC 9457 has it", async () => {
  const details = {
    detail: "/a is at version 4, you sent 3",
    outcome: "not-applied",
    members: { current: { version: 4 } },
    headers: { ETag: '"4.1"' },
  } as const;
  const read = failing("bad-version", details);
  const write = { ...read, method: "PUT", operationId: "write", isWrite: true } as const;
  const fixture = fixtureOf({ routes: [read, write] });
  const response = await ask(fixture, "/api/v1/thing/a%2e?consistency=local", { method: "PUT" });
  assert.equal(response.status, 412);
  assert.equal(response.headers.get("content-type"), "application/problem+json");
  assert.equal(response.headers.get("x-zk-error"), "BADVERSION");
  assert.equal(response.headers.get("x-zk-zxid"), "0x100000005");
  assert.equal(response.headers.get("etag"), '"4.1"');
  assert.deepEqual(await response.json(), {
    type: "urn:denkeeper:problem:bad-version",
    title: "The version does not match",
    status: 412,
    detail: "/a is at version 4, you sent 3",
    instance: "/api/v1/thing/a%2e",
    code: -103,
    name: "BADVERSION",
    path: "/a.",
    zxid: "0x100000005",
    retryable: false,
    outcome: "not-applied",
    current: { version: 4 },
  });
  const ofRead = await (await ask(fixture, "/api/v1/thing/a")).json();
  assert.equal("outcome" in ofRead, false, "reads have none, whoever throws it");
});

Deno.test("App answers HEAD as GET, without a body, problems too", async () => {
  const fixture = fixtureOf({ routes: [echo, failingAt("/api/v1/bad")] });
  const response = await ask(fixture, "/api/v1/thing/a", { method: "HEAD" });
  assert.equal(response.status, 200);
  assert.equal(await response.text(), "");
  const bad = await ask(fixture, "/api/v1/bad", { method: "HEAD" });
  assert.equal(bad.status, 404);
  assert.equal(bad.headers.get("x-zk-error"), "NONODE");
  assert.equal(await bad.text(), "");
});

function failingAt(path: string): AnyRoute {
  return { ...failing("no-node"), path };
}

Deno.test("App tells 401 from 403 by whether the caller named itself", async () => {
  const fixture = fixtureOf({ routes: [failing("no-auth")] });
  const stranger = await ask(fixture, "/api/v1/thing/a");
  assert.equal(stranger.status, 401);
  assert.match(stranger.headers.get("www-authenticate")!, /^Basic realm="ZooKeeper"/);
  assert.equal(stranger.headers.get("x-zk-error"), "NOAUTH");
  const headers = { authorization: `Basic ${btoa("bob:pw")}` };
  assert.equal((await ask(fixture, "/api/v1/thing/a", { headers })).status, 403);
});

Deno.test("App says when to come back with 503 and 429", async () => {
  for (const [problem, retryAfter] of [["behind", "1"], ["throttled", "1"]] as const) {
    const fixture = fixtureOf({ routes: [failing(problem)] });
    const response = await ask(fixture, "/api/v1/thing/a");
    assert.equal(response.headers.get("retry-after"), retryAfter);
    assert.equal((await response.json()).retryable, true);
  }
  const fixture = fixtureOf({ routes: [failing("no-quorum", { retryAfter: 7 })] });
  assert.equal((await ask(fixture, "/api/v1/thing/a")).headers.get("retry-after"), "7");
});

Deno.test("App logs what it did not expect, and tells the client nothing of it", async () => {
  const cases = [() => {
    throw new Error("a secret");
  }, () => Promise.reject(new Error("a secret"))];
  for (const handle of cases) {
    const fixture = fixtureOf({ routes: [{ ...echo, handle }] });
    const response = await ask(fixture, "/api/v1/thing/a");
    assert.equal(response.status, 500);
    const text = await response.text();
    assert.doesNotMatch(text, /secret|app_test/);
    assert.equal(fixture.lines.length, 1);
    assert.equal(fixture.lines[0]!.level, "error");
    assert.match(String(fixture.lines[0]!.fields?.["stack"]), /a secret[^]*app_test/);
  }
});

Deno.test("App tells which methods a URL has, and of URLs that there are not", async () => {
  const put = { ...echo, method: "PUT" as const, operationId: "putThing" };
  const fixture = fixtureOf({ routes: [echo, put] });
  const wrong = await ask(fixture, "/api/v1/thing/a", { method: "DELETE" });
  assert.equal(wrong.status, 405);
  assert.equal(wrong.headers.get("allow"), "GET, HEAD, OPTIONS, PUT");
  const options = await ask(fixture, "/api/v1/thing/a", { method: "OPTIONS" });
  assert.equal(options.status, 204);
  assert.equal(options.headers.get("allow"), "GET, HEAD, OPTIONS, PUT");
  assert.equal(options.headers.get("access-control-allow-origin"), null);
  for (const url of ["/", "/api/v1", "/api/v1/thingy", "/api/v2/thing/a", "/API/v1/thing/a"]) {
    const response = await ask(fixture, url);
    assert.equal(response.status, 404, url);
    assert.match((await response.json()).detail, /\/docs tells what there is/);
  }
});

Deno.test("App finds URLs with parts, beside those without", async () => {
  const parts = (path: string) =>
    route({
      ...thing,
      path,
      method: "GET",
      operationId: path,
      query: z.strictObject({}),
      body: null,
      handle: ({ params, path: znode }) => Response.json({ params, znode }),
    });
  const fixture = fixtureOf({
    routes: ["/s", "/s/{token}", "/s/{token}/keepalive", "/s:plan", "/q/{owner}/{path}"].map(parts),
  });
  const cases = [
    ["/s", {}, "/"],
    ["/s/abc", { token: "abc" }, "/"],
    ["/s/a%2Fb/keepalive", { token: "a/b" }, "/"],
    ["/s:plan", {}, "/"],
  ] as const;
  for (const [url, params, znode] of cases) {
    const response = await ask(fixture, url);
    assert.deepEqual(await response.json(), { params, znode }, url);
  }
});

Deno.test("App keeps a session alive, waits for a state and syncs, before the handler", async () => {
  const fixture = fixtureOf({ routes: [echo] });
  const { asked } = fixture;
  const get = async (url: string, headers: Record<string, string> = {}) => {
    asked.length = 0;
    const response = await ask(fixture, `/api/v1/thing/a${url}`, { headers });
    return { status: response.status, asked: [...asked], ...await response.json() };
  };
  assert.deepEqual((await get("")).asked, []);
  const all = await get("?consistency=linearizable", {
    "x-zk-session": TOKEN,
    "x-zk-min-zxid": "0x100000006",
  });
  assert.deepEqual(all.asked, ["touch 7", "wait 4294967302", "barrier"]);
  assert.equal(all.session, "7");
  assert.deepEqual((await get("", { "x-zk-min-zxid": "0x100000005" })).asked, []);
  assert.deepEqual((await get("?consistency=sync")).asked, ["sync"]);
  const slips = [
    [{ "x-zk-session": "zks_nonsense" }, /X-Zk-Session does not hold a session's token/],
    [{ "x-zk-min-zxid": "5" }, /X-Zk-Min-Zxid cannot be "5"/],
    [{ "x-zk-min-zxid": "0xffffffffffffffff" }, /X-Zk-Min-Zxid cannot be/],
  ] as const;
  for (const [headers, detail] of slips) {
    const answer = await get("", headers);
    assert.equal(answer.status, 400);
    assert.match(answer.detail, detail);
  }
});

Deno.test("App answers 410 to a session that has ended, and 503 when it cannot catch up", async () => {
  const reject = (problem: ProblemName) => () => Promise.reject(new Problem(problem));
  const fixture = fixtureOf({
    routes: [echo],
    gateway: { touch: reject("session-expired"), waitForZxid: reject("behind") },
  });
  const gone = await ask(fixture, "/api/v1/thing/a", { headers: { "x-zk-session": TOKEN } });
  assert.equal(gone.status, 410);
  assert.equal(gone.headers.get("x-zk-error"), "SESSIONEXPIRED");
  const behind = await ask(fixture, "/api/v1/thing/a", {
    headers: { "x-zk-min-zxid": "0x200000000" },
  });
  assert.equal(behind.status, 503);
});

Deno.test("App refuses what changes something when http.readOnly is set", async () => {
  const put = { ...echo, method: "PUT" as const, operationId: "putThing", isWrite: true };
  const fixture = fixtureOf({ routes: [echo, put], settings: { "http.readOnly": true } });
  const response = await ask(fixture, "/api/v1/thing/a", { method: "PUT" });
  assert.equal(response.status, 403);
  const { type, outcome } = await response.json();
  assert.deepEqual({ type, outcome }, {
    type: "urn:denkeeper:problem:read-only-api",
    outcome: "not-applied",
  });
  assert.equal((await ask(fixture, "/api/v1/thing/a")).status, 200);
});

Deno.test("App refuses pages of other sites, but for what everyone may know", async () => {
  const mount = (path: string, isPublic: boolean): Mount => ({
    path,
    operationId: path,
    methods: ["GET"],
    isPublic,
    handle: () => new Response("here"),
  });
  const fixture = fixtureOf({
    routes: [echo],
    mounts: [mount("/open", true), mount("/closed/*", false)],
  });
  const headers = { "sec-fetch-site": "cross-site" };
  const cases = [
    ["/api/v1/thing/a", 403],
    ["/api/v1/nothing", 403],
    ["/closed/x", 403],
    ["/open", 200],
  ] as const;
  for (const [url, status] of cases) {
    assert.equal((await ask(fixture, url, { headers })).status, status, url);
  }
});

Deno.test("App serves what is beside the API, with identities and problems as in it", async () => {
  const mount: Mount = {
    path: "/commands/*",
    operationId: "commands",
    methods: ["GET", "POST"],
    isPublic: false,
    handle: ({ rawPath, identity, request }) => {
      if (request.method === "POST") throw new Problem("no-auth");
      return new Response(`${rawPath} ${identity().caller.remoteAddress}`);
    },
  };
  const fixture = fixtureOf({ mounts: [mount] });
  const response = await ask(fixture, "/commands/stat");
  assert.equal(await response.text(), "/commands/stat 10.0.0.1");
  assert.equal(response.headers.get("x-zk-zxid"), "0x100000005");
  assert.equal((await ask(fixture, "/commands")).status, 200);
  const headers = { authorization: "nonsense" };
  assert.equal((await ask(fixture, "/commands/stat", { headers })).status, 401);
  const wrong = await ask(fixture, "/commands/stat", { method: "DELETE" });
  assert.equal(wrong.headers.get("allow"), "GET, HEAD, OPTIONS, POST");
  assert.equal((await ask(fixture, "/commands/stat", { method: "POST" })).status, 403);
});

Deno.test("App gives a signal that ends with the request or with the server, and counts it", async () => {
  const signals: AbortSignal[] = [];
  const handle = (call: Call) => {
    signals.push(call.signal, call.signal);
    return new Response();
  };
  const fixture = fixtureOf({ routes: [{ ...echo, handle }] });
  const hangUp = new AbortController();
  const sent = Promise.withResolvers<void>();
  await ask(fixture, "/api/v1/thing/a", { signal: hangUp.signal }, sent.promise);
  await ask(fixture, "/api/v1/thing/a", {}, sent.promise);
  assert.equal(signals[0], signals[1]);
  assert.equal(fixture.metrics.openStreams, 2);
  sent.resolve();
  await sent.promise;
  assert.equal(fixture.metrics.openStreams, 0);
  hangUp.abort();
  assert.equal(signals[0]!.aborted, true);
  assert.equal(signals[2]!.aborted, false);
  fixture.stopping.abort();
  assert.equal(signals[2]!.aborted, true);
});
