/**
 * The newest changes, in memory: from here a stream goes on that was away for a moment.
 *
 * Invariant: it holds every change of the txns after `floor`.
 *
 * @module
 */
import type { Zxid } from "../../../core/zxid.ts";
import { type Change, changeBytes } from "./change.ts";

const COUNT_MAX = 50_000;
const BYTES_MAX = 8 << 20;
/** Fewer that are gone are not worth a new array. */
const CUT_COUNT_MIN = 1000;

export class ChangeWindow {
  readonly #countMax: number;
  readonly #bytesMax: number;
  #changes: Change[] = [];
  /** Those before it are gone; the array is cut now and then. */
  #start = 0;
  #bytes = 0;
  #floor: Zxid = 0;

  constructor({ countMax = COUNT_MAX, bytesMax = BYTES_MAX } = {}) {
    this.#countMax = countMax;
    this.#bytesMax = bytesMax;
  }

  get floor(): Zxid {
    return this.#floor;
  }

  get count(): number {
    return this.#changes.length - this.#start;
  }

  /** Begins anew: what is added from now on follows txn `floor`. */
  restart(floor: Zxid): void {
    this.#changes = [];
    this.#start = this.#bytes = 0;
    this.#floor = floor;
  }

  /** To be called in the order of the txns. */
  add(change: Change): void {
    this.#changes.push(change);
    this.#bytes += changeBytes(change);
    while (this.count > this.#countMax || this.#bytes > this.#bytesMax) {
      const oldest = this.#changes[this.#start++]!;
      this.#bytes -= changeBytes(oldest);
      this.#floor = oldest.zxid; // of which others may be left: they are of no use
    }
    if (this.#start > CUT_COUNT_MIN && this.#start > this.count) {
      this.#changes = this.#changes.slice(this.#start);
      this.#start = 0;
    }
  }

  /**
   * The changes after a txn, oldest first: about so many, with all that their last txn did.
   *
   * @returns null when it does not reach back so far
   */
  after(zxid: Zxid, countMax: number): Change[] | null {
    if (zxid < this.#floor) return null;
    let low = this.#start;
    let high = this.#changes.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#changes[middle]!.zxid > zxid) high = middle;
      else low = middle + 1;
    }
    let end = Math.min(low + countMax, this.#changes.length);
    while (
      end > low && end < this.#changes.length &&
      this.#changes[end]!.zxid === this.#changes[end - 1]!.zxid
    ) end++;
    return this.#changes.slice(low, end);
  }
}
