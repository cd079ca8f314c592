/**
 * A leader, with learners that a test plays packet by packet.
 *
 * @module
 */
import { Leader } from "../../cluster/leader.ts";
import type { Member } from "../../cluster/member.ts";
import { writeAckEpoch, writeLearnerInfo, writeRequest } from "../../cluster/packet_bodies.ts";
import { PacketType } from "../../cluster/quorum_packet.ts";
import type { RequestProcessor } from "../../core/server/request_processor.ts";
import type { WritePipeline } from "../../core/server/write_pipeline.ts";
import { OpCode } from "../../core/wire/op_code.ts";
import { makeZxid } from "../../core/zxid.ts";
import {
  type FakeChannel,
  MemberFixture,
  type MemberFixtureOptions,
  packetBytes,
  written,
  zxidOf,
} from "./member_fixture.ts";

export class LeaderFixture extends MemberFixture {
  readonly leader: Leader;
  /** Whether a turn ends by making durable what was proposed in it. */
  isDiskQuick = false;
  /** Of clients, once established. */
  processor: RequestProcessor<WritePipeline> | null = null;
  hasEnded = false;

  constructor(options: MemberFixtureOptions & { member?: (member: Member) => Member } = {}) {
    super(options);
    const { member = (member) => member } = options;
    this.leader = new Leader({
      member: member(this.member),
      nowMs: this.nowMs,
      onEstablished: (processor, epoch) => {
        this.processor = processor;
        this.say(`established in epoch ${epoch}`);
      },
      onEnd: (reason) => {
        this.hasEnded = true;
        this.say(`end: ${reason}`);
      },
    });
    this.leader.start();
  }

  /** A learner connects. */
  join(serverId: number): ScriptedLearner {
    const learner = new ScriptedLearner(this, serverId);
    this.turn(() => this.leader.connected(learner.channel));
    return learner;
  }

  /** One turn, with all that follows when its output is sent. */
  turn(run: () => void): void {
    this.leader.beginTurn(this.time);
    run();
    this.leader.propose();
    if (this.isDiskQuick) this.storage.sync();
    this.drain();
  }

  /** Sends all there is, and what is to be sent when that is gone. */
  drain(): void {
    while (this.flush()) {
      for (const channel of this.channels) {
        if (channel.outputBytes === 0) this.leader.drained(channel);
      }
    }
  }

  /** Our own disk makes durable what there is. */
  sync(): string[] {
    this.turn(() => this.storage.sync());
    return this.takeTrace();
  }

  /** Time goes on; returns what came of it. */
  wait(ms: number): string[] {
    this.nowMs += ms;
    this.turn(() => this.leader.tick());
    return this.takeTrace();
  }

  /** Server 1 leads epoch 5; servers 2 to `followers` + 1 follow. */
  static established(
    { followers = 1, ...options }: MemberFixtureOptions & { followers?: number } = {},
  ): { fixture: LeaderFixture; learners: ScriptedLearner[] } {
    const fixture = new LeaderFixture({ logged: ["4.1-2"], ...options });
    const learners = Array.from({ length: followers }, (_, i) => fixture.join(i + 2));
    for (const learner of learners) learner.follow("4.2");
    fixture.takeTrace();
    return { fixture, learners };
  }
}

export class ScriptedLearner {
  readonly serverId: number;
  readonly channel: FakeChannel;
  readonly #fixture: LeaderFixture;

  constructor(fixture: LeaderFixture, serverId: number) {
    this.#fixture = fixture;
    this.serverId = serverId;
    this.channel = fixture.channel(`${serverId}`);
  }

  /** Says something; returns all that came of it. */
  send(bytes: Uint8Array): string[] {
    this.#fixture.turn(() => this.#fixture.leader.received(this.channel, bytes));
    return this.#fixture.takeTrace();
  }

  info(
    { acceptedEpoch = 4, isObserver = false, configVersion = 0 }: {
      acceptedEpoch?: number;
      isObserver?: boolean;
      configVersion?: number;
    } = {},
  ): string[] {
    const { serverId } = this;
    return this.send(written((writer) =>
      writeLearnerInfo(writer, {
        type: isObserver ? PacketType.ObserverInfo : PacketType.FollowerInfo,
        acceptedEpochZxid: makeZxid(acceptedEpoch, 0),
        serverId,
        configVersion,
      })
    ));
  }

  ackEpoch(zxid: string, currentEpoch = 4): string[] {
    return this.send(written((writer) => writeAckEpoch(writer, zxidOf(zxid), currentEpoch)));
  }

  ack(zxid: string): string[] {
    return this.send(packetBytes({ type: PacketType.Ack, zxid: zxidOf(zxid) }));
  }

  ping(zxid: string): string[] {
    return this.send(packetBytes({ type: PacketType.Ping, zxid: zxidOf(zxid) }));
  }

  /** A client of the learner wants a session: the simplest of all txns. */
  createSession(sessionId: number): string[] {
    return this.createSessions([sessionId]);
  }

  /** The same for several, in one piece. */
  createSessions(sessionIds: readonly number[]): string[] {
    return this.send(written((writer) => {
      for (const sessionId of sessionIds) {
        const body = new Uint8Array([0, 0, 0x27, 0x10]); // 10 s
        const request = { sessionId: BigInt(sessionId), cxid: 0, opCode: OpCode.CreateSession };
        writeRequest(writer, { ...request, body }, null);
      }
    }));
  }

  sync(): string[] {
    return this.send(written((writer) => {
      const body = new Uint8Array([0, 0, 0, 1, 0x2f]);
      writeRequest(writer, { sessionId: 1n, cxid: 0, opCode: OpCode.Sync, body }, []);
    }));
  }

  close(): string[] {
    this.#fixture.turn(() => this.#fixture.leader.closed(this.channel));
    return this.#fixture.takeTrace();
  }

  /** Joins an epoch of 5, all the way to the ACK of UPTODATE, if nothing is in between. */
  follow(zxid: string, { isObserver = false } = {}): string[] {
    return [
      ...this.info({ isObserver }),
      ...this.ackEpoch(zxid),
      ...this.ack("5.0"),
      ...this.ack("5.0"),
    ];
  }
}
