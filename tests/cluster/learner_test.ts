import assert from "node:assert/strict";
import { PacketType } from "../../cluster/quorum_packet.ts";
import { RECORD_PREFIX_BYTES } from "../../core/storage/txn_log_format.ts";
import { createTxn, logRecord } from "../model/storage_helpers.ts";
import { LearnerFixture, say } from "./learner_fixture.ts";
import { packetBytes, pathOf, txnBody, zxidOf, zxidsOf } from "./member_fixture.ts";

Deno.test("Learner joins by DIFF: what it lacks is durable, then the epoch, then NEWLEADER acknowledged", () => {
  const fixture = new LearnerFixture({ logged: ["4.1-2"] }).connect();
  assert.deepEqual(fixture.takeTrace(), ["3< FOLLOWERINFO 4.0"]);
  assert.deepEqual(fixture.receive(say.leaderInfo(5)), [
    "acceptedEpoch 5",
    "3< ACKEPOCH 4.2 of epoch 4",
  ]);
  assert.deepEqual(fixture.receive(say.diff("4.4"), say.committed("4.3-4"), say.newLeader(5)), [
    "log 4.3-4",
    "currentEpoch 5",
    "3< ACK 5.0",
  ]);
  assert.deepEqual(fixture.receive(say.upToDate()), ["3< ACK 5.0", "serving in epoch 5"]);
  assert.deepEqual(fixture.nodes, ["4.1", "4.2", "4.3", "4.4"]);
});

Deno.test("Learner joins by TRUNC: nothing is read until it is done", () => {
  const fixture = new LearnerFixture({ logged: ["4.1-5"] }).connect();
  fixture.receive(say.leaderInfo(5));
  assert.deepEqual(fixture.receive(say.trunc("4.3"), say.committed("5.1"), say.newLeader(5)), []);
  assert.equal(fixture.learner.isHeldUp, true);
  assert.deepEqual(fixture.finish(), [
    "truncated to 4.3",
    "currentEpoch 5",
    "log 5.1",
    "3< ACK 5.0",
  ]);
  assert.equal(fixture.learner.needsReload, false);
  fixture.receive(say.upToDate());
  assert.deepEqual(fixture.nodes, ["4.1", "4.2", "4.3", "5.1"]);
});

Deno.test("Learner joins by SNAP: a snapshot takes the place of all it had, before it goes on", () => {
  const fixture = new LearnerFixture({ logged: ["3.1-5"], currentEpoch: 3 }).connect();
  fixture.receive(say.leaderInfo(5));
  const snap = say.snap("5.2", "4.1-2", "5.1-2");
  // in pieces, as a socket brings it
  assert.deepEqual(fixture.receive(snap.subarray(0, 100)), []);
  assert.deepEqual(fixture.receive(snap.subarray(100), say.committed("5.3")), []);
  assert.deepEqual(fixture.receive(say.proposal("5.4"), say.newLeader(5)), []);
  assert.deepEqual(fixture.sync(), []); // nothing may be logged yet
  assert.deepEqual(fixture.finish(), [
    "snapshot 5.3",
    "currentEpoch 5",
    "log 5.3-4",
    "3< ACK 5.0",
    "3< ACK 5.4",
  ]);
  fixture.receive(say.commit("5.4"), say.upToDate());
  assert.deepEqual(fixture.nodes, ["4.1", "4.2", "5.1", "5.2", "5.3", "5.4"]);
});

Deno.test("Learner takes txns that a SNAP holds already, from a leader that queued them before its tree", () => {
  for (const isObserver of [false, true]) {
    const fixture = new LearnerFixture({ isObserver, acceptedEpoch: 5 }).connect();
    fixture.receive(say.leaderInfo(5), say.snap("5.3", "5.1-3"));
    const queued = isObserver ? say.inform("5.2-4") : say.committed("5.2-4");
    fixture.receive(queued, say.newLeader(5));
    assert.deepEqual(fixture.finish(), ["snapshot 5.4", "currentEpoch 5", "log 5.4", "3< ACK 5.0"]);
    assert.deepEqual(fixture.nodes, ["5.1", "5.2", "5.3", "5.4"], `${isObserver}`);
  }
});

Deno.test("Learner of the epoch that it accepted before promises nothing", () => {
  const fixture = new LearnerFixture({ logged: ["4.1-2"], acceptedEpoch: 5 }).connect();
  assert.deepEqual(fixture.receive(say.leaderInfo(5)), [
    "3< FOLLOWERINFO 5.0",
    "3< ACKEPOCH 4.2 of epoch -1",
  ]);
});

Deno.test("Learner follows nobody whose epoch is behind, and says so", () => {
  const fixture = new LearnerFixture({ acceptedEpoch: 6 }).connect();
  fixture.takeTrace();
  assert.deepEqual(fixture.receive(say.leaderInfo(5)), [
    "end: the leader's epoch 5 is behind ours, 6",
  ]);
  assert.equal(fixture.history.epochs.acceptedEpoch, 6);
});

Deno.test("Learner logs, acknowledges and applies proposals, in order", () => {
  const fixture = LearnerFixture.serving();
  assert.deepEqual(fixture.receive(say.proposal("5.1-3")), []);
  assert.deepEqual(fixture.nodes, ["4.1", "4.2"]);
  assert.deepEqual(fixture.sync(), ["log 5.1-3", "3< ACK 5.1", "3< ACK 5.2", "3< ACK 5.3"]);
  assert.deepEqual(fixture.receive(say.commit("5.1-2")), []);
  assert.deepEqual(fixture.nodes, ["4.1", "4.2", "5.1", "5.2"]);
  assert.equal(fixture.history.proposals.max, zxidOf("5.2"));
  assert.equal(fixture.history.lastLoggedZxid, zxidOf("5.3"));
});

Deno.test("Learner holds up no client for what it made durable before it acknowledged NEWLEADER", () => {
  const fixture = new LearnerFixture({ logged: ["4.1-2"] }).connect();
  fixture.receive(say.leaderInfo(5), say.diff("4.11"));
  for (const zxid of zxidsOf("4.3-11")) {
    const record = logRecord(zxid, createTxn(pathOf(zxid), "x".repeat(1_000_000)));
    const data = record.subarray(RECORD_PREFIX_BYTES, -1);
    fixture.receive(
      packetBytes({ type: PacketType.Proposal, zxid, data }, { type: PacketType.Commit, zxid }),
    );
  }
  fixture.receive(say.newLeader(5), say.upToDate());
  assert.equal(fixture.history.lastLoggedZxid, zxidOf("4.11"));
  assert.equal(fixture.processor!.writes.isFull, false);
});

Deno.test("Learner applies what is committed before its own disk has it, and acknowledges it then", () => {
  const fixture = LearnerFixture.serving();
  fixture.receive(say.proposal("5.1"), say.commit("5.1"));
  assert.deepEqual(fixture.nodes, ["4.1", "4.2", "5.1"]);
  assert.deepEqual(fixture.sync(), ["log 5.1", "3< ACK 5.1"]);
  assert.equal(fixture.history.proposals.max, zxidOf("5.1"));
});

Deno.test("Learner that observes logs and applies what it is informed of, and acknowledges nothing", () => {
  const fixture = LearnerFixture.serving({
    serverId: 4,
    observers: [4],
    isObserver: true,
  });
  assert.deepEqual(fixture.receive(say.inform("5.1-2")), []);
  assert.deepEqual(fixture.sync(), ["log 5.1-2"]);
  assert.deepEqual(fixture.nodes, ["4.1", "4.2", "5.1", "5.2"]);
});

Deno.test("Learner says with OBSERVERINFO that it only observes", () => {
  const fixture = new LearnerFixture({ serverId: 4, observers: [4], isObserver: true }).connect();
  assert.deepEqual(fixture.takeTrace(), ["3< OBSERVERINFO 4.0"]);
});

Deno.test("Learner answers PING from UPTODATE on, not before", () => {
  const fixture = new LearnerFixture({ logged: ["4.1-2"] }).connect();
  fixture.receive(say.leaderInfo(5), say.diff("4.2"), say.newLeader(5));
  assert.deepEqual(fixture.receive(say.ping("5.0")), []);
  fixture.receive(say.upToDate());
  assert.deepEqual(fixture.receive(say.ping("5.0")), ["3< PING 5.0"]);
});

Deno.test("Learner ends when the leader says what cannot be", () => {
  const joined = (...messages: Uint8Array[]) => {
    const fixture = new LearnerFixture({ logged: ["4.1-2"] }).connect();
    fixture.receive(say.leaderInfo(5));
    return fixture.receive(...messages);
  };
  const served = (...messages: Uint8Array[]) => LearnerFixture.serving().receive(...messages);
  const cases: [trace: string[], reason: RegExp][] = [
    [joined(say.proposal("5.1")), /packet type 2 where DIFF, TRUNC or SNAP was expected/],
    [joined(say.diff("4.3"), say.proposal("4.4")), /proposal 0x400000004 does not follow/],
    [joined(say.diff("4.3"), say.committed("4.3"), say.commit("4.4")), /nothing is proposed/],
    [joined(say.diff("4.2"), say.newLeader(6)), /NEWLEADER is of epoch 6, LEADERINFO of 5/],
    [joined(say.diff("4.2"), say.upToDate()), /UPTODATE before NEWLEADER/],
    [joined(say.diff("4.2"), say.newLeader(5), say.newLeader(5)), /a second NEWLEADER/],
    [served(say.proposal("5.2")), /proposal 0x500000002 does not follow 0x400000002/],
    [served(say.proposal("5.1-2"), say.commit("5.2")), /0x500000001 is next/],
    [served(packetBytes({ type: PacketType.Proposal, zxid: zxidOf("5.1") })), /has no txn/],
    [served(proposalWith("5.1", txnBody(zxidOf("5.2")))), /0x500000001 holds txn 0x500000002/],
    [served(proposalWith("5.1", bodyOfType(99))), /Unknown txn type 99/],
    [served(proposalWith("5.1", bodyOfType(1).subarray(0, 40))), /Record ends/],
    [served(new Uint8Array([0, 0, 0, 2, 0, 0, 0, 5, 0, 0, 0, 1, 127, 0, 0, 0])), /length/],
  ];
  for (const [trace, reason] of cases) {
    assert.match(trace.at(-1)!, /^end: /);
    assert.match(trace.at(-1)!, reason);
  }
});

Deno.test("Learner ends once: after that it reads, sends and logs nothing", () => {
  const fixture = LearnerFixture.serving();
  fixture.learner.closed();
  assert.deepEqual(fixture.takeTrace(), ["end: the leader closed the connection"]);
  fixture.learner.closed();
  assert.deepEqual(fixture.receive(say.proposal("5.1"), say.ping("5.0")), []);
  assert.deepEqual(fixture.sync(), []);
  assert.deepEqual(fixture.wait(60_000), []);
});

Deno.test("Learner waits initLimit for the leader until it is synchronised, then syncLimit", () => {
  const fixture = new LearnerFixture({ logged: ["4.1-2"] });
  assert.deepEqual(fixture.wait(10_000), []);
  fixture.connect();
  assert.deepEqual(fixture.wait(10_000), ["3< FOLLOWERINFO 4.0"]);
  fixture.receive(say.leaderInfo(5));
  assert.deepEqual(fixture.wait(10_000), []);
  fixture.receive(say.diff("4.2"), say.newLeader(5));
  assert.deepEqual(fixture.wait(5000), []);
  fixture.receive(say.upToDate());
  assert.deepEqual(fixture.wait(5000), []);
  fixture.receive(say.ping("5.0"));
  assert.deepEqual(fixture.wait(5000), []);
  assert.deepEqual(fixture.wait(1), [
    "end: nothing was heard of the leader for too long, at broadcast",
  ]);
});

Deno.test("Learner that never reaches its leader ends after initLimit", () => {
  const fixture = new LearnerFixture();
  assert.deepEqual(fixture.wait(10_001), ["end: the leader could not be reached"]);
});

Deno.test("Learner does not call its leader silent while its own disk is busy", () => {
  const fixture = new LearnerFixture({ logged: ["4.1-5"] }).connect();
  fixture.receive(say.leaderInfo(5), say.trunc("4.3"));
  assert.deepEqual(fixture.wait(100_000), []);
  fixture.finish();
  assert.deepEqual(fixture.wait(10_000), []);
  assert.match(fixture.wait(1)[0]!, /^end: nothing was heard .* at proposals$/);
});

Deno.test("Learner whose disk ends its work after the role is over does nothing of it", () => {
  const cases: [name: string, messages: Uint8Array[], trace: string[]][] = [
    ["TRUNC", [say.trunc("4.3"), say.newLeader(5)], ["truncated to 4.3"]],
    ["SNAP", [say.snap("5.1", "5.1"), say.newLeader(5)], ["snapshot 5.1"]],
  ];
  for (const [name, messages, trace] of cases) {
    const fixture = new LearnerFixture({ logged: ["4.1-5"] }).connect();
    fixture.receive(say.leaderInfo(5), ...messages);
    fixture.learner.closed();
    fixture.learner.close();
    fixture.takeTrace();
    assert.deepEqual(fixture.finish(), trace, name);
    assert.equal(fixture.history.epochs.currentEpoch, 4, name);
    assert.equal(fixture.learner.needsReload, true, name);
    assert.equal(fixture.storage.source, null, name);
  }
});

Deno.test("Learner whose history cannot be cut says so, and asks the same leader for everything", () => {
  const options = { logged: ["4.1-5"], snapshotAt: "4.5" };
  const first = new LearnerFixture(options).connect();
  first.receive(say.leaderInfo(5), say.trunc("4.3"));
  assert.deepEqual(first.finish(), [
    "end: our history cannot be cut at 0x400000003: we ask for all of the leader's",
  ]);
  assert.equal(first.history.startsOver, true);

  const second = new LearnerFixture({ ...options, acceptedEpoch: 5 });
  second.history.startsOver = true;
  second.connect();
  assert.deepEqual(second.receive(say.leaderInfo(5)), [
    "3< FOLLOWERINFO 5.0",
    "3< ACKEPOCH 0.0 of epoch -1",
  ]);
  assert.equal(second.learner.needsReload, true);
  second.receive(say.snap("4.3", "4.1-3"), say.newLeader(5));
  assert.deepEqual(second.finish(), ["snapshot 4.3", "currentEpoch 5", "3< ACK 5.0"]);
  assert.equal(second.learner.needsReload, false);
  assert.equal(second.history.startsOver, false);
  assert.deepEqual(second.nodes, ["4.1", "4.2", "4.3"]);
});

Deno.test("Learner that is to start over promises a new epoch with all it has, not as one who has nothing", () => {
  const fixture = new LearnerFixture({ logged: ["4.1-5"] });
  fixture.history.startsOver = true;
  fixture.connect();
  // else a leader with less history than ours would be agreed on
  assert.deepEqual(fixture.receive(say.leaderInfo(5)), [
    "3< FOLLOWERINFO 4.0",
    "acceptedEpoch 5",
    "3< ACKEPOCH 4.5 of epoch 4",
  ]);
  for (const sync of [say.diff("4.6"), say.trunc("4.3")]) {
    const joined = new LearnerFixture({ logged: ["4.1-5"] });
    joined.history.startsOver = true;
    joined.connect();
    joined.receive(say.leaderInfo(5));
    assert.match(joined.receive(sync).at(-1)!, /^end: .*we ask for all of the leader's$/);
    assert.equal(joined.finish().length, 0);
    assert.equal(joined.history.startsOver, true);
  }
  fixture.receive(say.snap("4.6", "4.1-6"), say.newLeader(5));
  assert.deepEqual(fixture.finish(), ["snapshot 4.6", "currentEpoch 5", "3< ACK 5.0"]);
  assert.equal(fixture.history.startsOver, false);
});

Deno.test("Learner that keeps nothing on disk does not say there that it has the epoch", () => {
  const options = { serverId: 4, observers: [4], isObserver: true, logged: ["4.1-2"] };
  const fixture = new LearnerFixture({ ...options, settings: { syncEnabled: "false" } }).connect();
  fixture.receive(say.leaderInfo(5), say.diff("4.3"), say.committed("4.3"));
  assert.deepEqual(fixture.receive(say.newLeader(5), say.upToDate()), [
    "3< ACK 5.0",
    "3< ACK 5.0",
    "serving in epoch 5",
  ]);
  assert.equal(fixture.history.epochs.currentEpoch, 4);
  assert.deepEqual(fixture.nodes, ["4.1", "4.2", "4.3"]);
  assert.equal(fixture.learner.isDiskBehind, true);
});

function proposalWith(zxid: string, data: Uint8Array): Uint8Array {
  return packetBytes({ type: PacketType.Proposal, zxid: zxidOf(zxid), data });
}

/** Of 5.1, as a txn of this type. */
function bodyOfType(type: number): Uint8Array {
  const body = txnBody(zxidOf("5.1"));
  body[31] = type;
  return body;
}
