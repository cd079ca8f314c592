/**
 * Elections over HTTP, on one server.
 *
 * @module
 */
import assert from "node:assert/strict";
import { eventually } from "../../support/eventually.ts";
import { InProcessServer } from "../../support/in_process_server.ts";
import { callApi, type JsonReply } from "../../support/json_api.ts";

const FAST = { http: true, config: { tickTime: 100, "http.maxSessionTimeout": 60_000 } };
/** Far longer than any test waits for what it expects. */
const LONG = "2m";

/** Makes a session, and gives how it stands for an election at `/e`. */
async function candidate({ httpUrl }: InProcessServer, data: string) {
  const { body: { token: session } } = await callApi(httpUrl, "POST", "/sessions", {
    body: { ttl: "30s" },
  });
  return {
    session,
    stand: (more: Record<string, unknown> = {}, query = ""): Promise<JsonReply> =>
      callApi(httpUrl, "POST", `/elections/e${query}`, { session, body: { data, ...more } }),
    resign: () => callApi(httpUrl, "DELETE", "/elections/e", { session }),
  };
}

async function election({ httpUrl }: InProcessServer): Promise<{
  leader: string | null;
  candidates: string[];
}> {
  const { body } = await callApi(httpUrl, "GET", "/elections/e");
  assert.equal(body.candidateCount, body.candidates.length);
  const nameOf = (entry: { data: { data: string } }) => entry.data.data;
  return {
    leader: body.leader === null ? null : nameOf(body.leader),
    candidates: body.candidates.map(nameOf),
  };
}

Deno.test("POST /elections makes the first candidate the leader, and keeps the others", async () => {
  await using server = await InProcessServer.start(FAST);
  const [a, b] = [await candidate(server, "a"), await candidate(server, "b")];
  assert.deepEqual(await election(server), { leader: null, candidates: [] });
  const first = await a.stand();
  assert.deepEqual([first.status, first.body.leader, first.body.position], [201, true, 0]);
  assert.match(first.body.node, /^\/e\/_c_[0-9a-f-]{36}-latch-0{10}$/);
  assert.equal(first.body.current.node, first.body.node);
  const second = await b.stand();
  assert.deepEqual([second.status, second.body.leader, second.body.position], [201, false, 1]);
  assert.equal(second.body.current.data.data, "a");
  assert.deepEqual(await election(server), { leader: "a", candidates: ["a", "b"] });

  const waiting = b.stand({ wait: LONG });
  assert.equal((await a.resign()).status, 204);
  const elected = await waiting;
  assert.deepEqual([elected.status, elected.body.leader], [200, true]);
  assert.equal(elected.body.node, second.body.node);
  assert(Number(elected.body.fencingToken) > Number(first.body.fencingToken));
  assert.deepEqual(await election(server), { leader: "b", candidates: ["b"] });
});

Deno.test("POST /elections with queue=leave stands only as long as it waits", async () => {
  await using server = await InProcessServer.start(FAST);
  const [a, b] = [await candidate(server, "a"), await candidate(server, "b")];
  await a.stand();
  const { status, body } = await b.stand({ wait: "100ms" }, "?queue=leave");
  assert.deepEqual([status, body.leader], [201, false]);
  assert.deepEqual(await election(server), { leader: "a", candidates: ["a"] });
});

Deno.test("a candidate whose session ends is followed by the next", async () => {
  await using server = await InProcessServer.start(FAST);
  const [a, b] = [await candidate(server, "a"), await candidate(server, "b")];
  await a.stand();
  const waiting = b.stand({ wait: LONG });
  await eventually("b stands", async () => (await election(server)).candidates.length === 2);
  await callApi(server.httpUrl, "DELETE", `/sessions/${a.session}`);
  assert.equal((await waiting).body.leader, true);
});

Deno.test("POST /elections with a ttl makes a session for the candidacy, which ends with it", async () => {
  await using server = await InProcessServer.start(FAST);
  const { httpUrl } = server;
  const stand = () => callApi(httpUrl, "POST", "/elections/e", { body: { ttl: "30s", data: "x" } });
  const [leader, other] = [await stand(), await stand()];
  assert.deepEqual([leader.body.leader, other.body.leader], [true, false]);
  for (const { body: { token: session } } of [leader, other]) {
    assert.equal((await callApi(httpUrl, "DELETE", "/elections/e", { session })).status, 204);
    assert.equal((await callApi(httpUrl, "GET", `/sessions/${session}`)).status, 410);
  }
  assert.deepEqual(await election(server), { leader: null, candidates: [] });
});

Deno.test("DELETE /elections tells who is no candidate", async () => {
  await using server = await InProcessServer.start(FAST);
  const { status, body } = await (await candidate(server, "a")).resign();
  assert.deepEqual([status, body.type], [404, "urn:denkeeper:problem:not-a-candidate"]);
});
