/**
 * A session with an ensemble: finds a server, keeps the connection, takes the session to the next server when
 * that is gone, and says what became of each request.
 *
 * Answers come in the order of the requests. When a connection is lost, all requests made until then fail: what
 * was made later is not carried out without what came before. Requests made without a connection wait for the
 * next one, as long as a session would.
 *
 * Invariant: an event is delivered before any answer that follows it on the wire.
 *
 * @module
 */

import { LateTimeout } from "../late_timers.ts";
import { ErrorCode, ProtocolError } from "../../core/errors.ts";
import type { JuteReader, JuteWriter } from "../../core/wire/jute.ts";
import { NOTIFICATION_XID, OpCode, PING_XID } from "../../core/wire/op_code.ts";
import type { Zxid } from "../../core/zxid.ts";
import { AUTH_XID, AuthList } from "./auth_list.ts";
import { ConnectionLossError, KeeperError, SessionExpiredError } from "./client_errors.ts";
import { clientPathOf } from "./client_paths.ts";
import type {
  AuthInfo,
  ClientEvent,
  ClientState,
  KeeperState,
  WatcherKind,
  WatchListener,
} from "./client_types.ts";
import { type ConnectString, serverText } from "./connect_string.ts";
import { Connection, messageOf } from "./connection.ts";
import { type ConnectResponse, readConnectResponse, writeConnectRequest } from "./handshake.ts";
import { EventDelivery } from "./event_delivery.ts";
import { Heartbeat } from "./heartbeat.ts";
import { rest, searchReadWrite } from "./read_write_search.ts";
import { type ClientRequest, PendingRequest, RequestQueue } from "./request_queue.ts";
import { type LookUp, type ServerAddress, ServerList } from "./server_list.ts";
import { openTransport } from "./transport.ts";
import { SET_WATCHES_XID, setWatchesRequests } from "./set_watches.ts";
import { EVENT_KINDS, WatchRegistry } from "./watch_registry.ts";

const XID_MAX = 2 ** 31 - 1;
/** Between two passes over all servers: doubles from the first to the last, and a random part of it is taken. */
const REST_MS_MIN = 50;
const REST_MS_MAX = 1000;
/** A connection that held this long was a good one: the next rest is short again. */
const GOOD_CONNECTION_MS = 1000;
const PING_MS_MAX = 10_000;
/** How long a close waits for the server, if a session would: it is over by itself then. */
const CLOSE_MS_MAX = 2000;
/** What servers take as a frame unless they are told otherwise (jute.maxbuffer). */
const SERVER_FRAME_BYTES_MAX = 0xfffff;

export interface SessionOptions {
  readonly sessionTimeoutMs: number;
  readonly canBeReadOnly: boolean;
  readonly auth: readonly AuthInfo[];
  readonly session: { readonly id: bigint; readonly password: Uint8Array } | undefined;
  readonly onEvent: WatchListener | undefined;
  readonly isShuffled: boolean;
  readonly failsFast: boolean;
  readonly frameBytesMax: number;
  readonly lookUp: LookUp;
}

export class Session {
  readonly watches = new WatchRegistry();
  readonly events: EventDelivery;
  readonly chroot: string;
  state: ClientState = "CONNECTING";
  id: bigint;
  password: Uint8Array;
  timeoutMs: number;
  lastZxid: Zxid = 0;
  server: ServerAddress | null = null;
  /** Called once, when the session is over. */
  onOver: () => void = () => {};
  readonly #options: SessionOptions;
  readonly #servers: ServerList;
  readonly #auth: AuthList;
  /** Made, not sent: there is no connection. */
  readonly #waiting = new RequestQueue();
  readonly #sent = new RequestQueue();
  #waitTimer: LateTimeout | undefined;
  #nextXid = 1;
  #connection: Connection | null = null;
  #heartbeat: Heartbeat | null = null;
  /** Whether the session was made with its ensemble, not with a server that is cut off. */
  #isGlobal: boolean;
  /** setWatches not answered yet. */
  #setWatchesCount = 0;
  /** What all watches know of, while setWatches are not answered; null: `lastZxid`. */
  #watchZxid: Zxid | null = null;
  #restMs = REST_MS_MIN;
  /** What ends a rest, a connect or a search at once. */
  readonly #over = new AbortController();
  #endReason: unknown = null;
  #isClosing = false;
  #closed: Promise<void> | null = null;
  /** Who waits for the next connection; null: nobody. */
  #nextConnection: PromiseWithResolvers<void> | null = null;

  constructor({ servers, chroot }: ConnectString, options: SessionOptions) {
    this.chroot = chroot;
    this.events = new EventDelivery(options.onEvent);
    this.#options = options;
    this.id = options.session?.id ?? 0n;
    this.password = options.session?.password ?? new Uint8Array(16);
    this.#isGlobal = options.session !== undefined;
    this.timeoutMs = options.sessionTimeoutMs;
    const lookUpMs = options.sessionTimeoutMs / servers.length;
    this.#servers = new ServerList(servers, { ...options, lookUpMs });
    this.#auth = new AuthList(options.auth);
    void this.#run();
  }

  get isConnected(): boolean {
    return this.state === "CONNECTED" || this.state === "CONNECTEDREADONLY";
  }

  get #isOver(): boolean {
    return this.#endReason !== null;
  }

  /** Sends a request, as soon as there is a server. */
  ask<T>(request: ClientRequest<T>, signal?: AbortSignal): Promise<T> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (this.#isOver || this.#isClosing) return Promise.reject(this.#endError(request.path));
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const { isConnected } = this;
    const pending = new PendingRequest(request, {
      resolve: resolve as (value: unknown) => void,
      reject,
      signal,
      madeMs: isConnected ? 0 : performance.now(),
    });
    if (isConnected) this.#send(pending);
    else {
      this.#waiting.push(pending);
      this.#armWaitTimer();
    }
    return promise;
  }

  /** @throws {unknown} what ended the session */
  connected(): Promise<void> {
    if (this.isConnected) return Promise.resolve();
    if (this.#isOver) return Promise.reject(this.#endError(null));
    if (this.#nextConnection === null) {
      this.#nextConnection = Promise.withResolvers();
      this.#nextConnection.promise.catch(() => {}); // all who wait may have given up
    }
    return this.#nextConnection.promise;
  }

  /** Why there is no connection, for an error. */
  lossError(path: string | null): ConnectionLossError {
    const failures = this.#servers.failureText();
    return new ConnectionLossError(
      path,
      `ConnectionLoss${path === null ? "" : ` for ${path}`}: ${failures || "no server answered"}`,
    );
  }

  /** Sent now, and at every connection. */
  addAuth(auth: AuthInfo): Promise<void> {
    if (this.#isOver || this.#isClosing) return Promise.reject(this.#endError(null));
    const { entry, done } = this.#auth.add(auth);
    if (this.isConnected) this.#connection?.send((writer) => this.#auth.write(writer, entry));
    return done;
  }

  /** Takes watches away, and tells them. @returns how many there were */
  removeWatches(kind: WatcherKind, serverPath: string): number {
    const removed = this.watches.remove(kind, serverPath);
    const path = clientPathOf(this.chroot, serverPath);
    for (const { listener, event } of removed) {
      const told: ClientEvent = { kind: event, state: this.#keeperState(), path, zxid: -1 };
      this.events.fired(new Set([listener]), told);
    }
    return removed.length;
  }

  /** Ends the session at the server, if there is one to be told. */
  close(): Promise<void> {
    return this.#closed ??= this.#close();
  }

  /** Ends the client without a word to the server. @param reason of those who wait; null: it was closed */
  end(reason: unknown): void {
    this.#end("CLOSED", "Closed", reason ?? new SessionExpiredError(null, "The client is closed"));
  }

  async #close(): Promise<void> {
    const connection = this.#connection;
    if (connection !== null && this.isConnected) {
      const write = () => {};
      const closed = this.ask({ opCode: OpCode.CloseSession, path: null, write, read: () => {} });
      this.#isClosing = true;
      const closeMs = Math.min(CLOSE_MS_MAX, this.timeoutMs);
      const { promise: patience, resolve } = Promise.withResolvers<void>();
      const timer = new LateTimeout(resolve, closeMs);
      await Promise.race([closed.catch(() => {}), connection.ended, patience]);
      timer.stop();
    }
    this.end(null);
  }

  async #run(): Promise<void> {
    while (!this.#isOver) {
      const server = await this.#servers.next();
      if (this.#isOver) return;
      if (server === null) {
        if (this.#options.failsFast) this.#failWaiting();
        await this.#rest();
      } else await this.#visit(server);
    }
  }

  #failWaiting(): void {
    for (const pending of this.#waiting.drain()) {
      pending.reject(this.lossError(pending.request.path));
    }
  }

  /** Between two passes: many clients of a server that starts again come one after another. */
  async #rest(): Promise<void> {
    const ms = this.#restMs * (0.5 + Math.random() / 2);
    this.#restMs = Math.min(this.#restMs * 2, REST_MS_MAX);
    await rest(ms, this.#over.signal);
  }

  /** Stays with a server as long as it can. */
  async #visit(server: ServerAddress): Promise<void> {
    const connectMs = Math.max(1, this.timeoutMs / server.addressCount);
    let conn: Deno.Conn;
    try {
      conn = await openTransport(server, connectMs, this.#over.signal);
    } catch (error) {
      return this.#servers.failed(server, messageOf(error));
    }
    if (this.#isOver) return conn.close();
    this.state = "ASSOCIATING";
    const connection = new Connection(conn, {
      frameBytesMax: this.#options.frameBytesMax,
      onFrame: (reader, skippedBytes) => {
        if (this.isConnected) this.#take(reader, skippedBytes);
        else if (skippedBytes === 0) this.#associated(readConnectResponse(reader), server);
        else throw new ProtocolError("it does not answer as a ZooKeeper server does");
      },
    });
    this.#connection = connection;
    this.#heartbeat = new Heartbeat(connection, {
      silenceMs: connectMs,
      pingMs: Infinity,
      ping: () => {},
    });
    connection.send((writer) =>
      writeConnectRequest(writer, {
        lastZxid: this.lastZxid,
        sessionTimeoutMs: this.#options.sessionTimeoutMs,
        sessionId: this.#isGlobal ? this.id : 0n,
        password: this.#isGlobal ? this.password : new Uint8Array(16),
        canBeReadOnly: this.#options.canBeReadOnly,
      })
    );
    const startMs = performance.now();
    const reason = await connection.ended;
    if (this.#isOver) return;
    const wasConnected = this.isConnected;
    this.#lost(server, reason);
    if (performance.now() - startMs >= GOOD_CONNECTION_MS) this.#restMs = REST_MS_MIN;
    else if (wasConnected) await this.#rest(); // a server that takes every client and keeps none
  }

  #associated(response: ConnectResponse, server: ServerAddress): void {
    if (response.sessionTimeoutMs <= 0) {
      const error = new SessionExpiredError(null);
      return this.#end("CLOSED", "Expired", error);
    }
    this.id = response.sessionId;
    this.password = response.password;
    this.timeoutMs = response.sessionTimeoutMs;
    this.server = server;
    this.#isGlobal = !response.isReadOnly;
    this.#servers.connected();
    const connection = this.#connection!;
    this.#heartbeat?.stop();
    this.#heartbeat = new Heartbeat(connection, {
      silenceMs: this.timeoutMs * 2 / 3,
      pingMs: Math.min(this.timeoutMs / 3, PING_MS_MAX),
      ping: () => connection.send((writer) => writeHeader(writer, PING_XID, OpCode.Ping)),
    });
    this.state = response.isReadOnly ? "CONNECTEDREADONLY" : "CONNECTED";
    for (const entry of this.#auth.all()) {
      connection.send((writer) => this.#auth.write(writer, entry));
    }
    this.#setWatches(connection);
    this.#waitTimer?.stop();
    this.#waitTimer = undefined;
    for (const pending of this.#waiting.drain()) {
      if (!pending.isSettled) this.#send(pending);
    }
    this.events.changed(response.isReadOnly ? "ConnectedReadOnly" : "SyncConnected");
    this.#nextConnection?.resolve();
    this.#nextConnection = null;
    if (response.isReadOnly) void this.#searchReadWrite(connection, server);
  }

  #setWatches(connection: Connection): void {
    this.#watchZxid ??= this.lastZxid;
    this.#setWatchesCount = 0;
    for (const request of setWatchesRequests(this.watches, this.#watchZxid)) {
      this.#setWatchesCount++;
      connection.send((writer) => {
        writeHeader(writer, SET_WATCHES_XID, request.opCode);
        request.write(writer);
      });
    }
    if (this.#setWatchesCount === 0) this.#watchZxid = null;
  }

  /** Moves to a server that takes writes, as soon as there is one. */
  async #searchReadWrite(connection: Connection, server: ServerAddress): Promise<void> {
    const ended = new AbortController();
    void connection.ended.then(() => ended.abort());
    const found = await searchReadWrite(this.#servers, { server, signal: ended.signal });
    if (found === null || !connection.isOpen) return;
    this.#servers.prefer(found);
    connection.close(`${serverText(found)} takes writes`);
  }

  #send(pending: PendingRequest): void {
    const { request } = pending;
    pending.xid = this.#nextXid;
    this.#nextXid = this.#nextXid === XID_MAX ? 1 : this.#nextXid + 1;
    try {
      this.#connection!.send((writer) => {
        const start = writer.position;
        writeHeader(writer, pending.xid, request.opCode);
        request.write(writer);
        pending.byteCount = writer.position - start;
      });
    } catch (error) {
      return pending.reject(error);
    }
    this.#sent.push(pending);
  }

  #take(reader: JuteReader, skippedBytes: number): void {
    const xid = reader.int();
    const zxid = reader.zxid();
    const code = reader.int();
    if (xid === NOTIFICATION_XID) {
      if (skippedBytes === 0) this.#notified(reader, zxid);
      return;
    }
    if (zxid > this.lastZxid) this.lastZxid = zxid;
    if (code === ErrorCode.SessionClosedRequireSaslAuth) return this.#refused(code);
    if (xid === PING_XID) return;
    if (xid === AUTH_XID) {
      if (code === ErrorCode.Ok) this.#auth.answered();
      else this.#refused(ErrorCode.AuthFailed);
      return;
    }
    if (xid === SET_WATCHES_XID) {
      if (--this.#setWatchesCount === 0) this.#watchZxid = null;
      return;
    }
    const pending = this.#sent.first;
    if (pending?.xid !== xid) { // it stays among those that are lost with the connection
      throw new ProtocolError(
        `the server answered request ${xid} in place of ${pending?.xid ?? "none"}`,
      );
    }
    this.#sent.shift();
    if (!pending.isSettled) this.#answer(pending, { reader, code, skippedBytes });
  }

  #answer(
    pending: PendingRequest,
    { reader, code, skippedBytes }: { reader: JuteReader; code: number; skippedBytes: number },
  ): void {
    const { request } = pending;
    if (skippedBytes > 0) {
      return pending.reject(
        new KeeperError(
          ErrorCode.MarshallingError,
          request.path,
          `The answer${request.path === null ? "" : ` for ${request.path}`} has ${skippedBytes} ` +
            `bytes: the limit is ${this.#options.frameBytesMax} (maxFrameBytes)`,
        ),
      );
    }
    if (code !== ErrorCode.Ok && code !== request.emptyCode) {
      if (code === ErrorCode.SessionExpired) {
        return pending.reject(new SessionExpiredError(request.path));
      }
      return pending.reject(new KeeperError(code, request.path));
    }
    let value: unknown;
    try {
      value = request.read(reader);
    } catch (error) {
      return pending.reject(error);
    }
    request.answered?.(code);
    pending.resolve(value);
  }

  #notified(reader: JuteReader, zxid: Zxid): void {
    const kind = EVENT_KINDS[reader.int()];
    reader.int(); // the state: always connected
    const serverPath = reader.string();
    if (kind === undefined || serverPath === null) return;
    const path = clientPathOf(this.chroot, serverPath);
    const listeners = this.watches.take(kind, serverPath);
    this.events.fired(listeners, { kind, state: this.#keeperState(), path, zxid });
  }

  #lost(server: ServerAddress, reason: string): void {
    const wasConnected = this.isConnected;
    this.#heartbeat?.stop();
    this.#connection = null;
    this.server = null;
    this.#servers.failed(server, reason);
    this.state = "CONNECTING";
    if (!wasConnected) return;
    this.#auth.disconnected();
    const lost = this.#sent.drain();
    this.events.changed("Disconnected");
    for (const pending of lost) {
      const { path } = pending.request;
      const size = pending.byteCount <= SERVER_FRAME_BYTES_MAX
        ? ""
        : `; the request has ${pending.byteCount} bytes, and a server takes no more than its ` +
          `jute.maxbuffer, by default ${SERVER_FRAME_BYTES_MAX}`;
      const what = `ConnectionLoss${path === null ? "" : ` for ${path}`}`;
      pending.reject(
        new ConnectionLossError(path, `${what}: ${serverText(server)}: ${reason}${size}`),
      );
    }
  }

  /** Fails what has waited for a server as long as a session would. */
  #armWaitTimer(): void {
    const { first } = this.#waiting;
    if (this.#waitTimer !== undefined || first === undefined) return;
    const ms = Math.max(1, first.madeMs + this.timeoutMs - performance.now());
    this.#waitTimer = new LateTimeout(() => {
      this.#waitTimer = undefined;
      const limitMs = performance.now() - this.timeoutMs;
      for (let { first } = this.#waiting; first !== undefined; { first } = this.#waiting) {
        if (!first.isSettled && first.madeMs > limitMs) break;
        this.#waiting.shift();
        first.reject(this.lossError(first.request.path));
      }
      this.#armWaitTimer();
    }, ms);
  }

  /** The server takes none of what this client says of itself. */
  #refused(code: number): void {
    this.#end("AUTH_FAILED", "AuthFailed", new KeeperError(code, null));
  }

  #end(state: ClientState, event: KeeperState, reason: unknown): void {
    if (this.#isOver) return;
    this.#endReason = reason;
    this.state = state;
    this.server = null;
    this.#waitTimer?.stop();
    this.#heartbeat?.stop();
    this.#connection?.close("the session is over");
    this.#connection = null;
    this.#over.abort();
    this.onOver();
    this.events.changed(event);
    this.watches.clear();
    for (const pending of [...this.#sent.drain(), ...this.#waiting.drain()]) {
      pending.reject(this.#endError(pending.request.path));
    }
    this.#auth.failed(reason);
    this.#nextConnection?.reject(reason);
  }

  /** What ended the session, as the failure of a request. */
  #endError(path: string | null): unknown {
    const reason = this.#endReason;
    if (reason === null) return new SessionExpiredError(path, "The client is being closed");
    if (reason instanceof SessionExpiredError) {
      return new SessionExpiredError(path, path === null ? reason.message : undefined);
    }
    return reason instanceof KeeperError ? new KeeperError(reason.code, path) : reason;
  }

  #keeperState(): KeeperState {
    if (this.state === "CONNECTEDREADONLY") return "ConnectedReadOnly";
    return this.isConnected ? "SyncConnected" : "Disconnected";
  }
}

function writeHeader(writer: JuteWriter, xid: number, opCode: number): void {
  writer.int(xid);
  writer.int(opCode);
}
