import assert from "node:assert/strict";
import type { FileSystem } from "../../core/ports.ts";
import { SnapshotWriter } from "../../core/storage/snapshot_writer.ts";
import type { SnapshotTree } from "../../core/storage/snapshot_tree.ts";
import { DataTree } from "../../core/tree/data_tree.ts";
import { EPOCH_LIMIT, makeZxid, type Zxid } from "../../core/zxid.ts";
import { openDataDir } from "../../net/data_dir.ts";
import { DatabaseRestore } from "../../net/database_restore.ts";
import { systemFiles } from "../../net/file_system.ts";
import { rest } from "../../net/rest.ts";
import { SnapshotFiles } from "../../net/snapshot_files.ts";
import { makeConfig } from "../fuzz/server_fixture.ts";
import { SeededRandom } from "../support/seeded_random.ts";
import { silentLogger as logger } from "../support/silent_logger.ts";
import { makeTempDir } from "../support/temp_dir.ts";

const CLOCK = { monotonicMs: () => 5000, wallMs: () => 1_700_000_000_000 };
/** Of the server that restores. */
const LAST_ZXID = 7;

Deno.test("DatabaseRestore ends the process when a snapshot that failed may be found at the next start", async () => {
  const failure = new Error("Input/output error (os error 5)");
  const failing: Partial<FileSystem> = {
    startDirectorySync: (_dir, done) => queueMicrotask(() => done(failure)),
  };
  const { error, calls, names } = await restored(snapshotOf(3), failing);
  assert.equal(error, failure);
  assert.ok(names.includes("snapshot.8"), names.join());
  assert.deepEqual(calls, [
    "suspend",
    "fatal: the snapshot to be restored may be on the disk, or not",
    "resume",
  ]);
});

Deno.test("DatabaseRestore goes on with the old database when a snapshot failed before it had its name", async () => {
  const failure = new Error("Input/output error (os error 5)");
  const failing: Partial<FileSystem> = {
    rename() {
      throw failure;
    },
  };
  const { error, calls, names } = await restored(snapshotOf(3), failing);
  assert.equal(error, failure);
  assert.deepEqual(names, []);
  assert.deepEqual(calls, ["suspend", "resume"]);
});

Deno.test("DatabaseRestore refuses zxids that leave no room for logs which can be read again", async () => {
  const { error, calls, names } = await restored(snapshotOf(makeZxid(EPOCH_LIMIT - 1, 0)));
  assert.match(String(error), /ends with zxid 0x1fffff00000000, and its epoch must be below/);
  assert.deepEqual([calls, names], [[], []]);
  const last = makeZxid(EPOCH_LIMIT - 2, 0xffff_ffff);
  assert.deepEqual((await restored(snapshotOf(last))).zxid, last);
});

async function restored(
  snapshot: Uint8Array<ArrayBuffer>,
  failing: Partial<FileSystem> = {},
): Promise<{ zxid: Zxid | null; error: unknown; calls: string[]; names: string[] }> {
  using dir = makeTempDir();
  const dirs = openDataDir({ dataDir: dir.path, dataLogDir: dir.path, autoCreate: true });
  const fileSystem = { ...systemFiles, ...failing };
  const files = new SnapshotFiles({
    ...{ dir: dirs.snapshotDir, compression: "none", withDigest: true, withLastZxid: true },
    ...{ logger, clock: CLOCK, fileSystem, rest },
  });
  const calls: string[] = [];
  let zxid: Zxid | null = null;
  const restore = new DatabaseRestore({
    ...{ config: makeConfig({ dataDir: dir.path }), dirs, logger, clock: CLOCK },
    ...{ random: new SeededRandom(1), fileSystem, rest },
    host: {
      suspend(_tree, zxidAfter) {
        calls.push("suspend");
        zxid = zxidAfter(LAST_ZXID);
        return Promise.resolve();
      },
      writeSnapshot: (tree: SnapshotTree, sessions) => files.write(tree, sessions, "eager"),
      reload: () => Promise.resolve(zxid!),
      resume: () => void calls.push("resume"),
      fatal: (message) => void calls.push(`fatal: ${message}`),
    },
  });
  const outcome = await restore.run(new Blob([snapshot]).stream()).then(
    (zxid) => ({ zxid, error: null }),
    (error: unknown) => ({ zxid: null, error }),
  );
  const names = [...Deno.readDirSync(dirs.snapshotDir)].map(({ name }) => name);
  return { ...outcome, calls, names };
}

/** Of an empty tree. */
function snapshotOf(zxid: Zxid): Uint8Array<ArrayBuffer> {
  const tree = new DataTree({
    ...{ digestEnabled: true, extendedTypes: true, emulate353Ttl: false },
    ...{ childrenCacheEntryCount: 10, hashSeed: 1 },
  });
  tree.finishLoad(zxid);
  tree.lastProcessedZxid = zxid;
  const sessions = new Map([[5n, 4000]]);
  const writer = new SnapshotWriter({ tree, sessions, withDigest: true, withLastZxid: true });
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  for (let piece = writer.next(4096); piece !== null; piece = writer.next(4096)) {
    pieces.push(piece.slice());
  }
  return Uint8Array.from(pieces.flatMap((piece) => [...piece]));
}
