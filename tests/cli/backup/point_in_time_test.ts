import assert from "node:assert/strict";
import { InProcessServer } from "../../support/in_process_server.ts";
import { RawClient } from "../../support/raw_client.ts";
import { auth } from "../../support/requests.ts";
import { SeededRandom, seedFrom } from "../../support/seeded_random.ts";
import { makeTempDir } from "../../support/temp_dir.ts";
import { dumpTree, SUPER_PROPERTIES } from "../../support/tree_dump.ts";
import { purgeOldFiles } from "../../../net/purge.ts";
import { silentLogger } from "../../support/silent_logger.ts";
import { backupJson, type CreatedJson } from "./backup_runs.ts";
import { KnownWrites, linesBelowLoad } from "./known_writes.ts";

const SUPER = Object.entries(SUPER_PROPERTIES).map(([key, value]) => `${key}=${value}`);
const SESSION_TIMEOUT_MS = 600_000;

/** A session that outlives the test, so that its ephemerals are there when a server is started on what is restored. */
async function superSession(port: number): Promise<RawClient> {
  const client = await RawClient.session(port, { timeoutMs: SESSION_TIMEOUT_MS });
  await client.call(auth("digest", "super:secret"), -4);
  return client;
}

async function treeOf(dataDir: string): Promise<string[]> {
  await using server = await InProcessServer.start({
    dataDir,
    defines: SUPER,
    config: { maxSessionTimeout: SESSION_TIMEOUT_MS },
  });
  return linesBelowLoad(await dumpTree(server.clientPort));
}

function inRange({ states }: KnownWrites, range: { fromZxid: string; toZxid: string }) {
  const [from, to] = [parseInt(range.fromZxid, 16), parseInt(range.toZxid, 16)];
  return states.filter(({ zxid }) => zxid >= from && zxid <= to);
}

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
    const known = inRange(writes, range);
    for (const { zxid, lines } of [random.pick(known), random.pick(known)]) {
      const { tree, result } = await restored(id, "--at", `0x${zxid.toString(16)}`);
      assert.equal(result.snapshot, `snapshot.${zxid.toString(16)}`);
      assert.deepEqual(tree, lines, `seed ${random.seed}: ${id} at 0x${zxid.toString(16)}`);
    }
  }
  const timed = all.filter(({ zxid, timeMs }) =>
    !Number.isNaN(timeMs) && created.some(({ range }) => zxid > parseInt(range.fromZxid, 16))
  );
  for (let i = 0; i < 4; i++) {
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
