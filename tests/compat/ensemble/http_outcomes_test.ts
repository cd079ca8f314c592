/**
 * Without a quorum every request over HTTP is answered, in bounded time, and what the answer says of a write's
 * outcome is true: what is "applied" is there, what is "not-applied" is not, and only "unknown" may be either.
 *
 * @module
 */
import assert from "node:assert/strict";
import { type Ensemble, withEnsemble } from "../../support/ensemble.ts";
import { eventually, pause } from "../../support/eventually.ts";
import { callApi, type JsonReply } from "../../support/json_api.ts";
import { NamespaceNetwork, whyNoNamespaces } from "../../support/namespaces.ts";
import { isUnanswered, RovingClient } from "../../support/roving_client.ts";
import { SseReader } from "../../support/sse_reader.ts";
import { HTTP_MIXES, httpIdsOf, QUICK_TO_NOTICE, testHttpMixes } from "./http_members.ts";
import { startWithLeader } from "./mixes.ts";

const REQUEST_TIMEOUT_MS = 2000;
const CONFIG = {
  ...QUICK_TO_NOTICE,
  "http.requestTimeout": REQUEST_TIMEOUT_MS,
  "http.maxSessionTimeout": 600_000,
};
/** A request may take several steps, each of them bounded; far beyond that it hangs. */
const PATIENCE_MS = 20 * REQUEST_TIMEOUT_MS;
const MEMBERS = [1, 2, 3].map((id) => ({ id, target: "denkeeper" as const, http: true }));
const WRITERS_AT_EACH = 3;

type Outcome = "applied" | "not-applied" | "unknown";

/** What a writer does once, in the znode of its number, and how to see afterwards whether it was done. */
interface WriteKind {
  readonly name: string;
  /** What has to be there before. */
  readonly needs?: string;
  readonly ask: (path: string) => [method: string, url: string, body?: unknown];
  readonly isDone: (path: string, there: ReadonlyMap<string, string>) => boolean;
}

const NEW = { encoding: "utf8", data: "new" };
const WRITE_KINDS: readonly WriteKind[] = [
  {
    name: "create",
    ask: (path) => ["PUT", `/data${path}`, "new"],
    isDone: (path, there) => there.has(path),
  },
  {
    name: "create with parents",
    ask: (path) => ["PUT", `/data${path}?parents=1`, "new"],
    isDone: (path, there) => there.has(path),
  },
  {
    name: "create in a sequence",
    ask: (path) => ["POST", `/data${path}-?sequence=1`, "new"],
    isDone: (path, there) => [...there.keys()].some((name) => name.startsWith(`${path}-`)),
  },
  {
    name: "set",
    needs: "old",
    ask: (path) => ["PUT", `/data${path}`, "new"],
    isDone: (path, there) => there.get(path)!.includes("new"),
  },
  {
    name: "set matching",
    needs: "old",
    ask: (path) => ["PUT", `/data${path}`, "new"],
    isDone: (path, there) => there.get(path)!.includes("new"),
  },
  {
    name: "delete",
    needs: "old",
    ask: (path) => ["DELETE", `/data${path}`],
    isDone: (path, there) => !there.has(path),
  },
  {
    name: "transaction",
    needs: "old",
    ask: (path) => ["POST", "/txn", {
      ops: [
        { op: "set", path, version: 0, data: NEW },
        { op: "create", path: `${path}-new`, data: NEW },
      ],
    }],
    isDone: (path, there) => there.has(`${path}-new`),
  },
];
const TOP = "/outcomes";

interface Write {
  readonly kind: WriteKind;
  readonly path: string;
  readonly told: Outcome;
  readonly answer: string;
}

/** Writes through each member until it is told to stop, and notes what it is told of the outcomes. */
class Writers {
  readonly writes: Write[] = [];
  isOver = false;
  readonly #ensemble: Ensemble;
  #number = 0;

  constructor(ensemble: Ensemble) {
    this.#ensemble = ensemble;
  }

  count(told: Outcome): number {
    return this.writes.filter((write) => write.told === told).length;
  }

  /** Until it is over. */
  async run(ids: readonly number[]): Promise<void> {
    const writing = ids.flatMap((id) =>
      Array.from({ length: WRITERS_AT_EACH }, () => this.#writeThrough(id))
    );
    await Promise.all(writing);
  }

  /** All that was told is true. */
  async verify(): Promise<void> {
    const there = await znodesBelow(this.#ensemble, TOP);
    for (const { kind, path, told, answer } of this.writes) {
      if (told === "unknown") continue;
      const isDone = kind.isDone(path, there);
      assert.equal(isDone, told === "applied", `${kind.name} of ${path} is ${told}: ${answer}`);
    }
  }

  async #writeThrough(id: number): Promise<void> {
    while (!this.isOver) {
      if (!this.#ensemble.runningIds.includes(id)) {
        await pause(20);
        continue;
      }
      const { httpUrl } = this.#ensemble.process(id);
      const number = this.#number++;
      const kind = WRITE_KINDS[number % WRITE_KINDS.length]!;
      const path = `${TOP}/${number}`;
      const request = (method: string, url: string, body?: unknown, headers = {}) =>
        askBounded(httpUrl, method, url, { body, headers });
      const headers: Record<string, string> = {};
      if (kind.needs !== undefined) {
        const made = await request("PUT", `/data${path}`, kind.needs);
        if (made?.status !== 201) {
          await pause(20);
          continue;
        }
        if (kind.name === "set matching") headers["if-match"] = made.headers.get("etag")!;
      }
      const reply = await request(...kind.ask(path), headers);
      const told = outcomeOf(reply);
      this.writes.push({ kind, path, told, answer: JSON.stringify(reply) });
      if (told !== "applied") await pause(20);
    }
  }
}

function outcomeOf(reply: JsonReply | null): Outcome {
  if (reply === null) return "unknown";
  if (reply.status < 300) return "applied";
  const { outcome } = reply.body;
  assert(
    ["applied", "not-applied", "unknown"].includes(outcome),
    `${JSON.stringify(reply)} tells the outcome`,
  );
  return outcome;
}

/** Null: the member was killed. A request that is not answered in time fails the test. */
async function askBounded(
  url: string,
  method: string,
  path: string,
  { body, headers = {}, session }: {
    body?: unknown;
    headers?: Record<string, string>;
    session?: string;
  } = {},
): Promise<JsonReply | null> {
  try {
    return await callApi(url, method, path, {
      ...{ body, headers },
      ...(session === undefined ? {} : { session }),
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
  } catch (error) {
    if (error instanceof TypeError) return null;
    assert(!isUnanswered(error), `${method} ${path} is answered in ${PATIENCE_MS} ms`);
    throw error;
  }
}

/** All znodes below one, with their data. */
async function znodesBelow(ensemble: Ensemble, top: string): Promise<Map<string, string>> {
  const client = new RovingClient(ensemble, 0);
  const there = new Map<string, string>();
  for (let after = "";;) {
    const { status, body } = await client.ask(
      "GET",
      `/children${top}?data=1&limit=1000&consistency=linearizable${after}`,
      { patienceMs: PATIENCE_MS },
    );
    assert.equal(status, 200, JSON.stringify(body));
    for (const { name, data } of body.children) there.set(`${top}/${name}`, JSON.stringify(data));
    if (body.next === undefined || body.next === null) return there;
    after = `&after=${encodeURIComponent(body.next)}`;
  }
}

/** Of every kind, with what it needs: `{token}` is the session's. */
const REQUESTS: readonly (readonly [method: string, path: string, body?: unknown])[] = [
  ["GET", "/data/there"],
  ["GET", "/data/there?consistency=sync"],
  ["GET", "/data/there?consistency=linearizable"],
  ["GET", "/data/there?since=0x1&wait=1m"],
  ["HEAD", "/data/there"],
  ["PUT", "/data/there", "new"],
  ["PUT", "/data/new?type=ephemeral", "new"],
  ["PUT", "/data/new/new?parents=1", "new"],
  ["POST", "/data/new-?sequence=1", "new"],
  ["DELETE", "/data/there"],
  ["DELETE", "/data/there?recursive=1"],
  ["GET", "/node/there"],
  ["GET", "/children/there"],
  ["GET", "/children/there?since=0x1&wait=1m"],
  ["GET", "/tree/there"],
  ["PUT", "/tree/there", { path: "/", data: null }],
  ["GET", "/acl/there"],
  ["PUT", "/acl/there", [{ scheme: "world", id: "anyone", perms: "r" }]],
  ["POST", "/txn", { ops: [{ op: "delete", path: "/there" }] }],
  ["POST", "/read", { paths: ["/there"] }],
  ["POST", "/sync"],
  ["POST", "/sessions", {}],
  ["GET", "/sessions/{token}"],
  ["POST", "/sessions/{token}/keepalive"],
  ["GET", "/sessions/{token}/events"],
  ["DELETE", "/sessions/{token}"],
  ["GET", "/watch?path=/there"],
  ["POST", "/locks/there", { wait: "1m" }],
  ["POST", "/locks/other", { ttl: "1m", wait: "1m" }],
  ["GET", "/locks/there"],
  ["DELETE", "/locks/there"],
  ["POST", "/elections/there", { wait: "1m" }],
  ["GET", "/elections/there"],
  ["DELETE", "/elections/there"],
];
/** Made in a session of its own. */
const WITHOUT_SESSION = /^\/(locks\/other|sessions$)/;

/**
 * What a member may answer that does not know yet that it has no quorum: reads, as it knows things, and a sync of
 * a leader with nothing under way, as in ZooKeeper.
 */
const LOCAL = /^GET (?!.*linearizable)|^HEAD|^POST .*(keepalive|read|sync)$/;

/** Asks for everything that takes a quorum, of a member that has none and is about to find out. */
async function assertWritesRefused(url: string, token: string): Promise<void> {
  const requests = REQUESTS.filter(([method, path]) => !LOCAL.test(`${method} ${path}`));
  await assertRefused(url, token, requests);
}

/** Asks for everything at a member that has no quorum. */
async function assertAllRefused(url: string, token: string): Promise<void> {
  await assertRefused(url, token, REQUESTS);
}

async function assertRefused(
  url: string,
  token: string,
  requests: typeof REQUESTS,
): Promise<void> {
  await Promise.all(requests.map(async ([method, template, body]) => {
    const path = template.replace("{token}", token);
    const hasSession = !WITHOUT_SESSION.test(template) && !template.includes("{token}");
    const headers: Record<string, string> = template.startsWith("/tree") && method === "PUT"
      ? { "content-type": "application/x-ndjson" }
      : {};
    const reply = await askBounded(url, method, path, {
      ...{ body, headers },
      ...(hasSession ? { session: token } : {}),
    });
    const what = `${method} ${template}: ${JSON.stringify(reply)}`;
    assert(reply?.status === 503 || reply?.status === 504, what);
    if (method === "HEAD") return;
    const isRead = method === "GET" || template === "/read" || template === "/sync";
    if (!isRead) assert(["not-applied", "unknown"].includes(reply.body.outcome), what);
    assert.equal(reply.body.retryable, true, what);
  }));
}

Deno.test("ensemble: without a quorum every request over HTTP is refused, and the session lives on", async () => {
  await withEnsemble({ members: MEMBERS, config: CONFIG }, async (ensemble) => {
    await startWithLeader(ensemble);
    const client = await new RovingClient(ensemble, 0).connect("5m");
    await client.ask("PUT", "/data/there", { body: "old" });
    const held = await client.ask("POST", "/locks/there", { body: {} });
    assert.equal(held.body.held, true);
    const leader = await ensemble.waitForLeader();
    const [last, other] = ensemble.ids.filter((id) => id !== leader) as [number, number];
    const { httpUrl } = ensemble.process(last);
    const streaming = fetch(`${httpUrl}/api/v1/watch?path=/there`);
    await Promise.all([ensemble.kill(leader), ensemble.kill(other)]);
    await assertWritesRefused(httpUrl, client.session); // at once
    await ensemble.waitForMode(last, "looking");
    await assertAllRefused(httpUrl, client.session); // and when it knows

    await ensemble.startAll([other]);
    const again = await client.ask("POST", "/locks/there", { body: {} });
    assert.equal(again.status, 200, JSON.stringify(again));
    assert.equal(again.body.fencingToken, held.body.fencingToken, "it is held all along");
    const read = await client.ask("GET", "/data/there?consistency=linearizable");
    assert.equal(read.status, 200);
    await (await streaming).body?.cancel();
  });
});

testHttpMixes(HTTP_MIXES, "outcomes told over HTTP are true while members are killed and freeze", {
  config: CONFIG,
  run: async (ensemble) => {
    const ours = httpIdsOf(ensemble);
    await duringWrites(ensemble, ours, async (writers) => {
      const leader = await ensemble.waitForLeader();
      await ensemble.kill(leader); // perhaps one of those written through
      await goesOn(writers);
      ensemble.start(leader);
      await ensemble.waitUntilServing();
      await goesOn(writers);
      const next = await ensemble.waitForLeader();
      await ensemble.freeze(next);
      await ensemble.waitForLeader(ensemble.ids.filter((id) => id !== next));
      await goesOn(writers);
      ensemble.thaw(next);
      await ensemble.waitUntilServing();
      await goesOn(writers);
      const ends = ensemble.ids.filter((id) => id !== ours[0]);
      await Promise.all(ends.map((id) => ensemble.kill(id)));
      await eventually("writes are refused", () => writers.count("not-applied") > 20);
      await ensemble.startAll(ends);
      await goesOn(writers);
    });
  },
});

testCut("outcomes told over HTTP are true while the network is cut", cutTheNetwork);
testCut("a session that a leader alone ended is not told over HTTP to have ended", endAlone);

function testCut(what: string, run: () => Promise<void>): void {
  const name = `ensemble: ${what}`;
  const reason = whyNoNamespaces();
  if (reason === null) Deno.test(name, run);
  else Deno.test({ name: `${name} (skipped: ${reason})`, ignore: true, fn: () => {} });
}

async function endAlone(): Promise<void> {
  using network = NamespaceNetwork.create([1, 2, 3]);
  await withEnsemble({ members: MEMBERS, config: CONFIG, network }, async (ensemble) => {
    const leader = await startWithLeader(ensemble);
    const { httpUrl } = ensemble.process(leader);
    const { session } = await new RovingClient(ensemble, 0).connect("1m");
    const headers = { "x-zk-session": session };
    await using stream = await SseReader.open(
      `${httpUrl}/api/v1/sessions/current/events`,
      headers,
    );
    await stream.must("open");
    network.cut(leader);
    const ended = await askBounded(httpUrl, "DELETE", "/sessions/current", { session });
    assert.equal(ended!.body.outcome, "unknown", JSON.stringify(ended));
    const next = await ensemble.waitForLeader(ensemble.ids.filter((id) => id !== leader));
    assert.equal((await stream.must("session")).data.state, "disconnected");
    // the epoch goes on without it, so that its end is not only late
    const write = await askBounded(ensemble.process(next).httpUrl, "PUT", "/data/a", { body: 1 });
    assert.equal(write!.status, 201);
    network.heal();
    assert.equal((await stream.must("session")).data.state, "connected");
    const there = await askBounded(httpUrl, "GET", "/sessions/current", { session });
    assert.equal(there!.status, 200, JSON.stringify(there));
  });
}

async function cutTheNetwork(): Promise<void> {
  using network = NamespaceNetwork.create([1, 2, 3]);
  await withEnsemble({ members: MEMBERS, config: CONFIG, network }, async (ensemble) => {
    const leader = await startWithLeader(ensemble);
    const client = await new RovingClient(ensemble, 0).connect("5m");
    await client.ask("PUT", "/data/there", { body: "old" });
    await duringWrites(ensemble, ensemble.ids, async (writers) => {
      network.cut(leader);
      await assertWritesRefused(ensemble.process(leader).httpUrl, client.session);
      await ensemble.waitForLeader(ensemble.ids.filter((id) => id !== leader));
      await goesOn(writers);
      network.heal();
      await ensemble.waitUntilServing();
      await goesOn(writers);
      const follower = ensemble.ids.find((id) => id !== leader)!;
      network.cut(follower);
      const { httpUrl } = ensemble.process(follower);
      const { session } = client;
      const kept = await askBounded(httpUrl, "POST", "/sessions/current/keepalive", { session });
      assert([503, 504].includes(kept!.status), "the leader did not hear of it");
      await ensemble.waitForMode(follower, "looking");
      await goesOn(writers);
      network.heal();
      await ensemble.waitUntilServing();
      for (const id of ensemble.ids) network.cut(id);
      await Promise.all(ensemble.ids.map((id) => ensemble.waitForMode(id, "looking")));
      network.heal();
      await ensemble.waitUntilServing();
      await goesOn(writers);
    });
  });
}

/** Disturbs the members while others write through some of them, and checks what these were told. */
async function duringWrites(
  ensemble: Ensemble,
  ids: readonly number[],
  disturb: (writers: Writers) => Promise<void>,
): Promise<void> {
  await new RovingClient(ensemble, 0).ask("PUT", `/data${TOP}`, { body: null });
  const writers = new Writers(ensemble);
  const disturbed = (async () => {
    try {
      await goesOn(writers);
      await disturb(writers);
    } finally {
      writers.isOver = true;
    }
  })();
  await Promise.all([disturbed, writers.run(ids)]);
  await writers.verify();
  assert(writers.count("unknown") > 0, "some answers were lost");
}

async function goesOn(writers: Writers): Promise<void> {
  const before = writers.count("applied");
  await eventually("writes are applied", () => writers.count("applied") >= before + 30);
}
