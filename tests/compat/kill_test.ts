/**
 * `kill -9` under load, over and over: nothing acknowledged is lost, nothing appears that was never
 * sent, sessions and their ephemerals come back or stay gone.
 *
 * A failure prints the seed; `KILL_SEED=<seed>` chooses the same operations again.
 *
 * @module
 */
import assert from "node:assert/strict";
import { TARGETS } from "../support/compared.ts";
import { eventually, pause } from "../support/eventually.ts";
import { RawClient } from "../support/raw_client.ts";
import { create } from "../support/requests.ts";
import { SeededRandom, seedFrom } from "../support/seeded_random.ts";
import { ServerProcess } from "../support/server_process.ts";
import { makeTempDir } from "../support/temp_dir.ts";
import { canResume, SESSION_MS, Writer } from "./kill/writer.ts";

const KILL_COUNT = 50;
const WRITER_COUNT = 5;
const LOAD_MS_MAX = 250;

Deno.test(`kill -9 under load, ${KILL_COUNT} times in a row`, async () => {
  const seed = seedFrom("KILL_SEED");
  console.log(`KILL_SEED=${seed}`);
  const random = new SeededRandom(seed);
  using dir = makeTempDir();
  const options = {
    dataDir: `${dir.path}/data`,
    // Snapshots and new log files all the time, so that kills meet them too.
    config: { tickTime: 2000, maxSessionTimeout: SESSION_MS, snapCount: 300, preAllocSize: 32 },
  };
  const writers = Array.from(
    { length: WRITER_COUNT },
    (_, i) => new Writer(`/k/w${i}`, new SeededRandom(random.uint32())),
  );
  const ackCount = () => writers.reduce((sum, writer) => sum + writer.ackCount, 0);
  {
    await using server = await ServerProcess.start(TARGETS[1], options);
    using client = await RawClient.session(server.clientPort, { timeoutMs: SESSION_MS });
    await client.must(create("/k"));
    for (const { path } of writers) await client.must(create(path));
  }
  for (let kill = 1; kill <= KILL_COUNT; kill++) {
    await using server = await ServerProcess.start(TARGETS[1], options);
    const port = server.clientPort;
    try {
      using reader = await RawClient.session(port, { timeoutMs: SESSION_MS });
      for (const writer of kill === 1 ? [] : writers) await writer.verify(reader, port);
      await reader.endSession();
      for (const writer of writers) await writer.connect(port);
      const writing = writers.map((writer) => writer.write());
      const ackCountBefore = ackCount();
      await pause(random.below(LOAD_MS_MAX));
      // most kills meet a server that has answered something, however slow the disk is
      if (random.chance(3, 4)) await eventually("writes", () => ackCount() > ackCountBefore);
      await server.kill();
      await Promise.all(writing);
    } catch (error) {
      throw new Error(`KILL_SEED=${seed}, at kill ${kill}\n${server.log().slice(-2000)}`, {
        cause: error,
      });
    }
  }
  await using server = await ServerProcess.start(TARGETS[1], options);
  using reader = await RawClient.session(server.clientPort, { timeoutMs: SESSION_MS });
  for (const writer of writers) {
    await writer.verify(reader, server.clientPort);
    for (const session of writer.closedSessions) {
      assert(!await canResume(server.clientPort, session), `${writer.path}: closed, yet resumed`);
    }
  }
  assert(ackCount() > KILL_COUNT / 2, "the writers got through to the server");
  console.log(`${KILL_COUNT} kills, ${ackCount()} acknowledged writes`);
});
