/**
 * Servers without disk, sockets and time of their own: the real processor and the real write path, which a
 * test drives by hand; alone, or as a leader with one learner.
 *
 * @module
 */
import { makeAuthProviders } from "../../core/auth/auth_providers.ts";
import type { AuthProviders } from "../../core/auth/auth_providers.ts";
import { ServerMetrics } from "../../core/metrics/server_metrics.ts";
import { AuthRequests } from "../../core/server/auth_requests.ts";
import type { Client } from "../../core/server/client.ts";
import { type ForwardedRequest, ForwardedWrites } from "../../core/server/forwarded_writes.ts";
import { RequestProcessor } from "../../core/server/request_processor.ts";
import type { WritePath, WritePathContext } from "../../core/server/write_path.ts";
import { WritePipeline } from "../../core/server/write_pipeline.ts";
import type { ServerConfig } from "../../core/server_config.ts";
import { ServerStats } from "../../core/server_stats.ts";
import { LearnerSessions } from "../../core/session/learner_sessions.ts";
import type { SessionOwner, Sessions } from "../../core/session/sessions.ts";
import { SessionTracker } from "../../core/session/session_tracker.ts";
import { RECORD_OVERHEAD_BYTES, RECORD_PREFIX_BYTES } from "../../core/storage/txn_log_format.ts";
import type { SessionTable } from "../../core/storage/snapshot_tree.ts";
import { DataTree } from "../../core/tree/data_tree.ts";
import { TxnApplier } from "../../core/txn/apply.ts";
import { JuteReader } from "../../core/wire/jute.ts";
import { OpCode } from "../../core/wire/op_code.ts";
import type { Zxid } from "../../core/zxid.ts";
import { nodeHashing } from "../../net/hashing.ts";
import {
  type ConnectOptions,
  connectRequest,
  type ConnectResponse,
  decodeConnectResponse,
  decodeReply,
  type Reply,
  requestFrame,
} from "./raw_client.ts";
import type { Request } from "./requests.ts";
import { SeededRandom } from "./seeded_random.ts";
import { silentLogger } from "./silent_logger.ts";

const START_MS = 1_000_000;
const LENGTH_OFFSET = 8;

/** A txn as it is logged. */
export interface CommittedTxn {
  zxid: Zxid;
  body: Uint8Array;
}

/** What a write path is made from. */
export interface CoreContext extends WritePathContext {
  config: ServerConfig;
  applier: TxnApplier;
  providers: AuthProviders;
}

export class CoreServer<Writes extends WritePath> {
  readonly config: ServerConfig;
  readonly applier: TxnApplier;
  readonly sessionTable: SessionTable;
  readonly tree: DataTree;
  readonly processor: RequestProcessor<Writes>;
  readonly time = { nowMs: START_MS, wallMs: 1_700_000_000_000 };

  constructor(
    config: ServerConfig,
    sessions: Sessions,
    makeWrites: (x: CoreContext) => Writes,
    applier = emptyDatabase(),
  ) {
    this.config = config;
    this.applier = applier;
    this.tree = applier.tree;
    this.sessionTable = applier.sessions;
    const providers = makeAuthProviders(config, nodeHashing);
    this.processor = new RequestProcessor({
      config,
      applier,
      sessions,
      providers,
      auth: new AuthRequests({
        config,
        providers,
        hashing: nodeHashing,
        logger: silentLogger,
        saslUsers: null,
        onFailed: () => {},
      }),
      serverStats: new ServerStats(START_MS),
      metrics: new ServerMetrics(new SeededRandom(1)),
      makeWrites: (context) => makeWrites({ ...context, config, applier, providers }),
    });
    this.processor.beginTurn(this.time);
  }

  get writes(): Writes {
    return this.processor.writes;
  }

  /** Time passes, and what has not been heard of for too long ends. */
  advance(ms: number): void {
    this.time.nowMs += ms;
    this.time.wallMs += ms;
    this.processor.beginTurn(this.time);
    this.writes.expireSessions();
  }

  /** A connection that has sent nothing yet. */
  open(): CoreClient {
    const address = { remoteAddress: "127.0.0.1", remotePort: 1, isSecure: false };
    return new CoreClient(this.processor, this.processor.accept(address));
  }

  /** A connection that has asked for a session. */
  connect(options: ConnectOptions = {}): CoreClient {
    const client = this.open();
    client.connect(options);
    return client;
  }
}

export function emptyDatabase(): TxnApplier {
  const tree = new DataTree({
    digestEnabled: true,
    extendedTypes: true,
    emulate353Ttl: false,
    hashSeed: 7,
  });
  return new TxnApplier(tree, new Map());
}

/** One connection. What it is sent is taken with `replies` and the like. */
export class CoreClient {
  readonly client: Client;
  readonly #processor: RequestProcessor;
  #xid = 0;

  constructor(processor: RequestProcessor, client: Client) {
    this.#processor = processor;
    this.client = client;
  }

  get sessionId(): bigint {
    return this.client.sessionId;
  }

  get isClosing(): boolean {
    return this.client.isClosing;
  }

  connect(options: ConnectOptions): void {
    this.#processor.connect(this.client, new JuteReader(connectRequest(options)));
  }

  /** Returns its xid. */
  send(request: Request, xid = ++this.#xid): number {
    this.#processor.touch(this.client);
    this.#processor.request(this.client, new JuteReader(requestFrame(request, xid).subarray(4)));
    return xid;
  }

  /** Frames since the last call. */
  frames(): Uint8Array[] {
    const { output } = this.client;
    if (output === null) return [];
    const bytes = output.written().slice();
    output.position = 0;
    const frames: Uint8Array[] = [];
    for (let at = 0; at < bytes.length;) {
      const end = at + 4 + new DataView(bytes.buffer).getInt32(at);
      frames.push(bytes.slice(at + 4, end));
      at = end;
    }
    return frames;
  }

  replies(): Reply[] {
    return this.frames().map(decodeReply);
  }

  /** Of replies since the last call, what they answer and how: `xid:err`. */
  outcomes(): string[] {
    return this.replies().map(({ xid, err }) => `${xid}:${err}`);
  }

  /** Null while there is no answer. */
  connectResponse(): ConnectResponse | null {
    const [frame] = this.frames();
    return frame === undefined ? null : decodeConnectResponse(frame);
  }

  /** The socket is gone. */
  disconnect(): void {
    this.#processor.disconnected(this.client);
  }
}

/** A server that decides by itself. */
export class LeaderServer extends CoreServer<WritePipeline> {
  readonly tracker: SessionTracker;

  constructor(config: ServerConfig, { localSessions = false }: { localSessions?: boolean } = {}) {
    const tracker = new SessionTracker({ tickMs: config.tickTimeMs, nowMs: START_MS });
    super(config, tracker, (context) =>
      new WritePipeline({
        ...context,
        sessions: tracker,
        audit: null,
        logger: silentLogger,
        firstSessionId: sessionIdOf(config.sessionServerId),
        localSessions,
        reconfigure: null,
      }));
    this.tracker = tracker;
  }

  /**
   * All that is under way is durable and committed. Returns the txns' bodies.
   *
   * @param told called before they are applied here, when learners are told
   */
  commit(told: (txns: CommittedTxn[]) => void = () => {}): CommittedTxn[] {
    const batch = this.writes.takeBatch();
    if (batch === null) return [];
    const txns = bodiesOf(batch.bytes.slice(), batch.firstZxid);
    told(txns);
    this.writes.logged(batch.lastZxid);
    this.writes.committed(batch.lastZxid);
    return txns;
  }
}

/** A follower or observer, and what it has sent to its leader. */
export class LearnerServer extends CoreServer<ForwardedWrites> {
  readonly sessions: LearnerSessions;
  readonly requests: ForwardedRequest[];
  readonly revalidations: { sessionId: bigint; timeoutMs: number }[];
  /** Txns behind which its tree differed from the leader's. */
  readonly mismatches: Zxid[];
  readonly #sent: Sent[];

  constructor(config: ServerConfig, { firstSessionId = sessionIdOf(2) } = {}) {
    const sessions = new LearnerSessions({ tickMs: config.tickTimeMs, nowMs: START_MS });
    const requests: ForwardedRequest[] = [];
    const revalidations: { sessionId: bigint; timeoutMs: number }[] = [];
    const mismatches: Zxid[] = [];
    const sent: Sent[] = [];
    super(config, sessions, (context) =>
      new ForwardedWrites({
        ...context,
        sessions,
        audit: null,
        leader: {
          request: (lent) => {
            const request = { ...lent, body: lent.body.slice() };
            requests.push(request);
            sent.push({ kind: "request", ...request });
          },
          revalidate: (sessionId, timeoutMs) => {
            revalidations.push({ sessionId, timeoutMs });
            sent.push({ kind: "revalidate", sessionId, timeoutMs });
          },
        },
        outstandingCountMax: 1000,
        lengthMax: 1 << 20,
        digestEnabled: true,
        firstSessionId,
        localSessionsEnabled: config.localSessionsEnabled,
        localSessionsUpgradingEnabled: config.localSessionsUpgradingEnabled,
        lastLoggedZxid: 0,
        onDigestMismatch: (zxid) => void mismatches.push(zxid),
      }));
    this.sessions = sessions;
    this.requests = requests;
    this.revalidations = revalidations;
    this.mismatches = mismatches;
    this.#sent = sent;
  }

  /** Everything since the last call, in order; `requests` and `revalidations` are empty then. */
  takeSent(): Sent[] {
    this.requests.length = 0;
    this.revalidations.length = 0;
    return this.#sent.splice(0);
  }
}

/** What a learner says to its leader. */
type Sent =
  | ({ kind: "request" } & ForwardedRequest)
  | { kind: "revalidate"; sessionId: bigint; timeoutMs: number };

/** A leader and a learner; nothing passes between them until a test says so. */
export class LeaderAndLearner {
  readonly leader: LeaderServer;
  readonly learner: LearnerServer;
  /** The learner, as the leader knows it. */
  readonly owner: SessionOwner = { ids: [] };
  /** What the leader has said, and the learner has not heard yet. */
  readonly #said: (() => void)[] = [];

  constructor(config: ServerConfig) {
    this.leader = new LeaderServer(config, { localSessions: config.localSessionsEnabled });
    this.learner = new LearnerServer(config);
  }

  /** What the learner has asked for comes to the leader, which answers what it answers at once. */
  deliver(): void {
    const { leader, learner, owner } = this;
    for (const sent of learner.takeSent()) {
      const { sessionId } = sent;
      if (sent.kind === "revalidate") {
        const isValid = leader.writes.revalidate(owner, sessionId, sent.timeoutMs);
        this.#said.push(() => learner.writes.revalidated(sessionId, isValid));
      } else if (sent.op === OpCode.Sync) {
        leader.writes.remoteSync(() => void this.#said.push(() => learner.writes.synced()));
      } else {
        const { cxid, op, body, ids } = sent;
        const request = { owner, sessionId, cxid, op, ids: ids ?? [] };
        leader.writes.remoteRequest(request, new JuteReader(body));
      }
    }
    this.#hear();
  }

  /** What the leader has prepared is committed, there first. */
  commit(): void {
    const { leader, learner } = this;
    leader.commit((txns) => {
      for (const { zxid, body } of txns) {
        this.#said.push(() => {
          learner.writes.proposed(zxid, body);
          learner.writes.committed(zxid);
        });
      }
    });
    this.#hear();
    const batch = learner.writes.takeBatch();
    if (batch !== null) learner.writes.logged(batch.lastZxid);
  }

  #hear(): void {
    for (const say of this.#said.splice(0)) say();
  }

  /** Until nothing is under way. */
  settle(): void {
    this.deliver();
    this.commit();
  }
}

/** As the server with this number hands out. */
export function sessionIdOf(serverId: number, counter = 1): bigint {
  return BigInt.asIntN(64, (BigInt(serverId) << 56n) + BigInt(counter));
}

function bodiesOf(records: Uint8Array, firstZxid: Zxid): CommittedTxn[] {
  const view = new DataView(records.buffer, records.byteOffset);
  const txns: CommittedTxn[] = [];
  for (let at = 0; at < records.length;) {
    const length = view.getInt32(at + LENGTH_OFFSET);
    const start = at + RECORD_PREFIX_BYTES;
    txns.push({ zxid: firstZxid + txns.length, body: records.slice(start, start + length) });
    at += RECORD_OVERHEAD_BYTES + length;
  }
  return txns;
}
