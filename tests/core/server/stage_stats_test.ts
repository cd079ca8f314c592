import assert from "node:assert/strict";
import { ServerMetrics } from "../../../core/metrics/server_metrics.ts";
import { StageStats } from "../../../core/server/stage_stats.ts";
import { SeededRandom } from "../../support/seeded_random.ts";

Deno.test("StageStats.preparedAll() times the writes of a turn once, and those of the next anew", () => {
  const metrics = new ServerMetrics(new SeededRandom(1));
  const stages = new StageStats(metrics);
  for (let i = 0; i < 4; i++) stages.prepared(i === 2);
  assert.equal(stages.hasPrepared, true);
  stages.preparedAll(8);
  assert.equal(stages.hasPrepared, false);
  stages.preparedAll(50); // of nothing
  stages.prepared(false);
  stages.preparedAll(3);
  const sums = [
    metrics.prepProcessorQueueSize,
    metrics.prepProcessTime,
    metrics.prepProcessorQueueTimeMs,
    metrics.closeSessionPrepTime,
  ].map(({ count, sum }) => [count, sum]);
  assert.deepEqual(sums, [[2, 5], [2, 5], [2, 11], [1, 8]]);
});

Deno.test("StageStats.committed() times the oldest write of a turn", () => {
  const metrics = new ServerMetrics(new SeededRandom(1));
  const stages = new StageStats(metrics);
  stages.committed(9, true);
  stages.committed(2, true);
  stages.endTurn(1, 0);
  stages.committed(4, false); // another server's
  stages.endTurn(1, 3);
  const sums = [
    metrics.writeCommitProcTimeMs,
    metrics.serverWriteCommittedTimeMs,
    metrics.localWriteCommittedTimeMs,
    metrics.writeCommitProcIssued,
    metrics.readCommitProcIssued,
    metrics.readFinalProcTimeMs,
  ].map(({ count, sum }) => [count, sum]);
  assert.deepEqual(sums, [[2, 13], [1, 9], [1, 9], [2, 3], [1, 3], [0, 0]]);
});

Deno.test("StageStats.endTurn() shares the time of a turn that only read among its reads", () => {
  const metrics = new ServerMetrics(new SeededRandom(1));
  const stages = new StageStats(metrics);
  stages.endTurn(12, 4);
  assert.equal(metrics.readFinalProcTimeMs.sum, 3);
  assert.equal(metrics.readCommitProcTimeMs.sum, 12);
  assert.equal(metrics.commitCommitProcReqQueued.count, 0);
});
