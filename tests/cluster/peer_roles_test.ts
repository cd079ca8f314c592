import assert from "node:assert/strict";
import { PacketType } from "../../cluster/quorum_packet.ts";
import { NO_SERVER_ID } from "../../cluster/server_id.ts";
import { say } from "./learner_fixture.ts";
import {
  MemberFixture,
  type MemberFixtureOptions,
  packetBytes,
  txnBody,
  zxidOf,
} from "./member_fixture.ts";
import { ScriptedPeer } from "./peer_fixture.ts";

function peerOf(options: MemberFixtureOptions = {}) {
  const host = new MemberFixture({ logged: ["4.1-2"], ...options });
  const peer = new ScriptedPeer(host);
  peer.start();
  return { host, peer };
}

/** A follower in epoch 5, in broadcast. */
function following(options: MemberFixtureOptions = {}) {
  const { host, peer } = peerOf(options);
  peer.follow();
  peer.accept();
  peer.receive(say.leaderInfo(5), say.diff("4.2"), say.newLeader(5), say.upToDate());
  return { host, peer };
}

Deno.test("Peer votes with what it has logged, and follows whom others follow", () => {
  const { host, peer } = peerOf();
  assert.equal(peer.peer.state, "LOOKING");
  peer.hear(3, { state: "LOOKING", leader: 3, peerEpoch: 3 });
  assert.equal(peer.voteText, "LOOKING for 1: 4.2 of epoch 4");
  assert.deepEqual(peer.follow(), ["connect to 127.0.0.3"]);
  assert.equal(peer.peer.state, "FOLLOWING");
  assert.deepEqual(peer.accept(), ["3< FOLLOWERINFO 4.0"]);
  const trace = peer.receive(say.leaderInfo(5), say.diff("4.2"), say.newLeader(5), say.upToDate());
  assert.deepEqual(trace, [
    "acceptedEpoch 5",
    "3< ACKEPOCH 4.2 of epoch 4",
    "currentEpoch 5",
    "3< ACK 5.0",
    "3< ACK 5.0",
    "clients",
  ]);
  assert.equal(host.storage.source, peer.peer.learner);
});

Deno.test("Peer whose role ends logs and applies all that was proposed to it, then votes with it", () => {
  const { host, peer } = following();
  peer.receive(say.proposal("5.1-3"), say.commit("5.1"));
  assert.deepEqual(peer.leaderCloses(), ["no clients", "log 5.1-3"]);
  assert.equal(peer.peer.state, "LOOKING");
  assert.equal(host.storage.source, null);
  assert.deepEqual(host.nodes, ["4.1", "4.2", "5.1", "5.2", "5.3"]);
  assert.equal(host.history.proposals.max, zxidOf("5.3"));
  peer.wait(1000);
  peer.hear(2, { state: "LOOKING", leader: 2, electionEpoch: 2 });
  assert.equal(peer.voteText, "LOOKING for 1: 5.3 of epoch 5");
});

Deno.test("Peer that is sent a txn it does not know logs what came before, and nothing of that", () => {
  const { host, peer } = following();
  const data = txnBody(zxidOf("5.2"));
  data[31] = 99; // its type
  const unknown = packetBytes({ type: PacketType.Proposal, zxid: zxidOf("5.2"), data });
  const trace = peer.receive(say.proposal("5.1"), unknown, say.commit("5.1-2"));
  assert.deepEqual(trace, ["no clients", "log 5.1"]);
  assert.equal(host.history.lastLoggedZxid, zxidOf("5.1"));
  assert.equal(host.history.applier.tree.lastProcessedZxid, zxidOf("5.1"));
  assert.deepEqual(host.nodes, ["4.1", "4.2", "5.1"]);
});

Deno.test("Peer tries the leader again, soon at first, and gives up", () => {
  const { host, peer } = peerOf();
  peer.follow();
  const startMs = host.nowMs;
  const dial = (ms: number) => {
    peer.turn(() => peer.peer.leaderFailed("connection refused"));
    return peer.wait(ms);
  };
  for (const ms of [10, 20, 40, 80]) assert.deepEqual(dial(ms), ["connect to 127.0.0.3"], `${ms}`);
  assert.deepEqual(dial(99), []);
  assert.deepEqual(peer.wait(1), ["connect to 127.0.0.3"]);
  for (const ms of [350, 450]) {
    assert.equal(host.nowMs - startMs, ms - 100);
    assert.deepEqual(dial(100), ["connect to 127.0.0.3"]);
  }
  dial(1); // the next would be more than 500 ms after the first
  assert.equal(peer.peer.state, "LOOKING");
});

Deno.test("Peer leads when it is elected, and takes learners only then", () => {
  const { host, peer } = peerOf({ serverId: 3 });
  const stranger = host.channel("2");
  peer.turn(() => peer.peer.learnerConnected(stranger));
  assert.equal(stranger.isClosed, true);
  for (const id of [1, 2]) peer.hear(id, { state: "LOOKING", leader: 3, zxid: "4.2" });
  assert.deepEqual(host.takeTrace(), ["listening"]);
  assert.equal(peer.peer.state, "LEADING");
  const learner = host.channel("2");
  peer.turn(() => peer.peer.learnerConnected(learner));
  assert.equal(learner.isClosed, false);
  assert.match(peer.wait(11_000).join(), /not listening/);
  assert.equal(peer.peer.state, "LOOKING");
  assert.equal(learner.isClosed, true);
});

Deno.test("Peer that cannot listen does not lead", () => {
  const { host, peer } = peerOf({ serverId: 3 });
  peer.listenProblem = "address in use";
  for (const id of [1, 2]) peer.hear(id, { state: "LOOKING", leader: 3, zxid: "4.2" });
  assert.deepEqual(host.takeTrace(), ["listening", "not listening"]);
  assert.equal(peer.peer.state, "LOOKING");
  assert.equal(host.history.epochs.acceptedEpoch, 4);
  // nor is it elected again and again: it takes part for others
  peer.wait(100);
  assert.equal(peer.vote!.leader, NO_SERVER_ID);
  for (const id of [1, 2]) peer.hear(id, { state: "LOOKING", leader: 2, electionEpoch: 2 });
  assert.equal(peer.voteText, "LOOKING for 2: 0.0 of epoch 4");
  assert.deepEqual(host.takeTrace(), ["connect to 127.0.0.2"]);
});

Deno.test("Peer that is a quorum by itself leads and serves at once", () => {
  const { host, peer } = peerOf({ voters: [1], settings: { standaloneEnabled: "false" } });
  assert.equal(peer.peer.state, "LEADING");
  assert.equal(peer.peer.leader!.phase, "broadcast");
  assert.ok(peer.processor !== null);
  assert.ok(host.logger.lines.includes("info leading in a quorum, serving clients"));
});

Deno.test("Peer whose history cannot be cut asks its leader for everything, without an election", () => {
  const { host, peer } = peerOf({ logged: ["4.1-5"], snapshotAt: "4.5" });
  peer.follow();
  peer.accept();
  peer.receive(say.leaderInfo(5), say.trunc("4.3"));
  peer.turn(() => host.storage.finish());
  assert.deepEqual(host.takeTrace(), ["connect to 127.0.0.3"]);
  assert.equal(peer.peer.state, "FOLLOWING");
  assert.deepEqual(peer.accept(), ["3< FOLLOWERINFO 5.0"]);
  assert.deepEqual(peer.receive(say.leaderInfo(5)), ["3< ACKEPOCH 0.0 of epoch -1"]);
  peer.receive(say.snap("4.3", "4.1-3"), say.newLeader(5));
  peer.turn(() => host.storage.finish());
  assert.deepEqual(host.takeTrace(), ["snapshot 4.3", "currentEpoch 5", "3< ACK 5.0"]);
  peer.receive(say.upToDate());
  assert.deepEqual(host.nodes, ["4.1", "4.2", "4.3"]);
  // and when that fails half way, it has what it had
  assert.equal(host.history.startsOver, false);
});

Deno.test("Peer that started over in vain votes with all it has on disk", () => {
  const { host, peer } = peerOf({ logged: ["4.1-5"], snapshotAt: "4.5", acceptedEpoch: 5 });
  host.history.startsOver = true;
  peer.follow();
  peer.accept();
  peer.receive(say.leaderInfo(5));
  assert.equal(host.history.lastLoggedZxid, 0);
  peer.leaderCloses();
  peer.turn(() => host.storage.finish());
  peer.wait(1000);
  peer.hear(2, { state: "LOOKING", leader: 2, electionEpoch: 2, peerEpoch: 3 });
  assert.equal(peer.voteText, "LOOKING for 1: 4.5 of epoch 4");
  assert.equal(host.nodes.length, 5);
});

Deno.test("Peer reads what came while it did not run before it calls its leader silent", () => {
  const { host, peer } = following();
  host.nowMs += 60_000;
  peer.turn(() => peer.peer.tick());
  assert.equal(peer.peer.state, "FOLLOWING");
  peer.receive(say.ping("5.0"));
  peer.wait(1000);
  assert.equal(peer.peer.state, "FOLLOWING");
  peer.wait(5000);
  assert.equal(peer.peer.state, "LOOKING");
});

Deno.test("Peer whose every tick is late notices all the same that its leader is silent", () => {
  const { host, peer } = following();
  for (let i = 0; i < 12; i++) {
    host.nowMs += 600;
    peer.turn(() => peer.peer.tick());
  }
  assert.equal(peer.peer.state, "LOOKING");
});

Deno.test("Peer that is closed makes durable what it was told", () => {
  const { host, peer } = following();
  peer.receive(say.proposal("5.1"));
  peer.turn(() => peer.peer.close());
  assert.deepEqual(host.takeTrace(), ["no clients", "log 5.1"]);
  assert.equal(peer.leader.isClosed, true);
  assert.equal(host.storage.source, null);
});
