import assert from "node:assert/strict";
import { SnapshotWriter } from "../../core/storage/snapshot_writer.ts";
import type { Txn } from "../../core/txn/txn.ts";
import { makeZxid } from "../../core/zxid.ts";
import type { DataDir } from "../../net/data_dir.ts";
import { recover, type RecoveryOptions } from "../../net/recovery.ts";
import { removeReplacedFiles, truncate } from "../../net/truncation.ts";
import {
  concat,
  createTxn,
  dataTreeSubject,
  logRecord,
  makeDirs,
  makeSubjects,
  recoverSubject,
  recoveryOptions,
  snapshotBytes,
  type Subject,
  viewOf,
  writeSnapshotsAsJava,
} from "../model/storage_helpers.ts";
import { SimDisk } from "../sim/sim_disk.ts";
import { SeededRandom } from "../support/seeded_random.ts";
import { makeTempDir } from "../support/temp_dir.ts";

const TRUNC = new URL("../testdata/trunc/", import.meta.url).pathname;
const LOG_HEADER = Uint8Array.from([0x5a, 0x4b, 0x4c, 0x47, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0]);
const COMMITTED = 0x100000021;

function copied(name: string, root: string): DataDir {
  const dirs = makeDirs(root);
  const from = `${TRUNC}${name}/version-2`;
  for (const file of Deno.readDirSync(from)) {
    Deno.copyFileSync(`${from}/${file.name}`, `${dirs.snapshotDir}/${file.name}`);
  }
  return dirs;
}

function filesIn(dir: string): Map<string, Uint8Array> {
  const names = [...Deno.readDirSync(dir)].map(({ name }) => name).sort();
  return new Map(names.map((name) => [name, Deno.readFileSync(`${dir}/${name}`)]));
}

function dataNames(dir: string): string[] {
  return [...filesIn(dir).keys()].filter((name) => !name.endsWith("Epoch"));
}

function apply(subject: Subject, zxid: number, txn: Txn): void {
  const header = { sessionId: 0n, cxid: 0, zxid, timeMs: 1000 + zxid, type: 1 };
  subject.replay({ header, txn, digest: null });
}

/** What the members of a history hold: a znode a txn, with logs and snapshots as asked for. */
class History {
  readonly files = new Map<string, Uint8Array>();
  readonly #subject = dataTreeSubject();
  readonly #digests = new Map<number, bigint>();

  /** @param logs the zxids in each log, named after the first */
  constructor(
    { logs, snapshots }: { logs: readonly (readonly number[])[]; snapshots: readonly number[] },
  ) {
    this.#take(0, snapshots);
    for (const zxids of logs) {
      const records = zxids.map((zxid) => {
        const txn = createTxn(`/n${zxid}`, "x".repeat(zxid % 50), this.#digests.size);
        apply(this.#subject, zxid, txn);
        this.#take(zxid, snapshots);
        return logRecord(zxid, txn);
      });
      const bytes = concat([LOG_HEADER, ...records, new Uint8Array(500)]);
      this.files.set(`log.${zxids[0]!.toString(16)}`, bytes);
    }
  }

  digestAt(zxid: number): bigint {
    return this.#digests.get(zxid)!;
  }

  write(dirs: DataDir): void {
    for (const [name, bytes] of this.files) Deno.writeFileSync(`${dirs.logDir}/${name}`, bytes);
  }

  #take(zxid: number, snapshots: readonly number[]): void {
    this.#digests.set(zxid, this.#subject.tree.treeDigest);
    if (!snapshots.includes(zxid)) return;
    this.files.set(`snapshot.${zxid.toString(16)}`, concat(snapshotBytes(this.#subject)));
  }
}

Deno.test("truncate() leaves what a Java server leaves of a log with uncommitted txns", async () => {
  using before = makeTempDir();
  using after = makeTempDir();
  const committed = dataTreeSubject();
  await recoverSubject(committed, copied("1-before", before.path));
  const javaFiles = filesIn(copied("3-after-trunc-0x100000021", after.path).logDir);
  for (const subject of makeSubjects()) {
    using temp = makeTempDir();
    const dirs = copied("2-with-uncommitted", temp.path);
    await recoverSubject(subject, dirs);
    assert.equal(subject.tree.lastProcessedZxid, 0x100000024);
    const result = await truncate({ zxid: COMMITTED, recovery: recoveryOptions(subject, dirs) });
    assert.ok(result.kind === "done");
    assert.equal(result.recovered.lastProcessedZxid, COMMITTED);
    assert.deepEqual(viewOf(subject).nodes, viewOf(committed).nodes);
    assert.deepEqual(subject.sessions, committed.sessions);
    assert.deepEqual(filesIn(dirs.logDir).get("log.100000001"), javaFiles.get("log.100000001"));
  }
});

Deno.test("truncate() removes a snapshot with uncommitted txns, which a Java server serves (ZOOKEEPER-1549)", async () => {
  using before = makeTempDir();
  const committed = dataTreeSubject();
  await recoverSubject(committed, copied("1-before", before.path));
  using temp = makeTempDir();
  const dirs = copied("4-dirty-snapshot", temp.path);
  const subject = dataTreeSubject();
  await recoverSubject(subject, dirs);
  assert.ok(viewOf(subject).nodes.has("/uncommitted0"));
  const result = await truncate({ zxid: COMMITTED, recovery: recoveryOptions(subject, dirs) });
  assert.equal(result.kind, "done");
  assert.deepEqual(viewOf(subject).nodes, viewOf(committed).nodes);
  assert.deepEqual(dataNames(dirs.logDir), ["log.100000001", "snapshot.0"]);
  await recoverSubject(subject, dirs); // the next start
  assert.equal(subject.tree.lastProcessedZxid, COMMITTED);
  assert.equal(subject.tree.treeDigest, committed.tree.treeDigest);
});

Deno.test("truncate() removes a fuzzy snapshot that reaches past its name (ZOOKEEPER-1549)", async () => {
  for (const withDigest of [true, false]) {
    const history = new History({ logs: [[1, 2, 3, 4, 5, 6, 7]], snapshots: [0, 2] });
    const subject = dataTreeSubject();
    writeSnapshotsAsJava(subject.tree as Parameters<typeof writeSnapshotsAsJava>[0]);
    for (let zxid = 1; zxid <= 4; zxid++) {
      apply(subject, zxid, createTxn(`/n${zxid}`, "x".repeat(zxid), zxid));
    }
    const writer = new SnapshotWriter({ ...subject, withDigest, withLastZxid: true });
    const slices = [writer.next(1)!.slice()];
    apply(subject, 5, createTxn("/n5", "x".repeat(5), 5));
    apply(subject, 6, createTxn("/n6", "x".repeat(6), 6));
    for (let slice = writer.next(1e6); slice !== null; slice = writer.next(1e6)) {
      slices.push(slice.slice());
    }
    writer.close();
    history.files.set("snapshot.4", concat(slices));
    for (const { zxid, stays } of [{ zxid: 5, stays: false }, { zxid: 6, stays: true }]) {
      using temp = makeTempDir();
      const dirs = makeDirs(temp.path);
      history.write(dirs);
      const loaded = dataTreeSubject();
      const result = await truncate({ zxid, recovery: recoveryOptions(loaded, dirs) });
      assert.equal(result.kind, "done");
      assert.equal(loaded.tree.treeDigest, history.digestAt(zxid), `${withDigest} ${zxid}`);
      assert.equal(dataNames(dirs.logDir).includes("snapshot.4"), stays, `${withDigest} ${zxid}`);
      assert.ok(dataNames(dirs.logDir).includes("snapshot.2"));
    }
  }
});

Deno.test("truncate() keeps just what is at or before the target, whatever the files", async () => {
  const e2 = makeZxid(2, 0);
  const logs = [[1, 2, 3], [4, 5], [e2 + 1, e2 + 2], [e2 + 3]];
  const cases: { snapshots: number[]; zxid: number; names: string[]; last?: number }[] = [
    { snapshots: [0], zxid: 2, names: ["log.1", "snapshot.0"] },
    { snapshots: [0, 4], zxid: 3, names: ["log.1", "snapshot.0"] },
    { snapshots: [0, 4], zxid: 4, names: ["log.1", "log.4", "snapshot.0", "snapshot.4"] },
    { snapshots: [3, e2 + 1], zxid: 3, names: ["log.1", "snapshot.3"] },
    { snapshots: [], zxid: 5, names: ["log.1", "log.4"] }, // from the first txn on
    { snapshots: [0], zxid: e2, names: ["log.1", "log.4", "snapshot.0"], last: 5 },
    {
      snapshots: [0],
      zxid: e2 + 3, // nothing to take back
      names: ["log.1", "log.4", "log.200000001", "log.200000003", "snapshot.0"].sort(),
    },
  ];
  for (const { snapshots, zxid, names, last = zxid } of cases) {
    using temp = makeTempDir();
    const dirs = makeDirs(temp.path);
    const history = new History({ logs, snapshots });
    history.write(dirs);
    const subject = dataTreeSubject();
    const result = await truncate({ zxid, recovery: recoveryOptions(subject, dirs) });
    assert.ok(result.kind === "done", `${zxid}`);
    assert.equal(result.recovered.lastProcessedZxid, zxid);
    assert.equal(subject.tree.lastProcessedZxid, zxid);
    assert.equal(subject.tree.treeDigest, history.digestAt(last));
    assert.deepEqual(dataNames(dirs.logDir), names);
    assert.equal((await recoverSubject(subject, dirs)).lastProcessedZxid, last);
  }
});

Deno.test("truncate() asks for a snapshot, and touches nothing, where there is no way to the target", async () => {
  const e2 = makeZxid(2, 0);
  const cases: { logs: number[][]; snapshots: number[]; zxid: number; reason: RegExp }[] = [
    { logs: [[5, 6, 7]], snapshots: [6], zxid: 5, reason: /no snapshot ends at or before 0x5/ },
    { logs: [], snapshots: [6], zxid: 5, reason: /no snapshot/ },
    { logs: [[1, 2, e2 + 1]], snapshots: [0], zxid: 3, reason: /txn 0x3 is in no log/ },
    { logs: [[1, 2], [5, 6, 7]], snapshots: [0, 5], zxid: 2, reason: /in no file/ },
    { logs: [[1, 2]], snapshots: [0], zxid: 3, reason: /txn 0x3 is in no log/ },
  ];
  for (const { logs, snapshots, zxid, reason } of cases) {
    using temp = makeTempDir();
    const dirs = makeDirs(temp.path);
    new History({ logs, snapshots }).write(dirs);
    const before = filesIn(dirs.logDir);
    const recovery = recoveryOptions(dataTreeSubject(), dirs);
    const result = await truncate({ zxid, recovery });
    assert.ok(result.kind === "needsSnapshot", `${zxid}`);
    assert.match(result.reason, reason);
    assert.deepEqual(filesIn(dirs.logDir), before);
  }
});

Deno.test("truncate() passes over a damaged snapshot, as recovery does", async () => {
  const history = new History({ logs: [[1, 2, 3, 4]], snapshots: [0, 2] });
  history.files.get("snapshot.2")![60]! ^= 1;
  using temp = makeTempDir();
  const dirs = makeDirs(temp.path);
  history.write(dirs);
  const subject = dataTreeSubject();
  const result = await truncate({ zxid: 3, recovery: recoveryOptions(subject, dirs) });
  assert.equal(result.kind, "done");
  assert.equal(subject.tree.treeDigest, history.digestAt(3));
});

Deno.test("truncate() fails when a file cannot be removed or cut (ZOOKEEPER-3701)", async () => {
  for (const name of ["remove", "open", "syncDirectory"] as const) {
    using temp = makeTempDir();
    const dirs = makeDirs(temp.path);
    new History({ logs: [[1, 2], [3, 4]], snapshots: [0, 4] }).write(dirs);
    const recovery = recoveryOptions(dataTreeSubject(), dirs);
    const { fileSystem } = recovery;
    const fail = () => {
      throw new Error("Read-only file system (os error 30)");
    };
    const broken = {
      ...fileSystem,
      [name]: name !== "open"
        ? fail
        : (...[path, mode]: Parameters<typeof fileSystem.open>) =>
          mode === "change" ? fail() : fileSystem.open(path, mode),
    };
    await assert.rejects(
      truncate({ zxid: 1, recovery: { ...recovery, fileSystem: broken } }),
      /os error 30/,
    );
  }
});

Deno.test("A crash at any point of truncate() leaves the beginning of what was, at least to the target", async () => {
  const history = new History({ logs: [[1, 2, 3, 4], [5, 6], [7, 8]], snapshots: [0, 3, 6, 8] });
  const dirs: DataDir = { dataDir: "/d", dataLogDir: "/l", snapshotDir: "/d/v", logDir: "/l/v" };
  const seen = new Set<number>();
  for (const zxid of [3, 4, 5]) {
    for (let seed = 1; seed <= 60; seed++) {
      const random = new SeededRandom(seed);
      const disk = new SimDisk({ random, schedule: (_, run) => queueMicrotask(run) });
      for (const dir of Object.values(dirs)) disk.makeDirectory(dir);
      for (const [name, bytes] of history.files) {
        disk.put(`${name.startsWith("log") ? dirs.logDir : dirs.snapshotDir}/${name}`, bytes);
      }
      const fresh = () => {
        const subject = dataTreeSubject();
        const ports = { fileSystem: disk, rest: () => Promise.resolve() };
        return { ...subject, recovery: { ...recoveryOptions(subject, dirs), ...ports } };
      };
      const { recovery } = fresh();
      const isDone = await truncate({
        zxid,
        recovery: { ...recovery, fileSystem: cutAfter(disk, seed % 20) },
      }).then(() => true, (error) => {
        assert.match(error.message, /power is gone/);
        return false;
      });
      disk.crash();
      const after = fresh();
      const { lastProcessedZxid } = await recover(after.recovery);
      assert.ok(lastProcessedZxid >= zxid, `seed ${seed}: to ${zxid}, left ${lastProcessedZxid}`);
      assert.equal(after.tree.treeDigest, history.digestAt(lastProcessedZxid), `seed ${seed}`);
      if (isDone) assert.equal(lastProcessedZxid, zxid, `seed ${seed}: for good`);
      seen.add(lastProcessedZxid - zxid);
      const again = fresh();
      const result = await truncate({ zxid, recovery: again.recovery });
      assert.equal(result.kind, "done", `seed ${seed}`);
      assert.equal(again.tree.treeDigest, history.digestAt(zxid), `seed ${seed}`);
    }
  }
  assert.ok(seen.has(0) && seen.size >= 4, `${[...seen]}`);
});

Deno.test("removeReplacedFiles() leaves the one snapshot that replaced all", async () => {
  using temp = makeTempDir();
  const dirs = makeDirs(temp.path);
  const history = new History({ logs: [[1, 2, 3], [4, 5]], snapshots: [0, 2, 4, 5] });
  history.write(dirs);
  const subject = dataTreeSubject();
  removeReplacedFiles({ keep: "snapshot.2", recovery: recoveryOptions(subject, dirs) });
  assert.deepEqual(dataNames(dirs.logDir), ["snapshot.2"]);
  await recoverSubject(subject, dirs);
  assert.equal(subject.tree.treeDigest, history.digestAt(2));
});

/** A disk whose power goes before the change of that number. */
function cutAfter(disk: SimDisk, changeCount: number): RecoveryOptions["fileSystem"] {
  const count = () => {
    if (changeCount-- <= 0) throw new Error("The power is gone");
  };
  return {
    namesIn: (dir) => disk.namesIn(dir),
    rename: (from, to) => disk.rename(from, to),
    startDirectorySync: (dir, done) => disk.startDirectorySync(dir, done),
    remove(path) {
      if (path.endsWith("initialize")) return disk.remove(path);
      count();
      return disk.remove(path);
    },
    syncDirectory(dir) {
      count();
      disk.syncDirectory(dir);
    },
    open(path, mode) {
      const file = disk.open(path, mode);
      if (mode !== "change") return file;
      return Object.create(file, {
        truncate: {
          value: (sizeBytes: number) => {
            count();
            file.truncate(sizeBytes);
          },
        },
        sync: {
          value: () => {
            count();
            file.sync();
          },
        },
        close: { value: () => file.close() },
      });
    },
  };
}
