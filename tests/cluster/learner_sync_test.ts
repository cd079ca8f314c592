import assert from "node:assert/strict";
import {
  chooseSync,
  type LearnerSync,
  type LogHistory,
  type LogNeighbourhood,
} from "../../cluster/learner_sync.ts";
import { ProposalLog } from "../../cluster/proposal_log.ts";
import { counterOf, epochOf, makeZxid, zxidToHex } from "../../core/zxid.ts";
import { logRecords } from "../support/log_records.ts";
import { SeededRandom } from "../support/seeded_random.ts";

Deno.test("chooseSync() answers as ZooKeeper 3.8.0 did, at 651 txns of epoch 1", () => {
  const log = new FakeLog({ records: zxids(1, 1, 0x28b) });
  const proposals = proposalsOf(zxids(1, 0x98, 0x28b));
  const last = 0x10000028b;
  const cases: [peer: number, answer: string, pairs: number][] = [
    [0x10000028b, "diff 10000028b", 0],
    [0x10000028a, "diff 10000028b", 1],
    [0x100000005, "diff 10000028b", 646],
    [0x100000000, "snap", 0],
    [0, "snap", 0],
    [0x5, "snap", 0],
    [0x100000290, "trunc 10000028b", 0],
    [0x200000003, "trunc 10000028b", 0],
    [0x200000000, "snap", 0],
  ];
  for (const [peer, answer, pairs] of cases) {
    const chosen = choose({ peer, last, proposals, log });
    assert.equal(answerOf(chosen), answer, zxidToHex(peer));
    const sent = log.records.filter((zxid) => zxid > chosen.from);
    assert.equal(sent.length, pairs, zxidToHex(peer));
  }
});

Deno.test("chooseSync() answers as a fresh leader of ZooKeeper 3.8.0 did", () => {
  const fresh = {
    last: 0x100000000,
    proposals: proposalsOf([]),
    log: new FakeLog({ records: [] }),
  };
  assert.equal(answerOf(choose({ ...fresh, peer: 0 })), "snap");
  assert.equal(answerOf(choose({ ...fresh, peer: 0x100000000 })), "diff 100000000");
});

Deno.test("chooseSync() follows the table of section 7 row by row", () => {
  /** Proposals in memory; the log has `logged`, all of it in one file unless said otherwise. */
  const memory = [...zxids(2, 5, 9), ...zxids(3, 1, 4)];
  const logged = [...zxids(1, 1, 30), ...zxids(2, 1, 9), ...zxids(3, 1, 4)];
  const holed = [...zxids(2, 5, 6), ...zxids(2, 8, 9)];
  const last = makeZxid(3, 4);
  const cases: {
    row: string;
    peer: number;
    /** Kind and zxid; behind "+" from where is sent, and out of what. */
    answer: string;
    with?: Partial<Parameters<typeof choose>[0]>;
  }[] = [
    { row: "1", peer: last, answer: "snap forced", with: { forceSnapshotSync: true } },
    { row: "2", peer: last, answer: "diff 3.4 +3.4 memory" },
    {
      row: "2, an epoch without a txn",
      peer: makeZxid(4, 0),
      answer: "diff 4.0 +4.0 memory",
      with: { last: makeZxid(4, 0) },
    },
    { row: "3", peer: makeZxid(3, 5), answer: "trunc 3.4 +3.4 memory" },
    { row: "3, another epoch", peer: makeZxid(7, 1), answer: "trunc 3.4 +3.4 memory" },
    {
      row: "3, an older epoch than the leader's",
      peer: makeZxid(3, 9),
      answer: "trunc 3.4 +3.4 memory",
      with: { last: makeZxid(5, 0) },
    },
    { row: "3, newEpochPeer", peer: makeZxid(4, 0), answer: "snap the learner is newer" },
    {
      row: "3, nothing in memory",
      peer: makeZxid(3, 5),
      answer: "trunc 3.4 +3.4 memory",
      with: { proposals: proposalsOf([]) },
    },
    { row: "4, at min", peer: makeZxid(2, 5), answer: "diff 3.4 +2.5 memory" },
    { row: "4, in between", peer: makeZxid(2, 7), answer: "diff 3.4 +2.7 memory" },
    { row: "4, end of an epoch", peer: makeZxid(2, 9), answer: "diff 3.4 +2.9 memory" },
    {
      row: "4, at max, behind last",
      peer: last,
      answer: "diff 3.4 +3.4 memory",
      with: { last: makeZxid(4, 0) },
    },
    { row: "4, newEpochPeer", peer: makeZxid(3, 0), answer: "diff 3.4 +2.9 memory" },
    { row: "4, TRUNC across epochs", peer: makeZxid(2, 10), answer: "snap the learner has txns" },
    {
      row: "4, TRUNC",
      peer: makeZxid(2, 7),
      answer: "trunc 2.6 +2.6 memory",
      with: { proposals: proposalsOf(holed), last: makeZxid(2, 9) },
    },
    { row: "5", peer: makeZxid(1, 7), answer: "diff 3.4 +1.7 log" },
    { row: "5, before min", peer: makeZxid(2, 4), answer: "diff 3.4 +2.4 log" },
    { row: "5, newEpochPeer", peer: makeZxid(2, 0), answer: "diff 3.4 +1.30 log" },
    { row: "5, TRUNC across epochs", peer: makeZxid(1, 31), answer: "snap the learner has txns" },
    {
      row: "5, TRUNC",
      peer: makeZxid(1, 7),
      answer: "trunc 1.6 +1.6 log",
      with: { log: new FakeLog({ records: logged.filter((zxid) => zxid !== makeZxid(1, 7)) }) },
    },
    { row: "5, before the log", peer: makeZxid(1, 0), answer: "snap the txn log begins" },
    { row: "5, nothing at all", peer: 0, answer: "snap the txn log begins" },
    { row: "5, no database", peer: -1, answer: "snap the txn log begins" },
    {
      row: "5, no log",
      peer: makeZxid(1, 7),
      answer: "snap the txn log begins",
      with: { log: new FakeLog({ records: [] }) },
    },
    {
      row: "5, a gap to memory",
      peer: makeZxid(1, 7),
      answer: "snap the txn log has a gap",
      with: { log: new FakeLog({ records: [...zxids(1, 1, 30), ...zxids(2, 1, 4)] }) },
    },
    {
      row: "5, the log just reaches memory",
      peer: makeZxid(1, 7),
      answer: "diff 3.4 +1.7 log",
      with: { log: new FakeLog({ records: [...zxids(1, 1, 30), ...zxids(2, 1, 5)] }) },
    },
    {
      row: "5, nothing in memory, the log ends before the tree",
      peer: makeZxid(1, 7),
      answer: "snap the txn log has a gap",
      with: { proposals: proposalsOf([]), last: makeZxid(4, 0) },
    },
    {
      row: "5, a gap inside",
      peer: makeZxid(1, 7),
      answer: "snap the txn log has a gap",
      with: { log: new FakeLog({ records: logged, isWhole: false }) },
    },
    {
      row: "5, the log off",
      peer: makeZxid(1, 7),
      answer: "snap the learner is older",
      with: { snapshotSizeFactor: -1 },
    },
    {
      row: "5, size at the limit",
      peer: makeZxid(1, 7),
      answer: "diff 3.4 +1.7 log",
      with: { log: new FakeLog({ records: logged, laterFilesBytes: 330, snapshotBytes: 1000 }) },
    },
    {
      row: "5, size over the limit",
      peer: makeZxid(1, 7),
      answer: "snap the txn log is larger",
      with: { log: new FakeLog({ records: logged, laterFilesBytes: 331, snapshotBytes: 1000 }) },
    },
    {
      row: "5, no limit",
      peer: makeZxid(1, 7),
      answer: "diff 3.4 +1.7 log",
      with: {
        log: new FakeLog({ records: logged, laterFilesBytes: 1e12, snapshotBytes: 1 }),
        snapshotSizeFactor: 0,
      },
    },
    {
      row: "5, a factor above 1 is the default",
      peer: makeZxid(1, 7),
      answer: "snap the txn log is larger",
      with: {
        log: new FakeLog({ records: logged, laterFilesBytes: 331, snapshotBytes: 1000 }),
        snapshotSizeFactor: 2,
      },
    },
  ];
  const log = new FakeLog({ records: logged });
  for (const { row, peer, answer, with: changed } of cases) {
    const chosen = choose({ peer, last, proposals: proposalsOf(memory), log, ...changed });
    const full = chosen.kind === "snap"
      ? `snap ${chosen.reason}`
      : `${chosen.kind} ${dotted(chosen.zxid)} +${dotted(chosen.from)} ${chosen.source}`;
    if (chosen.kind === "snap") assert(full.startsWith(answer), `${row}: ${full}`);
    else assert.equal(full, answer, row);
    if (chosen.kind === "snap") assert.equal(chosen.from, changed?.last ?? last, row);
  }
});

Deno.test("chooseSync() asks the log only about learners older than what is in memory", () => {
  const log = { around: () => assert.fail("the log is not asked") };
  const proposals = proposalsOf(zxids(1, 5, 9));
  for (const counter of [5, 7, 9, 10]) {
    choose({ peer: makeZxid(1, counter), last: makeZxid(1, 9), proposals, log });
  }
});

Deno.test("chooseSync() gives any learner the leader's history, and DIFF only to a prefix of it", () => {
  const reached: Record<string, number> = {};
  for (let seed = 1; seed <= 20_000; seed++) {
    const random = new SeededRandom(seed);
    const { history, last } = randomHistory(random);
    const learner = randomLearner(random, history, last);
    const memory = history.slice(history.length - random.below(history.length + 1));
    const log = randomLog(random, history, memory);
    const chosen = choose({ peer: learner.peer, last, proposals: proposalsOf(memory), log });
    const where = `seed ${seed}: ${history.map(dotted)} / ${learner.txns.map(dotted)} ` +
      `peer ${dotted(learner.peer)} ${JSON.stringify(chosen)}`;
    const isPrefix = learner.txns.every((zxid, i) => zxid === history[i]);
    if (chosen.kind === "diff") assert(isPrefix, where);
    assert.deepEqual(follow(chosen, learner.txns, { history, memory, log }), history, where);
    const what = chosen.kind === "snap"
      ? `snap ${chosen.reason}`
      : `${chosen.kind} ${chosen.source}`;
    reached[what] = (reached[what] ?? 0) + 1;
  }
  for (
    const what of [
      ...["diff memory", "diff log", "trunc memory", "snap the txn log has a gap"],
      ...["snap the txn log begins after the learner's zxid"],
      ...["snap the learner has txns of an epoch that ended differently"],
    ]
  ) assert((reached[what] ?? 0) > 100, `${what}: ${JSON.stringify(reached)}`);
});

/** What a learner has after it did as it was told. */
function follow(
  chosen: LearnerSync,
  learner: readonly number[],
  { history, memory, log }: { history: readonly number[]; memory: readonly number[]; log: FakeLog },
): number[] {
  if (chosen.kind === "snap") return [...history];
  const kept = chosen.kind === "diff" ? [...learner] : learner.filter((z) => z <= chosen.zxid);
  const fromLog = chosen.source === "memory"
    ? []
    : log.records.filter((zxid) => zxid > chosen.from && zxid < (memory[0] ?? Infinity));
  const fromMemory = memory.filter((zxid) => zxid > chosen.from);
  return [...kept, ...fromLog, ...fromMemory];
}

/** What a leader has committed: txns of several epochs, some of which have none, as may the last. */
function randomHistory(random: SeededRandom): { history: number[]; last: number } {
  const history: number[] = [];
  const epochCount = random.between(1, 5);
  let last = 0;
  for (let epoch = 1; epoch <= epochCount; epoch++) {
    last = makeZxid(epoch, 0);
    const count = random.pick([0, 1, 3, 6]);
    history.push(...zxids(epoch, 1, count));
    last += count;
  }
  return { history, last };
}

/**
 * A learner has a prefix of the history, then perhaps txns that were not committed: they go on in the
 * last epoch of the prefix if the history has no more of it, or are of a later epoch that the history
 * skips, which is at most the leader's. Or it has a SNAP of an epoch that began, and nothing after.
 */
function randomLearner(
  random: SeededRandom,
  history: readonly number[],
  last: number,
): { txns: number[]; peer: number } {
  if (random.chance(1, 6)) {
    const epoch = random.between(1, epochOf(last));
    const peer = makeZxid(epoch, 0);
    return { txns: history.filter((zxid) => zxid < peer), peer };
  }
  const txns = history.slice(0, random.below(history.length + 1));
  const next = history[txns.length];
  const epochMin = epochOf(txns.at(-1) ?? makeZxid(1, 0));
  const epochMax = next === undefined ? epochOf(last) : epochOf(next) - 1;
  if (epochMax >= epochMin && random.chance(1, 2)) {
    const epoch = random.between(epochMin, epochMax);
    const start = epoch === epochMin && txns.length > 0 ? counterOf(txns.at(-1)!) + 1 : 1;
    txns.push(...zxids(epoch, start, start + random.below(3)));
  }
  return { txns, peer: txns.at(-1) ?? 0 };
}

/** A log of the history's end, whole or ended early by a SNAP that the leader once got. */
function randomLog(
  random: SeededRandom,
  history: readonly number[],
  memory: readonly number[],
): FakeLog {
  const start = random.below(history.length + 1);
  const records = history.slice(start);
  if (random.chance(1, 4)) { // what a SNAP brought was never logged
    const count = random.between(1, 5);
    const at = random.below(records.length + 1);
    const removed = records.splice(at, count);
    const isWhole = (floor: number) =>
      removed.every((zxid) => zxid < floor || zxid > (records.at(-1) ?? 0)) || records.length === 0;
    return new FakeLog({ records, isWhole });
  }
  assert(records.length === 0 || memory.length === 0 || records.at(-1) === memory.at(-1));
  return new FakeLog({ records });
}

class FakeLog implements LogHistory {
  readonly records: readonly number[];
  readonly #isWhole: boolean | ((floor: number) => boolean);
  readonly #laterFilesBytes: number;
  readonly #snapshotBytes: number;

  constructor({ records, isWhole = true, laterFilesBytes = 0, snapshotBytes = 1 }: {
    records: readonly number[];
    isWhole?: boolean | ((floor: number) => boolean);
    laterFilesBytes?: number;
    snapshotBytes?: number;
  }) {
    this.records = records;
    this.#isWhole = isWhole;
    this.#laterFilesBytes = laterFilesBytes;
    this.#snapshotBytes = snapshotBytes;
  }

  around(peer: number): LogNeighbourhood | null {
    const { records } = this;
    if (records.length === 0) return null;
    const floor = records.findLast((zxid) => zxid <= peer);
    return {
      floor,
      next: records.find((zxid) => zxid > peer),
      last: records.at(-1)!,
      isWhole: typeof this.#isWhole === "boolean" ? this.#isWhole : this.#isWhole(floor ?? 0),
      laterFilesBytes: this.#laterFilesBytes,
      snapshotBytes: this.#snapshotBytes,
    };
  }
}

function choose(
  options: Partial<Parameters<typeof chooseSync>[0]> & {
    peer: number;
    last: number;
    proposals: ProposalLog;
    log: LogHistory;
  },
): LearnerSync {
  return chooseSync({ forceSnapshotSync: false, snapshotSizeFactor: 0.33, ...options });
}

function proposalsOf(committed: readonly number[]): ProposalLog {
  const proposals = new ProposalLog({ commitLogCount: 500 });
  if (committed.length > 0) {
    const [first, last] = [committed[0]!, committed.at(-1)!];
    proposals.append(logRecords([...committed, last + 1]), first, last + 1, committed.length + 1);
    proposals.commit(last); // one more is outstanding, which is nobody's business here
  }
  return proposals;
}

function zxids(epoch: number, first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, i) => makeZxid(epoch, first + i));
}

function answerOf(chosen: LearnerSync): string {
  return chosen.kind === "snap" ? "snap" : `${chosen.kind} ${zxidToHex(chosen.zxid)}`;
}

function dotted(zxid: number): string {
  return `${epochOf(zxid)}.${counterOf(zxid)}`;
}
