/**
 * An ensemble is replaced in place under load, one member at a time, and back again: no acknowledged
 * write is lost and no session expires. And it is stopped and started as a whole.
 *
 * @module
 */
import type { Target } from "../../support/server_process.ts";
import { withEnsemble } from "../../support/ensemble.ts";
import { testWith } from "../../support/prerequisites.ts";
import { assertEqualTrees } from "./equal_trees.ts";
import { KazooLoad } from "./kazoo_load.ts";
import { chosen, ENSEMBLE_NEEDS, type Mix, startWithLeader, testMixes } from "./mixes.ts";

interface Replacement {
  readonly from: Target;
  readonly to: Target;
  readonly inCi?: boolean;
}

const REPLACEMENTS: readonly Replacement[] = [
  { from: "java", to: "java" },
  { from: "java", to: "denkeeper", inCi: true },
  { from: "denkeeper", to: "denkeeper" },
];

const MIXES: readonly Mix[] = [
  { leader: "java", followers: ["java", "java"] },
  { leader: "denkeeper", followers: ["java", "java"] },
  { leader: "java", followers: ["denkeeper", "java"] },
  { leader: "denkeeper", followers: ["java", "denkeeper"], inCi: true },
  { leader: "java", followers: ["denkeeper", "denkeeper"] },
  { leader: "denkeeper", followers: ["denkeeper", "denkeeper"] },
];

for (const { from, to } of chosen(REPLACEMENTS, (row) => [row.from, row.to])) {
  const name = `ensemble: ${from} is replaced by ${to} member by member under load, and back`;
  testWith(ENSEMBLE_NEEDS, name, async () => {
    const members = [1, 2, 3].map((id) => ({ id, target: from }));
    await withEnsemble({ members }, async (ensemble) => {
      await startWithLeader(ensemble);
      await using load = await KazooLoad.start(ensemble.hosts());
      for (const target of [to, from]) {
        for (const id of ensemble.ids) {
          await ensemble.replace(id, target);
          await load.progress();
        }
      }
      await load.verify(ensemble);
      await assertEqualTrees(ensemble);
    });
  });
}

testMixes(MIXES, "all members are stopped and started under load", {}, async (ensemble) => {
  await startWithLeader(ensemble);
  await using load = await KazooLoad.start(ensemble.hosts());
  await Promise.all(ensemble.ids.map((id) => ensemble.stop(id)));
  await ensemble.startAll();
  await load.progress();
  await load.verify(ensemble);
  await assertEqualTrees(ensemble);
});
