import assert from "node:assert/strict";
import { makeZxid } from "../../core/zxid.ts";
import { systemFiles } from "../../net/file_system.ts";
import { TxnLogFile } from "../../net/txn_log_file.ts";
import { TxnLogHistory } from "../../net/txn_log_history.ts";
import {
  concat,
  createTxn,
  LENGTH_MAX,
  LinesLogger,
  logRecord,
  testClock,
} from "../model/storage_helpers.ts";
import { makeTempDir } from "../support/temp_dir.ts";

const LOG_HEADER = Uint8Array.from([0x5a, 0x4b, 0x4c, 0x47, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0]);
const DATA_BYTES = 1000;
const E2 = makeZxid(2, 0);

function record(zxid: number): Uint8Array<ArrayBuffer> {
  return logRecord(zxid, createTxn(`/n${zxid}`, "d".repeat(DATA_BYTES), 0));
}

function writeLogs(dir: string, logs: readonly (readonly number[])[]): void {
  for (const zxids of logs) {
    const bytes = concat([LOG_HEADER, ...zxids.map(record), new Uint8Array(3000)]);
    Deno.writeFileSync(`${dir}/log.${zxids[0]!.toString(16)}`, bytes);
  }
}

function open(dir: string, afterZxid: number, throughZxid = Infinity): TxnLogHistory | null {
  const options = { dir, fileSystem: systemFiles, lengthMax: LENGTH_MAX };
  return TxnLogHistory.open({ ...options, afterZxid, throughZxid });
}

/** Reads all in slices, and says how many it took. */
function readAll(history: TxnLogHistory, bytesMax: number) {
  let sliceCount = 1;
  let found = history.find(bytesMax);
  for (; found === "more"; sliceCount++) found = history.find(bytesMax);
  const zxids: number[] = [];
  let step: string = found;
  while (step !== "end" && step !== "broken") {
    let sliceBytes = 0;
    step = history.next(bytesMax, (zxid, body) => {
      assert.ok(sliceBytes < bytesMax, "a slice is bounded");
      sliceBytes += body.length;
      assert.deepEqual(body, record(zxid).subarray(12, -1));
      zxids.push(zxid);
    });
    sliceCount++;
  }
  history.close();
  return { zxids, sliceCount, isBroken: step === "broken" };
}

Deno.test("TxnLogHistory hands out what comes after a txn, and says what is there of it", () => {
  const logs = [[3, 4, 6], [7, 8, 9], [E2 + 1, E2 + 2]]; // 5 was never logged
  const all = logs.flat();
  const cases: {
    after: number;
    through?: number;
    has: boolean;
    previous: number | null;
  }[] = [
    { after: 3, has: true, previous: null },
    { after: 4, has: true, previous: 3 },
    { after: 5, has: false, previous: 4 },
    { after: 6, has: true, previous: 4 },
    { after: 7, has: true, previous: null }, // the file before is not read
    { after: 9, has: true, previous: 8 },
    { after: 20, has: false, previous: 9 },
    { after: E2 + 2, has: true, previous: E2 + 1 },
    { after: E2 + 9, has: false, previous: E2 + 2 },
    { after: 4, through: 8, has: true, previous: 3 },
    { after: 8, through: 8, has: true, previous: 7 },
  ];
  for (const { after, through = Infinity, has, previous } of cases) {
    for (const bytesMax of [1, 1500, 1e6]) {
      using temp = makeTempDir();
      writeLogs(temp.path, logs);
      const history = open(temp.path, after, through);
      assert.ok(history !== null, `${after}`);
      const { zxids, sliceCount } = readAll(history, bytesMax);
      const expected = all.filter((zxid) => zxid > after && zxid <= through);
      assert.deepEqual(zxids, expected, `${after} ${bytesMax}`);
      assert.equal(history.firstZxid, expected[0] ?? null);
      assert.equal(history.hasAfterZxid, has, `${after}`);
      assert.equal(history.previousZxid, previous, `${after}`);
      if (bytesMax === 1) assert.ok(sliceCount > expected.length);
    }
  }
});

Deno.test("TxnLogHistory.open() wants a log that begins at or before the txn", () => {
  using temp = makeTempDir();
  assert.equal(open(temp.path, 3), null);
  writeLogs(temp.path, [[3, 4]]);
  assert.equal(open(temp.path, 2), null);
  assert.notEqual(open(temp.path, 3), null);
});

Deno.test("TxnLogHistory counts what the logs behind the place take", () => {
  using temp = makeTempDir();
  writeLogs(temp.path, [[1, 2, 3, 4], [5, 6]]);
  const size = (name: string) => Deno.statSync(`${temp.path}/${name}`).size;
  for (const [after, bytes] of [[1, size("log.5")], [3, size("log.5")], [5, 0]] as const) {
    const history = open(temp.path, after)!;
    assert.equal(history.find(1e6), "found");
    assert.equal(history.laterFilesBytes, bytes, `${after}`);
    history.close();
  }
  // room ahead of a log that is being written does not count
  const log = openLog(temp.path, 10 * 1024 * 1024);
  log.write({ bytes: record(7), firstZxid: 7, recordCount: 1 });
  const history = open(temp.path, 5)!;
  assert.equal(history.find(1e6), "found");
  const { laterFilesBytes } = history;
  assert.ok(laterFilesBytes > 0 && laterFilesBytes < 1024 * 1024, `${laterFilesBytes}`);
  history.close();
  log.close();
});

Deno.test("TxnLogHistory reads a log that is being written, through what was there", () => {
  using temp = makeTempDir();
  const log = openLog(temp.path, 65536);
  const write = (zxid: number) =>
    log.write({ bytes: record(zxid), firstZxid: zxid, recordCount: 1 });
  for (let zxid = 1; zxid <= 10; zxid++) write(zxid);
  const history = open(temp.path, 2, 10)!;
  assert.equal(history.find(1e6), "found");
  const zxids: number[] = [];
  let last = 10;
  while (history.next(1, (zxid) => zxids.push(zxid)) === "more") {
    write(++last);
    if (last === 13) log.roll();
  }
  assert.deepEqual(zxids, [3, 4, 5, 6, 7, 8, 9, 10]);
  history.close();
  log.close();
});

Deno.test("TxnLogHistory says when the log is of no use: a hole, a flipped bit, a file that is gone", () => {
  const cases: [damage: (dir: string) => void, reason: RegExp][] = [
    [(dir) => Deno.removeSync(`${dir}/log.3`), /in no file/],
    [(dir) => flipByte(`${dir}/log.3`, 500), /checksum/],
    [(dir) => flipByte(`${dir}/log.3`, 0), /magic number/],
  ];
  for (const [damage, reason] of cases) {
    using temp = makeTempDir();
    writeLogs(temp.path, [[1, 2], [3, 4], [5, 6]]);
    damage(temp.path);
    const history = open(temp.path, 1)!;
    assert.equal(readAll(history, 1).isBroken, true);
    assert.match(history.brokenBecause!, reason);
  }
  using temp = makeTempDir();
  writeLogs(temp.path, [[1, 2], [3, 4]]);
  const history = open(temp.path, 1)!;
  assert.equal(history.find(1e6), "found");
  Deno.removeSync(`${temp.path}/log.3`); // purged meanwhile
  assert.equal(history.next(1e6, () => {}), "broken");
  assert.match(history.brokenBecause!, /os error 2/);
  assert.equal(history.next(1e6, () => {}), "end");
});

Deno.test("TxnLogHistory goes on behind a torn record, where a later log continues", () => {
  using temp = makeTempDir();
  writeLogs(temp.path, [[1, 2, 3]]);
  Deno.truncateSync(`${temp.path}/log.1`, 16 + 2 * record(1).length + 40);
  writeLogs(temp.path, [[3, 4]]);
  assert.deepEqual(readAll(open(temp.path, 1)!, 1e6).zxids, [2, 3, 4]);
});

function openLog(dir: string, preallocBytes: number): TxnLogFile {
  return new TxnLogFile({
    dir,
    preallocBytes,
    forceSync: false,
    fsyncWarningMs: 1e9,
    logger: new LinesLogger(),
    clock: testClock,
    fileSystem: systemFiles,
  });
}

function flipByte(path: string, at: number): void {
  const bytes = Deno.readFileSync(path);
  bytes[at]! ^= 0xff;
  Deno.writeFileSync(path, bytes);
}
