/**
 * The lines of stdin, one at a time: answers to questions.
 *
 * @module
 */
import type { World } from "../world.ts";

export class LineInput {
  readonly #world: World;
  readonly #decoder = new TextDecoder();
  #reader: ReadableStreamDefaultReader<Uint8Array> | null = null;
  #text = "";

  constructor(world: World) {
    this.#world = world;
  }

  /** Null at the end. */
  async next(): Promise<string | null> {
    this.#reader ??= this.#world.stdin().getReader();
    for (;;) {
      const end = this.#text.indexOf("\n");
      if (end >= 0) {
        const line = this.#text.slice(0, end);
        this.#text = this.#text.slice(end + 1);
        return line;
      }
      const { value, done } = await this.#reader.read();
      if (done) {
        const rest = this.#text;
        this.#text = "";
        return rest === "" ? null : rest;
      }
      this.#text += this.#decoder.decode(value, { stream: true });
    }
  }
}
