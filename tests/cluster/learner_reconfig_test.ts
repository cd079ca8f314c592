/**
 * A learner under a reconfig: what it keeps, and whether its role goes on.
 *
 * @module
 */
import assert from "node:assert/strict";
import { Learner } from "../../cluster/learner.ts";
import {
  writeCommitAndActivate,
  writeInformAndActivate,
  writeLeaderInfo,
} from "../../cluster/packet_bodies.ts";
import type { QuorumConfig } from "../../cluster/quorum_config.ts";
import {
  PacketType,
  writeBarePacket,
  writePacket,
  writeProposal,
} from "../../cluster/quorum_packet.ts";
import { writeTxn, writeTxnHeader } from "../../core/txn/txn.ts";
import { encodeUtf8, type JuteWriter } from "../../core/wire/jute.ts";
import { makeZxid } from "../../core/zxid.ts";
import { ensembleConfig } from "../support/ensemble_config.ts";
import { FakeChannel, MemberFixture, written } from "./member_fixture.ts";

const RECONFIG = makeZxid(1, 1);
const BOOT = makeZxid(1, 0);

Deno.test("Learner goes on through a reconfig, or leaves it for what the reconfig makes of it", () => {
  const voters = [1, 2, 3];
  const cases: {
    note: string;
    next: { voters: number[]; observers?: number[] };
    isObserver?: boolean;
    designated?: number;
    ended: string | null;
  }[] = [
    { note: "another one goes", next: { voters: [1, 3] }, ended: null },
    { note: "we go, and follow without a vote", next: { voters: [2, 3] }, ended: null },
    {
      note: "the leader goes",
      next: { voters: [1, 2] },
      designated: 2,
      ended: "a reconfig makes server 2 the leader",
    },
    {
      note: "we shall lead",
      next: { voters: [1, 2] },
      designated: 1,
      ended: "a reconfig makes server 1 the leader",
    },
    {
      note: "we shall observe",
      next: { voters: [2, 3], observers: [1] },
      ended: "a reconfig gives us another role",
    },
    {
      note: "we observe and shall vote",
      isObserver: true,
      next: { voters: [1, 2, 3] },
      ended: "a reconfig gives us another role",
    },
    {
      note: "we observe and are removed",
      isObserver: true,
      next: { voters: [2, 3] },
      ended: "a reconfig gives us another role",
    },
    {
      note: "we observe on",
      isObserver: true,
      next: { voters: [2], observers: [1] },
      ended: null,
    },
  ];
  for (const { note, next: members, isObserver = false, designated = 3, ended } of cases) {
    const committed = isObserver
      ? ensembleConfig({ voters: [2, 3], observers: [1], version: BOOT })
      : ensembleConfig({ voters, version: BOOT });
    const follower = new Following({ committed, isObserver });
    follower.sync(committed);
    const next = ensembleConfig({ ...members, version: RECONFIG });
    if (isObserver) {
      const body = reconfigTxn(next);
      follower.receive((writer) => writeInformAndActivate(writer, RECONFIG, designated, body));
    } else {
      follower.receive((writer) => writeProposal(writer, RECONFIG, ...all(reconfigTxn(next))));
      assert.deepEqual(follower.fixture.stored, ["next 1.1"], note);
      follower.receive((writer) => writeCommitAndActivate(writer, RECONFIG, designated));
    }
    assert.equal(follower.fixture.stored.at(-1), "committed 1.1", note);
    assert.equal(follower.ended, ended, note);
    assert.deepEqual(
      follower.learner.successor,
      ended === null ? null : { leader: designated, zxid: RECONFIG },
      note,
    );
  }
});

Deno.test("Learner leaves reconfigs alone when they are disabled", () => {
  const committed = ensembleConfig({ voters: [1, 2, 3] });
  const follower = new Following({ committed, isEnabled: false });
  follower.sync(committed);
  const next = ensembleConfig({ voters: [1, 2], version: RECONFIG });
  follower.receive((writer) => writeProposal(writer, RECONFIG, ...all(reconfigTxn(next))));
  follower.receive((writer) => writeCommitAndActivate(writer, RECONFIG, 2));
  assert.equal(follower.ended, null);
  assert.equal(follower.fixture.member.membership.committed, committed);
});

Deno.test("Learner adopts with UPTODATE what came with NEWLEADER, and an election follows if it must", () => {
  const cases = [
    { note: "first establishment", next: { voters: [1, 2, 3] }, ended: null },
    {
      note: "the leader finished its own removal",
      next: { voters: [1, 2] },
      ended: /another leader/,
    },
    {
      note: "the leader is elsewhere now",
      next: { voters: [1, 2, 3], port: 4000 },
      ended: /another leader/,
    },
    {
      note: "we observe from now on",
      next: { voters: [2, 3], observers: [1] },
      ended: /another role/,
    },
  ];
  for (const { note, next, ended } of cases) {
    const committed = ensembleConfig({ voters: [1, 2, 3] });
    const follower = new Following({ committed });
    follower.sync(ensembleConfig({ ...next, version: 5 }));
    assert.deepEqual(follower.fixture.stored, ["next 0.5", "committed 0.5"], note);
    if (ended === null) assert.equal(follower.ended, null, note);
    else assert.match(follower.ended ?? "", ended, note);
    assert.equal(follower.learner.successor, null, note);
  }
});

Deno.test("Learner does not adopt with UPTODATE a reconfig that is only proposed", () => {
  const committed = ensembleConfig({ voters: [1, 2, 3], version: BOOT });
  const follower = new Following({ committed });
  const next = ensembleConfig({ voters: [1, 3], version: RECONFIG });
  follower.sync(
    next,
    (writer) => writeProposal(writer, RECONFIG, ...all(reconfigTxn(next))),
  );
  assert.deepEqual(follower.fixture.stored, ["next 1.1"]);
  assert.equal(follower.isServing, true);
  follower.receive((writer) => writeCommitAndActivate(writer, RECONFIG, 3));
  assert.equal(follower.fixture.stored.at(-1), "committed 1.1");
});

Deno.test("Learner forgets a reconfig that a new leader does not know", () => {
  const committed = ensembleConfig({ voters: [1, 2, 3], version: BOOT });
  const lost = ensembleConfig({ voters: [1], version: RECONFIG });
  const follower = new Following({ committed, lastSeen: lost });
  follower.sync(committed);
  assert.deepEqual(follower.fixture.stored, ["no next"]);
  assert.equal(follower.fixture.member.membership.lastSeen, committed);
});

/** Server 1 follows or observes server 3. */
class Following {
  readonly fixture: MemberFixture;
  readonly learner: Learner;
  readonly channel = new FakeChannel("3");
  ended: string | null = null;
  isServing = false;

  constructor({ committed, lastSeen = committed, isObserver = false, isEnabled = true }: {
    committed: QuorumConfig;
    lastSeen?: QuorumConfig;
    isObserver?: boolean;
    isEnabled?: boolean;
  }) {
    this.fixture = new MemberFixture({
      serverId: 1,
      acceptedEpoch: 0,
      currentEpoch: 0,
      committed,
      lastSeen,
      isDynamic: isEnabled,
    });
    this.learner = new Learner({
      member: this.fixture.member,
      leader: 3,
      isObserver,
      nowMs: this.fixture.nowMs,
      onServing: () => this.isServing = true,
      onEnd: (reason) => this.ended = reason,
    });
    this.learner.beginTurn(this.fixture.time);
    this.learner.connected(this.channel);
  }

  /** Everything through UPTODATE. */
  sync(newLeader: QuorumConfig, proposals: (writer: JuteWriter) => void = () => {}): void {
    this.receive((writer) => writeLeaderInfo(writer, BOOT));
    this.receive((writer) => writeBarePacket(writer, PacketType.Diff, 0));
    this.receive(proposals);
    const data = encodeUtf8(newLeader.toText());
    this.receive((writer) => writePacket(writer, { type: PacketType.NewLeader, zxid: BOOT, data }));
    this.receive((writer) => writeBarePacket(writer, PacketType.UpToDate, -1));
  }

  receive(write: (writer: JuteWriter) => void): void {
    this.learner.received(written(write));
  }
}

/** A log record's body. */
function reconfigTxn(config: QuorumConfig): Uint8Array {
  return written((writer) => {
    writeTxnHeader(writer, {
      sessionId: 1n,
      cxid: 1,
      zxid: config.version,
      timeMs: 1_700_000_000_000,
      type: 16,
    });
    writeTxn(writer, {
      kind: "setData",
      path: encodeUtf8("/zookeeper/config"),
      data: encodeUtf8(config.toText()),
      version: -1,
    });
  });
}

function all(bytes: Uint8Array): [Uint8Array, number, number] {
  return [bytes, 0, bytes.length];
}
