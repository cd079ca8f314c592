/**
 * Bugs of ZooKeeper's history that show in the order in which a learner does things.
 *
 * @module
 */
import assert from "node:assert/strict";
import { LearnerFixture, say } from "../cluster/learner_fixture.ts";
import { MemberFixture, zxidOf, zxidText } from "../cluster/member_fixture.ts";
import { ScriptedPeer } from "../cluster/peer_fixture.ts";

/** A follower in epoch 5, in broadcast. */
function following() {
  const host = new MemberFixture({ logged: ["4.1-2"] });
  const peer = new ScriptedPeer(host);
  peer.start();
  peer.follow();
  peer.accept();
  peer.receive(say.leaderInfo(5), say.diff("4.2"), say.newLeader(5), say.upToDate());
  return { host, peer };
}

/** A learner that has accepted epoch 5 and hears how it is synchronised. */
function joining(...messages: Uint8Array[]) {
  const fixture = new LearnerFixture({ logged: ["4.1-2"] }).connect();
  fixture.receive(say.leaderInfo(5));
  const trace = fixture.receive(...messages);
  return { fixture, trace };
}

Deno.test("ZOOKEEPER-2355: lastProcessedZxid is not ahead of a tree that is still being received", () => {
  const snap = say.snap("5.2", "4.1-2", "5.1-2");
  for (let byteCount = 20; byteCount < snap.length; byteCount += 50) {
    const { fixture } = joining(snap.subarray(0, byteCount));
    assert.equal(fixture.history.applier.tree.lastProcessedZxid, 0, `${byteCount}`);
    assert.equal(fixture.history.lastLoggedZxid, zxidOf("4.2"), `${byteCount}`);
    fixture.receive(snap.subarray(byteCount));
    assert.equal(fixture.history.applier.tree.lastProcessedZxid, zxidOf("5.2"), `${byteCount}`);
  }
});

Deno.test("ZOOKEEPER-2845: what is logged and not applied is applied before the next vote, and voted with", () => {
  const { host, peer } = following();
  peer.receive(say.proposal("5.1-2"));
  peer.turn(() => host.storage.sync());
  peer.leaderCloses();
  assert.deepEqual(host.nodes, ["4.1", "4.2", "5.1", "5.2"]);
  assert.equal(host.history.applier.tree.lastProcessedZxid, zxidOf("5.2"));
  peer.wait(1000);
  peer.hear(2, { state: "LOOKING", leader: 2, electionEpoch: 2 });
  assert.equal(peer.voteText, "LOOKING for 1: 5.2 of epoch 5");
});

Deno.test("ZOOKEEPER-2872: nothing is logged behind a SNAP before its snapshot is there", () => {
  const { fixture, trace } = joining(say.snap("5.2", "5.1-2"), say.committed("5.3"));
  assert.deepEqual([...trace, ...fixture.sync()], []);
  fixture.receive(say.newLeader(5));
  assert.deepEqual([...fixture.sync(), ...fixture.finish()], [
    ...["snapshot 5.3", "currentEpoch 5", "log 5.3", "3< ACK 5.0"],
  ]);
});

Deno.test("ZOOKEEPER-3642: half a SNAP is thrown away before the next vote, and before a DIFF", () => {
  const host = new MemberFixture({ logged: ["4.1-2"] });
  const peer = new ScriptedPeer(host);
  peer.start();
  peer.follow();
  peer.accept();
  const snap = say.snap("5.2", "5.1-2");
  peer.receive(say.leaderInfo(5), snap.subarray(0, snap.length - 20));
  peer.leaderCloses();
  peer.vote = null;
  peer.wait(1000);
  peer.hear(2, { state: "LOOKING", leader: 2, electionEpoch: 2, peerEpoch: 3 });
  assert.notEqual(peer.vote!.state, "LOOKING"); // it is being loaded
  peer.turn(() => host.storage.finish());
  peer.wait(1000);
  assert.deepEqual(host.nodes, ["4.1", "4.2"]);
  peer.hear(2, { state: "LOOKING", leader: 2, electionEpoch: 2, peerEpoch: 3 });
  assert.equal(peer.voteText, "LOOKING for 1: 4.2 of epoch 4");
  peer.follow();
  assert.equal(peer.peer.state, "FOLLOWING");
  peer.accept();
  peer.receive(say.leaderInfo(6), say.diff("4.3"), say.committed("4.3"), say.newLeader(6));
  assert.deepEqual(host.nodes, ["4.1", "4.2", "4.3"]);
});

Deno.test("ZOOKEEPER-3701: after a truncation that failed nothing goes on as if it had not", () => {
  for (const snapshotAt of ["4.2", "0.0"]) {
    const fixture = new LearnerFixture({ logged: ["4.1-2"], snapshotAt }).connect();
    fixture.receive(say.leaderInfo(5), say.trunc(snapshotAt === "0.0" ? "3.9" : "4.1"));
    fixture.receive(say.newLeader(5));
    const trace = fixture.finish();
    assert.match(trace.join(), /^end: our history cannot be cut/);
    assert.equal(fixture.history.epochs.currentEpoch, 4);
  }
});

Deno.test("ZOOKEEPER-3911: NEWLEADER is acknowledged when the DIFF is logged, not before", () => {
  const { trace } = joining(say.diff("4.4"), say.committed("4.3-4"), say.newLeader(5));
  assert.ok(trace.includes("log 4.3-4"));
  assert.ok(trace.indexOf("log 4.3-4") < trace.indexOf("3< ACK 5.0"));
});

Deno.test("ZOOKEEPER-4394: a COMMIT between NEWLEADER and UPTODATE is for what was proposed before", () => {
  const { fixture } = joining(say.diff("4.2"), say.proposal("5.1-2"), say.newLeader(5));
  assert.deepEqual(fixture.receive(say.commit("5.1")), []);
  assert.deepEqual(fixture.receive(say.proposal("5.3"), say.commit("5.2")), []);
  assert.deepEqual(fixture.receive(say.upToDate()), ["3< ACK 5.0", "serving in epoch 5"]);
  assert.deepEqual(fixture.nodes, ["4.1", "4.2", "5.1", "5.2"]);
  assert.deepEqual(fixture.sync(), ["log 5.3", "3< ACK 5.3"]);
  assert.deepEqual(fixture.receive(say.commit("5.3")), []);
  assert.deepEqual(fixture.nodes, ["4.1", "4.2", "5.1", "5.2", "5.3"]);
});

Deno.test("ZOOKEEPER-4643, ZOOKEEPER-4785: currentEpoch is written when the DIFF is durable, not before", () => {
  const { trace } = joining(say.diff("4.4"), say.committed("4.3-4"), say.newLeader(5));
  assert.deepEqual(trace, ["log 4.3-4", "currentEpoch 5", "3< ACK 5.0"]);
  // txns of the new epoch come behind it, or a restart would find them without their epoch
  const more = joining(say.diff("5.1"), say.committed("4.3", "5.1"), say.newLeader(5));
  assert.deepEqual(more.trace, ["log 4.3", "currentEpoch 5", "log 5.1", "3< ACK 5.0"]);
});

Deno.test("ZOOKEEPER-4685: no ACK of a proposal overtakes that of NEWLEADER", () => {
  const { fixture } = joining(say.diff("4.2"), say.proposal("5.1-2"));
  assert.deepEqual(fixture.sync(), ["log 5.1-2"]);
  assert.deepEqual(fixture.receive(say.newLeader(5)), ["3< ACK 5.0", "3< ACK 5.1", "3< ACK 5.2"]);
});

Deno.test("ZOOKEEPER-4712: a role that is over logs nothing more, and all it had before the next begins", () => {
  const { host, peer } = following();
  peer.receive(say.proposal("5.1-3"));
  const old = host.storage.source!;
  assert.deepEqual(peer.leaderCloses(), ["no clients", "log 5.1-3"]);
  assert.equal(host.storage.source, null);
  assert.equal(old.takeBatch(), null);
  peer.receive(say.proposal("5.4"));
  peer.wait(1000);
  peer.follow();
  peer.accept();
  peer.receive(say.leaderInfo(6), say.trunc("5.2"));
  peer.turn(() => host.storage.finish());
  peer.receive(say.committed("6.1"), say.newLeader(6));
  old.logged(zxidOf("5.3")); // a sync that was under way ends late
  assert.deepEqual(host.takeTrace().filter((line) => line.includes("ACK 5.")), []);
  assert.deepEqual(host.storage.records.map(({ zxid }) => zxidText(zxid)), [
    ...["4.1", "4.2", "5.1", "5.2", "6.1"],
  ]);
});

Deno.test("ZOOKEEPER-4925: txns applied during a sync are in the list that others catch up from", () => {
  const cases: [string, Uint8Array[], string[]][] = [
    ["DIFF", [say.diff("4.4"), say.committed("4.3-4")], ["4.1", "4.2", "4.3", "4.4"]],
    ["SNAP", [say.snap("5.1", "5.1"), say.committed("5.2-3")], ["5.2", "5.3"]],
  ];
  for (const [name, messages, expected] of cases) {
    const { fixture } = joining(...messages, say.newLeader(5));
    fixture.finish();
    fixture.receive(say.upToDate(), say.proposal(name === "DIFF" ? "5.1" : "5.4"));
    fixture.sync();
    const listed: string[] = [];
    fixture.history.proposals.forEachCommitted(0, (zxid) => {
      listed.push(zxidText(zxid));
      return true;
    });
    assert.deepEqual(listed, expected, name);
  }
});

Deno.test("ZOOKEEPER-4925: a proposal that leaves a hole ends the role", () => {
  const holes = [
    joining(say.diff("4.5"), say.committed("4.3", "4.5")).trace,
    joining(say.diff("4.4"), say.committed("4.4")).trace,
    joining(say.diff("5.2"), say.committed("4.3", "5.2")).trace,
    joining(say.diff("4.3"), say.committed("4.3"), say.committed("4.3")).trace,
  ];
  for (const trace of holes) assert.match(trace.at(-1)!, /^end: proposal .* does not follow/);
});
