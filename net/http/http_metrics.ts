/**
 * What is counted of the HTTP API: requests by operation, method and status, their durations, and what is
 * open now. Written once a request; bounded, whatever clients send.
 *
 * @module
 */
import { Histogram } from "../../core/metrics/histogram.ts";
import type { Exposition, Labels } from "./exposition.ts";

/** Of a request in ms: a read takes a tenth, a write a sync, a long poll a minute. */
const DURATION_MS = [0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 60_000];
/** Operations are those of the router; this is for who passes on what a client sent. */
const OPERATION_COUNT_MAX = 200;
/** Of one operation: methods and statuses are few. */
const SERIES_COUNT_MAX = 100;
const METHODS: ReadonlySet<string> = new Set([
  ...["GET", "HEAD", "PUT", "POST", "DELETE", "PATCH", "OPTIONS"],
]);
/** What is past a limit is counted under this name. */
const OTHER = "other";

interface Operation {
  readonly durationMs: Histogram;
  /** By method and status: `GET 200`. */
  readonly counts: Map<string, { readonly labels: Labels; count: number }>;
}

export class HttpMetrics {
  /** Streams (SSE, exports) that are open now. */
  openStreams = 0;
  /** Requests whose answer has not begun. */
  inFlight = 0;
  readonly #operations = new Map<string, Operation>();
  readonly #connectionCount: () => number;

  constructor(connectionCount: () => number = () => 0) {
    this.#connectionCount = connectionCount;
  }

  /**
   * A request was answered.
   *
   * @param operationId the route's; `none` for URLs that have none
   * @param durationMs until the answer's head was made; a stream may go on behind it
   */
  observed(operationId: string, method: string, status: number, durationMs: number): void {
    const operation = this.#operation(operationId);
    operation.durationMs.observe(durationMs);
    const known = METHODS.has(method) ? method : OTHER;
    let key = `${known} ${status}`;
    let series = operation.counts.get(key);
    if (series === undefined) {
      const isFull = operation.counts.size >= SERIES_COUNT_MAX;
      if (isFull) key = OTHER;
      const labels = isFull
        ? { method: OTHER, status: OTHER }
        : { method: known, status: String(status) };
      series = operation.counts.get(key) ?? { labels, count: 0 };
      operation.counts.set(key, series);
    }
    series.count++;
  }

  write(out: Exposition): void {
    out.family("denkeeper_http_requests_total", "counter", "HTTP requests answered");
    for (const [operation, { counts }] of this.#operations) {
      for (const { labels, count } of counts.values()) out.sample(count, { operation, ...labels });
    }
    out.family(
      "denkeeper_http_request_duration_seconds",
      "histogram",
      "Time from the head of a request to the head of its answer",
    );
    for (const [operation, { durationMs }] of this.#operations) {
      out.histogram(durationMs, { operation }, 1e-3);
    }
    out.gauge("denkeeper_http_connections", "HTTP connections", this.#connectionCount());
    out.gauge("denkeeper_http_requests_in_flight", "HTTP requests under way", this.inFlight);
    out.gauge("denkeeper_http_open_streams", "HTTP answers that go on", this.openStreams);
  }

  #operation(operationId: string): Operation {
    let operation = this.#operations.get(operationId);
    if (operation !== undefined) return operation;
    const key = this.#operations.size < OPERATION_COUNT_MAX ? operationId : OTHER;
    operation = this.#operations.get(key) ??
      { durationMs: new Histogram(DURATION_MS), counts: new Map() };
    this.#operations.set(key, operation);
    return operation;
  }
}
