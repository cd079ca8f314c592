/**
 * Runs random requests through the real way of a write (`Preparer`, log bytes, `TxnApplier`, the
 * committer's replies) and through the naive database, and compares after every txn.
 *
 * Requests are prepared while earlier ones wait, as they do for the disk; now and then the disk is full
 * and everything under way is dropped. A snapshot is written in slices meanwhile, and at the end the
 * log alone, and every snapshot with the log behind it, are loaded again.
 *
 * @module
 */
import assert from "node:assert/strict";
import { DEFAULT_AUTH_OPTIONS, makeAuthProviders } from "../../core/auth/auth_providers.ts";
import { Committer } from "../../core/server/committer.ts";
import { writeTxnLogHeader } from "../../core/storage/file_header.ts";
import { SnapshotLoader } from "../../core/storage/snapshot_loader.ts";
import type { SessionTable } from "../../core/storage/snapshot_tree.ts";
import { SnapshotWriter } from "../../core/storage/snapshot_writer.ts";
import { TxnLogReader } from "../../core/storage/txn_log_reader.ts";
import { DataTree } from "../../core/tree/data_tree.ts";
import { NO_NODE, ROOT } from "../../core/tree/node_store.ts";
import { subtree } from "../../core/tree/node_walk.ts";
import { TxnApplier } from "../../core/txn/apply.ts";
import { type PreparedTxn, Preparer } from "../../core/txn/prepare.ts";
import { decodeUtf8, encodeUtf8, JuteReader, JuteWriter } from "../../core/wire/jute.ts";
import { OpCode } from "../../core/wire/op_code.ts";
import { nodeHashing } from "../../net/hashing.ts";
import { concat, writeSnapshotsAsJava } from "../model/storage_helpers.ts";
import type { AclEntry } from "../support/requests.ts";
import { SeededRandom } from "../support/seeded_random.ts";
import { aclText, dataText, isUsage, NaiveDatabase, type Outcome } from "./naive_database.ts";
import { drawMix, IDENTITIES, Planner, toRequest } from "./tree_plans.ts";

const LENGTH_MAX = 2 * 0xfffff;
const PROVIDERS = makeAuthProviders(DEFAULT_AUTH_OPTIONS, nodeHashing);

/** What was exercised, to prove that the fuzzer reaches it. */
export interface TreeFuzzCounts {
  requests: number;
  failedRequests: number;
  failedMultis: number;
  txnsUnderWayMax: number;
  diskFull: number;
  snapshots: number;
  fuzzySnapshots: number;
  closedSessions: number;
  reaped: number;
}

interface TreeFuzzOptions {
  digestEnabled: boolean;
  extendedTypes: boolean;
  enforceQuota: boolean;
  closeSessionTxnEnabled: boolean;
}

interface UnderWay {
  prepared: PreparedTxn;
  op: number;
  /** What the request came to; null for what no client asked. */
  outcome: Outcome | null;
  after: NaiveDatabase;
  /** The batch's buffer, on its last txn. */
  writer: JuteWriter | null;
}

export interface TakenSnapshot {
  zxid: number;
  bytes: Uint8Array<ArrayBuffer>;
}

/** @throws {assert.AssertionError} where the two differ */
export function runTreeFuzz(
  seed: number,
  { steps = 300 }: { steps?: number } = {},
): TreeFuzzCounts {
  return new TreeFuzz(seed).run(steps);
}

/** The log records and snapshots of a run, for other fuzzers to damage. */
export interface History {
  /** One record each, zxid 1 first. */
  records: readonly Uint8Array[];
  snapshots: readonly TakenSnapshot[];
}

/** A history of a server with the usual options. */
export function makeHistory(seed: number, steps: number): History {
  const usual = { digestEnabled: true, extendedTypes: true, enforceQuota: false };
  const fuzz = new TreeFuzz(seed, { ...usual, closeSessionTxnEnabled: true });
  fuzz.run(steps);
  return { records: fuzz.log, snapshots: fuzz.snapshots };
}

class TreeFuzz {
  readonly #random: SeededRandom;
  readonly #planner: Planner;
  readonly #options: TreeFuzzOptions;
  readonly #tree: DataTree;
  readonly #sessions: SessionTable = new Map();
  readonly #committer: Committer;
  readonly #preparer: Preparer;
  /** After everything prepared, and after everything applied. */
  #ahead: NaiveDatabase;
  #durable: NaiveDatabase;
  #batch: UnderWay[] = [];
  #sealed: UnderWay[] = [];
  /** Buffers of batches that are applied: used again, as the server does. */
  readonly #freeWriters: JuteWriter[] = [];
  readonly log: Uint8Array<ArrayBuffer>[] = [];
  #unlogged: Uint8Array<ArrayBuffer>[] = [];
  readonly #underWayMax: number;
  readonly snapshots: TakenSnapshot[] = [];
  #writing:
    | { writer: SnapshotWriter; pieces: Uint8Array<ArrayBuffer>[]; sliceBytes: number }
    | null = null;
  #openSessions: { id: bigint; ids: (typeof IDENTITIES)[number] }[] = [];
  #nextSessionId = 0x100000000000001n;
  #timeMs = 1_700_000_000_000;
  readonly #counts: TreeFuzzCounts = {
    requests: 0,
    failedRequests: 0,
    failedMultis: 0,
    txnsUnderWayMax: 0,
    diskFull: 0,
    snapshots: 0,
    fuzzySnapshots: 0,
    closedSessions: 0,
    reaped: 0,
  };

  constructor(seed: number, options?: TreeFuzzOptions) {
    const random = this.#random = new SeededRandom(seed);
    this.#planner = new Planner(random, drawMix(random));
    const enforceQuota = random.chance(1, 5);
    this.#options = options ?? {
      digestEnabled: random.chance(9, 10),
      extendedTypes: random.chance(3, 4),
      enforceQuota,
      closeSessionTxnEnabled: random.chance(9, 10),
    };
    // a quota is checked against what is applied, where the naive database is already further
    this.#underWayMax = this.#options.enforceQuota ? 1 : random.pick([1, 2, 10, 60]);
    this.#tree = this.#newTree();
    writeSnapshotsAsJava(this.#tree, () => this.#counts.snapshots % 2 === 1);
    const applier = new TxnApplier(this.#tree, this.#sessions);
    this.#committer = new Committer(applier);
    this.#preparer = new Preparer({
      tree: this.#tree,
      providers: PROVIDERS,
      options: { ...this.#options, reconfigure: null },
      writer: new JuteWriter(64),
    });
    this.#ahead = new NaiveDatabase(this.#options);
    this.#durable = this.#ahead.clone();
  }

  run(steps: number): TreeFuzzCounts {
    const random = this.#random;
    for (let step = 0; step < steps; step++) {
      this.#timeMs += random.weighted([[5, 1], [3, 0], [1, 5000], [1, -3000]]);
      this.#prepareSomething();
      const waiting = this.#batch.length + this.#sealed.length;
      this.#counts.txnsUnderWayMax = Math.max(this.#counts.txnsUnderWayMax, waiting);
      if (waiting >= this.#underWayMax || random.chance(1, 4)) {
        this.#seal();
        const count = waiting >= this.#underWayMax
          ? random.between(1, waiting)
          : random.below(waiting + 1);
        for (let i = 0; i < count; i++) this.#commitFirst();
      }
      if (random.chance(1, 150)) this.#diskIsFull();
      this.#workOnSnapshot();
    }
    this.#seal();
    while (this.#sealed.length > 0) this.#commitFirst();
    if (this.#writing !== null) this.#finishSnapshot();
    this.#replayEverything();
    return this.#counts;
  }

  // ---------------------------------------------------------------- requests

  #prepareSomething(): void {
    const random = this.#random;
    const { id, ids } = this.#openSessions.length === 0
      ? this.#openSession()
      : random.pick(this.#openSessions);
    if (random.chance(1, 25) && this.#openSessions.length < 4) return void this.#openSession();
    if (random.chance(1, 30)) return this.#closeSession(id);
    if (random.chance(1, 20)) return this.#reap();
    const asked = this.#planner.request(this.#ahead);
    const request = toRequest(asked);
    const cxid = this.#counts.requests++;
    const outcome = this.#ahead.request(asked, { sessionId: id, ids, timeMs: this.#timeMs });
    if (outcome.err !== 0) this.#counts.failedRequests++;
    // at an offset, as frames stand in a connection's buffer
    const offset = random.below(5);
    const frame = concat([new Uint8Array(offset), request.body, random.bytes(random.below(9))]);
    const reader = new JuteReader(frame, { lengthMax: 0xfffff });
    reader.position = offset;
    reader.end = offset + request.body.length;
    const requester = { sessionId: id, cxid, ids };
    const prepared = this.#preparer.prepare(request.type, reader, requester, this.#timeMs);
    frame.fill(0xaa); // the buffer is used for other frames from here on
    const { txn } = prepared;
    if (txn.kind === "multi" && txn.ops.some((op) => op.txn.kind === "error")) {
      this.#counts.failedMultis++;
    }
    this.#enqueue(prepared, request.type, outcome);
  }

  #openSession(): { id: bigint; ids: (typeof IDENTITIES)[number] } {
    const session = { id: this.#nextSessionId++, ids: this.#random.pick(IDENTITIES) };
    this.#openSessions.push(session);
    const timeoutMs = this.#random.between(4000, 40000);
    this.#ahead.createSession(session.id, timeoutMs);
    const prepared = this.#preparer.prepareCreateSession(session.id, timeoutMs, this.#timeMs);
    this.#enqueue(prepared, OpCode.CreateSession, null);
    return session;
  }

  #closeSession(id: bigint): void {
    this.#openSessions = this.#openSessions.filter((session) => session.id !== id);
    this.#ahead.closeSession(id);
    const prepared = this.#preparer.prepareCloseSession(id, 0, this.#timeMs);
    this.#enqueue(prepared, OpCode.CloseSession, null);
    this.#counts.closedSessions++;
    assert(prepared.txn.kind === "closeSession");
    const paths = (prepared.txn.paths ?? []).map(decodeUtf8);
    assert.equal(new Set(paths).size, paths.length, `closeSession names a znode twice: ${paths}`);
  }

  #reap(): void {
    const special = [...this.#ahead.nodes].filter(([, { kind }]) => kind !== "persistent");
    const path = special.length === 0 ? "/a" : this.#random.pick(special)[0];
    const prepared = this.#preparer.prepareDeleteContainer(encodeUtf8(path), {
      wallMs: this.#timeMs + 2 ** 41, // every time to live is over
      maxNeverUsedIntervalMs: 1,
    });
    assert.equal(prepared !== null, this.#ahead.deleteContainer(path), `reaping ${path}`);
    if (prepared === null) return;
    this.#counts.reaped++;
    this.#enqueue(prepared, OpCode.DeleteContainer, null);
  }

  #enqueue(prepared: PreparedTxn, op: number, outcome: Outcome | null): void {
    assert.equal(prepared.header.zxid, this.#ahead.zxid, "one zxid a request");
    this.#batch.push({ prepared, op, outcome, after: this.#ahead.clone(), writer: null });
  }

  // ---------------------------------------------------------------- commits

  /** The batch goes to the disk; the next one fills another buffer. */
  #seal(): void {
    if (this.#batch.length === 0) return;
    const bytes = this.#preparer.writer.written().slice();
    this.#batch.at(-1)!.writer = this.#preparer.writer;
    this.#preparer.writer = this.#freeWriters.pop() ??
      new JuteWriter(this.#random.pick([32, 64, 1024, 65536]));
    const reader = new JuteReader(bytes);
    for (const entry of this.#batch) {
      reader.position += 8;
      const end = reader.position + 4 + reader.view.getInt32(reader.position) + 1;
      this.#unlogged.push(bytes.slice(reader.position - 8, end));
      reader.position = end;
      this.#sealed.push(entry);
    }
    assert.equal(reader.remaining, 0, "a batch holds the records of its txns and nothing else");
    this.#batch = [];
  }

  #commitFirst(): void {
    const { prepared, op, outcome, after, writer: batchWriter } = this.#sealed.shift()!;
    const err = this.#committer.apply(prepared);
    if (outcome !== null) {
      const what = `${JSON.stringify(prepared.header, bigintText)} ${prepared.txn.kind}`;
      assert.equal(err, outcome.err, `error code of ${what}`);
      if (err === 0) {
        const writer = new JuteWriter();
        this.#committer.writeBody(writer, prepared, op);
        assert.equal(writer.written().toHex(), outcome.body.toHex(), `reply to ${what}`);
      }
    }
    this.#preparer.applied(prepared);
    if (batchWriter !== null) {
      batchWriter.buffer.fill(0xee);
      batchWriter.position = 0;
      this.#freeWriters.push(batchWriter);
    }
    this.log.push(this.#unlogged.shift()!);
    this.#durable = after;
    this.#compareTrees();
  }

  #compareTrees(): void {
    const expected = this.#durable.dump();
    const actual = dumpTree(this.#tree, this.#sessions, this.#options);
    compare(actual, withoutDigest(expected, this.#options), "the tree and the naive one");
    if (this.#options.digestEnabled) {
      assert.equal(this.#tree.treeDigest, this.#durable.treeDigest, "the incremental digest");
    }
  }

  /** What is not durable is dropped, as if it had never been asked. */
  #diskIsFull(): void {
    this.#counts.diskFull++;
    this.#preparer.reset();
    this.#preparer.writer.position = 0;
    this.#batch = [];
    this.#sealed = [];
    this.#unlogged = [];
    this.#ahead = this.#durable.clone();
    this.#openSessions = this.#openSessions.filter(({ id }) => this.#durable.sessions.has(id));
    for (const id of this.#durable.sessions.keys()) { // their closing was dropped
      if (this.#openSessions.some((session) => session.id === id)) continue;
      this.#openSessions.push({ id, ids: this.#random.pick(IDENTITIES) });
    }
    assert.equal(this.#preparer.lastZxid, this.#durable.zxid);
  }

  // ---------------------------------------------------------------- snapshots

  #workOnSnapshot(): void {
    const random = this.#random;
    if (this.#writing === null) {
      if (!random.chance(1, 60)) return;
      const content = { tree: this.#tree, sessions: this.#sessions };
      const withDigest = this.#options.digestEnabled;
      const writer = new SnapshotWriter({ ...content, withDigest, withLastZxid: withDigest });
      this.#writing = { writer, pieces: [], sliceBytes: random.pick([1, 200, 1000]) };
    }
    if (random.chance(2, 3)) return;
    const piece = this.#writing.writer.next(this.#writing.sliceBytes);
    if (piece === null) this.#finishSnapshot();
    else this.#writing.pieces.push(piece.slice());
  }

  #finishSnapshot(): void {
    const { writer, pieces, sliceBytes } = this.#writing!;
    for (let piece = writer.next(sliceBytes); piece !== null; piece = writer.next(sliceBytes)) {
      pieces.push(piece.slice());
    }
    writer.close();
    this.#writing = null;
    this.#counts.snapshots++;
    if (this.#tree.lastProcessedZxid > writer.zxid) this.#counts.fuzzySnapshots++;
    this.snapshots.push({ zxid: writer.zxid, bytes: concat(pieces) });
  }

  // ---------------------------------------------------------------- replay

  #replayEverything(): void {
    const header = new JuteWriter();
    writeTxnLogHeader(header);
    const log = concat([header.written(), ...this.log]);
    this.#replay("the log alone", log, null);
    // without the list of ephemerals a fuzzy snapshot cannot be made exact (ZOOKEEPER-3145)
    if (!this.#options.closeSessionTxnEnabled) return;
    for (const snapshot of this.snapshots) {
      this.#replay(`snapshot ${snapshot.zxid} and the log behind it`, log, snapshot);
    }
  }

  #replay(what: string, log: Uint8Array, snapshot: TakenSnapshot | null): void {
    const tree = this.#newTree();
    const sessions: SessionTable = new Map();
    const applier = new TxnApplier(tree, sessions);
    let exactFrom = 0;
    if (snapshot !== null) {
      const { extendedTypes } = this.#options;
      const options = { tree, sessions, lengthMax: LENGTH_MAX, extendedTypes };
      const loader = new SnapshotLoader(options);
      const pieceBytes = this.#random.pick([7, 100, 1 << 20]);
      for (let at = 0; at < snapshot.bytes.length; at += pieceBytes) {
        loader.push(snapshot.bytes.subarray(at, at + pieceBytes));
      }
      exactFrom = loader.finish().digest?.zxid ?? 0;
      tree.finishLoad(snapshot.zxid);
    }
    let at = 0;
    const source = {
      read: (target: Uint8Array) => {
        const count = Math.min(target.length, log.length - at);
        target.set(log.subarray(at, at + count));
        at += count;
        return count;
      },
    };
    const chunkBytes = this.#random.pick([64, 1000, 1 << 20]);
    const reader = new TxnLogReader({
      source,
      fileName: "log.1",
      lengthMax: LENGTH_MAX,
      chunkBytes,
    });
    assert.equal(reader.readHeader(), "present");
    while (reader.next()) {
      if (snapshot !== null && reader.zxid <= snapshot.zxid) continue;
      const { header, txn, digest } = reader.record();
      applier.apply(header, txn);
      if (digest === null || header.zxid < exactFrom) continue;
      assert.equal(tree.treeDigest, digest.treeDigest, `${what}: digest at zxid ${header.zxid}`);
    }
    const withUsage = snapshot === null; // usage is counted anew after loading, with its own rules
    const expected = withoutDigest(this.#durable.dump({ withUsage }), this.#options);
    compare(dumpTree(tree, sessions, { ...this.#options, withUsage }), expected, what);
  }

  #newTree(): DataTree {
    return new DataTree({
      digestEnabled: this.#options.digestEnabled,
      extendedTypes: this.#options.extendedTypes,
      emulate353Ttl: false,
      hashSeed: this.#random.uint32(),
    });
  }
}

/** The same lines as `NaiveDatabase.dump`. */
export function dumpTree(
  tree: DataTree,
  sessions: SessionTable,
  { digestEnabled, withUsage = true }: { digestEnabled: boolean; withUsage?: boolean },
): string {
  const { store } = tree;
  const lines: string[] = [];
  let usageBytes = 0;
  for (const id of subtree(tree.store, ROOT)) {
    const path = decodeUtf8(store.path(id));
    const data = store.data(id);
    const hidden = !withUsage && isUsage(path);
    if (hidden) usageBytes += data?.length ?? 0;
    const children: string[] = [];
    for (let at = store.firstChild(id); at !== NO_NODE; at = store.nextSibling(at)) {
      children.push(decodeUtf8(store.name(at)));
    }
    assert.equal(children.length, store.childCount(id), `child count of ${path}`);
    assert.equal(store.lookup(encodeUtf8(path)), id, `lookup of ${path}`);
    const acl = tree.aclOf(id).entries.map(({ perms, id }): AclEntry => ({ perms, ...id }));
    lines.push(
      `${path} ${hidden ? "usage" : dataText(data)} acl=${aclText(acl)} ${store.czxid(id)} ` +
        `${store.mzxid(id)} ${store.pzxid(id)} ${store.ctime(id)} ${store.mtime(id)} ` +
        `${store.version(id)} ${store.cversion(id)} ${store.aversion(id)} ${store.owner(id)} [${
          children.sort().join(",")
        }]`,
    );
  }
  lines.sort();
  const pathOf = (id: number) => decodeUtf8(store.path(id));
  const ephemerals: string[] = [];
  for (const { sessionId, nodes } of tree.ephemeralsBySession()) {
    for (const id of nodes) ephemerals.push(`${sessionId}:${pathOf(id)}`);
  }
  assert.equal(tree.ephemeralCount, ephemerals.length, "count of ephemerals");
  lines.push(`ephemerals ${ephemerals.sort().join(" ")}`);
  const containers = [...tree.containers].map(pathOf).sort().join(" ");
  lines.push(`containers ${containers} ttls ${[...tree.ttlNodes].map(pathOf).sort().join(" ")}`);
  lines.push(`sessions ${[...sessions].map(String).sort().join(" ")}`);
  const bytes = tree.dataSize - usageBytes;
  lines.push(`zxid ${tree.lastProcessedZxid} count ${tree.nodeCount} bytes ${bytes}`);
  if (digestEnabled) lines.push(`digest ${tree.treeDigest}`);
  return lines.join("\n");
}

function withoutDigest(dump: string, { digestEnabled }: { digestEnabled: boolean }): string {
  return digestEnabled ? dump : dump.slice(0, dump.lastIndexOf("\n"));
}

/** Names the lines that differ, which a diff of hundreds of lines would bury. */
export function compare(actual: string, expected: string, what: string): void {
  if (actual === expected) return;
  const actualLines = new Set(actual.split("\n"));
  const expectedLines = new Set(expected.split("\n"));
  const extra = [...actualLines].filter((line) => !expectedLines.has(line));
  const missing = [...expectedLines].filter((line) => !actualLines.has(line));
  assert.fail(
    `${what} differ:\n  is       ${extra.join("\n  is       ")}\n  expected ${
      missing.join("\n  expected ")
    }`,
  );
}

function bigintText(_key: string, value: unknown): unknown {
  return typeof value === "bigint" ? value.toString(16) : value;
}
