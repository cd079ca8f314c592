/**
 * The network between the members is cut, in namespaces: who has no quorum serves nobody, nothing
 * that was acknowledged is lost, and nothing of a leader alone survives.
 *
 * @module
 */
import assert from "node:assert/strict";
import { type Ensemble, withEnsemble } from "../../support/ensemble.ts";
import { NamespaceNetwork, whyNoNamespaces } from "../../support/namespaces.ts";
import { testWith } from "../../support/prerequisites.ts";
import { create, exists, ofPath, Op } from "../../support/requests.ts";
import { assertEqualTrees } from "./equal_trees.ts";
import { KazooLoad } from "./kazoo_load.ts";
import {
  chosen,
  ENSEMBLE_NEEDS,
  membersOf,
  type Mix,
  mixText,
  startWithLeader,
  targetsOf,
} from "./mixes.ts";

const MIXES: readonly Mix[] = [
  { leader: "java", followers: ["java", "java"] },
  { leader: "denkeeper", followers: ["java", "java"] },
  { leader: "java", followers: ["denkeeper", "java"] },
  { leader: "denkeeper", followers: ["java", "denkeeper"], inCi: true },
  { leader: "java", followers: ["denkeeper", "denkeeper"] },
  { leader: "denkeeper", followers: ["denkeeper", "denkeeper"] },
];

/** 2 s until a member finds that it does not hear of the others. */
const CONFIG = { tickTime: 400, syncLimit: 5, initLimit: 50 };

testCuts("a follower that is cut off serves nobody, and comes back", async (cut) => {
  const { ensemble, network, load } = cut;
  network.cut(1);
  await ensemble.waitForMode(1, "looking");
  await load.progress();
  assert.equal(await ensemble.mode(3), "leader");
  await heal(cut);
});

testCuts("a leader that is cut off steps down, and what it wrote alone is gone", async (cut) => {
  const { ensemble, network, load } = cut;
  using client = await ensemble.client(3);
  network.cut(3);
  await client.send(create("/alone"), 1);
  assert.equal(await client.receiveFrame(), "closed", "not acknowledged");
  await ensemble.waitForMode(3, "looking");
  const next = await ensemble.waitForLeader([1, 2]);
  await load.progress();
  await heal(cut);
  assert.equal(await ensemble.mode(next), "leader", "it goes on leading");
  for (const id of ensemble.ids) {
    using reader = await ensemble.client(id);
    await reader.must(ofPath(Op.sync, "/"));
    assert.equal((await reader.call(exists("/alone"))).err, -101, `member ${id}`);
    await reader.endSession();
  }
});

testCuts("all members apart: nobody serves, and together they go on", async (cut) => {
  const { ensemble, network } = cut;
  for (const id of ensemble.ids) network.cut(id);
  await Promise.all(ensemble.ids.map((id) => ensemble.waitForMode(id, "looking")));
  await heal(cut);
});

testCuts("a follower whose words do not arrive is dropped by the leader", async (cut) => {
  const { ensemble, network, load } = cut;
  network.block({ from: 1, to: 3 });
  await ensemble.waitForMode(1, "looking");
  await load.progress();
  assert.equal(await ensemble.mode(3), "leader");
  await heal(cut);
});

/** Members 1 to 3, of which 3 leads at first, under a load. */
interface Cut {
  readonly ensemble: Ensemble;
  readonly network: NamespaceNetwork;
  readonly load: KazooLoad;
}

/** All members reach each other again: the load goes on, and has lost nothing. */
async function heal({ ensemble, network, load }: Cut): Promise<void> {
  network.heal();
  await ensemble.waitUntilServing();
  await load.progress();
  await load.verify(ensemble);
  await assertEqualTrees(ensemble);
}

function testCuts(name: string, run: (cut: Cut) => Promise<void>): void {
  for (const mix of chosen(MIXES, targetsOf)) {
    const fullName = `ensemble: ${name} (${mixText(mix)})`;
    const reason = whyNoNamespaces();
    if (reason !== null) {
      Deno.test({ name: `${fullName} (skipped: ${reason})`, ignore: true, fn: () => {} });
      continue;
    }
    testWith(ENSEMBLE_NEEDS, fullName, async () => {
      const members = membersOf(mix);
      using network = NamespaceNetwork.create(members.map(({ id }) => id));
      await withEnsemble({ members, network, config: CONFIG }, async (ensemble) => {
        await startWithLeader(ensemble);
        await using load = await KazooLoad.start(ensemble.hosts());
        await run({ ensemble, network, load });
      });
    });
  }
}
