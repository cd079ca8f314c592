import assert from "node:assert/strict";
import { type Ensemble, withEnsemble } from "../../support/ensemble.ts";
import { RawClient } from "../../support/raw_client.ts";
import { create } from "../../support/requests.ts";
import { SseReader } from "../../support/sse_reader.ts";

const IDS = [1, 2, 3];

function openStream(ensemble: Ensemble, id: number, headers = {}): Promise<SseReader> {
  const { httpUrl } = ensemble.process(id);
  return SseReader.open(`${httpUrl}/api/v1/watch?path=/&recursive`, headers);
}

async function createAll(ensemble: Ensemble, id: number, paths: readonly string[]): Promise<void> {
  using client = await RawClient.session(ensemble.clientPort(id));
  for (const path of paths) await client.must(create(path));
}

async function expectCreated(stream: SseReader, paths: readonly string[]): Promise<void> {
  for (const path of paths) assert.equal((await stream.must("created")).data.path, path);
}

Deno.test("A stream stays open while its member has no leader, and leaves nothing out", async () => {
  const members = IDS.map((id) => ({ id, target: "denkeeper" as const, http: true }));
  await withEnsemble({ members, config: { tickTime: 500 } }, async (ensemble) => {
    await ensemble.startAll();
    const leader = await ensemble.waitForLeader();
    const followers = IDS.filter((id) => id !== leader);
    const streams = new Map<number, SseReader>();
    try {
      for (const id of IDS) {
        const stream = await openStream(ensemble, id);
        streams.set(id, stream);
        await stream.must("open");
      }
      const before = ["/a1", "/a2", "/a3"];
      await createAll(ensemble, followers[0]!, before);
      for (const stream of streams.values()) await expectCreated(stream, before);
      await ensemble.kill(leader);
      await ensemble.waitForLeader(followers);
      await ensemble.waitUntilServing(followers);
      const after = ["/b1", "/b2", "/b3"];
      await createAll(ensemble, followers[1]!, after);
      for (const id of followers) {
        const stream = streams.get(id)!;
        assert.equal((await stream.must("session")).data.state, "disconnected");
        assert.equal((await stream.must("session")).data.state, "connected");
        await expectCreated(stream, after);
      }
      // who was connected to the leader goes on elsewhere
      const { lastId } = streams.get(leader)!;
      await using resumed = await openStream(ensemble, followers[0]!, { "Last-Event-ID": lastId });
      await resumed.must("open");
      await expectCreated(resumed, after);
    } finally {
      for (const stream of streams.values()) await stream.close();
    }
  });
});
