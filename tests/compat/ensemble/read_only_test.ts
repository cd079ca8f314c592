/**
 * Read-only mode through a real client, and that it ends with the election.
 *
 * @module
 */
import assert from "node:assert/strict";
import { withEnsemble } from "../../support/ensemble.ts";
import { InteractiveProcess } from "../../support/interactive_process.ts";
import { PYTHON, testWith } from "../../support/prerequisites.ts";
import { create } from "../../support/requests.ts";
import { chosen, ENSEMBLE_NEEDS, membersOf, type Mix, mixText, startWithLeader } from "./mixes.ts";
import { targetsOf } from "./mixes.ts";

const MIXES: readonly Mix[] = [
  { leader: "java", followers: ["java", "java"] },
  { leader: "java", followers: ["denkeeper", "java"], inCi: true },
  { leader: "denkeeper", followers: ["denkeeper", "denkeeper"] },
];
const SCRIPT = new URL("kazoo_read_only.py", import.meta.url).pathname;
/** The one that stays. */
const ALONE = 1;

for (const mix of chosen(MIXES, targetsOf)) {
  testWith(
    ENSEMBLE_NEEDS,
    `ensemble: kazoo reads from a member alone, and writes again (${mixText(mix)})`,
    async () => {
      await withEnsemble({
        members: membersOf(mix),
        config: { localSessionsEnabled: true, localSessionsUpgradingEnabled: true },
        properties: { "readonlymode.enabled": "true" },
      }, async (ensemble) => {
        await startWithLeader(ensemble);
        using writer = await ensemble.client(ALONE);
        await writer.must(create("/kept", { data: "as it was" }));
        for (const id of [3, 2]) await ensemble.kill(id);
        await ensemble.waitForMode(ALONE, "read-only");
        assert.equal(await ensemble.word(ALONE, "isro"), "ro");

        await using client = new InteractiveProcess([
          ...[PYTHON, "-B", "-W", "ignore", SCRIPT],
          ensemble.hosts(),
        ]);
        await client.waitFor(/^waiting$/m);
        // it may try members that are down before
        const lines = client.output.trim().split("\n").filter((line) => !/^Connection /.test(line));
        assert.deepEqual(lines, [
          "state CONNECTED_RO",
          "data as it was",
          "children ['kept', 'zookeeper']",
          "create refused",
          "set refused",
          "delete refused",
          "sync refused",
          "waiting",
        ]);
        await ensemble.startAll([2, 3]);
        await ensemble.waitForMode(ALONE, "follower", "leader");
        assert.equal(await ensemble.word(ALONE, "isro"), "rw");
        await client.send("quorum");
        await client.waitFor(/^state CONNECTED$/m);
        await client.waitFor(/^written True$/m);
      });
    },
  );
}
