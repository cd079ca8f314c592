/**
 * The {@linkcode Hashing} port over node:crypto.
 *
 * @module
 */
import type { Hashing } from "../core/ports.ts";
import { nodeCrypto } from "./node_modules.ts";

export const nodeHashing: Hashing = {
  digest(algorithm, bytes) {
    return nodeCrypto().createHash(algorithm).update(bytes).digest();
  },
  randomBytes(byteCount) {
    return nodeCrypto().randomFillSync(new Uint8Array(byteCount));
  },
};
