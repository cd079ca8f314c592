import assert from "node:assert/strict";
import { DecodeError } from "../../../core/errors.ts";
import { TreeClearedError } from "../../../core/storage/snapshot_tree.ts";
import { SnapshotWriter } from "../../../core/storage/snapshot_writer.ts";
import { ExtendedTypesOffError } from "../../../core/storage/tree_record_reader.ts";
import { TreeStreamLoader, TreeStreamWriter } from "../../../core/storage/tree_stream.ts";
import { makeAclList } from "../../../core/tree/acl_list.ts";
import type { TxnRecord } from "../../../core/txn/txn.ts";
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
import { SeededRandom } from "../../support/seeded_random.ts";

const CAPTURES = new URL("../../testdata/quorum-captures/", import.meta.url);

interface CapturedStream {
  bytes: Uint8Array;
  zxid: number;
  sessions: [id: string, timeoutMs: number][];
  nodes: string[];
}

/** The trees that a Java leader sent, with what was seen in them. */
function capturedStreams(name: string): CapturedStream[] {
  const { messages } = JSON.parse(Deno.readTextFileSync(new URL(`${name}.json`, CAPTURES)));
  return messages.flatMap((message: Record<string, unknown>, i: number) => {
    if (message.name !== "SNAPSHOT-STREAM") return [];
    const { sessions, nodes } = message.decoded as CapturedStream;
    const zxid = Number(messages[i - 1].decoded.zxid);
    return [{ bytes: Uint8Array.fromHex(message.hex as string), zxid, sessions, nodes }];
  });
}

function loaderInto({ tree, sessions }: Pick<Subject, "tree" | "sessions">): TreeStreamLoader {
  return new TreeStreamLoader({ tree, sessions, lengthMax: LENGTH_MAX, extendedTypes: true });
}

function streamOf(subject: Subject, sliceBytes = 4096): Uint8Array<ArrayBuffer> {
  const writer = new TreeStreamWriter(subject);
  const slices: Uint8Array[] = [];
  for (let slice = writer.next(sliceBytes); slice !== null; slice = writer.next(sliceBytes)) {
    slices.push(slice.slice());
  }
  writer.close();
  return concat(slices);
}

function txn(zxid: number, txn: TxnRecord["txn"], sessionId = 0n): TxnRecord {
  return {
    header: { sessionId, cxid: 0, zxid, timeMs: 5000 + zxid, type: 1 },
    txn,
    digest: null,
  };
}

function populated(subject: Subject): Subject {
  subject.replay(txn(1, { kind: "createSession", timeoutMs: 9000 }, 77n));
  for (let i = 2; i < 40; i++) subject.replay(txn(i, createTxn(`/n${i}`, "d".repeat(i))));
  const acl = makeAclList([{ perms: 31, id: { scheme: "digest", id: "alice:x" } }]);
  subject.replay(txn(40, { kind: "setAcl", path: encodeUtf8("/n5"), acl, version: 1 }));
  return subject;
}

Deno.test("TreeStreamLoader reads what a Java leader sent, cut at every byte", () => {
  const captured = ["01-boot-election-empty-sync", "05-sync-snap"].flatMap(capturedStreams);
  assert.equal(captured.length, 3);
  const behind = Uint8Array.from([0, 0, 0, 10, 1, 2, 3]); // of the packets that follow
  for (const { bytes, zxid, sessions, nodes } of captured) {
    for (const subject of makeSubjects()) {
      for (let cut = 0; cut <= bytes.length; cut++) {
        const loader = loaderInto(subject);
        const isWholeBefore = loader.push(bytes.subarray(0, cut));
        assert.equal(isWholeBefore, cut === bytes.length, `cut ${cut}`);
        if (isWholeBefore) assert.equal(loader.unreadByteCount, 0);
        else {
          assert.equal(loader.push(concat([bytes.subarray(cut), behind])), true, `cut ${cut}`);
          assert.equal(loader.unreadByteCount, behind.length, `cut ${cut}`);
        }
        assert.equal(subject.tree.lastProcessedZxid, 0, "only the caller says it is whole");
        assert.equal(loader.znodeCount, nodes.length);
      }
      subject.tree.finishLoad(zxid);
      assert.deepEqual([...viewOf(subject).nodes.keys()].sort(), [...nodes].sort());
      assert.deepEqual(subject.sessions, new Map(sessions.map(([id, ms]) => [BigInt(id), ms])));
    }
  }
});

Deno.test("TreeStreamLoader takes bytes one by one", () => {
  const [{ bytes }] = capturedStreams("05-sync-snap") as [CapturedStream];
  const subject = dataTreeSubject();
  const loader = loaderInto(subject);
  for (let at = 0; at < bytes.length; at++) {
    assert.equal(loader.push(bytes.subarray(at, at + 1)), at === bytes.length - 1, `byte ${at}`);
  }
});

Deno.test("TreeStreamWriter writes the middle of a snapshot, in slices of any size", () => {
  for (const subject of makeSubjects()) {
    populated(subject);
    const file = concat(snapshotBytes({ ...subject, withDigest: false, withLastZxid: false }));
    const expected = concat([
      file.subarray(16, file.length - 13), // without header and seal
      Uint8Array.fromHex("0000000a42656e57617348657265"),
    ]);
    for (const sliceBytes of [1, 300, 1 << 20]) {
      assert.deepEqual(streamOf(subject, sliceBytes), expected, `${subject.name} ${sliceBytes}`);
    }
  }
});

Deno.test("TreeStreamLoader refuses what is no tree, and a tree that is not signed", () => {
  const good = streamOf(populated(dataTreeSubject()));
  const damages: [name: string, damage: (bytes: Uint8Array) => void][] = [
    ["the signature", (bytes) => bytes[bytes.length - 1] = 0x45],
    ["the signature's length", (bytes) => bytes[bytes.length - 11] = 0x09],
    ["a path's length", (bytes) => bytes.fill(0xff, bytes.length - 300, bytes.length - 19)],
  ];
  for (const [name, damage] of damages) {
    const bytes = good.slice();
    damage(bytes);
    const loader = loaderInto(dataTreeSubject());
    let isComplete = false;
    try {
      isComplete = loader.push(bytes);
    } catch (error) {
      assert.ok(error instanceof DecodeError, `${name}: ${error}`);
    }
    assert.equal(isComplete, false, name);
  }
  const loader = loaderInto(dataTreeSubject());
  assert.equal(loader.push(good), true);
  assert.throws(() => loader.push(good), DecodeError, "it was complete");
});

Deno.test("TreeStreamLoader refuses TTL znodes while extended types are off", () => {
  const leader = dataTreeSubject();
  const path = encodeUtf8("/ttl");
  const create = createTxn("/ttl");
  assert.ok(create.kind === "create");
  const { data, acl } = create;
  leader.replay(txn(1, { kind: "createTtl", path, data, acl, parentCversion: -1, ttlMs: 5n }));
  const { tree, sessions } = dataTreeSubject();
  const options = { tree, sessions, lengthMax: LENGTH_MAX, extendedTypes: false };
  assert.throws(() => new TreeStreamLoader(options).push(streamOf(leader)), ExtendedTypesOffError);
});

Deno.test("A tree that was received in part is gone when it is cleared", () => {
  const bytes = streamOf(populated(dataTreeSubject()));
  const subject = populated(dataTreeSubject());
  const loader = loaderInto(subject);
  assert.equal(loader.push(bytes.subarray(0, bytes.length / 2)), false);
  assert.equal(subject.tree.lastProcessedZxid, 0);
  subject.tree.resetToEmptyDatabase();
  subject.sessions.clear();
  assert.deepEqual(streamOf(subject), streamOf(dataTreeSubject()));
});

/** What is done to a tree while it is written: creates, deletes and changes, anywhere. */
function randomTxn(random: SeededRandom, zxid: number, present: Set<string>): TxnRecord {
  const parent = `/n${random.below(60)}`;
  const path = !present.has(parent) || random.below(3) === 0 ? parent : `${parent}/c`;
  if (!present.has(path)) {
    present.add(path);
    return txn(zxid, createTxn(path, `late${zxid}`, 1000 + zxid));
  }
  if (random.below(2) === 0 || present.has(`${path}/c`)) {
    return txn(zxid, { kind: "setData", path: encodeUtf8(path), data: null, version: zxid });
  }
  present.delete(path);
  return txn(zxid, { kind: "delete", path: encodeUtf8(path) });
}

Deno.test("Several walks over one tree that changes are each made exact by what followed them", () => {
  for (let seed = 1; seed <= 40; seed++) {
    const random = new SeededRandom(seed);
    for (const subject of makeSubjects()) {
      populated(subject);
      const present = new Set([...Array(38).keys()].map((i) => `/n${i + 2}`));
      const records: TxnRecord[] = [];
      const walks: { zxid: number; slices: Uint8Array[]; writer: TreeStreamWriter }[] = [];
      const snapshot = new SnapshotWriter({ ...subject, withDigest: true, withLastZxid: true });
      const file: Uint8Array[] = [];
      let openCount = 1;
      for (let zxid = 41; openCount > 0; zxid++) {
        if (walks.length < 3) {
          const writer = new TreeStreamWriter(subject);
          assert.equal(writer.zxid, zxid - 1);
          walks.push({ zxid: writer.zxid, slices: [], writer });
        }
        openCount = 0;
        const step = (writer: SnapshotWriter | TreeStreamWriter, slices: Uint8Array[]) => {
          if (random.below(2) === 0) return openCount++;
          const slice = writer.next(random.below(400));
          if (slice === null) return;
          slices.push(slice.slice());
          openCount++;
        };
        step(snapshot, file);
        for (const { writer, slices } of walks) step(writer, slices);
        const record = randomTxn(random, zxid, present);
        records.push(record);
        subject.replay(record);
      }
      for (const { writer } of walks) writer.close();
      snapshot.close();
      const streamed = concat(file);
      walks.push({ // the file's middle, signed, is a stream as well
        zxid: 40,
        slices: [
          streamed.subarray(16, streamed.length - 54 - 13),
          Uint8Array.fromHex("0000000a42656e57617348657265"),
        ],
        writer: walks[0]!.writer,
      });
      for (const { zxid, slices } of walks) {
        const received = new NaiveTree();
        const loader = loaderInto({ tree: received, sessions: received.sessions });
        assert.equal(loader.push(concat(slices)), true, `seed ${seed}`);
        received.finishLoad(zxid);
        for (const record of records) if (record.header.zxid > zxid) received.replay(record);
        assert.equal(received.treeDigest, subject.tree.treeDigest, `${subject.name} seed ${seed}`);
        assert.deepEqual(received.nodes, viewOf(subject).nodes, `${subject.name} seed ${seed}`);
      }
    }
  }
});

Deno.test("A walk ends with an error when the tree was cleared under it, other walks go on", () => {
  const subject = populated(dataTreeSubject());
  const before = new TreeStreamWriter(subject);
  before.next(10);
  before.next(10);
  subject.tree.resetToEmptyDatabase();
  populated(subject);
  const after = new TreeStreamWriter(subject);
  after.next(10);
  assert.throws(() => before.next(10), TreeClearedError);
  before.close();
  for (let i = 2; i < 40; i += 2) {
    subject.replay(txn(39 + i, { kind: "delete", path: encodeUtf8(`/n${i}`) }));
  }
  while (after.next(100) !== null);
  after.close();
});
