/**
 * What the responses of all connections hold while it waits to be taken by clients: bounded, since clients can ask
 * for much and read nothing. Beyond the bound those who have waited for longest lose their connections.
 *
 * Only large pieces count, for small ones it would cost more than they do; and what several connections send of
 * the same memory counts once.
 *
 * @module
 */

/** Smaller pieces are not looked at. */
const PIECE_BYTES_MIN = 64 * 1024;

interface Piece {
  readonly memory: ArrayBufferLike;
  /** Ends the connection. */
  readonly giveUp: () => void;
}

export class UnsentBytes {
  readonly #bytesMax: number;
  readonly #gaveUp: () => void;
  /** The one that has waited for longest first. */
  readonly #pieces = new Set<Piece>();
  readonly #useCounts = new Map<ArrayBufferLike, number>();
  #bytes = 0;

  /** @param gaveUp called for each connection that had to go */
  constructor(bytesMax: number, gaveUp: () => void) {
    this.#bytesMax = bytesMax;
    this.#gaveUp = gaveUp;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** To be called before a piece is written; what it returns afterwards. */
  add({ buffer: memory, length }: Uint8Array, giveUp: () => void): (() => void) | null {
    if (length < PIECE_BYTES_MIN) return null;
    const piece: Piece = { memory, giveUp };
    this.#pieces.add(piece);
    const useCount = this.#useCounts.get(memory) ?? 0;
    this.#useCounts.set(memory, useCount + 1);
    if (useCount === 0) this.#bytes += memory.byteLength;
    for (const oldest of this.#pieces) {
      if (this.#bytes <= this.#bytesMax || oldest === piece) break;
      this.#remove(oldest);
      this.#gaveUp();
      oldest.giveUp();
    }
    return () => this.#remove(piece);
  }

  #remove(piece: Piece): void {
    if (!this.#pieces.delete(piece)) return;
    const { memory } = piece;
    const useCount = this.#useCounts.get(memory)!;
    if (useCount > 1) return void this.#useCounts.set(memory, useCount - 1);
    this.#useCounts.delete(memory);
    this.#bytes -= memory.byteLength;
  }
}
