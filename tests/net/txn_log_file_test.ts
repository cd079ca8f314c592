import assert from "node:assert/strict";
import { AssertionError } from "../../core/assert.ts";
import type { OpenFile } from "../../core/ports.ts";
import { TxnLogReader } from "../../core/storage/txn_log_reader.ts";
import { DiskFullError, isDiskFull } from "../../net/disk_full.ts";
import { systemFiles } from "../../net/file_system.ts";
import { TxnLogFile, type TxnLogFileOptions } from "../../net/txn_log_file.ts";
import {
  concat,
  createTxn,
  LENGTH_MAX,
  LinesLogger,
  logRecord,
  makeDirs,
  naiveSubject,
  recoverSubject,
  testClock,
} from "../model/storage_helpers.ts";
import { DiskRecorder } from "../support/disk_recorder.ts";
import { filesWith, SmallDisk } from "../support/failing_files.ts";
import { makeTempDir } from "../support/temp_dir.ts";

function openLog(dir: string, options: Partial<TxnLogFileOptions> = {}): TxnLogFile {
  return new TxnLogFile({
    dir,
    preallocBytes: 65536,
    forceSync: true,
    fsyncWarningMs: 1e9,
    logger: new LinesLogger(),
    clock: testClock,
    fileSystem: systemFiles,
    ...options,
  });
}

/** A batch of creates with zxids from `first` on. */
function batch(first: number, count = 1, dataBytes = 10) {
  const records = [];
  for (let zxid = first; zxid < first + count; zxid++) {
    records.push(logRecord(zxid, createTxn(`/n${zxid}`, "d".repeat(dataBytes))));
  }
  return { bytes: concat(records), firstZxid: first, recordCount: count };
}

function zxidsIn(path: string): number[] {
  const bytes = Deno.readFileSync(path);
  let isRead = false;
  const source = {
    read(target: Uint8Array) {
      if (isRead) return 0;
      isRead = true;
      target.set(bytes);
      return bytes.length;
    },
  };
  const chunkBytes = bytes.length + 1;
  const reader = new TxnLogReader({ source, fileName: path, lengthMax: LENGTH_MAX, chunkBytes });
  const zxids: number[] = [];
  if (reader.readHeader() === "present") { while (reader.next()) zxids.push(reader.zxid); }
  assert.equal(reader.tornBecause, null);
  return zxids;
}

function namesIn(dir: string): string[] {
  return [...Deno.readDirSync(dir)].map(({ name }) => name).sort();
}

const range = (first: number, last: number) =>
  Array.from({ length: last - first + 1 }, (_, i) => first + i);

Deno.test("TxnLogFile extends its files ahead as a Java server does", async () => {
  const rest = batch(1, 1, 0).bytes.length; // of a record, besides the data
  const cases = [
    { preallocBytes: 65536, dataBytes: [100], sizes: [65552] },
    { preallocBytes: 8192, dataBytes: [3000, 3000, 3000], sizes: [8208, 8208, 16400] },
    // beyond the end with one batch: the next extension ends at a multiple
    { preallocBytes: 8192, dataBytes: [30000, 10], sizes: [30016 + rest, 32768] },
    { preallocBytes: 0, dataBytes: [10, 20], sizes: [26 + rest, 46 + 2 * rest] },
  ];
  for (const { preallocBytes, dataBytes, sizes } of cases) {
    using temp = makeTempDir();
    const log = openLog(temp.path, { preallocBytes });
    for (const [i, length] of dataBytes.entries()) {
      log.write(batch(i + 1, 1, length));
      await log.sync();
      assert.equal(Deno.statSync(`${temp.path}/log.1`).size, sizes[i]);
      assert.equal(log.sizeBytes, sizes[i]);
      assert.deepEqual(zxidsIn(`${temp.path}/log.1`), range(1, i + 1));
    }
    log.close();
  }
});

Deno.test("TxnLogFile writes batches of all sizes, rolls, and names files after their first txn", async () => {
  using temp = makeTempDir();
  const log = openLog(temp.path, { preallocBytes: 1 << 20 });
  log.write(batch(1, 5));
  await log.sync();
  for (let zxid = 6; zxid < 1006; zxid += 100) {
    log.write(batch(zxid, 100, zxid * 2)); // around the largest batch with zeros ahead
    if (zxid % 200 === 6) await log.sync();
    else log.syncBlocking();
  }
  assert.equal(log.recordsSinceRoll, 1005);
  const firstSize = log.sizeBytes;
  log.roll();
  assert.equal(log.path, null);
  assert.equal(log.sizeBytes, 0);
  assert.equal(log.recordsSinceRoll, 0);
  log.write(batch(1006, 2));
  assert.equal(log.bytesSinceSnapshot, firstSize + log.sizeBytes);
  log.resetBytesSinceSnapshot();
  assert.equal(log.bytesSinceSnapshot, log.sizeBytes);
  log.roll(); // two files to sync, the second never synced before
  log.write(batch(1008, 1));
  assert.ok(await log.sync() >= 0);
  assert.equal(await log.sync(), 0, "nothing to do");
  log.close();
  assert.deepEqual(namesIn(temp.path), ["log.1", "log.3ee", "log.3f0"]);
  assert.deepEqual(zxidsIn(`${temp.path}/log.1`), range(1, 1005));
  assert.deepEqual(zxidsIn(`${temp.path}/log.3ee`), [1006, 1007]);
  assert.deepEqual(zxidsIn(`${temp.path}/log.3f0`), [1008]);
});

Deno.test("TxnLogFile overwrites a file that held nothing but a torn first record", async () => {
  using temp = makeTempDir();
  const dirs = makeDirs(temp.path);
  const torn = batch(3, 1, 5000).bytes;
  Deno.writeFileSync(`${dirs.logDir}/log.1`, concat([LOG_HEADER, batch(1, 2).bytes]));
  Deno.writeFileSync(`${dirs.logDir}/log.3`, concat([LOG_HEADER, torn.subarray(0, 4000)]));
  const { lastProcessedZxid } = await recoverSubject(naiveSubject(), dirs);
  assert.equal(lastProcessedZxid, 2);
  const log = openLog(dirs.logDir);
  log.write(batch(3));
  await log.sync();
  log.close();
  assert.deepEqual(zxidsIn(`${dirs.logDir}/log.3`), [3]);
  assert.equal((await recoverSubject(naiveSubject(), dirs)).lastProcessedZxid, 3);
});

Deno.test("TxnLogFile takes back a batch that does not fit, whole", async () => {
  // the room runs out at every kind of place: header, preallocation, zeros ahead, the batch itself
  for (let room = 0; room < 60000; room += room < 200 ? 8 : 997) {
    using temp = makeTempDir();
    const disk = new SmallDisk(room);
    const log = openLog(temp.path, { preallocBytes: 16384, fileSystem: disk.files });
    let written = 0;
    for (const count of [1, 3, 10, 300]) {
      const isFirst = log.path === null;
      try {
        log.write(batch(written + 1, count, 90));
        written += count;
      } catch (error) {
        assert.ok(error instanceof DiskFullError, `${room}: ${error}`);
        assert.equal(log.path === null, isFirst, "a file without a record is removed");
      }
      await log.sync();
      const names = namesIn(temp.path);
      assert.deepEqual(names, written > 0 ? ["log.1"] : [], `${room}`);
      if (written > 0) {
        assert.deepEqual(zxidsIn(`${temp.path}/log.1`), range(1, written), `${room}`);
      }
    }
    disk.room = Infinity; // room again: it goes on where it was
    log.write(batch(written + 1, 7));
    await log.sync();
    assert.deepEqual(zxidsIn(`${temp.path}/log.1`), range(1, written + 7));
    log.close();
  }
});

Deno.test("TxnLogFile is of no more use after a failed sync or write", async () => {
  const failures: (() => Partial<OpenFile>)[] = [
    () => ({
      startSync: (done) => queueMicrotask(() => done(new Error("Input/output error (os error 5)"))),
    }),
    () => ({
      sync: () => {
        throw new Error("Input/output error (os error 5)");
      },
    }),
  ];
  for (const [i, failure] of failures.entries()) {
    using temp = makeTempDir();
    const log = openLog(temp.path, { fileSystem: filesWith(failure) });
    log.write(batch(1));
    if (i === 0) await assert.rejects(log.sync(), /os error 5/);
    else assert.throws(() => log.syncBlocking(), /os error 5/);
    assert.throws(() => log.write(batch(2)), AssertionError);
    await assert.rejects(log.sync(), AssertionError);
    log.close();
  }
  using temp = makeTempDir();
  const log = openLog(temp.path, {
    fileSystem: filesWith(() => ({
      write: () => {
        throw new Error("Input/output error (os error 5)");
      },
    })),
  });
  assert.throws(() => log.write(batch(1)), /os error 5/);
  assert.throws(() => log.write(batch(1)), AssertionError);
});

Deno.test("TxnLogFile makes a batch durable, and the name of a new file with it", async () => {
  for (const isBlocking of [false, true]) {
    using temp = makeTempDir();
    using recorder = new DiskRecorder(temp.path);
    const log = openLog(temp.path);
    const sync = async () => void (isBlocking ? log.syncBlocking() : await log.sync());
    log.write(batch(1));
    assert.deepEqual(recorder.take(), [], "not before it is asked for");
    await sync();
    assert.deepEqual(recorder.take(), ["sync log.1", "sync ."]);
    log.write(batch(2));
    await sync();
    assert.deepEqual(recorder.take(), ["sync log.1"]);
    log.write(batch(3));
    log.roll();
    assert.deepEqual(recorder.take(), []);
    log.write(batch(4));
    assert.deepEqual(recorder.take(), ["sync log.1"], "before a new file is begun");
    await sync();
    assert.deepEqual(recorder.take(), ["sync log.1", "sync log.4", "sync ."]);
    log.close();
  }
});

Deno.test("TxnLogFile logs and counts slow syncs, and skips syncs with forceSync off", async () => {
  using temp = makeTempDir();
  const logger = new LinesLogger();
  const log = openLog(temp.path, { fsyncWarningMs: -1, logger });
  log.write(batch(1));
  await log.sync();
  assert.equal(log.slowSyncCount, 1);
  assert.match(logger.lines[0]!, /warn fsync of the txn log was slow: put dataLogDir/);
  log.close();

  const startSync: OpenFile["startSync"] = (done) =>
    queueMicrotask(() => done(new Error("synced")));
  const lazy = openLog(temp.path, {
    forceSync: false,
    fileSystem: filesWith(() => ({ startSync })),
  });
  lazy.write(batch(2));
  assert.equal(await lazy.sync(), 0);
  lazy.roll();
  lazy.write(batch(3));
  assert.equal(await lazy.sync(), 0);
  lazy.close();
  assert.deepEqual(zxidsIn(`${temp.path}/log.2`), [2]);
});

Deno.test("isDiskFull() knows what a full device answers", () => {
  if (Deno.build.os === "linux") {
    using file = Deno.openSync("/dev/full", { write: true });
    assert.throws(() => file.writeSync(new Uint8Array(10)), (error) => isDiskFull(error));
  }
  assert.ok(isDiskFull(new Error("Disk quota exceeded (os error 122)")));
  assert.ok(!isDiskFull(new Error("Input/output error (os error 5)")));
  assert.ok(!isDiskFull("No space left on device (os error 28)"));
});

const LOG_HEADER = Uint8Array.from([0x5a, 0x4b, 0x4c, 0x47, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0]);
