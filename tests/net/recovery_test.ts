import assert from "node:assert/strict";
import { DataDirError } from "../../core/errors.ts";
import type { SnapshotCompression } from "../../core/storage/file_names.ts";
import type { Txn } from "../../core/txn/txn.ts";
import type { DataDir } from "../../net/data_dir.ts";
import { systemFiles } from "../../net/file_system.ts";
import { recover } from "../../net/recovery.ts";
import { rest } from "../../net/rest.ts";
import { SnapshotFiles } from "../../net/snapshot_files.ts";
import { NaiveTree, nodeDigest } from "../model/naive_tree.ts";
import {
  concat,
  createTxn,
  dataTreeSubject,
  LinesLogger,
  logRecord,
  makeDirs,
  makeSubjects,
  naiveSubject,
  recoverSubject,
  recoveryOptions,
  snapshotBytes,
  type Subject,
  testClock,
  viewOf,
} from "../model/storage_helpers.ts";
import { makeTempDir } from "../support/temp_dir.ts";

const TESTDATA = new URL("../testdata/", import.meta.url).pathname;
const LOG_HEADER = Uint8Array.from([0x5a, 0x4b, 0x4c, 0x47, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0]);

interface TreeFile {
  lastProcessedZxid: string;
  treeDigest: { value: string };
  sessions: Record<string, number>;
  nodes: Record<string, NodeFile>;
}
interface NodeFile {
  data: string | null;
  acl: { perms: number; id: { scheme: string; id: string } }[];
  persisted: Record<string, string | number>;
  digest: number;
}

function copyDir(from: string, to: string): void {
  for (const { name } of Deno.readDirSync(from)) {
    Deno.copyFileSync(`${from}/${name}`, `${to}/${name}`);
  }
}

function readTree(name: string): TreeFile {
  return JSON.parse(Deno.readTextFileSync(`${TESTDATA}${name}/tree.json`));
}

function writeLog(dirs: DataDir, name: string, records: Uint8Array[]): void {
  Deno.writeFileSync(`${dirs.logDir}/${name}`, concat([LOG_HEADER, ...records]));
}

function hex(zxid: number): string {
  return `0x${zxid.toString(16)}`;
}

/** Compares a recovered tree, znode by znode, with what a Java server said it holds. */
function assertHolds(subject: Subject, expected: TreeFile): void {
  const view = viewOf(subject);
  assert.equal(hex(subject.tree.lastProcessedZxid), expected.lastProcessedZxid, subject.name);
  assert.equal(subject.tree.treeDigest, BigInt(expected.treeDigest.value), subject.name);
  const sessions = Object.entries(expected.sessions);
  assert.deepEqual(
    [...subject.sessions].map(([id, ms]) => [`0x${id.toString(16)}`, ms]).sort(),
    sessions.sort(),
  );
  const paths = Object.keys(expected.nodes).map((path) => path === "/" ? "" : path);
  assert.deepEqual([...view.nodes.keys()].sort(), paths.sort(), subject.name);
  for (const [path, want] of Object.entries(expected.nodes)) {
    const node = view.nodes.get(path === "/" ? "" : path)!;
    assert.equal(node.data?.toHex() ?? null, want.data, path);
    assert.deepEqual(node.acl.entries, want.acl, path);
    assert.deepEqual(
      {
        czxid: hex(node.czxid),
        mzxid: hex(node.mzxid),
        ctime: node.ctime,
        mtime: node.mtime,
        version: node.version,
        cversion: node.cversion,
        aversion: node.aversion,
        ephemeralOwner: `0x${BigInt.asUintN(64, node.owner).toString(16)}`,
        pzxid: hex(node.pzxid),
      },
      want.persisted,
      path,
    );
    assert.equal(nodeDigest(path === "/" ? "" : path, node), want.digest, path);
  }
}

Deno.test("recover() loads a Java server's directory with a log directory of its own", async () => {
  for (const subject of makeSubjects()) {
    using temp = makeTempDir();
    const dirs = makeDirs(temp.path, { separateLogs: true });
    copyDir(`${TESTDATA}standalone/data/version-2`, dirs.snapshotDir);
    copyDir(`${TESTDATA}standalone/datalog/version-2`, dirs.logDir);
    const result = await recoverSubject(subject, dirs);
    assertHolds(subject, readTree("standalone"));
    assert.equal(result.snapshot?.name, "snapshot.57");
    assert.equal(result.txnCount, 3);
    assert.equal(result.digestMismatchCount, 0);
    assert.deepEqual(result.logs, ["log.45", "log.58"]);
    assert.equal(result.needsSnapshot, true);
  }
});

Deno.test("recover() replays a Java server's directory from any of its snapshots, and from none", async () => {
  const cases = [
    { without: ["snapshot.57"], txnCount: 0x5a - 0x44 },
    { without: ["snapshot.57", "snapshot.44"], txnCount: 0x5a },
    { without: ["snapshot.57", "snapshot.44", "snapshot.0"], txnCount: 0x5a },
  ];
  for (const { without, txnCount } of cases) {
    for (const subject of makeSubjects()) {
      using temp = makeTempDir();
      const dirs = makeDirs(temp.path);
      copyDir(`${TESTDATA}standalone/data/version-2`, dirs.snapshotDir);
      copyDir(`${TESTDATA}standalone/datalog/version-2`, dirs.logDir);
      for (const name of without) Deno.removeSync(`${dirs.snapshotDir}/${name}`);
      const result = await recoverSubject(subject, dirs);
      assertHolds(subject, readTree("standalone"));
      assert.equal(result.txnCount, txnCount);
      assert.equal(result.digestMismatchCount, 0);
    }
  }
});

Deno.test("recover() loads a Java server's compressed snapshots", async () => {
  for (const name of ["snapshot.5a.gz", "snapshot.5a.snappy"]) {
    for (const subject of makeSubjects()) {
      using temp = makeTempDir();
      const dirs = makeDirs(temp.path);
      Deno.copyFileSync(`${TESTDATA}snapshots-compressed/${name}`, `${dirs.snapshotDir}/${name}`);
      const result = await recoverSubject(subject, dirs);
      assertHolds(subject, readTree("standalone"));
      assert.equal(result.snapshot?.bytes, 10669);
      assert.equal(result.needsSnapshot, false);
    }
  }
});

Deno.test("recover() loads records and snapshots of old versions, without digests", async () => {
  for (const subject of makeSubjects()) {
    using temp = makeTempDir();
    const dirs = makeDirs(temp.path);
    copyDir(`${TESTDATA}old-format/version-2`, dirs.snapshotDir);
    await recoverSubject(subject, dirs);
    assertHolds(subject, readTree("old-format"));
  }
});

Deno.test("recover() tells the digest of a closeSession without a list from a list", async () => {
  const close: Txn = { kind: "closeSession", paths: null };
  const session = { type: -10, sessionId: 7n };
  for (const treeDigest of [0n, 1371985504n, 0x3_1234_5678n]) {
    using temp = makeTempDir();
    const dirs = makeDirs(temp.path);
    writeLog(dirs, "log.1", [
      logRecord(1, { kind: "createSession", timeoutMs: 5000 }, session),
      logRecord(2, { ...createTxn("/e"), ephemeral: true } as Txn, { sessionId: 7n }),
      logRecord(3, close, { type: -11, sessionId: 7n, digest: { version: 2, treeDigest } }),
    ]);
    for (const subject of makeSubjects()) {
      await recoverSubject(subject, dirs, { digestEnabled: false });
      assert.equal(subject.sessions.size, 0);
      assert.ok(!viewOf(subject).nodes.has("/e"));
    }
  }
});

Deno.test("recover() makes a fuzzy snapshot exact", async () => {
  const expected = JSON.parse(Deno.readTextFileSync(`${TESTDATA}fuzzy/tree.json`));
  for (const subject of makeSubjects()) {
    using temp = makeTempDir();
    const dirs = makeDirs(temp.path);
    copyDir(`${TESTDATA}fuzzy/version-2`, dirs.snapshotDir);
    const result = await recoverSubject(subject, dirs);
    assert.equal(result.snapshot?.name, "snapshot.62f");
    assert.equal(result.digestMismatchCount, 0, subject.name);
    assert.equal(hex(result.lastProcessedZxid), expected.lastProcessedZxid);
    assert.equal(subject.tree.treeDigest, BigInt(expected.treeDigest.value), subject.name);
    const view = viewOf(subject);
    assert.equal(view.nodes.size, Object.keys(expected.nodes).length);
    for (const [path, fields] of Object.entries<(string | number)[]>(expected.nodes)) {
      const node = view.nodes.get(path === "/" ? "" : path)!;
      const values: Record<string, unknown> = {
        data: node.data?.toHex() ?? null,
        czxid: hex(node.czxid),
        mzxid: hex(node.mzxid),
        pzxid: hex(node.pzxid),
        ctime: node.ctime,
        mtime: node.mtime,
        version: node.version,
        cversion: node.cversion,
        aversion: node.aversion,
        ephemeralOwner: `0x${node.owner.toString(16)}`,
      };
      for (const [i, field] of (expected.nodeFields as string[]).entries()) {
        if (field in values) assert.equal(values[field], fields[i], `${path} ${field}`);
      }
      const acl = expected.acls[fields[expected.nodeFields.indexOf("acl")] as number];
      if (acl !== undefined) assert.deepEqual(node.acl.entries, acl, path);
    }
  }
});

Deno.test("recover() does with each torn log what a Java server does", async () => {
  const { variants } = JSON.parse(Deno.readTextFileSync(`${TESTDATA}torn-log/expected.json`));
  for (
    const [name, { opens, lastZxid }] of Object.entries<{ opens: boolean; lastZxid?: string }>(
      variants,
    )
  ) {
    using temp = makeTempDir();
    const dirs = makeDirs(temp.path);
    Deno.copyFileSync(`${TESTDATA}torn-log/snapshot.0`, `${dirs.snapshotDir}/snapshot.0`);
    Deno.copyFileSync(`${TESTDATA}torn-log/${name}.log`, `${dirs.logDir}/log.1`);
    const subject = dataTreeSubject();
    if (name === "empty_file") { // as 3.9.3 and later
      const result = await recoverSubject(subject, dirs);
      assert.equal(result.lastProcessedZxid, 0);
      assert.throws(() => Deno.statSync(`${dirs.logDir}/log.1`), Deno.errors.NotFound);
    } else if (opens) {
      const result = await recoverSubject(subject, dirs);
      assert.equal(hex(result.lastProcessedZxid), lastZxid, name);
      assert.equal(result.tornTail?.offset ?? null, lastZxid === "0x7" ? null : 877, name);
    } else {
      await assert.rejects(recoverSubject(subject, dirs), (error) => {
        assert.ok(error instanceof DataDirError, name);
        assert.match(error.message, /log\.1".*offset \d+/, name);
        return true;
      });
    }
  }
});

Deno.test("recover() goes on behind a torn log that is not the last", async () => {
  using temp = makeTempDir();
  const dirs = makeDirs(temp.path);
  const third = logRecord(3, createTxn("/never"));
  writeLog(dirs, "log.1", [
    logRecord(1, createTxn("/a")),
    logRecord(2, createTxn("/b")),
    third.subarray(0, third.length - 5),
  ]);
  writeLog(dirs, "log.3", [logRecord(3, createTxn("/c"))]);
  const subject = naiveSubject();
  const result = await recoverSubject(subject, dirs);
  assert.equal(result.lastProcessedZxid, 3);
  assert.equal(result.tornTail, null);
  assert.deepEqual((subject.tree as NaiveTree).childrenOf(""), ["a", "b", "c", "zookeeper"]);
});

/** A directory with snapshots after txns 0, 2 and 4 of 6, and two logs. */
async function makeHistory(dirs: DataDir, compression: SnapshotCompression = "none") {
  const subject = naiveSubject();
  const files = new SnapshotFiles({
    dir: dirs.snapshotDir,
    compression,
    withDigest: true,
    withLastZxid: true,
    logger: new LinesLogger(),
    clock: testClock,
    fileSystem: systemFiles,
    rest,
  });
  const records = [1, 2, 3, 4, 5, 6].map((zxid) => logRecord(zxid, createTxn(`/n${zxid}`)));
  for (let zxid = 0; zxid <= 6; zxid++) {
    if (zxid > 0) {
      subject.replay({
        header: { sessionId: 0n, cxid: 0, zxid, timeMs: 1000 + zxid, type: 1 },
        txn: createTxn(`/n${zxid}`),
        digest: null,
      });
    }
    if (zxid % 2 === 0 && zxid < 6) await files.write(subject.tree, subject.sessions, "eager");
  }
  writeLog(dirs, "log.1", records.slice(0, 3));
  writeLog(dirs, "log.4", records.slice(3));
  return subject;
}

Deno.test("recover() falls back to an older snapshot, whatever is wrong with the newest", async () => {
  const damages: Record<string, (bytes: Uint8Array) => Uint8Array> = {
    empty: () => new Uint8Array(0),
    cut: (bytes) => bytes.slice(0, bytes.length / 2),
    cutInTheTail: (bytes) => bytes.slice(0, bytes.length - 30),
    flipped: (bytes) => bytes.with(bytes.length - 80, bytes.at(-80)! ^ 4),
    zeros: (bytes) => new Uint8Array(bytes.length),
    garbage: (bytes) => bytes.map((byte, i) => byte ^ (i * 31)),
    otherMagic: (bytes) => bytes.with(0, 0x51),
  };
  for (const compression of ["none", "gz", "snappy"] as const) {
    for (const [name, damage] of Object.entries(damages)) {
      using temp = makeTempDir();
      const dirs = makeDirs(temp.path);
      const model = await makeHistory(dirs, compression);
      const suffix = compression === "none" ? "" : `.${compression}`;
      const newest = `${dirs.snapshotDir}/snapshot.4${suffix}`;
      Deno.writeFileSync(newest, damage(Deno.readFileSync(newest)));
      for (const subject of makeSubjects()) {
        const result = await recoverSubject(subject, dirs);
        assert.equal(result.snapshot?.name, `snapshot.2${suffix}`, `${name} ${compression}`);
        assert.deepEqual(result.skipped.map(({ name }) => name), [`snapshot.4${suffix}`]);
        assert.equal(result.txnCount, 4);
        assert.equal(subject.tree.treeDigest, model.tree.treeDigest);
      }
    }
  }
});

Deno.test("recover() keeps no session of a snapshot that turned out to be damaged", async () => {
  using temp = makeTempDir();
  const dirs = makeDirs(temp.path);
  const model = await makeHistory(dirs);
  model.sessions.set(5n, 1000);
  const bytes = concat(snapshotBytes(model));
  bytes[bytes.length - 60]! ^= 1;
  Deno.writeFileSync(`${dirs.snapshotDir}/snapshot.6`, bytes);
  const subject = dataTreeSubject();
  await recoverSubject(subject, dirs);
  assert.equal(subject.sessions.size, 0);
  assert.equal(subject.tree.lastProcessedZxid, 6);
});

Deno.test("recover() refuses to start without txns that were acknowledged", async () => {
  const remove = (...names: string[]) => (dirs: DataDir) => {
    for (const name of names) Deno.removeSync(`${dirs.snapshotDir}/${name}`);
  };
  const empty = (...names: string[]) => (dirs: DataDir) => {
    for (const name of names) Deno.truncateSync(`${dirs.snapshotDir}/${name}`);
  };
  const both = (...steps: ((dirs: DataDir) => void)[]) => (dirs: DataDir) => {
    for (const step of steps) step(dirs);
  };
  const cases = [
    { // a hole between snapshot and log
      damage: remove("log.1", "snapshot.4"),
      message: /"log\.4": it goes on with zxid 0x4.*"snapshot\.2", ends with zxid 0x2/,
    },
    { // a hole between logs
      damage: (dirs: DataDir) => {
        remove("log.4")(dirs);
        writeLog(dirs, "log.6", [logRecord(6, createTxn("/n6"))]);
        remove("snapshot.4")(dirs);
      },
      message: /"log\.6": it goes on with zxid 0x6.*"log\.1", ends with zxid 0x3/,
    },
    { // no snapshot, and the log does not begin with the first txn
      damage: remove("log.1", "snapshot.0", "snapshot.2", "snapshot.4"),
      message: /holds no snapshot, and the log begins with zxid 0x4 \("log\.4"\).*trust\.empty/,
    },
    { // snapshot.trust.empty was left on, and now the only snapshot is damaged
      damage: both(remove("log.1", "snapshot.0", "snapshot.2"), empty("snapshot.4")),
      trustEmpty: true,
      message:
        /no snapshot in .* can be read \("snapshot\.4": it is incomplete\), and the log begins/,
    },
    { // all snapshots damaged, and no log
      damage: both(remove("log.1", "log.4"), empty("snapshot.0", "snapshot.2", "snapshot.4")),
      message: /no snapshot in .* can be read \("snapshot\.4": it is incomplete; .*no log/,
    },
    { // the newest snapshot is damaged, and the log does not reach it
      damage: both(remove("log.4"), empty("snapshot.4")),
      message: /"snapshot\.4" is damaged .*ends at zxid 0x3, so the txns up to 0x4 are lost/,
    },
    { // an empty log that is not the last
      damage: both(empty("log.1"), remove("snapshot.4")),
      message: /log\.1": it is empty, and is not the last log/,
    },
  ];
  for (const { damage, message, trustEmpty = false } of cases) {
    using temp = makeTempDir();
    const dirs = makeDirs(temp.path);
    await makeHistory(dirs);
    damage(dirs);
    await assert.rejects(recoverSubject(naiveSubject(), dirs, { trustEmpty }), (error) => {
      assert.ok(error instanceof DataDirError, String(error));
      assert.match(error.message, message);
      return true;
    });
  }
});

Deno.test("recover() accepts zxids that a Java server gave out and never logged", async () => {
  for (const withSnapshot of [false, true]) {
    using temp = makeTempDir();
    const dirs = makeDirs(temp.path);
    if (withSnapshot) {
      await makeHistory(dirs);
      for (const name of ["log.1", "log.4"]) Deno.removeSync(`${dirs.logDir}/${name}`);
    }
    const zxids = [1, 2, 3, 4, 7, 8]; // the newest snapshot is named 4
    writeLog(dirs, "log.1", zxids.map((zxid) => logRecord(zxid, createTxn(`/n${zxid}`))));
    for (const subject of makeSubjects()) {
      const result = await recoverSubject(subject, dirs);
      assert.equal(result.lastProcessedZxid, 8);
      assert.equal(result.txnCount, withSnapshot ? 2 : 6);
    }
  }
});

Deno.test("recover() syncs the logs it replays, which a killed server may have left in memory", async () => {
  using temp = makeTempDir();
  const dirs = makeDirs(temp.path);
  await makeHistory(dirs);
  const { prototype } = Deno.FsFile;
  const { syncDataSync } = prototype;
  let syncCount = 0;
  prototype.syncDataSync = function () {
    syncCount++;
    syncDataSync.call(this);
  };
  try {
    await recoverSubject(naiveSubject(), dirs);
    assert.equal(syncCount, 1, "log.4 alone goes beyond snapshot.4");
    Deno.removeSync(`${dirs.snapshotDir}/snapshot.4`);
    await recoverSubject(naiveSubject(), dirs);
    assert.equal(syncCount, 3);
  } finally {
    prototype.syncDataSync = syncDataSync;
  }
});

Deno.test("recover() starts without snapshots when the log begins with the first txn, or is trusted", async () => {
  {
    using temp = makeTempDir();
    const dirs = makeDirs(temp.path);
    const model = await makeHistory(dirs);
    for (const name of ["snapshot.0", "snapshot.2"]) Deno.removeSync(`${dirs.snapshotDir}/${name}`);
    Deno.truncateSync(`${dirs.snapshotDir}/snapshot.4`, 3);
    const subject = dataTreeSubject();
    const result = await recoverSubject(subject, dirs);
    assert.equal(result.snapshot, null);
    assert.equal(result.isNew, false);
    assert.equal(result.needsSnapshot, true);
    assert.equal(subject.tree.treeDigest, model.tree.treeDigest);
  }
  {
    using temp = makeTempDir();
    const dirs = makeDirs(temp.path);
    await makeHistory(dirs);
    for (const name of ["snapshot.0", "snapshot.2", "snapshot.4", "log.1"]) {
      Deno.removeSync(`${dirs.snapshotDir}/${name}`);
    }
    const result = await recoverSubject(naiveSubject(), dirs, { trustEmpty: true });
    assert.equal(result.lastProcessedZxid, 6);
    assert.equal(result.txnCount, 3);
  }
});

Deno.test("recover() makes an empty database only if it may", async () => {
  using temp = makeTempDir();
  const dirs = makeDirs(temp.path, { separateLogs: true });
  const refused = recoverSubject(dataTreeSubject(), dirs, { autoCreateDatabase: false });
  await assert.rejects(refused, /is empty and db\.autocreate is false.*initialize/);
  for (const dir of [dirs.dataDir, dirs.dataLogDir]) {
    Deno.writeTextFileSync(`${dir}/initialize`, "");
    const subject = dataTreeSubject();
    const result = await recoverSubject(subject, dirs, { autoCreateDatabase: false });
    assert.equal(result.isNew, true);
    assert.equal(result.lastProcessedZxid, 0);
    assert.equal(subject.tree.treeDigest, 1371985504n);
    assert.throws(() => Deno.statSync(`${dir}/initialize`), Deno.errors.NotFound);
  }
});

Deno.test("recover() removes unfinished snapshots, and leaves other temporary files", async () => {
  using temp = makeTempDir();
  const dirs = makeDirs(temp.path);
  for (const name of ["snapshot.9.tmp", "snapshot.9.gz.tmp", "currentEpoch.tmp", "log.1.bak"]) {
    Deno.writeTextFileSync(`${dirs.snapshotDir}/${name}`, "");
  }
  Deno.removeSync(`${dirs.snapshotDir}/log.1.bak`);
  await recoverSubject(naiveSubject(), dirs);
  assert.deepEqual([...Deno.readDirSync(dirs.snapshotDir)].map(({ name }) => name), [
    "currentEpoch.tmp",
  ]);
});

Deno.test("recover() refuses TTL znodes of snapshot and log while extended types are off", async () => {
  using temp = makeTempDir();
  const dirs = makeDirs(temp.path, { separateLogs: true });
  copyDir(`${TESTDATA}standalone/data/version-2`, dirs.snapshotDir);
  copyDir(`${TESTDATA}standalone/datalog/version-2`, dirs.logDir);
  const recovering = () => recoverSubject(dataTreeSubject(), dirs, { extendedTypes: false });
  await assert.rejects(recovering(), /time to live.*extendedTypesEnabled=true/);
  for (const name of ["snapshot.57", "snapshot.44"]) Deno.removeSync(`${dirs.snapshotDir}/${name}`);
  await assert.rejects(recovering(), /time to live.*extendedTypesEnabled=true/);
});

Deno.test("recover() reports digests that differ, once, and starts", async () => {
  using temp = makeTempDir();
  const dirs = makeDirs(temp.path);
  const digest = { version: 2, treeDigest: 12345n };
  writeLog(dirs, "log.1", [
    logRecord(1, createTxn("/a"), { digest }),
    logRecord(2, createTxn("/b"), { digest }),
  ]);
  const logger = new LinesLogger();
  const result = await recoverSubject(dataTreeSubject(), dirs, { logger });
  assert.equal(result.digestMismatchCount, 2);
  assert.equal(logger.lines.filter((line) => line.startsWith("error the tree differs")).length, 1);
  const off = await recoverSubject(dataTreeSubject(), dirs, { digestEnabled: false });
  assert.equal(off.digestMismatchCount, 0);
});

Deno.test("recover() hands out the bytes of each txn it replays, and the last that is logged", async () => {
  using temp = makeTempDir();
  const dirs = makeDirs(temp.path);
  await makeHistory(dirs);
  Deno.removeSync(`${dirs.snapshotDir}/snapshot.4`);
  const subject = dataTreeSubject();
  const bodies: string[] = [];
  const replay: Subject["replay"] = subject.replay;
  const result = await recover({
    ...recoveryOptions(subject, dirs),
    replay: (record, body) => {
      replay(record);
      bodies.push(body.toHex());
    },
  });
  const expected = [3, 4, 5, 6].map((zxid) =>
    logRecord(zxid, createTxn(`/n${zxid}`)).subarray(12, -1).toHex() // between length and end byte
  );
  assert.deepEqual(bodies, expected);
  assert.deepEqual([result.lastLoggedZxid, result.lastProcessedZxid], [6, 6]);
});

Deno.test("recover() tells the last logged zxid of a log that ends before the snapshot", async () => {
  using temp = makeTempDir();
  const dirs = makeDirs(temp.path);
  await makeHistory(dirs);
  Deno.removeSync(`${dirs.logDir}/log.4`);
  const result = await recoverSubject(dataTreeSubject(), dirs);
  assert.deepEqual([result.lastLoggedZxid, result.lastProcessedZxid], [3, 4]);
  Deno.removeSync(`${dirs.logDir}/log.1`);
  const { lastLoggedZxid } = await recoverSubject(dataTreeSubject(), dirs);
  assert.equal(lastLoggedZxid, -1);
});

Deno.test("recover() loads one tree again and again, and nothing is left of before", async () => {
  using temp = makeTempDir();
  const dirs = makeDirs(temp.path);
  await makeHistory(dirs);
  for (const subject of makeSubjects()) {
    const fresh = dataTreeSubject();
    await recoverSubject(fresh, dirs);
    for (let times = 0; times < 3; times++) {
      await recoverSubject(subject, dirs);
      assert.deepEqual(viewOf(subject).nodes, viewOf(fresh).nodes);
      assert.equal(subject.tree.treeDigest, fresh.tree.treeDigest);
      assert.equal(subject.tree.lastProcessedZxid, 6);
      subject.sessions.set(9n, 1);
      const header = { sessionId: 0n, cxid: 0, zxid: 7 + times, timeMs: 0, type: 1 };
      subject.replay({ header, txn: createTxn(`/later${times}`), digest: null });
    }
    await recoverSubject(subject, dirs);
    assert.deepEqual(subject.sessions, new Map());
  }
});

Deno.test("recover() of a member that may not make a database waits for a leader's", async () => {
  using temp = makeTempDir();
  const dirs = makeDirs(temp.path);
  for (const subject of makeSubjects()) {
    const result = await recoverSubject(subject, dirs, {
      autoCreateDatabase: false,
      joinsEnsemble: true,
    });
    assert.equal(result.lastProcessedZxid, -1);
    assert.equal(subject.tree.lastProcessedZxid, -1);
    assert.deepEqual([result.isNew, result.needsSnapshot], [false, false]);
  }
});
