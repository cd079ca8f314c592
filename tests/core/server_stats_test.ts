import assert from "node:assert/strict";
import { ServerStats, SizeStats } from "../../core/server_stats.ts";

function latency(stats: ServerStats): number[] {
  return [stats.minLatencyMs, stats.avgLatencyMs, stats.maxLatencyMs];
}

Deno.test("ServerStats keeps least, average and greatest latency", () => {
  const stats = new ServerStats(1000);
  assert.deepEqual(latency(stats), [0, 0, 0]);
  for (const latencyMs of [6, 13, 1]) stats.addLatency(latencyMs);
  assert.deepEqual(latency(stats), [1, 6.6667, 13]);
  assert.equal(stats.uptimeMs(1500), 500);
});

Deno.test("ServerStats.reset() forgets what srst forgets, and keeps the rest", () => {
  const stats = new ServerStats(1000);
  stats.addLatency(6);
  stats.packetsReceived = 5;
  stats.packetsSent = 4;
  stats.authFailedCount = 3;
  stats.clientResponse.add(84);
  stats.reset();
  assert.deepEqual(latency(stats), [0, 0, 0]);
  assert.deepEqual([stats.packetsReceived, stats.packetsSent], [0, 0]);
  assert.equal(stats.clientResponse.toString(), "-1/-1/-1");
  assert.equal(stats.authFailedCount, 3);
  assert.equal(stats.uptimeMs(1500), 500);
});

Deno.test("SizeStats keeps last, least and greatest", () => {
  const sizes = new SizeStats();
  for (const bytes of [24, 98, 16, 26]) sizes.add(bytes);
  assert.equal(sizes.toString(), "26/16/98");
});
