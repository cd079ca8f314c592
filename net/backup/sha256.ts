/**
 * The hash that names and checks the files of a backup.
 *
 * @module
 */
import { createHash } from "node:crypto";

/** Of bytes that come in pieces. */
export class Sha256 {
  readonly #hash = createHash("sha256");
  /** Of what was added. */
  bytes = 0;

  add(bytes: Uint8Array): void {
    this.#hash.update(bytes);
    this.bytes += bytes.length;
  }

  /** To be called once, at the end. */
  hex(): string {
    return this.#hash.digest("hex");
  }
}

export function sha256Hex(content: string | Uint8Array): string {
  return createHash("sha256").update(content).digest("hex");
}
