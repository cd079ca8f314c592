/**
 * Observers: clients on them, one that keeps nothing on disk, and what becomes of them when the leader goes.
 *
 * @module
 */
import assert from "node:assert/strict";
import { create, exists, Flags, getData, ofPath, Op, setData } from "../../support/requests.ts";
import { RawClient } from "../../support/raw_client.ts";
import { type Mix, startWithLeader, testMixes } from "./mixes.ts";

const MIXES: readonly Mix[] = [
  { leader: "java", followers: ["java", "java"], observer: "denkeeper", inCi: true },
  { leader: "denkeeper", followers: ["denkeeper", "denkeeper"], observer: "java", inCi: true },
  { leader: "denkeeper", followers: ["denkeeper", "denkeeper"], observer: "denkeeper" },
  { leader: "java", followers: ["denkeeper", "java"], observer: "denkeeper" },
];
const OBSERVER = 4;

testMixes(
  MIXES,
  "an observer serves clients, and follows the next leader with their sessions",
  { config: { syncEnabled: false, "observer.reconnectDelayMs": 50 } },
  async (ensemble) => {
    const leader = await startWithLeader(ensemble);
    const before = await ensemble.client(OBSERVER);
    await before.must(create("/o", { data: "1" }));
    await before.must(create("/o/e", { flags: Flags.ephemeral }));
    const writer = await ensemble.client(1);
    await writer.must(setData("/o", "2"));
    await before.must(ofPath(Op.sync, "/o"));
    assert.equal((await before.must(getData("/o"))).string(), "2");

    await ensemble.kill(leader);
    const rest = ensemble.ids.filter((id) => id !== leader);
    await ensemble.waitForLeader(rest);
    await ensemble.waitForMode(OBSERVER, "observer");
    const { sessionId, password } = before;
    const after = await ensemble.client(OBSERVER, { sessionId, password });
    assert.equal(after.sessionId, sessionId);
    await after.must(ofPath(Op.sync, "/o"));
    await after.must(exists("/o/e"));
    await after.must(setData("/o", "3"));
    await ensemble.waitUntilEqual(rest);
    for (const client of [before, writer, after]) client.close();
    assert.deepEqual(
      logsOf(ensemble.dataDir(OBSERVER)),
      [],
      "syncEnabled=false: nothing is logged",
    );

    // with nothing on disk but its beginning it gets everything again
    await ensemble.kill(OBSERVER);
    await ensemble.startAll([OBSERVER]);
    const again = await ensemble.client(OBSERVER);
    await again.must(ofPath(Op.sync, "/o"));
    assert.equal((await again.must(getData("/o"))).string(), "3");
    again.close();
  },
);

const SERVING_MIXES: readonly Mix[] = [
  { leader: "denkeeper", followers: ["java", "denkeeper"], inCi: true },
  { leader: "java", followers: ["denkeeper", "java"] },
];

testMixes(
  SERVING_MIXES,
  "leaderServes=no: a leader takes no clients, and ends sessions all the same",
  { config: { leaderServes: "no" } },
  async (ensemble) => {
    ensemble.start(3); // elected for its id, and then nobody can ask it
    await ensemble.startAll([2, 1]);
    await ensemble.waitForMode(1, "follower");
    const client = await ensemble.client(1, { timeoutMs: 1000 });
    await client.must(create("/e", { flags: Flags.ephemeral }));
    const other = await ensemble.client(2);
    await other.must(exists("/e", true));
    client.close();
    assert.match(await ensemble.word(3, "srvr"), /not currently serving requests/);
    const refused = await RawClient.open(ensemble.clientPort(3));
    assert.equal(await refused.connect(), "closed");
    refused.close();
    const event = await other.receiveFrame();
    assert.notEqual(event, "silent");
    other.close();
  },
);

function logsOf(dataDir: string): string[] {
  return [...Deno.readDirSync(`${dataDir}/version-2`)]
    .map(({ name }) => name).filter((name) => name.startsWith("log."));
}
