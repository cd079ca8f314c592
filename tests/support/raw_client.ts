/**
 * A client that sends and receives single frames: for tests that look at bytes and order, and for
 * loads. It hides nothing, never pings and never reconnects.
 *
 * @module
 */
import { JuteDecoder, JuteEncoder } from "./jute.ts";
import { bytesOf, closeSession, type Request } from "./requests.ts";

/** What comes instead of a frame: the peer closed, or was silent for `RECEIVE_TIMEOUT_MS`. */
export type Silence = "closed" | "silent";

/** Far beyond what any answer takes; reached only when a server forgets to answer. */
export const RECEIVE_TIMEOUT_MS = 60_000;

export interface ConnectOptions {
  /** Where the server is. Default: 127.0.0.1. */
  readonly hostname?: string;
  readonly timeoutMs?: number;
  readonly sessionId?: bigint;
  readonly password?: Uint8Array | null;
  readonly lastZxidSeen?: bigint;
  /** Default false; null leaves the byte away, as clients of 3.3 did. */
  readonly readOnly?: boolean | null;
  readonly protocolVersion?: number;
}

export interface ConnectResponse {
  readonly protocolVersion: number;
  readonly timeoutMs: number;
  readonly sessionId: bigint;
  readonly password: Uint8Array;
  readonly readOnly: boolean | null;
}

export interface Reply {
  readonly xid: number;
  readonly zxid: bigint;
  readonly err: number;
  readonly body: Uint8Array;
}

/** A fresh session's connect request asks for this; within the bounds of any tickTime the tests use. */
const SESSION_TIMEOUT_MS = 30_000;

export class RawClient implements Disposable {
  /** Set by {@linkcode connect}. */
  sessionId = 0n;
  password: Uint8Array = new Uint8Array(16);
  /** Highest zxid seen in a reply. */
  lastZxid = 0n;
  /** Notifications that came while {@linkcode call} waited for its reply. */
  readonly events: Uint8Array[] = [];
  readonly #conn: Deno.TcpConn;
  #received: Uint8Array = new Uint8Array();
  #pendingRead: Promise<number | null> | null = null;
  readonly #chunk = new Uint8Array(1 << 16);
  #nextXid = 1;
  #isClosed = false;

  private constructor(conn: Deno.TcpConn) {
    this.#conn = conn;
  }

  static async open(port: number, hostname = "127.0.0.1"): Promise<RawClient> {
    const conn = await Deno.connect({ hostname, port });
    try {
      conn.setNoDelay(true);
    } catch { /* closed already: whoever reads will see it */ }
    return new RawClient(conn);
  }

  /** Opens and makes or resumes a session; throws when the server refuses it. */
  static async session(port: number, options: ConnectOptions = {}): Promise<RawClient> {
    const client = await RawClient.open(port, options.hostname);
    const response = await client.connect(options).catch((error) => `${error}`);
    if (typeof response === "string" || response.sessionId === 0n) {
      client.close();
      throw new Error(`No session: ${typeof response === "string" ? response : "refused"}`);
    }
    return client;
  }

  async sendBytes(bytes: Uint8Array): Promise<void> {
    let sent = 0;
    while (sent < bytes.length) sent += await this.#conn.write(bytes.subarray(sent));
  }

  sendFrame(payload: Uint8Array): Promise<void> {
    return this.sendBytes(frame(payload));
  }

  send(request: Request, xid: number): Promise<void> {
    return this.sendBytes(requestFrame(request, xid));
  }

  /** The next frame's payload, or why there is none. */
  async receiveFrame(timeoutMs = RECEIVE_TIMEOUT_MS): Promise<Uint8Array | Silence> {
    const deadline = performance.now() + timeoutMs;
    while (true) {
      if (this.#received.length >= 4) {
        const end = 4 + new DataView(this.#received.buffer, this.#received.byteOffset).getInt32(0);
        if (this.#received.length >= end) {
          const payload = this.#received.slice(4, end);
          this.#received = this.#received.subarray(end);
          return payload;
        }
      }
      const silence = await this.#readMore(deadline - performance.now());
      if (silence !== null) return silence;
    }
  }

  /** All bytes until the peer closes: for answers that are not frames. */
  async receiveAll(timeoutMs = RECEIVE_TIMEOUT_MS): Promise<Uint8Array> {
    while (await this.#readMore(timeoutMs) === null) { /* more */ }
    const all = this.#received;
    this.#received = new Uint8Array();
    return all;
  }

  /** Sends a ConnectRequest and reads its answer, without looking for anything behind it. */
  async connect(options: ConnectOptions = {}): Promise<ConnectResponse | Silence> {
    await this.sendFrame(connectRequest(options));
    const payload = await this.receiveFrame();
    if (typeof payload === "string") return payload;
    const response = decodeConnectResponse(payload);
    this.sessionId = response.sessionId;
    this.password = response.password;
    return response;
  }

  /** Sends a request and waits for its reply; notifications on the way are kept in `events`. */
  async call(request: Request, xid = this.#nextXid++): Promise<Reply> {
    await this.send(request, xid);
    return await this.reply(`op ${request.type}`);
  }

  /** The next reply; notifications before it go to `events`. */
  async reply(what = "a request"): Promise<Reply> {
    while (true) {
      const payload = await this.receiveFrame();
      if (typeof payload === "string") throw new Error(`No reply to ${what}: ${payload}`);
      const reply = decodeReply(payload);
      if (reply.xid === -1) {
        this.events.push(payload);
        continue;
      }
      if (reply.zxid > this.lastZxid) this.lastZxid = reply.zxid;
      return reply;
    }
  }

  /** As {@linkcode call}, but an error code is thrown. */
  async must(request: Request): Promise<JuteDecoder> {
    const reply = await this.call(request);
    if (reply.err !== 0) throw new Error(`Op ${request.type} answered ${reply.err}`);
    return new JuteDecoder(reply.body);
  }

  /** Drops the TCP connection; the session lives on until it times out. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#conn.close();
  }

  /** Ends the sending half only. */
  closeWrite(): Promise<void> {
    return this.#conn.closeWrite();
  }

  /** Ends the session, then the connection. */
  async endSession(): Promise<void> {
    await this.call(closeSession);
    this.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  async #readMore(timeoutMs: number): Promise<Silence | null> {
    // A read outlives the wait for it: the next call takes up the same one.
    this.#pendingRead ??= this.#conn.read(this.#chunk).catch(() => null);
    let timer: ReturnType<typeof setTimeout> | undefined;
    const timeout = new Promise<"silent">((resolve) => {
      timer = setTimeout(() => resolve("silent"), Math.max(0, timeoutMs));
    });
    const result = await Promise.race([this.#pendingRead, timeout]);
    clearTimeout(timer);
    if (result === "silent") return result;
    this.#pendingRead = null;
    if (result === null) return "closed";
    const joined = new Uint8Array(this.#received.length + result);
    joined.set(this.#received);
    joined.set(this.#chunk.subarray(0, result), this.#received.length);
    this.#received = joined;
    return null;
  }
}

/** A payload behind its length. */
export function frame(payload: Uint8Array): Uint8Array<ArrayBuffer> {
  return new JuteEncoder().buffer(payload).finish();
}

export function requestFrame(request: Request, xid: number): Uint8Array<ArrayBuffer> {
  return frame(new JuteEncoder().int(xid).int(request.type).raw(request.body).finish());
}

export function connectRequest(options: ConnectOptions = {}): Uint8Array<ArrayBuffer> {
  const { readOnly = false } = options;
  const body = new JuteEncoder()
    .int(options.protocolVersion ?? 0)
    .long(options.lastZxidSeen ?? 0n)
    .int(options.timeoutMs ?? SESSION_TIMEOUT_MS)
    .long(options.sessionId ?? 0n)
    .buffer(options.password === undefined ? new Uint8Array(16) : bytesOf(options.password));
  if (readOnly !== null) body.boolean(readOnly);
  return body.finish();
}

export function decodeConnectResponse(payload: Uint8Array): ConnectResponse {
  const decoder = new JuteDecoder(payload);
  return {
    protocolVersion: decoder.int(),
    timeoutMs: decoder.int(),
    sessionId: decoder.long(),
    password: decoder.buffer() ?? new Uint8Array(),
    readOnly: decoder.remaining === 0 ? null : decoder.boolean(),
  };
}

export function decodeReply(payload: Uint8Array): Reply {
  const decoder = new JuteDecoder(payload);
  return { xid: decoder.int(), zxid: decoder.long(), err: decoder.int(), body: decoder.rest() };
}
