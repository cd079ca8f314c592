/**
 * A member that was away comes back to what the others have: by DIFF, SNAP or TRUNC.
 *
 * How it came back is seen from outside, whichever programs run: a learner writes a snapshot after
 * SNAP and TRUNC but not after DIFF, and the leader's `mntr` counts DIFFs and SNAPs.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { Ensemble } from "../../support/ensemble.ts";
import { eventually } from "../../support/eventually.ts";
import { create, setData } from "../../support/requests.ts";
import { assertEqualTrees } from "./equal_trees.ts";
import { type Mix, startWithLeader, testMixes } from "./mixes.ts";

/** Member 1 is the one that comes back; where it led before, it is member 3. */
const MIXES: readonly Mix[] = [
  { leader: "java", followers: ["java", "java"] },
  { leader: "denkeeper", followers: ["java", "java"], inCi: true },
  { leader: "java", followers: ["denkeeper", "java"], inCi: true },
  { leader: "denkeeper", followers: ["denkeeper", "java"] },
  { leader: "denkeeper", followers: ["java", "denkeeper"] },
  { leader: "java", followers: ["denkeeper", "denkeeper"] },
  { leader: "denkeeper", followers: ["denkeeper", "denkeeper"] },
];

/** As {@linkcode MIXES}: it is the observer that comes back. */
const OBSERVER_MIXES: readonly Mix[] = [
  { leader: "java", followers: ["java", "java"], observer: "java" },
  { leader: "denkeeper", followers: ["java", "java"], observer: "java", inCi: true },
  { leader: "java", followers: ["java", "java"], observer: "denkeeper", inCi: true },
  { leader: "denkeeper", followers: ["java", "denkeeper"], observer: "denkeeper" },
];

/** More than the committed list of a leader keeps. */
const MANY = 2000;
/** No txns from the leader's log files for who is behind the committed list: it gets a SNAP. */
const NO_LOG_SYNC = { snapshotSizeFactor: -1 };

testMixes(MIXES, "a follower that was away for a moment gets a DIFF", {}, async (ensemble) => {
  await startWithLeader(ensemble);
  await write(ensemble, "/before", 20);
  await ensemble.waitUntilEqual();
  await comeBack(ensemble, 1, "diff", () => write(ensemble, "/meanwhile", 50));
});

testMixes(
  MIXES,
  "a follower that is further behind than the committed list gets a DIFF from the log",
  {},
  async (ensemble) => {
    await startWithLeader(ensemble);
    await write(ensemble, "/before", 20);
    await ensemble.waitUntilEqual();
    await comeBack(ensemble, 1, "diff", () => write(ensemble, "/meanwhile", MANY));
  },
);

testMixes(
  MIXES,
  "a follower that is further behind than the leader can tell gets a SNAP",
  { config: NO_LOG_SYNC },
  async (ensemble) => {
    await startWithLeader(ensemble);
    await write(ensemble, "/before", 20);
    await ensemble.waitUntilEqual();
    await comeBack(ensemble, 1, "snap", () => write(ensemble, "/meanwhile", MANY));
  },
);

testMixes(MIXES, "a wiped follower gets a SNAP", {}, async (ensemble) => {
  await startWithLeader(ensemble);
  await write(ensemble, "/before", 20);
  await ensemble.waitUntilEqual();
  await comeBack(ensemble, 1, "snap", async () => {
    ensemble.wipe(1);
    await write(ensemble, "/meanwhile", 20);
  });
});

testMixes(MIXES, "an old leader with proposals nobody has gets a TRUNC", {}, async (ensemble) => {
  await startWithLeader(ensemble);
  await write(ensemble, "/before", 20);
  await ensemble.waitUntilEqual();
  const lost = await proposeInVain(ensemble, 3);
  await ensemble.startAll([1, 2]);
  // Nothing may be written now: with txns of the new epoch the old leader would get a SNAP.
  const snapshots = snapshotsOf(ensemble, 3);
  await ensemble.startAll([3]);
  assert.notEqual(await ensemble.waitForLeader(), 3);
  assert(!logsHave(ensemble, 3, lost), "its log was cut");
  if (ensemble.target(3) === "java") {
    assert.notDeepEqual(snapshotsOf(ensemble, 3), snapshots, "it begins anew from a snapshot");
  }
  await write(ensemble, "/after", 20);
  await assertEqualTrees(ensemble);
  await ensemble.kill(3);
  await ensemble.startAll([3]);
  await assertEqualTrees(ensemble);
});

testMixes(
  MIXES,
  "an old leader with proposals nobody has gets a SNAP when the epoch has moved on",
  {},
  async (ensemble) => {
    await startWithLeader(ensemble);
    await write(ensemble, "/before", 20);
    await ensemble.waitUntilEqual();
    await proposeInVain(ensemble, 3);
    await ensemble.startAll([1, 2]);
    await write(ensemble, "/meanwhile", 20);
    const snapshots = snapshotsOf(ensemble, 3);
    await ensemble.startAll([3]);
    assert.notDeepEqual(snapshotsOf(ensemble, 3), snapshots, "it wrote what it got");
    await write(ensemble, "/after", 20);
    await assertEqualTrees(ensemble);
    await ensemble.kill(3);
    await ensemble.startAll([3]);
    await assertEqualTrees(ensemble);
  },
);

testMixes(OBSERVER_MIXES, "an observer that was away gets a DIFF", {}, async (ensemble) => {
  await startWithLeader(ensemble);
  assert.equal(await ensemble.mode(4), "observer");
  await write(ensemble, "/before", 20);
  await ensemble.waitUntilEqual();
  await comeBack(ensemble, 4, "diff", () => write(ensemble, "/meanwhile", 50));
});

testMixes(OBSERVER_MIXES, "a wiped observer gets a SNAP", {}, async (ensemble) => {
  await startWithLeader(ensemble);
  await write(ensemble, "/before", 20);
  await ensemble.waitUntilEqual();
  await comeBack(ensemble, 4, "snap", async () => {
    ensemble.wipe(4);
    await write(ensemble, "/meanwhile", 20);
  });
});

/** Kills a member, lets something happen, starts it again, and looks at how it came back. */
async function comeBack(
  ensemble: Ensemble,
  id: number,
  how: "diff" | "snap",
  meanwhile: () => Promise<void>,
): Promise<void> {
  await ensemble.kill(id);
  await meanwhile();
  const leader = await ensemble.waitForLeader();
  const [snapshots, before] = [snapshotsOf(ensemble, id), await syncCounts(ensemble, leader)];
  await ensemble.startAll([id]);
  const after = await syncCounts(ensemble, leader);
  const [diffCount, snapCount] = [after.diff - before.diff, after.snap - before.snap];
  assert.deepEqual({ diffCount, snapCount }, {
    diffCount: how === "diff" ? 1 : 0,
    snapCount: how === "snap" ? 1 : 0,
  });
  if (how === "diff") assert.deepEqual(snapshotsOf(ensemble, id), snapshots);
  else assert.notDeepEqual(snapshotsOf(ensemble, id), snapshots);
  await write(ensemble, "/after", 20);
  await assertEqualTrees(ensemble);
  // What it has on disk is as good as what it has in memory.
  await ensemble.kill(id);
  await ensemble.startAll([id]);
  await assertEqualTrees(ensemble);
}

/** A node and sets of it, through the leader. */
async function write(ensemble: Ensemble, path: string, count: number): Promise<void> {
  const leader = await ensemble.waitForLeader();
  using client = await ensemble.client(leader);
  await client.must(create(path));
  for (let i = 0; i < count; i++) await client.send(setData(path, `${path} ${i}`), i);
  for (let i = 0; i < count; i++) assert.equal((await client.reply()).err, 0);
  await client.endSession();
}

/**
 * Lets the leader log writes that reach nobody, and kills everybody.
 *
 * @returns what the leader has in its log, and no other
 */
async function proposeInVain(ensemble: Ensemble, leader: number): Promise<string> {
  const lost = "/never committed";
  using client = await ensemble.client(leader);
  for (const id of ensemble.ids) if (id !== leader) await ensemble.freeze(id);
  await client.send(create(lost), 1);
  await client.send(setData(lost, "some"), 2);
  await eventually("the leader has logged it", () => logsHave(ensemble, leader, lost));
  // The leader first: it must not hear of the others end.
  for (const id of [...ensemble.ids].sort((a) => a === leader ? -1 : 1)) await ensemble.kill(id);
  for (const id of ensemble.ids) assert.equal(logsHave(ensemble, id, lost), id === leader);
  return lost;
}

function filesOf(ensemble: Ensemble, id: number, prefix: string): string[] {
  const dir = `${ensemble.dataDir(id)}/version-2`;
  try {
    return [...Deno.readDirSync(dir)].filter(({ name }) => name.startsWith(prefix))
      .map(({ name }) => `${dir}/${name}`).sort();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return []; // wiped
    throw error;
  }
}

/** Names and times: a snapshot of a zxid may be written anew. */
function snapshotsOf(ensemble: Ensemble, id: number): string[] {
  return filesOf(ensemble, id, "snapshot.").map((file) =>
    `${file} ${Deno.statSync(file).mtime?.getTime()}`
  );
}

function logsHave(ensemble: Ensemble, id: number, text: string): boolean {
  return filesOf(ensemble, id, "log.").some((file) =>
    new TextDecoder("latin1").decode(Deno.readFileSync(file)).includes(text)
  );
}

/** How often this leader has sent a DIFF and a SNAP. */
async function syncCounts(
  ensemble: Ensemble,
  leader: number,
): Promise<{ diff: number; snap: number }> {
  const mntr = await ensemble.word(leader, "mntr");
  const count = (name: string) => {
    const value = new RegExp(`^zk_${name}\t(\\d+)$`, "m").exec(mntr)?.[1];
    assert(value !== undefined, `zk_${name} in ${mntr}`);
    return Number(value);
  };
  return { diff: count("diff_count"), snap: count("snap_count") };
}
