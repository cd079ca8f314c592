/**
 * The role LEADING: finds out the new epoch, brings a quorum to our history, then orders all writes
 * (quorum protocol sections 6, 7, 9 to 12).
 *
 * Reads what learners send, writes to their channels, and asks the member's ports; time comes in by
 * `tick`. When it cannot go on it says so once (`onEnd`) and does nothing more.
 *
 * Invariants: a quorum has accepted the epoch before anybody is synchronised to it; a proposal is committed
 * only when a quorum has it on disk, in zxid order; NEWLEADER follows all that a learner lacks.
 *
 * @module
 */
import { DecodeError, ProtocolError } from "../core/errors.ts";
import type { TurnTime } from "../core/server/replies.ts";
import type { RequestProcessor } from "../core/server/request_processor.ts";
import type { WritePipeline } from "../core/server/write_pipeline.ts";
import { epochOf, makeZxid, type Zxid, zxidToHex } from "../core/zxid.ts";
import { Broadcast } from "./broadcast.ts";
import { EpochAgreement } from "./epoch_agreement.ts";
import { LearnerHandler, LOST, STRANGE } from "./learner_handler.ts";
import { type Channel, initLimitMs, type Member, syncLimitMs } from "./member.ts";
import {
  PROTOCOL_VERSION,
  readAckEpoch,
  readLearnerInfo,
  writeLeaderInfo,
} from "./packet_bodies.ts";
import {
  PacketType,
  type QuorumPacket,
  writeBarePacket,
  writePacket,
  writeProposal,
} from "./quorum_packet.ts";
import { canLeadOn } from "./reconfig.ts";
import type { ServerId } from "./server_id.ts";
import { mustWaitForSync } from "./sync_throttle.ts";

export type LeaderPhase = "discovery" | "synchronization" | "broadcast";

/** Whom a reconfig names as the next leader. */
export interface Successor {
  leader: ServerId;
  /** Of the reconfig. */
  zxid: Zxid;
}

export interface LeaderOptions {
  member: Member;
  nowMs: number;
  /** A quorum follows: clients may come. */
  onEstablished: (processor: RequestProcessor<WritePipeline>, epoch: number) => void;
  /** The role is over, and why. */
  onEnd: (reason: string) => void;
}

export class Leader {
  readonly #options: LeaderOptions;
  readonly #member: Member;
  readonly #learners = new Map<Channel, LearnerHandler>();
  #phase: LeaderPhase = "discovery";
  #hasEnded = false;
  readonly #startMs: number;
  #nowMs: number;
  /** What must be reached by then, before broadcast. */
  #phaseDeadlineMs: number;
  #nextPingMs: number;
  #nextQuorumCheckMs: number;
  readonly #agreement: EpochAgreement;
  readonly #newLeaderAcks = new Set<ServerId>();
  /** Whom our log did not bring to our history: the next time they get our tree. */
  readonly #lost = new Set<ServerId>();
  #nextAnonymousId = -1;
  /** Of the history that we began with: all of it is committed when a quorum has it. */
  readonly #historyZxid: Zxid;
  /** Null until established. */
  #broadcast: Broadcast | null = null;
  /** New members go on without us as the leader: when learners must have left. Monotonic. */
  #leavingDeadlineMs: number | null = null;
  #successor: Successor | null = null;

  constructor(options: LeaderOptions) {
    this.#options = options;
    const { member, nowMs } = options;
    this.#member = member;
    this.#nowMs = this.#startMs = nowMs;
    const { history } = member;
    const { epochs, lastLoggedZxid: zxid } = history;
    this.#agreement = new EpochAgreement(member.membership, {
      currentEpoch: epochs.currentEpoch,
      zxid,
    });
    this.#historyZxid = zxid;
    this.#phaseDeadlineMs = nowMs + initLimitMs(member);
    this.#nextPingMs = nowMs;
    this.#nextQuorumCheckMs = nowMs;
  }

  /** To be called once: a quorum by itself is established at once. */
  start(): void {
    const { serverId, history } = this.#member;
    this.#register(serverId, history.epochs.acceptedEpoch);
  }

  /** Tells the time of all that follows until the next call. */
  beginTurn(time: TurnTime): void {
    this.#nowMs = time.nowMs;
    this.#broadcast?.beginTurn(time);
  }

  get phase(): LeaderPhase {
    return this.#phase;
  }

  /** 0 until it is agreed on. */
  get epoch(): number {
    return this.#agreement.epoch;
  }

  /** Who leads when we do not any more; null: an election has to find out. */
  get successor(): Successor | null {
    return this.#successor;
  }

  get learners(): Iterable<LearnerHandler> {
    return this.#learners.values();
  }

  /** Null until clients may come. */
  get broadcast(): Broadcast | null {
    return this.#broadcast;
  }

  get lastProposed(): Zxid {
    return this.#broadcast?.lastProposed ?? makeZxid(this.epoch, 0);
  }

  get #lastCommitted(): Zxid {
    return this.#broadcast?.lastCommitted ?? this.#historyZxid;
  }

  /** A voter looks for a leader again: without it an epoch may never be agreed on (ZOOKEEPER-3109). */
  voterLooking(serverId: ServerId): void {
    const { maxTimeToWaitForEpochMs } = this.#member.config.ensemble;
    if (this.#phase !== "discovery" || maxTimeToWaitForEpochMs < 0) return;
    if (this.#nowMs - this.#startMs < maxTimeToWaitForEpochMs) return;
    if (!this.#member.membership.committed.voters.has(serverId)) return;
    this.#end(`server ${serverId} looks for another leader`);
  }

  // ---------------------------------------------------------------- connections

  /** A learner has connected. */
  connected(channel: Channel): void {
    const superfluous = LearnerHandler.superfluous(this.#learners.values());
    if (superfluous !== null) this.#drop(superfluous, STRANGE);
    const learner = new LearnerHandler({ channel, member: this.#member, nowMs: this.#nowMs });
    this.#learners.set(channel, learner);
  }

  /** Bytes of a learner; borrowed. */
  received(channel: Channel, bytes: Uint8Array): void {
    const learner = this.#learners.get(channel);
    if (learner === undefined || this.#hasEnded) return;
    const isFollowing = learner.stage === "synced" && this.#broadcast !== null;
    const limitMs = isFollowing ? syncLimitMs(this.#member) : initLimitMs(this.#member);
    learner.readDeadlineMs = this.#nowMs + limitMs;
    try {
      learner.packets.push(bytes);
      for (let packet = learner.packets.next(); packet !== null; packet = learner.packets.next()) {
        if (learner.stage === "synced") {
          learner.syncedDeadlineMs = this.#nowMs + syncLimitMs(this.#member);
        }
        learner.packetsReceived++;
        this.#packet(learner, packet);
        if (learner.isClosed || this.#hasEnded) return;
      }
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#drop(learner, error.message);
    }
  }

  /** All that was written to a channel is sent. */
  drained(channel: Channel): void {
    const learner = this.#learners.get(channel);
    if (learner === undefined || this.#hasEnded) return;
    learner.drained(this.#nowMs);
    if (learner.stage === "catchingUp") this.#continueSync(learner);
  }

  closed(channel: Channel): void {
    const learner = this.#learners.get(channel);
    if (learner !== undefined) this.#drop(learner, "it closed the connection");
  }

  #drop(learner: LearnerHandler, reason: string): void {
    if (learner.isClosed) return;
    learner.close();
    this.#learners.delete(learner.channel);
    this.#member.logger.warn("learner gone", {
      serverId: learner.serverId,
      role: this.#roleOf(learner),
      address: learner.channel.remoteAddress,
      stage: learner.stage,
      reason,
    });
    if (learner.isObserver && learner.isSyncing) this.#syncWaiting();
    if (!this.#isConnected(learner.serverId)) this.#broadcast?.forget(learner); // else it came back before
    if (this.#leavingDeadlineMs !== null && !this.#hasFollowers()) this.#endLeaving();
  }

  /** For log lines. */
  #roleOf({ serverId, isObserver, stage }: LearnerHandler): string {
    if (stage === "info") return "unknown";
    if (isObserver) return "observer";
    return this.#member.membership.lastSeen.voters.has(serverId)
      ? "follower"
      : "follower without a vote";
  }

  #isConnected(serverId: ServerId): boolean {
    for (const learner of this.#learners.values()) if (learner.serverId === serverId) return true;
    return false;
  }

  #hasFollowers(): boolean {
    for (const learner of this.#learners.values()) if (learner.isForwarding) return true;
    return false;
  }

  /**
   * The new members are committed, and have no place for us as a leader: learners are told so, and leave by
   * themselves. Closing their connections might take that message from them.
   */
  #leave(successor: Successor | null): void {
    this.#successor = successor;
    this.#leavingDeadlineMs = this.#nowMs + syncLimitMs(this.#member);
    if (!this.#hasFollowers()) this.#endLeaving();
  }

  #endLeaving(): void {
    this.#end("a reconfig gave the lead to others");
  }

  /** Steps down: learners and their connections are let go. */
  close(): void {
    this.#hasEnded = true;
    for (const learner of this.#learners.values()) learner.close();
    this.#learners.clear();
  }

  #end(reason: string): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#options.onEnd(reason);
  }

  // ---------------------------------------------------------------- time

  /** To be called every few milliseconds; does what is due. */
  tick(): void {
    if (this.#hasEnded) return;
    const nowMs = this.#nowMs;
    if (this.#phase !== "broadcast" && nowMs > this.#phaseDeadlineMs) {
      return this.#end(
        this.#phase === "discovery"
          ? `no quorum of voters came within initLimit: ${
            this.#missing(this.#agreement.registered)
          }`
          : `no quorum was synchronised within initLimit: ${this.#missing(this.#newLeaderAcks)}`,
      );
    }
    if (this.#leavingDeadlineMs !== null && nowMs > this.#leavingDeadlineMs) {
      return this.#endLeaving();
    }
    for (const learner of [...this.#learners.values()]) {
      if (nowMs > learner.readDeadlineMs) {
        this.#drop(learner, "nothing was heard of it for too long");
      }
    }
    if (nowMs >= this.#nextPingMs) {
      const { tickTimeMs } = this.#member.config;
      this.#nextPingMs = nowMs + tickTimeMs / 2;
      this.#ping();
    }
    if (this.#phase === "broadcast" && nowMs >= this.#nextQuorumCheckMs) this.#checkQuorum();
  }

  #ping(): void {
    for (const learner of [...this.#learners.values()]) {
      if (!learner.isForwarding) continue;
      const limitMs = syncLimitMs(this.#member);
      if (
        learner.stage === "synced" && !learner.isObserver &&
        learner.isLate(this.#nowMs, this.lastProposed, limitMs)
      ) {
        this.#drop(learner, "a proposal was not acknowledged within syncLimit");
        continue;
      }
      writeBarePacket(learner.channel.writer(), PacketType.Ping, this.lastProposed);
      learner.packetsSent++;
    }
  }

  #checkQuorum(): void {
    this.#nextQuorumCheckMs = this.#nowMs + this.#member.config.tickTimeMs;
    const synced = this.syncedServers();
    if (this.#member.membership.isQuorum(synced)) return;
    this.#end(`only ${synced.size} synchronised servers are left: ${this.#missing(synced)}`);
  }

  /** Who follows, ourselves included. */
  syncedServers(): Set<ServerId> {
    const synced = new Set([this.#member.serverId]);
    for (const learner of this.#learners.values()) {
      if (learner.stage === "synced" && this.#nowMs <= learner.syncedDeadlineMs) {
        synced.add(learner.serverId);
      }
    }
    return synced;
  }

  #missing(present: ReadonlySet<ServerId>): string {
    const voters = [...this.#member.membership.lastSeen.voters];
    return `servers ${voters.filter((id) => !present.has(id)).join(", ")} are missing`;
  }

  // ---------------------------------------------------------------- packets

  #packet(learner: LearnerHandler, packet: QuorumPacket): void {
    switch (learner.stage) {
      case "info":
        return this.#info(learner, packet);
      case "ackEpoch":
        if (packet.type !== PacketType.AckEpoch) throw new DecodeError("ACKEPOCH was expected");
        if (this.epoch === 0) throw new DecodeError("ACKEPOCH came before LEADERINFO");
        return this.#ackEpoch(learner, packet);
      case "ackNewLeader":
        if (packet.type !== PacketType.Ack) {
          throw new DecodeError("the ACK of NEWLEADER was expected");
        }
        return this.#ackNewLeader(learner, packet.zxid);
      case "synced":
        if (this.#broadcast !== null) return this.#broadcast.packet(learner, packet);
        if (packet.type === PacketType.Ack) return this.#earlyAck(learner, packet.zxid);
        throw new DecodeError(`packet type ${packet.type} came before UPTODATE`);
      default:
        throw new DecodeError(`packet type ${packet.type} came before its time`);
    }
  }

  #info(learner: LearnerHandler, packet: QuorumPacket): void {
    const { type } = packet;
    if (type !== PacketType.FollowerInfo && type !== PacketType.ObserverInfo) {
      throw new DecodeError(`packet type ${type} where FOLLOWERINFO or OBSERVERINFO was expected`);
    }
    const info = readLearnerInfo(packet.data);
    learner.serverId = info.serverId ?? this.#nextAnonymousId--;
    // its acks would stand for our own disk
    if (learner.serverId === this.#member.serverId) return this.#drop(learner, "it has our id");
    learner.isObserver = type === PacketType.ObserverInfo;
    learner.acceptedEpoch = epochOf(packet.zxid);
    const { committed, canChange } = this.#member.membership;
    if (canChange && info.configVersion > committed.version) {
      return this.#drop(learner, "it knows a newer configuration than we do");
    }
    if (info.protocolVersion < PROTOCOL_VERSION) {
      return this.#drop(learner, "it speaks the protocol of ZooKeeper before 3.4");
    }
    for (const other of [...this.#learners.values()]) {
      if (other !== learner && other.serverId === learner.serverId && other.stage !== "info") {
        this.#drop(other, "it came back on another connection");
      }
    }
    learner.stage = "ackEpoch";
    if (
      this.epoch > 0 && learner.acceptedEpoch > this.epoch &&
      committed.members.has(learner.serverId)
    ) {
      return this.#endForNewerEpoch(learner);
    }
    if (this.epoch > 0) return writeLeaderInfo(learner.channel.writer(), makeZxid(this.epoch, 0));
    this.#register(learner.serverId, learner.acceptedEpoch);
  }

  /**
   * A member promised a newer epoch to a leader that never was, so it may not follow us, ever. Where
   * ZooKeeper leaves it outside until the leader changes by itself, we end: the next epoch is newer.
   */
  #endForNewerEpoch({ serverId, acceptedEpoch }: LearnerHandler): void {
    this.#member.history.epochs.writeAccepted(acceptedEpoch); // whoever leads next hears of it from us
    this.#end(`server ${serverId} has accepted epoch ${acceptedEpoch}, which is newer than ours`);
  }

  /** The epoch is settled as soon as a quorum of voters has said which ones it knows. */
  #register(id: ServerId, acceptedEpoch: number): void {
    if (!this.#agreement.register(id, acceptedEpoch)) return;
    const { history, logger, serverId } = this.#member;
    history.epochs.writeAccepted(this.epoch); // before anybody hears of it
    logger.info("new epoch accepted by a quorum", { epoch: this.epoch });
    this.#phaseDeadlineMs = this.#nowMs + initLimitMs(this.#member);
    for (const learner of this.#learners.values()) {
      if (learner.stage !== "ackEpoch") continue;
      writeLeaderInfo(learner.channel.writer(), makeZxid(this.epoch, 0));
    }
    this.#agreement.acknowledge(serverId, history.epochs.currentEpoch, history.lastLoggedZxid);
    this.#checkAgreement();
  }

  #ackEpoch(learner: LearnerHandler, packet: QuorumPacket): void {
    const currentEpoch = readAckEpoch(packet.data);
    learner.lastLoggedZxid = packet.zxid;
    if (this.#phase !== "discovery") return this.#beginSync(learner);
    const refusal = this.#agreement.acknowledge(learner.serverId, currentEpoch, packet.zxid);
    if (refusal !== null) return this.#drop(learner, refusal);
    learner.stage = "waitingForEpoch";
    this.#checkAgreement();
  }

  #checkAgreement(): void {
    if (this.#phase !== "discovery" || !this.#agreement.isAgreed) return;
    const { membership, history, serverId, logger } = this.#member;
    history.epochs.writeCurrent(this.epoch); // everything we have is on disk since we began to lead
    this.#phase = "synchronization";
    this.#phaseDeadlineMs = this.#nowMs + initLimitMs(this.#member);
    logger.info("a quorum follows into the new epoch", { epoch: this.epoch });
    const { committed, lastSeen, canChange } = membership;
    if (canChange && committed.version === 0 && lastSeen.version === 0) {
      membership.see(committed.withVersion(makeZxid(this.epoch, 0))); // ZOOKEEPER-1783
    }
    this.#newLeaderAcks.add(serverId);
    for (const learner of [...this.#learners.values()]) {
      if (learner.stage === "waitingForEpoch") this.#beginSync(learner);
    }
    this.#checkEstablished();
  }

  // ---------------------------------------------------------------- synchronisation

  #beginSync(learner: LearnerHandler): void {
    const { config, logger, metrics } = this.#member;
    const sync = learner.chooseSync(this.#lastCommitted, this.#lost.has(learner.serverId));
    const learners = this.#learners.values();
    if (mustWaitForSync(learner, { sync, learners, config: config.ensemble })) {
      learner.stage = "waitingForSync"; // ZooKeeper drops it, and it comes back
      return;
    }
    learner.beginSync(sync, this.#lastCommitted);
    learner.syncStartMs = this.#nowMs;
    (sync.kind === "snap" ? metrics.snapCount : metrics.diffCount).increment();
    this.#countSyncsUnderWay();
    logger.info("synchronising a learner", {
      serverId: learner.serverId,
      role: this.#roleOf(learner),
      by: sync.kind.toUpperCase(),
      from: sync.kind === "snap" ? undefined : sync.source,
      because: sync.kind === "snap" ? sync.reason : undefined,
      itsLastZxid: `0x${zxidToHex(learner.lastLoggedZxid)}`,
      ourLastZxid: `0x${zxidToHex(this.#lastCommitted)}`,
    });
    if (sync.kind !== "snap" && sync.source === "memory") this.#continueSync(learner);
  }

  /** An observer has what it lacked, or is gone. */
  #syncWaiting(): void {
    for (const learner of [...this.#learners.values()]) {
      if (learner.stage === "waitingForSync") this.#beginSync(learner);
    }
  }

  #continueSync(learner: LearnerHandler): void {
    const progress = learner.continueSync(this.#lastCommitted);
    if (progress === "more") {
      const deadlineMs = this.#nowMs + initLimitMs(this.#member);
      learner.readDeadlineMs = deadlineMs;
      // what is large takes longer than initLimit, for ever if it were begun anew each time
      if (this.#phase === "synchronization") this.#phaseDeadlineMs = deadlineMs;
      return;
    }
    if (progress === "lost") {
      this.#lost.add(learner.serverId);
      return this.#drop(learner, LOST);
    }
    // from here on it gets what is proposed, so nothing falls between
    const writer = learner.channel.writer();
    if (!learner.isObserver) {
      const { proposals } = this.#member.history;
      proposals.forEachOutstanding(this.#lastCommitted, (zxid, buffer, start, end) => {
        writeProposal(writer, zxid, buffer, start, end);
        return true;
      });
    }
    learner.ackedZxid = this.#lastCommitted;
    learner.stage = "ackNewLeader";
    this.#countSyncsUnderWay();
    writePacket(writer, {
      type: PacketType.NewLeader,
      zxid: makeZxid(this.epoch, 0),
      data: encoder.encode(this.#member.membership.lastSeen.toText()),
    });
  }

  #countSyncsUnderWay(): void {
    let snapCount = 0;
    let diffCount = 0;
    for (const { stage, syncKind } of this.#learners.values()) {
      if (stage !== "catchingUp") continue;
      if (syncKind === "snap") snapCount++;
      else diffCount++;
    }
    this.#member.metrics.inflightSnapCount.add(snapCount);
    this.#member.metrics.inflightDiffCount.add(diffCount);
  }

  #ackNewLeader(learner: LearnerHandler, zxid: Zxid): void {
    // a learner of 3.8 may acknowledge proposals before NEWLEADER (ZOOKEEPER-4685)
    if (zxid !== makeZxid(this.epoch, 0)) return this.#earlyAck(learner, zxid);
    learner.stage = "synced";
    this.#lost.delete(learner.serverId);
    if (learner.isObserver) this.#syncWaiting();
    this.#member.logger.info("learner synchronised", {
      serverId: learner.serverId,
      role: this.#roleOf(learner),
      by: learner.syncKind.toUpperCase(),
      bytes: learner.syncBytes,
      ms: Math.round(this.#nowMs - learner.syncStartMs),
    });
    if (this.#broadcast !== null) return this.#admit(learner, this.#broadcast);
    learner.readDeadlineMs = this.#phaseDeadlineMs; // it has nothing more to say until UPTODATE
    this.#newLeaderAcks.add(learner.serverId);
    this.#checkEstablished();
  }

  #admit(learner: LearnerHandler, broadcast: Broadcast): void {
    learner.syncedDeadlineMs = learner.readDeadlineMs = this.#nowMs + syncLimitMs(this.#member);
    broadcast.admit(learner);
  }

  /** Of a proposal, before its acks count. What came with a DIFF may be acknowledged as well. */
  #earlyAck(learner: LearnerHandler, zxid: Zxid): void {
    if (zxid > this.lastProposed) throw new DecodeError("an ACK of what was never proposed");
    learner.earlyAck = Math.max(learner.earlyAck, zxid);
  }

  #checkEstablished(): void {
    const { membership, config } = this.#member;
    if (this.#phase !== "synchronization" || !membership.isQuorum(this.#newLeaderAcks)) return;
    const { committed: before } = membership;
    membership.adopt(membership.lastSeen);
    this.#phase = "broadcast";
    const broadcast = this.#broadcast = new Broadcast({
      member: this.#member,
      epoch: this.epoch,
      nowMs: this.#nowMs,
      learners: () => this.#learners.values(),
      syncedServers: () => this.syncedServers(),
      onHandOver: (leader, zxid) => this.#leave({ leader, zxid }),
      onEnd: (reason) => this.#end(reason),
    });
    this.#nextQuorumCheckMs = this.#nowMs + config.tickTimeMs;
    // the last reconfig may have been interrupted: it is complete now
    const leadsOn = canLeadOn(this.#member.serverId, before, membership.committed);
    if (leadsOn) this.#options.onEstablished(broadcast.processor, this.epoch);
    else broadcast.stop();
    for (const learner of this.#learners.values()) {
      if (learner.stage === "synced") this.#admit(learner, broadcast);
    }
    if (!leadsOn) this.#leave(null);
  }

  /** Proposes what was prepared since the last call. To be called at the end of a turn. */
  propose(): void {
    if (!this.#hasEnded) this.#broadcast?.propose();
  }

  /** The role is over, and the log flushed: what is logged is part of our history, committed or not. */
  applyAll(): void {
    this.#broadcast?.applyAll();
  }
}

const encoder = new TextEncoder();
