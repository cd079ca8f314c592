import assert from "node:assert/strict";
import { DataDirError } from "../../core/errors.ts";
import { systemFiles } from "../../net/file_system.ts";
import { rest } from "../../net/rest.ts";
import { SnapshotFiles } from "../../net/snapshot_files.ts";
import {
  concat,
  createTxn,
  dataTreeSubject,
  LinesLogger,
  logRecord,
  makeDirs,
  naiveSubject,
  recoverSubject,
  testClock,
} from "../model/storage_helpers.ts";
import { SeededRandom } from "../support/seeded_random.ts";
import { makeTempDir } from "../support/temp_dir.ts";

const TXN_COUNT = 40;
const ROUNDS = Number(Deno.env.get("FUZZ_ROUNDS") ?? 400);
const FIRST_SEED = Number(Deno.env.get("FUZZ_SEED") ?? 1);
const LOG_HEADER = Uint8Array.from([0x5a, 0x4b, 0x4c, 0x47, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0]);

Deno.test("recover() of files damaged at random refuses, or gives a state that once was", async () => {
  using temp = makeTempDir();
  const dirs = makeDirs(temp.path);
  const { files, digests } = await makeFiles(dirs.snapshotDir);
  let refusedCount = 0;
  for (let seed = FIRST_SEED; seed < FIRST_SEED + ROUNDS; seed++) {
    const below = belowOf(seed);
    for (const { name } of [...Deno.readDirSync(dirs.snapshotDir)]) {
      Deno.removeSync(`${dirs.snapshotDir}/${name}`);
    }
    const damaged = new Map(files);
    for (let i = 0; i <= below(3); i++) damageOne(damaged, below);
    for (const [name, bytes] of damaged) Deno.writeFileSync(`${dirs.snapshotDir}/${name}`, bytes);
    const subject = dataTreeSubject();
    try {
      const { lastProcessedZxid } = await recoverSubject(subject, dirs);
      assert.equal(subject.tree.lastProcessedZxid, lastProcessedZxid);
      assert.equal(subject.tree.treeDigest, digests[lastProcessedZxid]);
    } catch (error) {
      if (!(error instanceof DataDirError)) throw new Error(`FUZZ_SEED=${seed}`, { cause: error });
      refusedCount++;
    }
  }
  assert.ok(refusedCount < ROUNDS, "some damage is survived");
  if (ROUNDS >= 100) assert.ok(refusedCount > 0, "some damage is refused");
});

/** A history with three snapshots, of three kinds, and three logs; and the digest after each txn. */
async function makeFiles(dir: string) {
  const subject = naiveSubject();
  const digests = [subject.tree.treeDigest];
  const records: Uint8Array[] = [];
  const names = { 10: "none", 20: "gz", 30: "snappy" } as const;
  for (let zxid = 1; zxid <= TXN_COUNT; zxid++) {
    const txn = createTxn(`/n${zxid}`, `data ${zxid} `.repeat(zxid), zxid);
    const header = { sessionId: 0n, cxid: 0, zxid, timeMs: 1000 + zxid, type: 1 };
    subject.replay({ header, txn, digest: null });
    digests.push(subject.tree.treeDigest);
    records.push(logRecord(zxid, txn, { digest: { version: 2, treeDigest: digests[zxid]! } }));
    if (zxid !== 10 && zxid !== 20 && zxid !== 30) continue;
    const snapshots = new SnapshotFiles({
      dir,
      compression: names[zxid],
      withDigest: true,
      withLastZxid: true,
      logger: new LinesLogger(),
      clock: testClock,
      fileSystem: systemFiles,
      rest,
    });
    await snapshots.write(subject.tree, subject.sessions, "eager");
  }
  const files = new Map<string, Uint8Array>();
  for (const { name } of Deno.readDirSync(dir)) {
    files.set(name, Deno.readFileSync(`${dir}/${name}`));
  }
  const padding = new Uint8Array(500);
  files.set("log.1", concat([LOG_HEADER, ...records.slice(0, 12), padding]));
  files.set("log.d", concat([LOG_HEADER, ...records.slice(12, 25), padding]));
  files.set("log.1a", concat([LOG_HEADER, ...records.slice(25), padding]));
  return { files, digests };
}

/** Draws numbers from 0 to below a bound. */
function belowOf(seed: number): (bound: number) => number {
  const random = new SeededRandom(seed);
  return (bound) => random.uint32() % bound;
}

function damageOne(files: Map<string, Uint8Array>, below: (bound: number) => number): void {
  const names = [...files.keys()];
  if (names.length === 0) return;
  const name = names[below(names.length)]!;
  const bytes = files.get(name)!.slice();
  if (bytes.length === 0) return;
  const at = below(bytes.length);
  switch (below(6)) {
    case 0:
      files.delete(name);
      return;
    case 1:
      files.set(name, bytes.slice(0, at));
      return;
    case 2:
      bytes[at]! ^= 1 << below(8);
      break;
    case 3:
      bytes.fill(0, at);
      break;
    case 4:
      bytes.fill(below(256), at, at + 1 + below(40));
      break;
    case 5:
      bytes.copyWithin(at, below(bytes.length));
      break;
  }
  files.set(name, bytes);
}
