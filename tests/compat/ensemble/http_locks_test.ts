/**
 * Locks over HTTP while members die: clients repeat what was not answered at another member, and none of them loses
 * its lock or holds it beside another.
 *
 * @module
 */
import assert from "node:assert/strict";
import { withEnsemble } from "../../support/ensemble.ts";
import { eventually } from "../../support/eventually.ts";
import { callApi } from "../../support/json_api.ts";
import { RovingClient } from "../../support/roving_client.ts";

const MEMBERS = [1, 2, 3].map((id) => ({ id, target: "denkeeper" as const, http: true }));
const OPTIONS = {
  members: MEMBERS,
  config: { tickTime: 500, "http.maxSessionTimeout": 600_000 },
};
const LOCK = "/locks/jobs/nightly";
const CLIENT_COUNT = 6;
const KILL_COUNT = 3;

Deno.test("POST /locks finds its place at another member, and holds at any", async () => {
  await withEnsemble(OPTIONS, async (ensemble) => {
    await ensemble.startAll();
    const urls = ensemble.ids.map((id) => ensemble.process(id).httpUrl);
    const [first, second, third] = urls as [string, string, string];
    const newSession = async (url: string) =>
      (await callApi(url, "POST", "/sessions", { body: { ttl: "1m" } })).body.token;
    const [holder, other] = [await newSession(first), await newSession(second)];
    const lock = (url: string, session: string, query = "", body = {}) =>
      callApi(url, "POST", `${LOCK}${query}`, { session, body });

    const held = await lock(second, holder);
    assert.equal(held.status, 201);
    for (const url of urls) {
      const again = await lock(url, holder);
      assert.deepEqual([again.status, again.body.node], [200, held.body.node]);
    }
    const kept = await lock(first, other, "?queue=keep");
    assert.equal(kept.body.outcome, "applied");
    const waiting = lock(third, other, "", { wait: "2m" });
    await eventually("the third member knows who waits", async () => {
      const { body } = await callApi(third, "GET", LOCK);
      return body.queue[0]?.node === kept.body.node;
    });
    assert.equal((await callApi(first, "DELETE", LOCK, { session: holder })).status, 204);
    const got = await waiting;
    assert.deepEqual([got.status, got.body.node], [200, kept.body.node]);
    assert.equal((await callApi(first, "DELETE", LOCK, { session: other })).status, 204);
  });
});

Deno.test("locks over HTTP are neither lost nor held twice while leaders are killed", async () => {
  await withEnsemble(OPTIONS, async (ensemble) => {
    await ensemble.startAll();
    const seen = { holder: -1, fencingToken: 0, rounds: 0, killed: 0 };
    const isDone = () => seen.killed === KILL_COUNT;

    const contend = async (id: number) => {
      const client = await new RovingClient(ensemble, id).connect("5m");
      while (!isDone()) {
        const { status, body } = await client.ask("POST", `${LOCK}?queue=keep`, {
          body: { wait: "5s" },
          patienceMs: 20_000,
        });
        assert(body.held === true, `${id} gets the lock: ${status} ${JSON.stringify(body)}`);
        assert.equal(seen.holder, -1, "nobody holds it beside another");
        assert(Number(body.fencingToken) > seen.fencingToken, "fencing tokens grow");
        Object.assign(seen, { holder: id, fencingToken: Number(body.fencingToken) });
        const again = await client.ask("POST", LOCK); // through another member
        assert.deepEqual([again.status, again.body.node], [200, body.node], "it is not lost");
        assert.equal(seen.holder, id);
        seen.holder = -1;
        seen.rounds++;
        // 404: it was released by a request whose answer was lost
        const released = await client.ask("DELETE", LOCK);
        assert([204, 404].includes(released.status), JSON.stringify(released));
      }
    };

    const disturb = async () => {
      while (!isDone()) {
        const before = seen.rounds;
        await eventually("the lock goes round", () => seen.rounds >= before + CLIENT_COUNT);
        const leader = await ensemble.waitForLeader();
        await ensemble.kill(leader);
        await ensemble.waitForLeader(ensemble.runningIds);
        const after = seen.rounds;
        await eventually("the lock goes round again", () => seen.rounds >= after + CLIENT_COUNT);
        ensemble.start(leader);
        await ensemble.waitUntilServing();
        seen.killed++;
      }
    };

    await Promise.all([disturb(), ...Array.from({ length: CLIENT_COUNT }, (_, id) => contend(id))]);
    assert(seen.rounds >= 2 * KILL_COUNT * CLIENT_COUNT);
  });
});
