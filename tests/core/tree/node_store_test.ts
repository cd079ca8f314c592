import assert from "node:assert/strict";
import { NO_NODE, type NodeId, NodeStore, ROOT } from "../../../core/tree/node_store.ts";
import { decodeUtf8, encodeUtf8 } from "../../../core/wire/jute.ts";

function add(store: NodeStore, parent: NodeId, name: string): NodeId {
  const bytes = encodeUtf8(name);
  return store.add(parent, bytes, 0, bytes.length);
}

Deno.test("NodeStore.lookup() finds each of 200,000 znodes while the index grows, and none when all are gone", () => {
  const store = new NodeStore(12345);
  const ids: NodeId[] = [];
  for (let i = 0; i < 400; i++) {
    const parent = add(store, ROOT, `d${i}`);
    ids.push(parent);
    for (let k = 0; k < 500; k++) ids.push(add(store, parent, `n${k}`));
  }
  assert.equal(store.count, 1 + 400 * 501);
  assert.equal(new Set(ids).size, ids.length);
  for (let i = 0; i < ids.length; i += 7) {
    const path = store.path(ids[i]!);
    assert.equal(store.lookup(path), ids[i], decodeUtf8(path));
    assert.equal(store.pathHash(ids[i]!), store.hash(path, 0, path.length));
    const { length } = path;
    const slash = path.lastIndexOf(0x2f);
    const parent = store.parent(ids[i]!);
    assert.equal(store.findChild(parent, path, slash + 1, length), ids[i]);
  }
  assert.equal(store.lookup(encodeUtf8("/d1/n500")), NO_NODE);
  const removed = ids.reverse().map((id) => {
    const path = store.path(id);
    store.remove(id);
    return path;
  });
  assert.equal(store.count, 1);
  assert.equal(store.childCount(ROOT), 0);
  assert.equal(store.firstChild(ROOT), NO_NODE);
  for (const path of removed) assert.equal(store.lookup(path), NO_NODE);
  assert(ids.includes(add(store, ROOT, "again")), "rows are used again");
});

Deno.test("NodeStore.lookup() tells names apart byte for byte", () => {
  const store = new NodeStore(1);
  const a = add(store, ROOT, "a");
  const ab = add(store, a, "b");
  const bytes = encodeUtf8("x/a/b/y");
  assert.equal(store.lookup(bytes, 1, 5), ab, "inside a larger buffer");
  assert.equal(store.lookup(new Uint8Array()), ROOT);
  assert.equal(store.lookup(encodeUtf8("/")), ROOT);
  for (const path of ["a", "a/b", "/a/", "//a", "/a//b", "/a/b/", "/b", "/A", "/a/bb", "b", "//"]) {
    assert.equal(store.lookup(encodeUtf8(path)), NO_NODE, path);
  }
});

Deno.test("NodeStore keeps siblings linked, newest first, whichever goes", () => {
  const names = ["a", "b", "c", "d"];
  for (const gone of names) {
    const store = new NodeStore(9);
    const ids = new Map(names.map((name) => [name, add(store, ROOT, name)]));
    store.remove(ids.get(gone)!);
    const left: string[] = [];
    for (let at = store.firstChild(ROOT); at !== NO_NODE; at = store.nextSibling(at)) {
      left.push(decodeUtf8(store.name(at)));
    }
    assert.deepEqual(left, names.filter((name) => name !== gone).reverse());
    assert.equal(store.childCount(ROOT), 3);
  }
});

Deno.test("NodeStore.setData() keeps null, empty and any length apart", () => {
  const store = new NodeStore(2);
  const id = add(store, ROOT, "a");
  const other = add(store, ROOT, "b");
  store.setData(other, Uint8Array.of(9, 9, 9), 0, 3);
  for (const length of [0, 5, 16, 17, 3, -1, 600_000, 600_001, 524_288, 0, 40, -1]) {
    const data = new Uint8Array(Math.max(length, 0) + 2).fill(length);
    store.setData(id, data, 1, length);
    assert.equal(store.dataLength(id), length);
    const kept = store.data(id);
    if (length < 0) assert.equal(kept, null);
    else assert.deepEqual(kept?.slice(), data.slice(1, 1 + length));
    assert.deepEqual(store.data(other)?.slice(), Uint8Array.of(9, 9, 9));
  }
});

Deno.test("NodeStore keeps stats of any value", () => {
  const store = new NodeStore(4);
  const id = add(store, ROOT, "a");
  store.setCzxid(id, 0x1fffff * 2 ** 32 + 0xffffffff);
  store.setOwner(id, -(2n ** 63n));
  store.setDigest(id, 0xffffffff);
  store.setVersion(id, -(2 ** 31));
  store.setMtime(id, -1);
  assert.equal(store.czxid(id), 0x1fffff * 2 ** 32 + 0xffffffff);
  assert.equal(store.owner(id), -(2n ** 63n));
  assert.equal(store.digest(id), 0xffffffff);
  assert.equal(store.version(id), -(2 ** 31));
  assert.equal(store.mtime(id), -1);
  for (const owner of [0n, 1n, -1n, 0x100000000n, 0xffffffffn, 2n ** 63n - 1n]) {
    store.setOwner(id, owner);
    assert.equal(store.owner(id), owner);
  }
});
