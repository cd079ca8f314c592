import assert from "node:assert/strict";
import type { Member } from "../../cluster/member.ts";
import { Membership } from "../../cluster/membership.ts";
import { ObserverMaster } from "../../cluster/observer_master.ts";
import {
  readInformAndActivate,
  readPingReply,
  readRevalidateReply,
  writeAckEpoch,
  writePingReply,
  writeRequest,
  writeRevalidate,
} from "../../cluster/packet_bodies.ts";
import { ProposalLog } from "../../cluster/proposal_log.ts";
import { PacketStream, PacketType } from "../../cluster/quorum_packet.ts";
import { STRANGE_LEARNER_COUNT_MAX } from "../../core/limits.ts";
import { TxnApplier } from "../../core/txn/apply.ts";
import { JuteWriter } from "../../core/wire/jute.ts";
import { OpCode } from "../../core/wire/op_code.ts";
import type { Zxid } from "../../core/zxid.ts";
import { makeConfig } from "../fuzz/server_fixture.ts";
import { type CommittedTxn, LeaderAndLearner, sessionIdOf } from "../support/core_server.ts";
import { ensembleConfig } from "../support/ensemble_config.ts";
import { LearnerEnd } from "../support/learner_end.ts";
import { create, getData } from "../support/requests.ts";
import { silentLogger } from "../support/silent_logger.ts";

const TICK_MS = 1000;

/** A follower in its first epoch, whose leader counts from zxid 1. */
class Follower {
  readonly pair: LeaderAndLearner;
  readonly proposals: ProposalLog;
  readonly master: ObserverMaster;
  #nowMs = 0;
  readonly #writer;

  /** @param txnCount committed before there is an observer master */
  constructor({ settings = {}, txnCount = 0 }: {
    settings?: Record<string, string | number>;
    txnCount?: number;
  } = {}) {
    const config = makeConfig({
      settings: { tickTime: TICK_MS, initLimit: 10, syncLimit: 5, ...settings },
    });
    this.pair = new LeaderAndLearner(config);
    const { learner } = this.pair;
    this.proposals = new ProposalLog({ commitLogCount: 500 });
    this.#writer = this.pair.leader.connect();
    for (let i = 1; i < txnCount; i++) this.#writer.send(create(`/before${i}`));
    if (txnCount > 0) this.#list(this.#apply());
    const committed = ensembleConfig({ voters: [1, 2, 3], observers: [4, 5] });
    const member = {
      serverId: 2,
      config,
      history: {
        applier: new TxnApplier(learner.tree, learner.sessionTable),
        proposals: this.proposals,
        lastLoggedZxid: txnCount,
      },
      membership: new Membership({ committed, lastSeen: committed, store: null, onChange() {} }),
      storage: { log: { around: () => null } },
      logger: silentLogger,
    } as unknown as Member;
    this.master = new ObserverMaster({
      member,
      epoch: 0,
      nowMs: 0,
      committedZxid: txnCount,
      writes: learner.writes,
      sessions: learner.sessions,
    });
  }

  /** The leader commits so many creates, which the tree here has; `list` takes them into the list. */
  apply(count: number): CommittedTxn[] {
    for (let i = 0; i < count; i++) {
      this.#writer.send(create(`/z${this.pair.leader.writes.lastZxid}-${i}`));
    }
    return this.#apply();
  }

  list(txns: readonly CommittedTxn[]): void {
    this.#list(txns);
    this.master.committed(txns.at(-1)!.zxid);
  }

  commit(count: number): CommittedTxn[] {
    const txns = this.apply(count);
    this.list(txns);
    return txns;
  }

  advance(ms: number): void {
    this.#nowMs += ms;
    this.master.beginTurn(this.#nowMs);
    this.master.tick();
  }

  #apply(): CommittedTxn[] {
    const { leader, learner } = this.pair;
    const txns = leader.commit();
    for (const { zxid, body } of txns) {
      learner.writes.proposed(zxid, body);
      learner.writes.committed(zxid);
    }
    return txns;
  }

  #list(txns: readonly CommittedTxn[]): void {
    for (const { zxid, body } of txns) this.proposals.appendCommitted(zxid, body);
  }
}

/** An observer's end of a connection, once it has said who it is and what it has. */
function joining(follower: Follower, { id = 4, zxid = 0 }: { id?: number; zxid?: Zxid } = {}) {
  const observer = new LearnerEnd(follower.master);
  observer.info(PacketType.ObserverInfo, id);
  observer.send((writer) => writeAckEpoch(writer, zxid, 0));
  return observer;
}

/** One that has all. */
function synced(follower: Follower, { id = 4 }: { id?: number } = {}) {
  const observer = joining(follower, { id, zxid: follower.pair.learner.tree.lastProcessedZxid });
  observer.ack();
  observer.take();
  return observer;
}

Deno.test("ObserverMaster plays the leader's part, as Java's does in capture 20", () => {
  const follower = new Follower();
  const observer = new LearnerEnd(follower.master);
  observer.info(PacketType.ObserverInfo, 4);
  assert.deepEqual(observer.take(), ["LeaderInfo 0"]);
  observer.send((writer) => writeAckEpoch(writer, 0, 0));
  assert.deepEqual(observer.take(), ["Diff 0", "NewLeader 0"]);
  observer.ack();
  assert.deepEqual(observer.take(), ["UpToDate -1"]);
  observer.ack();
  follower.advance(TICK_MS / 2);
  assert.deepEqual(observer.take(), ["Ping 0"]);
  const [session, node] = follower.commit(1) as [CommittedTxn, CommittedTxn];
  const packets = observer.packets();
  assert.deepEqual(packets.map(({ type, zxid }) => [type, zxid]), [
    [PacketType.Inform, session.zxid],
    [PacketType.Inform, node.zxid],
  ]);
  assert.deepEqual(packets[1]!.data, node.body);
  follower.advance(TICK_MS / 2);
  assert.deepEqual(observer.take(), [`Ping ${node.zxid}`]);
});

Deno.test("ObserverMaster takes observers only, and those that keep to the order", () => {
  const cases: { note: string; send: (observer: LearnerEnd) => void }[] = [
    { note: "a follower", send: (o) => o.info(PacketType.FollowerInfo, 1) },
    { note: "an ACK first", send: (o) => o.ack() },
    {
      note: "two infos",
      send: (o) => {
        o.info(PacketType.ObserverInfo, 4);
        o.info(PacketType.ObserverInfo, 4);
      },
    },
    {
      note: "a request before the ACK of NEWLEADER",
      send: (o) => {
        o.info(PacketType.ObserverInfo, 4);
        o.send((writer) => writeAckEpoch(writer, 0, 0));
        o.send((writer) => writePingReply(writer, 0, new Map()));
      },
    },
  ];
  for (const { note, send } of cases) {
    const follower = new Follower();
    const observer = new LearnerEnd(follower.master);
    send(observer);
    assert.equal(observer.isClosed, true, note);
    assert.deepEqual([...follower.master.observers], [], note);
  }
});

Deno.test("ObserverMaster lets so many connections wait that say nothing", () => {
  const follower = new Follower();
  const known = synced(follower);
  const strangers = Array.from(
    { length: STRANGE_LEARNER_COUNT_MAX + 1 },
    () => new LearnerEnd(follower.master),
  );
  assert.deepEqual(strangers.map(({ isClosed }) => isClosed).indexOf(false), 1);
  assert.equal(known.isClosed, false);
});

Deno.test("ObserverMaster drops an observer that says nothing, or comes back on another connection", () => {
  const follower = new Follower({ settings: { syncLimit: 2 } });
  const first = synced(follower);
  const second = synced(follower);
  assert.deepEqual([first.isClosed, second.isClosed], [true, false]);
  follower.advance(2 * TICK_MS);
  assert.equal(second.isClosed, false);
  follower.advance(1);
  assert.equal(second.isClosed, true);
});

Deno.test("ObserverMaster tells each txn once, however an observer catches up", () => {
  const follower = new Follower({ txnCount: 5 });
  const behind = joining(follower, { zxid: 3 });
  assert.deepEqual(behind.take(), [
    ...["LeaderInfo 0", "Diff 5", "Proposal 4", "Commit 4", "Proposal 5", "Commit 5"],
    "NewLeader 0",
  ]);
  follower.commit(1);
  behind.ack();
  follower.commit(1);
  assert.deepEqual(behind.take(), ["Inform 6", "UpToDate -1", "Inform 7"]);

  // a tree may have more than our list: that is not told again
  const applied = follower.apply(2);
  const fresh = joining(follower, { id: 5, zxid: 0 });
  const [, snap] = fresh.packets().slice(0, 2);
  assert.deepEqual([snap!.type, snap!.zxid], [PacketType.Snap, 9]);
  while ([...follower.master.observers].some(({ stage }) => stage === "catchingUp")) {
    fresh.drained();
  }
  fresh.skip();
  follower.list(applied);
  follower.commit(1);
  assert.deepEqual(behind.take(), ["Inform 8", "Inform 9", "Inform 10"]);
  assert.deepEqual(fresh.take(), ["Inform 10"]);
});

Deno.test("ObserverMaster lets an observer wait that is ahead, until it has that too", () => {
  const follower = new Follower({ txnCount: 5 });
  const observer = joining(follower, { zxid: 7 });
  assert.deepEqual(observer.take(), ["LeaderInfo 0"]);
  follower.commit(1);
  assert.deepEqual(observer.take(), []);
  follower.commit(2);
  assert.deepEqual(observer.take(), ["Diff 8", "Proposal 8", "Commit 8", "NewLeader 0"]);
});

Deno.test("ObserverMaster brings no more observers up to date at one time than configured", () => {
  const follower = new Follower({ settings: { "leader.maxConcurrentDiffSyncs": 1 }, txnCount: 5 });
  const observers = [4, 5].map((id) => joining(follower, { id, zxid: 4 }));
  const [first, second] = observers as [LearnerEnd, LearnerEnd];
  assert.equal(first.take().at(-1), "NewLeader 0");
  assert.deepEqual(second.take(), ["LeaderInfo 0"]);
  follower.commit(1);
  first.ack();
  assert.deepEqual(second.take(), [
    ...["Diff 6", "Proposal 5", "Commit 5", "Proposal 6", "Commit 6", "NewLeader 0"],
  ]);
});

Deno.test("ObserverMaster passes requests on, and touches", () => {
  const follower = new Follower();
  const { learner } = follower.pair;
  const observer = synced(follower);
  const sessionId = sessionIdOf(4);
  const { body } = create("/o");
  const ids = [{ scheme: "ip", id: "10.0.0.1" }];
  observer.send((w) => writeRequest(w, { sessionId, cxid: 3, opCode: OpCode.Create, body }, ids));
  assert.deepEqual(learner.requests, [{ sessionId, cxid: 3, op: OpCode.Create, body, ids }]);
  observer.send((w) => writePingReply(w, 0, new Map([[sessionId, 4000], [7n, 5000]])));
  const writer = new JuteWriter(64);
  writePingReply(writer, 0, learner.sessions.takeTouched());
  const packets = new PacketStream({ dataBytesMax: 1000 });
  packets.push(writer.written());
  const touched: [bigint, number][] = [];
  readPingReply(packets.next()!.data, (id, timeoutMs) => touched.push([id, timeoutMs]));
  assert.deepEqual(touched, [[sessionId, 4000], [7n, 5000]]);
});

Deno.test("ObserverMaster answers a sync behind the txns before it, and before those after it", () => {
  const follower = new Follower({ txnCount: 2 });
  const { pair } = follower;
  const observer = synced(follower);
  const { body } = getData("/");
  observer.send((writer) =>
    writeRequest(writer, { sessionId: 1n, cxid: 1, opCode: OpCode.Sync, body }, [])
  );
  const applied = follower.apply(2); // the list has them when our log is written
  pair.deliver();
  applied.push(...follower.apply(1));
  assert.deepEqual(observer.take(), []);
  follower.list(applied);
  assert.deepEqual(observer.take(), ["Inform 3", "Inform 4", "Sync 0", "Inform 5"]);
});

Deno.test("ObserverMaster gives each the leader's answer about its own session", () => {
  const follower = new Follower({ txnCount: 1 });
  const { pair } = follower;
  const [known] = pair.leader.sessionTable.keys();
  const first = synced(follower, { id: 4 });
  const second = synced(follower, { id: 5 });
  first.send((writer) => writeRevalidate(writer, 99n, 4000));
  second.send((writer) => writeRevalidate(writer, known!, 4000));
  first.send((writer) => writeRevalidate(writer, known!, 4000));
  pair.deliver();
  const answers = (observer: LearnerEnd) =>
    observer.packets().map(({ data }) => readRevalidateReply(data));
  assert.deepEqual(answers(first), [
    { sessionId: 99n, isValid: false },
    { sessionId: known, isValid: true },
  ]);
  assert.deepEqual(answers(second), [{ sessionId: known, isValid: true }]);
});

Deno.test("ObserverMaster tells of a reconfig with the leader that is to be", () => {
  const follower = new Follower({ txnCount: 1 });
  const observer = synced(follower);
  const [txn] = follower.apply(1) as [CommittedTxn];
  follower.master.activates(txn.zxid, 3);
  follower.list([txn]);
  follower.commit(1);
  const [activate, inform] = observer.packets();
  assert.deepEqual(readInformAndActivate(activate!.data), { designatedLeader: 3, txn: txn.body });
  assert.equal(activate!.type, PacketType.InformAndActivate);
  assert.deepEqual([inform!.type, inform!.zxid], [PacketType.Inform, 3]);
});
