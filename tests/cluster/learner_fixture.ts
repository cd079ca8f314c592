/**
 * A learner, with a leader that a test plays packet by packet.
 *
 * @module
 */
import { Learner, type LearnerOptions } from "../../cluster/learner.ts";
import { PacketType } from "../../cluster/quorum_packet.ts";
import type { RequestProcessor } from "../../core/server/request_processor.ts";
import { TreeStreamWriter } from "../../core/storage/tree_stream.ts";
import { makeZxid, type Zxid } from "../../core/zxid.ts";
import {
  type FakeChannel,
  MemberFixture,
  type MemberFixtureOptions,
  packetBytes,
  treeOf,
  txnBody,
  zxidOf,
  zxidsOf,
} from "./member_fixture.ts";

/** What a leader says. Zxids are texts: `say.proposal("5.1")`. */
export const say = {
  leaderInfo: (epoch: number) =>
    packetBytes({
      type: PacketType.LeaderInfo,
      zxid: makeZxid(epoch, 0),
      data: new Uint8Array([0, 1, 0, 0]),
    }),
  diff: (zxid: string) => packetBytes({ type: PacketType.Diff, zxid: zxidOf(zxid) }),
  trunc: (zxid: string) => packetBytes({ type: PacketType.Trunc, zxid: zxidOf(zxid) }),
  /** SNAP, the tree of a leader that has these txns, and the signature. */
  snap: (zxid: string, ...txns: readonly string[]) =>
    packetBytes({ type: PacketType.Snap, zxid: zxidOf(zxid) }, treeBytes(zxidsOf(...txns))),
  proposal: (...zxids: readonly string[]) =>
    packetBytes(
      ...zxidsOf(...zxids).map((zxid) => ({
        type: PacketType.Proposal,
        zxid,
        data: txnBody(zxid),
      })),
    ),
  commit: (...zxids: readonly string[]) =>
    packetBytes(...zxidsOf(...zxids).map((zxid) => ({ type: PacketType.Commit, zxid }))),
  inform: (...zxids: readonly string[]) =>
    packetBytes(
      ...zxidsOf(...zxids).map((zxid) => ({
        type: PacketType.Inform,
        zxid,
        data: txnBody(zxid),
      })),
    ),
  /** PROPOSAL and COMMIT of each, as they come behind a DIFF. */
  committed: (...zxids: readonly string[]) =>
    packetBytes(
      ...zxidsOf(...zxids).flatMap((zxid) => [
        { type: PacketType.Proposal, zxid, data: txnBody(zxid) },
        { type: PacketType.Commit, zxid },
      ]),
    ),
  newLeader: (epoch: number) =>
    packetBytes({ type: PacketType.NewLeader, zxid: makeZxid(epoch, 0), data: NO_BYTES }),
  upToDate: () => packetBytes({ type: PacketType.UpToDate, zxid: -1 }),
  ping: (zxid: string) => packetBytes({ type: PacketType.Ping, zxid: zxidOf(zxid) }),
};

export class LearnerFixture extends MemberFixture {
  readonly learner: Learner;
  readonly leader: FakeChannel;
  /** Of clients, once they are served. */
  processor: RequestProcessor | null = null;

  constructor(options: MemberFixtureOptions & { isObserver?: boolean } = {}) {
    super(options);
    const { isObserver = false } = options;
    const learnerOptions: LearnerOptions = {
      member: this.member,
      leader: 3,
      isObserver,
      nowMs: this.nowMs,
      onServing: (processor, epoch) => {
        this.processor = processor;
        this.say(`serving in epoch ${epoch}`);
      },
      onEnd: (reason) => this.say(`end: ${reason}`),
    };
    this.learner = new Learner(learnerOptions);
    this.leader = this.channel("3");
    this.learner.beginTurn(this.time);
  }

  connect(): this {
    this.learner.connected(this.leader);
    return this;
  }

  /** Lets the leader say something; returns what came of it. */
  receive(...messages: readonly Uint8Array[]): string[] {
    this.learner.beginTurn(this.time);
    for (const message of messages) this.learner.received(message);
    return this.takeTrace();
  }

  /** The disk ends what it is at; returns what came of it. */
  finish(): string[] {
    this.storage.finish();
    return this.takeTrace();
  }

  /** The disk makes durable what there is; returns what came of it. */
  sync(): string[] {
    this.storage.sync();
    return this.takeTrace();
  }

  /** Time goes on; returns what came of it. */
  wait(ms: number): string[] {
    this.nowMs += ms;
    this.learner.beginTurn(this.time);
    this.learner.tick();
    return this.takeTrace();
  }

  /** A learner that has come as far as broadcast, by an empty DIFF. */
  static serving(options: MemberFixtureOptions & { isObserver?: boolean } = {}): LearnerFixture {
    const fixture = new LearnerFixture({ logged: ["4.1-2"], ...options }).connect();
    fixture.receive(say.leaderInfo(5), say.diff("4.2"), say.newLeader(5), say.upToDate());
    return fixture;
  }
}

function treeBytes(zxids: readonly Zxid[]): Uint8Array {
  const { tree, sessions } = treeOf(zxids);
  const writer = new TreeStreamWriter({ tree, sessions });
  const pieces: Uint8Array[] = [];
  for (let piece = writer.next(1 << 16); piece !== null; piece = writer.next(1 << 16)) {
    pieces.push(piece.slice());
  }
  writer.close();
  return packetBytes(...pieces);
}

const NO_BYTES = new Uint8Array();
