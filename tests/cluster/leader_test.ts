import assert from "node:assert/strict";
import { Membership } from "../../cluster/membership.ts";
import { PacketType } from "../../cluster/quorum_packet.ts";
import { STRANGE_LEARNER_COUNT_MAX } from "../../core/limits.ts";
import { makeZxid } from "../../core/zxid.ts";
import { LeaderFixture, type ScriptedLearner } from "./leader_fixture.ts";
import { packetBytes, zxidOf } from "./member_fixture.ts";

Deno.test("Leader with one follower of two: epoch accepted, agreed on, history made common, established", () => {
  const fixture = new LeaderFixture({ logged: ["4.1-2"] });
  const learner = fixture.join(2);
  assert.equal(fixture.leader.phase, "discovery");
  assert.deepEqual(learner.info(), ["acceptedEpoch 5", "2< LEADERINFO 5.0"]);
  assert.deepEqual(learner.ackEpoch("4.1"), [
    "currentEpoch 5",
    "2< DIFF 4.2",
    "2< PROPOSAL 4.2",
    "2< COMMIT 4.2",
    "2< NEWLEADER 5.0",
  ]);
  assert.equal(fixture.leader.phase, "synchronization");
  assert.deepEqual(learner.ack("5.0"), ["established in epoch 5", "2< UPTODATE"]);
  assert.equal(fixture.leader.phase, "broadcast");
  assert.deepEqual(learner.ack("5.0"), []); // of UPTODATE
});

Deno.test("Leader finds an epoch that nobody who registered has accepted", () => {
  const cases = [
    { own: 4, others: [4], epoch: 5 },
    { own: 4, others: [7], epoch: 8 },
    { own: 9, others: [7], epoch: 10 },
    { own: 0, others: [0], epoch: 1 },
  ];
  for (const { own, others, epoch } of cases) {
    const fixture = new LeaderFixture({ acceptedEpoch: own, currentEpoch: 0 });
    for (const [i, acceptedEpoch] of others.entries()) fixture.join(i + 2).info({ acceptedEpoch });
    assert.equal(fixture.leader.epoch, epoch, `${own} ${others}`);
  }
});

Deno.test("Leader takes the epochs of observers into account, but does not count them", () => {
  const fixture = new LeaderFixture({ observers: [4, 5] });
  for (const id of [4, 5]) {
    assert.deepEqual(fixture.join(id).info({ acceptedEpoch: 6, isObserver: true }), []);
  }
  assert.equal(fixture.leader.epoch, 0);
  assert.deepEqual(fixture.join(2).info(), [
    "acceptedEpoch 7",
    "4< LEADERINFO 7.0",
    "5< LEADERINFO 7.0",
    "2< LEADERINFO 7.0",
  ]);
});

Deno.test("Leader with too few voters waits initLimit for them, and names who is missing", () => {
  const fixture = new LeaderFixture({ voters: [1, 2, 3, 4, 5] });
  fixture.join(4).info();
  fixture.takeTrace();
  assert.deepEqual(fixture.wait(10_000), []);
  assert.deepEqual(fixture.wait(1), [
    "end: no quorum of voters came within initLimit: servers 2, 3, 5 are missing",
  ]);
  assert.deepEqual(fixture.join(2).info(), []); // it is over
});

Deno.test("Leader whose followers do not acknowledge its history in time gives up", () => {
  const fixture = new LeaderFixture({ logged: ["4.1-2"] });
  const learner = fixture.join(2);
  learner.info();
  fixture.wait(6000);
  learner.ackEpoch("4.2");
  fixture.wait(9000);
  learner.ping("0.0");
  assert.match(fixture.wait(1001)[0]!, /^end: no quorum was synchronised .* 2, 3 are missing$/);
});

Deno.test("Leader keeps who has acknowledged its history until a quorum has, whatever else it acknowledges", () => {
  const fixture = new LeaderFixture({ logged: ["4.1-2"], voters: [1, 2, 3, 4, 5] });
  const learners = [2, 3].map((id) => fixture.join(id));
  for (const learner of learners) learner.info();
  for (const learner of learners) learner.ackEpoch("4.1");
  const [quick, slow] = learners as [ScriptedLearner, ScriptedLearner];
  quick.ack("5.0");
  quick.ack("4.2"); // of the DIFF: a Java server's disk may be later than its ACK of NEWLEADER
  fixture.wait(9000); // longer than syncLimit
  assert.equal(quick.channel.isClosed, false);
  assert.deepEqual(slow.ack("5.0"), ["established in epoch 5", "2< UPTODATE", "3< UPTODATE"]);
  fixture.wait(4999);
  assert.equal(quick.channel.isClosed, false);
  fixture.wait(2);
  assert.equal(quick.channel.isClosed, true, "from UPTODATE on syncLimit counts");
});

Deno.test("Leader takes no promise to an epoch that it has not told", () => {
  const fixture = new LeaderFixture({ logged: ["4.1-2"], voters: [1, 2, 3, 4, 5] });
  const learner = fixture.join(2);
  learner.info();
  assert.deepEqual(learner.ackEpoch("4.2"), []);
  assert.equal(learner.channel.isClosed, true);
});

Deno.test("Leader refuses who has more history, and counts only promises", () => {
  const cases: { last: string; epoch: number; isAgreed: boolean; isRefused: boolean }[] = [
    { last: "4.2", epoch: 4, isAgreed: true, isRefused: false },
    { last: "4.3", epoch: 4, isAgreed: false, isRefused: true },
    { last: "3.9", epoch: 5, isAgreed: false, isRefused: true },
    { last: "4.9", epoch: 3, isAgreed: true, isRefused: false },
    { last: "4.2", epoch: -1, isAgreed: false, isRefused: false },
  ];
  for (const { last, epoch, isAgreed, isRefused } of cases) {
    const fixture = new LeaderFixture({ logged: ["4.1-2"], acceptedEpoch: 5 });
    const learner = fixture.join(2);
    learner.info({ acceptedEpoch: 5 });
    learner.ackEpoch(last, epoch);
    const where = `${last} of ${epoch}`;
    assert.equal(fixture.history.epochs.currentEpoch, isAgreed ? 6 : 4, where);
    assert.equal(learner.channel.isClosed, isRefused, where);
  }
});

Deno.test("Leader does not look at the promises of those who come when the epoch is agreed on", () => {
  const { fixture } = LeaderFixture.established();
  const late = fixture.join(3);
  late.info();
  assert.deepEqual(late.ackEpoch("4.5"), ["3< TRUNC 4.2", "3< NEWLEADER 5.0"]);
});

Deno.test("Leader brings each to its history: DIFF, TRUNC, SNAP, out of memory or the log", () => {
  const cases: [last: string, sent: string[]][] = [
    ["4.5", ["DIFF 4.5"]],
    ["4.3", ["DIFF 4.5", "PROPOSAL 4.4", "COMMIT 4.4", "PROPOSAL 4.5", "COMMIT 4.5"]],
    ["4.8", ["TRUNC 4.5"]],
    ["6.0", ["SNAP 4.5", "tree"]],
    ["0.0", ["SNAP 4.5", "tree"]],
  ];
  for (const [last, sent] of cases) {
    const fixture = new LeaderFixture({ logged: ["4.1-5"], snapshotAt: "4.1" });
    const learner = fixture.join(2);
    learner.info();
    const expected = [...sent, "NEWLEADER 5.0"].map((text) => `2< ${text}`);
    assert.deepEqual(learner.ackEpoch(last, 3).slice(1), expected, last);
  }
});

Deno.test("Leader reads from its log on what is no longer in memory", () => {
  const fixture = new LeaderFixture({ logged: ["4.1-5"], snapshotAt: "4.3" });
  fixture.storage.neighbourhood = {
    floor: zxidOf("4.2"),
    next: zxidOf("4.3"),
    last: zxidOf("4.5"),
    isWhole: true,
    laterFilesBytes: 0,
    snapshotBytes: 1000,
  };
  const learner = fixture.join(2);
  learner.info();
  assert.deepEqual(learner.ackEpoch("4.2").slice(1), [
    "2< DIFF 4.5",
    ...["4.3", "4.4", "4.5"].flatMap((zxid) => [`2< PROPOSAL ${zxid}`, `2< COMMIT ${zxid}`]),
    "2< NEWLEADER 5.0",
  ]);
});

Deno.test("Leader whose log is damaged sends its tree to who comes back, and to nobody else", () => {
  const fixture = new LeaderFixture({ logged: ["4.1-5"], snapshotAt: "4.3" });
  fixture.storage.neighbourhood = {
    floor: zxidOf("4.2"),
    next: zxidOf("4.3"),
    last: zxidOf("4.5"),
    isWhole: true,
    laterFilesBytes: 0,
    snapshotBytes: 1000,
  };
  fixture.storage.readLog = () => ({ next: () => "broken", close: () => {} });
  const come = (serverId: number) => {
    const learner = fixture.join(serverId);
    learner.info();
    const trace = learner.ackEpoch("4.2");
    return { learner, trace };
  };
  const { learner, trace } = come(2);
  assert.equal(trace.at(-1), "2< DIFF 4.5");
  assert.equal(learner.channel.isClosed, true);
  const again = come(2);
  assert.deepEqual(again.trace, ["2< SNAP 4.5", "2< tree", "2< NEWLEADER 5.0"]);
  assert.equal(come(3).trace.at(-1), "3< DIFF 4.5");
  again.learner.ack("5.0");
  again.learner.close();
  assert.equal(come(2).trace.at(-1), "2< DIFF 4.5", "what it lacks now is something else");
});

Deno.test("Leader sends the tree that it has", () => {
  const { fixture, learners } = LeaderFixture.established();
  const [first] = learners;
  first!.createSession(7);
  fixture.sync();
  first!.ack("5.1");
  const late = fixture.join(3);
  late.info();
  assert.deepEqual(late.ackEpoch("0.0", 0), ["3< SNAP 5.1", "3< tree", "3< NEWLEADER 5.0"]);
  const { tree, sessions } = late.channel.tree;
  assert.equal(tree.treeDigest, fixture.history.applier.tree.treeDigest);
  assert.deepEqual([...sessions], [[7n, 10_000]]);
});

Deno.test("Leader commits what a quorum has on disk, itself included, in order", () => {
  const { fixture, learners } = LeaderFixture.established({ followers: 2 });
  const [second, third] = learners;
  assert.deepEqual(second!.createSessions([1, 2]), [
    ...["2< PROPOSAL 5.1", "2< PROPOSAL 5.2", "3< PROPOSAL 5.1", "3< PROPOSAL 5.2"],
  ]);
  assert.deepEqual(second!.ack("5.1"), []);
  // two followers are a quorum before our own disk is done
  assert.deepEqual(third!.ack("5.2"), ["2< COMMIT 5.1", "3< COMMIT 5.1"]);
  assert.deepEqual(fixture.sync(), ["log 5.1-2", "2< COMMIT 5.2", "3< COMMIT 5.2"]);
  assert.deepEqual(second!.ack("5.2"), []);
  assert.equal(fixture.history.applier.sessions.size, 2);
});

Deno.test("Leader informs observers of what is committed, and does not count what they acknowledge", () => {
  const { fixture, learners } = LeaderFixture.established({ observers: [4] });
  const observer = fixture.join(4);
  assert.deepEqual(observer.follow("4.2", { isObserver: true }), [
    ...["4< LEADERINFO 5.0", "4< DIFF 4.2", "4< NEWLEADER 5.0", "4< UPTODATE"],
  ]);
  assert.deepEqual(observer.createSession(1), ["2< PROPOSAL 5.1"]);
  assert.deepEqual(fixture.sync(), ["log 5.1"]);
  assert.deepEqual(observer.ack("5.1"), []);
  assert.deepEqual(learners[0]!.ack("5.1"), ["2< COMMIT 5.1", "4< INFORM 5.1"]);
});

Deno.test("Leader gives who joins all that is outstanding, and all that comes behind it", () => {
  const { fixture, learners } = LeaderFixture.established();
  const late = fixture.join(3);
  late.info();
  learners[0]!.createSession(1);
  assert.deepEqual(late.ackEpoch("4.2"), ["3< DIFF 4.2", "3< PROPOSAL 5.1", "3< NEWLEADER 5.0"]);
  assert.deepEqual(learners[0]!.createSession(2), ["2< PROPOSAL 5.2", "3< PROPOSAL 5.2"]);
  fixture.sync();
  assert.deepEqual(late.ack("5.0"), ["3< UPTODATE"]);
  assert.deepEqual(late.ack("5.1"), ["2< COMMIT 5.1", "3< COMMIT 5.1"]);
});

Deno.test("Leader counts no ACK that came before that of NEWLEADER, until that is there", () => {
  const { fixture, learners } = LeaderFixture.established();
  learners[0]!.createSession(1);
  fixture.sync();
  const late = fixture.join(3);
  late.info();
  late.ackEpoch("4.2");
  assert.deepEqual(late.ack("5.1"), []);
  assert.deepEqual(late.ack("5.0"), ["2< COMMIT 5.1", "3< UPTODATE", "3< COMMIT 5.1"]);
});

Deno.test("Leader drops who acknowledges what was never proposed, whenever it does, and nobody else", () => {
  const { fixture, learners } = LeaderFixture.established({ followers: 2 });
  learners[0]!.ack("5.1");
  assert.equal(learners[0]!.channel.isClosed, true);
  const fresh = new LeaderFixture({ logged: ["4.1-2"] });
  const [second, third] = [fresh.join(2), fresh.join(3)];
  for (const learner of [second, third]) learner.info();
  for (const learner of [second, third]) learner.ackEpoch("4.2");
  second.ack("5.9"); // before NEWLEADER
  assert.equal(second.channel.isClosed, true);
  third.ack("5.0");
  assert.equal(third.channel.isClosed, false);
  assert.equal(fresh.leader.phase, "broadcast");
  assert.equal(fixture.leader.phase, "broadcast");
});

Deno.test("Leader pings twice a tick, with what it proposed last", () => {
  const { fixture } = LeaderFixture.established();
  fixture.join(3).info(); // not synchronised: no PING
  fixture.takeTrace();
  assert.deepEqual(fixture.wait(100), ["2< PING 5.0"]);
  assert.deepEqual(fixture.wait(499), []);
  assert.deepEqual(fixture.wait(1), ["2< PING 5.0"]);
});

Deno.test("Leader steps down when the servers that it hears of are no quorum any more", () => {
  const { fixture, learners } = LeaderFixture.established({ followers: 2 });
  learners[0]!.close();
  const ticks = (ms: number) => {
    for (let i = 0; i < ms; i += 500) fixture.wait(500);
    return fixture.wait(0).filter((line) => !line.includes("PING"));
  };
  learners[1]!.ping("5.0");
  assert.deepEqual(ticks(5000), []);
  learners[1]!.close();
  const trace = [...fixture.wait(500), ...fixture.wait(500)];
  assert.match(trace.at(-1)!, /^end: only 1 synchronised servers are left: servers 2, 3 are/);
});

Deno.test("Leader drops who says nothing for syncLimit, or owes an ACK for so long", () => {
  for (const pings of [false, true]) {
    const { fixture, learners } = LeaderFixture.established({ followers: 2 });
    const [silent, other] = learners;
    silent!.createSession(1);
    for (let ms = 0; ms <= 6000; ms += 500) {
      fixture.wait(500);
      other!.ping("5.0");
      other!.ack("5.1");
      if (pings) silent!.ping("5.0");
    }
    assert.equal(silent!.channel.isClosed, true, `${pings}`);
    assert.equal(other!.channel.isClosed, false);
  }
});

Deno.test("Leader goes on when a learner leaves while it is being sent a tree", () => {
  const { fixture, learners } = LeaderFixture.established();
  const late = fixture.join(3);
  late.info();
  late.channel.isStalled = true;
  late.ackEpoch("0.0", 0);
  assert.deepEqual(late.close(), []);
  assert.equal(late.channel.isClosed, true);
  fixture.leader.drained(late.channel);
  learners[0]!.createSession(1);
  fixture.sync();
  assert.deepEqual(learners[0]!.ack("5.1"), ["2< COMMIT 5.1"]);
  const back = fixture.join(3);
  back.info();
  assert.deepEqual(back.ackEpoch("0.0", 0), ["3< SNAP 5.1", "3< tree", "3< NEWLEADER 5.0"]);
});

Deno.test("Leader lets a server that comes back take the place of its old connection", () => {
  const { fixture, learners } = LeaderFixture.established();
  const [old] = learners;
  old!.createSession(1);
  fixture.sync();
  const back = fixture.join(2);
  back.info();
  assert.equal(old!.channel.isClosed, true);
  // what the old connection would have acknowledged counts for nothing
  assert.deepEqual(old!.ack("5.1"), []);
  assert.deepEqual(back.ackEpoch("4.2"), ["2< DIFF 4.2", "2< PROPOSAL 5.1", "2< NEWLEADER 5.0"]);
  back.ack("5.0");
  assert.deepEqual(back.ack("5.1"), ["2< COMMIT 5.1"]);
});

Deno.test("Leader answers a sync when all is committed that was proposed before it", () => {
  const { fixture, learners } = LeaderFixture.established();
  const [learner] = learners;
  assert.deepEqual(learner!.sync(), ["2< SYNC 0.0"]);
  learner!.createSession(1);
  assert.deepEqual(learner!.sync(), []);
  fixture.sync();
  assert.deepEqual(learner!.ack("5.1"), ["2< COMMIT 5.1", "2< SYNC 0.0"]);
});

Deno.test("Leader answers a sync before it commits what was asked for behind it", () => {
  const { fixture, learners } = LeaderFixture.established();
  const [learner] = learners;
  learner!.createSession(1);
  learner!.sync();
  learner!.createSession(2);
  fixture.sync();
  assert.deepEqual(learner!.ack("5.2"), ["2< COMMIT 5.1", "2< SYNC 0.0", "2< COMMIT 5.2"]);
});

Deno.test("Leader ends when a member has accepted a newer epoch, and makes that its own", () => {
  const { fixture } = LeaderFixture.established();
  const learner = fixture.join(3);
  assert.deepEqual(learner.info({ acceptedEpoch: 7 }), [
    "acceptedEpoch 7",
    "end: server 3 has accepted epoch 7, which is newer than ours",
  ]);
});

Deno.test("Leader drops who speaks nonsense, at any stage", () => {
  const ack = packetBytes({ type: PacketType.Ack, zxid: 0 });
  const nonsense = new Uint8Array([0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 127, 0, 0, 0]);
  const stages: [string, (fixture: LeaderFixture) => ReturnType<LeaderFixture["join"]>][] = [
    ["info", (fixture) => fixture.join(3)],
    ["ackEpoch", (fixture) => {
      const learner = fixture.join(3);
      learner.info();
      return learner;
    }],
    ["broadcast", (fixture) => {
      const learner = fixture.join(3);
      learner.follow("4.2");
      return learner;
    }],
  ];
  for (const [name, come] of stages) {
    for (const bytes of name === "broadcast" ? [nonsense] : [nonsense, ack]) {
      const { fixture } = LeaderFixture.established();
      const learner = come(fixture);
      learner.send(bytes);
      assert.equal(learner.channel.isClosed, true, name);
      assert.equal(fixture.leader.phase, "broadcast", name);
    }
  }
});

Deno.test("Leader lets so many connections wait that say nothing, and no learner goes for them", () => {
  const { fixture, learners } = LeaderFixture.established();
  const strangers = Array.from({ length: STRANGE_LEARNER_COUNT_MAX }, () => fixture.join(3));
  assert.equal(strangers[0]!.channel.isClosed, false);
  fixture.join(3);
  assert.deepEqual(strangers.map(({ channel }) => channel.isClosed).indexOf(false), 1);
  assert.equal(learners[0]!.channel.isClosed, false);
});

Deno.test("Leader drops a learner of before 3.4, and one that knows a newer configuration", () => {
  const fixture = new LeaderFixture({
    member: (member) => {
      const { committed } = member.membership;
      const store = { saveNext: () => {}, forgetNext: () => {}, saveCommitted: () => {} };
      const membership = new Membership({ committed, lastSeen: committed, store, onChange() {} });
      return { ...member, membership };
    },
  });
  const old = fixture.join(2);
  const data = new Uint8Array(8); // the id alone
  old.send(packetBytes({ type: PacketType.FollowerInfo, zxid: 0, data }));
  assert.equal(old.channel.isClosed, true);
  const newer = fixture.join(3);
  newer.info({ configVersion: makeZxid(4, 1) });
  assert.equal(newer.channel.isClosed, true);
});

Deno.test("Leader drops a server that has its id: its acks would stand for a disk that is not there", () => {
  const { fixture, learners } = LeaderFixture.established();
  const twin = fixture.join(1);
  twin.info();
  assert.equal(twin.channel.isClosed, true);
  assert.equal(learners[0]!.channel.isClosed, false);
});

Deno.test("Leader that is closed lets its learners go, and does nothing more", () => {
  const { fixture, learners } = LeaderFixture.established({ followers: 2 });
  learners[0]!.createSession(1);
  fixture.leader.close();
  for (const { channel } of learners) assert.equal(channel.isClosed, true);
  fixture.storage.flushLog();
  assert.deepEqual(fixture.takeTrace(), ["log 5.1"]);
  assert.equal(fixture.history.applier.sessions.size, 0);
  fixture.leader.applyAll(); // what is logged is part of our history
  assert.equal(fixture.history.applier.sessions.size, 1);
  assert.equal(fixture.history.proposals.max, zxidOf("5.1"));
  assert.deepEqual(fixture.wait(60_000), []);
});

Deno.test("Leader of an ensemble with one voter needs nobody", () => {
  const settings = { standaloneEnabled: "false" };
  const fixture = new LeaderFixture({ voters: [1], logged: ["4.1"], settings });
  assert.deepEqual(fixture.takeTrace(), [
    "acceptedEpoch 5",
    "currentEpoch 5",
    "established in epoch 5",
  ]);
  fixture.turn(() => fixture.processor!.writes.closeSession({ id: 1n, isClosing: false }));
  assert.deepEqual(fixture.sync(), ["log 5.1"]);
  assert.equal(fixture.leader.broadcast!.lastCommitted, zxidOf("5.1"));
});

Deno.test("Leader sends who is far behind all that memory holds, and it is not little", () => {
  const { fixture, learners } = LeaderFixture.established();
  learners[0]!.createSessions(Array.from({ length: 900 }, (_, i) => i + 1));
  fixture.sync();
  learners[0]!.ack("5.900");
  const late = fixture.join(3);
  late.info();
  const trace = late.ackEpoch("4.2");
  assert.deepEqual(trace.slice(0, 2), ["3< DIFF 5.900", "3< PROPOSAL 5.1"]);
  assert.equal(trace.length, 2 * 900 + 2);
});

/** The last counter of an epoch that is given out. */
const COUNTER_MAX = 0xffff_fffe;

/** Server 1 leads an epoch of which so many zxids are left; server 2 follows. */
function nearTheEnd(left: number) {
  // an epoch with a fraction: it begins near its end
  const begin = (COUNTER_MAX - left) / 2 ** 32;
  const fixture = new LeaderFixture({ acceptedEpoch: 4 + begin, logged: ["4.1"] });
  const learner = fixture.join(2);
  learner.info();
  learner.ackEpoch("4.1");
  learner.ack(`5.${COUNTER_MAX - left}`);
  assert.equal(fixture.leader.phase, "broadcast");
  fixture.takeTrace();
  return { fixture, learner };
}

Deno.test("Leader hands over when half of its zxids are used and nothing is under way, at three quarters anyway", () => {
  for (
    const { first, second, isEnded } of [
      { first: 499, second: 0, isEnded: false },
      { first: 500, second: 0, isEnded: true },
      { first: 490, second: 259, isEnded: false },
      { first: 490, second: 260, isEnded: true },
    ]
  ) {
    const fixture = new LeaderFixture({
      logged: ["4.1"],
      member: (member) => ({ ...member, counterMax: 1000 }),
    });
    const learner = fixture.join(2);
    learner.follow("4.1");
    let sessionId = 1;
    const create = (count: number) =>
      learner.createSessions(Array.from({ length: count }, () => sessionId++));
    create(first);
    const where = `${first} ${second}`;
    if (second > 0) create(second); // the first are not committed yet
    assert.equal(fixture.hasEnded, isEnded && second > 0, where);
    fixture.sync();
    learner.ack(`5.${first}`);
    assert.equal(fixture.hasEnded, isEnded, where);
  }
});

Deno.test("ZOOKEEPER-1277: no zxid is given out whose counter would run into the epoch", () => {
  const prepared: ((x: ReturnType<typeof nearTheEnd>) => void)[] = [
    ({ learner }) => learner.createSessions([1, 2, 3, 4]),
    ({ fixture }) =>
      fixture.turn(() => {
        for (const id of [1n, 2n, 3n, 4n]) {
          fixture.processor!.writes.closeSession({ id, isClosing: false });
        }
      }),
  ];
  for (const prepare of prepared) {
    const x = nearTheEnd(2);
    prepare(x);
    assert.deepEqual(x.fixture.takeTrace().filter((line) => line.includes("PROPOSAL")), []);
    assert.equal(x.fixture.hasEnded, true);
    assert.equal(x.fixture.history.proposals.last, zxidOf("4.1"));
    x.fixture.storage.flushLog();
    assert.deepEqual(x.fixture.takeTrace(), []);
  }
});
