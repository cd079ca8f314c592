/**
 * The {@linkcode Hashing} port over node:crypto.
 *
 * @module
 */
import { createHash, randomFillSync } from "node:crypto";
import type { Hashing } from "../core/ports.ts";

export const nodeHashing: Hashing = {
  digest(algorithm, bytes) {
    return createHash(algorithm).update(bytes).digest();
  },
  randomBytes(byteCount) {
    return randomFillSync(new Uint8Array(byteCount));
  },
};
