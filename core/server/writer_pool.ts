/**
 * Output buffers that connections share: one that has nothing to send holds none, which is what keeps
 * ten thousand idle connections small.
 *
 * @module
 */
import { JuteWriter } from "../wire/jute.ts";

const WRITER_BYTES_START = 4 << 10;
/** A larger buffer is left to the garbage collector. */
const WRITER_BYTES_KEPT_MAX = 256 << 10;
const WRITER_COUNT_KEPT_MAX = 64;

export class WriterPool {
  #free: JuteWriter[] = [];

  acquire(): JuteWriter {
    return this.#free.pop() ?? new JuteWriter(WRITER_BYTES_START);
  }

  release(writer: JuteWriter): void {
    if (writer.buffer.length > WRITER_BYTES_KEPT_MAX) return;
    if (this.#free.length >= WRITER_COUNT_KEPT_MAX) return;
    writer.position = 0;
    this.#free.push(writer);
  }
}
