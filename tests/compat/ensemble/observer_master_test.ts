/**
 * Observers that follow a follower (observerMasterPort), ours and Java's, in both places.
 *
 * @module
 */
import assert from "node:assert/strict";
import { eventually } from "../../support/eventually.ts";
import { freePort } from "../../support/free_port.ts";
import { create, exists, Flags, getData, ofPath, Op, setData } from "../../support/requests.ts";
import { type Mix, startWithLeader, testMixes } from "./mixes.ts";

const MIXES: readonly Mix[] = [
  { leader: "java", followers: ["denkeeper", "denkeeper"], observer: "java", inCi: true },
  { leader: "denkeeper", followers: ["java", "java"], observer: "denkeeper", inCi: true },
  { leader: "denkeeper", followers: ["denkeeper", "denkeeper"], observer: "denkeeper" },
  { leader: "java", followers: ["java", "java"], observer: "denkeeper" },
  { leader: "denkeeper", followers: ["denkeeper", "denkeeper"], observer: "java" },
];
const OBSERVER = 4;

testMixes(
  MIXES,
  "an observer follows a follower",
  { ownAddresses: true, config: { observerMasterPort: freePort() } },
  async (ensemble) => {
    const leader = await startWithLeader(ensemble);
    const client = await ensemble.client(OBSERVER, { timeoutMs: 4000 });
    await client.must(create("/o", { data: "1" }));
    await client.must(create("/o/e", { flags: Flags.ephemeral }));
    const writer = await ensemble.client(leader);
    for (let i = 0; i < 20; i++) {
      await writer.must(setData("/o", `${i}`));
      await client.must(ofPath(Op.sync, "/o"));
      assert.equal((await client.must(getData("/o"))).string(), `${i}`);
    }
    // its touches reach the leader
    const startMs = performance.now();
    await eventually("a session outlives its timeout", async () => {
      await client.must(exists("/o"));
      return performance.now() - startMs > 5500;
    });
    await writer.must(exists("/o/e"));

    // a session comes back over the same way, and one that does not exist is refused
    const { sessionId, password } = client;
    client.close();
    const back = await ensemble.client(OBSERVER, { sessionId, password });
    await back.must(exists("/o/e"));
    await assert.rejects(ensemble.client(OBSERVER, { sessionId: 0x1234567n }), /refused/);

    // its master goes: it finds the other follower, which it was not told of
    for (const id of [1, 2]) {
      await ensemble.kill(id);
      // until it has noticed, it takes clients that it then disconnects
      await eventually("a client is served by the observer", async () => {
        try {
          using after = await ensemble.client(OBSERVER, { sessionId, password });
          await after.must(setData("/o", `without ${id}`));
          await after.must(exists("/o/e"));
          return true;
        } catch (error) {
          assert.match(String(error), /closed|Connection re/); // its session is not gone
          return false;
        }
      });
      await ensemble.startAll([id]);
    }
    await writer.must(setData("/o", "end"));
    await ensemble.waitUntilEqual();
    for (const each of [back, writer]) each.close();
  },
);
