/**
 * The gateway of a running server: carries requests of the HTTP API into its request processor, whichever role
 * that belongs to now.
 *
 * Writes need a session. Those that came without one are made in one of the server's own, which owns nothing
 * and is made when it is first needed. A session of a client is attached to here when it first writes here, as
 * if its client had connected; when it has written through another server meanwhile, it is attached to
 * again. To read, and to be kept alive, it need not be.
 *
 * @module
 */
import type { AuthProviders } from "../../core/auth/auth_providers.ts";
import { checkAcl } from "../../core/auth/acl_check.ts";
import { ErrorCode } from "../../core/errors.ts";
import type { Clock, Random } from "../../core/ports.ts";
import { Client } from "../../core/server/client.ts";
import { type LocalAnswer, LocalClient } from "../../core/server/local_client.ts";
import { NoWrites } from "../../core/server/no_writes.ts";
import type { RequestProcessor } from "../../core/server/request_processor.ts";
import type { ServerConfig } from "../../core/server_config.ts";
import { isSessionPassword, sessionPassword } from "../../core/session/session_id.ts";
import type { SessionTable } from "../../core/storage/snapshot_tree.ts";
import type { AclEntry, AclList } from "../../core/tree/acl_list.ts";
import type { DataTree } from "../../core/tree/data_tree.ts";
import { NO_NODE } from "../../core/tree/node_store.ts";
import { type JuteReader, type JuteWriter } from "../../core/wire/jute.ts";
import { OpCode } from "../../core/wire/op_code.ts";
import { type Zxid, zxidToHex } from "../../core/zxid.ts";
import type { ClientStat } from "../client/client_types.ts";
import type { Turn } from "../turn.ts";
import type {
  Caller,
  CreateRequest,
  Gateway,
  MultiOp,
  MultiResult,
  ReconfigRequest,
  SessionInfo,
  SessionKey,
} from "./gateway.ts";
import {
  checkDataSize,
  checkMultiSize,
  createOpCode,
  readAcl,
  readData,
  readMulti,
  readStat,
  readText,
  writeCreate,
  writeMulti,
  writePathAndVersion,
  writeSetAcl,
  writeSetData,
} from "./gateway_codec.ts";
import {
  expired,
  notServing,
  onlyReading,
  throttled,
  unanswered,
  withoutSession,
} from "./gateway_problems.ts";
import { Problem, problemOfCode } from "./problem.ts";
import { Callbacks, ZxidWaits } from "./waits.ts";
import { findZnode, statOfNew } from "./znode_stat.ts";

const VIA = "http";
/** A session that moves between servers all the time: after so many attempts its request is refused. */
const ATTEMPT_COUNT_MAX = 5;

export interface ServerGatewayOptions {
  config: ServerConfig;
  tree: DataTree;
  /** All sessions whose creation is committed. */
  sessionTable: SessionTable;
  providers: AuthProviders;
  turn: Turn;
  clock: Clock;
  random: Random;
  /** How long a write may take to be answered. */
  requestTimeoutMs: number;
}

/** A request that changes something. */
interface Write<T> {
  /** For the problem, if it fails. */
  readonly path: string | null;
  readonly writeBody: (writer: JuteWriter) => void;
  readonly readBody: (body: JuteReader, zxid: Zxid) => T;
}

/** A session that requests are made in here; while it is being attached to, a promise. */
type Attachment = LocalClient | Promise<LocalClient>;

export class ServerGateway implements Gateway {
  readonly config: ServerConfig;
  readonly tree: DataTree;
  readonly #options: ServerGatewayOptions;
  #processor: RequestProcessor | null = null;
  #reader: LocalClient | null = null;
  /** By session. */
  readonly #attachments = new Map<bigint, Attachment>();
  /** Of requests without a session. */
  #own: Attachment | null = null;
  #ownSession: { id: bigint; timeoutMs: number } | null = null;
  readonly #clients = new Set<LocalClient>();
  readonly #sessionEnds = new Map<bigint, Callbacks>();
  readonly #serviceEnds = new Callbacks();
  readonly #zxidWaits = new ZxidWaits();

  constructor(options: ServerGatewayOptions) {
    this.#options = options;
    this.config = options.config;
    this.tree = options.tree;
  }

  // ---------------------------------------------------------------- the server's side

  /** A role has begun: what was asked of the one before and not answered is lost. */
  serve(processor: RequestProcessor): void {
    const hadRole = this.#processor !== null;
    this.#processor = processor;
    this.#reader = null;
    this.#own = null;
    this.#attachments.clear();
    for (const client of [...this.#clients]) this.#drop(client, "this server changed its role");
    if (hadRole) this.#serviceEnds.callAll();
    // what came with a snapshot ended without a txn, and what was applied meanwhile was not told
    for (const id of [...this.#sessionEnds.keys()]) {
      if (!this.#options.sessionTable.has(id)) this.sessionEnded(id);
    }
  }

  /** A closeSession was applied; between two roles it may be one that is taken back. */
  sessionEnded(id: bigint): void {
    if (!this.isServing || this.isReadOnly) return;
    this.#attachments.delete(id);
    if (this.#ownSession?.id === id) this.#ownSession = null;
    const callbacks = this.#sessionEnds.get(id);
    this.#sessionEnds.delete(id);
    if (callbacks !== undefined) queueMicrotask(() => callbacks.callAll());
  }

  endTurn(): void {
    this.#zxidWaits.advance(this.tree.lastProcessedZxid);
  }

  tick(): void {
    const nowMs = this.#options.clock.monotonicMs();
    for (const client of this.#clients) {
      client.checkDeadlines(nowMs);
      if (client.isGone && client.client.outstandingCount === 0) this.#clients.delete(client);
    }
    const own = this.#ownSession;
    if (own !== null && this.isServing) this.#processor!.sessions.touchId(own, nowMs);
  }

  /** Where a session's client was last seen by this server; null: it is not attached to here. */
  addressOf(sessionId: bigint): string | null {
    const client = this.#processor?.sessions.get(sessionId)?.client;
    return client instanceof Client ? client.address.remoteAddress : null;
  }

  // ---------------------------------------------------------------- questions

  get isServing(): boolean {
    return this.#processor !== null && !(this.#processor.writes instanceof NoWrites);
  }

  get isReadOnly(): boolean {
    return this.#processor !== null && this.#processor.isReadOnly;
  }

  get lastZxid(): Zxid {
    return this.tree.lastProcessedZxid;
  }

  exists(caller: Caller, path: string): ClientStat {
    return readStat(this.#read(OpCode.Exists, caller, path, true));
  }

  getData(
    caller: Caller,
    path: string,
  ): { data: Uint8Array<ArrayBuffer> | null; stat: ClientStat } {
    const body = this.#read(OpCode.GetData, caller, path, true);
    return { data: readData(body), stat: readStat(body) };
  }

  getAcl(caller: Caller, path: string): { acl: readonly AclEntry[]; stat: ClientStat } {
    const body = this.#read(OpCode.GetAcl, caller, path, false);
    return { acl: readAcl(body), stat: readStat(body) };
  }

  mayDo(caller: Caller, path: string, perm: number): boolean {
    const id = findZnode(this.tree, path);
    if (id === NO_NODE) return false;
    return this.allows(caller, this.tree.aclOf(id), perm);
  }

  allows({ ids }: Caller, acl: AclList, perm: number): boolean {
    return checkAcl(this.#options.providers, { acl, perm, ids });
  }

  // ---------------------------------------------------------------- writes

  create(
    caller: Caller,
    request: CreateRequest,
  ): Promise<{ path: string; stat: ClientStat; zxid: Zxid }> {
    const { path } = request;
    checkDataSize(request, this.config.juteMaxBufferBytes);
    return this.#write(caller, createOpCode(request.kind), {
      path,
      writeBody: (writer) => writeCreate(writer, request),
      readBody: (body, zxid) => ({ path: readText(body), stat: readStat(body), zxid }),
    });
  }

  setData(
    caller: Caller,
    request: { path: string; data: Uint8Array | null; version: number },
  ): Promise<{ stat: ClientStat; zxid: Zxid }> {
    checkDataSize(request, this.config.juteMaxBufferBytes);
    return this.#write(caller, OpCode.SetData, {
      path: request.path,
      writeBody: (writer) => writeSetData(writer, request),
      readBody: (body, zxid) => ({ stat: readStat(body), zxid }),
    });
  }

  delete(caller: Caller, request: { path: string; version: number }): Promise<{ zxid: Zxid }> {
    return this.#write(caller, OpCode.Delete, {
      path: request.path,
      writeBody: (writer) => writePathAndVersion(writer, request),
      readBody: (_, zxid) => ({ zxid }),
    });
  }

  setAcl(
    caller: Caller,
    request: { path: string; acl: readonly AclEntry[]; version: number },
  ): Promise<{ stat: ClientStat; zxid: Zxid }> {
    return this.#write(caller, OpCode.SetAcl, {
      path: request.path,
      writeBody: (writer) => writeSetAcl(writer, request),
      readBody: (body, zxid) => ({ stat: readStat(body), zxid }),
    });
  }

  async multi(
    caller: Caller,
    ops: readonly MultiOp[],
  ): Promise<{ results: MultiResult[]; zxid: Zxid }> {
    checkMultiSize(ops, this.config.juteMaxBufferBytes);
    const { outcome, zxid } = await this.#write(caller, OpCode.Multi, {
      path: null,
      writeBody: (writer) => writeMulti(writer, ops),
      readBody: (body, zxid) => {
        const nowMs = this.#options.clock.wallMs();
        const statOf = (path: string, op: CreateRequest) =>
          statOfNew(this.tree, { ...op, path, zxid, session: caller.session, nowMs });
        return { outcome: readMulti(body, ops, statOf), zxid };
      },
    });
    if (outcome.kind === "done") return { results: outcome.results, zxid };
    const { index, code } = outcome;
    throw new Problem(problemOfCode(code), {
      path: ops[index]!.path,
      outcome: "not-applied",
      members: { index },
    });
  }

  reconfig(
    caller: Caller,
    request: ReconfigRequest,
  ): Promise<{ config: string; zxid: Zxid }> {
    return this.#write(caller, OpCode.Reconfig, {
      path: null,
      writeBody: (writer) => {
        writer.string(request.joiningServers);
        writer.string(request.leavingServers);
        writer.string(request.newMembers);
        writer.zxid(request.configVersion);
      },
      readBody: (body, zxid) => ({ config: readText(body), zxid }),
    });
  }

  sync(caller: Caller): Promise<Zxid> {
    return this.#write({ ...caller, session: null }, OpCode.Sync, {
      path: null,
      writeBody: (writer) => writer.string("/"),
      readBody: () => this.lastZxid,
    });
  }

  barrier(caller: Caller): Promise<Zxid> {
    return this.#write({ ...caller, session: null }, OpCode.Multi, {
      path: null,
      writeBody: (writer) => writeMulti(writer, []),
      readBody: (_, zxid) => zxid,
    });
  }

  waitForZxid(zxid: Zxid, waitMs: number): Promise<void> {
    if (this.lastZxid >= zxid) return Promise.resolve();
    return this.#zxidWaits.wait(zxid, waitMs, () =>
      new Problem("behind", {
        detail: `This server is at zxid 0x${zxidToHex(this.lastZxid)} and has not seen ` +
          `0x${zxidToHex(zxid)} in ${waitMs} ms: ask again, or another server`,
      }));
  }

  // ---------------------------------------------------------------- sessions

  async createSession(caller: Caller, timeoutMs: number): Promise<SessionInfo> {
    const client = await this.#createSession(caller, timeoutMs);
    const { id } = client.client.session!;
    this.#attachments.set(id, client);
    return { key: { id, password: sessionPassword(id) }, timeoutMs };
  }

  async touch(key: SessionKey): Promise<SessionInfo> {
    if (!isSessionPassword(key.id, key.password)) throw expired(key.id);
    this.#serving();
    this.#options.turn.begin();
    const { sessionTable, clock } = this.#options;
    if (!sessionTable.has(key.id) || this.#isClosing(key.id)) {
      // made a moment ago through another server; or its end may never be committed, as that of a leader alone;
      // without a quorum nobody can say, and this rejects
      await this.sync(SELF);
    }
    const { sessions } = this.#serving();
    const timeoutMs = sessionTable.get(key.id);
    if (timeoutMs === undefined || this.#isClosing(key.id)) throw expired(key.id);
    sessions.touchId({ id: key.id, timeoutMs }, clock.monotonicMs());
    return { key, timeoutMs };
  }

  #isClosing(id: bigint): boolean {
    return this.#processor!.sessions.get(id)?.isClosing === true;
  }

  async closeSession(caller: Caller): Promise<void> {
    const { session } = caller;
    if (session === null) throw new Problem("session-required");
    await this.touch(session);
    await this.#write(caller, OpCode.CloseSession, {
      path: null,
      writeBody: () => {},
      readBody: () => undefined,
    });
  }

  onSessionEnd(id: bigint, ended: () => void): () => void {
    let callbacks = this.#sessionEnds.get(id);
    if (callbacks === undefined) this.#sessionEnds.set(id, callbacks = new Callbacks());
    const own = callbacks;
    const remove = own.add(ended);
    return () => {
      remove();
      if (own.isEmpty && this.#sessionEnds.get(id) === own) this.#sessionEnds.delete(id);
    };
  }

  onServiceEnd(ended: () => void): () => void {
    return this.#serviceEnds.add(ended);
  }

  // ---------------------------------------------------------------- inside

  #serving(): RequestProcessor {
    if (this.isServing) return this.#processor!;
    throw notServing();
  }

  #read(op: number, caller: Caller, path: string, hasWatchFlag: boolean): JuteReader {
    const processor = this.#serving();
    this.#options.turn.begin();
    const reader = this.#reader ??= this.#makeClient(processor, caller);
    const { err, body } = reader.read(op, caller, (writer) => {
      writer.string(path);
      if (hasWatchFlag) writer.boolean(false);
    });
    if (err === ErrorCode.Ok) return body;
    throw new Problem(problemOfCode(err), { path });
  }

  /** Not async, and one promise where nothing is refused: each further one costs what a small txn does. */
  #write<T>(caller: Caller, op: number, write: Write<T>, attempt = 1): Promise<T> {
    let attachment: Attachment;
    try {
      this.#checkWritable(op);
      attachment = this.#attachmentOf(caller);
    } catch (error) {
      return Promise.reject(error);
    }
    const ask = (client: LocalClient) => this.#ask(client, { caller, op, write, attempt });
    return attachment instanceof LocalClient ? ask(attachment) : attachment.then(ask);
  }

  #checkWritable(op: number): void {
    const processor = this.#serving();
    if (processor.isReadOnly) throw onlyReading();
    if (op === OpCode.CloseSession || !(processor.isThrottling || processor.writes.isFull)) return;
    throw throttled(processor.writes.outstandingCount);
  }

  #ask<T>(
    client: LocalClient,
    { caller, op, write, attempt }: {
      caller: Caller;
      op: number;
      write: Write<T>;
      attempt: number;
    },
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      // refused by the leader, so nothing was done
      const refused = (err: ErrorCode) => {
        const mayTryAgain = attempt < ATTEMPT_COUNT_MAX &&
          (err === ErrorCode.SessionMoved ||
            (err === ErrorCode.SessionExpired && caller.session === null));
        if (!mayTryAgain) return reject(this.#problemOf(err, caller, write.path));
        this.#detach(caller, client); // the session is attached to anew
        if (err === ErrorCode.SessionExpired) this.#ownSession = null;
        resolve(this.#write(caller, op, write, attempt + 1));
      };
      // if it is gone by now, nothing is asked of it
      if (client.isGone) return refused(ErrorCode.SessionMoved);
      const answered = (answer: LocalAnswer) => {
        if (answer.kind !== "reply") return reject(this.#unanswered(answer, write.path));
        const { err, zxid, body } = answer;
        if (err === ErrorCode.Ok) resolve(write.readBody(body, zxid));
        else refused(err);
      };
      this.#options.turn.begin();
      client.request(op, {
        caller,
        writeBody: write.writeBody,
        deadlineMs: this.#deadlineMs(),
        answered,
      });
    });
  }

  #problemOf(err: ErrorCode, { session }: Caller, path: string | null): Problem {
    if (err === ErrorCode.SessionExpired && session !== null) return expired(session.id);
    return new Problem(this.#shortage(err) ?? problemOfCode(err), {
      outcome: "not-applied",
      ...(path === null ? {} : { path }),
    });
  }

  /** What the server has too little of, if that is why it refuses. */
  #shortage(err: ErrorCode): "disk-full" | "memory-full" | null {
    if (err !== ErrorCode.SystemError) return null;
    if (this.#isDiskFull) return "disk-full";
    return this.#options.tree.refusesGrowth ? "memory-full" : null;
  }

  /** As far as that is known here: on a learner it is not. */
  get #isDiskFull(): boolean {
    const pipeline = this.#processor?.writes as { acceptsWrites?: boolean } | undefined;
    return pipeline?.acceptsWrites === false;
  }

  #unanswered(answer: Exclude<LocalAnswer, { kind: "reply" }>, path: string | null): Problem {
    return unanswered(answer, { path, requestTimeoutMs: this.#options.requestTimeoutMs });
  }

  #deadlineMs(): number {
    return this.#options.clock.monotonicMs() + this.#options.requestTimeoutMs;
  }

  // ---------------------------------------------------------------- clients

  #makeClient(processor: RequestProcessor, caller: Caller): LocalClient {
    const firstXid = this.#options.random.uint32();
    const client = new LocalClient(processor, { caller, via: VIA, firstXid });
    this.#clients.add(client);
    return client;
  }

  #drop(client: LocalClient, reason: string): void {
    this.#clients.delete(client);
    client.close(reason);
  }

  #attachmentOf(caller: Caller): Attachment {
    const { session } = caller;
    const present = session === null ? this.#own : this.#attachments.get(session.id) ?? null;
    if (present instanceof Promise) return present;
    if (present !== null && !present.isGone && present.client.session !== null) return present;
    if (present !== null) this.#detach(caller, present);
    const attaching: Promise<LocalClient> = this.#attach(caller).then((client) => {
      this.#setAttachment(session, attaching, client);
      return client;
    }, (error) => {
      this.#setAttachment(session, attaching, null);
      throw error;
    });
    if (session === null) this.#own = attaching;
    else this.#attachments.set(session.id, attaching);
    return attaching;
  }

  /** Puts a client in the place of the promise of it, unless that was given up meanwhile. */
  #setAttachment(
    session: SessionKey | null,
    before: Attachment,
    client: LocalClient | null,
  ): void {
    if (session === null) {
      if (this.#own === before) this.#own = client;
    } else if (this.#attachments.get(session.id) === before) {
      if (client === null) this.#attachments.delete(session.id);
      else this.#attachments.set(session.id, client);
    }
  }

  #detach({ session }: Caller, client: LocalClient): void {
    this.#setAttachment(session, client, null);
    this.#options.turn.begin();
    client.client.close("its session moved"); // once what else is under way has its answers
  }

  async #attach(caller: Caller): Promise<LocalClient> {
    const { config, sessionTable } = this.#options;
    const { session } = caller;
    if (session !== null) {
      const { timeoutMs } = await this.touch(session);
      const renewed = { sessionId: session.id, timeoutMs };
      return await this.#connect(caller, (client, x) => client.renewSession(renewed, x));
    }
    const own = this.#ownSession;
    if (own !== null && sessionTable.has(own.id)) {
      try {
        const renewed = { sessionId: own.id, timeoutMs: own.timeoutMs };
        return await this.#connect(SELF, (client, x) => client.renewSession(renewed, x));
      } catch (error) {
        if (!(error instanceof Problem && error.problem === "session-expired")) throw error;
      }
    }
    const timeoutMs = config.maxSessionTimeoutMs;
    const client = await this.#createSession(SELF, timeoutMs);
    this.#ownSession = { id: client.client.session!.id, timeoutMs };
    return client;
  }

  async #createSession(caller: Caller, timeoutMs: number): Promise<LocalClient> {
    if (this.#isDiskFull) throw new Problem("disk-full", { outcome: "not-applied" });
    return await this.#connect(caller, (client, x) => client.createSession(timeoutMs, x));
  }

  /** A client with a session. */
  #connect(
    caller: Caller,
    ask: (client: LocalClient, x: Parameters<LocalClient["createSession"]>[1]) => void,
  ): Promise<LocalClient> {
    return new Promise((resolve, reject) => {
      this.#checkWritable(OpCode.CreateSession);
      this.#options.turn.begin();
      const client = this.#makeClient(this.#processor!, caller);
      ask(client, {
        deadlineMs: this.#deadlineMs(),
        attached: (answer) => {
          if (answer.kind === "session" && answer.session !== null) return resolve(client);
          this.#drop(client, "it has no session");
          if (answer.kind === "session") reject(expired(caller.session?.id ?? 0n));
          else reject(withoutSession(this.#unanswered(answer, null)));
        },
      });
    });
  }
}

/** On whose account the server acts by itself. */
const SELF: Caller = { ids: [], session: null, remoteAddress: "127.0.0.1" };
