/**
 * Cuts the bytes of an election connection into its hello, the records of SASL if any, and frames (quorum
 * protocol sections 2.3 and 17).
 *
 * @module
 */
import { DecodeError } from "../core/errors.ts";
import { decodeHello, type Hello } from "./hello.ts";
import { type AuthRecord, beginsWithAuth, decodeAuthRecord } from "./quorum_auth.ts";

const FRAME_BYTES_MAX = 524288;
const CAPACITY_MIN = 1024;

export class ElectionStream {
  #buffer = new Uint8Array(CAPACITY_MIN);
  /** Where what was not taken yet begins and ends. */
  #start = 0;
  #end = 0;

  /** @param bytes borrowed for the call */
  push(bytes: Uint8Array): void {
    const unread = this.#unread();
    if (this.#end + bytes.length > this.#buffer.length) {
      const needed = unread.length + bytes.length;
      const isRoomy = needed * 2 <= this.#buffer.length;
      const buffer = isRoomy ? this.#buffer : new Uint8Array(Math.max(CAPACITY_MIN, needed * 2));
      buffer.set(unread);
      this.#buffer = buffer;
      this.#start = 0;
      this.#end = unread.length;
    }
    this.#buffer.set(bytes, this.#end);
    this.#end += bytes.length;
  }

  /**
   * What an accepted connection begins with.
   *
   * @returns null: more bytes are needed
   * @throws {DecodeError}
   */
  takeHello(): Hello | null {
    const decoded = decodeHello(this.#unread());
    if (decoded === null) return null;
    this.#start += decoded.byteCount;
    return decoded.hello;
  }

  /** Whether SASL comes next; null: more bytes are needed to tell. */
  beginsWithAuth(): boolean | null {
    return beginsWithAuth(this.#unread());
  }

  /**
   * The next record of SASL; its token is borrowed until the next call of push.
   *
   * @returns null: more bytes are needed
   * @throws {DecodeError}
   */
  takeAuthRecord(): AuthRecord | null {
    const decoded = decodeAuthRecord(this.#unread());
    if (decoded === null) return null;
    this.#start += decoded.byteCount;
    return decoded.record;
  }

  /**
   * The next frame without its length, borrowed until the next call of push.
   *
   * @returns null: more bytes are needed
   * @throws {DecodeError}
   */
  takeFrame(): Uint8Array | null {
    const bytes = this.#unread();
    if (bytes.length < 4) return null;
    const length = new DataView(bytes.buffer, bytes.byteOffset).getInt32(0);
    if (length <= 0 || length > FRAME_BYTES_MAX) {
      throw new DecodeError(`Unreasonable length of an election frame: ${length}`);
    }
    if (bytes.length < 4 + length) return null;
    this.#start += 4 + length;
    return bytes.subarray(4, 4 + length);
  }

  #unread(): Uint8Array {
    return this.#buffer.subarray(this.#start, this.#end);
  }
}

/** Puts its length before a message. */
export function encodeFrame(message: Uint8Array): Uint8Array<ArrayBuffer> {
  const frame = new Uint8Array(4 + message.length);
  new DataView(frame.buffer).setInt32(0, message.length);
  frame.set(message, 4);
  return frame;
}
