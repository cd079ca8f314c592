/**
 * A client that is generated from a server's `/openapi.json` drives all of its operations: each answer has a status, a
 * type and a body that the document has. Every documented status is provoked, or stands here with the reason why not.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { LogLevel } from "../../core/ports.ts";
import { Ensemble } from "../support/ensemble.ts";
import { eventually } from "../support/eventually.ts";
import {
  type ClientOrder,
  type ClientResult,
  type DocumentedOperation,
  GeneratedClient,
} from "../support/generated_client.ts";
import { InProcessServer } from "../support/in_process_server.ts";
import { startLoneMember } from "../support/lone_member.ts";
import { RawClient } from "../support/raw_client.ts";
import { getData } from "../support/requests.ts";
import { makeTempDir } from "../support/temp_dir.ts";
import { SUPER_PROPERTIES } from "../support/tree_dump.ts";

const SUPER = { Authorization: `Basic ${btoa("super:secret")}` };
const DEFINES = Object.entries(SUPER_PROPERTIES).map(([key, value]) => `${key}=${value}`);
const BODY_LIMIT = 20_000;
const LOG_LEVEL: LogLevel = { threshold: "info" };

/** What no single request to a healthy server can bring about. */
const NOT_PROVOKED: readonly [statuses: readonly number[], of: RegExp, reason: string][] = [
  [[500], /./, "the server itself has to fail"],
  [[504], /./, "the quorum has to fall silent: tests/net/http/server_gateway_test.ts"],
  [[429], /./, "many requests at once: tests/compat/http_bad_input_test.ts"],
  [[507], /./, "a full disk; quotas are used up below"],
  [[409], /^putAcl$/, "others have to change the ACL each time that it is tried"],
  [
    [409],
    /^((create|close|kill)Session|keepSessionAlive|releaseLock|resign|standForElection|closeConnection|setLogLevel)$/,
    "the session has to be used through another member at that moment",
  ],
  [
    [404],
    /^(acquireLock|standForElection)$/,
    "the entry has to be deleted while the request waits: tests/net/http/locks_test.ts",
  ],
  [[503], /^is(Live|Started)$/, "tests/net/http/health_test.ts"],
  [[200], /^restoreSnapshot$/, "all data would be replaced: tests/compat/admin_server_test.ts"],
];

/** What was called, and what it was answered. */
class CallLog {
  readonly #seen = new Set<string>();
  readonly wrong: string[] = [];
  readonly #client: GeneratedClient;

  constructor(client: GeneratedClient) {
    this.#client = client;
  }

  has(operation: string, status: number): boolean {
    return this.#seen.has(`${operation} ${status}`);
  }

  note(operation: string, status: number): void {
    this.#seen.add(`${operation} ${status}`);
  }

  async expect(status: number, order: ClientOrder): Promise<ClientResult> {
    const result = await this.#client.call(order);
    this.note(order.operation, result.status);
    const call = `${order.operation} ${JSON.stringify(order).slice(0, 300)}`;
    for (const wrong of result.wrong) this.wrong.push(`${call}: ${wrong}`);
    if (result.status !== status) {
      this.wrong.push(`${call}: ${result.status}, not ${status}: ${result.text.slice(0, 300)}`);
    }
    return result;
  }
}

/** A request for an operation, in which only what is asked about is wrong. */
function plainOrder(
  { operationId, path, bodyType }: DocumentedOperation,
  token: string,
): ClientOrder {
  const values: Record<string, string> = {
    ...{ path: "generic", token, address: "127.0.0.1:1", id: "0x1", command: "ruok" },
  };
  const parameters: Record<string, string> = operationId === "watch" ? { path: "/generic" } : {};
  for (const [, name] of path.matchAll(/\{(\w+)\}/g)) parameters[name!] = values[name!]!;
  if (operationId === "createSequential") parameters["sequence"] = "1";
  return {
    operation: operationId,
    parameters,
    headers: SUPER,
    body: bodyType === null ? null : bodyType === "application/json" ? "{}" : "",
  };
}

Deno.test("OpenAPI: a generated client gets what the document says, of every operation and status", async () => {
  using dir = makeTempDir();
  await using server = await InProcessServer.start({
    http: true,
    defines: DEFINES,
    logLevel: LOG_LEVEL,
    config: {
      "jute.maxbuffer": BODY_LIMIT,
      "backup.dir": `${dir.path}/backups`,
      enforceQuota: true,
      extendedTypesEnabled: true,
    },
  });
  await using alone = await startLoneMember(dir.path, { memberCount: 2, defines: DEFINES });
  await using client = await GeneratedClient.start(server.httpUrl);
  const { valid, errors, operations } = client.report;
  assert.equal(valid, true, JSON.stringify(errors, null, 2));
  assert(operations.length > 40);

  const log = new CallLog(client);
  const endedToken = await followStory(log, server, `${dir.path}/backups`);
  await provokeRefusals(log, { operations, alone, endedToken });
  await callMembers(log);
  await sendByHand(log, { operations });

  assert.deepEqual(log.wrong, []);
  const missing = operations.flatMap(({ operationId, statuses }) =>
    statuses.filter((status) => !log.has(operationId, status))
      .filter((status) =>
        !NOT_PROVOKED.some(([those, of]) => those.includes(status) && of.test(operationId))
      )
      .map((status) => `${operationId} ${status}`)
  );
  assert.deepEqual(missing, [], "every documented status is provoked");
});

Deno.test("OpenAPI: what the document does not have is not answered", async () => {
  await using server = await InProcessServer.start({ http: true });
  const document = await (await fetch(`${server.httpUrl}/openapi.json`)).json();
  const paths = Object.entries<Record<string, unknown>>(document.paths);
  const ask = async (method: string, path: string) => {
    const response = await fetch(server.httpUrl + path, { method });
    await response.body?.cancel();
    return response;
  };
  const isDocumented = (path: string) =>
    paths.some(([template]) =>
      new RegExp(`^${template.replace("{path}", ".*").replaceAll(/\{\w+\}/g, "[^/]+")}$`).test(path)
    );
  for (const [template, item] of paths) {
    if (template.startsWith("/commands")) continue; // answered as ZooKeeper does, whatever the method
    const documented = Object.keys(item).map((method) => method.toUpperCase());
    const known = new Set([...documented, ...documented.includes("GET") ? ["HEAD"] : []]);
    const path = template.replaceAll(/\{\w+\}/g, "a");
    for (const method of ["GET", "HEAD", "PUT", "POST", "DELETE", "PATCH", "QUERY"]) {
      if (known.has(method)) continue;
      const response = await ask(method, path);
      assert.equal(response.status, 405, `${method} ${path}`);
      const allowed = response.headers.get("allow")!.split(", ");
      assert.deepEqual(allowed, [...known, "OPTIONS"].sort(), path);
    }
    const options = await ask("OPTIONS", path);
    assert.deepEqual([options.status, options.headers.get("access-control-allow-origin")], [
      204,
      null,
    ]);
    for (const wrong of ["/", "//", "x", "/x/y"].map((more) => path + more)) {
      if (!isDocumented(wrong)) assert.equal((await ask("GET", wrong)).status, 404, wrong);
    }
  }
  for (const wrong of ["/", "/api", "/api/v1", "/api/v1/", "/api/v2/data/a", "/API/v1/data/a"]) {
    assert.equal((await ask("GET", wrong)).status, 404, wrong);
  }
});

/**
 * What each operation is for, and what it refuses.
 *
 * @returns the token of a session that has ended
 */
async function followStory(
  log: CallLog,
  server: InProcessServer,
  backupDir: string,
): Promise<string> {
  const call = (
    status: number,
    operation: string,
    parameters: Record<string, string> = {},
    more: Partial<ClientOrder> = {},
  ) => log.expect(status, { operation, parameters, headers: SUPER, ...more });
  const json = (value: unknown) => ({ body: JSON.stringify(value) });

  // sessions
  const made = JSON.parse((await call(201, "createSession", {}, json({ ttl: "30s" }))).text);
  const token: string = made.token;
  const session = { headers: { ...SUPER, "X-Zk-Session": token } };
  await call(200, "getSession", { token });
  await call(200, "keepSessionAlive", { token });
  await call(200, "sessionEvents", { token, path: "/a" });

  // data
  await call(404, "getData", { path: "a" });
  await call(404, "exists", { path: "a" });
  await call(404, "getNode", { path: "a" });
  await call(404, "getChildren", { path: "a" });
  await call(404, "getAcl", { path: "a" });
  await call(404, "putAcl", { path: "a" }, { body: "world:anyone:cdrwa" });
  await call(404, "exportTree", { path: "a" });
  await call(404, "deleteNode", { path: "a" });
  await call(404, "putData", { path: "a", "If-Match": "*" }, { body: "" });
  const first = await call(201, "putData", { path: "a" }, { body: "one" });
  const etag = first.headers["etag"]!;
  await call(200, "putData", { path: "a" }, { body: "two" });
  await call(409, "putData", { path: "a", "If-None-Match": "*" }, { body: "" });
  await call(412, "putData", { path: "a", "If-Match": etag }, { body: "" });
  await call(201, "putData", { path: "a/b/c", parents: "1" }, { body: "deep" });
  const slashes = await call(400, "getData", { path: "a/b" }, { keepsSlashes: false });
  assert.match(slashes.text, /write \/ between names, not %2F/);
  const data = await call(200, "getData", { path: "a/b/c" });
  assert.equal(data.text, "deep");
  await call(200, "exists", { path: "a" });
  await call(304, "getData", { path: "a", "If-None-Match": "*" });
  await call(304, "getNode", { path: "a", "If-None-Match": "*" });
  const { headers: { "x-zk-since": since } } = await call(200, "getData", { path: "a" });
  await call(204, "getData", { path: "a", since: since!, wait: "10ms" });
  for (const encoding of ["auto", "utf8", "base64"]) {
    await call(200, "getNode", { path: "a", encoding });
  }
  const page = await call(200, "getChildren", { path: "a", stat: "1", data: "1" });
  const childrenSince = page.headers["x-zk-since"]!;
  await call(204, "getChildren", { path: "a", since: childrenSince, wait: "10ms" });
  await call(201, "createSequential", { path: "a/n-", sequence: "1" }, { body: "x" });
  const key = { path: "a/k-", sequence: "1", "Idempotency-Key": "one" };
  await call(201, "createSequential", key, { body: "" });
  await call(200, "createSequential", key, { body: "" });
  await call(409, "createSequential", { path: "none/n-", sequence: "1" }, { body: "" });
  await call(409, "deleteNode", { path: "a" });
  await call(412, "deleteNode", { path: "a/b/c", "If-Match": '"77"' });
  await call(200, "deleteNode", { path: "a", recursive: "1", plan: "1" });

  // nodes of all kinds
  const ephemeral = { path: "a/e", type: "ephemeral" };
  await call(400, "putData", ephemeral, { body: "" });
  await call(201, "putData", ephemeral, { ...session, body: "" });
  await call(201, "putData", { path: "a/t", type: "ttl", ttlMs: "600000" }, { body: "" });
  await call(201, "putData", { path: "a/con", type: "container" }, { body: "" });
  for (const name of ["e", "t", "con"]) await call(200, "getNode", { path: `a/${name}` }, session);
  await call(409, "putData", { path: "a/e/x" }, { body: "" });

  // trees
  const exported = await call(200, "exportTree", { path: "a", stat: "1" });
  const lines = exported.text.split("\n").filter((line) => !/"type":"(ttl|ephemeral)"/.test(line))
    .join("\n");
  await call(200, "importTree", { path: "copy" }, { body: lines });
  await call(409, "importTree", { path: "copy" }, { body: lines });
  await call(400, "importTree", { path: "copy2" }, { body: "nonsense" });

  // ACLs
  const acl = await call(200, "getAcl", { path: "a" });
  await call(304, "getAcl", { path: "a", "If-None-Match": acl.headers["etag"]! });
  await call(200, "putAcl", { path: "a" }, { body: "world:anyone:cdrwa" });
  await call(412, "putAcl", { path: "a", "If-Match": '"0"' }, { body: "world:anyone:r" });
  await call(400, "putAcl", { path: "a" }, { body: "nonsense" });

  // several at once
  const ops = [
    { op: "create", path: "/txn", data: { encoding: "utf8", data: "x" } },
    { op: "set", path: "/txn", data: { encoding: "json", data: { a: 1 } } },
    { op: "check", path: "/txn", version: 1 },
    { op: "delete", path: "/txn" },
  ];
  await call(200, "txn", {}, json({ ops }));
  await call(409, "txn", {}, json({ ops: [{ op: "delete", path: "/none" }] }));
  for (const what of ["data", "children", "stat"]) {
    await call(200, "read", {}, json({ paths: ["/a", "/none"], what }));
  }
  await call(200, "sync");
  await call(200, "watch", { path: "/a" });
  await call(200, "whoAmI");

  // locks and elections
  for (
    const [take, look, leave, absent] of [
      ["acquireLock", "getLock", "releaseLock", "lock"],
      ["standForElection", "getElection", "resign", "election"],
    ] as const
  ) {
    const path = `contended/${absent}`;
    await call(200, look, { path });
    await call(201, take, { path }, { ...session, ...json({}) });
    await call(200, take, { path }, { ...session, ...json({}) });
    const state = await call(200, look, { path });
    const queued = JSON.parse(state.text);
    assert((queued.holder ?? queued.candidates[0]) !== undefined);
    if (take === "acquireLock") await call(409, take, { path }, json({ ttl: "10s" }));
    await call(204, leave, { path }, session);
    await call(404, leave, { path }, session);
  }

  // quotas
  const quota = "zookeeper/quota/limited";
  await call(201, "putData", { path: "limited" }, { body: "" });
  await call(201, "putData", { path: `${quota}/zookeeper_limits`, parents: "1" }, {
    body: "count=1,bytes=-1=;byteHardLimit=-1;countHardLimit=1",
  });
  await call(201, "putData", { path: `${quota}/zookeeper_stats` }, { body: "count=1,bytes=0" });
  await call(507, "putData", { path: "limited/a" }, { body: "" });
  await call(507, "createSequential", { path: "limited/a-", sequence: "1" }, { body: "" });

  // the server
  await call(200, "getCluster");
  await call(200, "getMembers");
  await call(409, "planMembers", {}, json({ remove: [1] }));
  await call(409, "changeMembers", {}, json({ remove: [1] }));
  await call(409, "transferLead", {}, json({}));
  using watcher = await RawClient.session(server.clientPort);
  await watcher.must(getData("/a", true));
  const connections = JSON.parse((await call(200, "getConnections")).text).connections;
  await call(200, "getServerSessions");
  await call(200, "getWatches");
  await call(200, "getWatches", { by: "session" });
  await call(204, "closeConnection", { address: connections[0].address });
  await call(404, "closeConnection", { address: connections[0].address });
  await call(200, "getLogLevel");
  await call(200, "setLogLevel", {}, json({ level: "info" }));
  await call(200, "getServerConfig");
  const other = JSON.parse((await call(201, "createSession", {}, json({ ttl: "30s" }))).text);
  await call(204, "killSession", { id: other.id });
  await call(404, "killSession", { id: other.id });

  // backups
  const { id } = JSON.parse((await call(201, "createBackup")).text);
  await call(200, "getBackups");
  await call(200, "getBackup", { id });
  {
    using lock = Deno.openSync(`${backupDir}/lock`, { read: true, write: true });
    lock.lockSync(true);
    await call(409, "createBackup");
    await call(409, "deleteBackup", { id });
  }
  await call(204, "deleteBackup", { id });
  for (const operation of ["getBackup", "deleteBackup"]) await call(404, operation, { id });

  // what is served beside the operations
  for (const id of ["isLive", "isReady", "isStarted"]) {
    await call(200, id);
    await call(200, id, { verbose: "1" });
  }
  await call(200, "getMetrics");
  await call(200, "getMetrics", {}, { headers: { Accept: "application/openmetrics-text" } });
  await call(200, "getOpenApi");
  await call(200, "getDocs");
  await call(200, "listCommands");
  await call(200, "runCommand", { command: "ruok" });
  for (const id of ["takeSnapshot", "restoreSnapshot"]) await call(401, id, {}, { headers: {} });
  await call(200, "takeSnapshot");
  await call(429, "takeSnapshot");
  await call(200, "deleteNode", { path: "a", recursive: "1" });
  await call(204, "closeSession", { token });
  return token;
}

/** What any operation may refuse. */
async function provokeRefusals(
  log: CallLog,
  { operations, alone, endedToken }: {
    operations: readonly DocumentedOperation[];
    alone: InProcessServer;
    endedToken: string;
  },
): Promise<void> {
  const made = await log.expect(201, {
    operation: "createSession",
    headers: SUPER,
    body: JSON.stringify({ ttl: "60s" }),
  });
  const { token } = JSON.parse(made.text);
  const cases: {
    status: number;
    /** Default: all that document the status. */
    isFor?: (operation: DocumentedOperation) => boolean;
    more: (order: ClientOrder) => Partial<ClientOrder>;
  }[] = [
    { status: 403, more: () => ({ headers: { ...SUPER, "Sec-Fetch-Site": "cross-site" } }) },
    {
      status: 400,
      isFor: isOfApi,
      more: ({ parameters }) => ({ parameters: { ...parameters, consistency: "some" } }),
    },
    { status: 401, isFor: isOfApi, more: () => ({ headers: { Authorization: "Bearer x" } }) },
    {
      status: 410,
      more: () => ({ headers: { ...SUPER, "X-Zk-Session": endedToken } }),
    },
    {
      status: 503,
      isFor: isOfApi,
      more: ({ parameters }) => ({
        url: alone.httpUrl,
        parameters: { ...parameters, consistency: "sync" },
      }),
    },
    {
      status: 503,
      isFor: ({ operationId }) => operationId === "isReady",
      more: () => ({ url: alone.httpUrl }),
    },
    {
      status: 413,
      more: () => ({ body: JSON.stringify({ a: "x".repeat(BODY_LIMIT * 10) }) }),
    },
    {
      status: 415,
      more: ({ headers }) => ({ headers: { ...headers, "content-type": "text/plain" } }),
    },
  ];
  for (const operation of operations) {
    for (const { status, isFor = () => true, more } of cases) {
      if (!operation.statuses.includes(status) || !isFor(operation)) continue;
      const order = plainOrder(operation, token);
      await log.expect(status, { ...order, ...more(order) });
    }
  }
}

function isOfApi({ path }: DocumentedOperation): boolean {
  return path.startsWith("/api/");
}

/** Of an ensemble: members come and go, and the lead moves. */
async function callMembers(log: CallLog): Promise<void> {
  await using ensemble = await Ensemble.start({
    isDynamic: true,
    config: { reconfigEnabled: true },
    members: [1, 2, 3].map((id) => ({ id, target: "denkeeper" as const, http: true })),
  });
  const leader = await ensemble.waitForLeader();
  const order = (id: number, operation: string, body: unknown = null) => ({
    url: ensemble.process(id).httpUrl,
    operation,
    headers: SUPER,
    body: body === null ? null : JSON.stringify(body),
  });
  await eventually("all are in sync", async () => {
    const { text } = await log.expect(200, order(leader, "getMembers"));
    return !/"state":"(absent|connected|syncing)"/.test(text);
  });
  await log.expect(200, order(leader, "getCluster"));
  await log.expect(409, order(leader === 1 ? 2 : 1, "transferLead", {}));
  await log.expect(200, order(leader, "transferLead", {}));
  const next = await ensemble.waitForLeader();
  await ensemble.waitUntilServing();
  const leaving = ensemble.ids.find((id) => id !== next)!;
  await log.expect(200, order(next, "planMembers", { remove: [leaving] }));
  const stale = { remove: [leaving], configVersion: "0x1" };
  await log.expect(412, order(next, "changeMembers", stale));
  await log.expect(200, order(next, "changeMembers", { remove: [leaving] }));
}

/** What no generated client sends: another Host, bodies that do not come; and what this server is not to do. */
async function sendByHand(
  log: CallLog,
  { operations }: { operations: readonly DocumentedOperation[] },
): Promise<void> {
  await using server = await InProcessServer.start({
    http: true,
    defines: DEFINES,
    config: { "http.requestTimeout": 2000 },
  });
  // without what it is to be able to do here: 501
  for (const id of ["getLogLevel", "setLogLevel"]) {
    await log.expect(501, {
      url: server.httpUrl,
      operation: id,
      headers: SUPER,
      body: id === "getLogLevel" ? null : JSON.stringify({ level: "info" }),
    });
  }
  const ttl = { path: "t", type: "ttl", ttlMs: "1000" };
  await log.expect(501, { url: server.httpUrl, operation: "putData", parameters: ttl, body: "" });
  await log.expect(501, {
    url: server.httpUrl,
    operation: "createSequential",
    parameters: { ...ttl, sequence: "1" },
    body: "",
  });
  await log.expect(501, {
    url: server.httpUrl,
    operation: "importTree",
    parameters: { path: "t" },
    body: JSON.stringify({ path: "/", type: "ttl", ttlMs: 1000 }),
  });
  await Promise.all(operations.map(async (operation) => {
    const { operationId, statuses } = operation;
    const stranger = await rawStatus(server, operation, { host: "evil.example", length: 0 });
    if (stranger === 421) log.note(operationId, 421);
    else log.wrong.push(`${operationId}: ${stranger}, not 421`);
    if (!statuses.includes(408)) return;
    const slow = await rawStatus(server, operation, { host: "localhost", length: 10 });
    if (slow === 408) log.note(operationId, 408);
    else log.wrong.push(`${operationId}: ${slow}, not 408`);
  }));
}

/** The status of the answer to a head that announces a body of so many bytes, none of which comes. */
async function rawStatus(
  server: InProcessServer,
  operation: DocumentedOperation,
  { host, length }: { host: string; length: number },
): Promise<number> {
  const { parameters = {} } = plainOrder(operation, "token");
  const path = operation.path.replaceAll(/\{(\w+)\}/g, (_, name) => parameters[name]!);
  const query = operation.operationId === "createSequential" ? "?sequence=1" : "";
  const { port } = new URL(server.httpUrl);
  using connection = await Deno.connect({ hostname: "127.0.0.1", port: Number(port) });
  const head = `${operation.method} ${path}${query} HTTP/1.1\r\nHost: ${host}\r\n` +
    `Authorization: ${SUPER.Authorization}\r\nContent-Length: ${length}\r\n` +
    "Connection: close\r\n\r\n";
  await connection.write(new TextEncoder().encode(head));
  const buffer = new Uint8Array(100);
  const count = await connection.read(buffer) ?? 0;
  const text = new TextDecoder().decode(buffer.subarray(0, count));
  return Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1] ?? 0);
}
