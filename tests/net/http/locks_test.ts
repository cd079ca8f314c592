/**
 * Locks over HTTP: held, waited for, released and lost, on one server.
 *
 * @module
 */
import assert from "node:assert/strict";
import { eventually } from "../../support/eventually.ts";
import { InProcessServer } from "../../support/in_process_server.ts";
import { makeTempDir } from "../../support/temp_dir.ts";
import { callApi, type JsonReply, type JsonRequest } from "../../support/json_api.ts";

/** Sessions may end soon. */
const FAST = { http: true, config: { tickTime: 100, "http.maxSessionTimeout": 60_000 } };
/** Far longer than any test waits for what it expects. */
const LONG = "2m";

/** A client with a session of its own. */
class Client {
  readonly #url: string;
  readonly session: string;
  readonly id: string;

  private constructor(url: string, { token, id }: { token: string; id: string }) {
    this.#url = url;
    this.session = token;
    this.id = id;
  }

  static async connect({ httpUrl }: InProcessServer, ttl = "30s"): Promise<Client> {
    return new Client(
      httpUrl,
      (await callApi(httpUrl, "POST", "/sessions", { body: { ttl } })).body,
    );
  }

  lock(path: string, body: unknown = {}, more: JsonRequest = {}): Promise<JsonReply> {
    return callApi(this.#url, "POST", `/locks${path}`, { session: this.session, body, ...more });
  }

  unlock(path: string, more: JsonRequest = {}): Promise<JsonReply> {
    return callApi(this.#url, "DELETE", `/locks${path}`, { session: this.session, ...more });
  }

  end(): Promise<JsonReply> {
    return callApi(this.#url, "DELETE", `/sessions/${this.session}`);
  }
}

async function lockState({ httpUrl }: InProcessServer, path: string): Promise<{
  holder: string | null;
  waiting: string[];
}> {
  const { body } = await callApi(httpUrl, "GET", `/locks${path}`);
  const waiting = body.queue.map((entry: { session: string }) => entry.session);
  return { holder: body.holder?.session ?? null, waiting };
}

/** Waits until so many wait for the lock. */
function queued(server: InProcessServer, path: string, count: number): Promise<void> {
  return eventually(
    `${count} wait for ${path}`,
    async () => (await lockState(server, path)).waiting.length === count,
  );
}

function typeOf({ body }: JsonReply): string {
  return body.type.replace("urn:denkeeper:problem:", "");
}

Deno.test("POST /locks gives a free lock at once, in a znode named as Curator's", async () => {
  await using server = await InProcessServer.start(FAST);
  const client = await Client.connect(server);
  const { status, body } = await client.lock("/jobs/daily", { data: "host1" });
  assert.equal(status, 201);
  assert.match(
    body.node,
    /^\/jobs\/daily\/_c_[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}-lock-0{10}$/,
  );
  assert.match(body.fencingToken, /^0x[0-9a-f]+$/);
  const { node, fencingToken } = body;
  assert.deepEqual(body, {
    held: true,
    path: "/jobs/daily",
    node,
    position: 0,
    fencingToken,
    session: client.id,
    ttlMs: 30_000,
  });
  const state = (await callApi(server.httpUrl, "GET", "/locks/jobs/daily")).body;
  const { enteredAt } = state.holder;
  const data = { encoding: "utf8", data: "host1" };
  assert.deepEqual(state, {
    path: "/jobs/daily",
    holder: { node, position: 0, session: client.id, fencingToken, enteredAt, data },
    queue: [],
    waitingCount: 0,
    delayed: false,
  });
});

Deno.test("GET /locks says of a lock that does not exist that it is free", async () => {
  await using server = await InProcessServer.start(FAST);
  assert.deepEqual(await lockState(server, "/no/such"), { holder: null, waiting: [] });
});

Deno.test("POST /locks without a wait says who holds the lock, and leaves the queue", async () => {
  await using server = await InProcessServer.start(FAST);
  const [holder, other] = [await Client.connect(server), await Client.connect(server)];
  const held = (await holder.lock("/a", { data: "me" })).body;
  const reply = await other.lock("/a");
  assert.equal(reply.status, 409);
  assert.equal(typeOf(reply), "lock-held");
  const { held: isHeld, position, outcome, retryable } = reply.body;
  assert.deepEqual(
    { isHeld, position, outcome, retryable },
    { isHeld: false, position: 1, outcome: "not-applied", retryable: true },
  );
  assert.equal(reply.body.holder.node, held.node);
  assert.equal(reply.body.holder.data.data, "me");
  assert.deepEqual(await lockState(server, "/a"), { holder: holder.id, waiting: [] });
});

Deno.test("POST /locks waits, and gets the lock in the order of the queue", async () => {
  await using server = await InProcessServer.start(FAST);
  const clients = [];
  for (let i = 0; i < 4; i++) clients.push(await Client.connect(server));
  await clients[0]!.lock("/a");
  const waits: Promise<JsonReply>[] = [];
  for (const [i, client] of clients.slice(1).entries()) {
    waits.push(client.lock("/a", { wait: LONG }));
    await queued(server, "/a", i + 1);
  }
  const tokens = [];
  for (const [i, client] of clients.slice(1).entries()) {
    assert.equal((await clients[i]!.unlock("/a")).status, 204);
    const reply = await waits[i]!;
    assert.deepEqual([reply.status, reply.body.session], [201, client.id]);
    assert.deepEqual(await lockState(server, "/a"), {
      holder: client.id,
      waiting: clients.slice(i + 2).map(({ id }) => id),
    });
    tokens.push(Number(reply.body.fencingToken));
  }
  assert.deepEqual(tokens, tokens.toSorted((a, b) => a - b));
});

Deno.test("POST /locks gives up when the wait is over", async () => {
  await using server = await InProcessServer.start(FAST);
  const [holder, other] = [await Client.connect(server), await Client.connect(server)];
  await holder.lock("/a");
  const reply = await other.lock("/a", { wait: "200ms" });
  assert.equal(typeOf(reply), "lock-held");
  assert.deepEqual(await lockState(server, "/a"), { holder: holder.id, waiting: [] });
});

Deno.test("POST /locks with queue=keep keeps its place, and finds it again", async () => {
  await using server = await InProcessServer.start(FAST);
  const clients = [];
  for (let i = 0; i < 3; i++) clients.push(await Client.connect(server));
  const [holder, first, second] = clients as [Client, Client, Client];
  await holder.lock("/a");
  const kept = await first.lock("/a?queue=keep");
  assert.deepEqual([kept.status, kept.body.outcome], [409, "applied"]);
  await second.lock("/a?queue=keep");
  assert.deepEqual((await lockState(server, "/a")).waiting, [first.id, second.id]);
  const again = await first.lock("/a?queue=keep", { data: "still there" });
  assert.deepEqual([again.body.position, again.body.node], [1, kept.body.node]);
  await holder.unlock("/a");
  const held = await first.lock("/a");
  assert.deepEqual([held.status, held.body.node], [200, kept.body.node]);
  const { body } = await callApi(server.httpUrl, "GET", "/locks/a");
  assert.equal(body.holder.data.data, "still there", "what is not given is kept");
});

Deno.test("POST /locks of who holds the lock answers the same once more", async () => {
  await using server = await InProcessServer.start(FAST);
  const client = await Client.connect(server);
  const first = await client.lock("/a");
  const again = await client.lock("/a");
  assert.deepEqual([first.status, again.status], [201, 200]);
  assert.deepEqual(again.body, first.body);
  assert.equal((await client.unlock("/a")).status, 204);
  assert.deepEqual(await lockState(server, "/a"), { holder: null, waiting: [] });
});

Deno.test("POST /locks twice at the same time makes one place", async () => {
  await using server = await InProcessServer.start(FAST);
  const [holder, client] = [await Client.connect(server), await Client.connect(server)];
  await holder.lock("/a");
  const both = [client.lock("/a", { wait: LONG }), client.lock("/a", { wait: LONG })];
  await queued(server, "/a", 1);
  await holder.unlock("/a");
  const [one, two] = await Promise.all(both) as [JsonReply, JsonReply];
  assert.deepEqual(one.body, two.body);
  assert.equal(one.body.held, true);
  assert.deepEqual(await lockState(server, "/a"), { holder: client.id, waiting: [] });
});

Deno.test("Idempotency-Key tells places of one session apart", async () => {
  await using server = await InProcessServer.start(FAST);
  const client = await Client.connect(server);
  const withKey = (key: string) => ({ headers: { "Idempotency-Key": key } });
  assert.equal((await client.lock("/a", {}, withKey("one"))).status, 201);
  assert.equal((await client.lock("/a", {}, withKey("two"))).status, 409);
  assert.equal((await client.lock("/a", {}, withKey("one"))).status, 200);
  assert.equal((await client.unlock("/a", withKey("two"))).status, 404);
  assert.equal((await client.unlock("/a", withKey("one"))).status, 204);
  assert.equal((await client.lock("/a", {}, withKey("two"))).status, 201);
  assert.equal((await client.lock("/a", {}, withKey(""))).status, 400);
});

Deno.test("POST /locks gets the lock of a session that has expired", async () => {
  await using server = await InProcessServer.start(FAST);
  const [other, holder] = [await Client.connect(server), await Client.connect(server, "1s")];
  const first = await holder.lock("/a");
  const second = await other.lock("/a", { wait: LONG });
  assert.equal(second.status, 201);
  assert(Number(second.body.fencingToken) > Number(first.body.fencingToken));
  assert.equal(typeOf(await holder.lock("/a")), "session-expired");
});

Deno.test("POST /locks keeps the session alive while it waits, longer than its ttl", async () => {
  await using server = await InProcessServer.start(FAST);
  const holder = await Client.connect(server);
  await holder.lock("/a");
  const other = await Client.connect(server, "1s");
  const waiting = other.lock("/a", { wait: LONG });
  await queued(server, "/a", 1);
  const silent = await Client.connect(server, "1500ms");
  await silent.lock("/silent");
  await eventually(
    "a session that is not kept alive ends",
    async () => (await lockState(server, "/silent")).holder === null,
  );
  await holder.unlock("/a");
  assert.equal((await waiting).body.held, true);
});

Deno.test("a client that hangs up while it waits leaves the queue, unless it keeps its place", async () => {
  await using server = await InProcessServer.start(FAST);
  const clients = [];
  for (let i = 0; i < 4; i++) clients.push(await Client.connect(server));
  const [holder, leaving, keeping, last] = clients as [Client, Client, Client, Client];
  await holder.lock("/a");
  const hangUp = new AbortController();
  const { signal } = hangUp;
  const waits = [
    leaving.lock("/a", { wait: LONG }, { signal }),
    keeping.lock("/a?queue=keep", { wait: LONG }, { signal }),
  ];
  await queued(server, "/a", 2);
  const lastWait = last.lock("/a", { wait: LONG });
  await queued(server, "/a", 3);
  hangUp.abort();
  await Promise.all(waits.map((wait) => assert.rejects(wait)));
  await queued(server, "/a", 2);
  assert.deepEqual((await lockState(server, "/a")).waiting, [keeping.id, last.id]);
  await holder.unlock("/a");
  assert.equal((await keeping.lock("/a")).status, 200);
  await keeping.unlock("/a");
  assert.equal((await lastWait).body.held, true);
});

Deno.test("a request that was given up does not take the place of the one after it", async () => {
  await using server = await InProcessServer.start(FAST);
  const [holder, client] = [await Client.connect(server), await Client.connect(server)];
  await holder.lock("/a");
  const hangUp = new AbortController();
  const given = client.lock("/a", { wait: LONG }, { signal: hangUp.signal });
  await queued(server, "/a", 1);
  const node = async () => (await callApi(server.httpUrl, "GET", "/locks/a")).body.queue[0];
  const before = await node();
  const after = client.lock("/a", { wait: LONG, data: "after" });
  await eventually("the next request is there", async () => (await node()).data.data === "after");
  hangUp.abort();
  await assert.rejects(given);
  // whatever the first request does when it ends, it has done once its server has answered another
  for (let i = 0; i < 20; i++) assert.equal((await node()).node, before.node);
  await holder.unlock("/a");
  assert.deepEqual([(await after).status, (await after).body.node], [200, before.node]);
});

Deno.test("a waiting request tells of its entry's or its session's end", async () => {
  await using server = await InProcessServer.start(FAST);
  const clients = [];
  for (let i = 0; i < 3; i++) clients.push(await Client.connect(server));
  const [holder, leaving, ending] = clients as [Client, Client, Client];
  await holder.lock("/a");
  const waits = [leaving.lock("/a", { wait: LONG }), ending.lock("/a", { wait: LONG })] as const;
  await queued(server, "/a", 2);
  assert.equal((await leaving.unlock("/a")).status, 204);
  assert.equal((await ending.end()).status, 204);
  assert.equal(typeOf(await waits[0]), "lock-not-held");
  assert.equal(typeOf(await waits[1]), "session-expired");
});

Deno.test("a request that waits when its server stops keeps its place", async () => {
  using dataDir = makeTempDir();
  const options = { ...FAST, dataDir: `${dataDir.path}/data` };
  let server = await InProcessServer.start(options);
  try {
    const [holder, other] = [await Client.connect(server), await Client.connect(server)];
    await holder.lock("/a");
    const waiting = other.lock("/a", { wait: LONG });
    await queued(server, "/a", 1);
    await server[Symbol.asyncDispose]();
    const { status, body } = await waiting;
    assert.deepEqual([status, body.outcome, body.retryable], [503, "unknown", true]);
    server = await InProcessServer.start(options);
    assert.deepEqual(await lockState(server, "/a"), { holder: holder.id, waiting: [other.id] });
  } finally {
    await server[Symbol.asyncDispose]();
  }
});

Deno.test("POST /locks with a ttl makes a session for one lock, which ends with it", async () => {
  await using server = await InProcessServer.start(FAST);
  const { httpUrl } = server;
  const lock = (body: unknown) => callApi(httpUrl, "POST", "/locks/a", { body });
  const { status, body: { token, ttlMs } } = await lock({ ttl: "30s" });
  assert.deepEqual([status, ttlMs], [201, 30_000]);
  assert.equal((await callApi(httpUrl, "GET", `/sessions/${token}`)).status, 200);

  const refused = await lock({ ttl: "30s" });
  assert.deepEqual([typeOf(refused), refused.body.token], ["lock-held", undefined]);
  const kept = await callApi(httpUrl, "POST", "/locks/a?queue=keep", { body: { ttl: "30s" } });
  assert.equal(typeOf(kept), "lock-held");

  const release = (session: string) => callApi(httpUrl, "DELETE", "/locks/a", { session });
  assert.equal((await release(token)).status, 204);
  assert.equal((await callApi(httpUrl, "GET", `/sessions/${token}`)).status, 410);
  const next = await callApi(httpUrl, "POST", "/locks/a", { session: kept.body.token });
  assert.deepEqual([next.status, next.body.node], [200, kept.body.node]);
  assert.equal((await release(kept.body.token)).status, 204);
});

Deno.test("requests for locks that cannot be are refused", async () => {
  await using server = await InProcessServer.start(FAST);
  const { httpUrl } = server;
  const client = await Client.connect(server);
  const gone = await Client.connect(server);
  await gone.end();
  const { session } = client;
  const cases: [string, string, JsonRequest, string][] = [
    ["POST", "/locks/a", {}, "session-required"],
    ["POST", "/locks/a", { session: gone.session }, "session-expired"],
    ["POST", "/locks/a", { body: { session: gone.session } }, "session-expired"],
    ["POST", "/locks/a", { body: { session: "x" } }, "bad-request"],
    ["POST", "/locks/a", { session, body: { ttl: "1s" } }, "bad-request"],
    ["POST", "/locks/a", { session, body: { wait: "11m" } }, "bad-request"],
    ["POST", "/locks/a", { session, body: { lockDelay: "61s" } }, "bad-request"],
    ["POST", "/locks/a", { session, body: { patience: 1 } }, "bad-request"],
    ["POST", "/locks/a?queue=jump", { session }, "bad-request"],
    ["POST", "/locks/a", { session, body: { data: "x".repeat(1_048_576) } }, "too-large"],
    ["DELETE", "/locks/a", {}, "session-required"],
    ["DELETE", "/locks/a", { session }, "lock-not-held"],
    ["GET", "/locks/a?limit=0", {}, "bad-request"],
  ];
  for (const [method, path, request, problem] of cases) {
    const reply = await callApi(httpUrl, method, path, request);
    const label = `${method} ${path} ${JSON.stringify(request)}`.slice(0, 200);
    assert.equal(typeOf(reply), problem, label);
  }
  assert.deepEqual(await lockState(server, "/a"), { holder: null, waiting: [] });
});

Deno.test("a lock's znode has the say in who may lock it", async () => {
  await using server = await InProcessServer.start(FAST);
  const { httpUrl } = server;
  const as = (user: string) => ({ headers: { "Authorization": `Basic ${btoa(`${user}:pw`)}` } });
  const made = await callApi(httpUrl, "PUT", "/data/closed?acl=auth::cdrwa", as("owner"));
  assert.equal(made.status, 201);
  const body = { ttl: "30s" };
  const cases: [JsonRequest, number][] = [[{}, 401], [as("other"), 403], [as("owner"), 201]];
  for (const [who, status] of cases) {
    const reply = await callApi(httpUrl, "POST", "/locks/closed", { ...who, body });
    assert.equal(reply.status, status);
    assert.equal(
      (await callApi(httpUrl, "GET", "/locks/closed", who)).status,
      status === 201 ? 200 : status,
    );
  }
  assert.equal((await callApi(httpUrl, "GET", "/locks/closed", as("owner"))).body.waitingCount, 0);
});

Deno.test("of an entry that may not be read a queue tells no more than its name", async () => {
  await using server = await InProcessServer.start(FAST);
  const { httpUrl } = server;
  const owner = await Client.connect(server);
  const headers = { "Authorization": `Basic ${btoa("owner:pw")}` };
  await callApi(httpUrl, "PUT", "/data/q");
  for (const mark of ["lock", "latch"]) {
    const url = `/data/q/_c_1-${mark}-?sequence=1&type=ephemeral&acl=auth::cdrwa`;
    const made = await callApi(httpUrl, "POST", url, { session: owner.session, headers });
    assert.equal(made.status, 201);
  }
  const hidden = { session: null, fencingToken: null, enteredAt: null, data: null };
  const { body: { holder } } = await callApi(httpUrl, "GET", "/locks/q");
  assert.deepEqual(holder, { node: "/q/_c_1-lock-0000000000", position: 0, ...hidden });
  const { body: { leader } } = await callApi(httpUrl, "GET", "/elections/q");
  assert.deepEqual(leader, { node: "/q/_c_1-latch-0000000001", position: 0, ...hidden });
  const other = await Client.connect(server);
  const refused = await other.lock("/q");
  assert.equal(refused.status, 409);
  assert.equal(JSON.stringify(refused.body).includes(owner.id), false);
  const seen = await callApi(httpUrl, "GET", "/locks/q", { headers });
  assert.equal(seen.body.holder.session, owner.id);
});

Deno.test("a lock delay keeps the lock from others after its holder's session ended, not after a release", async () => {
  await using server = await InProcessServer.start(FAST);
  const [one, two] = [await Client.connect(server), await Client.connect(server)];
  await one.lock("/a", { lockDelay: "1s" });
  await one.unlock("/a");
  assert.equal((await two.lock("/a", { lockDelay: "1s" })).status, 201, "no delay after a release");
  const waiting = one.lock("/a", { wait: LONG });
  await queued(server, "/a", 1);
  const endedMs = performance.now();
  await two.end();
  await eventually(
    "the delay has begun",
    async () => (await callApi(server.httpUrl, "GET", "/locks/a")).body.delayed,
  );
  assert.deepEqual(await lockState(server, "/a"), { holder: null, waiting: [one.id] });
  const three = await Client.connect(server);
  assert.equal(typeOf(await three.lock("/a")), "lock-delayed");
  assert.equal((await waiting).body.held, true);
  assert(performance.now() - endedMs >= 1000, "never earlier than the delay");
  assert.equal((await one.unlock("/a")).status, 204);
  assert.equal((await three.lock("/a")).status, 201, "the delay is over for all");
});

Deno.test("a lock guards what many clients read, change and write", async () => {
  await using server = await InProcessServer.start(FAST);
  const counter = { value: 0, highestToken: 0, isInUse: false };
  const work = async () => {
    const client = await Client.connect(server);
    for (let i = 0; i < 10; i++) {
      const { body } = await client.lock("/counter", { wait: LONG });
      assert.equal(body.held, true);
      assert(!counter.isInUse, "one holder at a time");
      counter.isInUse = true;
      const { value } = counter;
      await lockState(server, "/counter"); // a while
      assert(Number(body.fencingToken) > counter.highestToken, "fencing tokens grow");
      counter.highestToken = Number(body.fencingToken);
      counter.value = value + 1;
      counter.isInUse = false;
      assert.equal((await client.unlock("/counter")).status, 204);
    }
  };
  await Promise.all(Array.from({ length: 8 }, work));
  assert.equal(counter.value, 80);
});
