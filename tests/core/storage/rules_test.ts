import assert from "node:assert/strict";
import {
  compressionOf,
  isUnfinishedSnapshot,
  snapshotName,
  snapshotsIn,
  txnLogName,
  txnLogsFrom,
  txnLogsIn,
} from "../../../core/storage/file_names.ts";
import { planPurge } from "../../../core/storage/purge_plan.ts";
import { LogHoleError, ReplayDigests, ReplayOrder } from "../../../core/storage/replay_check.ts";
import { makeZxid } from "../../../core/zxid.ts";

const names = (files: { name: string }[]) => files.map(({ name }) => name);

Deno.test("File names carry the zxid in hex, and other names are nobody's", () => {
  assert.equal(txnLogName(makeZxid(3, 0xaf)), "log.3000000af");
  assert.equal(snapshotName(0x5a, "snappy"), "snapshot.5a.snappy");
  assert.equal(compressionOf("snapshot.5a.gz"), "gz");
  assert.equal(compressionOf("snapshot.5a"), "none");
  const found = [
    "log.10",
    "log.9",
    "log.A",
    "log.x",
    "logs.1",
    "log",
    "log.2.old",
    "xlog.1",
    "log.",
    "log.ffffffffffffffff",
    "log.8000000000000000",
  ];
  assert.deepEqual(names(txnLogsIn(found)), ["log.2.old", "log.9", "log.A", "log.10"]);
  const snapshots = ["snapshot.a", "snapshot.ff.gz", "snapshot.b.tmp", "snapshot.a.gz", "log.1"];
  assert.deepEqual(names(snapshotsIn(snapshots)), [
    "snapshot.ff.gz",
    "snapshot.a",
    "snapshot.a.gz",
  ]);
  assert.ok(isUnfinishedSnapshot("snapshot.b.gz.tmp"));
  assert.ok(!isUnfinishedSnapshot("currentEpoch.tmp"), "which recovery of an ensemble needs");
  assert.throws(() => txnLogsIn(["log.7fffffffffffffff"]), /epoch/);
});

Deno.test("txnLogsFrom() starts with the log before the zxid, which may reach past its name", () => {
  const logs = txnLogsIn(["log.1", "log.45", "log.58"]);
  const cases = [
    { zxid: 1, from: "log.1" },
    { zxid: 0x45, from: "log.1" },
    { zxid: 0x46, from: "log.45" },
    { zxid: 0x100, from: "log.58" },
  ];
  for (const { zxid, from } of cases) assert.equal(txnLogsFrom(logs, zxid)[0]!.name, from);
  assert.deepEqual(txnLogsFrom([], 5), []);
  // nobody knows which of the two reaches further
  const copied = txnLogsIn(["log.1", "log.5", "log.5.bak", "log.9"]);
  assert.deepEqual(names(txnLogsFrom(copied, 7)), ["log.5", "log.5.bak", "log.9"]);
});

Deno.test("ReplayOrder.take() refuses a hole and names files and zxids", () => {
  const cases = [
    { last: 5, next: 6, result: "next" },
    { last: 5, next: 5, result: "outOfOrder" },
    { last: 5, next: 3, result: "outOfOrder" },
    { last: 5, next: 7, result: "hole" },
    { last: 0, next: 1, result: "next" },
    { last: 0, next: 2, result: "hole" },
    { last: 5, next: makeZxid(1, 1), result: "next" },
    { last: makeZxid(1, 9), next: makeZxid(7, 1), result: "next" }, // epochs without a txn
    { last: 5, next: makeZxid(1, 2), result: "hole" },
    { last: makeZxid(1, 9), next: makeZxid(1, 11), result: "hole" },
    { last: makeZxid(2, 0), next: makeZxid(2, 1), result: "next" }, // a new leader's snapshot
  ];
  for (const { last, next, result } of cases) {
    const order = new ReplayOrder({ zxid: last, file: "snapshot.5" });
    if (result !== "hole") {
      assert.equal(order.take(next, "log.7"), result, `${last} ${next}`);
      assert.equal(order.last, Math.max(last, next));
    } else assert.throws(() => order.take(next, "log.7"), LogHoleError, `${last} ${next}`);
  }
  const order = new ReplayOrder({ zxid: 0x4f, file: "snapshot.4f" });
  order.take(0x50, "log.50");
  assert.throws(
    () => order.take(0x58, "log.58"),
    /"log\.58": it goes on with zxid 0x58.*"log\.50", ends with zxid 0x50.*restore the missing log/,
  );
});

Deno.test("ReplayOrder.take() accepts zxids that are missing inside a file: they were never logged", () => {
  const order = new ReplayOrder({ zxid: 0x50, file: "snapshot.50" });
  order.pass("log.4f"); // 0x4f and 0x50
  assert.equal(order.take(0x52, "log.4f"), "unlogged");
  assert.equal(order.take(0x53, "log.4f"), "next");
  assert.equal(order.take(0x60, "log.4f"), "unlogged");
  assert.throws(() => order.take(0x62, "log.62"), LogHoleError);
});

Deno.test("ReplayDigests.check() compares only where the tree is whole", () => {
  const txnDigest = (treeDigest: bigint) => ({ version: 2, treeDigest });
  // fuzzy through 12: only the snapshot's own digest counts there, then each txn's
  const fuzzy = new ReplayDigests(10, { zxid: 12, version: 2, treeDigest: 120n });
  fuzzy.check(11, txnDigest(1n), () => 999n);
  fuzzy.check(12, txnDigest(1n), () => 120n);
  fuzzy.check(13, txnDigest(130n), () => 130n);
  assert.equal(fuzzy.mismatchCount, 0);
  fuzzy.check(14, txnDigest(140n), () => 141n);
  fuzzy.check(15, txnDigest(150n), () => 151n);
  fuzzy.check(16, null, () => 0n);
  fuzzy.check(17, { version: 3, treeDigest: 1n }, () => 0n);
  assert.equal(fuzzy.mismatchCount, 2);
  assert.deepEqual(fuzzy.firstMismatch, { zxid: 14, expected: 140n, actual: 141n });

  const exact = new ReplayDigests(10, { zxid: 10, version: 2, treeDigest: 100n });
  exact.check(10, null, () => 7n);
  assert.equal(exact.mismatchCount, 1);

  // a new leader's snapshot says nothing; the first match tells that the tree is whole
  const unknown = new ReplayDigests(makeZxid(2, 0), { zxid: 9, version: 2, treeDigest: 1n });
  unknown.check(11, txnDigest(1n), () => 2n);
  unknown.check(12, txnDigest(3n), () => 3n);
  unknown.check(13, txnDigest(4n), () => 5n);
  assert.equal(unknown.mismatchCount, 1);
});

Deno.test("planPurge() keeps what the kept snapshots need", () => {
  const cases = [
    { // the log before the oldest kept snapshot may hold txns after it
      snapshots: ["snapshot.1", "snapshot.5", "snapshot.9", "snapshot.d"],
      logs: ["log.1", "log.2", "log.4", "log.6", "log.a"],
      broken: [],
      retainCount: 3,
      deleted: ["snapshot.1", "log.1", "log.2"],
    },
    { // damaged snapshots do not count
      snapshots: ["snapshot.1", "snapshot.5", "snapshot.9", "snapshot.d"],
      logs: ["log.1", "log.2", "log.6", "log.a"],
      broken: ["snapshot.9", "snapshot.d"],
      retainCount: 1,
      deleted: ["snapshot.1", "log.1"],
    },
    { // a log that starts right behind the snapshot does not make the one before needless
      snapshots: ["snapshot.5", "snapshot.8"],
      logs: ["log.1", "log.6", "log.9"],
      broken: [],
      retainCount: 1,
      deleted: ["snapshot.5", "log.1"],
    },
    { // nothing is sure to be whole
      snapshots: ["snapshot.1", "snapshot.5"],
      logs: ["log.1"],
      broken: ["snapshot.1", "snapshot.5"],
      retainCount: 1,
      deleted: [],
    },
    { snapshots: [], logs: ["log.1", "log.5"], broken: [], retainCount: 3, deleted: [] },
    { // fewer than asked for
      snapshots: ["snapshot.3", "snapshot.8"],
      logs: ["log.1", "log.4"],
      broken: [],
      retainCount: 3,
      deleted: [],
    },
  ];
  for (const { snapshots, logs, broken, retainCount, deleted } of cases) {
    const plan = planPurge({
      snapshots: snapshotsIn(snapshots),
      isWhole: ({ name }) => !(broken as string[]).includes(name),
      logs: txnLogsIn(logs),
      retainCount,
    });
    assert.deepEqual([...names(plan.snapshots), ...names(plan.logs)], deleted);
  }
});
