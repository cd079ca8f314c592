/**
 * A full disk: writes are refused and nothing hangs, reads go on, and when there is room again the
 * server goes on as if nothing had been. Needs a disk to fill, see `tests/support/small_disk.ts`.
 */
import assert from "node:assert/strict";
import { eventually } from "../support/eventually.ts";
import { InProcessServer } from "../support/in_process_server.ts";
import { RawClient } from "../support/raw_client.ts";
import { create, exists, getData, setData } from "../support/requests.ts";
import { canMountDisks, SmallDisk } from "../support/small_disk.ts";

const SYSTEM_ERROR = -1;
const hasDisks = await canMountDisks();

function testWithDisk(name: string, fn: () => Promise<void>): void {
  const suffix = hasDisks ? "" : " (skipped: no tmpfs can be mounted)";
  Deno.test({ name: `${name}${suffix}`, ignore: !hasDisks, fn });
}

/** What a client knows of its own writes. */
interface Outcome {
  readonly acknowledged: string[];
  readonly refused: string[];
}

/** Creates znodes of 20 kB, many at a time, until the server refuses them. */
async function createUntilRefused(client: RawClient, prefix: string): Promise<Outcome> {
  const outcome: Outcome = { acknowledged: [], refused: [] };
  for (let i = 0; outcome.refused.length === 0; i += 20) {
    assert.ok(i < 5000, "a small disk is full some time");
    const paths = Array.from({ length: 20 }, (_, k) => `${prefix}${i + k}`);
    for (const path of paths) {
      await client.send(create(path, { data: new Uint8Array(20_000) }), 1);
    }
    for (const path of paths) {
      const { err } = await client.reply(path);
      assert.ok(err === 0 || err === SYSTEM_ERROR, `${path} answered ${err}`);
      (err === 0 ? outcome.acknowledged : outcome.refused).push(path);
    }
  }
  return outcome;
}

async function assertOutcome(client: RawClient, outcome: Outcome): Promise<void> {
  for (const path of outcome.acknowledged) {
    assert.equal((await client.call(exists(path))).err, 0, `${path} was acknowledged`);
  }
  for (const path of outcome.refused) {
    assert.equal((await client.call(exists(path))).err, -101, `${path} was refused`);
  }
}

testWithDisk(
  "a full disk refuses writes, answers reads, and is forgotten when it has room",
  async () => {
    await using disk = await SmallDisk.mount(8);
    const dataDir = `${disk.path}/data`;
    let outcome: Outcome;
    {
      await using server = await InProcessServer.start({ dataDir });
      using client = await RawClient.session(server.clientPort);
      using reader = await RawClient.session(server.clientPort);
      await client.must(create("/a", { data: "before" }));
      disk.fill("ballast", 2_000_000);
      outcome = await createUntilRefused(client, "/full-");
      assert.equal(server.linesWith("the disk is full").length, 1, server.lines.join("\n"));
      // reads go on, also those behind a refused write; writes are refused at once
      await client.send(setData("/a", "refused"), 1);
      await client.send(getData("/a"), 2);
      assert.equal((await client.reply()).err, SYSTEM_ERROR);
      assert.equal(new TextDecoder().decode((await client.reply()).body.subarray(4, 10)), "before");
      assert.equal((await reader.call(exists("/a"))).err, 0);
      using late = await RawClient.open(server.clientPort);
      assert.equal(await late.connect(), "closed", "a session is a write too");
      using back = await RawClient.session(server.clientPort, {
        sessionId: reader.sessionId,
        password: reader.password,
      });
      assert.equal((await back.call(exists("/a"))).err, 0);
      await assertOutcome(back, outcome);

      Deno.removeSync(`${disk.path}/ballast`);
      await eventually("writes are taken again", async () => {
        return (await client.call(setData("/a", "after!"))).err === 0;
      });
      assert.equal(server.linesWith("has room again").length, 1);
      assert.equal((await client.call(create("/after"))).err, 0);
      outcome.acknowledged.push("/after");
      await assertOutcome(client, outcome);
    }
    await using server = await InProcessServer.start({ dataDir });
    using client = await RawClient.session(server.clientPort);
    await assertOutcome(client, outcome);
    const { body } = await client.call(getData("/a"));
    assert.equal(new TextDecoder().decode(body.subarray(4, 10)), "after!");
  },
);

testWithDisk("a disk that fills over and over loses nothing that was acknowledged", async () => {
  await using disk = await SmallDisk.mount(8);
  const dataDir = `${disk.path}/data`;
  const total: Outcome = { acknowledged: [], refused: [] };
  {
    await using server = await InProcessServer.start({ dataDir });
    using client = await RawClient.session(server.clientPort);
    for (let round = 0; round < 3; round++) {
      disk.fill("ballast", 1_200_000);
      const { acknowledged, refused } = await createUntilRefused(client, `/r${round}-`);
      total.acknowledged.push(...acknowledged);
      total.refused.push(...refused);
      Deno.removeSync(`${disk.path}/ballast`);
      await eventually("writes are taken again", async () => {
        return (await client.call(setData("/", `${round}`))).err === 0;
      });
    }
  }
  await using server = await InProcessServer.start({ dataDir });
  using client = await RawClient.session(server.clientPort);
  await assertOutcome(client, total);
});

testWithDisk(
  "a full disk is what HTTP tells of, also where a session would have to be made",
  async () => {
    await using disk = await SmallDisk.mount(8);
    await using server = await InProcessServer.start({ dataDir: `${disk.path}/data`, http: true });
    using client = await RawClient.session(server.clientPort);
    disk.fill("ballast", 2_000_000);
    await createUntilRefused(client, "/full-");
    const api = `${server.httpUrl}/api/v1`;
    for (const [method, path] of [["PUT", "/data/a"], ["POST", "/sessions"]] as const) {
      const response = await fetch(api + path, { method, body: method === "PUT" ? "1" : null });
      const { type, outcome } = await response.json();
      assert.equal(response.status, 507, path);
      assert.deepEqual([type, outcome], ["urn:denkeeper:problem:disk-full", "not-applied"], path);
    }
  },
);

testWithDisk("sessions live on while the disk is full, and expire after it", async () => {
  await using disk = await SmallDisk.mount(4);
  await using server = await InProcessServer.start({
    dataDir: `${disk.path}/data`,
    config: { tickTime: 100, maxSessionTimeout: 60_000 },
  });
  const port = server.clientPort;
  using watcher = await RawClient.session(port, { timeoutMs: 60_000 });
  using owner = await RawClient.session(port, { timeoutMs: 60_000 });
  await owner.must(create("/mine", { flags: 1 }));
  disk.fill("ballast");
  while (
    (await watcher.call(create("/x", { data: new Uint8Array(100_000) }))).err !== SYSTEM_ERROR
  );
  const { sessionId, password } = owner;
  (await RawClient.session(port, { sessionId, password, timeoutMs: 200 })).close();
  await watcher.must(exists("/mine", true));
  for (let i = 0; i < 10; i++) { // past the owner's timeout
    assert.equal((await watcher.call(exists("/mine"))).err, 0, "its end cannot be logged");
    await new Promise((resolve) => setTimeout(resolve, 60));
  }
  Deno.removeSync(`${disk.path}/ballast`);
  await eventually("the session expires", async () => {
    return (await watcher.call(exists("/mine"))).err === -101;
  });
  assert.equal(watcher.events.length, 1);
});

testWithDisk(
  "a snapshot that finds the disk full is given up, and the server goes on",
  async () => {
    await using disk = await SmallDisk.mount(8);
    await using logs = await SmallDisk.mount(30);
    const config = { snapCount: 20, dataLogDir: `${logs.path}/log` };
    const dataDir = `${disk.path}/data`;
    const snapshots = () =>
      [...Deno.readDirSync(`${dataDir}/version-2`)].map(({ name }) => name).filter((name) =>
        name.startsWith("snapshot.")
      );
    {
      await using server = await InProcessServer.start({ dataDir, config });
      using client = await RawClient.session(server.clientPort);
      for (let i = 0; i < 10; i++) {
        await client.must(create(`/n${i}`, { data: new Uint8Array(300_000) }));
      }
      disk.fill("ballast", 1_000_000);
      for (let i = 0; server.linesWith("no snapshot written: the disk is full").length === 0; i++) {
        assert.ok(i < 1000, "a snapshot is due every 20 txns");
        await client.must(setData("/n0", `${i}`));
      }
      assert.ok(snapshots().every((name) => !name.endsWith(".tmp")), `${snapshots()}`);
      assert.equal((await client.call(setData("/n0", "still here"))).err, 0);
      Deno.removeSync(`${disk.path}/ballast`);
      const written = server.linesWith("snapshot written").length;
      await eventually("a snapshot is written again", async () => {
        await client.must(setData("/n0", "last"));
        return server.linesWith("snapshot written").length > written;
      });
    }
    await using server = await InProcessServer.start({ dataDir, config });
    using client = await RawClient.session(server.clientPort);
    const { body } = await client.call(getData("/n0"));
    assert.equal(new TextDecoder().decode(body.subarray(4, 8)), "last");
  },
);

testWithDisk("a full disk keeps no server from starting, unless it has no data yet", async () => {
  await using disk = await SmallDisk.mount(4);
  const dataDir = `${disk.path}/data`;
  {
    await using server = await InProcessServer.start({ dataDir });
    using client = await RawClient.session(server.clientPort, { timeoutMs: 5000 });
    await client.must(create("/n", { data: "there" }));
  }
  Deno.removeSync(`${dataDir}/denkeeper.lock`); // as where a Java server ran before
  disk.fill("ballast");
  {
    await using server = await InProcessServer.start({ dataDir });
    await eventually("it goes on without a snapshot", () => {
      return server.linesWith("no snapshot written: the disk is full").length === 1;
    });
  }
  Deno.mkdirSync(`${disk.path}/empty/version-2`, { recursive: true });
  const fresh = InProcessServer.start({ dataDir: `${disk.path}/empty` });
  await assert.rejects(fresh, /Cannot write ".*snapshot\.0": the disk is full/);
});
