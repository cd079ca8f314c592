/**
 * One TCP connection on the quorum port, from either side.
 *
 * What a role writes in a turn is sent at its end, in one write; while a write is under way the next
 * output gathers.
 *
 * @module
 */
import type { Channel } from "../cluster/member.ts";
import { JuteWriter } from "../core/wire/jute.ts";
import type { Rest } from "./rest.ts";
import type { Turn } from "./turn.ts";

const NOTHING = new Uint8Array();
const READ_BYTES = 256 << 10;
const OUTPUT_BYTES_START = 64 << 10;
/** A larger buffer is given back when it is sent. */
const OUTPUT_BYTES_KEPT_MAX = 1 << 20;
/** How often a reader that is held up is looked at. */
const HELD_UP_MS = 5;

export interface QuorumChannelEvents {
  /** Bytes came; borrowed. */
  received(channel: QuorumChannel, bytes: Uint8Array): void;
  /** All output is sent. */
  drained(channel: QuorumChannel): void;
  /** The other side closed it, or it broke. */
  closed(channel: QuorumChannel): void;
  /** Whether what comes should wait. */
  isHeldUp(): boolean;
}

export class QuorumChannel implements Channel {
  readonly remoteAddress: string;
  readonly #conn: Deno.TcpConn;
  readonly #turn: Turn;
  readonly #events: QuorumChannelEvents;
  /** Channels with output, to be flushed at the end of the turn. */
  readonly #dirty: Set<QuorumChannel>;
  readonly #rest: Rest;
  #output = new JuteWriter(OUTPUT_BYTES_START);
  #spare: JuteWriter | null = new JuteWriter(OUTPUT_BYTES_START);
  #sendingBytes = 0;
  #isClosed = false;

  constructor(x: {
    conn: Deno.TcpConn;
    turn: Turn;
    events: QuorumChannelEvents;
    dirty: Set<QuorumChannel>;
    rest: Rest;
  }) {
    this.#conn = x.conn;
    this.#turn = x.turn;
    this.#events = x.events;
    this.#dirty = x.dirty;
    this.#rest = x.rest;
    const { hostname, port } = x.conn.remoteAddr;
    this.remoteAddress = `${hostname}:${port}`;
    try {
      x.conn.setNoDelay(true);
      x.conn.setKeepAlive(true);
    } catch {
      // it is gone already: reading will tell
    }
  }

  writer(): JuteWriter {
    if (!this.#isClosed) this.#dirty.add(this);
    return this.#output;
  }

  get outputBytes(): number {
    return this.#output.position + this.#sendingBytes;
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#dirty.delete(this);
    try {
      this.#conn.close();
    } catch {
      // it was closed by the other side
    }
  }

  /** Sends what was written, unless a write is under way: its end sends the rest. */
  flush(): void {
    this.#dirty.delete(this);
    if (this.#isClosed || this.#sendingBytes > 0 || this.#output.position === 0) return;
    const writer = this.#output;
    this.#output = this.#spare ?? new JuteWriter(OUTPUT_BYTES_START);
    this.#spare = null;
    this.#sendingBytes = writer.position;
    void this.#write(writer);
  }

  /**
   * Reads until the connection ends.
   *
   * @param first came already
   */
  async run(first: Uint8Array = NOTHING): Promise<void> {
    const buffer = new Uint8Array(READ_BYTES);
    if (first.length > 0) this.#events.received(this, first);
    for (;;) {
      let count: number | null;
      try {
        count = await this.#conn.read(buffer);
      } catch {
        count = null;
      }
      if (this.#isClosed) return;
      this.#turn.begin();
      if (count === null) {
        this.close();
        return this.#events.closed(this);
      }
      this.#events.received(this, buffer.subarray(0, count));
      while (!this.#isClosed && this.#events.isHeldUp()) await this.#rest(HELD_UP_MS);
    }
  }

  async #write(writer: JuteWriter): Promise<void> {
    const bytes = writer.written();
    try {
      for (let at = 0; at < bytes.length;) at += await this.#conn.write(bytes.subarray(at));
    } catch {
      return; // reading tells
    }
    if (this.#isClosed) return;
    this.#sendingBytes = 0;
    if (writer.buffer.length <= OUTPUT_BYTES_KEPT_MAX) {
      writer.position = 0;
      this.#spare = writer;
    }
    if (this.#output.position > 0) return this.flush();
    this.#turn.begin(); // its end flushes what comes of it
    this.#events.drained(this);
  }
}
