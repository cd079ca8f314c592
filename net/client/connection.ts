/**
 * One connection to a server: frames in, frames out.
 *
 * What is written in one turn leaves in one write. A frame's bytes are lent to its receiver for the
 * call. It knows nothing of sessions; once it has ended, nothing more comes from it.
 *
 * @module
 */

import { JuteReader, JuteWriter } from "../../core/wire/jute.ts";

const READ_BYTES = 64 << 10;
/** A larger buffer is given back once the frame that needed it is done. */
const KEPT_BYTES_MAX = 1 << 20;
/** What is read of a reply that is too large to be taken: xid, zxid and code. */
const REPLY_HEADER_BYTES = 16;

export interface ConnectionOptions {
  /** Larger ones are skipped. */
  readonly frameBytesMax: number;
  /**
   * A frame has come. What it throws ends the connection.
   *
   * @param skippedBytes length of a frame of which only the beginning is in the reader; else 0
   */
  readonly onFrame: (reader: JuteReader, skippedBytes: number) => void;
}

export class Connection {
  /** Monotonic. */
  lastReceivedMs = performance.now();
  lastSentMs = performance.now();
  /** Settles with the reason, once nothing more will come. */
  readonly ended: Promise<string>;
  readonly #conn: Deno.Conn;
  readonly #options: ConnectionOptions;
  readonly #reader: JuteReader;
  #buffer = new Uint8Array(READ_BYTES);
  #view = new DataView(this.#buffer.buffer);
  /** What was read and not handled lies between these. */
  #start = 0;
  #end = 0;
  /** Bytes of a frame too large to be taken that are still to come. */
  #skipBytes = 0;
  #output = new JuteWriter(4096);
  #spareOutput = new JuteWriter(4096);
  #isFlushing = false;
  #endReason: string | null = null;
  readonly #resolveEnded: (reason: string) => void;

  constructor(conn: Deno.Conn, options: ConnectionOptions) {
    this.#conn = conn;
    this.#options = options;
    this.#reader = new JuteReader(this.#buffer, { lengthMax: options.frameBytesMax });
    const { promise, resolve } = Promise.withResolvers<string>();
    this.ended = promise;
    this.#resolveEnded = resolve;
    void this.#read();
  }

  get isOpen(): boolean {
    return this.#endReason === null;
  }

  /** Sends a frame, at the end of this turn. */
  send(write: (writer: JuteWriter) => void): void {
    if (this.#endReason !== null) return;
    const writer = this.#output;
    const start = writer.position;
    writer.int(0);
    try {
      write(writer);
    } catch (error) {
      writer.position = start;
      throw error;
    }
    writer.view.setInt32(start, writer.position - start - 4);
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    queueMicrotask(() => void this.#flush());
  }

  /** Ends it at once, whatever was to be sent. */
  close(reason: string): void {
    if (this.#endReason !== null) return;
    this.#endReason = reason;
    try {
      this.#conn.close();
    } catch {
      // the peer was faster
    }
    this.#resolveEnded(reason);
  }

  async #flush(): Promise<void> {
    try {
      while (this.#output.position > 0 && this.#endReason === null) {
        const writer = this.#output;
        this.#output = this.#spareOutput;
        this.lastSentMs = performance.now();
        const bytes = writer.written();
        for (let at = 0; at < bytes.length;) at += await this.#conn.write(bytes.subarray(at));
        writer.position = 0;
        this.#spareOutput = writer.buffer.length > KEPT_BYTES_MAX ? new JuteWriter(4096) : writer;
      }
    } catch (error) {
      this.close(`cannot write: ${messageOf(error)}`);
    }
    this.#isFlushing = false;
  }

  async #read(): Promise<void> {
    try {
      for (;;) {
        const count = await this.#conn.read(this.#buffer.subarray(this.#end));
        if (count === null) return this.close("the server closed the connection");
        if (this.#endReason !== null) return;
        this.lastReceivedMs = performance.now();
        this.#end += count;
        this.#takeFrames();
        if (this.#endReason !== null) return;
      }
    } catch (error) {
      this.close(messageOf(error));
    }
  }

  #takeFrames(): void {
    this.#skip();
    while (this.#end - this.#start >= 4 && this.#endReason === null) {
      const length = this.#view.getInt32(this.#start);
      if (length < 0) return this.close(`the server sent a frame of length ${length}`);
      const isTaken = length <= this.#options.frameBytesMax;
      const neededBytes = 4 + (isTaken ? length : REPLY_HEADER_BYTES);
      if (this.#end - this.#start < neededBytes) return this.#makeRoom(neededBytes);
      const frameStart = this.#start + 4;
      this.#start += neededBytes;
      this.#reader.reset(this.#buffer, this.#view, frameStart, this.#start);
      this.#options.onFrame(this.#reader, isTaken ? 0 : length);
      if (!isTaken) {
        this.#skipBytes = length - REPLY_HEADER_BYTES;
        this.#skip();
      }
    }
    if (this.#start === this.#end) {
      this.#start = this.#end = 0;
      if (this.#buffer.length > KEPT_BYTES_MAX) this.#useBuffer(READ_BYTES);
    } else if (this.#end === this.#buffer.length) this.#makeRoom(0);
  }

  #skip(): void {
    const count = Math.min(this.#skipBytes, this.#end - this.#start);
    this.#start += count;
    this.#skipBytes -= count;
  }

  /** Moves what is left to the front of a buffer in which so many bytes fit, and more can be read. */
  #makeRoom(byteCount: number): void {
    if (byteCount > this.#buffer.length) return this.#useBuffer(byteCount);
    if (this.#start === 0) return;
    this.#buffer.copyWithin(0, this.#start, this.#end);
    this.#end -= this.#start;
    this.#start = 0;
  }

  #useBuffer(capacity: number): void {
    const left = this.#buffer.subarray(this.#start, this.#end);
    this.#buffer = new Uint8Array(capacity);
    this.#view = new DataView(this.#buffer.buffer);
    this.#buffer.set(left);
    this.#start = 0;
    this.#end = left.length;
  }
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
