/**
 * Latencies of one kind of operation: counted in buckets, so that an hour of them takes no more memory than a
 * second.
 *
 * @module
 */
import { Histogram } from "../../core/metrics/histogram.ts";

/** Each bucket is so much wider than the one before: what is told is at most so much too high. */
const GROWTH = 1.05;
const FIRST_BOUND_MS = 0.01;
const LAST_BOUND_MS = 120_000;

const BOUNDS = boundsOf();

export interface LatencySummary {
  readonly count: number;
  readonly meanMs: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly maxMs: number;
}

export class Latencies {
  readonly #histogram = new Histogram(BOUNDS);
  #maxMs = 0;

  observe(ms: number): void {
    this.#histogram.observe(ms);
    if (ms > this.#maxMs) this.#maxMs = ms;
  }

  summary(): LatencySummary {
    const { count, sum } = this.#histogram;
    return {
      count,
      meanMs: rounded(count === 0 ? 0 : sum / count),
      p50Ms: this.quantile(0.5),
      p95Ms: this.quantile(0.95),
      p99Ms: this.quantile(0.99),
      p999Ms: this.quantile(0.999),
      maxMs: rounded(this.#maxMs),
    };
  }

  /** The bound that a share `q` of all is within. */
  quantile(q: number): number {
    const wanted = Math.ceil(q * this.#histogram.count);
    if (wanted === 0) return 0;
    for (const [bound, count] of this.#histogram.cumulative()) {
      if (count >= wanted) return rounded(Math.min(bound, this.#maxMs));
    }
    return rounded(this.#maxMs);
  }

  /** How many there were up to each of a few bounds, and beyond the one before; those without any left out. */
  rows(): { readonly toMs: number; readonly count: number }[] {
    const rows: { toMs: number; count: number }[] = [];
    let before = 0;
    for (const [i, [bound, count]] of [...this.#histogram.cumulative()].entries()) {
      if (i % ROW_BUCKET_COUNT !== 0) continue;
      if (count > before) rows.push({ toMs: rounded(bound), count: count - before });
      before = count;
    }
    const rest = this.#histogram.count - before;
    if (rest > 0) rows.push({ toMs: rounded(this.#maxMs), count: rest });
    return rows;
  }
}

/** About a doubling. */
const ROW_BUCKET_COUNT = 14;

function boundsOf(): number[] {
  const bounds: number[] = [];
  for (let bound = FIRST_BOUND_MS; bound < LAST_BOUND_MS; bound *= GROWTH) bounds.push(bound);
  return bounds;
}

function rounded(ms: number): number {
  return Number(ms.toPrecision(3));
}
