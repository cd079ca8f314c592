/**
 * The way of a write on a learner: forwarded to the leader, whose proposals are logged, and applied and
 * answered when the leader says that they are committed (quorum protocol sections 9 to 11).
 *
 * A forwarded request has no reply of its own: its outcome is the txn with the same session id and cxid,
 * which for a request that fails is an error txn. Requests of one session come back in the order in which
 * they were sent.
 *
 * @module
 */
import { assert } from "../assert.ts";
import { ErrorCode, ProtocolError } from "../errors.ts";
import { LOG_BATCH_BYTES_PAUSE } from "../limits.ts";
import { beginRecord, endRecord, RECORD_PREFIX_BYTES } from "../storage/txn_log_format.ts";
import type { LearnerSessions } from "../session/learner_sessions.ts";
import type { Session } from "../session/sessions.ts";
import type { Id } from "../tree/acl_list.ts";
import type { DataTree } from "../tree/data_tree.ts";
import { readTxnRecord, TXN_DIGEST_BYTES, type TxnRecord } from "../txn/txn.ts";
import { makesEphemeral } from "../txn/write_request.ts";
import { JuteReader, JuteWriter } from "../wire/jute.ts";
import { OpCode } from "../wire/op_code.ts";
import { type Zxid, zxidToHex } from "../zxid.ts";
import type { Client } from "./client.ts";
import { Commits, type CommitsOptions } from "./commits.ts";
import { attachSession, refuseSession } from "./handshakes.ts";
import { ENDED_BY_OPERATOR, LocalSessions } from "./local_sessions.ts";
import { type LogBatch, LogBatches } from "./log_batches.ts";
import { type Waiting, WaitingQueue } from "./outstanding.ts";
import type { WritePath } from "./write_path.ts";

/** What is sent to the leader. Bytes are borrowed for the call. */
export interface LeaderLink {
  request(request: ForwardedRequest): void;
  revalidate(sessionId: bigint, timeoutMs: number): void;
}

export interface ForwardedRequest {
  sessionId: bigint;
  cxid: number;
  op: number;
  body: Uint8Array;
  /** Null for what is not checked against ACLs. */
  ids: readonly Id[] | null;
}

export interface ForwardedWritesOptions extends CommitsOptions {
  sessions: LearnerSessions;
  leader: LeaderLink;
  outstandingCountMax: number;
  /** Longest buffer in a txn. */
  lengthMax: number;
  digestEnabled: boolean;
  firstSessionId: bigint;
  localSessionsEnabled: boolean;
  localSessionsUpgradingEnabled: boolean;
  /** What the first proposal follows. */
  lastLoggedZxid: Zxid;
  /** The tree is not what the leader says that it is after a txn. */
  onDigestMismatch: (zxid: Zxid) => void;
}

/** A proposal's record in the batch it is logged with. */
interface Pending {
  zxid: Zxid;
  /** Borrows its paths and data from the batch. */
  record: TxnRecord;
  writer: JuteWriter;
  bodyEnd: number;
}

const QUEUE_CAPACITY = 4;
/** What ZooKeeper's clients see in watch events, and never send. */
const OPERATOR_CXID = -1;

export class ForwardedWrites implements WritePath {
  readonly isReadOnly = false;
  readonly #options: ForwardedWritesOptions;
  readonly #tree: DataTree;
  readonly #commits: Commits;
  readonly #local: LocalSessions;
  readonly #batches = new LogBatches();
  readonly #pending = new WaitingQueue<Pending>(1024);
  /** What clients here wait for, by session, in the order in which it was forwarded. */
  readonly #waiting = new Map<bigint, WaitingQueue<Waiting>>();
  readonly #syncs = new WaitingQueue<WaitingSync>(QUEUE_CAPACITY);
  readonly #renewals = new WaitingQueue<Renewal>(QUEUE_CAPACITY);
  readonly #reader: JuteReader;
  readonly #body = new JuteWriter(16);
  #waitingCount = 0;
  #nextSessionId: bigint;
  #lastProposed: Zxid;

  constructor(options: ForwardedWritesOptions) {
    this.#options = options;
    this.#tree = options.applier.tree;
    this.#commits = new Commits(options);
    this.#local = new LocalSessions({ ...options, tracker: options.sessions.local });
    this.#reader = new JuteReader(new Uint8Array(0), { lengthMax: options.lengthMax });
    this.#nextSessionId = options.firstSessionId;
    this.#lastProposed = options.lastLoggedZxid;
  }

  get outstandingCount(): number {
    return this.#waitingCount;
  }

  get isFull(): boolean {
    return this.#waitingCount > this.#options.outstandingCountMax ||
      this.#batches.bytes > LOG_BATCH_BYTES_PAUSE;
  }

  // ---------------------------------------------------------------- from clients

  request(client: Client, xid: number, op: number, reader: JuteReader): void {
    const { audit, leader } = this.#options;
    const audited = audit === null ? null : audit.describe(client, op, reader);
    const { session, sessionId, ids } = client;
    const needsGlobal = session?.kind === "local" && makesEphemeral(op, reader);
    const isRefused = needsGlobal && !this.#upgrade(session);
    const entry = this.#enqueue(client, this.#queueOf(sessionId), op, xid);
    entry.audited = audited;
    // the leader knows no such session, and says so; we know why
    if (isRefused && op !== OpCode.Multi) entry.refusal = ErrorCode.EphemeralOnLocalSession;
    const body = reader.buffer.subarray(reader.position, reader.end);
    leader.request({ sessionId, cxid: xid, op, body, ids });
  }

  sync(client: Client): void {
    const { sessionId, ids } = client;
    const entry = this.#waitingOf({ op: OpCode.Sync, cxid: 0, client });
    this.#syncs.push({ entry, synced: null });
    this.#awaits(client, entry);
    this.#options.leader.request({ sessionId, cxid: 0, op: OpCode.Sync, body: ROOT, ids });
  }

  createSession(client: Client, timeoutMs: number): void {
    const { sessions, stats, localSessionsEnabled } = this.#options;
    const sessionId = this.#nextSessionId;
    this.#nextSessionId = BigInt.asIntN(64, sessionId + 1n);
    if (localSessionsEnabled && client.via === null) {
      return this.#local.create(client, { id: sessionId, timeoutMs });
    }
    const session = sessions.add({ id: sessionId, timeoutMs });
    session.owner = session.client = client;
    client.session = session;
    client.isConnecting = true;
    stats.sessionAsked();
    this.#enqueue(client, this.#queueOf(sessionId), OpCode.CreateSession, 0);
    this.#requestSession(sessionId, timeoutMs);
  }

  #requestSession(sessionId: bigint, timeoutMs: number): void {
    this.#body.position = 0;
    this.#body.int(timeoutMs);
    this.#options.leader.request({
      sessionId,
      cxid: 0,
      op: OpCode.CreateSession,
      body: this.#body.written(),
      ids: null,
    });
  }

  /** A local session is about to own a znode: it becomes a global one, if it may. Returns whether. */
  #upgrade(session: Session): boolean {
    const { sessions, localSessionsUpgradingEnabled } = this.#options;
    if (!localSessionsUpgradingEnabled) return false;
    sessions.upgrade(session);
    const queue = this.#queueOf(session.id);
    queue.push(this.#waitingOf({ op: OpCode.CreateSession, cxid: 0, client: null }));
    this.#requestSession(session.id, session.timeoutMs);
    return true;
  }

  /**
   * Asks the leader, and then waits until all is committed that was asked in the session's name elsewhere:
   * outcomes are told by cxids, which some clients count anew on each connection. A client that was let in
   * at once could take the outcome of a write before for that of its next one, which may yet be lost.
   */
  renewSession(
    client: Client,
    { sessionId, timeoutMs }: { sessionId: bigint; timeoutMs: number },
  ): void {
    const { sessions, leader } = this.#options;
    const local = sessions.local.get(sessionId);
    if (local !== undefined) return this.#local.renew(client, local, timeoutMs);
    client.isConnecting = true;
    this.#options.stats.sessionRenewed();
    let session: Session | null = null;
    const answered = (isValid: boolean) => {
      if (isValid) session = sessions.add({ id: sessionId, timeoutMs });
      else if (!client.isGone) refuseSession(client, sessionId);
    };
    const synced = () => {
      if (session === null || client.isGone) return;
      if (sessions.get(sessionId) !== session) return refuseSession(client, sessionId); // it ended
      attachSession(client, session);
    };
    this.#renewals.push({ sessionId, answered });
    this.#syncs.push({ entry: null, synced });
    leader.revalidate(sessionId, timeoutMs);
    leader.request({ sessionId, cxid: 0, op: OpCode.Sync, body: ROOT, ids: client.ids });
  }

  closeSessionOf(client: Client, xid: number): void {
    const { session, ids } = client;
    if (session === null) return client.close("its session ends when it times out");
    if (session.isClosing) return;
    if (session.kind === "local") {
      this.#waiting.delete(session.id); // all it asked for is answered
      return this.#local.close(client, session, xid);
    }
    session.isClosing = true;
    this.#enqueue(client, this.#queueOf(session.id), OpCode.CloseSession, xid);
    this.#options.leader.request({
      sessionId: session.id,
      cxid: xid,
      op: OpCode.CloseSession,
      body: NO_BYTES,
      ids,
    });
    client.isReadingDone = true; // requests behind it get no reply
  }

  /**
   * Ends any session, for an operator. Global ones end in their own name, as if their client had asked for it
   * here, with a cxid that no client uses: nobody here takes the outcome for that of its own request.
   */
  endSession(sessionId: bigint): void {
    const local = this.#options.sessions.local.get(sessionId);
    if (local !== undefined) {
      if (this.#waiting.get(sessionId)?.length === 0) this.#waiting.delete(sessionId);
      return this.#local.end(local, ENDED_BY_OPERATOR);
    }
    this.#options.leader.request({
      ...{ sessionId, cxid: OPERATOR_CXID, op: OpCode.CloseSession },
      ...{ body: NO_BYTES, ids: null },
    });
  }

  /** Only the local ones: the leader decides about the others. */
  expireSessions(): void {
    const { sessions, time } = this.#options;
    for (const session of sessions.local.expire(time.nowMs)) {
      if (this.#waiting.get(session.id)?.length === 0) this.#waiting.delete(session.id);
      this.#local.expire(session);
    }
  }

  #queueOf(sessionId: bigint): WaitingQueue<Waiting> {
    let queue = this.#waiting.get(sessionId);
    if (queue === undefined) this.#waiting.set(sessionId, queue = new WaitingQueue(QUEUE_CAPACITY));
    return queue;
  }

  #enqueue(client: Client, queue: WaitingQueue<Waiting>, op: number, cxid: number): Waiting {
    const entry = this.#waitingOf({ op, cxid, client });
    queue.push(entry);
    this.#awaits(client, entry);
    return entry;
  }

  #awaits(client: Client, entry: Waiting): void {
    client.lastOutstanding = entry;
    client.outstandingCount++;
  }

  #waitingOf({ op, cxid, client }: Pick<Waiting, "op" | "cxid" | "client">): Waiting {
    const { nowMs } = this.#options.time;
    this.#waitingCount++;
    return {
      op,
      cxid,
      client,
      deferredCount: 0,
      receivedMs: nowMs,
      audited: null,
      refusal: null,
    };
  }

  // ---------------------------------------------------------------- from observers of this follower

  /** A request of an observer's client: the observer recognises the outcome, nobody here waits for it. */
  remoteRequest(request: ForwardedRequest): void {
    this.#options.leader.request(request);
  }

  /** Calls back when the leader says that everything before is committed. */
  remoteSync(request: ForwardedRequest, synced: () => void): void {
    this.#syncs.push({ entry: null, synced });
    this.#options.leader.request(request);
  }

  /** Calls back with the leader's answer. */
  remoteRevalidate(
    { sessionId, timeoutMs }: { sessionId: bigint; timeoutMs: number },
    answered: (isValid: boolean) => void,
  ): void {
    this.#renewals.push({ sessionId, answered });
    this.#options.leader.revalidate(sessionId, timeoutMs);
  }

  // ---------------------------------------------------------------- from the leader

  /**
   * A proposal is to be logged. Its bytes are copied.
   *
   * It is read before it is logged: what is in our log we vote with, so what cannot be applied must not
   * get there, and would keep us from starting again.
   *
   * @throws {ProtocolError} when it does not follow the last one (ZOOKEEPER-4925), or is no txn that we know
   */
  proposed(zxid: Zxid, body: Uint8Array): void {
    const isNext = zxid === this.#lastProposed + 1;
    if (!isNext && !(zxid > this.#lastProposed && zxid % TWO_32 === 1)) {
      throw new ProtocolError(
        `proposal 0x${zxidToHex(zxid)} does not follow 0x${zxidToHex(this.#lastProposed)}`,
      );
    }
    const { writer } = this.#batches;
    const start = beginRecord(writer);
    writer.raw(body);
    endRecord(writer, start);
    const bodyStart = start + RECORD_PREFIX_BYTES;
    const bodyEnd = bodyStart + body.length;
    let record: TxnRecord;
    try {
      record = this.#decode(zxid, writer, bodyStart, bodyEnd);
    } catch (error) {
      writer.position = start; // it is not to be logged with those before it
      throw error;
    }
    this.#lastProposed = zxid;
    this.#batches.added(zxid);
    this.#pending.push({ zxid, record, writer, bodyEnd });
  }

  /**
   * The oldest proposal is committed: it is applied, and answered if it was asked for here.
   *
   * @throws {ProtocolError} when another zxid is the oldest: our history would differ from the leader's
   */
  committed(zxid: Zxid): TxnRecord {
    const pending = this.#pending.first();
    if (pending === undefined || pending.zxid !== zxid) {
      const expected = pending === undefined
        ? "nothing is proposed"
        : `0x${zxidToHex(pending.zxid)}`;
      throw new ProtocolError(`commit of 0x${zxidToHex(zxid)}: ${expected} is next`);
    }
    this.#pending.shift();
    const { record, writer, bodyEnd } = pending;
    this.#apply(record);
    this.#checkDigest(zxid, writer, bodyEnd, record);
    this.#batches.applied(zxid);
    return record;
  }

  /** The oldest sync is done. */
  synced(): void {
    if (this.#syncs.length === 0) return;
    const { entry, synced } = this.#syncs.shift();
    synced?.();
    if (entry === null) return;
    this.#waitingCount--;
    this.#commits.finish(entry);
  }

  /** The answer to the oldest `revalidate`. */
  revalidated(sessionId: bigint, isValid: boolean): void {
    const renewal = this.#renewals.first();
    if (renewal === undefined || renewal.sessionId !== sessionId) {
      throw new ProtocolError("an answer about a session that was not asked for");
    }
    this.#renewals.shift();
    renewal.answered(isValid);
  }

  #decode(zxid: Zxid, writer: JuteWriter, start: number, end: number): TxnRecord {
    const reader = this.#reader;
    reader.reset(writer.buffer, writer.view, start, end);
    const record = readTxnRecord(reader);
    if (record.header.zxid !== zxid) {
      const [said, is] = [zxidToHex(zxid), zxidToHex(record.header.zxid)];
      throw new ProtocolError(`proposal 0x${said} holds txn 0x${is}`);
    }
    return record;
  }

  #apply(record: TxnRecord): void {
    const { header, txn } = record;
    const queue = this.#waiting.get(header.sessionId);
    const head = queue?.first();
    const waiting = head !== undefined && head.cxid === header.cxid ? head : null;
    if (waiting !== null) {
      queue!.shift();
      this.#waitingCount--;
    }
    this.#commits.commit({ header, txn, records: [] }, waiting);
    if (txn.kind === "closeSession" && queue?.length === 0) this.#waiting.delete(header.sessionId);
    if (waiting !== null) this.#commits.finish(waiting);
  }

  #checkDigest(zxid: Zxid, { view }: JuteWriter, bodyEnd: number, { digest }: TxnRecord): void {
    if (digest === null || !this.#options.digestEnabled) return;
    const { high, low } = this.#tree.digest;
    const at = bodyEnd - TXN_DIGEST_BYTES + 4;
    if (view.getUint32(at) === high >>> 0 && view.getUint32(at + 4) === low >>> 0) return;
    this.#options.onDigestMismatch(zxid);
  }

  // ---------------------------------------------------------------- to the disk and back

  get batchRecordCount(): number {
    return this.#batches.recordCount;
  }

  /** The proposals received since the last call; null when there are none. */
  takeBatch(): LogBatch | null {
    return this.#batches.take();
  }

  /** Everything through `zxid` is durable here. */
  logged(zxid: Zxid): void {
    this.#batches.logged(zxid);
  }

  /** The role ends: what is logged will be part of the next vote, and so is applied, committed or not. */
  applyAll(): void {
    for (let next = this.#pending.first(); next !== undefined; next = this.#pending.first()) {
      this.committed(next.zxid);
    }
    assert(this.#pending.length === 0, "nothing is left");
  }
}

/** A session that is asked for: by a client here, or by an observer. */
interface Renewal {
  sessionId: bigint;
  answered: (isValid: boolean) => void;
}

/** A sync under way: of a client here, or of an observer, or of a session that comes back. */
interface WaitingSync {
  entry: Waiting | null;
  synced: (() => void) | null;
}

const TWO_32 = 2 ** 32;
const NO_BYTES = new Uint8Array(0);
/** A sync names a path, which nobody looks at. */
const ROOT = new Uint8Array([0, 0, 0, 1, 0x2f]);
