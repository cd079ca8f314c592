import assert from "node:assert/strict";
import type { AdminContext } from "../../../../net/admin_context.ts";
import { adminCommands, type AdminCommandsOptions } from "../../../../net/http/admin/commands.ts";
import { RawClient } from "../../../support/raw_client.ts";
import { auth, create, exists, getChildren, getData, setAcl } from "../../../support/requests.ts";
import { AdminFixture, SUPER } from "./admin_fixture.ts";

const ALIASES: Record<string, readonly string[]> = {
  configuration: ["conf", "config"],
  connection_stat_reset: ["crst"],
  connections: ["cons"],
  dirs: [],
  dump: [],
  environment: ["env", "envi"],
  get_trace_mask: ["gtmk"],
  hash: [],
  initial_configuration: ["icfg"],
  is_read_only: ["isro"],
  last_snapshot: ["lsnp"],
  leader: ["lead"],
  monitor: ["mntr"],
  observer_connection_stat_reset: ["orst"],
  observers: ["obsr"],
  ruok: [],
  server_stats: ["srvr"],
  set_trace_mask: ["stmk"],
  stat_reset: ["srst"],
  stats: ["stat"],
  system_properties: ["sysp"],
  voting_view: [],
  watch_summary: ["wchs"],
  watches: ["wchc"],
  watches_by_path: ["wchp"],
  zabstate: [],
};
const PROTECTED: Record<string, { alias: string; method: string }> = {
  restore: { alias: "rest", method: "POST" },
  shed_connections: { alias: "shed", method: "POST" },
  snapshot: { alias: "snap", method: "GET" },
};

Deno.test("adminCommands() lists every command by its name at the base, sorted", async () => {
  await using admin = await AdminFixture.start();
  const names = [...Object.keys(ALIASES), ...Object.keys(PROTECTED)].sort();
  const expected = names.map((name) => `<a href="/commands/${name}">${name}</a>\n<br/>\n`).join("");
  for (const [path, method] of [["", "GET"], ["/", "GET"], ["", "POST"]] as const) {
    const response = await admin.fetch(path, { method });
    assert.equal(response.status, 200);
    assert.equal(response.headers.get("Content-Type"), null);
    assert.equal(await response.text(), expected);
  }
});

Deno.test("adminCommands() answers each name and alias under the command's name", async () => {
  await using admin = await AdminFixture.start();
  for (const [name, aliases] of Object.entries(ALIASES)) {
    for (const asked of [name, ...aliases]) {
      const response = await admin.fetch(`/${asked}`);
      assert.equal(response.status, 200, asked);
      assert.equal(response.headers.get("Content-Type"), "application/json", asked);
      const length = Number(response.headers.get("Content-Length") ?? NaN);
      const text = await response.text();
      assert.equal(length, text.length, asked);
      const answer = JSON.parse(text);
      assert.equal(answer.command, name, asked);
      assert.ok("error" in answer, asked);
    }
  }
  for (const [name, { alias, method }] of Object.entries(PROTECTED)) {
    for (const asked of [name, alias]) {
      const response = await admin.fetch(`/${asked}`, { method });
      assert.deepEqual([response.status, (await response.json()).command], [401, name], asked);
    }
  }
});

Deno.test("adminCommands() answers what is no command as ZooKeeper does", async () => {
  await using admin = await AdminFixture.start();
  for (const name of ["nope", "Ruok", "ruok/", "ruok/x", "%6Dntr/", "a%20b"]) {
    const response = await admin.fetch(`/${name}`);
    const given = decodeURIComponent(name);
    assert.equal(response.status, 200, name);
    assert.equal(
      await response.text(),
      `{\n  "command" : "${given}",\n  "error" : "Unknown command: ${given}"\n}`,
    );
  }
  const cases: [method: string, path: string, status: number, allow: string | null][] = [
    ["POST", "/ruok", 405, "GET, HEAD"],
    ["GET", "/restore", 405, "POST"],
    ["GET", "/shed", 405, "POST"],
    ["POST", "/snapshot", 405, "GET, HEAD"],
    ["PUT", "/ruok", 405, "GET, HEAD, POST, OPTIONS"],
    ["DELETE", "", 405, "GET, HEAD, POST, OPTIONS"],
    ["OPTIONS", "/ruok", 200, "GET, HEAD, POST, OPTIONS"],
    ["GET", "x", 404, null], // beside the base
  ];
  for (const [method, path, status, allow] of cases) {
    const response = await admin.fetch(path, { method });
    assert.equal(response.status, status, `${method} ${path}`);
    assert.equal(response.headers.get("Allow"), allow, `${method} ${path}`);
    await response.body?.cancel();
  }
  assert.equal(await admin.json("/mntr").then(({ packets_sent }) => packets_sent), 0); // PUT did nothing
});

Deno.test("adminCommands() does not run a command whose method does not fit", async () => {
  await using admin = await AdminFixture.start();
  await admin.json("/stmk?traceMask=5", { method: "POST" });
  assert.equal((await admin.json("/gtmk")).tracemask, 306);
});

Deno.test("set_trace_mask takes every long and nothing else, from anyone", async () => {
  await using admin = await AdminFixture.start();
  const needs = "setTraceMask requires long traceMask argument";
  const cases: [query: string, answer: string][] = [
    ["?traceMask=9223372036854775807", '"tracemask" : 9223372036854775807'],
    ["?traceMask=-9223372036854775808", '"tracemask" : -9223372036854775808'],
    ["?traceMask=%2B7", '"tracemask" : 7'],
    ["", `"error" : "${needs}"`],
    ["?tracemask=1", `"error" : "${needs}"`],
    ["?traceMask=", `"error" : "${needs}, got "`],
    ["?traceMask=0x1", `"error" : "${needs}, got 0x1"`],
    ["?traceMask=9223372036854775808", `"error" : "${needs}, got 9223372036854775808"`],
  ];
  for (const [query, answer] of cases) {
    const text = await (await admin.fetch(`/set_trace_mask${query}`)).text();
    const fields = answer.startsWith('"error"')
      ? `${answer},\n  "command" : "set_trace_mask"`
      : `${answer},\n  "command" : "set_trace_mask",\n  "error" : null`;
    assert.equal(text, `{\n  ${fields}\n}`);
  }
  assert.equal((await admin.json("/gtmk")).tracemask, 7); // the last that was one
});

Deno.test("the AdminServer tells of connections, sessions, watches and ephemerals", async () => {
  await using admin = await AdminFixture.start();
  using client = await RawClient.session(admin.server.clientPort);
  using other = await RawClient.open(admin.server.clientPort);
  await other.sendBytes(new Uint8Array(3)); // no session yet
  await client.must(create("/a"));
  await client.must(create("/a/e", { flags: 1 }));
  await client.must(getData("/a", true));
  await client.call(exists("/no", true));
  await client.must(getChildren("/a", true));
  const id = String(client.sessionId);
  const text = await (await admin.fetch("/cons")).text();
  assert.match(text, new RegExp(`"session_id" : ${id},`)); // exact, as a number
  const { connections, secure_connections } = JSON.parse(text);
  const [own] = connections.filter((connection: object) => "session_id" in connection);
  assert.equal(connections.length, 2);
  assert.deepEqual(secure_connections, []);
  assert.deepEqual(Object.keys(own), [
    ...["remote_socket_address", "interest_ops", "outstanding_requests", "packets_received"],
    ...["packets_sent", "session_id", "last_operation", "established", "session_timeout"],
    ...["last_cxid", "last_zxid", "last_response_time", "last_latency", "min_latency"],
    ...["avg_latency", "max_latency"],
  ]);
  assert.deepEqual([own.last_operation, own.last_cxid, own.packets_received], ["GETC", 5, 6]);
  assert.match(
    await (await admin.fetch("/dump")).text(),
    new RegExp(
      `"session_id_to_ephemeral_paths" : \\{\n    "${id}" : \\[ "/a/e" \\]\n  \\}`,
    ),
  );
  const { expiry_time_to_session_ids: expiries } = await admin.json("/dump");
  const [bucket] = Object.keys(expiries);
  assert.equal(Number(bucket) % 1000, 0); // a tick
  const watches = await admin.json("/wchc");
  assert.deepEqual(watches.session_id_to_watched_paths[id].sort(), ["/a", "/no"]); // no child watches
  assert.deepEqual(
    await (await admin.fetch("/wchs")).text(),
    '{\n  "num_connections" : 1,\n  "num_paths" : 2,\n  "num_total_watches" : 2,\n' +
      '  "command" : "watch_summary",\n  "error" : null\n}',
  );
  await admin.json("/crst");
  const after = await admin.json("/cons");
  const [reset] = after.connections.filter((connection: object) => "session_id" in connection);
  assert.deepEqual([reset.last_operation, reset.last_cxid, reset.last_zxid], ["NA", -1, -1]);
});

Deno.test("the AdminServer tells of no password", async () => {
  await using admin = await AdminFixture.start({
    config: { "ssl.keyStore.password": "hidden1", foo: "bar" },
    defines: ["zookeeper.ssl.trustStore.password=hidden2"],
  });
  const properties = await admin.json("/sysp");
  const { initial_configuration: text } = await admin.json("/icfg");
  assert.equal(properties["zookeeper.foo"], "bar");
  assert.equal(properties["zookeeper.ssl.trustStore.password"], "(withheld)");
  assert.equal(properties["zookeeper.DigestAuthenticationProvider.superDigest"], "(withheld)");
  assert.match(text, /^foo=bar$/m);
  assert.match(text, /^ssl\.keyStore\.password=\(withheld\)$/m);
  assert.doesNotMatch(JSON.stringify([properties, text]), /hidden/);
});

Deno.test("the AdminServer stands alone in what it says of an ensemble", async () => {
  await using admin = await AdminFixture.start();
  const cases = {
    leader: '{\n  "error" : "server is not initialized",\n  "command" : "leader"\n}',
    zabstate:
      '{\n  "voting" : false,\n  "zabstate" : "",\n  "command" : "zabstate",\n  "error" : null\n}',
    voting_view: '{\n  "current_config" : { },\n  "command" : "voting_view",\n  "error" : null\n}',
    observers:
      '{\n  "synced_observers" : 0,\n  "observers" : [ ],\n  "command" : "observers",\n  "error" : null\n}',
  };
  for (const [name, text] of Object.entries(cases)) {
    assert.equal(await (await admin.fetch(`/${name}`)).text(), text);
  }
});

Deno.test("adminCommands() is found under admin.commandURL", async () => {
  await using admin = await AdminFixture.start({ config: { "admin.commandURL": "/admin/zk" } });
  const listing = await (await admin.fetch("")).text();
  assert.match(listing, /^<a href="\/admin\/zk\/configuration">configuration<\/a>$/m);
  assert.deepEqual(await admin.json("/ruok"), { command: "ruok", error: null });
});

Deno.test("a protected command is only for who may do everything on the root", async () => {
  await using admin = await AdminFixture.start();
  using client = await RawClient.session(admin.server.clientPort);
  await client.call(auth("digest", "me:pw"), -4);
  await client.call(auth("digest", "super:secret"), -4); // to have a way back
  const shed = (authorization: string | null) =>
    admin.fetch("/shed", {
      method: "POST",
      body: '{"percentage":0}',
      ...(authorization === null ? {} : { headers: { Authorization: authorization } }),
    });
  for (const perms of [30, 29, 27, 23, 15]) { // all but one
    await client.must(setAcl("/", [{ perms, scheme: "auth", id: "" }]));
    const response = await shed("digest me:pw");
    assert.deepEqual([response.status, (await response.json()).error], [403, "Not authorized"]);
  }
  await client.must(setAcl("/", [{ perms: 31, scheme: "auth", id: "" }]));
  const cases: [authorization: string | null, status: number, error: string | null][] = [
    [null, 401, "Auth info is missing for the command"],
    ["digest", 401, "Not authenticated"],
    ["nosuch x", 401, "Not authenticated"],
    ["Digest me:pw", 401, "Not authenticated"], // schemes are spelled as in ACLs
    ["Basic !", 401, "Not authenticated"],
    ["x509", 401, "Not authenticated"],
    ["ip", 403, "Not authorized"],
    ["digest me:wrong", 403, "Not authorized"],
    ["digest me:pw", 200, null],
    [`Basic ${btoa("me:pw")}`, 200, null], // curl -u
    ["digest super:secret", 200, null],
  ];
  for (const [authorization, status, error] of cases) {
    const response = await shed(authorization);
    const answer = await response.json();
    assert.deepEqual([response.status, answer.error], [status, error], `${authorization}`);
    assert.equal(answer.command, "shed_connections");
  }
});

Deno.test("a protected command lets a listed address in", async () => {
  await using admin = await AdminFixture.start();
  using client = await RawClient.session(admin.server.clientPort);
  await client.must(setAcl("/", [{ perms: 31, scheme: "ip", id: "127.0.0.0/8" }]));
  const response = await admin.fetch("/snapshot?streaming=false", {
    headers: { Authorization: "ip" },
  });
  assert.equal(response.status, 200);
});

Deno.test("shed_connections closes as many as is said, and keeps their sessions", async () => {
  await using admin = await AdminFixture.start();
  using client = await RawClient.session(admin.server.clientPort);
  using other = await RawClient.session(admin.server.clientPort);
  const shed = (body: string | null) =>
    admin.fetch("/shed_connections", { method: "POST", body, headers: SUPER });
  const bad: [body: string | null, error: RegExp][] = [
    [null, /^No request body/],
    ["", /^No request body/],
    ["{", /no JSON/],
    ["null", /no percentage/],
    ["{}", /no percentage/],
    ['{"percentage":"5"}', /whole number/],
    ['{"percentage":1.5}', /whole number/],
    ['{"percentage":101}', /101 is not from 0 to 100/],
    ['{"percentage":-1}', /-1 is not from 0 to 100/],
    [`{"percentage":${" ".repeat(2000)}1}`, /longer than 1024 bytes/],
  ];
  for (const [body, error] of bad) {
    const response = await shed(body);
    assert.equal(response.status, 400, body ?? "none");
    assert.match((await response.json()).error, error);
  }
  assert.equal(
    await (await shed('{"percentage":0}')).text(),
    '{\n  "connections_shed" : 0,\n  "percentage_requested" : 0,\n' +
      '  "command" : "shed_connections",\n  "error" : null\n}',
  );
  assert.equal((await (await shed('{"percentage":100}')).json()).connections_shed, 2);
  for (const gone of [client, other]) assert.equal(await gone.receiveFrame(), "closed");
  const { sessionId, password } = client;
  using again = await RawClient.session(admin.server.clientPort, { sessionId, password });
  assert.equal(again.sessionId, sessionId);
});

Deno.test("the AdminServer sends a long list piece by piece, to the end", async () => {
  await using admin = await AdminFixture.start();
  using client = await RawClient.session(admin.server.clientPort);
  const paths = Array.from({ length: 5000 }, (_, i) => `/${"x".repeat(60)}${i}`);
  await Promise.all(paths.map((path, i) => client.send(exists(path, true), i)));
  for (const path of paths) assert.equal((await client.reply(path)).err, -101);
  const response = await admin.fetch("/wchp");
  assert.equal(response.headers.get("Content-Length"), null);
  const { path_to_session_ids: watches } = await response.json();
  assert.deepEqual(Object.keys(watches).sort(), paths.sort());
});

Deno.test("adminCommands() makes a long list as it is read, and lets others run between its pieces", async () => {
  const pathCount = 20_000;
  let madeCount = 0;
  const some = function* () {
    for (; madeCount < pathCount; madeCount++) yield `/${"x".repeat(60)}${madeCount}`;
  };
  const context = {
    isServing: true,
    watchesBySession: () => [{ sessionId: 5n, paths: some() }],
  } as unknown as AdminContext;
  const answer = adminCommands({
    context,
    config: { http: { commandUrl: "/commands" } },
  } as unknown as AdminCommandsOptions);
  const request = new Request("http://localhost/commands/wchc");
  const { body } = await answer(request, { remoteAddress: "127.0.0.1" });
  let turnCount = 0;
  const timer = setInterval(() => turnCount++, 0);
  const reader = body!.getReader();
  let pieceCount = 0;
  while (!(await reader.read()).done) {
    pieceCount++;
    if (pieceCount === 1) assert.ok(madeCount < pathCount / 5, `${madeCount} are made already`);
  }
  clearInterval(timer);
  assert.equal(madeCount, pathCount);
  assert.ok(turnCount >= pieceCount - 5, `${turnCount} turns for ${pieceCount} pieces`);
});
