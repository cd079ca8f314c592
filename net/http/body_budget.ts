/**
 * How many bytes the bodies that are being received may take together: many clients that each send a large one
 * slowly would otherwise fill the memory.
 *
 * @module
 */
import { RECEIVED_BODY_BYTES_MAX } from "../../core/limits.ts";
import { Problem } from "./problem.ts";

export class BodyBudget {
  readonly #bytesMax: number;
  #bytes = 0;

  constructor(bytesMax = RECEIVED_BODY_BYTES_MAX) {
    this.#bytesMax = bytesMax;
  }

  /** @throws {Problem} `throttled` when it is used up: nothing was taken then */
  take(byteCount: number): void {
    if (this.#bytes + byteCount > this.#bytesMax) {
      throw new Problem("throttled", {
        detail:
          `Bodies of ${this.#bytes} bytes are being received and this one has ${byteCount}, ` +
          `the limit for all together is ${this.#bytesMax}: send it again later`,
        outcome: "not-applied",
        headers: { Connection: "close" },
      });
    }
    this.#bytes += byteCount;
  }

  giveBack(byteCount: number): void {
    this.#bytes -= byteCount;
  }
}
