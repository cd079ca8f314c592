import assert from "node:assert/strict";
import { OPEN_ACL } from "../../../core/tree/acl_list.ts";
import { DataTree } from "../../../core/tree/data_tree.ts";
import {
  EventType,
  Watcher,
  WATCHER_TYPE_MODES,
  WatchEvent,
  WatchMode,
} from "../../../core/tree/watch_manager.ts";
import { TxnApplier } from "../../../core/txn/apply.ts";
import type { Txn } from "../../../core/txn/txn.ts";
import { decodeUtf8, encodeUtf8 } from "../../../core/wire/jute.ts";

const { Data, Child, Persistent, Recursive } = WatchMode;
const NAMES = new Map(Object.entries(EventType).map(([name, type]) => [type as number, name]));

/** Keeps what it is told as `NodeCreated /a`. */
class Listener implements Watcher {
  readonly watchedPaths: Watcher["watchedPaths"] = new Set();
  told: string[] = [];

  deliver({ type, path }: WatchEvent): void {
    this.told.push(`${NAMES.get(type)} ${decodeUtf8(path)}`);
  }

  take(): string[] {
    return this.told.splice(0);
  }
}

/** A tree with /a, /a/b and /c, and a way to change it. */
class Tree {
  readonly tree = new DataTree({
    digestEnabled: true,
    extendedTypes: true,
    emulate353Ttl: false,
    hashSeed: 1,
  });
  readonly #applier = new TxnApplier(this.tree, new Map());
  #zxid = 0;

  constructor() {
    for (const path of ["/a", "/a/b", "/c"]) this.apply(createOf(path));
  }

  apply(txn: Txn): void {
    const zxid = ++this.#zxid;
    this.#applier.apply({ sessionId: 5n, cxid: 0, zxid, timeMs: 1, type: 1 }, txn);
  }

  watch(path: string, mode: number, listener = new Listener()): Listener {
    this.tree.watches.add(encodeUtf8(path), listener, mode);
    return listener;
  }
}

function createOf(path: string, ephemeral = false) {
  return {
    kind: "create" as const,
    path: encodeUtf8(path),
    data: null,
    acl: OPEN_ACL,
    ephemeral,
    parentCversion: -1,
  };
}
function deleteOf(path: string) {
  return { kind: "delete" as const, path: encodeUtf8(path) };
}
function setDataOf(path: string) {
  return { kind: "setData" as const, path: encodeUtf8(path), data: null, version: 1 };
}
function setAclOf(path: string) {
  return { kind: "setAcl" as const, path: encodeUtf8(path), acl: OPEN_ACL, version: 1 };
}

Deno.test("WatchManager tells of a change whom the table of semantics says, in order", () => {
  const created = createOf("/a/x");
  const cases: { path: string; mode: number; txn: Txn; told: string[]; left?: boolean }[] = [
    // create
    { path: "/a/x", mode: Data, txn: created, told: ["NodeCreated /a/x"] },
    { path: "/a/x", mode: Child, txn: created, told: [], left: true },
    { path: "/a", mode: Data, txn: created, told: [], left: true },
    { path: "/a", mode: Child, txn: created, told: ["NodeChildrenChanged /a"] },
    { path: "/a/x", mode: Persistent, txn: created, told: ["NodeCreated /a/x"], left: true },
    { path: "/a", mode: Persistent, txn: created, told: ["NodeChildrenChanged /a"], left: true },
    { path: "/a/x", mode: Recursive, txn: created, told: ["NodeCreated /a/x"], left: true },
    { path: "/a", mode: Recursive, txn: created, told: ["NodeCreated /a/x"], left: true },
    { path: "/", mode: Recursive, txn: created, told: ["NodeCreated /a/x"], left: true },
    { path: "/", mode: Persistent, txn: created, told: [], left: true },
    { path: "/c", mode: Recursive, txn: created, told: [], left: true },
    { path: "/a/xy", mode: Recursive, txn: created, told: [], left: true },
    { path: "/", mode: Child, txn: createOf("/x"), told: ["NodeChildrenChanged /"] },
    { path: "", mode: Child, txn: createOf("/x"), told: [], left: true }, // as in 3.8.0
    // delete
    { path: "/a/b", mode: Data, txn: deleteOf("/a/b"), told: ["NodeDeleted /a/b"] },
    { path: "/a/b", mode: Child, txn: deleteOf("/a/b"), told: ["NodeDeleted /a/b"] },
    { path: "/a/b", mode: Data | Child, txn: deleteOf("/a/b"), told: ["NodeDeleted /a/b"] },
    { path: "/a", mode: Data, txn: deleteOf("/a/b"), told: [], left: true },
    { path: "/a", mode: Child, txn: deleteOf("/a/b"), told: ["NodeChildrenChanged /a"] },
    {
      path: "/a/b",
      mode: Persistent,
      txn: deleteOf("/a/b"),
      told: ["NodeDeleted /a/b"],
      left: true,
    },
    {
      path: "/a",
      mode: Persistent,
      txn: deleteOf("/a/b"),
      told: ["NodeChildrenChanged /a"],
      left: true,
    },
    { path: "/a", mode: Recursive, txn: deleteOf("/a/b"), told: ["NodeDeleted /a/b"], left: true },
    // setData
    { path: "/a", mode: Data, txn: setDataOf("/a"), told: ["NodeDataChanged /a"] },
    { path: "/a", mode: Child, txn: setDataOf("/a"), told: [], left: true },
    { path: "/", mode: Child, txn: setDataOf("/a"), told: [], left: true },
    {
      path: "/a",
      mode: Persistent,
      txn: setDataOf("/a"),
      told: ["NodeDataChanged /a"],
      left: true,
    },
    {
      path: "/a",
      mode: Recursive,
      txn: setDataOf("/a/b"),
      told: ["NodeDataChanged /a/b"],
      left: true,
    },
    { path: "/", mode: Recursive, txn: setDataOf("/"), told: ["NodeDataChanged /"], left: true },
    { path: "/", mode: Data, txn: setDataOf("/"), told: ["NodeDataChanged /"] },
    // setACL
    { path: "/a", mode: Data, txn: setAclOf("/a"), told: [], left: true },
    { path: "/a", mode: Persistent, txn: setAclOf("/a"), told: [], left: true },
    { path: "/", mode: Recursive, txn: setAclOf("/a"), told: [], left: true },
  ];
  for (const { path, mode, txn, told, left = false } of cases) {
    const tree = new Tree();
    const listener = new Listener();
    for (const bit of [Data, Child, Persistent, Recursive]) {
      if ((mode & bit) !== 0) tree.watch(path, bit, listener);
    }
    tree.apply(txn);
    const note = `mode ${mode} on "${path}", ${txn.kind}`;
    assert.deepEqual(listener.take(), told, note);
    assert.equal(tree.tree.watches.watchCount > 0, left, `${note}: is a watch left`);
  }
});

Deno.test("WatchManager tells one connection once of a change, however many of its watches match", () => {
  const tree = new Tree();
  const listener = new Listener();
  for (const path of ["/a/b", "/a", "/"]) tree.watch(path, Recursive, listener);
  tree.watch("/a/b", Persistent, listener);
  tree.watch("/a/b", Data, listener);
  tree.watch("/a/b", Data, listener);
  tree.apply(setDataOf("/a/b"));
  assert.deepEqual(listener.take(), ["NodeDataChanged /a/b"]);
  tree.watch("/a/b", Data, listener);
  tree.watch("/a/b", Child, listener);
  tree.watch("/a", Child, listener);
  tree.apply(deleteOf("/a/b"));
  assert.deepEqual(listener.take(), ["NodeDeleted /a/b", "NodeChildrenChanged /a"]);
});

Deno.test("WatchManager fires in the order of a multi's operations, one-shot watches once", () => {
  const tree = new Tree();
  const listener = tree.watch("/a", Child);
  tree.watch("/a/x", Data, listener);
  tree.apply({
    kind: "multi",
    ops: [createOf("/a/x"), createOf("/a/y"), deleteOf("/a/x")].map((txn) => ({ type: 1, txn })),
  });
  assert.deepEqual(listener.take(), ["NodeCreated /a/x", "NodeChildrenChanged /a"]);
});

Deno.test("WatchManager tells of ephemerals that end with their session", () => {
  const tree = new Tree();
  tree.apply(createOf("/a/e", true));
  const listener = tree.watch("/a/e", Data);
  tree.watch("/a", Child, listener);
  tree.apply({ kind: "closeSession", paths: [encodeUtf8("/a/e")] });
  assert.deepEqual(listener.take(), ["NodeDeleted /a/e", "NodeChildrenChanged /a"]);
});

Deno.test("WatchManager.has() and remove() look for the registrations that a type names", () => {
  const cases: { type: number; finds: number[] }[] = [
    { type: 1, finds: [Child] },
    { type: 2, finds: [Data] },
    { type: 3, finds: [Data, Child, Persistent, Recursive] },
    { type: 4, finds: [Persistent] },
    { type: 5, finds: [Recursive] },
  ];
  const path = encodeUtf8("/a");
  for (const { type, finds } of cases) {
    const modes = WATCHER_TYPE_MODES[type]!;
    for (const mode of [Data, Child, Persistent, Recursive]) {
      const { tree: { watches }, watch } = { tree: new Tree().tree, watch: new Listener() };
      watches.add(path, watch, mode);
      assert.equal(watches.has(path, watch, modes), finds.includes(mode), `${type} ${mode}`);
      assert.equal(watches.has(path, new Listener(), modes), false, "of another connection");
      assert.equal(watches.remove(path, watch, modes), finds.includes(mode));
      assert.equal(watches.watchCount, finds.includes(mode) ? 0 : 1);
      assert.equal(watches.remove(encodeUtf8("/other"), watch, modes), false);
    }
  }
  assert.equal(WATCHER_TYPE_MODES[0], undefined);
  assert.equal(WATCHER_TYPE_MODES[6], undefined);
});

Deno.test("WatchManager.removeWatcher() leaves the others and nothing else", () => {
  const { tree } = new Tree();
  const { watches } = tree;
  const leaving = new Listener();
  const staying = new Listener();
  for (let i = 0; i < 1000; i++) {
    watches.add(encodeUtf8(`/p${i}`), leaving, [Data, Child, Persistent, Recursive][i % 4]!);
    if (i % 3 === 0) watches.add(encodeUtf8(`/p${i}`), staying, Data);
  }
  assert.equal(watches.watchCount, 1334);
  watches.removeWatcher(leaving);
  while (leaving.watchedPaths.size > 0) watches.continueRemoving(50);
  assert.equal(watches.watchCount, 334);
  assert.equal(watches.pathCount, 334);
  watches.fire({
    type: EventType.NodeDataChanged,
    path: encodeUtf8("/p0"),
    zxid: 1,
    acl: OPEN_ACL,
  });
  assert.deepEqual(staying.take(), ["NodeDataChanged /p0"]);
  watches.removeWatcher(staying);
  while (staying.watchedPaths.size > 0) watches.continueRemoving(1000);
  assert.equal(watches.watchCount, 0);
  assert.equal(watches.pathCount, 0);
});

Deno.test("WatchManager keeps watches on what is no legal path", () => {
  const { tree: { watches } } = new Tree();
  const listener = new Listener();
  const odd = Uint8Array.of(0x62, 0xff, 0x00, 0x2f);
  watches.add(odd, listener, Persistent);
  assert(watches.has(odd.slice(), listener, Persistent));
  assert(watches.remove(odd, listener, Persistent));
});

Deno.test("WatchManager.counts follows what is set, fired, removed and forgotten", () => {
  const tree = new Tree();
  const { watches } = tree.tree;
  const counts = () => Object.values(watches.counts);
  const listener = tree.watch("/a", Data);
  for (const mode of [Data, Child, Persistent, Recursive]) tree.watch("/a", mode, listener);
  tree.watch("/c", Data, listener);
  assert.deepEqual(counts(), [2, 1, 1, 1]);
  tree.apply({ kind: "setData", path: encodeUtf8("/a"), data: null, version: 1 });
  assert.deepEqual(counts(), [1, 1, 1, 1]);
  watches.remove(encodeUtf8("/a"), listener, Persistent | Child);
  assert.deepEqual(counts(), [1, 0, 0, 1]);
  watches.removeWatcher(listener);
  assert.deepEqual(counts(), [0, 0, 0, 0]);
});
