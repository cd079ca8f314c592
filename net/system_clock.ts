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

/** Drawn at once: a draw costs a call of the runtime, however many numbers it gives. */
const drawn = new Uint32Array(256);
let drawnCount = 0;

export const systemRandom: Random = {
  uint32() {
    if (drawnCount === 0) {
      crypto.getRandomValues(drawn);
      drawnCount = drawn.length;
    }
    return drawn[--drawnCount]!;
  },
};
