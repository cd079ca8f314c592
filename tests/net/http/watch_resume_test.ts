import assert from "node:assert/strict";
import { eventually } from "../../support/eventually.ts";
import { InProcessServer } from "../../support/in_process_server.ts";
import { RawClient } from "../../support/raw_client.ts";
import { create, multi, remove, setData } from "../../support/requests.ts";
import { SeededRandom } from "../../support/seeded_random.ts";
import { type SseEvent, SseReader } from "../../support/sse_reader.ts";

const ZNODES = ["/r/a", "/r/b", "/r/c"];

function watchUrl(server: InProcessServer, query: string): string {
  return `${server.httpUrl}/api/v1/watch?${query}`;
}

/** Changes znodes one at a time and several in one txn; the last txn of all makes `/r/end`. */
async function writeAll(client: RawClient, random: SeededRandom, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    const some = ZNODES.slice(0, random.between(1, ZNODES.length));
    if (some.length === 1) await client.must(setData(some[0]!, `${i}`));
    else await client.must(multi(some.map((path) => setData(path, `${i}`))));
  }
  await client.must(create("/r/end"));
}

async function withRoot(server: InProcessServer): Promise<RawClient> {
  const client = await RawClient.session(server.clientPort);
  for (const path of ["/r", ...ZNODES]) await client.must(create(path));
  return client;
}

Deno.test("A client that is cut off anywhere and resumes misses nothing and sees nothing twice", async () => {
  for (const seed of [1, 2]) {
    const random = new SeededRandom(seed);
    await using server = await InProcessServer.start({ http: true });
    using client = await withRoot(server);
    const start = `0x${client.lastZxid.toString(16)}`;
    await using whole = await SseReader.open(watchUrl(server, "path=/r&recursive"));
    await whole.must("open");
    const written = writeAll(client, random, 400);
    const told: SseEvent[] = [];
    /** Of txns that were told in part when the stream was cut: these are told again. */
    let lastId = start;
    let cutCount = 0;
    while (told.at(-1)?.data.path !== "/r/end") {
      const headers = { "Last-Event-ID": lastId };
      const reader = await SseReader.open(watchUrl(server, "path=/r&recursive"), headers);
      assert.equal((await reader.must("open")).id, lastId);
      let left = random.between(1, 60);
      while (left-- > 0 && told.at(-1)?.data.path !== "/r/end") {
        const event = await reader.next();
        assert.ok(event !== null && event.name !== "resync", JSON.stringify(event));
        told.push(event);
      }
      cutCount++;
      lastId = reader.lastId!;
      while (told.length > 0 && Number(told.at(-1)!.data.zxid) > Number(lastId)) told.pop();
      await reader.close();
    }
    await written;
    for (const event of told) {
      const expected = await whole.next();
      assert.deepEqual({ ...event, id: null }, { ...expected, id: null }, `seed ${seed}`);
    }
    assert.ok(cutCount > 5, `${cutCount}`);
  }
});

Deno.test("An event has an id when it is the last one of its txn in this stream", async () => {
  await using server = await InProcessServer.start({ http: true });
  using client = await withRoot(server);
  await using all = await SseReader.open(watchUrl(server, "path=/r&recursive"));
  await using one = await SseReader.open(watchUrl(server, "path=/r/b"));
  await client.must(multi([setData("/r/a", "1"), setData("/r/b", "1"), setData("/r/c", "1")]));
  const zxid = `0x${client.lastZxid.toString(16)}`;
  const expected = [["/r/a", null], ["/r/b", null], ["/r/c", zxid]];
  for (const since of [null, "0x0"]) {
    await using past = since === null ? null : await SseReader.open(
      watchUrl(server, `path=/r&recursive&since=${since}`),
    );
    const reader = past ?? all;
    const ids: (string | null)[][] = [];
    while (ids.length < 3) {
      const event = await reader.next();
      if (event!.name === "changed") ids.push([event!.data.path, event!.id]);
    }
    assert.deepEqual(ids, expected);
  }
  await one.must("open");
  assert.equal((await one.must("changed")).id, zxid);
});

Deno.test("A stream from a time that the logs do not tell of begins with resync, and goes on live", async () => {
  const dataDir = Deno.makeTempDirSync({ prefix: "denkeeper-test-" });
  try {
    for (let run = 0; run < 3; run++) { // each start writes a snapshot of what was logged before
      await using server = await InProcessServer.start({ dataDir });
      using client = await RawClient.session(server.clientPort);
      await client.must(create(`/p${run}`));
      await eventually("it is written", () => server.linesWith("snapshot written").length > 0);
    }
    const logs = [...Deno.readDirSync(`${dataDir}/version-2`)]
      .map(({ name }) => name).filter((name) => name.startsWith("log."))
      .sort((a, b) => parseInt(a.slice(4), 16) - parseInt(b.slice(4), 16));
    assert.equal(logs.length, 3);
    Deno.removeSync(`${dataDir}/version-2/${logs[0]}`);
    await using server = await InProcessServer.start({ http: true, dataDir });
    using client = await RawClient.session(server.clientPort);
    const firstKept = parseInt(logs[1]!.slice(4), 16);
    await using gone = await SseReader.open(watchUrl(server, "path=/&recursive&since=0x1"));
    assert.equal((await gone.must("open")).id, "0x1");
    const resync = await gone.must("resync");
    assert.equal(resync.id, resync.data.zxid);
    assert.ok(Number(resync.id) >= firstKept);
    await using kept = await SseReader.open(
      watchUrl(server, `path=/&recursive&since=0x${(firstKept - 1).toString(16)}`),
    );
    await kept.must("open");
    assert.equal((await kept.must("created")).data.path, "/p1");
    assert.equal((await kept.must("created")).data.path, "/p2");
    await client.must(create("/live"));
    for (const reader of [gone, kept]) {
      assert.equal((await reader.must("created")).data.path, "/live");
    }
  } finally {
    Deno.removeSync(dataDir, { recursive: true });
  }
});

Deno.test("Streams that come back all together after a restart each get what they have missed", async () => {
  const dataDir = Deno.makeTempDirSync({ prefix: "denkeeper-test-" });
  try {
    const zxids: number[] = [];
    {
      await using server = await InProcessServer.start({ dataDir });
      using client = await withRoot(server);
      for (let i = 0; i < 300; i++) {
        await client.must(setData("/r/a", `${i}`));
        zxids.push(Number(client.lastZxid));
      }
      await client.must(create("/r/end"));
      await client.must(remove("/r/b"));
    }
    await using server = await InProcessServer.start({ http: true, dataDir });
    await Promise.all(zxids.map(async (zxid, i) => {
      const url = watchUrl(server, `path=/r&recursive&since=0x${zxid.toString(16)}`);
      await using reader = await SseReader.open(url);
      await reader.must("open");
      for (const expected of zxids.slice(i + 1)) {
        assert.equal(Number((await reader.must("changed")).data.zxid), expected);
      }
      assert.equal((await reader.must("created")).data.path, "/r/end");
      assert.equal((await reader.must("deleted")).data.path, "/r/b");
    }));
  } finally {
    Deno.removeSync(dataDir, { recursive: true });
  }
});
