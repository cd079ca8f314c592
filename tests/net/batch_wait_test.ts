/**
 * flushDelay, maxWriteQueuePollTime and maxBatchSize: how long a batch of the txn log waits for more.
 */
import assert from "node:assert/strict";
import { BatchWait } from "../../net/batch_wait.ts";
import { eventually } from "../support/eventually.ts";
import { InProcessServer } from "../support/in_process_server.ts";
import { RawClient } from "../support/raw_client.ts";
import { create } from "../support/requests.ts";
import { word } from "../support/server_process.ts";

/** Longer than anything is waited for. */
const LONG_MS = 600_000;

/** A wait whose clock stands still unless told, and the turns that it asks for. */
function makeWait(config: { flushDelayMs: number; pollMs: number; maxBatchSize?: number }) {
  let nowMs = 1000;
  let turns = Promise.withResolvers<void>();
  const wait = new BatchWait(
    {
      flushDelayMs: config.flushDelayMs,
      maxWriteQueuePollTimeMs: config.pollMs,
      maxBatchSize: config.maxBatchSize ?? 1000,
    },
    { begin: () => turns.resolve() },
    { monotonicMs: () => nowMs, wallMs: () => nowMs },
  );
  const turn = async () => {
    await turns.promise;
    turns = Promise.withResolvers();
  };
  return { wait, turn, pass: (ms: number) => nowMs += ms };
}

Deno.test("BatchWait.isOn() holds a batch back until a turn that it asks for", async () => {
  const { wait, turn } = makeWait({ flushDelayMs: LONG_MS, pollMs: 5 });
  assert.equal(wait.isOn(0), false);
  assert.equal(wait.isOn(1), true);
  assert.equal(wait.isOn(1), true);
  assert.equal(wait.isOn(2), true);
  await turn();
  assert.equal(wait.isOn(2), false);
  wait.synced();
  assert.equal(wait.isOn(2), true, "the next batch waits anew");
  await turn();
  assert.equal(wait.isOn(5), false);
});

Deno.test("BatchWait.isOn() lets a batch go that is full, or later than the delay allows", () => {
  const cases = [
    { flushDelayMs: 30, pollMs: 10, passedMs: 0, count: 2, waits: true },
    { flushDelayMs: 30, pollMs: 10, passedMs: 29, count: 2, waits: true },
    { flushDelayMs: 30, pollMs: 10, passedMs: 30, count: 2, waits: false }, // after a calm time
    { flushDelayMs: 30, pollMs: 0, passedMs: 0, count: 2, waits: false },
    { flushDelayMs: 30, pollMs: 10, passedMs: 0, count: 3, waits: false },
    { flushDelayMs: 30, pollMs: 10, maxBatchSize: 0, passedMs: 0, count: 5000, waits: true },
  ];
  for (const { passedMs, count, waits, ...config } of cases) {
    const { wait, pass } = makeWait({ maxBatchSize: 3, ...config });
    pass(passedMs);
    assert.equal(wait.isOn(count), waits, JSON.stringify({ ...config, passedMs, count }));
    wait.stop();
    assert.equal(wait.isOn(count), false);
  }
});

Deno.test("flushDelay lets writes of two clients share a sync, and maxBatchSize ends the wait", async () => {
  const server = await InProcessServer.start({
    config: {
      flushDelay: LONG_MS,
      maxWriteQueuePollTime: LONG_MS,
      maxBatchSize: 2,
      "4lw.commands.whitelist": "mntr",
    },
  });
  const port = server.clientPort;
  const isUnderWay = async () => /^Outstanding: 1$/m.test(await word(port, "srvr"));
  const [first, second] = await Promise.all([RawClient.session(port), RawClient.session(port)]);
  await first.send(create("/a"), 1);
  await eventually("the write is under way", isUnderWay);
  assert.equal(await first.receiveFrame(20), "silent");
  await second.must(create("/b"));
  assert.equal((await first.reply()).err, 0);
  const metrics = await word(port, "mntr");
  assert.match(metrics, /zk_cnt_sync_processor_batch_size\t2\n/);
  assert.match(metrics, /zk_min_sync_processor_batch_size\t2\n/);
  // a stop does not wait, and loses nothing
  await first.send(create("/c"), 2);
  await eventually("the write is under way", isUnderWay);
  assert.equal(await first.receiveFrame(20), "silent");
  await server.close();
  assert.equal((await first.reply()).err, 0);
  first.close();
  second.close();
  await server[Symbol.asyncDispose]();
});

Deno.test("flushDelay alone answers every write", async () => {
  await using server = await InProcessServer.start({ config: { flushDelay: 9 } });
  const clients = await Promise.all(
    Array.from({ length: 8 }, () => RawClient.session(server.clientPort)),
  );
  await Promise.all(clients.map(async (client, number) => {
    for (let i = 0; i < 5; i++) await client.must(create(`/${number}-${i}`));
  }));
  for (const client of clients) client.close();
});
