/**
 * Bugs of ZooKeeper's history that show in what a leader says, and to whom it listens.
 *
 * @module
 */
import assert from "node:assert/strict";
import { Membership } from "../../cluster/membership.ts";
import { makeZxid } from "../../core/zxid.ts";
import { LeaderFixture } from "../cluster/leader_fixture.ts";

Deno.test("ZOOKEEPER-1783: the first configuration has the version of the first leader's epoch", () => {
  const saved: number[] = [];
  const fixture = new LeaderFixture({
    acceptedEpoch: 0,
    currentEpoch: 0,
    member: (member) => {
      const { committed } = member.membership;
      const store = {
        saveNext: () => {},
        forgetNext: () => {},
        saveCommitted: ({ version }: { version: number }) => void saved.push(version),
      };
      const membership = new Membership({ committed, lastSeen: committed, store, onChange() {} });
      return { ...member, membership };
    },
  });
  const learner = fixture.join(2);
  learner.info({ acceptedEpoch: 0 });
  learner.ackEpoch("0.0", 0);
  assert.deepEqual(saved, []);
  learner.ack("1.0");
  assert.deepEqual(saved, [makeZxid(1, 0)]);
});

Deno.test("ZOOKEEPER-2959: observers do not make a quorum, of an epoch, of promises or of NEWLEADER", () => {
  const fixture = new LeaderFixture({ observers: [4, 5, 6, 7] });
  const observers = [4, 5, 6, 7].map((id) => fixture.join(id));
  for (const observer of observers) observer.info({ isObserver: true });
  assert.equal(fixture.leader.epoch, 0);
  const voter = fixture.join(2);
  voter.info();
  for (const observer of observers) observer.ackEpoch("0.0");
  assert.equal(fixture.leader.phase, "discovery");
  voter.ackEpoch("0.0");
  assert.equal(fixture.leader.phase, "synchronization");
  for (const observer of observers) observer.ack("5.0");
  assert.equal(fixture.leader.phase, "synchronization");
  voter.ack("5.0");
  assert.equal(fixture.leader.phase, "broadcast");
});

Deno.test("ZOOKEEPER-3104: NEWLEADER comes behind all that was committed while a SNAP was sent", () => {
  const { fixture, learners } = LeaderFixture.established();
  const late = fixture.join(3);
  late.info();
  late.channel.isStalled = true;
  late.ackEpoch("0.0", 0);
  learners[0]!.createSessions([1, 2]);
  fixture.sync();
  learners[0]!.ack("5.2");
  learners[0]!.createSession(3);
  late.channel.isStalled = false;
  fixture.turn(() => {});
  assert.deepEqual(fixture.takeTrace().filter((line) => line.startsWith("3<")), [
    ...["3< SNAP 5.0", "3< tree"],
    ...["3< PROPOSAL 5.1", "3< COMMIT 5.1", "3< PROPOSAL 5.2", "3< COMMIT 5.2"],
    ...["3< PROPOSAL 5.3", "3< NEWLEADER 5.0"],
  ]);
});

Deno.test("ZOOKEEPER-4685: a follower whose ACK of a proposal overtook that of NEWLEADER is waited for", () => {
  const { fixture, learners } = LeaderFixture.established();
  learners[0]!.createSession(1);
  fixture.sync();
  learners[0]!.close();
  const late = fixture.join(3);
  late.info();
  late.ackEpoch("4.2");
  assert.deepEqual(late.ack("5.1"), []);
  assert.equal(late.channel.isClosed, false);
  assert.deepEqual(late.ack("5.0"), ["3< COMMIT 5.1", "3< UPTODATE"].toReversed());
});
