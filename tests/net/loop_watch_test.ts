import assert from "node:assert/strict";
import { LoopWatch } from "../../net/loop_watch.ts";
import { eventually } from "../support/eventually.ts";

Deno.test("LoopWatch.isStarved() tells when a timer has waited for too long, until the loop turns", async () => {
  let nowMs = 0;
  const loop = new LoopWatch({ monotonicMs: () => nowMs, wallMs: () => 0 });
  for (const { ms, isStarved } of [{ ms: 0, isStarved: false }, { ms: 20, isStarved: false }]) {
    nowMs += ms;
    assert.equal(loop.isStarved(), isStarved);
  }
  nowMs += 1;
  assert.equal(loop.isStarved(), true);
  await eventually("the loop has turned", () => !loop.isStarved());
  nowMs += 20;
  assert.equal(loop.isStarved(), false, "it is watched anew");
  await new Promise((resolve) => setTimeout(resolve, 1)); // its timer ends
});
