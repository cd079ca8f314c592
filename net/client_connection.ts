/**
 * One TCP connection on the client port: reads frames into the request processor, writes what comes out.
 *
 * One read and one write are under way at the most. A connection whose replies pile up, or whose
 * requests may not go on, is simply not read: TCP then slows the client down.
 *
 * @module
 */
import { OUTPUT_BYTES_MAX } from "../core/limits.ts";
import type { Clock, Logger } from "../core/ports.ts";
import type { Client } from "../core/server/client.ts";
import { walksFar } from "../core/server/request_kind.ts";
import type { RequestProcessor } from "../core/server/request_processor.ts";
import { JuteReader, type JuteWriter } from "../core/wire/jute.ts";
import { sessionIdToHex } from "../core/zxid.ts";
import { classifyFirstBytes, type FirstBytes } from "./first_bytes.ts";
import type { RequestThrottle } from "./request_throttle.ts";
import type { LoopWatch } from "./loop_watch.ts";
import { rest } from "./rest.ts";
import type { Turn } from "./turn.ts";

/** An idle connection holds this much; 16 pipelined small requests fit. */
const READ_BYTES_START = 2 << 10;
const READ_BYTES_BUSY = 64 << 10;
/** After so many reads that used little of a large buffer it is given back. */
const SMALL_READS_BEFORE_SHRINK = 32;
/** ZooKeeper sends text in writes of this many letters, and counts each as a packet. */
const TEXT_PACKET_CHARS = 8192;
/** What one connection has read may keep the server busy for so long before others get their turn. */
const SLICE_MS_MAX = 10;
/** The clock is looked at after so many requests, and after each that may take long. */
const REQUESTS_PER_LOOK = 16;
/** After so much read and written a connection asks whether others get their turn. */
const BYTES_PER_LOOK = 64 << 10;
/** How long a socket that is to be closed may take for its last output. */
const CLOSE_DEADLINE_MS = 5000;

/** What a connection that does not speak the protocol gets, and other things a listener decides. */
export interface ConnectionHost {
  readonly processor: RequestProcessor;
  readonly turn: Turn;
  readonly throttle: RequestThrottle;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly loop: Pick<LoopWatch, "isStarved">;
  /** For connections without a session: of these there may be many. */
  readonly strangersLogger: Logger;
  readonly frameBytesMax: number;
  /** Frames beyond it are large, and take of a budget; Infinity: none are. */
  readonly largeRequestThresholdBytes: number;
  /** Whether a large frame may be taken on. */
  admitsLargeRequest(byteCount: number): boolean;
  releaseLargeRequest(byteCount: number): void;
  /** Text for a client that sent no frame; null closes without a word. */
  answerForeign(first: FirstBytes, client: Client): Iterable<string> | null;
  /** Whether the connect throttle lets this handshake pass. */
  admitsSession(isRenewal: boolean): boolean;
  closed(connection: ClientConnection): void;
}

export class ClientConnection {
  readonly client: Client;
  /** Monotonic. */
  readonly acceptedMs: number;
  readonly #host: ConnectionHost;
  readonly #socket: Deno.Conn;
  readonly #reader: JuteReader;
  #buffer = new Uint8Array(READ_BYTES_START);
  #view = new DataView(this.#buffer.buffer);
  /** What was read and not handled lies between these. */
  #start = 0;
  #end = 0;
  #isConnected = false;
  #isWriting = false;
  #isSocketClosed = false;
  #smallReads = 0;
  /** Its slice is over: it is the turn of others. */
  #isResting = false;
  /** Read and written since the last look at the loop. */
  #bytesSinceLook = 0;
  /** The next request takes long, and is not to be answered in the middle of a commit. */
  #awaitsWrites = false;
  /** Length of the frame under way, once the server's budget for large ones admitted it. */
  #admittedBytes = 0;
  /** Wakes the read loop when a paused client may go on. */
  #resume: (() => void) | null = null;
  /** Since when the request throttle holds up what was read; null when it does not. Monotonic. */
  #throttledMs: number | null = null;
  /** What was read waited for too long in the throttle: it is refused. */
  #isStale = false;
  #closeDeadlineMs = Infinity;

  constructor(host: ConnectionHost, socket: Deno.Conn, client: Client, acceptedMs: number) {
    this.#host = host;
    this.#socket = socket;
    this.client = client;
    this.acceptedMs = acceptedMs;
    this.#reader = new JuteReader(this.#buffer, { lengthMax: host.frameBytesMax });
  }

  /** Whether a session was asked for. */
  get isConnected(): boolean {
    return this.#isConnected;
  }

  /** Reads until the connection ends. */
  async run(): Promise<void> {
    const { turn, processor } = this.#host;
    for (;;) {
      const room = this.#end === 0 ? this.#buffer : this.#buffer.subarray(this.#end);
      const count = await this.#read(room);
      turn.begin();
      if (count === null) { // the session lives on until it times out
        if (!this.#isSocketClosed && !this.client.isClosing) {
          processor.stats.metrics.connectionDropCount.increment();
        }
        return this.#shut();
      }
      processor.stats.metrics.bytesReceivedCount.add(count);
      this.#noteReadSize(count, room.length);
      this.#end += count;
      this.#bytesSinceLook += count;
      processor.touch(this.client);
      if (this.#bytesSinceLook >= BYTES_PER_LOOK) {
        this.#bytesSinceLook = 0;
        if (this.#host.loop.isStarved()) void this.#rest();
      }
      this.#handle();
      while (this.#isHeldUp()) {
        this.#throttledMs ??= this.#host.throttle.hold(this);
        await new Promise<void>((resolve) => this.#resume = resolve);
      }
      this.#isStale = false;
      // the last output is sent, then the socket closed
      if (this.client.isClosing || this.client.isReadingDone) return;
    }
  }

  /** Sends what the processor left for this client, and closes it when that was asked for. */
  flush(): void {
    const { client } = this;
    if (this.#isSocketClosed) return;
    if (this.#isWriting) {
      // replies are bounded by what is paused; large ones may wait for a client that does read
      if (client.eventBytes > OUTPUT_BYTES_MAX) {
        client.close(`it does not read: ${client.outputBytes} bytes wait for it`);
        this.#shut();
      }
      return;
    }
    const { output } = client;
    if (output === null || output.position === 0) {
      if (client.isClosing) this.#shut();
      return;
    }
    client.output = null;
    client.eventBytes = 0;
    this.#isWriting = true;
    void this.#write(output);
  }

  /** Sends text to a client that speaks something else, then closes. */
  async sendText(chunks: Iterable<string>): Promise<void> {
    const encoder = new TextEncoder();
    const { stats } = this.#host.processor;
    let charCount = 0;
    this.#isWriting = true;
    try {
      let isFirst = true;
      for (const chunk of chunks) {
        // a million watches are listed: a write that can be done at once would let nobody else through
        if (!isFirst) await rest();
        isFirst = false;
        const bytes = encoder.encode(chunk);
        const packetCount = Math.ceil(charCount / TEXT_PACKET_CHARS);
        charCount += chunk.length;
        stats.textSent(Math.ceil(charCount / TEXT_PACKET_CHARS) - packetCount);
        for (let at = 0; at < bytes.length;) at += await this.#socket.write(bytes.subarray(at));
        this.#closeDeadlineMs = Infinity; // it reads: the time starts anew
      }
    } catch {
      // it hung up
    }
    this.#host.turn.begin();
    this.#shut();
  }

  /** Once a tick: closes what should be closed and is not. */
  checkDeadline(nowMs: number): void {
    if (!this.client.isClosing) return;
    if (this.#closeDeadlineMs === Infinity) this.#closeDeadlineMs = nowMs + CLOSE_DEADLINE_MS;
    else if (nowMs >= this.#closeDeadlineMs) this.#shut();
  }

  /** Closes at once, whatever waits to be sent. */
  destroy(reason: string): void {
    this.client.close(reason);
    this.#shut();
  }

  /** Null when the peer has closed or reset the connection, or we have. */
  async #read(room: Uint8Array): Promise<number | null> {
    try {
      return await this.#socket.read(room);
    } catch {
      return null;
    }
  }

  async #write(writer: JuteWriter): Promise<void> {
    const { client } = this;
    try {
      const bytes = writer.written();
      this.#bytesSinceLook += bytes.length;
      let at = await this.#socket.write(bytes);
      while (at < bytes.length) at += await this.#socket.write(bytes.subarray(at));
    } catch {
      this.#host.turn.begin();
      return this.#shut();
    }
    this.#isWriting = false;
    this.#host.processor.writers.release(writer);
    if (client.outputBytes > 0 || client.isClosing) this.flush();
    if (this.#resume !== null) this.#goOn(); // else a read is under way, into the buffer's end
  }

  /** The request throttle has room. */
  wake(): void {
    if (this.#resume === null || this.#isSocketClosed) return;
    if (this.#throttledMs !== null) {
      this.#isStale = this.#host.throttle.waited(this.#throttledMs) || this.#isStale;
    }
    this.#throttledMs = null;
    this.#goOn();
  }

  /** Handles what was held up, if it may go on now. */
  #goOn(): void {
    this.#host.turn.begin();
    this.#host.processor.touch(this.client);
    this.#handle();
    if (this.#isHeldUp()) {
      this.#throttledMs ??= this.#host.throttle.hold(this);
      return;
    }
    if (this.#throttledMs !== null) { // something else let it go on: it waits for the throttle no more
      this.#host.throttle.forget(this);
      this.#throttledMs = null;
    }
    const resume = this.#resume;
    this.#resume = null;
    resume?.();
  }

  #isHeldUp(): boolean {
    const { client } = this;
    if (client.isClosing) return false;
    if (this.#isResting) return true;
    if (client.lastOutstanding === null) this.#awaitsWrites = false;
    // their replies come first
    else if (this.#isStale || this.#awaitsWrites) return true;
    return this.#host.processor.isPaused(client);
  }

  async #rest(): Promise<void> {
    this.#isResting = true;
    await rest();
    this.#isResting = false;
    if (this.#resume !== null) this.#goOn();
  }

  #handle(): void {
    if (!this.#isConnected && !this.#greet()) return;
    const { client } = this;
    const { processor, frameBytesMax, largeRequestThresholdBytes, clock } = this.#host;
    const reader = this.#reader;
    const startMs = clock.monotonicMs();
    let requestCount = 0;
    while (!client.isClosing && this.#end - this.#start >= 4 && !this.#isHeldUp()) {
      const length = this.#view.getInt32(this.#start);
      if (length < 0 || length > frameBytesMax) {
        return client.close(
          `a frame of ${length} bytes: the limit is ${frameBytesMax} (jute.maxbuffer)`,
        );
      }
      if (length > largeRequestThresholdBytes && !this.#admits(length)) return;
      const frameEnd = this.#start + 4 + length;
      if (frameEnd > this.#end) return this.#makeRoom(4 + length);
      const isLong = length >= 8 && walksFar(this.#view.getInt32(this.#start + 8));
      if (isLong && client.lastOutstanding !== null) {
        this.#awaitsWrites = true;
        break;
      }
      reader.reset(this.#buffer, this.#view, this.#start + 4, frameEnd);
      this.#start = frameEnd;
      if (this.#isStale) processor.refuseThrottled(client, reader);
      else processor.request(client, reader);
      if (this.#admittedBytes > 0) this.#releaseAdmitted();
      if (isLong || ++requestCount % REQUESTS_PER_LOOK === 0) {
        if (clock.monotonicMs() - startMs > SLICE_MS_MAX) void this.#rest();
      }
    }
    if (this.#start === this.#end) {
      this.#start = this.#end = 0;
      // a large frame's buffer goes with it: hundreds of connections may each send one
      if (this.#buffer.length > READ_BYTES_BUSY) this.#useBuffer(READ_BYTES_START);
    } else if (this.#end === this.#buffer.length) this.#makeRoom(0);
  }

  /** Handles the first frame. Returns whether the session protocol goes on. */
  #greet(): boolean {
    const { client } = this;
    const { processor } = this.#host;
    const bytes = this.#buffer.subarray(this.#start, this.#end);
    const first = classifyFirstBytes(bytes, this.#host.frameBytesMax);
    if (first.kind === "needMore") return false;
    if (first.kind !== "frame") {
      client.packetsReceived++;
      processor.stats.wordReceived();
      const text = this.#host.answerForeign(first, client);
      client.isClosing = true;
      if (text !== null) void this.sendText(text);
      return false;
    }
    const length = first.lengthBytes;
    if (length < 0 || length > this.#host.frameBytesMax) {
      client.close(`a first frame of ${length} bytes: this is no ZooKeeper client`);
      return false;
    }
    if (length > this.#host.largeRequestThresholdBytes && !this.#admits(length)) return false;
    if (this.#end - this.#start < 4 + length) {
      this.#makeRoom(4 + length);
      return false;
    }
    if (processor.isThrottling) return false;
    this.#reader.reset(this.#buffer, this.#view, this.#start + 4, this.#start + 4 + length);
    const isRenewal = length >= 24 && this.#view.getBigInt64(this.#start + 20) !== 0n;
    if (!this.#host.admitsSession(isRenewal)) {
      client.close("too many connections at once (connection throttle)");
      return false;
    }
    this.#start += 4 + length;
    this.#isConnected = true;
    processor.connect(client, this.#reader);
    if (this.#admittedBytes > 0) this.#releaseAdmitted();
    return !client.isClosing;
  }

  /** Moves what is left to the front of a buffer in which a frame of this size fits. */
  #makeRoom(byteCount: number): void {
    const left = this.#end - this.#start;
    if (byteCount <= this.#buffer.length && this.#start > 0) {
      this.#buffer.copyWithin(0, this.#start, this.#end);
    } else if (byteCount > this.#buffer.length || this.#start === 0) {
      const capacity = Math.max(byteCount, Math.min(this.#buffer.length * 4, READ_BYTES_BUSY));
      if (capacity > this.#buffer.length) this.#useBuffer(capacity);
    }
    this.#start = 0;
    this.#end = left;
  }

  /** Whether there is room for the large frame that has begun; if not, the connection is closed. */
  #admits(byteCount: number): boolean {
    if (this.#admittedBytes > 0) return true;
    if (!this.#host.admitsLargeRequest(byteCount)) {
      this.client.close("too many bytes in large requests");
      return false;
    }
    this.#admittedBytes = byteCount;
    return true;
  }

  #releaseAdmitted(): void {
    this.#host.releaseLargeRequest(this.#admittedBytes);
    this.#admittedBytes = 0;
  }

  #useBuffer(capacity: number): void {
    const left = this.#buffer.subarray(this.#start, this.#end);
    this.#buffer = new Uint8Array(capacity);
    this.#view = new DataView(this.#buffer.buffer);
    this.#buffer.set(left);
    this.#reader.reset(this.#buffer, this.#view, 0, 0); // it held on to the old one
  }

  /** Grows the buffer of a busy connection, and gives the memory back when it has calmed down. */
  #noteReadSize(count: number, room: number): void {
    if (this.#end !== 0) return;
    if (count === room && this.#buffer.length < READ_BYTES_BUSY) {
      this.#smallReads = 0;
      const grown = new Uint8Array(Math.min(this.#buffer.length * 4, READ_BYTES_BUSY));
      grown.set(this.#buffer);
      this.#buffer = grown;
      this.#view = new DataView(grown.buffer);
    } else if (this.#buffer.length > READ_BYTES_START && count <= this.#buffer.length / 8) {
      if (++this.#smallReads < SMALL_READS_BEFORE_SHRINK) return;
      this.#smallReads = 0;
      const shrunk = this.#buffer.slice(0, Math.max(READ_BYTES_START, this.#buffer.length / 4));
      this.#buffer = shrunk;
      this.#view = new DataView(shrunk.buffer);
    } else this.#smallReads = 0;
  }

  #shut(): void {
    if (this.#isSocketClosed) return;
    this.#isSocketClosed = true;
    const { client } = this;
    if (client.closeReason !== null) {
      const { logger, strangersLogger } = this.#host;
      (client.sessionId === 0n ? strangersLogger : logger).info("connection closed", {
        client: `${client.address.remoteAddress}:${client.address.remotePort}`,
        sessionId: sessionIdToHex(client.sessionId),
        reason: client.closeReason,
      });
    }
    try {
      this.#socket.close();
    } catch {
      // closed under us
    }
    if (this.#admittedBytes > 0) this.#releaseAdmitted();
    this.#host.throttle.forget(this);
    this.#host.processor.disconnected(client);
    this.#host.closed(this);
    this.#resume?.();
    this.#resume = null;
  }
}
