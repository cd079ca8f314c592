import assert from "node:assert/strict";
import { LearnerMetrics } from "../../cluster/learner_metrics.ts";
import { ServerMetrics } from "../../core/metrics/server_metrics.ts";
import { SeededRandom } from "../support/seeded_random.ts";

/** A txn as in a PROPOSAL, not at the start of its buffer. */
function bodyOf(timeMs: number): Uint8Array {
  const bytes = new Uint8Array(100);
  new DataView(bytes.buffer).setBigInt64(3 + 20, BigInt(timeMs));
  return bytes.subarray(3);
}

Deno.test("LearnerMetrics times a proposal of broadcast from the time in its txn, and counts all", () => {
  const metrics = new ServerMetrics(new SeededRandom(1));
  const learner = new LearnerMetrics(metrics, false);
  const at = (wallMs: number) => learner.beginTurn({ nowMs: wallMs / 10, wallMs });
  at(5000);
  learner.syncBegun();
  learner.proposed(1, bodyOf(5)); // old
  learner.committed(1);
  at(6003);
  learner.syncEnded();
  learner.proposed(2, bodyOf(6000));
  learner.proposed(3, bodyOf(6001));
  at(6010);
  learner.acknowledged(3);
  at(6020);
  learner.committed(2);
  at(6030);
  learner.committed(3);
  const sums = [
    metrics.proposalLatency,
    metrics.proposalAckCreationLatency,
    metrics.commitPropagationLatency,
  ].map(({ count, sum }) => [count, sum]);
  assert.deepEqual(sums, [[1, 3], [1, 10], [1, 20]]);
  assert.equal(metrics.learnerProposalReceivedCount.value, 3);
  assert.equal(metrics.learnerCommitReceivedCount.value, 3);
  assert.equal(metrics.requestCommitQueued.value, 3);
  assert.deepEqual([metrics.followerSyncTime.count, metrics.followerSyncTime.sum], [1, 100]);
});

Deno.test("LearnerMetrics of an observer counts commits, which is all it gets", () => {
  const metrics = new ServerMetrics(new SeededRandom(1));
  const observer = new LearnerMetrics(metrics, true);
  observer.syncBegun();
  observer.beginTurn({ nowMs: 29.6, wallMs: 14 });
  observer.syncEnded();
  observer.proposed(1, bodyOf(10));
  observer.committed(1);
  assert.equal(metrics.learnerProposalReceivedCount.value, 0);
  assert.equal(metrics.learnerCommitReceivedCount.value, 1);
  assert.deepEqual([metrics.observerSyncTime.sum, metrics.followerSyncTime.count], [30, 0]);
  assert.deepEqual([metrics.proposalLatency.count, metrics.commitPropagationLatency.sum], [0, 4]);
});
