/**
 * Off-heap storage for names and data of znodes: blocks of bytes inside large shared chunks.
 *
 * A `Uint8Array` of its own costs V8 about 200 bytes a value; a block here costs its length rounded up
 * to a size class. A block is named by a 32-bit `ref`: chunk number in the high half, offset in units
 * of 16 bytes in the low half; 0 is no block. Blocks of a class are reused through a free list that
 * lives in the freed blocks themselves.
 *
 * Invariant: a block is freed with the length that it was allocated with.
 *
 * @module
 */
import { assert } from "../assert.ts";

const UNIT_BYTES = 16;
const UNITS_PER_CHUNK = 65536;
const CHUNK_BYTES = UNIT_BYTES * UNITS_PER_CHUNK;
/** Larger blocks get a chunk of their own, which is given back to the system when they are freed. */
const SHARED_BLOCK_BYTES_MAX = CHUNK_BYTES / 2;
/** Up to here each multiple of 16 is a class; above, classes grow by a quarter. */
const EXACT_CLASS_BYTES_MAX = 1024;

/** Up to here a loop is faster than a view and a native copy. */
const COPY_LOOP_BYTES_MAX = 128;

const CLASS_BYTES = makeClasses();

function makeClasses(): number[] {
  const classes: number[] = [];
  for (let bytes = UNIT_BYTES; bytes <= EXACT_CLASS_BYTES_MAX; bytes += UNIT_BYTES) {
    classes.push(bytes);
  }
  let bytes = EXACT_CLASS_BYTES_MAX;
  while (bytes < SHARED_BLOCK_BYTES_MAX) {
    bytes = Math.min(Math.ceil(bytes * 1.25 / UNIT_BYTES) * UNIT_BYTES, SHARED_BLOCK_BYTES_MAX);
    classes.push(bytes);
  }
  return classes;
}

function classOf(byteCount: number): number {
  if (byteCount <= EXACT_CLASS_BYTES_MAX) return (byteCount - 1) >> 4;
  let low = EXACT_CLASS_BYTES_MAX / UNIT_BYTES;
  let high = CLASS_BYTES.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (CLASS_BYTES[middle]! >= byteCount) high = middle;
    else low = middle + 1;
  }
  return low;
}

const NO_BYTES = new Uint8Array(0);

export class ByteArena {
  #chunks: Uint8Array[] = [];
  #views: DataView[] = [];
  /** Numbers of the chunks whose single large block was freed. */
  #emptyChunks: number[] = [];
  #free = new Int32Array(CLASS_BYTES.length);
  #freeBytes = 0;
  /** Where the next new block goes. */
  #chunk = -1;
  #unit = UNITS_PER_CHUNK;

  /** Reserves `byteCount` > 0 bytes; the content is whatever was there. */
  allocate(byteCount: number): number {
    assert(byteCount > 0, "an empty block is not allocated");
    if (byteCount > SHARED_BLOCK_BYTES_MAX) return this.#allocateAlone(byteCount);
    const sizeClass = classOf(byteCount);
    const free = this.#free[sizeClass]!;
    if (free !== 0) {
      this.#free[sizeClass] = this.#views[free >>> 16]!.getInt32((free & 0xffff) * UNIT_BYTES);
      this.#freeBytes -= CLASS_BYTES[sizeClass]!;
      return free;
    }
    const units = CLASS_BYTES[sizeClass]! / UNIT_BYTES;
    if (this.#unit + units > UNITS_PER_CHUNK) this.#openChunk();
    const ref = (this.#chunk << 16) | this.#unit;
    this.#unit += units;
    return ref;
  }

  /** Copies bytes into a new block; 0 for none. */
  store(bytes: Uint8Array, start = 0, length = bytes.length): number {
    if (length === 0) return 0;
    const ref = this.allocate(length);
    this.overwrite(ref, bytes, start, length);
    return ref;
  }

  free(ref: number, byteCount: number): void {
    if (ref === 0) return;
    const chunk = ref >>> 16;
    if (byteCount > SHARED_BLOCK_BYTES_MAX) {
      this.#chunks[chunk] = NO_BYTES;
      this.#emptyChunks.push(chunk);
      return;
    }
    const sizeClass = classOf(byteCount);
    this.#views[chunk]!.setInt32((ref & 0xffff) * UNIT_BYTES, this.#free[sizeClass]!);
    this.#free[sizeClass] = ref;
    this.#freeBytes += CLASS_BYTES[sizeClass]!;
  }

  /** Of freed blocks that wait to be used again: no memory of the system's is needed to fill them. */
  get freeBytes(): number {
    return this.#freeBytes;
  }

  /** The chunk that holds a block; the block starts at {@linkcode ByteArena.offset}. */
  chunk(ref: number): Uint8Array {
    return this.#chunks[ref >>> 16]!;
  }

  offset(ref: number): number {
    return (ref & 0xffff) * UNIT_BYTES;
  }

  /** Overwrites a block with bytes of the length it was allocated with, or one of the same class. */
  overwrite(ref: number, bytes: Uint8Array, start: number, length: number): void {
    const chunk = this.#chunks[ref >>> 16]!;
    const offset = (ref & 0xffff) * UNIT_BYTES;
    if (length > COPY_LOOP_BYTES_MAX) chunk.set(bytes.subarray(start, start + length), offset);
    else for (let i = 0; i < length; i++) chunk[offset + i] = bytes[start + i]!;
  }

  /** Whether blocks of both lengths take the same room, so that one can hold the other. */
  fitsInPlace(byteCount: number, otherByteCount: number): boolean {
    return byteCount > 0 && otherByteCount > 0 && byteCount <= SHARED_BLOCK_BYTES_MAX &&
      otherByteCount <= SHARED_BLOCK_BYTES_MAX && classOf(byteCount) === classOf(otherByteCount);
  }

  /** A borrowed view of a block. */
  bytes(ref: number, byteCount: number): Uint8Array {
    if (ref === 0) return NO_BYTES;
    const offset = (ref & 0xffff) * UNIT_BYTES;
    return this.#chunks[ref >>> 16]!.subarray(offset, offset + byteCount);
  }

  #openChunk(): void {
    this.#chunk = this.#addChunk(CHUNK_BYTES);
    this.#unit = this.#chunk === 0 ? 1 : 0; // ref 0 means none
  }

  #allocateAlone(byteCount: number): number {
    if (this.#chunks.length === 0) this.#openChunk();
    const chunk = this.#addChunk(byteCount);
    assert(chunk !== 0, "chunk 0 is a shared one: ref 0 means none");
    return chunk << 16;
  }

  #addChunk(byteCount: number): number {
    const bytes = new Uint8Array(byteCount);
    const number = this.#emptyChunks.pop() ?? this.#chunks.length;
    assert(number < 65536, "64 GiB of znode data at the most");
    this.#chunks[number] = bytes;
    this.#views[number] = new DataView(bytes.buffer);
    return number;
  }
}
