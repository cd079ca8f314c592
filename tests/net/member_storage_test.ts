import assert from "node:assert/strict";
import { DiskHost, diskWith } from "../cluster/disk_host.ts";
import { say } from "../cluster/learner_fixture.ts";

Deno.test("DiskStorage.replaceBySnapshot() that a stop of the server cuts short is no failure of the disk", async () => {
  const disk = diskWith({ seed: 1, logged: ["4.1-2"], snapshotsAt: ["0.0"], epoch: 4 });
  const host = await DiskHost.boot(disk);
  await host.run(
    (peer) => peer.start(),
    (peer) => peer.follow(),
    (peer) => peer.accept(),
    (peer) => {
      peer.receive(say.leaderInfo(5), say.snap("4.9", "4.1-9"), say.newLeader(5));
      host.pump.snapshots.stop();
    },
  );
  assert.equal(host.fatal, null);
  assert.equal(host.all.includes("3< ACK 5.0"), false);
  // and what was there before is there again
  disk.crash();
  const after = await DiskHost.boot(disk);
  assert.deepEqual(after.nodes, ["4.1", "4.2"]);
});
