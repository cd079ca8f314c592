/**
 * The way of a write: resolved into a txn, logged, and, when the shell says that it is durable, applied and
 * answered (as ZooKeeper's PrepRequestProcessor, SyncRequestProcessor and FinalRequestProcessor).
 *
 * Sans I/O: the shell takes batches of records, and reports with `committed` what is on the disk.
 *
 * Invariant: no reply to a write leaves before `committed` has passed its zxid.
 *
 * @module
 */
import type { AuthProviders } from "../auth/auth_providers.ts";
import { ErrorCode } from "../errors.ts";
import { LOG_BATCH_BYTES_PAUSE } from "../limits.ts";
import type { ServerConfig } from "../server_config.ts";
import type { Session, SessionTracker } from "../session/session_tracker.ts";
import type { DataTree } from "../tree/data_tree.ts";
import type { TxnApplier } from "../txn/apply.ts";
import { type PreparedTxn, Preparer } from "../txn/prepare.ts";
import { type JuteReader, JuteWriter } from "../wire/jute.ts";
import { OpCode } from "../wire/op_code.ts";
import type { Zxid } from "../zxid.ts";
import type { AuditedRequest, AuditLog } from "./audit.ts";
import { Client } from "./client.ts";
import { Committer } from "./committer.ts";
import { respondToConnect } from "./handshakes.ts";
import { type Outstanding, OutstandingQueue } from "./outstanding.ts";
import type { Replies, TurnTime } from "./replies.ts";
import { beginReply, endReply } from "./reply.ts";
import type { RequestStats } from "./request_stats.ts";

/** Encoded records on their way to the disk. */
export interface LogBatch {
  bytes: Uint8Array;
  firstZxid: Zxid;
  lastZxid: Zxid;
  recordCount: number;
  /** Where the bytes are; it is used again when the batch is committed. */
  writer: JuteWriter;
}

const BATCH_BYTES_START = 64 << 10;
const BATCH_BYTES_KEPT_MAX = 1 << 20;

export interface WritePipelineOptions {
  config: ServerConfig;
  applier: TxnApplier;
  sessions: SessionTracker;
  providers: AuthProviders;
  replies: Replies;
  stats: RequestStats;
  time: Readonly<TurnTime>;
  /** Null unless the audit log is on. */
  audit: AuditLog | null;
  firstSessionId: bigint;
  /** The write that so many reads of the client waited for is answered: it is their turn. */
  answerDeferred: (client: Client, count: number) => void;
}

export class WritePipeline {
  /** False while the disk is full: writes are answered with an error. */
  acceptsWrites = true;

  readonly #options: WritePipelineOptions;
  readonly #tree: DataTree;
  readonly #sessions: SessionTracker;
  readonly #replies: Replies;
  readonly #stats: RequestStats;
  readonly #time: Readonly<TurnTime>;
  readonly #audit: AuditLog | null;
  readonly #preparer: Preparer;
  readonly #committer: Committer;
  readonly #outstanding = new OutstandingQueue();
  #batchFirstZxid: Zxid = -1;
  #batchRecordCount = 0;
  /** For the next batches: allocating one for each would keep the garbage collector busy. */
  #batchWriters: JuteWriter[] = [];
  /** Log bytes taken by the shell that are not durable yet. */
  #bytesInFlight = 0;
  #nextSessionId: bigint;

  constructor(options: WritePipelineOptions) {
    const { config, applier, providers } = options;
    this.#options = options;
    this.#tree = applier.tree;
    this.#sessions = options.sessions;
    this.#replies = options.replies;
    this.#stats = options.stats;
    this.#time = options.time;
    this.#audit = options.audit;
    this.#nextSessionId = options.firstSessionId;
    this.#committer = new Committer(applier);
    this.#preparer = new Preparer({
      tree: applier.tree,
      providers,
      options: {
        digestEnabled: config.digestEnabled,
        extendedTypes: config.extendedTypesEnabled,
        enforceQuota: config.enforceQuota,
        closeSessionTxnEnabled: config.closeSessionTxnEnabled,
        reconfigEnabled: config.ensemble.reconfigEnabled,
        recordBytesMax: config.juteMaxBufferBytes + config.juteExtraSizeBytes,
      },
      writer: new JuteWriter(BATCH_BYTES_START),
    });
  }

  /** Requests begun and not yet answered. */
  get outstandingCount(): number {
    return this.#outstanding.length;
  }

  /** Records of the batch that is being filled. */
  get batchRecordCount(): number {
    return this.#batchRecordCount;
  }

  /** So much is under way that those who have a share in it should wait. */
  get isFull(): boolean {
    return this.#outstanding.length > this.#options.config.globalOutstandingLimit ||
      this.#bytesInFlight + this.#preparer.writer.position > LOG_BATCH_BYTES_PAUSE;
  }

  // ---------------------------------------------------------------- in

  /** A client's request that changes the tree. */
  request(client: Client, xid: number, op: number, reader: JuteReader): void {
    const audited = this.#audit === null ? null : this.#audit.describe(client, op, reader);
    if (!this.acceptsWrites) {
      if (audited !== null) this.#audit!.failed(audited);
      return this.#replies.header(client, xid, op, ErrorCode.SystemError);
    }
    const { wallMs } = this.#time;
    const requester = { sessionId: client.sessionId, cxid: xid, ids: client.ids };
    const pathAt = reader.position;
    const prepared = client.session === null || client.session.isClosing
      ? this.#preparer.prepareError(requester, ErrorCode.SessionExpired, wallMs)
      : this.#preparer.prepare(op, reader, requester, wallMs);
    if (prepared.txn.kind === "error" && prepared.txn.err === ErrorCode.QuotaExceeded) {
      this.#stats.quotaExceeded(reader.buffer, pathAt);
    }
    this.#enqueue(prepared, op, client, audited);
  }

  /** A session is asked for: it exists for clients when its txn is durable. */
  createSession(client: Client, timeoutMs: number): void {
    if (!this.acceptsWrites) return client.close("no session can be made: the disk is full");
    const id = this.#nextSessionId;
    this.#nextSessionId = BigInt.asIntN(64, id + 1n);
    const prepared = this.#preparer.prepareCreateSession(id, timeoutMs, this.#time.wallMs);
    const session = this.#sessions.add({ id, timeoutMs, nowMs: this.#time.nowMs });
    session.owner = client;
    client.session = session;
    client.isConnecting = true;
    this.#stats.sessionAsked();
    this.#enqueue(prepared, OpCode.CreateSession, client);
  }

  /** Ends a session because its client says so. */
  closeSessionOf(client: Client, xid: number): void {
    if (!this.acceptsWrites || client.session === null) {
      return client.close("its session ends when it times out");
    }
    if (client.session.isClosing) return;
    client.session.isClosing = true;
    const { id } = client.session;
    const prepared = this.#preparer.prepareCloseSession(id, xid, this.#time.wallMs);
    this.#enqueue(prepared, OpCode.CloseSession, client);
    client.isReadingDone = true; // requests behind it get no reply
  }

  /** Ends a session on the server's own account: expired, killed by an operator, dead at start. */
  closeSession(session: Pick<Session, "id" | "isClosing">): void {
    if (session.isClosing) return;
    session.isClosing = true;
    const prepared = this.#preparer.prepareCloseSession(session.id, 0, this.#time.wallMs);
    this.#enqueue(prepared, OpCode.CloseSession, null);
  }

  /** Removes an empty container or an expired TTL node, if it still is one. Returns whether. */
  deleteContainer(path: Uint8Array): boolean {
    const prepared = this.acceptsWrites
      ? this.#preparer.prepareDeleteContainer(path, {
        wallMs: this.#time.wallMs,
        maxNeverUsedIntervalMs: this.#options.config.containerMaxNeverUsedIntervalMs,
      })
      : null;
    if (prepared === null) return false;
    if (this.#tree.ownerKindOf(this.#tree.store.lookup(path)) === "ttl") {
      this.#stats.metrics.ttlNodeDeletedCount.increment();
    }
    this.#enqueue(prepared, OpCode.DeleteContainer, null);
    return true;
  }

  #enqueue(
    prepared: PreparedTxn,
    op: number,
    client: Client | null,
    audited: AuditedRequest | null = null,
  ): void {
    const entry: Outstanding = {
      prepared,
      op,
      client,
      deferredCount: 0,
      receivedMs: this.#time.nowMs,
      audited,
    };
    this.#stats.prepared(prepared);
    if (this.#batchRecordCount++ === 0) this.#batchFirstZxid = prepared.header.zxid;
    this.#outstanding.push(entry);
    if (client === null) return;
    client.lastOutstanding = entry;
    client.outstandingCount++;
  }

  // ---------------------------------------------------------------- to the disk and back

  /** The records prepared since the last call; null when there are none. */
  takeBatch(): LogBatch | null {
    if (this.#batchRecordCount === 0) return null;
    const { writer } = this.#preparer;
    const bytes = writer.written();
    const batch = {
      bytes,
      firstZxid: this.#batchFirstZxid,
      lastZxid: this.#preparer.lastZxid,
      recordCount: this.#batchRecordCount,
      writer,
    };
    this.#preparer.writer = this.#batchWriters.pop() ?? new JuteWriter(BATCH_BYTES_START);
    this.#batchRecordCount = 0;
    this.#bytesInFlight += bytes.length;
    return batch;
  }

  /** Everything through the batch is durable: applies and answers it. */
  committed({ lastZxid, bytes, writer }: LogBatch): void {
    this.#bytesInFlight -= bytes.length;
    for (
      let entry = this.#outstanding.first();
      entry !== undefined && entry.prepared.header.zxid <= lastZxid;
      entry = this.#outstanding.first()
    ) {
      this.#outstanding.shift();
      this.#commit(entry);
    }
    // its txns borrowed their paths and data from the batch: none is left
    if (writer.buffer.length > BATCH_BYTES_KEPT_MAX) return;
    writer.position = 0;
    this.#batchWriters.push(writer);
  }

  /**
   * Nothing that is under way reached the disk, which is full: all of it fails, and so does every
   * write until `acceptsWrites` is set again. Reads go on.
   */
  diskFull(): void {
    this.acceptsWrites = false;
    this.#preparer.reset();
    this.#preparer.writer.position = 0;
    this.#batchRecordCount = 0;
    this.#bytesInFlight = 0;
    while (this.#outstanding.length > 0) this.#fail(this.#outstanding.shift());
  }

  // ---------------------------------------------------------------- out

  #commit(entry: Outstanding): void {
    const { prepared, op, client } = entry;
    const { header, txn } = prepared;
    const latencyMs = Math.floor(this.#time.nowMs - entry.receivedMs);
    const writer = client === null || client.isGone ? null : client.writer();
    // watchers of the txn's own effects may be this very client: its events come before the reply
    const session = txn.kind === "closeSession" ? this.#sessions.get(header.sessionId) : undefined;
    if (this.#audit !== null) this.#audit.committed(entry.audited, prepared, this.#tree);
    const err = this.#committer.apply(prepared);
    if (session !== undefined) this.#sessions.remove(session.id);
    this.#stats.committed(prepared, latencyMs, this.#time.wallMs - header.timeMs);
    if (client !== null && writer !== null) {
      if (op === OpCode.CreateSession) {
        respondToConnect(client, client.session);
        this.#stats.sessionMade(latencyMs);
      } else {
        const start = beginReply(writer, header.cxid, header.zxid, err);
        if (err === ErrorCode.Ok) this.#committer.writeBody(writer, prepared, op);
        const bytes = endReply(writer, start);
        // a write that failed is an error txn, and that is what `cons` names
        const shown = txn.kind === "error" ? OpCode.Error : op;
        this.#replies.sent(client, header.cxid, shown, { bytes, latencyMs, isWrite: true });
      }
    }
    this.#preparer.applied(prepared);
    if (session !== undefined && session.owner instanceof Client) {
      session.owner.close(client === null ? "its session expired" : null);
    }
    if (client !== null) {
      client.outstandingCount--;
      if (client.lastOutstanding === entry) client.lastOutstanding = null;
      if (entry.deferredCount > 0) this.#options.answerDeferred(client, entry.deferredCount);
    }
  }

  /** A txn that will never be: its request failed, and nothing was changed. */
  #fail({ prepared, op, client, deferredCount, audited }: Outstanding): void {
    if (audited !== null) this.#audit?.failed(audited);
    const { header, txn } = prepared;
    const session = this.#sessions.get(header.sessionId);
    if (txn.kind === "closeSession" && session !== undefined) {
      session.isClosing = false;
      this.#sessions.postpone(session, this.#time.nowMs);
    }
    if (txn.kind === "createSession") this.#sessions.remove(header.sessionId);
    if (client === null) return;
    client.outstandingCount--;
    client.lastOutstanding = null;
    if (client.isGone) return;
    if (op === OpCode.CreateSession || op === OpCode.CloseSession) {
      client.close("the disk is full");
    } else this.#replies.header(client, header.cxid, op, ErrorCode.SystemError);
    if (deferredCount > 0) this.#options.answerDeferred(client, deferredCount);
  }
}
