/**
 * The way of a write on a server that decides by itself, standalone or as leader: resolved into a txn,
 * logged (and proposed), and, when it is committed, applied and answered (as ZooKeeper's
 * PrepRequestProcessor, SyncRequestProcessor and FinalRequestProcessor).
 *
 * Sans I/O: batches of records are taken from it; it is told what of them is durable here (`logged`), and
 * what is committed. Standalone the one follows from the other at once.
 *
 * Invariant: no reply to a write leaves before `committed` has passed its zxid.
 *
 * @module
 */
import type { AuthProviders } from "../auth/auth_providers.ts";
import { ErrorCode } from "../errors.ts";
import { LOG_BATCH_BYTES_PAUSE } from "../limits.ts";
import type { Logger } from "../ports.ts";
import type { ServerConfig } from "../server_config.ts";
import type { Session, SessionOwner } from "../session/sessions.ts";
import type { SessionTracker } from "../session/session_tracker.ts";
import type { DataTree } from "../tree/data_tree.ts";
import type { Id } from "../tree/acl_list.ts";
import type { TxnApplier } from "../txn/apply.ts";
import { type PreparedTxn, Preparer, type Reconfigure } from "../txn/prepare.ts";
import { makesEphemeral } from "../txn/write_request.ts";
import type { JuteReader } from "../wire/jute.ts";
import { OpCode } from "../wire/op_code.ts";
import { sessionIdToHex, type Zxid } from "../zxid.ts";
import type { AuditedRequest, AuditLog } from "./audit.ts";
import type { Client } from "./client.ts";
import { Commits } from "./commits.ts";
import { attachSession, refuseSession } from "./handshakes.ts";
import { ENDED_BY_OPERATOR, LocalSessions } from "./local_sessions.ts";
import { type LogBatch, LogBatches } from "./log_batches.ts";
import { type Outstanding, WaitingQueue } from "./outstanding.ts";
import type { WritePath, WritePathContext } from "./write_path.ts";

export interface WritePipelineOptions extends WritePathContext {
  config: ServerConfig;
  applier: TxnApplier;
  sessions: SessionTracker;
  providers: AuthProviders;
  /** Null unless the audit log is on. */
  audit: AuditLog | null;
  logger: Logger;
  firstSessionId: bigint;
  /** Whether new sessions are local ones. A server that stands alone has only global ones. */
  localSessions: boolean;
  /** How the membership is changed; null where there is none. */
  reconfigure: Reconfigure | null;
}

/** A request of another server's client. */
export interface RemoteRequest {
  /** The learner that sent it. */
  owner: SessionOwner;
  sessionId: bigint;
  cxid: number;
  op: number;
  ids: readonly Id[];
}

export class WritePipeline implements WritePath {
  /** False while the disk is full: writes are answered with an error. */
  acceptsWrites = true;
  readonly isReadOnly = false;

  readonly #options: WritePipelineOptions;
  readonly #tree: DataTree;
  readonly #sessions: SessionTracker;
  readonly #preparer: Preparer;
  readonly #batches = new LogBatches();
  readonly #commits: Commits;
  readonly #local: LocalSessions;
  readonly #outstanding = new WaitingQueue<Outstanding>(1024);
  #nextSessionId: bigint;

  constructor(options: WritePipelineOptions) {
    const { config, applier, providers } = options;
    this.#options = options;
    this.#tree = applier.tree;
    this.#sessions = options.sessions;
    this.#nextSessionId = options.firstSessionId;
    this.#commits = new Commits(options);
    this.#local = new LocalSessions({ ...options, tracker: options.sessions });
    this.#preparer = new Preparer({
      tree: applier.tree,
      providers,
      options: {
        digestEnabled: config.digestEnabled,
        extendedTypes: config.extendedTypesEnabled,
        enforceQuota: config.enforceQuota,
        closeSessionTxnEnabled: config.closeSessionTxnEnabled,
        reconfigure: options.reconfigure,
        recordBytesMax: config.juteMaxBufferBytes + config.juteExtraSizeBytes,
      },
      writer: this.#batches.writer,
    });
  }

  get outstandingCount(): number {
    return this.#outstanding.length;
  }

  /** Records of the batch that is being filled. */
  get batchRecordCount(): number {
    return this.#batches.recordCount;
  }

  /** Of the last txn prepared. */
  get lastZxid(): Zxid {
    return this.#preparer.lastZxid;
  }

  get isFull(): boolean {
    return this.#outstanding.length > this.#options.config.globalOutstandingLimit ||
      this.#batches.bytes > LOG_BATCH_BYTES_PAUSE;
  }

  /** Whether requests were prepared since `preparedAll`. */
  get hasPrepared(): boolean {
    return this.#options.stats.stages.hasPrepared;
  }

  /** Nothing more is prepared in this turn. */
  preparedAll(nowMs: number): void {
    const { stats, time } = this.#options;
    stats.stages.preparedAll(nowMs - time.nowMs);
  }

  // ---------------------------------------------------------------- in

  request(client: Client, xid: number, op: number, reader: JuteReader): void {
    const { audit, replies, stats, time } = this.#options;
    const audited = audit === null ? null : audit.describe(client, op, reader);
    if (!this.acceptsWrites) {
      if (audited !== null) audit!.failed(audited);
      return replies.header(client, xid, op, ErrorCode.SystemError);
    }
    const { session } = client;
    const pathAt = reader.position;
    const refusal = refusalOf(session, client);
    if (refusal === null && session!.kind === "local") this.#upgrade(session!, op, reader);
    const requester = {
      sessionId: client.sessionId,
      cxid: xid,
      ids: client.ids,
      ephemeralRefusal: session?.kind === "local" ? ErrorCode.EphemeralOnLocalSession : null,
    };
    const prepared = refusal !== null
      ? this.#preparer.prepareError(requester, refusal, time.wallMs)
      : this.#preparer.prepare(op, reader, requester, time.wallMs);
    if (prepared.txn.kind === "error" && prepared.txn.err === ErrorCode.QuotaExceeded) {
      stats.quotaExceeded(reader.buffer, pathAt);
    }
    this.#enqueue(prepared, op, client, audited);
  }

  sync(client: Client): void {
    if (this.#outstanding.length === 0) return;
    client.lastOutstanding = this.#syncEntry(client);
    client.outstandingCount++;
  }

  createSession(client: Client, timeoutMs: number): void {
    if (!this.acceptsWrites) return client.close("no session can be made: the disk is full");
    const id = this.#nextSessionId;
    this.#nextSessionId = BigInt.asIntN(64, id + 1n);
    if (this.#options.localSessions && client.via === null) {
      return this.#local.create(client, { id, timeoutMs });
    }
    const prepared = this.#prepareSession(id, timeoutMs, client);
    client.session = this.#sessions.get(id)!;
    client.session.client = client;
    client.isConnecting = true;
    this.#options.stats.sessionAsked();
    this.#enqueue(prepared, OpCode.CreateSession, client);
  }

  renewSession(
    client: Client,
    { sessionId, timeoutMs }: { sessionId: bigint; timeoutMs: number },
  ): void {
    const { applier, stats, time } = this.#options;
    stats.sessionRenewed();
    // one whose creation is still on its way to the disk cannot be attached to
    const tracked = this.#sessions.get(sessionId);
    const isThere = tracked !== undefined &&
      (tracked.kind !== "global" || applier.sessions.has(sessionId));
    const session = isThere ? tracked : undefined;
    if (session === undefined || session.isClosing) return refuseSession(client, sessionId);
    session.timeoutMs = timeoutMs;
    this.#sessions.restart(session, time.nowMs);
    attachSession(client, session);
  }

  closeSessionOf(client: Client, xid: number): void {
    if (!this.acceptsWrites || client.session === null) {
      return client.close("its session ends when it times out");
    }
    if (client.session.isClosing) return;
    if (client.session.kind === "local") return this.#local.close(client, client.session, xid);
    client.session.isClosing = true;
    const { id } = client.session;
    const prepared = this.#preparer.prepareCloseSession(id, xid, this.#options.time.wallMs);
    this.#enqueue(prepared, OpCode.CloseSession, client);
    client.isReadingDone = true; // requests behind it get no reply
  }

  /** Ends a session on the server's own account: expired, killed by an operator, dead at start. */
  closeSession(session: Pick<Session, "id" | "isClosing">): void {
    if (session.isClosing) return;
    session.isClosing = true;
    const { wallMs } = this.#options.time;
    this.#enqueue(this.#preparer.prepareCloseSession(session.id, 0, wallMs), OpCode.CloseSession);
  }

  /** Ends any session, for an operator. Returns whether it was there. */
  endSession(id: bigint): boolean {
    const session = this.#sessions.get(id);
    if (session === undefined) return false;
    if (session.kind === "local") this.#local.end(session, ENDED_BY_OPERATOR);
    else this.closeSession(session);
    return true;
  }

  expireSessions(): void {
    const { logger, stats, time } = this.#options;
    for (const session of this.#sessions.expire(time.nowMs)) {
      if (session.kind === "local") {
        this.#local.expire(session);
        continue;
      }
      if (!this.acceptsWrites) {
        this.#sessions.postpone(session, time.nowMs);
        continue;
      }
      logger.info("session expired", {
        sessionId: sessionIdToHex(session.id),
        timeoutMs: session.timeoutMs,
      });
      stats.metrics.staleSessionsExpired.increment();
      this.closeSession(session);
    }
  }

  /** Removes an empty container or an expired TTL node, if it still is one. Returns whether. */
  deleteContainer(path: Uint8Array): boolean {
    const { config, stats, time } = this.#options;
    const prepared = this.acceptsWrites
      ? this.#preparer.prepareDeleteContainer(path, {
        wallMs: time.wallMs,
        maxNeverUsedIntervalMs: config.containerMaxNeverUsedIntervalMs,
      })
      : null;
    if (prepared === null) return false;
    if (this.#tree.ownerKindOf(this.#tree.store.lookup(path)) === "ttl") {
      stats.metrics.ttlNodeDeletedCount.increment();
    }
    this.#enqueue(prepared, OpCode.DeleteContainer);
    return true;
  }

  // ---------------------------------------------------------------- in, from learners

  /** A learner's client asks; the learner recognises the outcome by session id and cxid. */
  remoteRequest({ owner, sessionId, cxid, op, ids }: RemoteRequest, reader: JuteReader): void {
    const { wallMs } = this.#options.time;
    if (op === OpCode.CreateSession) {
      const prepared = this.#prepareSession(sessionId, reader.int(), owner);
      return this.#enqueue(prepared, op);
    }
    const session = this.#sessions.get(sessionId);
    if (op === OpCode.CloseSession) {
      if (session !== undefined) session.isClosing = true;
      return this.#enqueue(this.#preparer.prepareCloseSession(sessionId, cxid, wallMs), op);
    }
    const isLocalThere = session === undefined && this.#mayBeLocalElsewhere(sessionId);
    const ephemeralRefusal = isLocalThere || session?.kind === "local"
      ? ErrorCode.SessionExpired
      : null;
    const requester = { sessionId, cxid, ids, ephemeralRefusal };
    const refusal = isLocalThere ? null : refusalOf(session ?? null, owner);
    // what the learner hears of the session comes later: it must not end behind what was done in its name
    if (session !== undefined && refusal === null) {
      this.#sessions.touch(session, this.#options.time.nowMs);
    }
    this.#enqueue(
      refusal === null
        ? this.#preparer.prepare(op, reader, requester, wallMs)
        : this.#preparer.prepareError(requester, refusal, wallMs),
      op,
    );
  }

  /** Calls back when everything that is under way now is committed: at once when nothing is. */
  remoteSync(synced: () => void): void {
    if (this.#outstanding.length === 0) return synced();
    this.#syncEntry(null).synced = synced;
  }

  /** A learner's client comes back to a session. Returns whether it is there. */
  revalidate(owner: SessionOwner, sessionId: bigint, timeoutMs: number): boolean {
    const session = this.#sessions.get(sessionId);
    if (session === undefined || session.isClosing || session.kind === "local") return false;
    session.timeoutMs = timeoutMs;
    this.#sessions.restart(session, this.#options.time.nowMs);
    session.owner = owner;
    return true;
  }

  /** A learner heard of a session. */
  touchSession(sessionId: bigint, timeoutMs: number): void {
    const session = this.#sessions.get(sessionId);
    if (session === undefined) return;
    session.timeoutMs = timeoutMs;
    this.#sessions.touch(session, this.#options.time.nowMs);
  }

  /** A local session becomes a global one, if it is about to own a znode and may. */
  #upgrade(session: Session, op: number, reader: JuteReader): void {
    const { config, time } = this.#options;
    if (!config.localSessionsUpgradingEnabled || !makesEphemeral(op, reader)) return;
    session.kind = "upgraded";
    const { id, timeoutMs } = session;
    const prepared = this.#preparer.prepareCreateSession(id, timeoutMs, time.wallMs);
    this.#enqueue(prepared, OpCode.CreateSession);
  }

  /** Whether an unknown session may be another server's own: only ours are all known here. */
  #mayBeLocalElsewhere(sessionId: bigint): boolean {
    const { localSessions, config } = this.#options;
    return localSessions &&
      BigInt.asUintN(8, sessionId >> 56n) !== BigInt(config.sessionServerId & 0xff);
  }

  #prepareSession(id: bigint, timeoutMs: number, owner: SessionOwner): PreparedTxn {
    const { nowMs, wallMs } = this.#options.time;
    const prepared = this.#preparer.prepareCreateSession(id, timeoutMs, wallMs);
    this.#sessions.add({ id, timeoutMs, nowMs }).owner = owner;
    return prepared;
  }

  #syncEntry(client: Client | null): Outstanding {
    const entry: Outstanding = {
      op: OpCode.Sync,
      cxid: 0,
      client,
      deferredCount: 0,
      receivedMs: this.#options.time.nowMs,
      audited: null,
      refusal: null,
      zxid: this.#preparer.lastZxid,
      prepared: null,
      synced: null,
    };
    this.#outstanding.push(entry);
    return entry;
  }

  #enqueue(
    prepared: PreparedTxn,
    op: number,
    client: Client | null = null,
    audited: AuditedRequest | null = null,
  ): void {
    const { zxid, cxid } = prepared.header;
    const entry: Outstanding = {
      op,
      cxid,
      client,
      deferredCount: 0,
      receivedMs: this.#options.time.nowMs,
      audited,
      refusal: null,
      zxid,
      prepared,
      synced: null,
    };
    this.#options.stats.prepared(prepared);
    this.#batches.added(zxid);
    this.#outstanding.push(entry);
    if (client === null) return;
    client.lastOutstanding = entry;
    client.outstandingCount++;
  }

  // ---------------------------------------------------------------- to the disk and back

  /** The records prepared since the last call; null when there are none. */
  takeBatch(): LogBatch | null {
    const batch = this.#batches.take();
    this.#preparer.writer = this.#batches.writer;
    return batch;
  }

  /** Everything through `zxid` is durable on our own disk. */
  logged(zxid: Zxid): void {
    this.#batches.logged(zxid);
  }

  /** Everything through `zxid` is committed: applies and answers it. */
  committed(zxid: Zxid): void {
    for (
      let entry = this.#outstanding.first();
      entry !== undefined && entry.zxid <= zxid;
      entry = this.#outstanding.first()
    ) {
      this.#outstanding.shift();
      if (entry.prepared !== null) {
        this.#commits.commit(entry.prepared, entry);
        this.#preparer.applied(entry.prepared);
      }
      entry.synced?.();
      this.#commits.finish(entry);
    }
    this.#batches.applied(zxid); // its txns borrowed their paths and data from the batch: none is left
  }

  /**
   * Nothing that is under way reached the disk, which is full: all of it fails, and so does every
   * write until `acceptsWrites` is set again. Reads go on.
   */
  diskFull(): void {
    this.acceptsWrites = false;
    this.#preparer.reset();
    this.#batches.discard();
    while (this.#outstanding.length > 0) this.#fail(this.#outstanding.shift());
  }

  /** A txn that will never be: its request failed, and nothing was changed. */
  #fail(entry: Outstanding): void {
    const { prepared, op, client, deferredCount, audited } = entry;
    const { audit, replies, time } = this.#options;
    if (audited !== null) audit?.failed(audited);
    if (prepared !== null) {
      const { header, txn } = prepared;
      const session = this.#sessions.get(header.sessionId);
      if (txn.kind === "closeSession" && session !== undefined) {
        session.isClosing = false;
        this.#sessions.postpone(session, time.nowMs);
      }
      if (txn.kind === "createSession") this.#sessions.remove(header.sessionId);
    }
    if (client === null) return;
    if (!client.isGone && prepared !== null) {
      if (op === OpCode.CreateSession || op === OpCode.CloseSession) {
        client.close("the disk is full");
      } else replies.header(client, entry.cxid, op, ErrorCode.SystemError);
    }
    client.lastOutstanding = null;
    client.outstandingCount--;
    if (!client.isGone && deferredCount > 0) this.#options.answerDeferred(client, deferredCount);
  }
}

/** Why nothing may be done in the name of a session; its first user becomes its owner. */
function refusalOf(session: Session | null, owner: SessionOwner): ErrorCode | null {
  if (session === null || session.isClosing) return ErrorCode.SessionExpired;
  session.owner ??= owner;
  return session.owner === owner ? null : ErrorCode.SessionMoved;
}
