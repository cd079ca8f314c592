/**
 * The server's way of a request: reads are answered from the tree at once, writes go down the pipeline
 * (`write_pipeline.ts`) and are answered when they are durable.
 *
 * Order within a connection: a read that comes behind a write of the same connection waits for it, so
 * replies leave in the order of requests and every session reads its own writes. Reads of others do not
 * wait: they see the tree as it is durable (semantics, client protocol section 13).
 *
 * Sans I/O: the shell calls `beginTurn`, hands over frames, takes batches from `writes` and the output of
 * the clients in `dirty`.
 *
 * @module
 */
import type { AuthProviders } from "../auth/auth_providers.ts";
import { DecodeError, ErrorCode } from "../errors.ts";
import {
  DEFERRED_READ_BYTES_PAUSE,
  DEFERRED_READ_COUNT_MAX,
  DEFERRED_REPLY_BYTES_MAX,
  OUTPUT_BYTES_PAUSE,
} from "../limits.ts";
import type { ServerMetrics } from "../metrics/server_metrics.ts";
import type { ServerConfig } from "../server_config.ts";
import type { ServerStats } from "../server_stats.ts";
import type { Sessions } from "../session/sessions.ts";
import type { DataTree } from "../tree/data_tree.ts";
import type { WatchEvent } from "../tree/watch_manager.ts";
import type { TxnApplier } from "../txn/apply.ts";
import { JuteReader, type JuteWriter } from "../wire/jute.ts";
import { OpCode, PING_XID } from "../wire/op_code.ts";
import type { AuthRequests } from "./auth_requests.ts";
import { Client, type ClientAddress, type ClientHost } from "./client.ts";
import { Handshakes } from "./handshakes.ts";
import { ReadRequests } from "./read_requests.ts";
import { Replies, type TurnTime } from "./replies.ts";
import { beginReply, endReply, REPLY_PREFIX_BYTES, writeEvent } from "./reply.ts";
import { isThrottlable, needsQuorum, requestKind } from "./request_kind.ts";
import { RequestStats } from "./request_stats.ts";
import type { WritePath, WritePathContext } from "./write_path.ts";
import { WriterPool } from "./writer_pool.ts";

/** Watches of connections that are gone, taken off at the end of each turn: half a millisecond. */
const WATCHES_REMOVED_IN_TURN = 500;

export interface RequestProcessorOptions<Writes extends WritePath> {
  config: ServerConfig;
  applier: TxnApplier;
  sessions: Sessions;
  providers: AuthProviders;
  auth: AuthRequests;
  serverStats: ServerStats;
  metrics: ServerMetrics;
  makeWrites: (context: WritePathContext) => Writes;
}

export class RequestProcessor<Writes extends WritePath = WritePath> implements ClientHost {
  readonly clients = new Set<Client>();
  /** Clients with output to be sent or to be closed; the shell empties it. */
  readonly dirty: Client[] = [];
  readonly writers = new WriterPool();
  readonly sessions: Sessions;
  readonly tree: DataTree;
  readonly stats: RequestStats;
  readonly writes: Writes;
  readonly isReadOnly: boolean;
  /** The server stops: what was begun is finished, and no further request is looked at. */
  isStopping = false;

  readonly #auth: AuthRequests;
  readonly #reads: ReadRequests;
  readonly #replies: Replies;
  readonly #handshakes: Handshakes;
  /** Writes under way, from which on nothing further is begun. */
  readonly #throttleCount: number;
  readonly #deferredReader = new JuteReader(new Uint8Array(0));
  readonly #time: TurnTime = { nowMs: 0, wallMs: 0 };

  constructor(options: RequestProcessorOptions<Writes>) {
    const { config, applier, sessions, providers } = options;
    const { tree } = applier;
    this.tree = tree;
    this.sessions = sessions;
    this.#auth = options.auth;
    const { requestThrottleMaxRequests } = config;
    this.#throttleCount = requestThrottleMaxRequests > 0 ? requestThrottleMaxRequests : Infinity;
    const time = this.#time;
    const stats = this.stats = new RequestStats(options.serverStats, options.metrics);
    const replies = this.#replies = new Replies({ tree, stats, time });
    this.#reads = new ReadRequests({ tree, providers });
    this.writes = options.makeWrites({
      ...{ replies, stats, time },
      answerDeferred: (client, count) => this.#answerDeferred(client, count),
    });
    this.isReadOnly = this.writes.isReadOnly;
    this.#handshakes = new Handshakes({ config, tree, writes: this.writes });
  }

  // ---------------------------------------------------------------- the shell's side

  /** Tells the time of all that follows until the next call. */
  beginTurn({ nowMs, wallMs }: TurnTime): void {
    this.#time.nowMs = nowMs;
    this.#time.wallMs = wallMs;
  }

  /** @param nowMs for the latency of what was answered in this turn */
  endTurn(nowMs: number): void {
    this.tree.watches.continueRemoving(WATCHES_REMOVED_IN_TURN);
    this.stats.endTurn(nowMs - this.#time.nowMs);
  }

  /** Whether so much is under way that nobody's requests are begun (request_throttle_max_requests). */
  get isThrottling(): boolean {
    return this.writes.outstandingCount >= this.#throttleCount;
  }

  accept(address: ClientAddress): Client {
    const client = this.acceptLocal(address, null);
    this.clients.add(client);
    return client;
  }

  /** A client within this server, of whom no list of connections tells. */
  acceptLocal(address: ClientAddress, via: string | null): Client {
    return new Client(this, { address, connectedWallMs: this.#time.wallMs, via });
  }

  /** The socket is gone. */
  disconnected(client: Client): void {
    client.isGone = true;
    client.isClosing = true;
    this.clients.delete(client);
    this.tree.watches.removeWatcher(client);
    const { session } = client;
    if (session?.owner === client) session.owner = null;
    if (session?.client === client) session.client = null;
    if (client.output !== null) this.writers.release(client.output);
    client.output = null;
    client.deferred = null;
  }

  /** Whether no further frame of this client may be handled now. */
  isPaused(client: Client): boolean {
    return this.isStopping || client.isConnecting || client.outputBytes > OUTPUT_BYTES_PAUSE ||
      client.deferredCount >= DEFERRED_READ_COUNT_MAX ||
      client.deferredBytes > DEFERRED_READ_BYTES_PAUSE || this.isThrottling ||
      (client.lastOutstanding !== null && this.writes.isFull);
  }

  /** The client gave a sign of life. */
  touch(client: Client): void {
    if (client.session !== null) this.sessions.touch(client.session, this.#time.nowMs);
  }

  // ---------------------------------------------------------------- frames

  /** The first frame of a connection. */
  connect(client: Client, reader: JuteReader): void {
    client.packetsReceived++;
    this.stats.connectRequest();
    this.#handshakes.connect(client, reader);
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
    // what did not come by the client port was judged where it came
    if (client.via === null && !this.#auth.isSatisfied(client, op)) {
      return this.#auth.refuse(client, xid);
    }
    if (client.isReadingDone) return;
    if (this.isReadOnly && client.session === null && client.via === null) {
      return client.close("it has no session");
    }
    const kind = this.isReadOnly && needsQuorum(op) ? "write" : requestKind(op);
    if (kind === "unknown") client.isReadingDone = true; // even while its answer waits for a write
    if (kind === "sync") this.writes.sync(client);
    // the end of a local session is no txn that would be in its turn
    const isInTurn = kind === "write" ||
      (kind === "closeSession" && client.session?.kind !== "local");
    if (client.lastOutstanding !== null && !isInTurn) {
      client.defer(reader.buffer, start, reader.end);
      client.lastOutstanding.deferredCount++;
      return;
    }
    if (kind === "write") this.writes.request(client, xid, op, reader);
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
    this.#replies.header(client, xid, op, ErrorCode.ThrottledOp);
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

  /** A request that needs no txn, in its turn. */
  #answer(client: Client, xid: number, op: number, reader: JuteReader): void {
    const kind = requestKind(op);
    switch (kind) {
      case "ping":
        return this.#replies.header(client, PING_XID, op, ErrorCode.Ok);
      case "closeSession":
        return this.writes.closeSessionOf(client, xid);
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
        err = this.#reads.setWatches(client, reader, op === OpCode.SetWatches2);
        start = beginReply(writer, xid, lastProcessedZxid, err); // behind its events
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
      const isList = op === OpCode.GetChildren || op === OpCode.GetChildren2;
      const childCount = isList ? writer.view.getInt32(start + REPLY_PREFIX_BYTES) : 0;
      this.stats.read(op, reader.buffer, namespaceStart, { bytes, childCount, isFromCache });
    }
    this.#replies.sent(client, xid, op, { bytes, latencyMs: 0, isWrite: false });
  }

  #answerDeferred(client: Client, count: number): void {
    const { deferred } = client;
    if (deferred === null) return;
    this.stats.stages.deferred(count);
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
      const xid = reader.int();
      const op = reader.int();
      this.#answer(client, xid, op, reader);
    }
    if (client.deferredCount === 0) client.endDeferred();
  }
}
