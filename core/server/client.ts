/**
 * One client connection as the core knows it: its session, identities, replies waiting to be sent, and
 * the counters that `cons` shows. Sockets are the shell's.
 *
 * @module
 */
import { initialIds } from "../auth/auth_packet.ts";
import type { Session, SessionOwner } from "../session/sessions.ts";
import type { Id } from "../tree/acl_list.ts";
import type { Watcher, WatchEvent } from "../tree/watch_manager.ts";
import type { WatchedPath } from "../tree/watched_path.ts";
import { JuteWriter } from "../wire/jute.ts";
import type { Zxid } from "../zxid.ts";
import type { SaslExchange } from "./auth_requests.ts";
import type { Waiting } from "./outstanding.ts";

/** What a client needs of the server that it belongs to. */
export interface ClientHost {
  /** Its clients may only read. */
  readonly isReadOnly: boolean;
  /** The client has output to be sent, or is to be closed. */
  markDirty(client: Client): void;
  deliverEvent(client: Client, event: WatchEvent): void;
  acquireWriter(): JuteWriter;
}

export interface ClientAddress {
  /** Numeric, IPv6 without brackets. */
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly isSecure: boolean;
}

const DEFERRED_BYTES_START = 1 << 10;
const DEFERRED_BYTES_KEPT_MAX = 64 << 10;

export class Client implements Watcher, SessionOwner {
  address: ClientAddress;
  /** How it came, when that is not by a connection to the client port: `http`. */
  readonly via: string | null;
  readonly connectedWallMs: number;
  readonly watchedPaths = new Set<WatchedPath>();
  ids: readonly Id[];
  session: Session | null = null;
  sasl: SaslExchange | null = null;
  /** A createSession is under way: nothing more is read until it is done. */
  isConnecting = false;
  /** The connect request carried the read-only byte, so the answer does too. */
  hasReadOnly = false;
  /** What that byte said: it may be served by a server without a quorum. */
  allowsReadOnly = false;
  /** It asked to close its session, or for what there is not: nothing behind that is looked at. */
  isReadingDone = false;
  /** Nothing more is read from it; the socket is closed when the output is sent. */
  isClosing = false;
  /** The socket is gone: what is still under way gets no reply. */
  isGone = false;
  /** In the server's list of clients to be flushed. */
  isDirty = false;
  /** Why the server closes it, for the log; null when the client did or a reply says so. */
  closeReason: string | null = null;

  /** Replies and events not yet taken by the shell. */
  output: JuteWriter | null = null;
  /** Events among them, in bytes: what nobody asked for, and so may grow without bound. */
  eventBytes = 0;
  /** The last write of this client that is not applied; later reads wait behind it. */
  lastOutstanding: Waiting | null = null;
  /** Frames of waiting reads, each with its length, in order. */
  deferred: JuteWriter | null = null;
  deferredPosition = 0;
  deferredCount = 0;

  /** Requests read and not yet answered. */
  outstandingCount = 0;
  packetsReceived = 0;
  packetsSent = 0;
  /** Op code of the last reply; null before one and after `crst`. */
  lastOperation: number | null = null;
  lastCxid = -1;
  lastZxid: Zxid = -1;
  lastResponseMs = 0;
  lastLatencyMs = 0;
  latencyMinMs = Number.MAX_SAFE_INTEGER;
  latencyMaxMs = 0;
  latencySumMs = 0;
  latencyCount = 0;

  /** The shell's own, to find the socket again; the core never looks inside. */
  connection: unknown = null;

  readonly #host: ClientHost;

  constructor(
    host: ClientHost,
    { address, connectedWallMs, via }: {
      address: ClientAddress;
      connectedWallMs: number;
      via: string | null;
    },
  ) {
    this.#host = host;
    this.address = address;
    this.connectedWallMs = connectedWallMs;
    this.via = via;
    this.ids = initialIds(address);
  }

  get isReadOnly(): boolean {
    return this.#host.isReadOnly;
  }

  get sessionId(): bigint {
    return this.session === null ? 0n : this.session.id;
  }

  /** Bytes of replies and events that wait for the shell. */
  get outputBytes(): number {
    return this.output === null ? 0 : this.output.position;
  }

  /** The writer for the next reply; the client is flushed at the end of the turn. */
  writer(): JuteWriter {
    this.#host.markDirty(this);
    return this.output ??= this.#host.acquireWriter();
  }

  deliver(event: WatchEvent): void {
    if (!this.isGone) this.#host.deliverEvent(this, event);
  }

  /** Closes the connection once what was written before is sent. */
  close(reason: string | null): void {
    if (this.isClosing) return;
    this.isClosing = true;
    this.closeReason = reason;
    this.#host.markDirty(this);
  }

  /** Keeps a frame until the write before it is applied. */
  defer(buffer: Uint8Array, start: number, end: number): void {
    const deferred = this.deferred ??= new JuteWriter(DEFERRED_BYTES_START);
    const answered = this.deferredPosition;
    if (answered >= DEFERRED_BYTES_START && answered * 2 >= deferred.position) {
      // a busy connection always has some waiting: what was answered makes room
      deferred.buffer.copyWithin(0, answered, deferred.position);
      deferred.position -= answered;
      this.deferredPosition = 0;
    }
    deferred.bytes(buffer.subarray(start, end));
    this.deferredCount++;
  }

  /** Bytes of waiting reads. */
  get deferredBytes(): number {
    return this.deferred === null ? 0 : this.deferred.position - this.deferredPosition;
  }

  /** All waiting reads are answered: a buffer that grew is given back. */
  endDeferred(): void {
    this.deferredPosition = 0;
    if (this.deferred === null) return;
    this.deferred.position = 0;
    if (this.deferred.buffer.length > DEFERRED_BYTES_KEPT_MAX) this.deferred = null;
  }

  recordLatency(latencyMs: number, nowMs: number): void {
    this.lastLatencyMs = latencyMs;
    this.lastResponseMs = nowMs;
    if (latencyMs < this.latencyMinMs) this.latencyMinMs = latencyMs;
    if (latencyMs > this.latencyMaxMs) this.latencyMaxMs = latencyMs;
    this.latencySumMs += latencyMs;
    this.latencyCount++;
  }

  /** What `crst` does. */
  resetStats(): void {
    this.packetsReceived = 0;
    this.packetsSent = 0;
    this.lastOperation = null;
    this.lastCxid = -1;
    this.lastZxid = -1;
    this.lastResponseMs = 0;
    this.lastLatencyMs = 0;
    this.latencyMinMs = Number.MAX_SAFE_INTEGER;
    this.latencyMaxMs = 0;
    this.latencySumMs = 0;
    this.latencyCount = 0;
  }
}
