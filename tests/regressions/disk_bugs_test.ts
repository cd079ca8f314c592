/**
 * Bugs of ZooKeeper's history that show when a server loses its power: each test lets that happen before
 * every operation of the disk in turn, and looks at what the next start finds.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { SimDisk } from "../sim/sim_disk.ts";
import { DiskHost, diskWith } from "../cluster/disk_host.ts";
import { say } from "../cluster/learner_fixture.ts";
import { treeOf, zxidOf, zxidsOf, zxidText } from "../cluster/member_fixture.ts";
import type { ScriptedPeer } from "../cluster/peer_fixture.ts";

type Script = ((peer: ScriptedPeer) => void)[];

/** More than any script here needs; what is left then is the whole run. */
const OPERATION_COUNT_MAX = 100;
/** What a crash leaves differs from seed to seed. */
const SEEDS = 4;

/** Starts, follows server 3 into epoch 5, and hears what it says; what is in one list comes in one turn. */
function script(...turns: (Uint8Array | Uint8Array[])[]): Script {
  return [
    (peer) => peer.start(),
    (peer) => peer.follow(),
    (peer) => peer.accept(),
    (peer) => peer.receive(say.leaderInfo(5)),
    ...turns.map((turn) => (peer: ScriptedPeer) => void peer.receive(...[turn].flat())),
  ];
}

/** The txns whose znodes a server has; its tree must be what these make. */
function historyOf(host: DiskHost): string {
  const { nodes, history } = host;
  const { tree } = treeOf(zxidsOf(...nodes));
  assert.equal(history.applier.tree.treeDigest, tree.treeDigest, nodes.join());
  return nodes.join(" ");
}

/** Cuts the power before each operation of a script, and hands what is left to `check`. */
async function atEveryCut(
  make: (seed: number) => SimDisk,
  steps: Script,
  check: (after: DiskHost, before: { isAcknowledged: boolean; where: string }) => Promise<void>,
): Promise<void> {
  let doneCount = 0;
  for (let powerLeft = 0; powerLeft < OPERATION_COUNT_MAX && doneCount < 2; powerLeft++) {
    for (let seed = 1; seed <= SEEDS; seed++) {
      const disk = make(seed);
      const host = await DiskHost.boot(disk, { powerLeft });
      await host.run(...steps);
      if (host.fatal === null && seed === 1) doneCount++;
      disk.crash();
      const after = await DiskHost.boot(disk);
      const isAcknowledged = host.all.includes("3< ACK 5.0");
      await check(after, { isAcknowledged, where: `power ${powerLeft}, seed ${seed}` });
    }
  }
  assert.equal(doneCount, 2, "the script came to its end");
}

Deno.test("ZOOKEEPER-4646: a NEWLEADER that was acknowledged says that the txns of the DIFF survive a crash", async () => {
  await atEveryCut(
    (seed) => diskWith({ seed, logged: ["4.1-2"], snapshotsAt: ["0.0"], epoch: 4 }),
    script([say.diff("4.4"), say.committed("4.3-4"), say.newLeader(5)]),
    async (after, { isAcknowledged, where }) => {
      const history = historyOf(after);
      assert.ok("4.1 4.2 4.3 4.4".startsWith(history), where);
      if (isAcknowledged) assert.equal(history, "4.1 4.2 4.3 4.4", where);
      await Promise.resolve();
    },
  );
});

Deno.test("ZOOKEEPER-4643, ZOOKEEPER-4785: after any crash, who has the epoch has all that was before it", async () => {
  for (const more of [[], [say.committed("5.1-2")]]) {
    await atEveryCut(
      (seed) => diskWith({ seed, logged: ["4.1-2"], snapshotsAt: ["0.0"], epoch: 4 }),
      script([say.diff("4.4"), say.committed("4.3-4"), ...more, say.newLeader(5)]),
      async (after, { isAcknowledged, where }) => {
        const { currentEpoch, acceptedEpoch } = after.history.epochs;
        assert.ok(currentEpoch <= acceptedEpoch, where);
        if (isAcknowledged) assert.equal(currentEpoch, 5, where);
        if (currentEpoch === 5) assert.match(historyOf(after), /^4\.1 4\.2 4\.3 4\.4/, where);
        await Promise.resolve();
      },
    );
  }
});

Deno.test("ZOOKEEPER-2872: a crash between a SNAP and its snapshot leaves the old history, or the new one", async () => {
  await atEveryCut(
    (seed) => diskWith({ seed, logged: ["4.1-2"], snapshotsAt: ["0.0"], epoch: 4 }),
    script(say.snap("5.2", "4.1-3", "5.1-2"), say.committed("5.3"), say.newLeader(5)),
    async (after, { isAcknowledged, where }) => {
      const history = historyOf(after);
      const expected = ["4.1 4.2 4.3 5.1 5.2 5.3"];
      if (!isAcknowledged) expected.push("4.1 4.2");
      assert.ok(expected.includes(history), `${where}: ${history}`);
      const { currentEpoch } = after.history.epochs;
      assert.equal(currentEpoch, history === "4.1 4.2" ? 4 : 5, where);
      await Promise.resolve();
    },
  );
});

Deno.test("ZOOKEEPER-1549: no snapshot with uncommitted txns survives TRUNC, whenever the power goes", async () => {
  // a leader that was never established took a snapshot of 4.4 and 4.5, which nobody else has
  const cases: { snapshotsAt: string[]; steps: Script }[] = [
    {
      snapshotsAt: ["0.0", "4.5"],
      steps: script(say.trunc("4.3"), say.newLeader(5), say.upToDate(), say.committed("5.1")),
    },
    {
      snapshotsAt: ["4.5"], // nothing to go back to: it asks for everything
      steps: [
        ...script(say.trunc("4.3")),
        (peer) => peer.accept(),
        (peer) => peer.receive(say.leaderInfo(5)),
        (peer) => peer.receive(say.snap("4.3", "4.1-3"), say.newLeader(5)),
        (peer) => peer.receive(say.upToDate(), say.committed("5.1")),
      ],
    },
  ];
  const logged = ["4.1-5"];
  for (const { snapshotsAt, steps } of cases) {
    const make = (seed: number) => diskWith({ seed, logged, snapshotsAt, epoch: 4 });
    const seen = new Set<string>();
    await atEveryCut(make, steps, async (after, { isAcknowledged, where }) => {
      const history = historyOf(after);
      seen.add(history);
      const { lastLoggedZxid } = after.history;
      assert.equal(history.split(" ").at(-1), zxidText(lastLoggedZxid), where);
      if (isAcknowledged) assert.match(history, /^4\.1 4\.2 4\.3( 5\.1)?$/, where);
      else assert.match(history, /^4\.1 4\.2 4\.3( 4\.4)?( 4\.5)?$/, where);
      // and it joins again, from whatever was left
      if (lastLoggedZxid === zxidOf("5.1")) return;
      await after.run(
        ...script(say.snap("4.3", "4.1-3"), say.newLeader(5), say.upToDate(), say.committed("5.1")),
      );
      assert.equal(historyOf(after), "4.1 4.2 4.3 5.1", where);
    });
    assert.ok(seen.has("4.1 4.2 4.3 4.4 4.5"));
    assert.ok(seen.has("4.1 4.2 4.3 5.1"));
  }
});

Deno.test("ZOOKEEPER-4712: what a role was logging when it ended is durable before the next vote", async () => {
  for (let seed = 1; seed <= 10; seed++) {
    const disk = diskWith({ seed, logged: ["4.1-2"], snapshotsAt: ["0.0"], epoch: 4 });
    const host = await DiskHost.boot(disk);
    await host.run(...script(say.diff("4.2"), say.newLeader(5), say.upToDate()));
    host.peer.receive(say.proposal("5.1-20")); // so many are synced in the background
    const isMore = seed % 2 === 0;
    if (isMore) host.peer.receive(say.proposal("5.21-22")); // these wait for that
    host.peer.leaderCloses();
    const last = zxidOf(isMore ? "5.22" : "5.20");
    assert.equal(host.history.lastLoggedZxid, last);
    disk.crash();
    const after = await DiskHost.boot(disk);
    assert.equal(after.history.lastLoggedZxid, last, `seed ${seed}`);
  }
});

Deno.test("ZOOKEEPER-3642: half a SNAP is thrown away: what is on disk is loaded before the next vote", async () => {
  const disk = diskWith({ seed: 1, logged: ["4.1-5"], snapshotsAt: ["0.0"], epoch: 4 });
  const host = await DiskHost.boot(disk);
  const snap = say.snap("5.2", "5.1-2");
  await host.run(
    ...script(snap.subarray(0, snap.length - 20)),
    (peer) => peer.leaderCloses(),
  );
  assert.equal(historyOf(host), "4.1 4.2 4.3 4.4 4.5");
  assert.equal(host.history.lastLoggedZxid, zxidOf("4.5"));
  host.peer.wait(1000);
  host.peer.hear(2, { state: "LOOKING", leader: 2, electionEpoch: 2, peerEpoch: 3 });
  assert.equal(host.peer.voteText, "LOOKING for 1: 4.5 of epoch 4");
});
