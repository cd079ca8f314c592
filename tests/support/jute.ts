/**
 * Jute for the test client, on purpose not the one of `core/wire`: an error made there twice, once
 * in the reader and once in the writer, is seen here.
 *
 * @module
 */

/** Builds a record field by field; bytes are copied at once. */
export class JuteEncoder {
  #bytes: Uint8Array<ArrayBuffer> = new Uint8Array(64);
  #length = 0;

  finish(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(0, this.#length);
  }

  raw(bytes: Uint8Array): this {
    const at = this.#grow(bytes.length); // may replace #bytes
    this.#bytes.set(bytes, at);
    return this;
  }

  byte(value: number): this {
    const at = this.#grow(1);
    this.#bytes[at] = value;
    return this;
  }

  boolean(value: boolean): this {
    return this.byte(value ? 1 : 0);
  }

  int(value: number): this {
    const at = this.#grow(4);
    new DataView(this.#bytes.buffer).setInt32(at, value);
    return this;
  }

  long(value: bigint): this {
    const at = this.#grow(8);
    new DataView(this.#bytes.buffer).setBigInt64(at, value);
    return this;
  }

  buffer(value: Uint8Array | null): this {
    return value === null ? this.int(-1) : this.int(value.length).raw(value);
  }

  string(value: string | null): this {
    return this.buffer(value === null ? null : new TextEncoder().encode(value));
  }

  vector<T>(items: readonly T[] | null, write: (item: T) => void): this {
    if (items === null) return this.int(-1);
    this.int(items.length);
    items.forEach(write);
    return this;
  }

  #grow(byteCount: number): number {
    const at = this.#length;
    this.#length += byteCount;
    if (this.#length > this.#bytes.length) {
      const bytes = new Uint8Array(Math.max(this.#length, this.#bytes.length * 2));
      bytes.set(this.#bytes);
      this.#bytes = bytes;
    }
    return at;
  }
}

/** Reads a record field by field; throws RangeError past the end. */
export class JuteDecoder {
  position = 0;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get remaining(): number {
    return this.#bytes.length - this.position;
  }

  rest(): Uint8Array {
    return this.take(this.remaining);
  }

  take(byteCount: number): Uint8Array {
    if (byteCount < 0 || byteCount > this.remaining) {
      throw new RangeError(`${byteCount} bytes wanted, ${this.remaining} left`);
    }
    this.position += byteCount;
    return this.#bytes.slice(this.position - byteCount, this.position);
  }

  byte(): number {
    return this.take(1)[0]!;
  }

  boolean(): boolean {
    return this.byte() !== 0;
  }

  int(): number {
    const value = this.#view.getInt32(this.position);
    this.position += 4;
    return value;
  }

  long(): bigint {
    const value = this.#view.getBigInt64(this.position);
    this.position += 8;
    return value;
  }

  buffer(): Uint8Array | null {
    const byteCount = this.int();
    return byteCount === -1 ? null : this.take(byteCount);
  }

  string(): string | null {
    const bytes = this.buffer();
    return bytes === null ? null : new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
  }

  vector<T>(read: () => T): T[] | null {
    const count = this.int();
    if (count === -1) return null;
    return Array.from({ length: count }, read);
  }
}
