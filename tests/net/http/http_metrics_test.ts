import assert from "node:assert/strict";
import { Exposition } from "../../../net/http/exposition.ts";
import { HttpMetrics } from "../../../net/http/http_metrics.ts";

function samplesOf(metrics: HttpMetrics, name: string): string[] {
  const out = new Exposition("text");
  metrics.write(out);
  return out.finish().split("\n").filter((line) => line.startsWith(name));
}

Deno.test("HttpMetrics.write() has requests by operation, method and status, and what is open", () => {
  const metrics = new HttpMetrics();
  metrics.observed("getData", "GET", 200, 0.4);
  metrics.observed("getData", "GET", 200, 3);
  metrics.observed("getData", "HEAD", 404, 1);
  metrics.inFlight = 2;
  metrics.openStreams = 7;
  assert.deepEqual(samplesOf(metrics, "denkeeper_http_requests_total"), [
    'denkeeper_http_requests_total{operation="getData",method="GET",status="200"} 2',
    'denkeeper_http_requests_total{operation="getData",method="HEAD",status="404"} 1',
  ]);
  const duration = "denkeeper_http_request_duration_seconds";
  assert.deepEqual(samplesOf(metrics, `${duration}_count`), [
    `${duration}_count{operation="getData"} 3`,
  ]);
  assert.deepEqual(samplesOf(metrics, `${duration}_bucket`).slice(0, 2), [
    `${duration}_bucket{operation="getData",le="0.0005"} 1`,
    `${duration}_bucket{operation="getData",le="0.001"} 2`,
  ]);
  assert.deepEqual(samplesOf(metrics, "denkeeper_http_requests_in"), [
    "denkeeper_http_requests_in_flight 2",
  ]);
  assert.deepEqual(samplesOf(metrics, "denkeeper_http_open"), ["denkeeper_http_open_streams 7"]);
});

Deno.test("HttpMetrics.observed() keeps to its bounds whatever it is told, and loses no request", () => {
  const metrics = new HttpMetrics();
  const count = 3000;
  for (let i = 0; i < count; i++) {
    metrics.observed(`op${i % 1000}`, `METHOD${i}`, 200 + i % 400, 1);
    metrics.observed("one", "GET", i, 1);
  }
  const lines = samplesOf(metrics, "denkeeper_http_requests_total");
  assert.ok(lines.length < 201 + 101 + 202 * 5, `${lines.length} series`);
  assert.ok(!lines.some((line) => line.includes("METHOD")), "methods are the known ones");
  const sum = lines.reduce((total, line) => total + Number(line.split(" ").at(-1)), 0);
  assert.equal(sum, 2 * count);
});
