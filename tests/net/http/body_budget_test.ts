import assert from "node:assert/strict";
import { readBytes } from "../../../net/http/body.ts";
import { BodyBudget } from "../../../net/http/body_budget.ts";
import { Problem } from "../../../net/http/problem.ts";

const isThrottled = (error: unknown) => error instanceof Problem && error.problem === "throttled";

/** A request whose body ends when the returned function is called. */
function slowRequest(headers: Record<string, string>): { request: Request; end: () => void } {
  let end!: () => void;
  const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
    start(controller) {
      controller.enqueue(new Uint8Array(60));
      end = () => {
        controller.enqueue(new Uint8Array(20));
        controller.close();
      };
    },
  });
  return { request: new Request("http://x/", { method: "PUT", headers, body }), end };
}

Deno.test("readBytes() refuses what would be too much together, and gives back what it took", async () => {
  const kinds: Record<string, string>[] = [{ "content-length": "80" }, {}];
  for (const headers of kinds) {
    const budget = new BodyBudget(100);
    const limit = { bytesMax: 1000, because: "a test", timeoutMs: 60_000, budget };
    const first = slowRequest(headers);
    const reading = readBytes(first.request, limit);
    const second = slowRequest(headers);
    await assert.rejects(readBytes(second.request, limit), isThrottled);
    first.end();
    assert.equal((await reading).length, 80);
    const third = slowRequest(headers);
    third.end();
    assert.equal((await readBytes(third.request, limit)).length, 80);
    budget.take(100); // all of it is there again
  }
});
