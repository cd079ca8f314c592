/**
 * One connection of the HTTP port: reads requests, hands each to the handler, writes its response, in this order
 * and one at a time.
 *
 * A connection is not read further than its next request while one is under way, except to notice that its
 * client hung up: TCP slows down who sends more. What takes too long is closed from outside, see
 * {@linkcode HttpConnection.checkDeadline}.
 *
 * @module
 */
import { rest } from "../../rest.ts";
import { ReceivedBody } from "./received_body.ts";
import { ReceivedRequest } from "./received_request.ts";
import { Reply } from "./reply.ts";
import {
  beginsMethod,
  type FieldBlock,
  HEAD_BYTES_MAX,
  headEnd,
  isRefusal,
  parseFields,
  parseRequestLine,
  type Refusal,
  type RequestLine,
  withAuthority,
} from "./request_head.ts";
import { UnsendableError } from "./response_head.ts";
import { ResponseWriter } from "./response_writer.ts";
import { SocketInput } from "./socket_input.ts";
import type { UnsentBytes } from "./unsent_bytes.ts";

/** Fields of which a copy is kept, to be recognised in the next request. */
const KNOWN_FIELDS_BYTES_MAX = 2 << 10;
/** What is left of a body that nobody wanted: so much is read for the sake of the connection. */
const DRAINED_BYTES_MAX = 64 << 10;
/** What is taken from a client that is still sending when its connection is closed, so that it sees the answer. */
const LINGER_BYTES_MAX = 1 << 20;
const LINGER_MS = 2000;
/** Who waits for a body may have the same time-out, and tell the client: only then is the connection closed. */
const BODY_GRACE_MS = 1000;
/** Pipelined requests of one connection that are handled before others get their turn. */
const BURST_COUNT_MAX = 32;

const LF = 0x0a;
const CR = 0x0d;

export interface RemoteAddress {
  readonly hostname: string;
  readonly port: number;
  readonly transport: "tcp";
}

/** What a handler is told of the connection. */
export interface ReceivedInfo {
  readonly remoteAddr: RemoteAddress;
  /** Resolves when the response was sent, and rejects when it could not be. */
  readonly completed: Promise<void>;
}

export type RequestHandler = (
  request: Request,
  info: ReceivedInfo,
) => Response | Promise<Response>;

export interface ConnectionHost {
  readonly handler: RequestHandler;
  /** The time as of the last tick; monotonic. */
  readonly nowMs: number;
  /** The `Date` field. */
  readonly date: string;
  /** Connections end with the request they have. */
  readonly isClosing: boolean;
  readonly idleTimeoutMs: number;
  /** For a head to arrive, and for each part of a body or of a response to pass. */
  readonly stallTimeoutMs: number;
  readonly unsent: UnsentBytes;
  /** The handler failed, which it should not. */
  failed(error: unknown): void;
  closed(connection: HttpConnection): void;
}

class RequestInfo implements ReceivedInfo {
  readonly remoteAddr: RemoteAddress;
  #completed: PromiseWithResolvers<void> | null = null;

  constructor(remoteAddr: RemoteAddress) {
    this.remoteAddr = remoteAddr;
  }

  get completed(): Promise<void> {
    if (this.#completed === null) {
      this.#completed = Promise.withResolvers();
      this.#completed.promise.catch(() => {}); // who asked for it need not look
    }
    return this.#completed.promise;
  }

  end(isSent: boolean): void {
    if (isSent) this.#completed?.resolve();
    else this.#completed?.reject(new Error("The connection ended before the response"));
  }
}

export class HttpConnection {
  readonly #host: ConnectionHost;
  readonly #socket: Deno.TcpConn;
  readonly #remoteAddr: RemoteAddress;
  readonly #input: SocketInput;
  readonly #writer: ResponseWriter;
  /** The fields of the last request and what they mean: those of the next are mostly the same. */
  #knownBytes: Uint8Array | null = null;
  #known: FieldBlock | null = null;
  #knownVersion = 1;
  /** The request at hand has the known fields. */
  #isKnown = false;
  /** What is waited for, of the client and of the socket, is waited for until then. */
  #deadlineMs: number;
  #writeDeadlineMs = Infinity;
  #hasRequest = false;
  /** Some of a head has come. */
  #isHeadBegun = false;
  #isClosed = false;
  /** Who wants to know that the client hung up. */
  #watchers: AbortController[] = [];
  #isWatching = false;
  #body: ReceivedBody | null = null;
  #mustSayContinue = false;
  /** The response has begun. */
  #isAnswering = false;
  #burstCount = 0;

  constructor(host: ConnectionHost, socket: Deno.TcpConn, remoteAddr: RemoteAddress) {
    this.#host = host;
    this.#socket = socket;
    this.#remoteAddr = remoteAddr;
    this.#input = new SocketInput(socket);
    this.#writer = new ResponseWriter(socket, {
      unsent: host.unsent,
      giveUp: () => this.close(),
      wrote: (isUnderWay) =>
        this.#writeDeadlineMs = isUnderWay ? host.nowMs + host.stallTimeoutMs : Infinity,
    });
    this.#deadlineMs = host.nowMs + host.idleTimeoutMs;
  }

  /** Whether a request is under way, from the end of its head to that of its response. */
  get hasRequest(): boolean {
    return this.#hasRequest;
  }

  /** When it is closed if nothing happens; monotonic. */
  get deadlineMs(): number {
    return this.#deadlineMs;
  }

  /** Serves requests until the connection ends. */
  async run(): Promise<void> {
    try {
      while (await this.#serveOne());
    } catch {
      // it broke: there is nobody to tell
    }
    this.close();
  }

  /** Closes what waits for the other side for too long. */
  checkDeadline(nowMs: number): void {
    if (nowMs >= this.#deadlineMs || nowMs >= this.#writeDeadlineMs) this.close();
  }

  /** At once, whatever is under way. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    try {
      this.#socket.close();
    } catch {
      // the other side was faster
    }
    this.#hungUp();
    this.#host.closed(this);
  }

  // ---------------------------------------------------------------- requests

  /** Returns whether another request may follow. */
  async #serveOne(): Promise<boolean> {
    const host = this.#host;
    const input = this.#input;
    let lineEnd = this.#lineEnd();
    let end = lineEnd < 0 ? -1 : this.#headEnd(lineEnd);
    let isLineRead = false;
    while (end < 0) {
      if (input.isFull) {
        return await this.#refuse({
          status: 431,
          reason: `The head of the request is longer than ${HEAD_BYTES_MAX} bytes`,
        });
      }
      if (input.length === 0) {
        if (host.isClosing) return false;
        this.#burstCount = 0;
        this.#deadlineMs = host.nowMs + host.idleTimeoutMs;
      } else if (!this.#isHeadBegun) { // for all of the head, however many reads it takes
        this.#isHeadBegun = true;
        this.#deadlineMs = host.nowMs + host.stallTimeoutMs;
      }
      this.#hasRequest = false;
      if (!await input.fill()) return false;
      lineEnd = this.#lineEnd();
      end = lineEnd < 0 ? -1 : this.#headEnd(lineEnd);
      if (end < 0 && input.length > 0 && !isLineRead) { // what is no request may never have an end
        const refusal = this.#refusalSoFar(lineEnd);
        if (refusal !== null) return await this.#refuse(refusal);
        isLineRead = lineEnd >= 0;
      }
    }
    this.#hasRequest = true;
    this.#isHeadBegun = false;
    this.#deadlineMs = Infinity;
    const { bytes, start } = input;
    if (bytes[lineEnd - 1] !== CR) return await this.#refuse(NO_CRLF);
    const line = parseRequestLine(bytes, start, lineEnd - 1);
    if (isRefusal(line)) return await this.#refuse(line);
    let fields = this.#fields(lineEnd + 1, end, line);
    if (line.authority !== null && !isRefusal(fields)) {
      fields = withAuthority(fields, line.authority);
    }
    if (isRefusal(fields)) return await this.#refuse(fields);
    input.start = end;
    if (++this.#burstCount > BURST_COUNT_MAX) {
      this.#burstCount = 0;
      await rest();
    }
    return await this.#answer(line, fields);
  }

  /** The index of the first line's LF; -1 when it has not come. */
  #lineEnd(): number {
    const input = this.#input;
    // blank lines before a request are let pass
    while (
      input.length > 0 && (input.bytes[input.start] === CR || input.bytes[input.start] === LF)
    ) {
      input.start++;
    }
    const at = input.bytes.indexOf(LF, input.start);
    return at >= input.end ? -1 : at;
  }

  /** Why no end of the head is worth waiting for; null when it may be one. */
  #refusalSoFar(lineEnd: number): Refusal | null {
    const { bytes, start } = this.#input;
    if (!beginsMethod(bytes[start]!)) return NOT_HTTP;
    if (lineEnd < 0) return null;
    if (bytes[lineEnd - 1] !== CR) return NO_CRLF;
    const line = parseRequestLine(bytes, start, lineEnd - 1);
    return isRefusal(line) ? line : null;
  }

  #headEnd(lineEnd: number): number {
    const { bytes, end } = this.#input;
    const known = this.#knownBytes;
    this.#isKnown = false;
    if (known !== null && end - lineEnd > known.length) {
      const from = lineEnd + 1;
      let at = 0;
      while (at < known.length && bytes[from + at] === known[at]) at++;
      this.#isKnown = at === known.length;
      if (this.#isKnown) return from + at;
    }
    return headEnd(bytes, lineEnd, end);
  }

  #fields(from: number, to: number, line: RequestLine): FieldBlock | Refusal {
    const { bytes } = this.#input;
    const { minorVersion } = line;
    if (this.#isKnown && minorVersion === this.#knownVersion) return this.#known!;
    const fields = parseFields(bytes, from, to, line);
    if (!isRefusal(fields) && to - from <= KNOWN_FIELDS_BYTES_MAX) {
      this.#knownBytes = bytes.slice(from, to);
      this.#known = fields;
      this.#knownVersion = minorVersion;
    }
    return fields;
  }

  // ---------------------------------------------------------------- answers

  async #answer(line: RequestLine, fields: FieldBlock): Promise<boolean> {
    const host = this.#host;
    const { framing } = fields;
    const body = framing.kind === "none" ? null : new ReceivedBody(framing, {
      input: this.#input,
      beforeRead: () => this.#beforeBodyRead(),
      afterEnd: () => this.#bodyEnded(),
    });
    this.#body = body;
    this.#mustSayContinue = fields.expectsContinue;
    const request = new ReceivedRequest({
      method: line.method,
      url: `http://${fields.host}${line.target}`,
      headers: fields.headers,
      source: body,
      watchPeer: (controller) => this.#watch(controller),
    });
    const info = new RequestInfo(this.#remoteAddr);
    let response: Response;
    try {
      const made = host.handler(request, info);
      response = made instanceof Promise ? await made : made;
    } catch (error) {
      host.failed(error);
      response = new Reply("The request failed for a reason that the server's log has\n", {
        status: 500,
      });
    }
    const isKept = this.#mayGoOn(line, fields, response);
    this.#isAnswering = true;
    let isSent = false;
    try {
      isSent = await this.#writer.write(response, {
        isHead: line.method === "HEAD",
        minorVersion: line.minorVersion,
        isKept,
        date: host.date,
      }, () => this.#streamEnd());
    } catch (error) {
      if (error instanceof UnsendableError) host.failed(error); // else the connection broke
      throw error;
    } finally {
      info.end(isSent);
      this.#watchers = [];
      this.#isAnswering = false;
    }
    if (!isSent) return false;
    if (body !== null && !body.isEnded) return await this.#passBody(body, isKept);
    return isKept;
  }

  /** Whether the connection can serve another request after this one. */
  #mayGoOn(line: RequestLine, { connection }: FieldBlock, response: Response): boolean {
    if (this.#host.isClosing || connection === "close") return false;
    if (line.minorVersion === 0) {
      // the end of a stream is the end of the connection
      if (connection !== "keep-alive" || !(response instanceof Reply)) return false;
    }
    if (response.headers.get("connection")?.toLowerCase() === "close") return false;
    const body = this.#body;
    if (body === null || body.isEnded) return true;
    // a client that waits for leave may send the body or not
    return !this.#mustSayContinue && body.bytesLeft <= DRAINED_BYTES_MAX;
  }

  /** Lets a body pass that the handler did not want. */
  async #passBody(body: ReceivedBody, isKept: boolean): Promise<boolean> {
    const host = this.#host;
    if (isKept) {
      while (await body.readSome() !== null);
      return true;
    }
    await this.#linger(host.nowMs + LINGER_MS);
    return false;
  }

  /** Closing a socket that has unread bytes makes the other side lose the answer. */
  async #linger(deadlineMs: number): Promise<void> {
    this.#deadlineMs = deadlineMs;
    await this.#socket.closeWrite();
    const sink = new Uint8Array(DRAINED_BYTES_MAX);
    for (let total = 0; total < LINGER_BYTES_MAX;) {
      const count = await this.#input.readInto(sink);
      if (count === 0) return;
      total += count;
    }
  }

  async #refuse({ status, reason }: Refusal): Promise<false> {
    const context = {
      isHead: false,
      minorVersion: 1,
      isKept: false,
      date: this.#host.date,
    } as const;
    const headers = { "content-type": "text/plain; charset=utf-8" };
    await this.#writer.write(new Reply(`${reason}\n`, { status, headers }), context, null);
    await this.#linger(this.#host.nowMs + LINGER_MS);
    return false;
  }

  // ---------------------------------------------------------------- the body's reads

  #beforeBodyRead(): Promise<void> | null {
    this.#deadlineMs = this.#host.nowMs + this.#host.stallTimeoutMs + BODY_GRACE_MS;
    if (!this.#mustSayContinue) return null;
    if (this.#isAnswering) { // whether the client sends the body now is its own choice
      throw new TypeError("the body was not asked for before the response began");
    }
    this.#mustSayContinue = false;
    return this.#writer.writeContinue();
  }

  #bodyEnded(): void {
    this.#deadlineMs = Infinity;
    if (this.#watchers.length > 0) void this.#lookOut();
  }

  // ---------------------------------------------------------------- clients that hang up

  #watch(controller: AbortController): void {
    if (this.#isClosed) return controller.abort(hungUp());
    this.#watchers.push(controller);
    if (this.#body === null || this.#body.isEnded) void this.#lookOut();
  }

  /** For streams: aborted when the client hangs up. */
  #streamEnd(): AbortSignal {
    const controller = new AbortController();
    this.#watch(controller);
    return controller.signal;
  }

  async #lookOut(): Promise<void> {
    if (this.#isWatching) return;
    this.#isWatching = true;
    while (this.#watchers.length > 0 && !this.#input.isFull) {
      if (await this.#input.fill()) continue;
      this.#hungUp();
      break;
    }
    this.#isWatching = false;
  }

  #hungUp(): void {
    const watchers = this.#watchers;
    this.#watchers = [];
    for (const watcher of watchers) watcher.abort(hungUp());
  }
}

const NO_CRLF: Refusal = { status: 400, reason: "The first line does not end with CRLF" };
const NOT_HTTP: Refusal = {
  status: 400,
  reason: "This is no HTTP request: the port speaks HTTP/1.1, without TLS",
};

function hungUp(): DOMException {
  return new DOMException("The client hung up", "AbortError");
}
