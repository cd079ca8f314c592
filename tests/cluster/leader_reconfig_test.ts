/**
 * A leader changes the members, of which it may be none itself any more.
 *
 * @module
 */
import assert from "node:assert/strict";
import { Leader } from "../../cluster/leader.ts";
import { readCommitAndActivate, writeAckEpoch } from "../../cluster/packet_bodies.ts";
import {
  readInformAndActivate,
  writeLearnerInfo,
  writeRequest,
} from "../../cluster/packet_bodies.ts";
import type { QuorumConfig } from "../../cluster/quorum_config.ts";
import { PacketType, writeBarePacket } from "../../cluster/quorum_packet.ts";
import { ErrorCode } from "../../core/errors.ts";
import { readTxnRecord } from "../../core/txn/txn.ts";
import { decodeUtf8, JuteReader } from "../../core/wire/jute.ts";
import { makeZxid } from "../../core/zxid.ts";
import { ensembleConfig } from "../support/ensemble_config.ts";
import { create, reconfig, type Request } from "../support/requests.ts";
import { FakeChannel, MemberFixture, written } from "./member_fixture.ts";

const OPEN_IDS = [{ scheme: "ip", id: "127.0.0.1" }];
const SESSION = 0x700000000000001n;

Deno.test("Leader proposes a reconfig with its zxid as version, and commits it with both quorums", () => {
  const led = new Led({ voters: [1, 2, 3], learners: [1, 2, 4], observers: [5] });
  led.ask(reconfig({ joining: line(4) }));
  assert.deepEqual(led.said(1), ["PROPOSAL 1.2"]);
  assert.deepEqual(led.said(4), ["PROPOSAL 1.2"], "who joins gets it too");
  assert.deepEqual(led.said(5), []);
  const { lastSeen, committed } = led.fixture.member.membership;
  assert.deepEqual([lastSeen.version, [...lastSeen.voters]], [makeZxid(1, 2), [1, 2, 3, 4]]);
  assert.equal(committed.version, makeZxid(1, 0));
  led.log();
  led.ack(1, makeZxid(1, 2));
  assert.deepEqual(led.said(1), [], "half of the new members is no quorum");
  led.ack(4, makeZxid(1, 2));
  const [activate] = led.channel(1).flushPackets();
  assert.equal(activate!.type, PacketType.CommitAndActivate);
  assert.equal(readCommitAndActivate(activate!.data), 3);
  const [inform] = led.channel(5).flushPackets();
  assert.equal(inform!.type, PacketType.InformAndActivate);
  const { designatedLeader, txn } = readInformAndActivate(inform!.data);
  assert.equal(designatedLeader, 3);
  const record = readTxnRecord(new JuteReader(txn));
  assert(record.txn.kind === "setData" && record.txn.version === -1);
  assert.equal(decodeUtf8(record.txn.data!), led.fixture.member.membership.committed.toText());
  assert.deepEqual(led.fixture.stored.slice(-2), ["next 1.2", "committed 1.2"]);
  // it leads on, by the new members
  led.ask(create("/a"));
  led.log();
  led.ack(1, makeZxid(1, 3));
  assert.deepEqual(led.said(1), ["PROPOSAL 1.3"]);
  led.ack(4, makeZxid(1, 3));
  assert.deepEqual(led.said(1), ["COMMIT 1.3"]);
  assert.equal(led.ended, null);
});

Deno.test("Leader refuses a reconfig while another one is under way, prepared or proposed", () => {
  const led = new Led({ voters: [1, 2, 3], learners: [1, 2] });
  led.beginTurn();
  led.request(reconfig({ leaving: "1" }));
  led.request(reconfig({ leaving: "2" }));
  led.leader.propose();
  led.ask(reconfig({ leaving: "2" }));
  assert.deepEqual(led.errors(1), [0, ErrorCode.ReconfigInProgress, ErrorCode.ReconfigInProgress]);
  led.log();
  led.ack(2, makeZxid(1, 4)); // 1 does not count any more: 2 and 3 are a quorum of both
  led.said(1);
  led.ask(reconfig({ leaving: "9", version: BigInt(makeZxid(1, 2)) }));
  assert.deepEqual(led.errors(1), [0], "the one before is done");
});

Deno.test("Leader forgets a reconfig that may not be", () => {
  const led = new Led({ voters: [1, 2, 3], learners: [1, 2], skipAcl: false });
  led.ask(reconfig({ leaving: "1" }));
  led.ask(reconfig({ leaving: "1" }));
  assert.deepEqual(led.errors(1), [ErrorCode.NoAuth, ErrorCode.NoAuth]);
  assert.equal(led.fixture.member.membership.lastSeen.version, makeZxid(1, 0));
});

Deno.test("Leader that is removed names the next one, commits nothing more and waits for all to leave", () => {
  const led = new Led({ voters: [1, 2, 3], learners: [1, 2], observers: [5] });
  led.beginTurn();
  led.request(reconfig({ leaving: "3" }));
  led.request(create("/behind"));
  led.leader.propose();
  led.log();
  led.ack(1, makeZxid(1, 2));
  led.said(1);
  led.ack(2, makeZxid(1, 3)); // it is further ahead
  const [activate] = led.channel(1).flushPackets();
  assert.equal(readCommitAndActivate(activate!.data), 2);
  led.ack(1, makeZxid(1, 3));
  led.ask(create("/later"));
  assert.deepEqual(led.said(1), [], "nothing is proposed or committed behind it");
  assert.deepEqual(led.leader.successor, { leader: 2, zxid: makeZxid(1, 2) });
  led.leader.closed(led.channel(1));
  led.leader.closed(led.channel(5));
  assert.equal(led.ended, null, "what 2 was told may be on its way");
  led.leader.closed(led.channel(2));
  assert.equal(led.ended, "a reconfig gave the lead to others");
});

Deno.test("Leader does not wait for ever for those who should leave", () => {
  const led = new Led({ voters: [1, 2, 3, 4], learners: [1, 2, 4] });
  led.ask(reconfig({ leaving: "3" }));
  led.log();
  for (const id of [1, 2, 4]) led.ack(id, makeZxid(1, 2));
  for (let tick = 0; tick < 5; tick++) {
    assert.equal(led.ended, null);
    led.pass(1000);
    for (const id of [1, 2, 4]) led.pong(id);
  }
  led.pass(1000);
  assert.notEqual(led.ended, null);
  assert.equal(led.leader.successor?.leader, 1);
});

Deno.test("Leader prefers a next leader that is connected", () => {
  const led = new Led({ voters: [1, 2, 3, 4, 5], learners: [1, 2, 4, 5] });
  led.ask(reconfig({ leaving: "3" }));
  led.log();
  led.ack(1, makeZxid(1, 2));
  led.leader.closed(led.channel(1));
  for (const id of [2, 4]) led.ack(id, makeZxid(1, 2));
  assert.equal(led.leader.successor?.leader, 2);
});

Deno.test("Leader finishes a reconfig of before with quorums of both, and leads on", () => {
  const led = new Led({
    voters: [1, 2, 3],
    next: [3, 4, 5],
    learners: [1, 4],
    isEstablished: false,
  });
  assert.equal(led.leader.phase, "synchronization", "1, 3 and 4 are quorums of old and new");
  const [, newLeader] = led.channel(4).flushPackets().slice(-2);
  assert.equal(newLeader!.type, PacketType.NewLeader);
  assert.match(decodeUtf8(newLeader!.data!), /server\.5=.*\nversion=5$/);
  led.ackNewLeader(1);
  assert.equal(led.leader.phase, "synchronization", "of the new ones only 3");
  led.ackNewLeader(4);
  assert.equal(led.leader.phase, "broadcast");
  assert.deepEqual(led.fixture.stored, ["committed 0.5"]);
  assert.equal(led.isServing, true);
});

Deno.test("Leader that finishes a reconfig of before without itself lets an election follow", () => {
  const led = new Led({ voters: [1, 2, 3], next: [1, 2], learners: [1, 2], isEstablished: false });
  led.ackNewLeader(1);
  led.ackNewLeader(2);
  assert.equal(led.said(1).at(-1), "UPTODATE", "by which it adopts the new members");
  assert.equal(led.isServing, false);
  led.ask(create("/in-vain"));
  assert.deepEqual(led.said(1), []);
  led.leader.closed(led.channel(1));
  led.leader.closed(led.channel(2));
  assert.notEqual(led.ended, null);
  assert.equal(led.leader.successor, null);
});

function line(id: number): string {
  return `server.${id}=127.0.0.1:${2900 + id}:${3000 + id}:participant;127.0.0.1:${2000 + id}`;
}

/** Server 3 leads epoch 1, in which the first txn made a session. */
class Led {
  readonly fixture: MemberFixture;
  readonly leader: Leader;
  ended: string | null = null;
  isServing = false;
  readonly #channels = new Map<number, FakeChannel>();
  #cxid = 1;

  constructor({ voters, next, learners, observers = [], skipAcl = true, isEstablished = true }: {
    voters: readonly number[];
    /** Voters of version 5, which was proposed and is not committed. */
    next?: readonly number[];
    /** Who follow, with a vote or without. */
    learners: readonly number[];
    observers?: readonly number[];
    skipAcl?: boolean;
    isEstablished?: boolean;
  }) {
    const committed = ensembleConfig({ voters, observers });
    const lastSeen: QuorumConfig = next === undefined
      ? committed
      : ensembleConfig({ voters: next, version: 5 });
    this.fixture = new MemberFixture({
      serverId: 3,
      acceptedEpoch: 0,
      currentEpoch: 0,
      committed,
      lastSeen,
      isDynamic: true,
      settings: { skipACL: skipAcl ? "yes" : "no" },
    });
    this.leader = new Leader({
      member: this.fixture.member,
      nowMs: this.fixture.nowMs,
      onEstablished: () => this.isServing = true,
      onEnd: (reason) => this.ended = reason,
    });
    this.beginTurn();
    this.leader.start();
    const all = [...learners, ...observers];
    for (const id of all) this.#info(id, observers.includes(id));
    for (const id of all) this.#receive(id, (writer) => writeAckEpoch(writer, 0, 0));
    if (!isEstablished) return;
    for (const id of all) this.ackNewLeader(id);
    assert.equal(this.leader.phase, "broadcast");
    this.#makeSession(learners[0]!);
    this.log();
    for (const id of learners) this.ack(id, makeZxid(1, 1));
    for (const id of all) this.said(id);
  }

  channel(id: number): FakeChannel {
    return this.#channels.get(id)!;
  }

  said(id: number): string[] {
    return this.channel(id).flush().filter((text) => !text.startsWith("PING"));
  }

  beginTurn(): void {
    this.leader.beginTurn(this.fixture.time);
  }

  log(): void {
    this.fixture.storage.sync();
  }

  pass(ms: number): void {
    this.fixture.nowMs += ms;
    this.beginTurn();
    this.leader.tick();
  }

  /** A turn with one request of a client of the first learner. */
  ask(request: Request): void {
    this.beginTurn();
    this.request(request);
    this.leader.propose();
  }

  request({ type, body }: Request): void {
    const [first] = this.#channels.keys();
    const forwarded = { sessionId: SESSION, cxid: this.#cxid++, opCode: type, body };
    this.#receive(first!, (writer) => writeRequest(writer, forwarded, OPEN_IDS));
  }

  ack(id: number, zxid: number): void {
    this.#receive(id, (writer) => writeBarePacket(writer, PacketType.Ack, zxid));
  }

  ackNewLeader(id: number): void {
    this.ack(id, makeZxid(1, 0));
  }

  pong(id: number): void {
    this.#receive(id, (writer) => writeBarePacket(writer, PacketType.Ping, 0));
  }

  /** Of the proposals since the last look: 0, or the code of an error txn. */
  errors(id: number): number[] {
    return this.channel(id).flushPackets().filter(({ type }) => type === PacketType.Proposal)
      .map(({ data }) => {
        const { txn } = readTxnRecord(new JuteReader(data!));
        return txn.kind === "error" ? txn.err : 0;
      });
  }

  #makeSession(id: number): void {
    const body = new Uint8Array([0, 0, 0x75, 0x30]);
    const request = { sessionId: SESSION, cxid: 0, opCode: -10, body };
    this.#receive(id, (writer) => writeRequest(writer, request, null));
    this.leader.propose();
  }

  #info(serverId: number, isObserver: boolean): void {
    const channel = new FakeChannel(`${serverId}`);
    this.#channels.set(serverId, channel);
    this.leader.connected(channel);
    const type = isObserver ? PacketType.ObserverInfo : PacketType.FollowerInfo;
    const info = { type, acceptedEpochZxid: 0, serverId, configVersion: 0 };
    this.#receive(serverId, (writer) => writeLearnerInfo(writer, info));
  }

  #receive(id: number, write: Parameters<typeof written>[0]): void {
    this.leader.received(this.channel(id), written(write));
  }
}
