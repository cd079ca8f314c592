/**
 * The lead moves to another server of a mixed ensemble when an operator of ours asks for it, and sessions of any
 * server end through ours, whoever leads.
 *
 * @module
 */
import assert from "node:assert/strict";
import { askApi } from "../../support/admin_api.ts";
import { type Ensemble, withEnsemble } from "../../support/ensemble.ts";
import { eventually } from "../../support/eventually.ts";
import { testWith } from "../../support/prerequisites.ts";
import { create, exists, getData } from "../../support/requests.ts";
import {
  chosen,
  ENSEMBLE_NEEDS,
  membersOf,
  type Mix,
  mixText,
  startWithLeader,
  targetsOf,
} from "./mixes.ts";

const NO_NODE = -101;
const LEAD: readonly Mix[] = [
  { leader: "denkeeper", followers: ["java", "java"], inCi: true },
  { leader: "denkeeper", followers: ["denkeeper", "java"] },
  { leader: "denkeeper", followers: ["java", "denkeeper"] },
];
const FOLLOW: readonly Mix[] = [
  { leader: "java", followers: ["denkeeper", "java"], inCi: true },
];

/** Ours have an HTTP port; Java's have none, as in all tests. */
function withHttp(mix: Mix, run: (ensemble: Ensemble) => Promise<void>): Promise<void> {
  const members = membersOf(mix).map((member) => ({
    ...member,
    http: member.target === "denkeeper",
  }));
  return withEnsemble({ members }, run);
}

function urlOf(ensemble: Ensemble, id: number): string {
  return `http://${ensemble.hostname(id)}:${ensemble.process(id).httpPort}`;
}

for (const mix of chosen(LEAD, targetsOf)) {
  testWith(ENSEMBLE_NEEDS, `ensemble: the lead is given away (${mixText(mix)})`, async () => {
    await withHttp(mix, async (ensemble) => {
      const leader = await startWithLeader(ensemble);
      assert.equal(leader, 3);
      const url = urlOf(ensemble, leader);
      await eventually("the others are in sync", async () => {
        const { body } = await askApi(url, "GET", "/cluster");
        return body.quorum.synced.length === 3;
      });
      using client = await ensemble.client(1);
      await client.must(create("/kept", { data: "value" }));
      await client.must(create("/mine", { flags: 1 }));
      await ensemble.waitUntilEqual();

      const moved = await askApi(url, "POST", "/cluster/leader:transfer", { body: { to: 2 } });
      assert.equal(moved.status, 200, JSON.stringify(moved.body));
      assert.equal(moved.body.leader.id, 2);
      assert.equal(await ensemble.waitForLeader(), 2);
      await ensemble.waitUntilServing();
      assert.equal(await ensemble.mode(3), "follower");
      using back = await ensemble.resume(3, client);
      assert.equal(
        new TextDecoder().decode((await back.must(getData("/kept"))).buffer()!),
        "value",
      );
      await back.must(exists("/mine"));
      await back.must(create("/after"));
      await ensemble.waitUntilEqual();
    });
  });
}

for (const mix of chosen(FOLLOW, targetsOf)) {
  const name = `ensemble: sessions end through a follower (${mixText(mix)})`;
  testWith(ENSEMBLE_NEEDS, name, async () => {
    await withHttp(mix, async (ensemble) => {
      await startWithLeader(ensemble);
      using watcher = await ensemble.client(1);
      for (const owner of [1, 2, 3]) {
        using client = await ensemble.client(owner);
        await client.must(create(`/e${owner}`, { flags: 1 }));
        await ensemble.waitUntilEqual();
        const id = `0x${BigInt.asUintN(64, client.sessionId).toString(16)}`;
        const path = `/server/sessions/${id}`;
        const { status, body } = await askApi(urlOf(ensemble, 1), "DELETE", path);
        assert.equal(status, 204, `${owner}: ${JSON.stringify(body)}`);
        assert.equal((await watcher.call(exists(`/e${owner}`))).err, NO_NODE, `${owner}`);
      }
    });
  });
}
