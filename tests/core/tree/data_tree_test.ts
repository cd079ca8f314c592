import assert from "node:assert/strict";
import { SnapshotLoader } from "../../../core/storage/snapshot_loader.ts";
import { SnapshotWriter } from "../../../core/storage/snapshot_writer.ts";
import { makeAclList, OPEN_ACL } from "../../../core/tree/acl_list.ts";
import { DataTree } from "../../../core/tree/data_tree.ts";
import { TxnApplier } from "../../../core/txn/apply.ts";
import type { Txn } from "../../../core/txn/txn.ts";
import { encodeUtf8 } from "../../../core/wire/jute.ts";
import { dumpTree } from "../../fuzz/tree_fuzz.ts";
import { NaiveTree } from "../../model/naive_tree.ts";
import { LENGTH_MAX, snapshotBytes, writeSnapshotsAsJava } from "../../model/storage_helpers.ts";

const EMPTY_DIGEST = 1371985504n;

function makeTree() {
  const tree = new DataTree({
    digestEnabled: true,
    extendedTypes: true,
    emulate353Ttl: false,
    hashSeed: 1,
  });
  const sessions = new Map<bigint, number>();
  const applier = new TxnApplier(tree, sessions);
  const apply = (zxid: number, txn: Txn, sessionId = 5n) =>
    applier.apply({ sessionId, cxid: 0, zxid, timeMs: zxid * 10, type: 1 }, txn);
  return { tree, sessions, apply, dump: () => dumpTree(tree, sessions, { digestEnabled: true }) };
}

function createOf(path: string, parentCversion: number, data: string | null = "d"): Txn {
  return {
    kind: "create",
    path: encodeUtf8(path),
    data: data === null ? null : encodeUtf8(data),
    acl: OPEN_ACL,
    ephemeral: false,
    parentCversion,
  };
}
function deleteOf(path: string): Txn {
  return { kind: "delete", path: encodeUtf8(path) };
}
function setDataOf(path: string, version: number): Txn {
  return { kind: "setData", path: encodeUtf8(path), data: encodeUtf8(`v${version}`), version };
}

Deno.test("DataTree of a fresh server has ZooKeeper's znodes and digest", () => {
  const { tree } = makeTree();
  assert.equal(tree.nodeCount, 4);
  assert.equal(tree.treeDigest, EMPTY_DIGEST);
  tree.resetToEmptyDatabase();
  assert.equal(tree.treeDigest, EMPTY_DIGEST);
});

/** A history in which /n lives three times, with children and changes in each life. */
const HISTORY: Txn[] = [
  createOf("/n", 1),
  createOf("/n/a", 1),
  createOf("/n/b", 2),
  setDataOf("/n", 1),
  deleteOf("/n/a"),
  deleteOf("/n/b"),
  deleteOf("/n"),
  createOf("/n", 2, null),
  createOf("/n/b", 1),
  createOf("/n/b/c", 1),
  setDataOf("/n/b", 1),
  { kind: "closeSession", paths: [] },
  deleteOf("/n/b/c"),
  deleteOf("/n/b"),
  deleteOf("/n"),
  createOf("/n", 3),
  createOf("/n/a", 1),
];

Deno.test("DataTree.apply() makes a fuzzy snapshot exact, whenever it began and however slowly it went", () => {
  const whole = makeTree();
  for (const [i, txn] of HISTORY.entries()) whole.apply(i + 1, txn);
  for (let begin = 0; begin <= HISTORY.length; begin++) {
    for (let pause = 0; begin + pause <= HISTORY.length; pause++) {
      for (const asJava of [false, true]) {
        const restored = restoreFromFuzzy(HISTORY, { begin, pause, asJava });
        const what = `begun at ${begin}, written ${pause} later, as Java: ${asJava}`;
        assert.equal(restored.dump(), whole.dump(), what);
      }
    }
  }
});

/** Takes a snapshot after `begin` txns, writes it after `pause` more, loads it and replays the rest. */
function restoreFromFuzzy(
  history: readonly Txn[],
  { begin, pause, asJava }: { begin: number; pause: number; asJava: boolean },
) {
  const { tree, sessions, apply } = makeTree();
  if (asJava) writeSnapshotsAsJava(tree);
  for (let i = 0; i < begin; i++) apply(i + 1, history[i]!);
  const writer = new SnapshotWriter({ tree, sessions, withDigest: true, withLastZxid: true });
  const restored = makeTree();
  const loader = new SnapshotLoader({
    tree: restored.tree,
    sessions: restored.sessions,
    lengthMax: 100_000,
    extendedTypes: true,
  });
  loader.push(writer.next(1)!); // the tables; then all that comes is of a later moment
  for (let i = begin; i < begin + pause; i++) apply(i + 1, history[i]!);
  for (let slice = writer.next(1); slice !== null; slice = writer.next(1)) loader.push(slice);
  writer.close();
  loader.finish();
  restored.tree.finishLoad(begin);
  for (let i = begin; i < history.length; i++) restored.apply(i + 1, history[i]!);
  return restored;
}

Deno.test("DataTree.deleteNode() refuses a znode with children from before, and the root", () => {
  const { tree, apply } = makeTree();
  apply(1, createOf("/n", 1));
  apply(2, createOf("/n/a", 1));
  const before = tree.treeDigest;
  assert.notEqual(apply(3, deleteOf("/n")), 0);
  assert.notEqual(apply(4, deleteOf("/")), 0);
  assert.equal(tree.treeDigest, before);
  assert.equal(tree.nodeCount, 6);
});

Deno.test("DataTree.apply() of a delete moves the parent's pzxid even when the znode is gone", () => {
  const { tree, apply } = makeTree();
  apply(1, createOf("/n", 1));
  assert.notEqual(apply(2, deleteOf("/n/gone")), 0);
  assert.equal(tree.store.pzxid(tree.store.lookup(encodeUtf8("/n"))), 2);
  apply(3, setDataOf("/gone", 1));
  assert.equal(tree.lastProcessedZxid, 3);
});

Deno.test("DataTree.apply() of a create over an existing znode takes the ACL and raises the parent only", () => {
  const { tree, apply } = makeTree();
  apply(1, createOf("/n", 5));
  apply(2, createOf("/n", 3, "other"));
  const root = tree.store.lookup(encodeUtf8("/"));
  const id = tree.store.lookup(encodeUtf8("/n"));
  assert.equal(tree.store.cversion(root), 5, "never backwards");
  assert.equal(tree.store.pzxid(root), 1);
  assert.equal(tree.store.czxid(id), 1);
  assert.deepEqual(tree.store.data(id)?.slice(), encodeUtf8("d"));
});

Deno.test("DataTree writes no znode that is newer than its snapshot, and no ACL that is in no table", () => {
  const acl = (id: string) => makeAclList([{ perms: 31, id: { scheme: "digest", id } }]);
  const { tree, sessions, apply } = makeTree();
  apply(1, createOf("/old", 1));
  apply(2, { ...createOf("/kept", 2), acl: acl("a:a") } as Txn);
  const writer = new SnapshotWriter({ tree, sessions, withDigest: true, withLastZxid: true });
  const view = new NaiveTree();
  const loader = new SnapshotLoader({
    tree: view,
    sessions: view.sessions,
    lengthMax: LENGTH_MAX,
    extendedTypes: true,
  });
  loader.push(writer.next(1)!);
  apply(3, { ...createOf("/new", 3), acl: acl("b:b") } as Txn);
  apply(4, createOf("/old/new", 1));
  apply(5, { kind: "setAcl", path: encodeUtf8("/old"), acl: acl("c:c"), version: 1 });
  for (let slice = writer.next(1); slice !== null; slice = writer.next(1)) loader.push(slice);
  writer.close();
  loader.finish();
  assert.deepEqual(view.childrenOf(""), ["kept", "old", "zookeeper"]);
  assert.deepEqual(view.childrenOf("/old"), []);
  assert.equal(view.nodes.get("/kept")!.acl.key, acl("a:a").key);
  assert.equal(view.nodes.get("/old")!.acl.key, OPEN_ACL.key, "until its setACL is replayed");
});

Deno.test("DataTree writes all it has of a fuzzy snapshot that came without its logs", () => {
  const first = makeTree();
  for (const [i, path] of ["/a", "/b", "/c"].entries()) first.apply(i + 1, createOf(path, i + 1));
  const second = makeTree();
  const loader = new SnapshotLoader({
    tree: second.tree,
    sessions: second.sessions,
    lengthMax: LENGTH_MAX,
    extendedTypes: true,
  });
  for (const piece of snapshotBytes(first)) loader.push(piece);
  loader.finish();
  second.tree.finishLoad(1); // it began there
  const third = makeTree();
  const again = new SnapshotLoader({
    tree: third.tree,
    sessions: third.sessions,
    lengthMax: LENGTH_MAX,
    extendedTypes: true,
  });
  for (const piece of snapshotBytes(second)) again.push(piece);
  again.finish();
  assert.equal(third.tree.nodeCount, 4 + 3);
});
