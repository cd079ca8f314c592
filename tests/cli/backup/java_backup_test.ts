import assert from "node:assert/strict";
import { testWith } from "../../support/prerequisites.ts";
import { requestFrame } from "../../support/raw_client.ts";
import { create, Flags, setData } from "../../support/requests.ts";
import { SeededRandom, seedFrom } from "../../support/seeded_random.ts";
import { ServerProcess } from "../../support/server_process.ts";
import { makeTempDir } from "../../support/temp_dir.ts";
import { dumpTree, SUPER_PROPERTIES } from "../../support/tree_dump.ts";
import { backupJson, type CreatedJson } from "./backup_runs.ts";
import { inRange, KnownWrites, linesBelowLoad } from "./known_writes.ts";
import { SESSION_TIMEOUT_MS, superSession, treeOf } from "./restored_tree.ts";

testWith(
  ["java", "javaServer"],
  "backup create of a Java server that runs, restored for Java and for ours",
  async () => {
    const random = new SeededRandom(seedFrom("BACKUP_SEED"));
    using dir = makeTempDir();
    const repository = `${dir.path}/backups`;
    const options = {
      properties: SUPER_PROPERTIES,
      config: { snapCount: 60, maxSessionTimeout: SESSION_TIMEOUT_MS },
    };
    const created: CreatedJson[] = [];
    let writes: KnownWrites;
    {
      await using java = await ServerProcess.start("java", options);
      using client = await superSession(java.clientPort);
      writes = new KnownWrites(client, random);
      await writes.begin();
      for (let round = 0; round < 4; round++) {
        const [made] = await Promise.all([
          backupJson("create", "--to", repository, "--data-dir", java.dataDir, "--gzip"),
          writes.run(120),
        ]);
        created.push(made);
      }
      // of these, Java logs digests that it says itself do not match, and those of what is under way with them
      const ends = [create("/container", { flags: Flags.container }), setData("/load", "last")];
      for (const [i, end] of ends.entries()) {
        await client.sendBytes(
          requestFrame(create(`/container${i}`, { flags: Flags.container }), 9001),
        );
        await client.sendBytes(requestFrame(end, 9002));
        for (let reply = 0; reply < 2; reply++) await client.receiveFrame();
        await backupJson("create", "--to", repository, "--data-dir", java.dataDir);
      }
    }
    assert.equal((await backupJson("verify", repository)).isSound, true);
    const last = created.at(-1)!;
    const known = inRange(writes.states, last.range);
    for (const [i, { zxid, lines }] of [random.pick(known), random.pick(known)].entries()) {
      const to = `${dir.path}/restored-${i}`;
      const at = `0x${zxid.toString(16)}`;
      const restore = ["restore", repository, last.id, "--at", at, "--to", to];
      await backupJson(...restore);
      const where = `seed ${random.seed} at ${at}`;
      assert.deepEqual(await treeOf(to), lines, where);
      if (i > 0) continue;
      await backupJson(...restore, "--force");
      await using java = await ServerProcess.start("java", { ...options, dataDir: to });
      assert.deepEqual(linesBelowLoad(await dumpTree(java.clientPort)), lines, `Java, ${where}`);
    }
  },
);
