import assert from "node:assert/strict";
import { testWith } from "../../support/prerequisites.ts";
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
    }
    assert.equal((await backupJson("verify", repository)).isSound, true);
    const last = created.at(-1)!;
    const known = inRange(writes.states, last.range);
    for (const [i, { zxid, lines }] of [random.pick(known), random.pick(known)].entries()) {
      const to = `${dir.path}/restored-${i}`;
      await backupJson(
        "restore",
        repository,
        last.id,
        "--at",
        `0x${zxid.toString(16)}`,
        "--to",
        to,
      );
      const where = `seed ${random.seed} at 0x${zxid.toString(16)}`;
      assert.deepEqual(await treeOf(to), lines, where);
      if (i > 0) continue;
      await backupJson(
        "restore",
        repository,
        last.id,
        "--at",
        `0x${zxid.toString(16)}`,
        "--to",
        to,
        "--force",
      );
      await using java = await ServerProcess.start("java", { ...options, dataDir: to });
      assert.deepEqual(linesBelowLoad(await dumpTree(java.clientPort)), lines, `Java, ${where}`);
    }
  },
);
