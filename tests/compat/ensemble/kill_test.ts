/**
 * Three members under a write load: `kill -9` of each in turn, and all of them at once.
 *
 * @module
 */
import assert from "node:assert/strict";
import { assertEqualTrees } from "./equal_trees.ts";
import { KazooLoad } from "./kazoo_load.ts";
import { type Mix, startWithLeader, testMixes } from "./mixes.ts";

const MIXES: readonly Mix[] = [
  { leader: "java", followers: ["java", "java"] },
  { leader: "denkeeper", followers: ["java", "java"], inCi: true },
  { leader: "java", followers: ["denkeeper", "java"], inCi: true },
  { leader: "denkeeper", followers: ["java", "denkeeper"] },
  { leader: "java", followers: ["denkeeper", "denkeeper"] },
  { leader: "denkeeper", followers: ["denkeeper", "denkeeper"], inCi: true },
];

testMixes(MIXES, "kill -9 of each member in turn under load", {}, async (ensemble) => {
  const leader = await startWithLeader(ensemble);
  assert.equal(leader, 3, "the greatest id of the first quorum leads");
  await using load = await KazooLoad.start(ensemble.hosts());
  // The last of each round is the leader: it stays while it has a quorum.
  for (const id of [1, 2, 3]) await killAndRestart(id);
  const next = await ensemble.waitForLeader();
  await killAndRestart(next);
  await load.verify(ensemble);
  const comparedCount = await assertEqualTrees(ensemble);
  assert(comparedCount > 0, "digests were compared");

  async function killAndRestart(id: number): Promise<void> {
    await ensemble.kill(id);
    await load.progress();
    await ensemble.startAll([id]);
    await load.progress();
  }
});

testMixes(MIXES, "kill -9 of all members at once under load", {}, async (ensemble) => {
  await startWithLeader(ensemble);
  await using load = await KazooLoad.start(ensemble.hosts());
  for (let round = 0; round < 2; round++) {
    await Promise.all(ensemble.ids.map((id) => ensemble.kill(id)));
    await ensemble.startAll();
    await load.progress();
  }
  await load.verify(ensemble);
  await assertEqualTrees(ensemble);
});
