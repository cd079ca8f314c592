/**
 * The server's way of a request: reads are answered from the tree at once, writes become txns in the
 * log batch and are applied and answered when the shell says that they are durable.
 *
 * Order within a connection: a read that comes behind a write of the same connection waits for it, so
 * replies leave in the order of requests and every session reads its own writes. Reads of others do not
 * wait: they see the tree as it is durable (semantics, client protocol section 13).
 *
 * Sans I/O: the shell calls `beginTurn`, hands over frames, takes the batch and the output of the
 * clients in `dirty`, and reports with `committed` what is on the disk.
 *
 * Invariant: no reply to a write leaves before `committed` has passed its zxid.
 *
 * @module
 */
import type { AuthProviders } from "../auth/auth_providers.ts";
import { DecodeError, ErrorCode } from "../errors.ts";
import {
  DEFERRED_READ_BYTES_PAUSE,
  DEFERRED_READ_COUNT_MAX,
  DEFERRED_REPLY_BYTES_MAX,
  LOG_BATCH_BYTES_PAUSE,
  OUTPUT_BYTES_PAUSE,
} from "../limits.ts";
import type { ServerMetrics } from "../metrics/server_metrics.ts";
import type { Logger } from "../ports.ts";
import type { ServerConfig } from "../server_config.ts";
import type { ServerStats } from "../server_stats.ts";
import type { Session, SessionTracker } from "../session/session_tracker.ts";
import type { DataTree } from "../tree/data_tree.ts";
import type { WatchEvent } from "../tree/watch_manager.ts";
import type { TxnApplier } from "../txn/apply.ts";
import { type PreparedTxn, Preparer } from "../txn/prepare.ts";
import { JuteReader, JuteWriter } from "../wire/jute.ts";
import { OpCode, PING_XID } from "../wire/op_code.ts";
import { sessionIdToHex, type Zxid } from "../zxid.ts";
import type { AuditedRequest, AuditLog } from "./audit.ts";
import type { AuthRequests } from "./auth_requests.ts";
import { Client, type ClientAddress, type ClientHost } from "./client.ts";
import { Committer } from "./committer.ts";
import { isThrottlable, requestKind } from "./request_kind.ts";
import { type Outstanding, OutstandingQueue } from "./outstanding.ts";
import { ReadRequests } from "./read_requests.ts";
import { Handshakes, respondToConnect } from "./handshakes.ts";
import { beginReply, endReply, writeEvent } from "./reply.ts";
import { RequestStats } from "./request_stats.ts";
import { WriterPool } from "./writer_pool.ts";

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
/** Watches of connections that are gone, taken off at the end of each turn: half a millisecond. */
const WATCHES_REMOVED_IN_TURN = 500;

export interface RequestProcessorOptions {
  config: ServerConfig;
  applier: TxnApplier;
  sessions: SessionTracker;
  providers: AuthProviders;
  auth: AuthRequests;
  audit: AuditLog | null;
  logger: Logger;
  firstSessionId: bigint;
  serverStats: ServerStats;
  metrics: ServerMetrics;
}

export class RequestProcessor implements ClientHost {
  readonly clients = new Set<Client>();
  /** Clients with output to be sent or to be closed; the shell empties it. */
  readonly dirty: Client[] = [];
  readonly writers = new WriterPool();
  readonly sessions: SessionTracker;
  readonly tree: DataTree;
  readonly stats: RequestStats;
  /** False while the disk is full: writes are answered with an error. */
  acceptsWrites = true;
  /** The server stops: what was begun is finished, and no further request is looked at. */
  isStopping = false;

  readonly #config: ServerConfig;
  readonly #logger: Logger;
  readonly #auth: AuthRequests;
  readonly #reads: ReadRequests;
  readonly #handshakes: Handshakes;
  readonly #preparer: Preparer;
  readonly #committer: Committer;
  /** Null unless the audit log is on. */
  readonly #audit: AuditLog | null;
  /** Writes under way, from which on nothing further is begun. */
  readonly #throttleCount: number;
  readonly #outstanding = new OutstandingQueue();
  readonly #deferredReader = new JuteReader(new Uint8Array(0));
  #batchFirstZxid: Zxid = -1;
  #batchRecordCount = 0;
  /** For the next batches: allocating one for each would keep the garbage collector busy. */
  #batchWriters: JuteWriter[] = [];
  /** Log bytes taken by the shell that are not durable yet. */
  #bytesInFlight = 0;
  #nextSessionId: bigint;
  #nowMs = 0;
  #wallMs = 0;

  constructor(options: RequestProcessorOptions) {
    const { config, applier, sessions, providers } = options;
    this.#config = config;
    const { tree } = applier;
    this.tree = tree;
    this.sessions = sessions;
    this.#auth = options.auth;
    this.#audit = options.audit;
    const { requestThrottleMaxRequests } = config;
    this.#throttleCount = requestThrottleMaxRequests > 0 ? requestThrottleMaxRequests : Infinity;
    this.#logger = options.logger;
    this.#nextSessionId = options.firstSessionId;
    this.stats = new RequestStats(options.serverStats, options.metrics);
    this.#reads = new ReadRequests({ tree, providers });
    this.#handshakes = new Handshakes({
      config,
      tree,
      sessions,
      durableSessions: applier.sessions,
      createSession: (client, timeoutMs) => this.#createSession(client, timeoutMs),
    });
    this.#committer = new Committer(applier);
    this.#preparer = new Preparer({
      tree,
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

  // ---------------------------------------------------------------- the shell's side

  /** Tells the time of all that follows until the next call. */
  beginTurn({ nowMs, wallMs }: { nowMs: number; wallMs: number }): void {
    this.#nowMs = nowMs;
    this.#wallMs = wallMs;
  }

  /** @param nowMs for the latency of what was answered in this turn */
  endTurn(nowMs: number): void {
    this.tree.watches.continueRemoving(WATCHES_REMOVED_IN_TURN);
    this.stats.endTurn(nowMs - this.#nowMs);
  }

  /** Requests read and not yet answered. */
  get outstandingCount(): number {
    return this.#outstanding.length;
  }

  /** Records of the batch that is being filled. */
  get batchRecordCount(): number {
    return this.#batchRecordCount;
  }

  /** Whether so much is under way that nobody's requests are begun (request_throttle_max_requests). */
  get isThrottling(): boolean {
    return this.#outstanding.length >= this.#throttleCount;
  }

  accept(address: ClientAddress): Client {
    const client = new Client(this, address, this.#wallMs);
    this.clients.add(client);
    return client;
  }

  /** The socket is gone. */
  disconnected(client: Client): void {
    client.isGone = true;
    client.isClosing = true;
    this.clients.delete(client);
    this.tree.watches.removeWatcher(client);
    if (client.session?.owner === client) client.session.owner = null;
    if (client.output !== null) this.writers.release(client.output);
    client.output = null;
    client.deferred = null;
  }

  /** Whether no further frame of this client may be handled now. */
  isPaused(client: Client): boolean {
    return this.isStopping || client.isConnecting || client.outputBytes > OUTPUT_BYTES_PAUSE ||
      client.deferredCount >= DEFERRED_READ_COUNT_MAX ||
      client.deferredBytes > DEFERRED_READ_BYTES_PAUSE || this.isThrottling ||
      (client.lastOutstanding !== null &&
        (this.#outstanding.length > this.#config.globalOutstandingLimit ||
          this.#bytesInFlight + this.#preparer.writer.position > LOG_BATCH_BYTES_PAUSE));
  }

  /** The client gave a sign of life. */
  touch(client: Client): void {
    if (client.session !== null) this.sessions.touch(client.session, this.#nowMs);
  }

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

  /** Everything through `zxid` is durable: applies and answers it. */
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
    while (this.#outstanding.length > 0) {
      const entry = this.#outstanding.shift();
      this.#fail(entry);
    }
  }

  /** Ends what has not been heard of for too long. Call once a tick. */
  expireSessions(): void {
    for (const session of this.sessions.expire(this.#nowMs)) {
      if (!this.acceptsWrites) {
        this.sessions.postpone(session, this.#nowMs);
        continue;
      }
      this.#logger.info("session expired", {
        sessionId: sessionIdToHex(session.id),
        timeoutMs: session.timeoutMs,
      });
      this.stats.metrics.staleSessionsExpired.increment();
      this.closeSession(session);
    }
  }

  /** Ends a session on the server's own account: expired, killed by an operator, dead at start. */
  closeSession(session: Pick<Session, "id" | "isClosing">): void {
    if (session.isClosing) return;
    session.isClosing = true;
    const prepared = this.#preparer.prepareCloseSession(session.id, 0, this.#wallMs);
    this.#enqueue(prepared, OpCode.CloseSession, null);
  }

  /** Removes an empty container or an expired TTL node, if it still is one. Returns whether. */
  deleteContainer(path: Uint8Array): boolean {
    const prepared = this.acceptsWrites
      ? this.#preparer.prepareDeleteContainer(path, {
        wallMs: this.#wallMs,
        maxNeverUsedIntervalMs: this.#config.containerMaxNeverUsedIntervalMs,
      })
      : null;
    if (prepared === null) return false;
    if (this.tree.ownerKindOf(this.tree.store.lookup(path)) === "ttl") {
      this.stats.metrics.ttlNodeDeletedCount.increment();
    }
    this.#enqueue(prepared, OpCode.DeleteContainer, null);
    return true;
  }

  // ---------------------------------------------------------------- frames

  /** The first frame of a connection. */
  connect(client: Client, reader: JuteReader): void {
    client.packetsReceived++;
    this.stats.connectRequest();
    this.#handshakes.connect(client, reader, this.#nowMs);
  }

  /** A frame of an established connection; `reader` stands at its header. */
  request(client: Client, reader: JuteReader): void {
    if (reader.remaining < 8) return client.close("a frame shorter than a request header");
    const start = reader.position;
    const xid = reader.int();
    const op = reader.int();
    client.packetsReceived++;
    this.stats.received();
    if (op === OpCode.Auth || op === OpCode.Sasl) {
      return this.#authenticate(client, xid, op, reader);
    }
    if (!this.#auth.isSatisfied(client, op)) return this.#auth.refuse(client, xid);
    if (client.isReadingDone) return;
    const kind = requestKind(op);
    if (kind === "unknown") client.isReadingDone = true; // even while its answer waits for a write
    if (client.lastOutstanding !== null && (kind !== "write" && kind !== "closeSession")) {
      client.defer(reader.buffer, start, reader.end);
      client.lastOutstanding.deferredCount++;
      return;
    }
    if (kind === "write") this.#write(client, xid, op, reader);
    else this.#answer(client, xid, op, reader);
  }

  /**
   * A frame that the throttle held up for too long: refused without being looked at, except what a
   * session lives by. Only while no write of the client is under way, whose reply must come first.
   */
  refuseThrottled(client: Client, reader: JuteReader): void {
    const start = reader.position;
    if (reader.remaining < 8) return this.request(client, reader);
    const xid = reader.int();
    const op = reader.int();
    reader.position = start;
    if (!isThrottlable(op) || client.isReadingDone) return this.request(client, reader);
    client.packetsReceived++;
    this.stats.received();
    this.stats.metrics.throttledOps.increment();
    this.#replyHeader(client, xid, op, ErrorCode.ThrottledOp);
  }

  // ---------------------------------------------------------------- ClientHost

  markDirty(client: Client): void {
    if (client.isDirty) return;
    client.isDirty = true;
    this.dirty.push(client);
  }

  deliverEvent(client: Client, event: WatchEvent): void {
    if (client.isClosing || !this.#reads.mayRead(client, event.acl)) return;
    const bytes = writeEvent(client.writer(), event);
    client.eventBytes += bytes;
    client.packetsSent++;
    this.stats.eventSent(event.type, bytes);
  }

  acquireWriter(): JuteWriter {
    return this.writers.acquire();
  }

  /** A session is asked for: it exists for clients when its txn is durable. */
  #createSession(client: Client, timeoutMs: number): void {
    if (!this.acceptsWrites) return client.close("no session can be made: the disk is full");
    const id = this.#nextSessionId;
    this.#nextSessionId = BigInt.asIntN(64, id + 1n);
    const prepared = this.#preparer.prepareCreateSession(id, timeoutMs, this.#wallMs);
    const session = this.sessions.add({ id, timeoutMs, nowMs: this.#nowMs });
    session.owner = client;
    client.session = session;
    client.isConnecting = true;
    this.#enqueue(prepared, OpCode.CreateSession, client);
  }

  // ---------------------------------------------------------------- requests

  #authenticate(client: Client, xid: number, op: number, reader: JuteReader): void {
    try {
      if (op === OpCode.Auth) this.#auth.auth(client, xid, reader);
      else this.#auth.sasl(client, xid, reader);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      client.close("its auth packet cannot be decoded");
    }
  }

  #write(client: Client, xid: number, op: number, reader: JuteReader): void {
    const audited = this.#audit === null ? null : this.#audit.describe(client, op, reader);
    if (!this.acceptsWrites) {
      if (audited !== null) this.#audit!.failed(audited);
      return this.#replyHeader(client, xid, op, ErrorCode.SystemError);
    }
    const requester = { sessionId: client.sessionId, cxid: xid, ids: client.ids };
    const pathAt = reader.position;
    const prepared = client.session === null || client.session.isClosing
      ? this.#preparer.prepareError(requester, ErrorCode.SessionExpired, this.#wallMs)
      : this.#preparer.prepare(op, reader, requester, this.#wallMs);
    if (prepared.txn.kind === "error" && prepared.txn.err === ErrorCode.QuotaExceeded) {
      this.stats.quotaExceeded(reader.buffer, pathAt);
    }
    this.#enqueue(prepared, op, client, audited);
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
      receivedMs: this.#nowMs,
      audited,
    };
    this.stats.prepared(prepared);
    if (this.#batchRecordCount++ === 0) this.#batchFirstZxid = prepared.header.zxid;
    this.#outstanding.push(entry);
    if (client === null) return;
    client.lastOutstanding = entry;
    client.outstandingCount++;
  }

  /** A request that needs no txn, in its turn. */
  #answer(client: Client, xid: number, op: number, reader: JuteReader): void {
    const kind = requestKind(op);
    switch (kind) {
      case "ping":
        return this.#replyHeader(client, PING_XID, op, ErrorCode.Ok);
      case "closeSession": {
        if (!this.acceptsWrites || client.session === null) {
          return client.close("its session ends when it times out");
        }
        if (client.session.isClosing) return;
        client.session.isClosing = true;
        const { id } = client.session;
        const prepared = this.#preparer.prepareCloseSession(id, xid, this.#wallMs);
        this.#enqueue(prepared, op, client);
        client.isReadingDone = true; // requests behind it get no reply
        return;
      }
      case "unknown": {
        const writer = client.writer();
        endReply(writer, beginReply(writer, xid, -1, ErrorCode.Unimplemented));
        client.packetsSent++;
        return client.close(`request type ${op} is unknown`);
      }
      default:
        this.#read(client, xid, op, reader, kind === "setWatches");
    }
  }

  #read(
    client: Client,
    xid: number,
    op: number,
    reader: JuteReader,
    isSetWatches: boolean,
  ): void {
    const { lastProcessedZxid } = this.tree;
    let err: ErrorCode;
    const namespaceStart = reader.position;
    let start = client.outputBytes;
    const writer = client.writer();
    try {
      if (isSetWatches) {
        this.#reads.setWatches(client, reader, op === OpCode.SetWatches2);
        start = beginReply(writer, xid, lastProcessedZxid, ErrorCode.Ok);
        err = ErrorCode.Ok;
      } else {
        start = beginReply(writer, xid, lastProcessedZxid, ErrorCode.Ok);
        err = this.#reads.answer(op, client, reader, writer);
      }
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      err = ErrorCode.MarshallingError;
    }
    if (err !== ErrorCode.Ok) {
      writer.position = start;
      start = beginReply(writer, xid, lastProcessedZxid, err);
    }
    const bytes = endReply(writer, start);
    if (err === ErrorCode.Ok) {
      const { isListFromCache: isFromCache } = this.tree;
      this.stats.read(op, reader.buffer, namespaceStart, { bytes, isFromCache });
    }
    this.#sent(client, xid, op, { bytes, latencyMs: 0, isWrite: false });
  }

  #replyHeader(client: Client, xid: number, op: number, err: ErrorCode): void {
    const writer = client.writer();
    const bytes = endReply(writer, beginReply(writer, xid, this.tree.lastProcessedZxid, err));
    this.#sent(client, xid, op, { bytes, latencyMs: 0, isWrite: false });
  }

  /** A reply was written: counts it. */
  #sent(
    client: Client,
    xid: number,
    op: number,
    { bytes, latencyMs, isWrite }: { bytes: number; latencyMs: number; isWrite: boolean },
  ): void {
    client.packetsSent++;
    client.lastZxid = this.tree.lastProcessedZxid;
    client.lastOperation = op;
    if (xid >= 0) client.lastCxid = xid;
    client.recordLatency(latencyMs, this.#nowMs);
    this.stats.sent(op, { bytes, latencyMs, isWrite });
  }

  // ---------------------------------------------------------------- commits

  #commit(entry: Outstanding): void {
    const { prepared, op, client } = entry;
    const { header, txn } = prepared;
    const latencyMs = Math.floor(this.#nowMs - entry.receivedMs);
    const writer = client === null || client.isGone ? null : client.writer();
    // watchers of the txn's own effects may be this very client: its events come before the reply
    const session = txn.kind === "closeSession" ? this.sessions.get(header.sessionId) : undefined;
    if (this.#audit !== null) this.#audit.committed(entry.audited, prepared, this.tree);
    const err = this.#committer.apply(prepared);
    if (session !== undefined) this.sessions.remove(session.id);
    this.stats.committed(prepared, latencyMs, this.#wallMs - header.timeMs);
    if (client !== null && writer !== null) {
      if (op === OpCode.CreateSession) {
        respondToConnect(client, client.session);
      } else {
        const start = beginReply(writer, header.cxid, header.zxid, err);
        if (err === ErrorCode.Ok) this.#committer.writeBody(writer, prepared, op);
        const bytes = endReply(writer, start);
        // a write that failed is an error txn, and that is what `cons` names
        const shown = txn.kind === "error" ? OpCode.Error : op;
        this.#sent(client, header.cxid, shown, { bytes, latencyMs, isWrite: true });
      }
    }
    this.#preparer.applied(prepared);
    if (session !== undefined && session.owner instanceof Client) {
      session.owner.close(client === null ? "its session expired" : null);
    }
    if (client !== null) {
      client.outstandingCount--;
      if (client.lastOutstanding === entry) client.lastOutstanding = null;
      if (entry.deferredCount > 0) this.#answerDeferred(client, entry.deferredCount);
    }
  }

  #answerDeferred(client: Client, count: number): void {
    const { deferred } = client;
    if (deferred === null) return;
    const reader = this.#deferredReader;
    for (let i = 0; i < count; i++) {
      const length = deferred.view.getInt32(client.deferredPosition);
      const start = client.deferredPosition + 4;
      client.deferredPosition = start + length;
      client.deferredCount--;
      if (client.outputBytes > DEFERRED_REPLY_BYTES_MAX) {
        client.close(
          `the replies to its reads behind a write pass ${DEFERRED_REPLY_BYTES_MAX} bytes`,
        );
      }
      if (client.isClosing) continue;
      reader.reset(deferred.buffer, deferred.view, start, start + length);
      this.#answer(client, reader.int(), reader.int(), reader); // xid, then op
    }
    if (client.deferredCount === 0) client.endDeferred();
  }

  /** A txn that will never be: its request failed, and nothing was changed. */
  #fail({ prepared, op, client, deferredCount, audited }: Outstanding): void {
    if (audited !== null) this.#audit?.failed(audited);
    const { header, txn } = prepared;
    const session = this.sessions.get(header.sessionId);
    if (txn.kind === "closeSession" && session !== undefined) {
      session.isClosing = false;
      this.sessions.postpone(session, this.#nowMs);
    }
    if (txn.kind === "createSession") this.sessions.remove(header.sessionId);
    if (client === null) return;
    client.outstandingCount--;
    client.lastOutstanding = null;
    if (client.isGone) return;
    if (op === OpCode.CreateSession || op === OpCode.CloseSession) {
      client.close("the disk is full");
    } else this.#replyHeader(client, header.cxid, op, ErrorCode.SystemError);
    if (deferredCount > 0) this.#answerDeferred(client, deferredCount);
  }
}
