import assert from "node:assert/strict";
import {
  SnapshotCorruptError,
  SnapshotLoader,
  type SnapshotSummary,
} from "../../../core/storage/snapshot_loader.ts";
import { SnapshotWriter } from "../../../core/storage/snapshot_writer.ts";
import { ExtendedTypesOffError } from "../../../core/storage/tree_record_reader.ts";
import { makeAclList } from "../../../core/tree/acl_list.ts";
import type { TxnHeader } from "../../../core/txn/txn.ts";
import { encodeUtf8 } from "../../../core/wire/jute.ts";
import { NaiveTree } from "../../model/naive_tree.ts";
import {
  concat,
  createTxn,
  dataTreeSubject,
  LENGTH_MAX,
  makeSubjects,
  snapshotBytes,
  type Subject,
  viewOf,
} from "../../model/storage_helpers.ts";

const ALICE_ACL = makeAclList([{ perms: 31, id: { scheme: "digest", id: "alice:x" } }]);

function header(zxid: number, sessionId = 0n): TxnHeader {
  return { sessionId, cxid: 0, zxid, timeMs: 5000 + zxid, type: 1 };
}

function create(subject: Subject, zxid: number, path: string, data?: string): void {
  subject.replay({ header: header(zxid), txn: createTxn(path, data), digest: null });
}

function populate(subject: Subject): void {
  const { replay } = subject;
  replay({ header: header(1, 77n), txn: { kind: "createSession", timeoutMs: 9 }, digest: null });
  for (let i = 2; i < 60; i++) create(subject, i, `/n${i}`, "d".repeat(i * 10));
  for (let i = 60; i < 70; i++) create(subject, i, `/n5/c${i}`);
  const path = encodeUtf8("/n5/c60");
  const acl = ALICE_ACL;
  replay({ header: header(70), txn: { kind: "setAcl", path, acl, version: 1 }, digest: null });
  replay({
    header: header(71),
    txn: { kind: "setData", path, data: null, version: 1 },
    digest: null,
  });
}

function load(
  pieces: Iterable<Uint8Array>,
  options: { extendedTypes?: boolean } = {},
): { view: NaiveTree; summary: SnapshotSummary } {
  const view = new NaiveTree();
  const loader = new SnapshotLoader({
    tree: view,
    sessions: view.sessions,
    lengthMax: LENGTH_MAX,
    extendedTypes: true,
    ...options,
  });
  for (const piece of pieces) loader.push(piece);
  const summary = loader.finish();
  view.finishLoad(0);
  return { view, summary };
}

function* pieces(bytes: Uint8Array, size: number): Iterable<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

Deno.test("SnapshotLoader reads what SnapshotWriter writes, in pieces and slices of any size", () => {
  for (const subject of makeSubjects()) {
    populate(subject);
    for (const sliceBytes of [1, 700, 1 << 20]) {
      const bytes = concat(snapshotBytes({ ...subject, sliceBytes }));
      for (const size of [1, 7, 1000, bytes.length]) {
        const { view, summary } = load(pieces(bytes, size));
        assert.equal(view.treeDigest, subject.tree.treeDigest, subject.name);
        assert.deepEqual(view.sessions, new Map([[77n, 9]]));
        assert.deepEqual(view.nodes.get("/n5/c60")!.acl, ALICE_ACL);
        assert.equal(view.nodes.get("/n5/c60")!.data, null);
        assert.deepEqual(summary, {
          znodeCount: 72,
          bytes: bytes.length,
          digest: { zxid: 71, version: 2, treeDigest: subject.tree.treeDigest },
          lastZxid: 71,
        });
      }
    }
  }
});

Deno.test("SnapshotLoader tells the sections behind the first seal apart by their length", () => {
  const subject = dataTreeSubject();
  populate(subject);
  const full = concat(snapshotBytes(subject));
  const base = full.length - 54;
  const lastZxidOnly = withLastZxidOnly(full.slice(0, base));
  const cases = [
    { bytes: full, digest: true, lastZxid: true },
    { bytes: full.slice(0, base), digest: false, lastZxid: false },
    { bytes: full.slice(0, base + 33), digest: true, lastZxid: false },
    { bytes: lastZxidOnly, digest: false, lastZxid: true },
  ];
  for (const { bytes, digest, lastZxid } of cases) {
    const { summary } = load([bytes]);
    assert.equal(summary.digest !== null, digest);
    assert.equal(summary.lastZxid, lastZxid ? 71 : null);
  }
  const withDigestOnly = snapshotBytes({ ...subject, withLastZxid: false });
  assert.deepEqual(concat(withDigestOnly), full.slice(0, base + 33));
  const withNeither = snapshotBytes({ ...subject, withDigest: false });
  assert.deepEqual(concat(withNeither), full.slice(0, base), "no last zxid without a digest");
});

Deno.test("SnapshotLoader notices every changed byte and every cut", () => {
  const subject = dataTreeSubject();
  for (let i = 1; i < 5; i++) create(subject, i, `/n${i}`);
  const bytes = concat(snapshotBytes(subject));
  for (let at = 0; at < bytes.length; at++) {
    for (const mask of [0x01, 0x80]) {
      const damaged = bytes.slice();
      damaged[at]! ^= mask;
      assert.throws(() => load([damaged]), SnapshotCorruptError, `byte ${at}`);
    }
  }
  const wholeAt = [bytes.length - 54, bytes.length - 21]; // older formats end here
  for (let length = 0; length < bytes.length; length++) {
    if (wholeAt.includes(length)) continue;
    assert.throws(() => load([bytes.subarray(0, length)]), SnapshotCorruptError, `cut ${length}`);
  }
  assert.throws(() => load([bytes, new Uint8Array(1)]), SnapshotCorruptError);
  assert.throws(() => load([bytes, new Uint8Array(5000)]), SnapshotCorruptError);
});

Deno.test("SnapshotWriter writes a tree that changes meanwhile, and replay makes it exact", () => {
  for (const subject of makeSubjects()) {
    populate(subject);
    const writer = new SnapshotWriter({ ...subject, withDigest: true, withLastZxid: true });
    assert.equal(writer.zxid, 71);
    const slices: Uint8Array[] = [];
    const later = [];
    const cversions = new Map<string, number>(); // of the parents, above all before
    const nextCversion = (parent: string) => {
      const cversion = (cversions.get(parent) ?? 1000) + 1;
      cversions.set(parent, cversion);
      return cversion;
    };
    for (let zxid = 72;; zxid++) {
      const slice = writer.next(300);
      if (slice === null) break;
      slices.push(slice.slice());
      // deletes, creates and changes ahead of the walk and behind it
      const txn = zxid % 3 === 0
        ? { kind: "delete" as const, path: encodeUtf8(`/n${zxid % 53 + 6}`) }
        : zxid % 3 === 1
        ? createTxn(`/n${zxid % 4 + 2}/late${zxid}`, "l", nextCversion(`/n${zxid % 4 + 2}`))
        : createTxn(`/n${zxid % 53 + 6}`, "again", nextCversion(""));
      const record = { header: header(zxid), txn, digest: null };
      later.push(record);
      subject.replay(record);
    }
    writer.close();
    const { view, summary } = load(slices);
    assert.ok(summary.digest!.zxid > 71);
    for (const record of later) view.replay(record);
    assert.equal(view.treeDigest, subject.tree.treeDigest, subject.name);
    assert.deepEqual([...view.nodes.keys()].sort(), [...viewOf(subject).nodes.keys()].sort());
  }
});

Deno.test("SnapshotLoader refuses TTL znodes while extended types are off, and names the setting", () => {
  const subject = dataTreeSubject();
  subject.replay({
    header: { ...header(1), type: 21 },
    txn: {
      kind: "createTtl",
      path: encodeUtf8("/ttl"),
      data: null,
      acl: ALICE_ACL,
      parentCversion: 1,
      ttlMs: 5000n,
    },
    digest: null,
  });
  const bytes = snapshotBytes(subject);
  assert.equal(load(bytes).view.nodes.get("/ttl")!.owner, -0xffffffffffec78n);
  assert.throws(() => load(bytes, { extendedTypes: false }), (error) => {
    assert.ok(error instanceof ExtendedTypesOffError);
    assert.match(error.message, /"\/ttl".*extendedTypesEnabled=true/);
    return true;
  });
});

function withLastZxidOnly(base: Uint8Array): Uint8Array {
  let a = 1;
  let b = 0;
  const section = Uint8Array.from([0, 0, 0, 0, 0, 0, 0, 71]);
  const body = concat([base, section]);
  for (const byte of body) {
    a = (a + byte) % 65521;
    b = (b + a) % 65521;
  }
  const seal = new Uint8Array(13);
  new DataView(seal.buffer).setUint32(4, (b * 65536 + a) >>> 0);
  seal.set([0, 0, 0, 1, 0x2f], 8);
  return concat([body, seal]);
}
