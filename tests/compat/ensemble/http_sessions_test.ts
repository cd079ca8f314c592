/**
 * Sessions over HTTP in an ensemble: their tokens are good at every member whoever dies, they move between members at
 * any rate, and what they own goes with them and not before.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { Ensemble } from "../../support/ensemble.ts";
import { eventually } from "../../support/eventually.ts";
import { callApi, type JsonReply, type JsonRequest } from "../../support/json_api.ts";
import { RovingClient } from "../../support/roving_client.ts";
import { OBSERVED_HTTP_MIXES, QUICK_TO_NOTICE, testHttpMixes } from "./http_members.ts";

const CONFIG = { ...QUICK_TO_NOTICE, "http.maxSessionTimeout": 600_000 };
const SESSION_COUNT = 500;
const ROUND_COUNT = 40;

function testHttp(name: string, run: (ensemble: Ensemble) => Promise<void>): void {
  testHttpMixes(OBSERVED_HTTP_MIXES, name, { config: CONFIG, run });
}

/** Those that speak HTTP. */
function urlsOf(ensemble: Ensemble): string[] {
  return ensemble.runningIds.filter((id) => ensemble.target(id) === "denkeeper")
    .map((id) => ensemble.process(id).httpUrl);
}

async function newSession(url: string, ttl: string): Promise<{ token: string; id: string }> {
  const { status, body } = await callApi(url, "POST", "/sessions", { body: { ttl } });
  assert.equal(status, 201, JSON.stringify(body));
  return body;
}

/** An answer that is none of a refusal. */
async function must(
  url: string,
  method: string,
  path: string,
  request: JsonRequest = {},
): Promise<JsonReply> {
  const reply = await callApi(url, method, path, request);
  assert(reply.status < 300, `${method} ${path} at ${url}: ${JSON.stringify(reply)}`);
  return reply;
}

testHttp(
  "a session over HTTP writes through all members in turn, and at once",
  async (ensemble) => {
    const urls = urlsOf(ensemble);
    const { token: session, id } = await newSession(urls[0]!, "1m");
    await must(urls[0]!, "PUT", "/data/turns", { body: 0, session });
    for (let round = 0; round < ROUND_COUNT; round++) {
      const url = urls[round % urls.length]!;
      const path = `/data/turns/${round}?type=ephemeral`;
      await must(url, "PUT", path, { body: round, session });
    }
    // each takes the session from the other, who tries again; what gives up says so, and did nothing
    const outcomes = new Map<string, number>();
    await Promise.all(urls.map(async (url, at) => {
      for (let round = 0; round < ROUND_COUNT; round++) {
        const name = `/turns/at-${at}-${round}`;
        const { status, body } = await callApi(url, "PUT", `/data${name}?type=ephemeral`, {
          ...{ body: round, session },
          headers: { "if-none-match": "*" },
        });
        assert(status === 201 || body.name === "SESSIONMOVED", JSON.stringify(body));
        if (status !== 201) assert.equal(body.outcome, "not-applied");
        outcomes.set(name, status);
      }
    }));
    for (const [name, status] of outcomes) {
      const read = await callApi(urls[0]!, "GET", `/node${name}?consistency=linearizable`);
      assert.equal(read.status, status === 201 ? 200 : 404, name);
      if (read.status === 200) assert.equal(read.body.stat.ephemeralOwner, id);
    }
    const moved = [...outcomes.values()].filter((status) => status !== 201).length;
    assert(moved <= outcomes.size / 10, `${moved} of ${outcomes.size} gave up`);
    await must(urls[1]!, "DELETE", `/sessions/${session}`);
    for (const url of urls) {
      const { body } = await must(url, "GET", "/children/turns?consistency=linearizable");
      assert.deepEqual(body.children, []);
    }
  },
);

testHttp("a session over HTTP that ends at one member has ended at all", async (ensemble) => {
  const urls = urlsOf(ensemble);
  for (let round = 0; round < 3; round++) {
    const { token: session } = await newSession(urls[round]!, "1m");
    await must(urls[0]!, "PUT", "/data/used", { body: 0 });
    let isEnding = false;
    const using = urls.map(async (url, at) => {
      for (let n = 0;; n++) {
        const path = `/data/used/at-${at}-${n}`;
        const { status, body } = await callApi(url, "PUT", `${path}?type=ephemeral`, {
          ...{ body: n, session },
        });
        if (status === 410) return assert(isEnding, "not before it is ended");
        assert(status === 201 || body.name === "SESSIONMOVED", JSON.stringify(body));
      }
    });
    await eventually("it is used", async () => {
      const { body } = await must(urls[0]!, "GET", "/children/used");
      return body.children.length > 10;
    });
    isEnding = true;
    const ended = await callApi(urls[round]!, "DELETE", "/sessions/current", { session });
    assert.equal(ended.status, 204, JSON.stringify(ended.body));
    await Promise.all(using);
    for (const url of urls) {
      const touched = await callApi(url, "GET", `/sessions/${session}`);
      assert.equal(touched.status, 410);
      const { body } = await must(url, "GET", "/children/used?consistency=linearizable");
      assert.deepEqual(body.children, [], "nothing of it stays");
    }
  }
});

testHttp(
  "sessions over HTTP and their ephemerals outlive the leader, many at once",
  async (ensemble) => {
    const urls = urlsOf(ensemble);
    await must(urls[0]!, "PUT", "/data/many", { body: 0 });
    const sessions = await Promise.all(
      Array.from({ length: SESSION_COUNT }, async (_, n) => {
        const { token } = await newSession(urls[n % urls.length]!, n % 2 === 0 ? "5m" : "6s");
        const url = urls[(n + 1) % urls.length]!;
        await must(url, "PUT", `/data/many/${n}?type=ephemeral`, { body: n, session: token });
        return token;
      }),
    );
    const leader = await ensemble.waitForLeader();
    await ensemble.kill(leader);
    const client = new RovingClient(ensemble, 0);
    // every other one gives no sign of life any more
    await Promise.all(sessions.map(async (session, n) => {
      if (n % 2 === 1) return;
      const request = { session, patienceMs: 30_000 };
      const { status, body } = await client.ask("POST", "/sessions/current/keepalive", request);
      assert.equal(status, 200, JSON.stringify(body));
    }));
    const alive = sessions.flatMap((_, n) => n % 2 === 0 ? [`${n}`] : []).sort();
    await eventually("the silent ones and what they own are gone", async () => {
      const { body } = await client.ask(
        "GET",
        "/children/many?limit=1000&consistency=linearizable",
        {
          patienceMs: 30_000,
        },
      );
      const names = body.children.map(({ name }: { name: string }) => name).sort();
      for (const name of alive) assert(names.includes(name), `${name} lives`);
      return names.length === alive.length;
    });
    for (const [n, session] of sessions.entries()) {
      if (n % 50 > 1) continue;
      const { status } = await client.ask("GET", "/sessions/current", { session });
      assert.equal(status, n % 2 === 0 ? 200 : 410, `session ${n}`);
    }
  },
);

testHttp("a stream over HTTP alone keeps a session, until curl is killed", async (ensemble) => {
  const ttlMs = 1500;
  const urls = urlsOf(ensemble);
  const [first, second, third] = urls as [string, string, string];
  const { token: session } = await newSession(first, `${ttlMs}ms`);
  await must(second, "PUT", "/data/mine?type=ephemeral", { body: 0, session });
  const command = new Deno.Command("curl", {
    args: ["-sN", `${second}/api/v1/sessions/current/events`, "-H", `X-Zk-Session: ${session}`],
    ...{ stdin: "null", stdout: "piped", stderr: "null" },
  });
  const curl = command.spawn();
  let killedMs: number;
  try {
    const openedMs = performance.now();
    await eventually("four times its ttl have passed", async () => {
      await must(third, "GET", "/data/mine?consistency=linearizable");
      return performance.now() > openedMs + 4 * ttlMs;
    });
  } finally {
    killedMs = performance.now();
    curl.kill("SIGKILL");
    await curl.status;
    await curl.stdout.cancel();
  }
  await eventually("it is gone", async () => {
    const { status } = await callApi(third, "GET", "/data/mine?consistency=linearizable");
    return status === 404;
  });
  assert(performance.now() - killedMs > ttlMs / 2, "it lived on for what was left of its ttl");
  assert.equal((await callApi(first, "GET", `/sessions/${session}`)).status, 410);
});
