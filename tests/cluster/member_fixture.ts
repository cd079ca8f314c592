/**
 * A member of an ensemble whose disk and connections are lists: what it makes durable and what it sends
 * is written down in one trace, in the order in which it happens.
 *
 * The disk does nothing by itself: a test says when a batch is written and synced, and when what takes
 * time (truncation, a snapshot, loading) is done.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { LogNeighbourhood } from "../../cluster/learner_sync.ts";
import type {
  Channel,
  History,
  LogCursor,
  Member,
  MemberServices,
  MemberStorage,
} from "../../cluster/member.ts";
import { type ConfigStore, Membership } from "../../cluster/membership.ts";
import { QuorumConfig } from "../../cluster/quorum_config.ts";
import {
  PacketStream,
  PacketType,
  type QuorumPacket,
  writePacket,
} from "../../cluster/quorum_packet.ts";
import { ProposalLog } from "../../cluster/proposal_log.ts";
import { makeAuthProviders } from "../../core/auth/auth_providers.ts";
import { ServerMetrics } from "../../core/metrics/server_metrics.ts";
import type { Epochs } from "../../core/ports.ts";
import { AuthRequests } from "../../core/server/auth_requests.ts";
import type { LogBatch } from "../../core/server/log_batches.ts";
import type { LogSource } from "../../core/server/log_source.ts";
import { RequestProcessor } from "../../core/server/request_processor.ts";
import type { ServerConfig } from "../../core/server_config.ts";
import { ServerStats } from "../../core/server_stats.ts";
import { SnapshotLoader } from "../../core/storage/snapshot_loader.ts";
import { TreeStreamLoader } from "../../core/storage/tree_stream.ts";
import { RECORD_OVERHEAD_BYTES, RECORD_PREFIX_BYTES } from "../../core/storage/txn_log_format.ts";
import { DataTree } from "../../core/tree/data_tree.ts";
import { NO_NODE } from "../../core/tree/node_store.ts";
import { TxnApplier } from "../../core/txn/apply.ts";
import { readTxnRecord } from "../../core/txn/txn.ts";
import { JuteReader, JuteWriter } from "../../core/wire/jute.ts";
import { counterOf, epochOf, makeZxid, type Zxid } from "../../core/zxid.ts";
import { nodeHashing } from "../../net/hashing.ts";
import { makeConfig } from "../fuzz/server_fixture.ts";
import {
  createTxn,
  dataTreeSubject,
  LENGTH_MAX,
  LinesLogger,
  logRecord,
  snapshotBytes,
} from "../model/storage_helpers.ts";
import { SeededRandom } from "../support/seeded_random.ts";
import { makeTempDir } from "../support/temp_dir.ts";

/** `4.3` is the third txn of epoch 4. */
export function zxidOf(text: string): Zxid {
  const [epoch, counter] = text.split(".").map(Number);
  return makeZxid(epoch!, counter!);
}

export function zxidText(zxid: Zxid): string {
  return zxid < 0 ? "none" : `${epochOf(zxid)}.${counterOf(zxid)}`;
}

/** `zxidsOf("4.1-3", "5.1")` are four txns. */
export function zxidsOf(...ranges: readonly string[]): Zxid[] {
  return ranges.flatMap((range) => {
    const [first, last] = range.split("-");
    const from = zxidOf(first!);
    const count = last === undefined ? 1 : Number(last) - counterOf(from) + 1;
    return Array.from({ length: count }, (_, i) => from + i);
  });
}

/** The znode that a txn of these tests makes. */
export function pathOf(zxid: Zxid): string {
  return `/n${zxidText(zxid)}`;
}

/** The body of a log record: what PROPOSAL and INFORM carry. */
export function txnBody(zxid: Zxid): Uint8Array {
  const record = logRecord(zxid, createTxn(pathOf(zxid)));
  return record.slice(RECORD_PREFIX_BYTES, record.length - 1);
}

/** The tree, and what else it takes to make a snapshot, of a server that applied these txns. */
export function treeOf(zxids: readonly Zxid[]) {
  const subject = dataTreeSubject();
  for (const zxid of zxids) subject.replay(readTxnRecord(new JuteReader(txnBody(zxid))));
  return subject;
}

/** Packets as a text: `PROPOSAL 4.1`, with what an ACKEPOCH or an INFO says behind. */
export function packetText({ type, zxid, data }: QuorumPacket): string {
  const name = NAMES.get(type) ?? `type ${type}`;
  const text = zxid < 0 ? name : `${name} ${zxidText(zxid)}`;
  return type === PacketType.AckEpoch
    ? `${text} of epoch ${new DataView(data!.buffer, data!.byteOffset).getInt32(0)}`
    : text;
}

const NAMES = new Map<number, string>(
  Object.entries(PacketType).map(([name, type]) => [type, name.toUpperCase()]),
);

/** Bytes of packets, for the other side of a channel. */
export function packetBytes(
  ...packets: readonly (Parameters<typeof writePacket>[1] | Uint8Array)[]
): Uint8Array<ArrayBuffer> {
  const writer = new JuteWriter();
  for (const packet of packets) {
    if (packet instanceof Uint8Array) writer.raw(packet);
    else writePacket(writer, packet);
  }
  return writer.written().slice();
}

/** The bytes of packets that writers make. */
export function written(write: (writer: JuteWriter) => void): Uint8Array<ArrayBuffer> {
  const writer = new JuteWriter();
  write(writer);
  return writer.written().slice();
}

/** Takes apart what a member sends, trees among it. */
export class FakeChannel implements Channel {
  readonly remoteAddress: string;
  readonly #output = new JuteWriter();
  readonly #packets = new PacketStream({ dataBytesMax: 1 << 21 });
  #tree: TreeStreamLoader | null = null;
  /** All bytes that were sent. */
  readonly #sent: Uint8Array[] = [];
  /** The last tree that was sent behind a SNAP. */
  tree = dataTreeSubject();
  isClosed = false;
  /** The other side takes nothing more for now. */
  isStalled = false;

  constructor(remoteAddress: string) {
    this.remoteAddress = remoteAddress;
  }

  writer(): JuteWriter {
    return this.#output;
  }

  get outputBytes(): number {
    return this.#output.position;
  }

  close(): void {
    this.isClosed = true;
  }

  /** Sends what is written; returns what it was. */
  flush(): string[] {
    return this.#take().map((sent) => sent === "tree" ? sent : packetText(sent));
  }

  /** The same as packets, PINGs left out. */
  flushPackets(): QuorumPacket[] {
    return this.#take().filter((sent): sent is QuorumPacket =>
      sent !== "tree" && sent.type !== PacketType.Ping
    );
  }

  #take(): (QuorumPacket | "tree")[] {
    const bytes = this.#output.written().slice();
    this.#output.position = 0;
    this.#sent.push(bytes);
    this.#packets.push(bytes);
    const taken: (QuorumPacket | "tree")[] = [];
    for (;;) {
      if (this.#tree !== null) {
        const piece = this.#packets.takeRaw();
        if (piece.length === 0 || !this.#tree.push(piece)) return taken;
        this.#packets.unreadRaw(this.#tree.unreadByteCount);
        this.#tree = null;
        taken.push("tree");
      }
      const packet = this.#packets.next();
      if (packet === null) return taken;
      taken.push({ ...packet, data: packet.data?.slice() ?? null });
      if (packet.type !== PacketType.Snap) continue;
      this.tree = dataTreeSubject();
      const { tree, sessions } = this.tree;
      const options = { tree, sessions, lengthMax: LENGTH_MAX, extendedTypes: true };
      this.#tree = new TreeStreamLoader(options);
    }
  }

  /** All bytes sent since the last call. */
  takeSent(): Uint8Array<ArrayBuffer> {
    return packetBytes(...this.#sent.splice(0));
  }
}

/** Epochs that write themselves down. */
class FakeEpochs implements Epochs {
  acceptedEpoch: number;
  currentEpoch: number;
  readonly #say: (line: string) => void;

  constructor(x: { acceptedEpoch: number; currentEpoch: number; say: (line: string) => void }) {
    this.acceptedEpoch = x.acceptedEpoch;
    this.currentEpoch = x.currentEpoch;
    this.#say = x.say;
  }

  writeAccepted(epoch: number): void {
    assert.ok(epoch > this.acceptedEpoch);
    this.acceptedEpoch = epoch;
    this.#say(`acceptedEpoch ${epoch}`);
  }

  writeCurrent(epoch: number): void {
    assert.ok(epoch >= this.currentEpoch && epoch <= this.acceptedEpoch);
    this.currentEpoch = epoch;
    this.#say(`currentEpoch ${epoch}`);
  }
}

interface Recorded {
  readonly zxid: Zxid;
  readonly body: Uint8Array;
}

/** A disk that keeps what is durable in lists. */
export class FakeStorage implements MemberStorage {
  /** Durable. */
  records: Recorded[] = [];
  snapshot: { zxid: Zxid; bytes: Uint8Array[] };
  /** What the log has to offer to learners, where a test needs it. */
  neighbourhood: LogNeighbourhood | null = null;
  readonly log = { around: () => this.neighbourhood };
  source: LogSource | null = null;
  readonly #history: () => History;
  readonly #say: (line: string) => void;
  /** Written, not yet durable. */
  #written: LogBatch[] = [];
  #work: (() => void)[] = [];

  constructor({ history, say }: { history: () => History; say: (line: string) => void }) {
    this.#history = history;
    this.#say = say;
    this.snapshot = { zxid: 0, bytes: snapshotBytes(treeOf([])) };
  }

  get lastZxid(): Zxid {
    return this.records.at(-1)?.zxid ?? this.snapshot.zxid;
  }

  setLogSource(source: LogSource | null): void {
    this.source = source;
  }

  /** Takes what there is to be logged. */
  write(): void {
    if (this.source === null) return;
    for (let batch = this.source.takeBatch(); batch !== null; batch = this.source.takeBatch()) {
      this.#written.push(batch);
    }
  }

  /** Writes, makes durable, and tells who gave it. */
  sync(): void {
    const { source } = this;
    this.write();
    if (this.#written.length === 0) return;
    this.#makeDurable();
    source?.logged(this.lastZxid);
  }

  flushLog(): void {
    this.write();
    this.#makeDurable();
  }

  truncate(zxid: Zxid, done: (isTruncated: boolean) => void): void {
    this.#work.push(() => {
      const isThere = this.snapshot.zxid === zxid || this.records.some((r) => r.zxid === zxid);
      if (!isThere || this.snapshot.zxid > zxid) return done(false);
      this.records = this.records.filter((record) => record.zxid <= zxid);
      this.#say(`truncated to ${zxidText(zxid)}`);
      this.load();
      done(true);
    });
  }

  replaceBySnapshot(done: () => void): void {
    const { tree, sessions } = this.#history().applier;
    this.#work.push(() => {
      this.snapshot = {
        zxid: tree.lastProcessedZxid,
        bytes: snapshotBytes({ tree, sessions }),
      };
      this.records = [];
      this.#say(`snapshot ${zxidText(this.snapshot.zxid)}`);
      done();
    });
  }

  reload(done: () => void): void {
    this.#work.push(() => {
      this.#say("loaded again");
      this.load();
      done();
    });
  }

  /** Ends what is under way, one after the other. Returns whether there was something. */
  finish(): boolean {
    const work = this.#work.splice(0);
    for (const run of work) run();
    return work.length > 0;
  }

  readLog(after: Zxid, through: Zxid): LogCursor | null {
    const records = this.records.filter(({ zxid }) => zxid > after && zxid <= through);
    return {
      next: (_bytesMax, take) => {
        const record = records.shift();
        if (record === undefined) return "end";
        take(record.zxid, record.body);
        return "more";
      },
      close: () => {},
    };
  }

  /** As a start does: tree, sessions and proposals become what is durable. */
  load(): void {
    const history = this.#history();
    const { applier, proposals } = history;
    const { tree, sessions } = applier;
    const loader = new SnapshotLoader({
      tree,
      sessions,
      lengthMax: LENGTH_MAX,
      extendedTypes: true,
    });
    for (const piece of this.snapshot.bytes) loader.push(piece);
    loader.finish();
    tree.finishLoad(this.snapshot.zxid);
    proposals.clear(this.snapshot.zxid);
    for (const { zxid, body } of this.records) {
      if (zxid <= this.snapshot.zxid) continue;
      const { header, txn } = readTxnRecord(new JuteReader(body));
      applier.apply(header, txn);
      proposals.appendCommitted(zxid, body);
    }
    history.lastLoggedZxid = this.lastZxid;
  }

  #makeDurable(): void {
    const batches = this.#written.splice(0);
    if (batches.length === 0) return;
    for (const { bytes } of batches) this.records.push(...recordsOf(bytes));
    const [first] = recordsOf(batches[0]!.bytes);
    const range = first!.zxid === this.lastZxid
      ? zxidText(first!.zxid)
      : `${zxidText(first!.zxid)}-${counterOf(this.lastZxid)}`;
    this.#say(`log ${range}`);
  }
}

/** The bodies in a batch of whole log records. */
function recordsOf(bytes: Uint8Array): Recorded[] {
  const records: Recorded[] = [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let at = 0; at < bytes.length;) {
    const length = view.getInt32(at + 8);
    const start = at + RECORD_PREFIX_BYTES;
    const body = bytes.slice(start, start + length);
    const zxid = makeZxid(view.getInt32(start + 12), view.getUint32(start + 16));
    records.push({ zxid, body });
    at += RECORD_OVERHEAD_BYTES + length;
  }
  return records;
}

export interface MemberFixtureOptions {
  serverId?: number;
  voters?: readonly number[];
  observers?: readonly number[];
  /** What is on its disk. */
  acceptedEpoch?: number;
  currentEpoch?: number;
  /** As for `zxidsOf`. */
  logged?: readonly string[];
  /** Where the snapshot on the disk is; what is logged begins behind it. */
  snapshotAt?: string;
  /** What is logged, where it is not what `txnBody` says. */
  bodies?: ReadonlyMap<Zxid, Uint8Array>;
  /** Where it is not what the ids of the voters and observers say. */
  committed?: QuorumConfig;
  /** Where it is not the committed one. */
  lastSeen?: QuorumConfig;
  /** Whether members can change. */
  isDynamic?: boolean;
  /** More lines of zoo.cfg. */
  settings?: Record<string, string | number>;
}

/** Ticks of a second: initLimit is ten of them, syncLimit five. */
const SETTINGS = { tickTime: 1000, initLimit: 10, syncLimit: 5 };

export class MemberFixture {
  /** What became durable, what was sent, what the role said. */
  readonly trace: string[] = [];
  readonly logger = new LinesLogger();
  readonly metrics = new ServerMetrics(new SeededRandom(1));
  readonly stats = new ServerStats(0);
  readonly config: ServerConfig;
  readonly storage: FakeStorage;
  readonly history: History;
  readonly services: MemberServices;
  readonly member: Member;
  readonly channels: FakeChannel[] = [];
  /** What the files of the membership were told, as `next 1.2`. */
  readonly stored: string[] = [];
  nowMs = 1_000_000;

  constructor({
    serverId = 1,
    voters = [1, 2, 3],
    observers = [],
    acceptedEpoch = 4,
    currentEpoch = 4,
    logged = [],
    snapshotAt = "0.0",
    bodies = new Map(),
    committed: givenConfig,
    lastSeen,
    isDynamic = false,
    settings = {},
  }: MemberFixtureOptions = {}) {
    this.config = memberConfig({ serverId, voters, observers, settings });
    const { ensemble } = this.config;
    const committed = givenConfig ?? new QuorumConfig({ ...ensemble, version: 0 });
    const tree = new DataTree({
      digestEnabled: true,
      extendedTypes: true,
      emulate353Ttl: false,
      hashSeed: 7,
    });
    const applier = new TxnApplier(tree, new Map());
    const say = (line: string) => this.say(line);
    this.storage = new FakeStorage({ history: () => this.history, say });
    this.history = {
      applier,
      proposals: new ProposalLog(ensemble),
      epochs: new FakeEpochs({ acceptedEpoch, currentEpoch, say }),
      lastLoggedZxid: 0,
      startsOver: false,
    };
    const zxids = zxidsOf(...logged);
    const snapshotZxid = zxidOf(snapshotAt);
    this.storage.snapshot = {
      zxid: snapshotZxid,
      bytes: snapshotBytes(treeOf(zxids.filter((zxid) => zxid <= snapshotZxid))),
    };
    this.storage.records = zxids.map((zxid) => ({
      zxid,
      body: bodies.get(zxid) ?? txnBody(zxid),
    }));
    this.storage.load();
    this.services = this.#services(applier);
    this.member = {
      serverId,
      config: this.config,
      history: this.history,
      membership: new Membership({
        committed,
        lastSeen: lastSeen ?? committed,
        store: isDynamic ? this.#store : null,
        onChange: () => {},
      }),
      storage: this.storage,
      services: this.services,
      metrics: this.metrics,
      stats: this.stats,
      logger: this.logger,
    };
  }

  get time(): { nowMs: number; wallMs: number } {
    return { nowMs: this.nowMs, wallMs: 1_700_000_000_000 + this.nowMs };
  }

  /** Writes something down, behind what was sent before it. */
  say(line: string): void {
    this.flush();
    this.trace.push(line);
  }

  /** Sends what the member has written to its channels. Returns whether there was something. */
  flush(): boolean {
    let isNews = false;
    for (const channel of this.channels) {
      if (channel.isStalled || channel.isClosed || channel.outputBytes === 0) continue;
      isNews = true;
      this.trace.push(...channel.flush().map((text) => `${channel.remoteAddress}< ${text}`));
    }
    return isNews;
  }

  /** What happened since the last call. */
  takeTrace(): string[] {
    this.flush();
    return this.trace.splice(0);
  }

  channel(remoteAddress: string): FakeChannel {
    const channel = new FakeChannel(remoteAddress);
    this.channels.push(channel);
    return channel;
  }

  /** Paths of the znodes that the txns of these tests make. */
  get nodes(): string[] {
    const { store } = this.history.applier.tree;
    return this.#known.filter((zxid) => store.lookup(encoder.encode(pathOf(zxid))) !== NO_NODE)
      .map(zxidText);
  }

  /** Zxids whose znodes `nodes` looks for: epochs 1 to 9, up to 30 each. */
  readonly #known = Array.from({ length: 9 }, (_, i) => zxidsOf(`${i + 1}.1-30`)).flat();

  readonly #store: ConfigStore = {
    saveNext: ({ version }) => void this.stored.push(`next ${zxidText(version)}`),
    forgetNext: () => void this.stored.push("no next"),
    saveCommitted: ({ version }) => void this.stored.push(`committed ${zxidText(version)}`),
  };

  #services(applier: TxnApplier): MemberServices {
    const providers = makeAuthProviders(this.config, nodeHashing);
    const auth = new AuthRequests({
      config: this.config,
      providers,
      hashing: nodeHashing,
      logger: this.logger,
      saslUsers: null,
      onFailed: () => {},
    });
    return {
      providers,
      audit: null,
      makeProcessor: (sessions, makeWrites) => {
        const processor = new RequestProcessor({
          config: this.config,
          applier,
          sessions,
          providers,
          auth,
          serverStats: this.stats,
          metrics: this.metrics,
          makeWrites,
        });
        processor.beginTurn(this.time);
        return processor;
      },
      firstSessionId: () => BigInt(this.config.serverId) << 56n,
    };
  }
}

/** The defaults of a server that is a member, with these lines of zoo.cfg. */
export function memberConfig({ serverId, voters, observers, settings }: {
  serverId: number;
  voters: readonly number[];
  observers: readonly number[];
  settings: Record<string, string | number>;
}): ServerConfig {
  const key = JSON.stringify([serverId, voters, observers, settings]);
  const known = configs.get(key);
  if (known !== undefined) return known;
  using dir = makeTempDir();
  Deno.writeTextFileSync(`${dir.path}/myid`, `${serverId}`);
  const servers = [...voters, ...observers].map((id): [string, string] => {
    const role = observers.includes(id) ? ":observer" : "";
    return [`server.${id}`, `127.0.0.${id}:2888:3888${role}`];
  });
  const config = makeConfig({
    dataDir: dir.path,
    settings: { ...SETTINGS, ...Object.fromEntries(servers), ...settings },
  });
  configs.set(key, config);
  return config;
}

/** Reading files is most of what a fixture would cost. */
const configs = new Map<string, ServerConfig>();

const encoder = new TextEncoder();
