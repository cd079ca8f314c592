/**
 * Joins pieces of any size, so that what was cut between two of them can be read whole.
 *
 * @module
 */
import { JuteReader } from "../wire/jute.ts";

const FIRST_BYTES = 64 * 1024;

export class PieceBuffer {
  /** Stands at the first byte that was not read; what it has read is gone with the next `append`. */
  readonly reader: JuteReader;

  /** @param lengthMax longest string or buffer accepted, in bytes */
  constructor(lengthMax: number) {
    this.reader = new JuteReader(new Uint8Array(FIRST_BYTES), { lengthMax });
    this.reader.end = 0;
  }

  /** Copies bytes behind those that are not read yet. */
  append(bytes: Uint8Array): void {
    const { reader } = this;
    const { position, end, remaining } = reader;
    let { buffer, view } = reader;
    if (remaining + bytes.length > buffer.length) {
      const grown = new Uint8Array(Math.max(buffer.length * 2, remaining + bytes.length));
      grown.set(buffer.subarray(position, end));
      buffer = grown;
      view = new DataView(grown.buffer);
    } else buffer.copyWithin(0, position, end);
    buffer.set(bytes, remaining);
    reader.reset(buffer, view, 0, remaining + bytes.length);
  }
}
