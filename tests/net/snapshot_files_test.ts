import assert from "node:assert/strict";
import type { SnapshotCompression } from "../../core/storage/file_names.ts";
import { SnapshotLoader } from "../../core/storage/snapshot_loader.ts";
import { type SnapshotTree, TreeClearedError } from "../../core/storage/snapshot_tree.ts";
import { DiskFullError } from "../../net/disk_full.ts";
import { systemFiles } from "../../net/file_system.ts";
import { rest } from "../../net/rest.ts";
import {
  looksWhole,
  readSnapshotFile,
  SnapshotAbandonedError,
  SnapshotFiles,
  type SnapshotFilesOptions,
} from "../../net/snapshot_files.ts";
import { NaiveTree } from "../model/naive_tree.ts";
import {
  createTxn,
  dataTreeSubject,
  LENGTH_MAX,
  LinesLogger,
  makeDirs,
  recoverSubject,
  type Subject,
  testClock,
} from "../model/storage_helpers.ts";
import { DiskRecorder } from "../support/disk_recorder.ts";
import { SmallDisk } from "../support/failing_files.ts";
import { makeTempDir } from "../support/temp_dir.ts";

function makeFiles(dir: string, options: Partial<SnapshotFilesOptions> = {}): SnapshotFiles {
  return new SnapshotFiles({
    dir,
    compression: "none",
    withDigest: true,
    withLastZxid: true,
    logger: new LinesLogger(),
    clock: testClock,
    fileSystem: systemFiles,
    rest,
    ...options,
  });
}

function populated(count: number): Subject {
  const subject = dataTreeSubject();
  for (let zxid = 1; zxid <= count; zxid++) apply(subject, zxid);
  subject.sessions.set(5n, 4000);
  return subject;
}

function apply(subject: Subject, zxid: number): void {
  subject.replay({
    header: { sessionId: 0n, cxid: 0, zxid, timeMs: zxid, type: 1 },
    txn: createTxn(`/n${zxid}`, `data of ${zxid} `.repeat(zxid % 17), zxid),
    digest: null,
  });
}

function namesIn(dir: string): string[] {
  return [...Deno.readDirSync(dir)].map(({ name }) => name).sort();
}

async function read(path: string): Promise<NaiveTree> {
  const tree = new NaiveTree();
  const loader = new SnapshotLoader({
    tree,
    sessions: tree.sessions,
    lengthMax: LENGTH_MAX,
    extendedTypes: true,
  });
  await readSnapshotFile({ path, loader, fileSystem: systemFiles, rest });
  return tree;
}

Deno.test("SnapshotFiles writes and reads all kinds of compression", async () => {
  const subject = populated(3000);
  for (const compression of ["none", "gz", "snappy"] as const) {
    using temp = makeTempDir();
    const written = await makeFiles(temp.path, { compression }).write(
      subject.tree,
      subject.sessions,
    );
    const suffix = compression === "none" ? "" : `.${compression}`;
    assert.equal(written.name, `snapshot.bb8${suffix}`);
    assert.deepEqual(namesIn(temp.path), [written.name]);
    const path = `${temp.path}/${written.name}`;
    assert.equal(Deno.statSync(path).size, written.bytes);
    assert.ok(looksWhole(path, systemFiles));
    const tree = await read(path);
    assert.equal(tree.treeDigest, subject.tree.treeDigest);
    assert.deepEqual(tree.sessions, subject.sessions);
  }
});

Deno.test("SnapshotFiles writes a tree that is written to, one snapshot at a time", async () => {
  using temp = makeTempDir();
  const dirs = makeDirs(temp.path);
  const subject = populated(2000);
  const files = makeFiles(dirs.snapshotDir);
  let zxid = 2000;
  const busy = setInterval(() => apply(subject, ++zxid));
  const writing = files.write(subject.tree, subject.sessions);
  assert.equal(files.isWriting, true);
  await assert.rejects(files.write(subject.tree, subject.sessions), /only one snapshot/);
  const written = await writing;
  clearInterval(busy);
  assert.equal(files.isWriting, false);
  assert.equal(written.zxid, 2000);
  const result = await recoverSubject(dataTreeSubject(), dirs);
  assert.equal(result.lastProcessedZxid, 2000);
});

Deno.test("SnapshotFiles leaves nothing behind when the disk is full, and ends its walk", async () => {
  const subject = populated(3000);
  for (const compression of ["none", "gz", "snappy"] as const) {
    for (const room of [0, 1, 3000]) {
      using temp = makeTempDir();
      const logger = new LinesLogger();
      const { tree, endCount } = countingEnds(subject.tree);
      const files = makeFiles(temp.path, {
        compression,
        logger,
        fileSystem: new SmallDisk(room).files,
      });
      await assert.rejects(files.write(tree, subject.sessions), DiskFullError);
      assert.deepEqual(namesIn(temp.path), []);
      assert.equal(endCount(), 1);
      assert.equal(files.isWriting, false);
      assert.deepEqual(logger.lines, ["error no snapshot written: the disk is full"]);
    }
  }
});

Deno.test("SnapshotFiles gives a snapshot its name when it is durable, and makes that durable too", async () => {
  const subject = populated(50);
  for (const [compression, suffix] of [["none", ""], ["gz", ".gz"], ["snappy", ".snappy"]]) {
    using temp = makeTempDir();
    using recorder = new DiskRecorder(temp.path);
    const files = makeFiles(temp.path, { compression: compression as SnapshotCompression });
    await files.write(subject.tree, subject.sessions);
    const name = `snapshot.32${suffix}`;
    assert.deepEqual(recorder.take(), [
      `sync ${name}.tmp`,
      `rename ${name}.tmp to ${name}`,
      "sync .",
    ]);
  }
});

Deno.test("SnapshotFiles gives up when it is stopped", async () => {
  using temp = makeTempDir();
  const subject = populated(100);
  const files = makeFiles(temp.path);
  const writing = files.write(subject.tree, subject.sessions);
  files.stop();
  await assert.rejects(writing, /we are stopping/);
  assert.deepEqual(namesIn(temp.path), []);
});

Deno.test("SnapshotFiles.abandon() gives up the snapshot under way, and no later one", async () => {
  using temp = makeTempDir();
  const subject = populated(100);
  const files = makeFiles(temp.path);
  await files.abandon(); // there is none
  const writing = assert.rejects(
    files.write(subject.tree, subject.sessions),
    SnapshotAbandonedError,
  );
  await files.abandon();
  assert.equal(files.isWriting, false);
  assert.deepEqual(namesIn(temp.path), []);
  await writing;
  await files.write(subject.tree, subject.sessions);
  assert.deepEqual(namesIn(temp.path), ["snapshot.64"]);
});

Deno.test("SnapshotFiles leaves no snapshot of a tree that was cleared under it", async () => {
  using temp = makeTempDir();
  const subject = populated(20000);
  const writing = makeFiles(temp.path).write(subject.tree, subject.sessions);
  subject.tree.resetToEmptyDatabase();
  await assert.rejects(writing, TreeClearedError);
  assert.deepEqual(namesIn(temp.path), []);
});

Deno.test("A crash while a snapshot is written costs nothing", async () => {
  using temp = makeTempDir();
  const dirs = makeDirs(temp.path);
  const subject = populated(50);
  const files = makeFiles(dirs.snapshotDir);
  await files.write(subject.tree, subject.sessions);
  const whole = Deno.readFileSync(`${dirs.snapshotDir}/snapshot.32`);
  for (let length = 0; length <= whole.length; length += 211) {
    // what the disk holds at any moment before the rename
    Deno.writeFileSync(`${dirs.snapshotDir}/snapshot.40.tmp`, whole.subarray(0, length));
    const result = await recoverSubject(dataTreeSubject(), dirs);
    assert.equal(result.snapshot?.name, "snapshot.32");
    assert.equal(result.lastProcessedZxid, 50);
    assert.deepEqual(namesIn(dirs.snapshotDir), ["snapshot.32"]);
  }
});

Deno.test("looksWhole() sorts out what a crash leaves under a snapshot's name", () => {
  using temp = makeTempDir();
  const end = [0, 0, 0, 1, 0x2f];
  const cases = [
    { name: "snapshot.1", bytes: [], whole: false },
    { name: "snapshot.1", bytes: end, whole: false }, // shorter than ten bytes
    { name: "snapshot.1", bytes: [1, 2, 3, 4, 5, ...end], whole: true },
    { name: "snapshot.1", bytes: [1, 2, 3, 4, 5, ...end, 0], whole: false },
    { name: "snapshot.1.gz", bytes: [0x1f, 0x8b], whole: true },
    { name: "snapshot.1.gz", bytes: [0x1f], whole: false },
    {
      name: "snapshot.1.snappy",
      bytes: [0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0],
      whole: true,
    },
    { name: "snapshot.1.snappy", bytes: [0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59], whole: false },
  ];
  for (const { name, bytes, whole } of cases) {
    const path = `${temp.path}/${name}`;
    Deno.writeFileSync(path, Uint8Array.from(bytes));
    assert.equal(looksWhole(path, systemFiles), whole, `${name} ${bytes}`);
  }
});

function countingEnds(tree: SnapshotTree): { tree: SnapshotTree; endCount: () => number } {
  let count = 0;
  const counting: SnapshotTree = Object.create(tree, {
    lastProcessedZxid: { get: () => tree.lastProcessedZxid },
    treeDigest: { get: () => tree.treeDigest },
  });
  counting.aclEntries = () => tree.aclEntries();
  counting.beginSnapshot = () => tree.beginSnapshot();
  counting.writeSnapshotNodes = (...args) => tree.writeSnapshotNodes(...args);
  counting.endSnapshot = (cursor) => {
    count++;
    tree.endSnapshot(cursor);
  };
  return { tree: counting, endCount: () => count };
}
