import assert from "node:assert/strict";
import { writeTxnLogHeader } from "../../core/storage/file_header.ts";
import type { SnapshotCompression } from "../../core/storage/file_names.ts";
import { SnapshotWriter } from "../../core/storage/snapshot_writer.ts";
import { makeAclList, OPEN_ACL } from "../../core/tree/acl_list.ts";
import type { Txn } from "../../core/txn/txn.ts";
import { encodeUtf8, JuteWriter } from "../../core/wire/jute.ts";
import type { DataDir } from "../../net/data_dir.ts";
import { systemFiles } from "../../net/file_system.ts";
import { rest } from "../../net/rest.ts";
import { SnapshotFiles } from "../../net/snapshot_files.ts";
import { TxnLogFile } from "../../net/txn_log_file.ts";
import {
  concat,
  dataTreeSubject,
  LinesLogger,
  logRecord,
  makeDirs,
  naiveSubject,
  recoverSubject,
  type Subject,
  testClock,
  viewOf,
} from "../model/storage_helpers.ts";
import { testWith } from "../support/prerequisites.ts";
import { ServerProcess } from "../support/server_process.ts";
import { makeTempDir } from "../support/temp_dir.ts";

const SESSION = 0x1234567890abn;
const ALICE_ACL = makeAclList([
  { perms: 31, id: { scheme: "digest", id: "alice:V55/p2T0OpjQ+low3NVAH4aLvm0=" } },
  { perms: 1, id: { scheme: "world", id: "anyone" } },
]);
const JAVA_PROPERTIES = { "zookeeper.extendedTypesEnabled": "true", "file.encoding": "UTF-8" };
const utf8 = encodeUtf8;

function create(path: string, parentCversion: number, ephemeral = false): Txn {
  const data = path.endsWith("null") ? null : utf8(`data of ${path}`);
  return { kind: "create", path: utf8(path), data, acl: OPEN_ACL, ephemeral, parentCversion };
}

/** Txns of all types, with what a leader would log of them. */
const HISTORY: { type: number; txn: Txn; sessionId?: bigint }[] = [
  { type: -10, txn: { kind: "createSession", timeoutMs: 600000 }, sessionId: SESSION },
  { type: -10, txn: { kind: "createSession", timeoutMs: 30000 }, sessionId: 99n },
  { type: 1, txn: create("/a", 1) },
  { type: 15, txn: create("/a/null", 1) },
  { type: 1, txn: create("/a/\u00e9\u4e2d", 2) },
  { type: 1, txn: create("/a/live", 3, true), sessionId: SESSION },
  { type: 1, txn: create("/a/gone", 4, true), sessionId: 99n },
  { type: -1, txn: { kind: "error", err: -110 } },
  { type: 7, txn: { kind: "setAcl", path: utf8("/a"), acl: ALICE_ACL, version: 1 } },
  { type: 5, txn: { kind: "setData", path: utf8("/a"), data: new Uint8Array(300000), version: 1 } },
  { type: -11, txn: { kind: "closeSession", paths: [utf8("/a/gone")] }, sessionId: 99n },
  {
    type: 19,
    txn: {
      kind: "createContainer",
      path: utf8("/container"),
      data: new Uint8Array(),
      acl: ALICE_ACL,
      parentCversion: 2,
    },
  },
  {
    type: 21,
    txn: {
      kind: "createTtl",
      path: utf8("/ttl"),
      data: null,
      acl: OPEN_ACL,
      parentCversion: 3,
      ttlMs: 10000000n,
    },
  },
  {
    type: 14,
    txn: {
      kind: "multi",
      ops: [
        { type: 1, txn: { ...create("/m", 4), kind: "create" } as never },
        { type: 13, txn: { kind: "check", path: utf8("/a"), version: 2 } },
        { type: 5, txn: { kind: "setData", path: utf8("/m"), data: utf8("n"), version: 1 } },
      ],
    },
  },
  {
    type: 14,
    txn: {
      kind: "multi",
      ops: [
        { type: 2, txn: { kind: "delete", path: utf8("/m") } },
        { type: -1, txn: { kind: "error", err: -101 } },
      ],
    },
  },
  { type: 1, txn: create("/container/c", 1) },
  { type: 2, txn: { kind: "delete", path: utf8("/a/null") } },
  { type: 2, txn: { kind: "delete", path: utf8("/m") } },
];

/** Writes the history as a server would, with a snapshot after `snapshotAt` txns. */
async function writeHistory(
  dirs: DataDir,
  { compression, snapshotAt, withDigest = true }: {
    compression: SnapshotCompression;
    snapshotAt: number;
    withDigest?: boolean;
  },
): Promise<Subject> {
  const logger = new LinesLogger();
  const subject = dataTreeSubject();
  const files = new SnapshotFiles({
    dir: dirs.snapshotDir,
    compression,
    withDigest,
    withLastZxid: true,
    logger,
    clock: testClock,
    fileSystem: systemFiles,
    rest,
  });
  const log = new TxnLogFile({
    dir: dirs.logDir,
    preallocBytes: 65536,
    forceSync: true,
    fsyncWarningMs: 1000,
    logger,
    clock: testClock,
    fileSystem: systemFiles,
  });
  await files.write(subject.tree, subject.sessions);
  for (const [i, { type, txn, sessionId = 0n }] of HISTORY.entries()) {
    const zxid = i + 1;
    const header = { sessionId, cxid: 0, zxid, timeMs: 1000 + zxid, type };
    subject.replay({ header, txn, digest: null });
    const digest = withDigest && txn.kind !== "error"
      ? { version: 2, treeDigest: subject.tree.treeDigest }
      : null;
    const bytes = logRecord(zxid, txn, { type, sessionId, digest });
    log.write({ bytes, firstZxid: zxid, recordCount: 1 });
    if (zxid === snapshotAt) {
      log.roll();
      await files.write(subject.tree, subject.sessions);
    }
  }
  await log.sync();
  log.close();
  return subject;
}

testWith(
  ["java", "javaServer", "snappyJava"],
  "A Java server loads our files to the same tree",
  async () => {
    const cases = [
      { compression: "none", snapshotAt: 9 },
      { compression: "gz", snapshotAt: 9 },
      { compression: "snappy", snapshotAt: HISTORY.length },
      { compression: "none", snapshotAt: 9, withDigest: false },
    ] as const;
    for (const options of cases) {
      using temp = makeTempDir();
      const dirs = makeDirs(temp.path);
      const ours = await writeHistory(dirs, options);
      const oursNames = [...Deno.readDirSync(dirs.snapshotDir)].map(({ name }) => name);
      // a server without digests is told so, or it would miss those in the log
      const digestEnabled = String(!("withDigest" in options));
      await using java = await ServerProcess.start("java", {
        dataDir: dirs.dataDir,
        properties: { ...JAVA_PROPERTIES, "zookeeper.digest.enabled": digestEnabled },
      });
      await java.kill();
      assert.doesNotMatch(java.log(), /Digests are not matching|inconsistent|WARN.*digest/i);
      // it writes what it loaded as a snapshot of its own; we load that alone, and compare
      const snapshot = `snapshot.${HISTORY.length.toString(16)}`;
      assert.ok(!oursNames.includes(snapshot) || options.compression !== "none");
      for (const { name } of [...Deno.readDirSync(dirs.snapshotDir)]) {
        if (name !== snapshot) Deno.removeSync(`${dirs.snapshotDir}/${name}`);
      }
      const theirs = naiveSubject();
      const result = await recoverSubject(theirs, dirs);
      assert.equal(result.snapshot?.name, snapshot);
      assert.equal(result.digestMismatchCount, 0);
      assert.deepEqual(theirs.sessions, new Map([[SESSION, 600000]]));
      assert.equal(theirs.tree.treeDigest, ours.tree.treeDigest);
      const expected = viewOf(ours).nodes;
      const actual = viewOf(theirs).nodes;
      assert.deepEqual([...actual.keys()].sort(), [...expected.keys()].sort());
      for (const [path, node] of expected) assert.deepEqual(actual.get(path), node, path);
    }
  },
);

testWith(
  ["java", "javaServer"],
  "A Java server starts from a snapshot of ours that ACLs came and went under",
  async () => {
    using temp = makeTempDir();
    const dirs = makeDirs(temp.path);
    const subject = dataTreeSubject();
    const records: Uint8Array[] = [];
    const apply = (type: number, txn: Txn) => {
      const zxid = subject.tree.lastProcessedZxid + 1;
      subject.replay({
        header: { sessionId: 0n, cxid: 0, zxid, timeMs: 1000 + zxid, type },
        txn,
        digest: null,
      });
      const digest = { version: 2, treeDigest: subject.tree.treeDigest };
      records.push(logRecord(zxid, txn, { type, digest }));
    };
    const remove = (path: string): Txn => ({ kind: "delete", path: utf8(path) });
    apply(1, create("/a", 1));
    apply(1, create("/b", 2));
    const content = { ...subject, withDigest: true, withLastZxid: true };
    const writer = new SnapshotWriter(content);
    const pieces = [writer.next(1)!.slice()]; // the tables
    apply(1, { ...create("/new", 3), acl: ALICE_ACL } as Txn);
    apply(1, { ...create("/gone", 4), acl: ALICE_ACL } as Txn);
    apply(7, { kind: "setAcl", path: utf8("/a"), acl: ALICE_ACL, version: 1 });
    for (let piece = writer.next(1000); piece !== null; piece = writer.next(1000)) {
      pieces.push(piece.slice());
    }
    writer.close();
    apply(2, remove("/gone"));
    apply(2, remove("/a"));
    Deno.writeFileSync(`${dirs.snapshotDir}/snapshot.2`, concat(pieces));
    const header = new JuteWriter();
    writeTxnLogHeader(header);
    Deno.writeFileSync(`${dirs.logDir}/log.1`, concat([header.written(), ...records]));

    await using java = await ServerProcess.start("java", { dataDir: dirs.dataDir });
    await java.kill();
    const theirs = naiveSubject();
    Deno.removeSync(`${dirs.snapshotDir}/snapshot.2`);
    const result = await recoverSubject(theirs, dirs);
    assert.equal(result.snapshot?.name, "snapshot.7", "which Java wrote");
    assert.deepEqual([...viewOf(theirs).nodes].sort(), [...viewOf(subject).nodes].sort());
  },
);
