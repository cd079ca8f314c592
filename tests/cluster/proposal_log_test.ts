import assert from "node:assert/strict";
import { ProposalLog, type ProposalVisitor } from "../../cluster/proposal_log.ts";
import { RECORD_OVERHEAD_BYTES, RECORD_PREFIX_BYTES } from "../../core/storage/txn_log_format.ts";
import { makeZxid } from "../../core/zxid.ts";
import { logRecord, logRecords } from "../support/log_records.ts";
import { SeededRandom } from "../support/seeded_random.ts";

const COMMIT_LOG_COUNT = 500;

Deno.test("ProposalLog is empty at first", () => {
  const log = new ProposalLog({ commitLogCount: COMMIT_LOG_COUNT });
  assert.deepEqual(
    [log.min, log.max, log.last, log.committedCount],
    Array(3).fill(undefined).concat(0),
  );
  assert.equal(log.committedFloor(5), undefined);
  assert.equal(log.holdsAfter(0), true, "nothing is before it");
  assert.deepEqual(zxidsOf((visit) => log.forEachCommitted(-1, visit)), []);
  assert.deepEqual(zxidsOf((visit) => log.forEachOutstanding(-1, visit)), []);
});

Deno.test("ProposalLog lends the bodies of the records, without checksum, length and end byte", () => {
  const log = new ProposalLog({ commitLogCount: COMMIT_LOG_COUNT });
  const zxid = makeZxid(3, 7);
  const record = logRecord(zxid, 90);
  const bodyHex = record.slice(RECORD_PREFIX_BYTES, -1).toHex();
  log.append(record, zxid, zxid, 1);
  record.fill(0); // the log has its own copy
  const bodies: string[] = [];
  const visit: ProposalVisitor = (_zxid, buffer, start, end) => {
    bodies.push(buffer.subarray(start, end).toHex());
    return true;
  };
  log.forEachOutstanding(-1, visit);
  log.commit(zxid);
  log.forEachCommitted(-1, visit);
  assert.deepEqual(bodies, [bodyHex, bodyHex]);
});

Deno.test("ProposalLog stops when the visitor has enough", () => {
  const log = new ProposalLog({ commitLogCount: COMMIT_LOG_COUNT });
  log.append(logRecords([1, 2, 3, 4, 5, 6]), 1, 6, 6);
  log.commit(3);
  const firstTwo = (walk: (visit: ProposalVisitor) => void) => {
    const zxids: number[] = [];
    walk((zxid) => zxids.push(zxid) < 2);
    return zxids;
  };
  assert.deepEqual(firstTwo((visit) => log.forEachCommitted(0, visit)), [1, 2]);
  assert.deepEqual(firstTwo((visit) => log.forEachOutstanding(0, visit)), [4, 5]);
});

Deno.test("ProposalLog refuses what its own side must not ask for", () => {
  const log = new ProposalLog({ commitLogCount: COMMIT_LOG_COUNT });
  log.append(logRecords([1, 2, 5]), 1, 5, 3);
  assert.throws(() => log.append(logRecord(5), 5, 5, 1), /zxids only grow/);
  assert.throws(() => log.commit(3), /only what was proposed/);
  const other = new ProposalLog({ commitLogCount: COMMIT_LOG_COUNT });
  other.append(logRecords([1, 2]), 1, 2, 2);
  assert.throws(() => other.commit(3), /only what was proposed/);
  const third = new ProposalLog({ commitLogCount: COMMIT_LOG_COUNT });
  third.append(logRecords([1, 2]), 1, 2, 2);
  third.commit(1);
  assert.throws(() => third.commit(1), /in zxid order/);
});

Deno.test("ProposalLog keeps commitLogCount committed proposals, and at least 500", () => {
  const cases = [
    { commitLogCount: 1, kept: 500 },
    { commitLogCount: 500, kept: 500 },
    { commitLogCount: 2000, kept: 2000 },
  ];
  const recordBytes = 40 + RECORD_OVERHEAD_BYTES;
  const chunkRecords = Math.ceil((64 << 10) / recordBytes);
  for (const { commitLogCount, kept } of cases) {
    const log = new ProposalLog({ commitLogCount });
    for (let zxid = 1; zxid <= 10_000; zxid++) {
      log.append(logRecord(zxid), zxid, zxid, 1);
      log.commit(zxid);
      assert(log.committedCount >= Math.min(zxid, kept), `${commitLogCount} at ${zxid}`);
      assert(log.committedCount <= kept + 2 * chunkRecords, `${commitLogCount} at ${zxid}`);
      assert.equal(log.min, zxid - log.committedCount + 1);
    }
  }
});

Deno.test("ProposalLog keeps fewer when they are large, but all that is outstanding", () => {
  const log = new ProposalLog({ commitLogCount: COMMIT_LOG_COUNT, bytesMax: 1 << 20 });
  for (let zxid = 1; zxid <= 20; zxid++) {
    log.append(logRecord(zxid, 100_000), zxid, zxid, 1);
  }
  log.commit(3);
  assert.equal(zxidsOf((visit) => log.forEachOutstanding(-1, visit)).length, 17);
  assert.deepEqual([log.min, log.max, log.last], [3, 3, 20]);
  assert.deepEqual([log.holdsAfter(1), log.holdsAfter(2), log.holdsAfter(3)], [false, true, true]);
  log.commit(20);
  assert.equal(log.min, 11);
  assert.equal(log.max, 20);
});

Deno.test("ProposalLog.clear() leaves nothing behind", () => {
  const log = new ProposalLog({ commitLogCount: COMMIT_LOG_COUNT, bytesMax: 1 << 20 });
  const fill = (first: number, count: number) => {
    for (let zxid = first; zxid < first + count; zxid++) {
      log.append(logRecord(zxid, 100_000), zxid, zxid, 1);
      log.commit(zxid);
    }
  };
  fill(1, 30);
  assert.deepEqual([log.min, log.holdsAfter(20), log.holdsAfter(19)], [21, true, false]);
  log.clear(100);
  assert.deepEqual([log.holdsAfter(100), log.holdsAfter(99)], [true, false], "a SNAP lies before");
  fill(101, 10);
  assert.equal(log.committedCount, 10, "all of the bytes are free again");
  assert.deepEqual([log.holdsAfter(100), log.holdsAfter(99)], [true, false]);
});

Deno.test("ProposalLog does what plain lists do", () => {
  for (let seed = 1; seed <= 30; seed++) {
    const random = new SeededRandom(seed);
    const bytesMax = random.pick([64 << 10, 300 << 10, 64 << 20]);
    const log = new ProposalLog({ commitLogCount: COMMIT_LOG_COUNT, bytesMax });
    let committed: number[] = [];
    let outstanding: number[] = [];
    let last = makeZxid(1, 0);
    for (let step = 0; step < 400; step++) {
      const action = random.weighted([
        [50, "append"] as const,
        [50, "commit"] as const,
        [1, "clear"] as const,
      ]);
      if (action === "append") {
        if (random.chance(1, 10)) last = makeZxid(Math.floor(last / 2 ** 32) + 1, 0);
        const zxids = Array.from({ length: random.between(1, 30) }, () => ++last);
        const records = logRecords(zxids, random.pick([20, 40, 100, 10_000]));
        log.append(records, zxids[0]!, last, zxids.length);
        outstanding.push(...zxids);
      } else if (action === "commit" && outstanding.length > 0) {
        const count = random.between(1, outstanding.length);
        log.commit(outstanding[count - 1]!);
        committed.push(...outstanding.splice(0, count));
        committed = committed.slice(-log.committedCount); // how many is another test's matter
        assert(committed.length >= 1);
      } else if (action === "clear") {
        log.clear(last);
        committed = [];
        outstanding = [];
      }
      const where = `seed ${seed}, step ${step}, ${action}`;
      assert.equal(log.committedCount, committed.length, where);
      assert.deepEqual(
        [log.min, log.max, log.last],
        [committed[0], committed.at(-1), outstanding.at(-1) ?? committed.at(-1)],
        where,
      );
      for (const after of [-1, random.pick([0, ...committed]), random.pick([0, ...outstanding])]) {
        assert.deepEqual(
          zxidsOf((visit) => log.forEachCommitted(after, visit)),
          committed.filter((zxid) => zxid > after),
          where,
        );
        assert.deepEqual(
          zxidsOf((visit) => log.forEachOutstanding(after, visit)),
          outstanding.filter((zxid) => zxid > after),
          where,
        );
        const around = after + random.below(2);
        const floor = committed.findLast((zxid) => zxid <= around);
        assert.equal(log.committedFloor(around), floor, where);
        if (committed.length > 0 && around >= committed[0]!) assert(log.holdsAfter(around), where);
      }
    }
  }
});

function zxidsOf(walk: (visit: ProposalVisitor) => void): number[] {
  const zxids: number[] = [];
  walk((zxid, buffer, start, end) => {
    const view = new DataView(buffer.buffer, buffer.byteOffset + start, end - start);
    assert.equal(view.getInt32(12) * 2 ** 32 + view.getUint32(16), zxid); // of the header
    zxids.push(zxid);
    return true;
  });
  return zxids;
}
