/**
 * How many bytes the large requests that are being received may take together, so that many
 * connections sending large frames at once do not fill the memory (`largeRequestMaxBytes`).
 *
 * @module
 */
import { assert } from "../assert.ts";
import type { ServerConfig } from "../server_config.ts";

export class LargeRequestBudget {
  readonly #bytesMax: number;
  /** Negative: no request counts as large. */
  readonly #thresholdBytes: number;
  #bytes = 0;

  constructor(
    { largeRequestMaxBytes, largeRequestThresholdBytes }: Pick<
      ServerConfig,
      "largeRequestMaxBytes" | "largeRequestThresholdBytes"
    >,
  ) {
    this.#bytesMax = largeRequestMaxBytes;
    this.#thresholdBytes = largeRequestThresholdBytes;
  }

  /** Takes a request's bytes out of the budget, unless it is small; false: it is to be refused. */
  admit(byteCount: number): boolean {
    if (!this.#isLarge(byteCount)) return true;
    if (this.#bytes + byteCount > this.#bytesMax) return false;
    this.#bytes += byteCount;
    return true;
  }

  /** The request of this size that was admitted has been handled, or is given up. */
  release(byteCount: number): void {
    if (!this.#isLarge(byteCount)) return;
    this.#bytes -= byteCount;
    assert(this.#bytes >= 0, "what is released was admitted");
  }

  #isLarge(byteCount: number): boolean {
    return this.#thresholdBytes >= 0 && byteCount > this.#thresholdBytes;
  }
}
