import assert from "node:assert/strict";
import type { LogLevel } from "../../../core/ports.ts";
import { pageOf } from "../../../net/http/resources/paging.ts";
import { settingsJson } from "../../../net/http/settings_json.ts";
import { makeConfig } from "../../fuzz/server_fixture.ts";
import { askApi } from "../../support/admin_api.ts";
import type { JsonReply, JsonRequest } from "../../support/json_api.ts";
import { type InProcessOptions, InProcessServer } from "../../support/in_process_server.ts";
import { RawClient } from "../../support/raw_client.ts";
import {
  type AclEntry,
  create,
  exists,
  getChildren,
  type Request,
  setAcl,
} from "../../support/requests.ts";
import { SUPER_PROPERTIES } from "../../support/tree_dump.ts";

const NO_NODE = -101;
const READ_ONLY: readonly AclEntry[] = [{ perms: 1, scheme: "world", id: "anyone" }];
/** Of bob:pw. */
const BOB = { scheme: "digest", id: "bob:ikIaKsbtGweaHnb/jKn7OHqbunM=" };

class Api implements AsyncDisposable {
  readonly server: InProcessServer;

  private constructor(server: InProcessServer) {
    this.server = server;
  }

  static async start(options: InProcessOptions = {}): Promise<Api> {
    const defines = Object.entries(SUPER_PROPERTIES).map(([key, value]) => `${key}=${value}`);
    return new Api(await InProcessServer.start({ http: true, defines, ...options }));
  }

  ask(method: string, path: string, request?: JsonRequest): Promise<JsonReply> {
    return askApi(this.server.httpUrl, method, path, request);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server[Symbol.asyncDispose]();
  }
}

const hex = (id: bigint) => `0x${BigInt.asUintN(64, id).toString(16)}`;

Deno.test("routes of admins are for super only, unless a znode says who else", async () => {
  await using api = await Api.start();
  const routes = [
    ["GET", "/server/connections"],
    ["DELETE", "/server/connections/127.0.0.1:1"],
    ["GET", "/server/sessions"],
    ["DELETE", "/server/sessions/0x1"],
    ["GET", "/server/watches"],
    ["GET", "/server/log-level"],
    ["PUT", "/server/log-level", { level: "info" }],
    ["GET", "/server/config"],
    ["POST", "/members:plan", { remove: [1] }],
    ["POST", "/members", { remove: [1] }],
    ["POST", "/cluster/leader:transfer", {}],
  ] as const;
  for (const [method, path, body] of routes) {
    const anybody = await api.ask(method, path, { headers: {}, body });
    assert.equal(anybody.status, 401, `${method} ${path}`);
    assert.match(anybody.body.detail, /superDigest.*http\.adminPath/);
    const bob = await api.ask(method, path, {
      headers: { Authorization: "digest bob:pw" },
      body,
    });
    assert.equal(bob.status, 403, `${method} ${path}`);
    assert.equal(bob.body.type, "urn:denkeeper:problem:no-auth");
    const { status } = await api.ask(method, path, { body });
    assert(status !== 401 && status !== 403, `${method} ${path}: ${status}`);
  }
  assert.equal((await api.ask("GET", "/cluster", { headers: {} })).status, 200);
  assert.equal((await api.ask("GET", "/members", { headers: {} })).status, 200);
});

Deno.test("http.adminPath makes admins of those whom its ACL gives everything, if nobody can forge it", async () => {
  await using api = await Api.start({ config: { "http.adminPath": "/team/admins" } });
  using client = await RawClient.session(api.server.clientPort);
  const everything = [{ perms: 31, ...BOB }];
  const steps: readonly { request: Request; bob: number; detail?: RegExp }[] = [
    { request: create("/team"), bob: 403, detail: /anybody may create or delete "\/team\/admins"/ },
    {
      request: create("/team/admins", { acl: everything }),
      bob: 403,
      detail: /anybody may create/,
    },
    { request: setAcl("/team", READ_ONLY), bob: 200 },
  ];
  for (const { request, bob, detail } of steps) {
    await client.must(request);
    const answer = await api.ask("GET", "/server/sessions", {
      headers: { Authorization: "digest bob:pw" },
    });
    assert.equal(answer.status, bob);
    if (detail !== undefined) assert.match(answer.body.detail, detail);
  }
  const eve = await api.ask("GET", "/server/sessions", {
    headers: { Authorization: "digest eve:pw" },
  });
  assert.equal(eve.status, 403);
  assert.match(eve.body.detail, /cdrwa/);
});

Deno.test("http.adminPath does not take four permissions of five for all", async () => {
  await using api = await Api.start({ config: { "http.adminPath": "/team/admins" } });
  using client = await RawClient.session(api.server.clientPort);
  await client.must(create("/team"));
  await client.must(create("/team/admins", { acl: [{ perms: 15, ...BOB }] }));
  await client.must(setAcl("/team", READ_ONLY));
  const headers = { Authorization: "digest bob:pw" };
  assert.equal((await api.ask("GET", "/server/sessions", { headers })).status, 403);
});

Deno.test("GET /server/connections tells of each, and DELETE closes one whose session lives on", async () => {
  await using api = await Api.start();
  using first = await RawClient.session(api.server.clientPort);
  using second = await RawClient.session(api.server.clientPort);
  await first.must(getChildren("/", true));
  const { body } = await api.ask("GET", "/server/connections");
  assert.equal(body.total, 2);
  assert.equal(body.next, null);
  const addressOf = (id: bigint) =>
    body.connections.find((c: { session: string }) => c.session === hex(id));
  assert.equal(addressOf(first.sessionId).watchCount, 1);
  assert.equal(addressOf(second.sessionId).watchCount, 0);
  assert.equal(addressOf(first.sessionId).timeoutMs, 20_000);
  const { address } = addressOf(first.sessionId);
  assert.equal((await api.ask("DELETE", `/server/connections/${address}`)).status, 204);
  assert.equal(await first.receiveFrame(), "closed");
  const again = await api.ask("DELETE", `/server/connections/${address}`);
  assert.equal(again.status, 404);
  assert.equal(again.body.type, "urn:denkeeper:problem:no-connection");
  assert.equal((await api.ask("DELETE", "/server/connections/nonsense")).status, 400);
  using resumed = await RawClient.session(api.server.clientPort, {
    sessionId: first.sessionId,
    password: first.password,
  });
  assert.equal(resumed.sessionId, first.sessionId);
});

Deno.test("GET /server/sessions tells pages of them, and DELETE ends one with its ephemerals", async () => {
  await using api = await Api.start();
  using owner = await RawClient.session(api.server.clientPort);
  using other = await RawClient.session(api.server.clientPort);
  await owner.must(create("/mine", { flags: 1 }));
  const listed = await api.ask("GET", "/server/sessions?limit=1");
  assert.equal(listed.body.total, 2);
  const [session] = listed.body.sessions;
  const rest = await api.ask("GET", `/server/sessions?limit=1&after=${listed.body.next}`);
  assert.equal(rest.body.next, null);
  assert.deepEqual(
    [session.id, rest.body.sessions[0].id].sort(),
    [hex(owner.sessionId), hex(other.sessionId)].sort(),
  );
  const own = session.id === hex(owner.sessionId) ? session : rest.body.sessions[0];
  assert.equal(own.ephemeralCount, 1);
  assert.equal(own.kind, "global");
  assert.equal(own.client.via, "tcp");
  assert(own.remainingMs > 0 && own.remainingMs <= own.timeoutMs + 1000, own.remainingMs);

  const url = `/server/sessions/${hex(owner.sessionId)}`;
  assert.equal((await api.ask("DELETE", url)).status, 204);
  assert.equal((await other.call(exists("/mine"))).err, NO_NODE);
  assert.equal(await owner.receiveFrame(), "closed");
  assert.equal((await api.ask("DELETE", url)).status, 404);
  assert.equal((await api.ask("DELETE", "/server/sessions/7")).status, 400);
  assert.equal((await api.ask("GET", "/server/sessions")).body.total, 1);
});

Deno.test("GET /server/watches tells them by path and by session", async () => {
  await using api = await Api.start();
  using client = await RawClient.session(api.server.clientPort);
  for (const name of ["a", "b", "c"]) {
    await client.must(create(`/${name}`));
    await client.must(exists(`/${name}`, true));
  }
  await client.must(getChildren("/a", true));
  const first = await api.ask("GET", "/server/watches?limit=2");
  const session = hex(client.sessionId);
  assert.deepEqual(first.body, {
    paths: [
      { path: "/a", count: 1, watchers: [{ session, kinds: ["data", "child"] }] },
      { path: "/b", count: 1, watchers: [{ session, kinds: ["data"] }] },
    ],
    total: 3,
    next: "/b",
  });
  const second = await api.ask("GET", "/server/watches?limit=2&after=%2Fb");
  assert.deepEqual(second.body.paths.map(({ path }: { path: string }) => path), ["/c"]);
  assert.equal(second.body.next, null);
  const bySession = await api.ask("GET", "/server/watches?by=session");
  assert.deepEqual(bySession.body, {
    sessions: [{ session, count: 3, paths: ["/a", "/b", "/c"] }],
    total: 1,
    next: null,
  });
  assert.equal((await api.ask("GET", "/server/watches?limit=0")).status, 400);
});

Deno.test("PUT /server/log-level sets what GET tells; without a log of its own there is none", async () => {
  const logLevel: LogLevel = { threshold: "info" };
  await using api = await Api.start({ logLevel });
  assert.deepEqual((await api.ask("GET", "/server/log-level")).body, { level: "info" });
  const set = await api.ask("PUT", "/server/log-level", { body: { level: "debug" } });
  assert.deepEqual(set.body, { level: "debug" });
  assert.equal(logLevel.threshold, "debug");
  assert.equal(
    (await api.ask("PUT", "/server/log-level", { body: { level: "loud" } })).status,
    400,
  );
  assert.equal(logLevel.threshold, "debug");
  await using foreign = await Api.start();
  assert.equal((await foreign.ask("GET", "/server/log-level")).status, 501);
});

Deno.test("GET /server/config tells settings in effect, and no secret", async () => {
  await using api = await Api.start({ config: { "ssl.keyStore.password": "hush-hush" } });
  const { body } = await api.ask("GET", "/server/config");
  assert.equal(body.effective.tickTimeMs, 1000);
  assert.equal(body.effective.superDigest, "(withheld)");
  assert.equal(body.file.tickTime, "1000");
  const text = JSON.stringify(body);
  assert(!text.includes("hush-hush") && !text.includes("lK75jTNcA"), text);
});

Deno.test("settingsJson() masks what looks like a secret, wherever it stands", () => {
  const config = {
    ...makeConfig(),
    raw: new Map([["tickTime", "5"], ["a.password", "p1"], ["secretThing", "p2"], [
      "b.passwd",
      "",
    ]]),
    systemProperties: new Map([["zookeeper.SASLAuthenticationProvider.superPassword", "p3"]]),
    saslSuperPassword: "p4",
    superDigest: "super:p5",
  };
  const { file, effective } = settingsJson(config);
  assert.deepEqual(file, {
    tickTime: "5",
    "a.password": "(withheld)",
    secretThing: "(withheld)",
    "b.passwd": "",
  });
  assert.doesNotMatch(JSON.stringify({ file, effective }), /p[1-5]"/);
  assert.equal(
    effective.fourLetterWords instanceof Array || effective.fourLetterWords === "*",
    true,
  );
});

Deno.test("pageOf() tells every item once, in order, whatever the size of a page", () => {
  const items = ["d", "a", "g", "c", "f", "b", "e"];
  for (const limit of [1, 2, 3, 6, 7, 8]) {
    const told: string[] = [];
    let after: string | undefined;
    do {
      const page = pageOf(items, { keyOf: (item) => item, after, limit });
      assert(page.entries.length <= limit, `${limit}`);
      assert.equal(page.total, items.length);
      told.push(...page.entries);
      after = page.next ?? undefined;
    } while (after !== undefined);
    assert.deepEqual(told, [...items].sort(), `${limit}`);
  }
});
