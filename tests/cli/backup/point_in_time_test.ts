import assert from "node:assert/strict";
import { InProcessServer } from "../../support/in_process_server.ts";
import { SeededRandom, seedFrom } from "../../support/seeded_random.ts";
import { makeTempDir } from "../../support/temp_dir.ts";
import { purgeOldFiles } from "../../../net/purge.ts";
import { silentLogger } from "../../support/silent_logger.ts";
import { backupJson, type CreatedJson } from "./backup_runs.ts";
import { inRange, KnownWrites } from "./known_writes.ts";
import { SESSION_TIMEOUT_MS, SUPER, superSession, treeOf } from "./restored_tree.ts";

Deno.test("backup restore writes the whole tree as it was after any txn, and at any time", async () => {
  const random = new SeededRandom(seedFrom("BACKUP_SEED"));
  using dir = makeTempDir();
  const repository = `${dir.path}/backups`;
  await using server = await InProcessServer.start({
    defines: SUPER,
    config: { snapCount: 60, maxSessionTimeout: SESSION_TIMEOUT_MS },
  });
  using client = await superSession(server.clientPort);
  const writes = new KnownWrites(client, random);
  await writes.begin();
  const created: CreatedJson[] = [];
  const version2 = `${server.dataDir}/version-2`;
  for (let round = 0; round < 5; round++) {
    const [, , made] = await Promise.all([
      writes.run(120),
      round < 2 ? [] : purgeOldFiles({
        ...{ snapshotDir: version2, logDir: version2, retainCount: 3, logger: silentLogger },
      }),
      backupJson("create", "--to", repository, "--data-dir", server.dataDir),
    ]);
    created.push(made);
  }
  created.push(await backupJson("create", "--to", repository, "--data-dir", server.dataDir));
  const verified = await backupJson("verify", repository);
  assert.equal(verified.isSound, true);
  assert.equal(verified.backups.length, created.length);
  const all = writes.states;
  assert.equal(created.at(-1)!.range.toZxid, `0x${all.at(-1)!.zxid.toString(16)}`);

  let restoreCount = 0;
  const restored = async (...args: string[]) => {
    const to = `${dir.path}/restored-${restoreCount++}`;
    const result = await backupJson("restore", repository, ...args, "--to", to);
    return { result, tree: await treeOf(to) };
  };
  for (const { id, range } of created) {
    const known = inRange(writes.states, range);
    for (const { zxid, lines } of [random.pick(known)]) {
      const { tree, result } = await restored(id, "--at", `0x${zxid.toString(16)}`);
      assert.equal(result.snapshot, `snapshot.${zxid.toString(16)}`);
      assert.deepEqual(tree, lines, `seed ${random.seed}: ${id} at 0x${zxid.toString(16)}`);
    }
  }
  const timed = all.filter(({ zxid, timeMs }) =>
    !Number.isNaN(timeMs) && created.some(({ range }) => zxid > parseInt(range.fromZxid, 16))
  );
  for (let i = 0; i < 3; i++) {
    const { timeMs } = random.pick(timed);
    const at = new Date(timeMs).toISOString();
    const { tree, result } = await restored("--at", at);
    const expected = all.findLast((state) => state.timeMs <= timeMs)!;
    // a txn without a time of its own may follow in the same millisecond
    const known = all.find(({ zxid }) => zxid === parseInt(result.zxid, 16))!;
    assert.ok(known.zxid >= expected.zxid, `${at}: ${result.zxid}`);
    const later = all.find(({ timeMs: other }) => other > timeMs);
    assert.ok(later === undefined || known.zxid < later.zxid, `${at}: ${result.zxid}`);
    assert.deepEqual(tree, known.lines, `seed ${random.seed}: ${at}`);
  }
});
