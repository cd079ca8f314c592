import assert from "node:assert/strict";
import { LateInterval, LateTimeout } from "../../net/late_timers.ts";
import { runProcess } from "../support/run_process.ts";
import { pause } from "../support/eventually.ts";

Deno.test("LateTimeout calls once, and not when it was stopped", async () => {
  for (const ms of [0, 1, 20, 150]) { // from 150 on in two parts, and then with the runtime's own
    const calls: string[] = [];
    const startMs = performance.now();
    const { promise, resolve } = Promise.withResolvers<number>();
    const stopped = new LateTimeout(() => calls.push("stopped"), ms);
    new LateTimeout(() => resolve(performance.now()), ms);
    new LateTimeout(() => calls.push("called"), ms);
    stopped.stop();
    assert((await promise) - startMs >= ms - 2);
    await pause(5);
    assert.deepEqual(calls, ["called"]);
    stopped.stop();
  }
});

Deno.test("LateInterval calls until it is stopped, also from within a call", async () => {
  const ended = Promise.withResolvers<void>();
  let count = 0;
  const intervals: LateInterval[] = [];
  const call = () => {
    if (++count < 3) return;
    intervals[0]!.stop();
    ended.resolve();
  };
  intervals.push(new LateInterval(call, 2));
  const never = new LateInterval(() => count = 100, 2);
  never.stop();
  await ended.promise;
  await pause(20);
  assert.equal(count, 3);
});

Deno.test("a process waits for a late timer, and not for one that was stopped", async () => {
  const url = new URL("../../net/late_timers.ts", import.meta.url);
  const program = `import { LateTimeout } from "${url}";
    await new Promise((done) => new LateTimeout(done, 120));
    console.log("waited");
    new LateTimeout(() => console.log("never"), 3_600_000).stop();`;
  const { code, output } = await runProcess([Deno.execPath(), "eval", program]);
  assert.deepEqual([code, output.trim()], [0, "waited"]);
});
