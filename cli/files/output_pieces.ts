/**
 * Collects what a command prints, and prints it in pieces: a call for each of a million lines costs more than all
 * else.
 *
 * @module
 */
import type { World } from "../world.ts";

const PIECE_LENGTH = 16 * 1024;

export class OutputPieces {
  readonly #world: World;
  #text = "";

  constructor(world: World) {
    this.#world = world;
  }

  /** @throws {OutputClosedError} */
  print(text: string): void {
    this.#text += text;
    if (this.#text.length >= PIECE_LENGTH) this.flush();
  }

  /** To be called at the end, and before anything goes to stderr that belongs behind it. */
  flush(): void {
    const text = this.#text;
    this.#text = "";
    if (text !== "") this.#world.print(text);
  }
}
