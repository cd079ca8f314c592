import assert from "node:assert/strict";
import type { Clock, FileSystem } from "../../core/ports.ts";
import { StandaloneLog } from "../../core/server/log_source.ts";
import { JuteReader, JuteWriter } from "../../core/wire/jute.ts";
import { openDataDir } from "../../net/data_dir.ts";
import { systemFiles } from "../../net/file_system.ts";
import { health } from "../../net/http/health.ts";
import { LogPump } from "../../net/log_pump.ts";
import { rest } from "../../net/rest.ts";
import { ServerProbe } from "../../net/server_probe.ts";
import { Turn } from "../../net/turn.ts";
import { makeConfig, ServerFixture } from "../fuzz/server_fixture.ts";
import { LinesLogger } from "../model/storage_helpers.ts";
import { eventually } from "../support/eventually.ts";
import { filesWith } from "../support/failing_files.ts";
import { logRecords } from "../support/log_records.ts";
import { connectRequest } from "../support/raw_client.ts";
import { SeededRandom } from "../support/seeded_random.ts";
import { makeTempDir } from "../support/temp_dir.ts";

const CLOCK = { monotonicMs: () => 5000, wallMs: () => 1_700_000_000_000 };

function makePump(
  dir: string,
  { server, turn, fatal, fileSystem = systemFiles, clock = CLOCK }: {
    server: ServerFixture;
    turn: Turn;
    fatal: (message: string, error: unknown) => void;
    fileSystem?: FileSystem;
    clock?: Clock;
  },
): LogPump {
  const { processor, sessions } = server;
  return new LogPump({
    config: makeConfig({ dataDir: dir }),
    dirs: openDataDir({ dataDir: dir, dataLogDir: dir, autoCreate: true }),
    tree: processor.tree,
    sessions,
    metrics: processor.stats.metrics,
    stats: processor.stats.server,
    turn,
    logger: new LinesLogger(),
    clock,
    random: new SeededRandom(1),
    fileSystem,
    rest,
    fatal,
  });
}

Deno.test("LogPump answers nothing when a sync or a write fails, and asks for the end at once", async () => {
  const failures: [string, (pump: LogPump, error: Error) => void][] = [
    ["the txn log could not be synced", ({ log }, error) => {
      log.sync = () => Promise.reject(error);
      log.syncBlocking = () => {
        throw error;
      };
    }],
    ["the txn log could not be written", ({ log }, error) => {
      log.write = () => {
        throw error;
      };
    }],
  ];
  for (const [message, fail] of failures) {
    using dir = makeTempDir();
    const config = makeConfig({ dataDir: dir.path });
    const server = new ServerFixture(config);
    const { processor } = server;
    const turn: Turn = new Turn(CLOCK, {
      beginTurn: (time) => processor.beginTurn(time),
      endTurn: () => pump.kick(),
    });
    const fatal: [string, unknown][] = [];
    const pump: LogPump = makePump(dir.path, {
      server,
      turn,
      fatal: (message, error) => void fatal.push([message, error]),
    });
    pump.source = new StandaloneLog(processor.writes);
    const error = new Error("Input/output error (os error 5)");
    fail(pump, error);
    turn.begin();
    const client = processor.accept({ remoteAddress: "1.2.3.4", remotePort: 5, isSecure: false });
    processor.connect(client, new JuteReader(connectRequest()));
    await new Promise((resolve) => setTimeout(resolve, 0)); // the turn ends, the sync fails
    assert.deepEqual(fatal, [[message, error]]);
    assert.equal(client.outputBytes, 0);
    assert.equal(processor.tree.lastProcessedZxid, 0);
    await pump.stop();
  }
});

Deno.test("LogPump.drain() waits for what there is, and not for what goes on coming", async () => {
  using dir = makeTempDir();
  const config = makeConfig({ dataDir: dir.path });
  const server = new ServerFixture(config);
  const turn: Turn = new Turn(CLOCK, { beginTurn: () => {}, endTurn: () => pump.kick() });
  const pump: LogPump = makePump(dir.path, {
    server,
    turn,
    fatal: (message, error) => assert.fail(`${message}: ${error}`),
  });
  const recordCount = 100; // not to be synced at once
  let isNext = false;
  let isOver = false;
  let zxid = 0;
  let loggedZxid = 0;
  pump.log.write = () => {};
  pump.log.sync = () => Promise.resolve(1);
  pump.source = {
    outstandingCount: 1,
    batchRecordCount: recordCount,
    takeBatch: () => {
      isNext = !isNext; // one for each sync, for ever
      if (!isNext || isOver) return null;
      zxid += recordCount;
      const firstZxid = zxid - recordCount + 1;
      return { bytes: new Uint8Array(1), firstZxid, lastZxid: zxid, recordCount, writer };
    },
    logged: (through) => void (loggedZxid = through),
    diskFull: () => false,
    diskHasRoom: () => {},
  };
  pump.kick();
  let isDrained = false;
  const drained = pump.drain().then(() => void (isDrained = true));
  for (let i = 0; i < 1000 && !isDrained; i++) await null;
  assert.ok(loggedZxid >= 2 * recordCount, `${loggedZxid}`);
  const wasDrained = isDrained;
  isOver = true;
  await drained;
  await pump.stop();
  assert.equal(wasDrained, true);
});

Deno.test("LogPump.snapshot() leaves the disk alone between quiesce() and release()", async () => {
  using dir = makeTempDir();
  const server = new ServerFixture(makeConfig({ dataDir: dir.path }));
  const pump = makePump(dir.path, {
    server,
    turn: new Turn(CLOCK, { beginTurn: () => {}, endTurn: () => {} }),
    fatal: (message, error) => assert.fail(`${message}: ${error}`),
  });
  const names = () => [...Deno.readDirSync(`${dir.path}/version-2`)].map(({ name }) => name);
  await pump.quiesce();
  await pump.snapshot(); // writes that were under way may make one due
  assert.deepEqual(names(), []);
  pump.release();
  await pump.snapshot();
  assert.deepEqual(names(), ["snapshot.0"]);
  await pump.stop();
});

Deno.test("LogPump tells of a sync that does not end: the server is not live", async () => {
  using dir = makeTempDir();
  const server = new ServerFixture(makeConfig({ dataDir: dir.path }));
  let nowMs = 5000;
  const clock = { monotonicMs: () => nowMs, wallMs: () => 1_700_000_000_000 };
  const turn: Turn = new Turn(clock, { beginTurn: () => {}, endTurn: () => pump.kick() });
  const syncs: (() => void)[] = []; // the disk is frozen until they are called
  const pump: LogPump = makePump(dir.path, {
    server,
    turn,
    fatal: (message, error) => assert.fail(`${message}: ${error}`),
    fileSystem: filesWith((file) => ({
      startSync: (done) => void syncs.push(() => file.startSync(done)),
    })),
    clock,
  });
  const probe = new ServerProbe({
    serverId: 1,
    dirs: openDataDir({ dataDir: dir.path, dataLogDir: dir.path, autoCreate: true }),
    tree: server.tree,
    metrics: server.processor.stats.metrics,
    clock,
    tickMs: 250,
    syncLimitMs: 1000,
  });
  const role = { isServing: true, isReadOnly: false, mode: "standalone", peerState: null } as const;
  probe.loaded({ pump, role, ensemble: null });
  const isLive = () => health(probe).livez(new Request("http://localhost/livez")).status === 200;
  const recordCount = 100; // not to be synced at once
  const loggedZxids: number[] = [];
  let firstZxid = 1;
  pump.source = {
    outstandingCount: 1,
    batchRecordCount: recordCount,
    takeBatch: () => {
      if (firstZxid > recordCount) return null;
      const zxids = Array.from({ length: recordCount }, (_, i) => firstZxid + i);
      firstZxid += recordCount;
      const lastZxid = zxids.at(-1)!;
      return { bytes: logRecords(zxids), firstZxid: zxids[0]!, lastZxid, recordCount, writer };
    },
    logged: (through) => void loggedZxids.push(through),
    diskFull: () => false,
    diskHasRoom: () => {},
  };
  assert.equal(pump.syncingSinceMs, null);
  pump.kick();
  assert.equal(pump.syncingSinceMs, 5000);
  nowMs += 30_000;
  assert.equal(isLive(), true);
  nowMs += 1;
  assert.equal(isLive(), false);
  await eventually("the disk was asked for a sync", () => syncs.length === 1);
  syncs[0]!();
  await eventually("it is over", () => pump.syncingSinceMs === null);
  assert.equal(isLive(), true);
  assert.deepEqual(loggedZxids, [recordCount]);
  await pump.stop();
});

const writer = new JuteWriter(16);
