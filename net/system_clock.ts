/**
 * The clock and the randomness of the operating system.
 *
 * @module
 */
import type { Clock, Random } from "../core/ports.ts";

export const systemClock: Clock = {
  monotonicMs: () => performance.now(),
  wallMs: () => Date.now(),
};

export const systemRandom: Random = {
  uint32: () => crypto.getRandomValues(new Uint32Array(1))[0]!,
};
