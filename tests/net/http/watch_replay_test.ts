import assert from "node:assert/strict";
import { InProcessServer } from "../../support/in_process_server.ts";
import { JuteDecoder } from "../../support/jute.ts";
import { RawClient } from "../../support/raw_client.ts";
import {
  addWatchPersistent,
  addWatchRecursive,
  check,
  create,
  Flags,
  multi,
  Op,
  OPEN_ACL,
  remove,
  type Request,
  setAcl,
  setData,
} from "../../support/requests.ts";
import { SeededRandom } from "../../support/seeded_random.ts";
import { SseReader } from "../../support/sse_reader.ts";

/** Over the client port, as ZooKeeper's clients are told; over HTTP in the same words. */
interface Told {
  type: string;
  path: string;
  zxid: string;
}

const TYPES: Readonly<Record<number, string>> = {
  1: "created",
  2: "deleted",
  3: "changed",
  4: "children",
};
const NAMES = ["a", "b", "ü", "d"];

function randomPath(random: SeededRandom): string {
  const depth = random.between(1, 3);
  let path = "/w";
  for (let i = 1; i < depth; i++) path += `/${random.pick(NAMES)}`;
  return path;
}

function randomOperation(random: SeededRandom): Request {
  const path = randomPath(random);
  return random.weighted<() => Request>([
    [5, () => create(path)],
    [2, () => create(path, { flags: Flags.ephemeral })],
    [1, () => create(`${path}/c`, { type: Op.createContainer, flags: Flags.container })],
    [1, () => create(`${path}/s-`, { flags: Flags.sequential })],
    [5, () => setData(path, random.bytes(random.below(20)))],
    [4, () => remove(path)],
    [1, () => setAcl(path, OPEN_ACL)],
  ])();
}

function randomRequest(random: SeededRandom): Request {
  if (!random.chance(1, 4)) return randomOperation(random);
  const ops = Array.from({ length: random.between(1, 6) }, () => {
    return random.chance(1, 6) ? check(randomPath(random)) : randomOperation(random);
  });
  return multi(ops);
}

/** Makes random txns in several sessions, some of which end with their ephemerals. */
async function writeRandomly(port: number, random: SeededRandom, count: number): Promise<void> {
  let client = await RawClient.session(port);
  await client.call(create("/w"));
  for (let i = 0; i < count; i++) {
    await client.call(randomRequest(random));
    if (!random.chance(1, 25)) continue;
    await client.endSession();
    client = await RawClient.session(port);
  }
  await client.endSession();
}

/** What a watch of ZooKeeper's own was told. */
function notifications(client: RawClient): Told[] {
  return client.events.map((payload) => {
    const reader = new JuteDecoder(payload);
    reader.int();
    const zxid = reader.long();
    reader.int();
    const type = TYPES[reader.int()]!;
    reader.int();
    return { type, path: reader.string()!, zxid: `0x${zxid.toString(16)}` };
  });
}

/** Reads through the txn that created `/end`, which is told as well. */
async function readThrough(reader: SseReader, end: string): Promise<Told[]> {
  const told: Told[] = [];
  for (;;) {
    const event = await reader.next();
    if (event === null) throw new Error("the stream ended");
    if (event.name === "open") continue;
    assert.equal(event.name, event.data.type);
    told.push(event.data);
    if (event.data.path === end) return told;
  }
}

Deno.test("A stream tells what ZooKeeper's watches tell, live and of the past", async () => {
  for (const seed of [1, 2, 3]) await compareWithWatches(new SeededRandom(seed));
});

async function compareWithWatches(random: SeededRandom): Promise<void> {
  const dataDir = Deno.makeTempDirSync({ prefix: "denkeeper-test-" });
  try {
    let recursive: Told[];
    let exact: Told[];
    let middle: string;
    {
      await using server = await InProcessServer.start({ http: true, dataDir });
      const url = `${server.httpUrl}/api/v1/watch`;
      using watcher = await RawClient.session(server.clientPort);
      using children = await RawClient.session(server.clientPort);
      await watcher.must(addWatchRecursive("/w"));
      await children.must(addWatchPersistent("/w"));
      await using liveRecursive = await SseReader.open(`${url}?path=/w&recursive`);
      await using liveExact = await SseReader.open(`${url}?path=/w`);
      await writeRandomly(server.clientPort, random, 300);
      await children.call(create("/w"));
      await children.call(create("/w/end"));
      await watcher.call(check("/w"));
      recursive = notifications(watcher);
      exact = notifications(children);
      assert.ok(recursive.length > 50 && exact.length > 20);
      assert.deepEqual(await readThrough(liveRecursive, "/w/end"), recursive);
      const toldExact: Told[] = [];
      await liveExact.must("open");
      while (toldExact.length < exact.length) toldExact.push((await liveExact.next())!.data);
      assert.deepEqual(toldExact, exact);
      middle = random.pick(recursive).zxid;
    }
    // a restart forgets what was in memory
    await using server = await InProcessServer.start({ http: true, dataDir });
    for (const since of ["0x0", middle]) {
      const after = (told: Told[]) => told.filter(({ zxid }) => Number(zxid) > Number(since));
      const url = `${server.httpUrl}/api/v1/watch?since=${since}`;
      await using pastRecursive = await SseReader.open(`${url}&path=/w&recursive`);
      await using pastExact = await SseReader.open(`${url}&path=/w`);
      assert.deepEqual(await readThrough(pastRecursive, "/w/end"), after(recursive));
      await pastExact.must("open");
      const expected = after(exact);
      const told: Told[] = [];
      while (told.length < expected.length) told.push((await pastExact.next())!.data);
      assert.deepEqual(told, expected);
    }
  } finally {
    Deno.removeSync(dataDir, { recursive: true });
  }
}
