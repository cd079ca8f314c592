/**
 * Jute, ZooKeeper's record encoding: big-endian, no tags, no padding (client protocol section 2).
 *
 * Both classes work through one DataView and an offset, straight in the buffer that was read or is to
 * be sent. What a reader returns as `Uint8Array` is a loan of that buffer.
 *
 * @module
 */
import { DecodeError } from "../errors.ts";
import type { Zxid } from "../zxid.ts";

const TWO_32 = 2 ** 32;
/** Up to here a loop is quicker than the encoder, if all is ASCII: paths mostly are. */
const SHORT_TEXT_LENGTH_MAX = 128;
const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** What `jute.maxbuffer` and its extra size allow by default. */
export const LENGTH_MAX_DEFAULT = 2 * 0xfffff;

/** Reads records from a buffer; every method throws {@linkcode DecodeError} past the end. */
export class JuteReader {
  buffer: Uint8Array;
  view: DataView;
  /** Offset of the next byte. */
  position: number;
  /** One past the last byte that belongs to the record. */
  end: number;
  /** Longest string or buffer accepted, in bytes. */
  lengthMax: number;

  constructor(buffer: Uint8Array, { lengthMax = LENGTH_MAX_DEFAULT }: { lengthMax?: number } = {}) {
    this.buffer = buffer;
    this.view = new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);
    this.position = 0;
    this.end = buffer.length;
    this.lengthMax = lengthMax;
  }

  /** Points the reader at another stretch of bytes, so that one reader serves a whole connection. */
  reset(buffer: Uint8Array, view: DataView, position: number, end: number): void {
    this.buffer = buffer;
    this.view = view;
    this.position = position;
    this.end = end;
  }

  get remaining(): number {
    return this.end - this.position;
  }

  byte(): number {
    this.#need(1);
    return this.buffer[this.position++]!;
  }

  boolean(): boolean {
    return this.byte() !== 0;
  }

  int(): number {
    this.#need(4);
    const value = this.view.getInt32(this.position);
    this.position += 4;
    return value;
  }

  long(): bigint {
    this.#need(8);
    const value = this.view.getBigInt64(this.position);
    this.position += 8;
    return value;
  }

  /** A long that fits a double exactly: a zxid or a time in ms. */
  longAsNumber(): number {
    this.#need(8);
    const value = this.view.getInt32(this.position) * TWO_32 +
      this.view.getUint32(this.position + 4);
    this.position += 8;
    return value;
  }

  zxid(): Zxid {
    return this.longAsNumber();
  }

  /** Reads a length and leaves `position` at the first byte; -1 for null. Then skip with `position += n`. */
  length(): number {
    const length = this.int();
    if (length < 0) {
      if (length === -1) return -1;
      throw new DecodeError(`Unreasonable length ${length}`);
    }
    if (length > this.lengthMax) {
      throw new DecodeError(`Unreasonable length ${length}: the limit is ${this.lengthMax}`);
    }
    if (length > this.end - this.position) throw new DecodeError("Record ends inside a field");
    return length;
  }

  /** A borrowed view of a buffer or of a string's UTF-8 bytes; null for length -1. */
  bytes(): Uint8Array | null {
    const length = this.length();
    if (length < 0) return null;
    const start = this.position;
    this.position = start + length;
    return this.buffer.subarray(start, start + length);
  }

  string(): string | null {
    const bytes = this.bytes();
    return bytes === null ? null : decodeUtf8(bytes);
  }

  /** Number of elements that follow; -1 for null. Other negative counts mean empty, as in ZooKeeper. */
  count(): number {
    const count = this.int();
    return count < -1 ? 0 : count;
  }

  stringVector(): string[] | null {
    const count = this.count();
    if (count < 0) return null;
    const result: string[] = [];
    for (let i = 0; i < count; i++) result.push(this.string() ?? "");
    return result;
  }

  #need(byteCount: number): void {
    if (byteCount > this.end - this.position) throw new DecodeError("Record ends inside a field");
  }
}

/** Writes records into a buffer that grows by doubling. */
export class JuteWriter {
  buffer: Uint8Array<ArrayBuffer>;
  view: DataView<ArrayBuffer>;
  /** Bytes written so far. */
  position = 0;

  constructor(capacity = 256) {
    this.buffer = new Uint8Array(capacity);
    this.view = new DataView(this.buffer.buffer);
  }

  /** Makes room for `byteCount` more bytes; afterwards `buffer` and `view` may be other objects. */
  reserve(byteCount: number): void {
    const needed = this.position + byteCount;
    if (needed <= this.buffer.length) return;
    let capacity = this.buffer.length * 2;
    while (capacity < needed) capacity *= 2;
    const grown = new Uint8Array(capacity);
    grown.set(this.buffer.subarray(0, this.position));
    this.buffer = grown;
    this.view = new DataView(grown.buffer);
  }

  byte(value: number): void {
    this.reserve(1);
    this.buffer[this.position++] = value;
  }

  boolean(value: boolean): void {
    this.byte(value ? 1 : 0);
  }

  int(value: number): void {
    this.reserve(4);
    this.view.setInt32(this.position, value);
    this.position += 4;
  }

  long(value: bigint): void {
    this.reserve(8);
    this.view.setBigInt64(this.position, value);
    this.position += 8;
  }

  /** A long from an exact double: a zxid or a time in ms. */
  longFromNumber(value: number): void {
    this.reserve(8);
    putLong(this.view, this.position, value);
    this.position += 8;
  }

  zxid(value: Zxid): void {
    this.longFromNumber(value);
  }

  /** A buffer, or a string already in UTF-8; null is length -1. */
  bytes(value: Uint8Array | null): void {
    if (value === null) return this.int(-1);
    this.reserve(4 + value.length);
    this.view.setInt32(this.position, value.length);
    this.buffer.set(value, this.position + 4);
    this.position += 4 + value.length;
  }

  string(value: string | null): void {
    if (value === null) return this.int(-1);
    this.reserve(4 + value.length * 3);
    const start = this.position + 4;
    let at = start;
    for (let i = 0; i < value.length; i++) {
      const unit = value.charCodeAt(i);
      if (unit >= 0x80) { // not ASCII: encode the whole again
        at = start + encoder.encodeInto(value, this.buffer.subarray(start)).written;
        break;
      }
      this.buffer[at++] = unit;
    }
    this.view.setInt32(start - 4, at - start);
    this.position = at;
  }

  /** Bytes as they are, without a length. */
  raw(value: Uint8Array): void {
    this.reserve(value.length);
    this.buffer.set(value, this.position);
    this.position += value.length;
  }

  stringVector(values: readonly string[] | null): void {
    if (values === null) return this.int(-1);
    this.int(values.length);
    for (const value of values) this.string(value);
  }

  /** What was written, borrowed until the next write. */
  written(): Uint8Array<ArrayBuffer> {
    return this.buffer.subarray(0, this.position);
  }
}

/** Stores an exact double as a 64-bit two's complement integer. */
export function putLong(view: DataView, offset: number, value: number): void {
  const high = Math.floor(value / TWO_32);
  view.setInt32(offset, high);
  view.setUint32(offset + 4, value - high * TWO_32);
}

export function encodeUtf8(text: string): Uint8Array<ArrayBuffer> {
  const { length } = text;
  if (length > SHORT_TEXT_LENGTH_MAX) return encoder.encode(text);
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) {
    const unit = text.charCodeAt(i);
    if (unit >= 0x80) return encoder.encode(text); // not ASCII: encode the whole again
    bytes[i] = unit;
  }
  return bytes;
}

/** Decodes as Java does: malformed sequences become U+FFFD, nothing is refused. */
export function decodeUtf8(bytes: Uint8Array): string {
  return decoder.decode(bytes);
}
