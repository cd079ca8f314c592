import assert from "node:assert/strict";
import { makeZxid } from "../../../core/zxid.ts";
import { systemFiles } from "../../../net/file_system.ts";
import { systemClock } from "../../../net/system_clock.ts";
import { ChangeHistory } from "../../../net/http/watch/change_history.ts";
import { WorkPace } from "../../../net/http/watch/work_pace.ts";
import { concat, createTxn, LENGTH_MAX, logRecord } from "../../model/storage_helpers.ts";
import { makeTempDir } from "../../support/temp_dir.ts";

const LOG_HEADER = Uint8Array.from([0x5a, 0x4b, 0x4c, 0x47, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0]);
const E2 = makeZxid(2, 0);

function writeLogs(dir: string, logs: readonly (readonly number[])[]): void {
  for (const zxids of logs) {
    const records = zxids.map((zxid) => logRecord(zxid, createTxn(`/n${zxid}`, "data", 0)));
    const bytes = concat([LOG_HEADER, ...records, new Uint8Array(3000)]);
    Deno.writeFileSync(`${dir}/log.${zxids[0]!.toString(16)}`, bytes);
  }
}

function historyOf(dir: string, committedZxid: number) {
  const pace = new WorkPace(systemClock);
  const history = new ChangeHistory({
    dir,
    fileSystem: systemFiles,
    lengthMax: LENGTH_MAX,
    committedZxid: () => committedZxid,
    pace,
  });
  const stop = () => {
    history.abandon();
    pace.stop();
  };
  return { history, stop };
}

/** All after a txn, slice by slice; null where the history ends in nothing. */
async function readAll(history: ChangeHistory, after: number, through: number) {
  const zxids: number[] = [];
  for (let at = after; at < through;) {
    const slice = await history.after(at);
    if (slice === null) return null;
    assert.ok(slice.after <= at && slice.through > at);
    for (const { zxid } of slice.changes.all) if (zxid > at) zxids.push(zxid);
    at = slice.through;
  }
  return zxids;
}

const range = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, i) => from + i);

Deno.test("ChangeHistory knows what came after a txn of its logs, and of nothing else", async () => {
  using dir = makeTempDir();
  const logs = [[5, 6, 7], [8, 9], [E2 + 1, E2 + 2, E2 + 3]];
  writeLogs(dir.path, logs);
  const all = logs.flat();
  const cases: { after: number; through?: number; isKnown: boolean }[] = [
    { after: 3, isKnown: false }, // purged
    { after: 4, isKnown: true },
    { after: 5, isKnown: true },
    { after: 7, isKnown: true },
    { after: 9, isKnown: true },
    { after: 11, isKnown: false }, // of another history, in which the epoch went on
    { after: E2, isKnown: true }, // the beginning of an epoch is no txn
    { after: E2 + 2, isKnown: true },
    { after: 6, through: 8, isKnown: true }, // what is behind is not committed
    { after: 8, through: E2, isKnown: true }, // an epoch has begun, without a txn so far
  ];
  for (const { after, through = E2 + 3, isKnown } of cases) {
    const { history, stop } = historyOf(dir.path, through);
    const expected = all.filter((zxid) => zxid > after && zxid <= through);
    assert.deepEqual(await readAll(history, after, through), isKnown ? expected : null, `${after}`);
    stop();
  }
});

Deno.test("ChangeHistory knows nothing of what comes behind a hole or damage", async () => {
  const damages: ((dir: string) => void)[] = [
    (dir) => Deno.removeSync(`${dir}/log.4`),
    (dir) => flipByte(`${dir}/log.4`, 60),
  ];
  for (const damage of damages) {
    using dir = makeTempDir();
    writeLogs(dir.path, [[1, 2, 3], [4, 5], [6, 7]]);
    damage(dir.path);
    const { history, stop } = historyOf(dir.path, 7);
    assert.equal(await readAll(history, 1, 7), null);
    assert.deepEqual(await readAll(history, 6, 7), [7]);
    stop();
  }
});

Deno.test("ChangeHistory serves a thousand streams with few scans", async () => {
  using dir = makeTempDir();
  const count = 5000;
  writeLogs(dir.path, [range(1, 2000), range(2001, count)]);
  const { history, stop } = historyOf(dir.path, count);
  const starts = range(1000, 1999).map((at, i) => i % 2 === 0 ? at : at * 2);
  const read = await Promise.all(starts.map((after) => readAll(history, after, count)));
  for (const [i, zxids] of read.entries()) assert.deepEqual(zxids, range(starts[i]! + 1, count));
  assert.ok(history.scanCount <= 3, `${history.scanCount}`);
  stop();
});

Deno.test("ChangeHistory.forget() answers all who wait with nothing", async () => {
  using dir = makeTempDir();
  writeLogs(dir.path, [[1, 2]]);
  const { history, stop } = historyOf(dir.path, 3); // which is not written yet
  assert.deepEqual((await history.after(1))!.through, 2);
  const waiting = history.after(2);
  history.forget();
  assert.equal(await waiting, null);
  stop();
});

function flipByte(path: string, at: number): void {
  const bytes = Deno.readFileSync(path);
  bytes[at]! ^= 0xff;
  Deno.writeFileSync(path, bytes);
}
