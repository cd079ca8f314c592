/**
 * Whether all members have the same data: the whole tree as clients see it, and the digests that
 * the members kept while they applied the txns.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { Ensemble } from "../../support/ensemble.ts";
import { dumpTree } from "../../support/tree_dump.ts";

/** Nobody may write meanwhile. @returns at how many zxids digests of two members were compared */
export async function assertEqualTrees(ensemble: Ensemble): Promise<number> {
  const [first, ...others] = ensemble.runningIds;
  assert(first !== undefined && others.length > 0, "there are members to compare");
  await ensemble.waitUntilEqual();
  const expected = await treeOf(ensemble, first);
  for (const id of others) {
    assert.deepEqual(await treeOf(ensemble, id), expected, `members ${first} and ${id}`);
  }
  await ensemble.waitUntilEqual();
  const digests = await digestsOf(ensemble, first);
  let comparedCount = 0;
  for (const id of others) {
    // Only the newest: of the time when a Java member's synchronisation failed and was begun anew
    // (ZOOKEEPER-4394), it may remember digests that nobody else has, although its tree is right.
    const common = [...await digestsOf(ensemble, id)].findLast(([zxid]) => digests.has(zxid));
    if (common === undefined) continue;
    const [zxid, digest] = common;
    assert.equal(digest, digests.get(zxid), `members ${first} and ${id} at zxid 0x${zxid}`);
    comparedCount++;
  }
  return comparedCount;
}

/** `/zookeeper/config` is set by each member for itself: its times are not those of a txn. */
async function treeOf(ensemble: Ensemble, id: number): Promise<string[]> {
  const lines = await dumpTree(ensemble.clientPort(id), ensemble.hostname(id));
  return lines.map((line) =>
    line.startsWith("/zookeeper/config ") ? line.replace(/ [mc]time=\d+/g, "") : line
  );
}

/** Of every 128th txn: digests by zxid, as the `hash` word prints them. */
async function digestsOf(ensemble: Ensemble, id: number): Promise<Map<string, string>> {
  const lines = (await ensemble.word(id, "hash")).matchAll(/^([0-9a-f]+): (.*)$/gm);
  return new Map([...lines].map(([, zxid, digest]) => [zxid!, digest!]));
}
