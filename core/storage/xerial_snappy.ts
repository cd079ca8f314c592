/**
 * The stream framing that Java's snappy library puts around raw snappy blocks (disk format section 7.5).
 *
 * A 16-byte header, then blocks of at most 32768 uncompressed bytes, each behind its compressed length.
 *
 * @module
 */
import { compress, uncompress } from "snappyjs";
import { DataDirError } from "../errors.ts";
import { SNAPPY_BLOCK_BYTES_MAX } from "../limits.ts";

const MAGIC = [0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00];
const VERSION = 1;
const HEADER_BYTES = 16;
const BLOCK_BYTES = 32768;

/** Packs a stream, block by block. */
export class XerialSnappyWriter {
  #block = new Uint8Array(BLOCK_BYTES);
  #filled = 0;
  #hasHeader = false;

  /** Returns the compressed bytes of all blocks that became full. */
  push(bytes: Uint8Array): Uint8Array<ArrayBuffer>[] {
    const output: Uint8Array<ArrayBuffer>[] = [];
    let start = 0;
    while (start < bytes.length) {
      const count = Math.min(BLOCK_BYTES - this.#filled, bytes.length - start);
      this.#block.set(bytes.subarray(start, start + count), this.#filled);
      this.#filled += count;
      start += count;
      if (this.#filled === BLOCK_BYTES) this.#writeBlock(output);
    }
    return output;
  }

  finish(): Uint8Array<ArrayBuffer>[] {
    const output: Uint8Array<ArrayBuffer>[] = [];
    this.#writeBlock(output);
    return output;
  }

  #writeBlock(output: Uint8Array<ArrayBuffer>[]): void {
    if (!this.#hasHeader) {
      const header = new Uint8Array(HEADER_BYTES);
      header.set(MAGIC);
      const view = new DataView(header.buffer);
      view.setInt32(8, VERSION);
      view.setInt32(12, VERSION);
      output.push(header);
      this.#hasHeader = true;
    }
    if (this.#filled === 0) return;
    const block: Uint8Array<ArrayBuffer> = compress(this.#block.subarray(0, this.#filled));
    const length = new Uint8Array(4);
    new DataView(length.buffer).setInt32(0, block.length);
    output.push(length, block);
    this.#filled = 0;
  }
}

/** Unpacks a stream that is pushed in pieces of any size. */
export class XerialSnappyReader {
  #rest = new Uint8Array(0);
  #hasHeader = false;

  /** @throws {DataDirError} on a bad header or block */
  push(bytes: Uint8Array): Uint8Array[] {
    const all = new Uint8Array(this.#rest.length + bytes.length);
    all.set(this.#rest);
    all.set(bytes, this.#rest.length);
    const view = new DataView(all.buffer);
    let at = 0;
    if (!this.#hasHeader) {
      if (all.length < HEADER_BYTES) {
        this.#rest = all;
        return [];
      }
      if (MAGIC.some((byte, i) => all[i] !== byte)) throw damaged("it lacks the magic bytes");
      at = HEADER_BYTES;
      this.#hasHeader = true;
    }
    const output: Uint8Array[] = [];
    while (all.length - at >= 4) {
      const length = view.getInt32(at);
      if (length < 0 || length > SNAPPY_BLOCK_BYTES_MAX) {
        throw damaged(`a block has ${length} bytes`);
      }
      if (all.length - at - 4 < length) break;
      output.push(uncompressBlock(all.subarray(at + 4, at + 4 + length)));
      at += 4 + length;
    }
    this.#rest = all.slice(at);
    return output;
  }

  /** @throws {DataDirError} when the stream ends inside a block */
  finish(): void {
    if (!this.#hasHeader || this.#rest.length > 0) throw damaged("it ends inside a block");
  }
}

function uncompressBlock(block: Uint8Array): Uint8Array {
  try {
    return uncompress(block, SNAPPY_BLOCK_BYTES_MAX);
  } catch (error) {
    throw damaged(error instanceof Error ? error.message : String(error));
  }
}

function damaged(problem: string): DataDirError {
  return new DataDirError(`Cannot unpack the snappy stream: ${problem}`);
}
