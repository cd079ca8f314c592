import assert from "node:assert/strict";
import { judgeLeadTransfer } from "../../cluster/lead_transfer.ts";
import { Membership } from "../../cluster/membership.ts";
import { NO_SERVER_ID } from "../../cluster/server_id.ts";
import { PacketType } from "../../cluster/quorum_packet.ts";
import { writeAckEpoch, writeLearnerInfo } from "../../cluster/packet_bodies.ts";
import { makeZxid } from "../../core/zxid.ts";
import { ensembleConfig } from "../support/ensemble_config.ts";
import { say } from "./learner_fixture.ts";
import { MemberFixture, packetBytes, written, zxidOf } from "./member_fixture.ts";
import { ScriptedPeer } from "./peer_fixture.ts";

interface Case {
  readonly what: string;
  readonly voters: readonly number[];
  readonly weights?: Readonly<Record<number, number>>;
  readonly groups?: Readonly<Record<number, readonly number[]>>;
  readonly observers?: readonly number[];
  /** Beside server 1, which leads; what each has on its disk, the leader having 5.9. */
  readonly synced: Readonly<Record<number, string>>;
  readonly to?: number;
  readonly reconfig?: boolean;
  readonly successor?: number;
  readonly refusal?: RegExp;
}

Deno.test("judgeLeadTransfer() allows it when the others are a quorum, and foretells who is elected", () => {
  const three = [1, 2, 3];
  const cases: readonly Case[] = [
    { what: "all are there", voters: three, synced: { 2: "5.9", 3: "5.9" }, successor: 3 },
    { what: "one lags", voters: three, synced: { 2: "5.9", 3: "5.8" }, successor: 2 },
    { what: "one is not there", voters: three, synced: { 2: "5.9" }, refusal: /not in sync: 3/ },
    {
      what: "of five, two are not",
      voters: [1, 2, 3, 4, 5],
      synced: { 2: "5.9", 3: "5.9" },
      refusal: /not in sync: 4, 5/,
    },
    {
      what: "of five, one is not",
      voters: [1, 2, 3, 4, 5],
      synced: { 2: "5.9", 3: "5.9", 4: "5.1" },
      successor: 3,
    },
    { what: "alone", voters: [1], synced: {}, refusal: /too few/ },
    {
      what: "an observer does not count",
      voters: three,
      observers: [4],
      synced: { 2: "5.9", 4: "5.9" },
      refusal: /not in sync: 3/,
    },
    {
      what: "to who is elected",
      voters: three,
      synced: { 2: "5.9", 3: "5.9" },
      to: 3,
      successor: 3,
    },
    {
      what: "to who is not",
      voters: three,
      synced: { 2: "5.9", 3: "5.9" },
      to: 2,
      refusal: /make server 3 the leader.* server 2 would not/,
    },
    {
      what: "to itself",
      voters: three,
      synced: { 2: "5.9", 3: "5.9" },
      to: 1,
      refusal: /leads already/,
    },
    {
      what: "to nobody",
      voters: three,
      observers: [4],
      synced: { 2: "5.9", 3: "5.9" },
      to: 4,
      refusal: /no voting member/,
    },
    {
      what: "weight 0 is not elected",
      voters: three,
      groups: { 1: three },
      weights: { 3: 0 },
      synced: { 2: "5.9", 3: "5.9" },
      refusal: /no quorum/,
    },
    {
      what: "weights",
      voters: [1, 2, 3, 4],
      groups: { 1: [1, 2, 3, 4] },
      weights: { 4: 0 },
      synced: { 2: "5.9", 3: "5.9", 4: "5.9" },
      successor: 3,
    },
    {
      what: "in a reconfig",
      voters: three,
      synced: { 2: "5.9", 3: "5.9" },
      reconfig: true,
      refusal: /change of the membership/,
    },
  ];
  for (const one of cases) {
    const { what, voters, observers = [], weights = {}, groups = {}, synced, to = null } = one;
    const committed = ensembleConfig({ voters, observers, weights, groups, version: 1 });
    const lastSeen = one.reconfig ? committed.withVersion(2) : committed;
    const store = { saveNext() {}, forgetNext() {}, saveCommitted() {} };
    const transfer = judgeLeadTransfer({
      serverId: 1,
      membership: new Membership({ committed, lastSeen, store, onChange() {} }),
      syncedServers: new Set([1, ...Object.keys(synced).map(Number)]),
      ackedZxid: (id) => zxidOf(synced[id]!),
      epoch: 5,
      to,
    });
    if (one.refusal === undefined) assert.deepEqual(transfer, { successor: one.successor }, what);
    else assert.match("refusal" in transfer ? transfer.refusal : "allowed", one.refusal, what);
  }
});

/** Server 3 leads epoch 5; of servers 1 and 2, `followers` follow. */
function leading(followers: readonly number[]): { host: MemberFixture; peer: ScriptedPeer } {
  const host = new MemberFixture({ serverId: 3, logged: ["4.1-2"] });
  const peer = new ScriptedPeer(host);
  peer.start();
  for (const id of [1, 2]) peer.hear(id, { state: "LOOKING", leader: 3, zxid: "4.2" });
  for (const serverId of followers) {
    const channel = host.channel(`${serverId}`);
    const type = PacketType.FollowerInfo;
    const acceptedEpochZxid = makeZxid(4, 0);
    peer.turn(() => peer.peer.learnerConnected(channel));
    const messages = [
      written((writer) =>
        writeLearnerInfo(writer, { type, acceptedEpochZxid, serverId, configVersion: 0 })
      ),
      written((writer) => writeAckEpoch(writer, zxidOf("4.2"), 4)),
      packetBytes({ type: PacketType.Ack, zxid: zxidOf("5.0") }),
    ];
    for (const bytes of messages) {
      peer.turn(() => peer.peer.learnerReceived(channel, bytes));
      peer.turn(() => peer.peer.learnerDrained(channel));
    }
  }
  assert.equal(peer.peer.leader!.phase, "broadcast");
  host.takeTrace();
  return { host, peer };
}

Deno.test("Peer.transferLead() ends the role and votes for others only", () => {
  const { host, peer } = leading([1, 2]);
  peer.turn(() => assert.deepEqual(peer.peer.transferLead(null), { successor: 2 }));
  assert.deepEqual(host.takeTrace(), ["no clients", "not listening"]);
  assert.equal(peer.peer.state, "LOOKING");
  peer.wait(100);
  assert.equal(peer.vote!.leader, NO_SERVER_ID);
  const vote = { leader: 2, zxid: "5.0", peerEpoch: 5, electionEpoch: 2 };
  peer.hear(2, { state: "LEADING", ...vote });
  peer.hear(1, { state: "FOLLOWING", ...vote });
  assert.deepEqual(host.takeTrace(), ["connect to 127.0.0.2"]);
});

Deno.test("Peer.transferLead() stands in elections again once another one has led", () => {
  const { peer } = leading([1, 2]);
  peer.turn(() => peer.peer.transferLead(null));
  peer.wait(100);
  const vote = { leader: 2, zxid: "5.0", peerEpoch: 5, electionEpoch: 2 };
  peer.hear(2, { state: "LEADING", ...vote });
  peer.hear(1, { state: "FOLLOWING", ...vote });
  peer.accept();
  peer.receive(say.leaderInfo(6), say.diff("4.2"), say.newLeader(6), say.upToDate());
  assert.equal(peer.peer.learner!.stage, "broadcast");
  peer.leaderCloses();
  peer.wait(100); // long before its 10 s are over
  assert.equal(peer.vote!.leader, 3);
});

Deno.test("Peer.transferLead() stands in elections again when nobody else came to lead", () => {
  const { peer } = leading([1, 2]);
  peer.turn(() => peer.peer.transferLead(null));
  peer.wait(9000);
  assert.equal(peer.vote!.leader, NO_SERVER_ID);
  peer.wait(2000);
  assert.equal(peer.vote!.leader, 3);
});

Deno.test("Peer.transferLead() changes nothing where it is refused", () => {
  const { host, peer } = leading([1]);
  const refusal = (to: number | null) => {
    const transfer = peer.peer.transferLead(to);
    return "refusal" in transfer ? transfer.refusal : "";
  };
  peer.turn(() => assert.match(refusal(null), /no quorum without this server .*not in sync: 2/));
  assert.deepEqual(host.takeTrace(), []);
  assert.equal(peer.peer.state, "LEADING");
  const follower = new ScriptedPeer(new MemberFixture({ logged: ["4.1-2"] }));
  follower.start();
  follower.follow();
  follower.turn(() => {
    assert.deepEqual(follower.peer.transferLead(null), { refusal: "this server does not lead" });
  });
  assert.equal(follower.peer.state, "FOLLOWING");
});
