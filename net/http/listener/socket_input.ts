/**
 * What comes in on one connection: a buffer of bytes that were read and not used yet.
 *
 * One read is under way at the most; who asks for more while it is shares it.
 *
 * @module
 */
import { HEAD_BYTES_MAX } from "./request_head.ts";

/** An idle connection holds this much; the head of most requests fits. */
const BYTES_START = 2 << 10;

export class SocketInput {
  /** What is there lies between `start` and `end`. */
  bytes = new Uint8Array(BYTES_START);
  start = 0;
  end = 0;
  readonly #socket: Pick<Deno.Conn, "read">;
  #reading: Promise<boolean> | null = null;

  constructor(socket: Pick<Deno.Conn, "read">) {
    this.#socket = socket;
  }

  get length(): number {
    return this.end - this.start;
  }

  get isFull(): boolean {
    return this.length >= HEAD_BYTES_MAX;
  }

  use(byteCount: number): void {
    this.start += byteCount;
  }

  /** Reads more, for which there must be room. False at the end, however it comes. */
  fill(): Promise<boolean> {
    return this.#reading ??= this.#read();
  }

  /**
   * Reads past the buffer, when nothing is in it. 0 at the end, however it comes.
   *
   * A read into the buffer may be under way, begun to see whether the client hangs up: what comes goes to it, and
   * a second read beside it would take what comes later.
   */
  async readInto(target: Uint8Array): Promise<number> {
    if (this.#reading !== null) await this.#reading;
    if (this.length > 0) {
      const count = Math.min(this.length, target.length);
      target.set(this.bytes.subarray(this.start, this.start + count));
      this.use(count);
      return count;
    }
    try {
      return await this.#socket.read(target) ?? 0;
    } catch {
      return 0;
    }
  }

  async #read(): Promise<boolean> {
    try {
      this.#makeRoom();
      const room = this.end === 0 ? this.bytes : this.bytes.subarray(this.end);
      const count = await this.#socket.read(room);
      if (count === null) return false;
      this.end += count;
      return true;
    } catch {
      return false; // reset, or closed by us
    } finally {
      this.#reading = null;
    }
  }

  #makeRoom(): void {
    if (this.start === this.end) {
      this.start = this.end = 0;
      if (this.bytes.length > BYTES_START) this.bytes = new Uint8Array(BYTES_START);
    } else if (this.end === this.bytes.length) {
      const { start, end, length } = this;
      if (length * 2 > this.bytes.length) {
        const larger = new Uint8Array(Math.min(this.bytes.length * 4, HEAD_BYTES_MAX));
        larger.set(this.bytes.subarray(start, end));
        this.bytes = larger;
      } else this.bytes.copyWithin(0, start, end);
      this.start = 0;
      this.end = length;
    }
  }
}
