/**
 * Sessions of the running server: when they end, what goes with them, and who may take them up.
 */
import assert from "node:assert/strict";
import type { CreateTxn } from "../../core/txn/txn.ts";
import {
  concat,
  createTxn,
  makeDirs,
  naiveSubject,
  snapshotBytes,
} from "../model/storage_helpers.ts";
import { eventually } from "../support/eventually.ts";
import { InProcessServer } from "../support/in_process_server.ts";
import { JuteDecoder } from "../support/jute.ts";
import { type ConnectOptions, RawClient } from "../support/raw_client.ts";
import { create, exists, getData, setData } from "../support/requests.ts";
import { makeTempDir } from "../support/temp_dir.ts";

const NO_NODE = -101;

/** pzxid of a znode: the last change of its children. */
async function pzxid(client: RawClient, path: string): Promise<bigint> {
  const stat = await client.must(exists(path));
  stat.take(60);
  return stat.long();
}

function resuming(client: RawClient): ConnectOptions {
  return { sessionId: client.sessionId, password: client.password };
}

Deno.test("a session is granted a timeout within the bounds", async () => {
  await using server = await InProcessServer.start({ config: { tickTime: 500 } });
  for (const [asked, granted] of [[1, 1000], [1000, 1000], [1001, 1001], [60_000, 10_000]]) {
    using client = await RawClient.open(server.clientPort);
    const response = await client.connect({ timeoutMs: asked! });
    assert.ok(typeof response === "object");
    assert.equal(response.timeoutMs, granted);
  }
});

Deno.test("an expired session's ephemerals go in one txn, and its connection is closed", async () => {
  await using server = await InProcessServer.start({
    config: { tickTime: 100, maxSessionTimeout: 60_000 },
  });
  using watcher = await RawClient.session(server.clientPort, { timeoutMs: 60_000 });
  using owner = await RawClient.session(server.clientPort, { timeoutMs: 60_000 });
  const parents = ["/p0", "/p1", "/p2"];
  for (const path of parents) {
    await watcher.must(create(path));
    for (let i = 0; i < 50; i++) await owner.must(create(`${path}/e${i}`, { flags: 1 }));
    await watcher.must(exists(`${path}/e7`, true));
  }
  using dying = await RawClient.session(server.clientPort, { ...resuming(owner), timeoutMs: 200 });
  assert.equal(await dying.receiveFrame(), "closed");
  assert.equal((await watcher.call(exists("/p0/e0"))).err, NO_NODE);
  const zxids = await Promise.all(parents.map((path) => pzxid(watcher, path)));
  assert.equal(new Set(zxids).size, 1, `${zxids}`);
  assert.equal(watcher.events.length, parents.length);
  assert.equal(server.linesWith("info session expired").length, 1);
  using back = await RawClient.open(server.clientPort);
  const refused = await back.connect(resuming(dying));
  assert.ok(typeof refused === "object" && refused.timeoutMs === 0 && refused.sessionId === 0n);
  assert.equal(await back.receiveFrame(), "closed");
});

Deno.test("a session taken up on a new connection closes the old one, and its watches with it", async () => {
  await using server = await InProcessServer.start();
  using old = await RawClient.session(server.clientPort);
  await old.must(create("/a", { flags: 1 }));
  await old.must(getData("/a", true));
  using next = await RawClient.session(server.clientPort, resuming(old));
  assert.equal(await old.receiveFrame(), "closed");
  assert.equal(server.linesWith("moved to another connection").length, 1);
  await next.must(setData("/a", "x"));
  assert.deepEqual(next.events, []);
  await next.endSession();
  using other = await RawClient.session(server.clientPort);
  assert.equal((await other.call(exists("/a"))).err, NO_NODE);
});

Deno.test("a wrong password does not take up a session, nor disturb who has it", async () => {
  await using server = await InProcessServer.start();
  using owner = await RawClient.session(server.clientPort);
  using thief = await RawClient.open(server.clientPort);
  const refused = await thief.connect({
    sessionId: owner.sessionId,
    password: new Uint8Array(16),
  });
  assert.ok(typeof refused === "object" && refused.sessionId === 0n);
  assert.equal(await thief.receiveFrame(), "closed");
  assert.equal((await owner.call(exists("/"))).err, 0);
});

Deno.test("sessions and ephemerals outlive a restart, and expire after it", async () => {
  using dir = makeTempDir();
  const options = {
    dataDir: `${dir.path}/data`,
    config: { tickTime: 100, maxSessionTimeout: 60_000, snapCount: 10 },
  };
  let kept: RawClient;
  {
    await using server = await InProcessServer.start(options);
    kept = await RawClient.session(server.clientPort, { timeoutMs: 60_000 });
    using lost = await RawClient.session(server.clientPort, { timeoutMs: 5000 });
    using ended = await RawClient.session(server.clientPort);
    await kept.must(create("/kept", { flags: 1 }));
    await lost.must(create("/lost", { flags: 1 }));
    await ended.must(create("/ended", { flags: 1 }));
    await ended.endSession();
    for (let i = 0; i < 20; i++) await kept.must(setData("/kept", `${i}`)); // into a snapshot
    kept.close();
  }
  await using server = await InProcessServer.start(options);
  using back = await RawClient.session(server.clientPort, resuming(kept));
  assert.equal(back.sessionId, kept.sessionId);
  assert.equal((await back.call(exists("/kept"))).err, 0);
  assert.equal((await back.call(exists("/ended"))).err, NO_NODE);
  await eventually("the orphan expires", async () => {
    return (await back.call(exists("/lost"))).err === NO_NODE;
  });
  using fresh = await RawClient.session(server.clientPort);
  assert.ok(fresh.sessionId !== kept.sessionId);
  assert.equal((await back.call(exists("/kept"))).err, 0);
});

Deno.test("a session with more ephemerals than fit a txn ends, and the server starts again", async () => {
  using dir = makeTempDir();
  const options = { dataDir: `${dir.path}/data`, defines: ["jute.maxbuffer=4096"] };
  const count = 200; // of 50 bytes each, where 8192 fit
  {
    await using server = await InProcessServer.start(options);
    using client = await RawClient.session(server.clientPort);
    await client.must(create("/p"));
    for (let i = 0; i < count; i++) {
      await client.must(create(`/p/${String(i).padStart(47, "0")}`, { flags: 1 }));
    }
    await client.endSession();
  }
  await using server = await InProcessServer.start(options);
  using client = await RawClient.session(server.clientPort);
  const stat = new JuteDecoder((await client.call(exists("/p"))).body);
  stat.take(56);
  assert.equal(stat.int(), 0, "children left");
});

Deno.test("what takes the place of a dead session's ephemeral is there after a restart", async () => {
  using temp = makeTempDir();
  const dirs = makeDirs(temp.path);
  const { tree, sessions, replay } = naiveSubject();
  replay({
    header: { sessionId: 9n, cxid: 1, zxid: 1, timeMs: 1000, type: 1 },
    txn: { ...createTxn("/taken", "old"), ephemeral: true } as CreateTxn,
    digest: null,
  });
  Deno.writeFileSync(`${dirs.snapshotDir}/snapshot.1`, concat(snapshotBytes({ tree, sessions })));
  {
    await using server = await InProcessServer.start({ dataDir: dirs.dataDir });
    using client = await RawClient.session(server.clientPort);
    await client.must(create("/taken", { data: "new" }));
  }
  await using server = await InProcessServer.start({ dataDir: dirs.dataDir });
  using client = await RawClient.session(server.clientPort);
  const data = await client.must(getData("/taken"));
  assert.deepEqual(data.buffer(), new TextEncoder().encode("new"));
  assert.deepEqual(server.linesWith("digests on disk"), []);
});
