import assert from "node:assert/strict";
import { LargeRequestBudget } from "../../../core/server/large_request_budget.ts";

Deno.test("LargeRequestBudget.admit() counts requests above the threshold until they are released", () => {
  const budget = new LargeRequestBudget({
    largeRequestThresholdBytes: 100,
    largeRequestMaxBytes: 500,
  });
  assert.equal(budget.admit(500), true);
  assert.equal(budget.admit(100), true); // not above the threshold: counts for nothing
  assert.equal(budget.admit(101), false);
  budget.release(100);
  assert.equal(budget.admit(101), false);
  budget.release(500);
  assert.equal(budget.admit(101), true);
});

Deno.test("LargeRequestBudget.admit() refuses nothing without a threshold", () => {
  const budget = new LargeRequestBudget({
    largeRequestThresholdBytes: -1,
    largeRequestMaxBytes: 0,
  });
  assert.equal(budget.admit(1 << 30), true);
  budget.release(1 << 30);
});
