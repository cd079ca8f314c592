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
import { assert } from "../core/assert.ts";
import { DecodeError, ProtocolError } from "../core/errors.ts";
import type { LogBatch } from "../core/server/log_batches.ts";
import type { LogSource } from "../core/server/log_source.ts";
import type { TurnTime } from "../core/server/replies.ts";
import type { RequestProcessor } from "../core/server/request_processor.ts";
import { WritePipeline } from "../core/server/write_pipeline.ts";
import { SessionTracker } from "../core/session/session_tracker.ts";
import { JuteReader } from "../core/wire/jute.ts";
import { OpCode } from "../core/wire/op_code.ts";
import { counterOf, epochOf, makeZxid, type Zxid, zxidToHex } from "../core/zxid.ts";
import { ProposalAcks } from "./acks.ts";
import { LearnerHandler } from "./learner_handler.ts";
import { chooseSync } from "./learner_sync.ts";
import { type Channel, initLimitMs, type Member, syncLimitMs } from "./member.ts";
import {
  PROTOCOL_VERSION,
  readAckEpoch,
  readLearnerInfo,
  readPingReply,
  readRequest,
  readRevalidate,
  writeLeaderInfo,
  writeRevalidateReply,
} from "./packet_bodies.ts";
import {
  PacketType,
  type QuorumPacket,
  writeBarePacket,
  writeInform,
  writePacket,
  writeProposal,
} from "./quorum_packet.ts";
import type { ServerId } from "./server_id.ts";

/** The last counter that is given out: the next proposal would run into the epoch (ZOOKEEPER-1277). */
const COUNTER_MAX = 0xffff_fffe;
/** Txns left in an epoch when its end is prepared for. */
const COUNTER_MARGIN = 1000;
/** Learners of 3.4 to 3.10 send no larger packet than a client's request with its ids. */
const PACKET_OVERHEAD_BYTES = 64 << 10;

export type LeaderPhase = "discovery" | "synchronization" | "broadcast";

export interface LeaderOptions {
  member: Member;
  nowMs: number;
  /** A quorum follows: clients may come. */
  onEstablished: (processor: RequestProcessor<WritePipeline>, epoch: number) => void;
  /** The role is over, and why. */
  onEnd: (reason: string) => void;
}

export class Leader implements LogSource {
  readonly #options: LeaderOptions;
  readonly #member: Member;
  readonly #learners = new Map<Channel, LearnerHandler>();
  #phase: LeaderPhase = "discovery";
  #hasEnded = false;
  #nowMs: number;
  /** What must be reached by then, before broadcast. */
  #phaseDeadlineMs: number;
  #nextPingMs: number;
  #nextQuorumCheckMs: number;
  /** 0 until it is agreed on. */
  #epoch = 0;
  #epochMax: number;
  readonly #registered = new Set<ServerId>();
  readonly #epochAcks = new Set<ServerId>();
  readonly #newLeaderAcks = new Set<ServerId>();
  #nextAnonymousId = -1;
  /** What we had when we began to lead; nobody may have more. */
  readonly #summary: { currentEpoch: number; zxid: Zxid };
  #lastCommitted: Zxid;
  #acks: ProposalAcks | null = null;
  #processor: RequestProcessor<WritePipeline> | null = null;
  #writes: WritePipeline | null = null;
  readonly #unlogged: LogBatch[] = [];

  constructor(options: LeaderOptions) {
    this.#options = options;
    const { member, nowMs } = options;
    this.#member = member;
    this.#nowMs = nowMs;
    const { history } = member;
    this.#summary = { currentEpoch: history.epochs.currentEpoch, zxid: history.lastLoggedZxid };
    this.#lastCommitted = history.lastLoggedZxid;
    this.#epochMax = history.epochs.acceptedEpoch;
    this.#phaseDeadlineMs = nowMs + initLimitMs(member);
    this.#nextPingMs = nowMs;
    this.#nextQuorumCheckMs = nowMs;
    this.#registered.add(member.serverId);
    this.#checkEpoch();
  }

  /** Tells the time of all that follows until the next call. */
  beginTurn(time: TurnTime): void {
    this.#nowMs = time.nowMs;
    this.#processor?.beginTurn(time);
  }

  get phase(): LeaderPhase {
    return this.#phase;
  }

  get epoch(): number {
    return this.#epoch;
  }

  get learners(): Iterable<LearnerHandler> {
    return this.#learners.values();
  }

  get lastProposed(): Zxid {
    return this.#acks?.lastProposed ?? makeZxid(this.#epoch, 0);
  }

  // ---------------------------------------------------------------- connections

  /** A learner has connected. */
  connected(channel: Channel): void {
    const { config } = this.#member;
    const limitMs = initLimitMs(this.#member);
    this.#learners.set(
      channel,
      new LearnerHandler({
        channel,
        member: this.#member,
        dataBytesMax: config.juteMaxBufferBytes + config.juteExtraSizeBytes +
          PACKET_OVERHEAD_BYTES,
        readDeadlineMs: this.#nowMs + limitMs,
        syncedDeadlineMs: this.#nowMs + limitMs + syncLimitMs(this.#member),
      }),
    );
  }

  /** Bytes of a learner; borrowed. */
  received(channel: Channel, bytes: Uint8Array): void {
    const learner = this.#learners.get(channel);
    if (learner === undefined || this.#hasEnded) return;
    const limitMs = learner.stage === "synced"
      ? syncLimitMs(this.#member)
      : initLimitMs(this.#member);
    learner.readDeadlineMs = this.#nowMs + limitMs;
    try {
      learner.packets.push(bytes);
      for (let packet = learner.packets.next(); packet !== null; packet = learner.packets.next()) {
        if (learner.stage === "synced") {
          learner.syncedDeadlineMs = this.#nowMs + syncLimitMs(this.#member);
        }
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
    if (learner?.stage === "catchingUp" && !this.#hasEnded) this.#continueSync(learner);
  }

  closed(channel: Channel): void {
    const learner = this.#learners.get(channel);
    if (learner !== undefined) this.#drop(learner, "it closed the connection");
  }

  #drop(learner: LearnerHandler, reason: string): void {
    if (learner.isClosed) return;
    learner.close();
    this.#learners.delete(learner.channel);
    this.#member.logger.info("learner gone", {
      serverId: learner.serverId,
      address: learner.channel.remoteAddress,
      stage: learner.stage,
      reason,
    });
    if (this.#isConnected(learner.serverId)) return; // it came back on another connection before
    this.#acks?.forget(learner.serverId);
  }

  #isConnected(serverId: ServerId): boolean {
    for (const learner of this.#learners.values()) if (learner.serverId === serverId) return true;
    return false;
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
          ? `no quorum of voters came within initLimit: ${this.#missing(this.#registered)}`
          : `no quorum was synchronised within initLimit: ${this.#missing(this.#newLeaderAcks)}`,
      );
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
    }
  }

  #checkQuorum(): void {
    this.#nextQuorumCheckMs = this.#nowMs + this.#member.config.tickTimeMs;
    const synced = this.#syncedServers();
    if (this.#member.membership.isQuorum(synced)) return;
    this.#end(`only ${synced.size} synchronised servers are left: ${this.#missing(synced)}`);
  }

  /** Who follows, ourselves included. */
  #syncedServers(): Set<ServerId> {
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
        return this.#ackEpoch(learner, packet);
      case "ackNewLeader":
        if (packet.type !== PacketType.Ack) {
          throw new DecodeError("the ACK of NEWLEADER was expected");
        }
        return this.#ackNewLeader(learner, packet.zxid);
      case "synced":
        return this.#broadcastPacket(learner, packet);
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
    learner.isObserver = type === PacketType.ObserverInfo;
    learner.configVersion = info.configVersion;
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
    if (this.#epoch > 0) return writeLeaderInfo(learner.channel.writer(), makeZxid(this.#epoch, 0));
    this.#epochMax = Math.max(this.#epochMax, learner.acceptedEpoch);
    this.#registered.add(learner.serverId);
    this.#checkEpoch();
  }

  /** The epoch is settled as soon as a quorum of voters has said which ones it knows. */
  #checkEpoch(): void {
    const { membership, history, logger, serverId } = this.#member;
    if (this.#epoch > 0 || !membership.committed.isQuorum(this.#registered)) return;
    this.#epoch = this.#epochMax + 1;
    history.epochs.writeAccepted(this.#epoch); // before anybody hears of it
    logger.info("new epoch accepted by a quorum", { epoch: this.#epoch });
    this.#phaseDeadlineMs = this.#nowMs + initLimitMs(this.#member);
    for (const learner of this.#learners.values()) {
      if (learner.stage !== "ackEpoch") continue;
      writeLeaderInfo(learner.channel.writer(), makeZxid(this.#epoch, 0));
    }
    this.#epochAcks.add(serverId);
    this.#checkEpochAcks();
  }

  #ackEpoch(learner: LearnerHandler, packet: QuorumPacket): void {
    const currentEpoch = readAckEpoch(packet.data);
    learner.lastLoggedZxid = packet.zxid;
    if (this.#phase === "discovery") {
      if (currentEpoch !== -1) {
        const { currentEpoch: ourEpoch, zxid } = this.#summary;
        if (currentEpoch > ourEpoch || (currentEpoch === ourEpoch && packet.zxid > zxid)) {
          return this.#drop(
            learner,
            `it has more history than we have: epoch ${currentEpoch}, zxid 0x${
              zxidToHex(packet.zxid)
            }`,
          );
        }
        if (packet.zxid !== -1) this.#epochAcks.add(learner.serverId);
      }
      learner.stage = "waitingForEpoch";
      return this.#checkEpochAcks();
    }
    this.#beginSync(learner);
  }

  #checkEpochAcks(): void {
    const { membership, history, serverId, logger } = this.#member;
    if (this.#phase !== "discovery" || !membership.committed.isQuorum(this.#epochAcks)) return;
    history.epochs.writeCurrent(this.#epoch); // everything we have is on disk since we began to lead
    this.#phase = "synchronization";
    this.#phaseDeadlineMs = this.#nowMs + initLimitMs(this.#member);
    logger.info("a quorum follows into the new epoch", { epoch: this.#epoch });
    const { committed, lastSeen, canChange } = membership;
    if (canChange && committed.version === 0 && lastSeen.version === 0) {
      membership.see(committed.withVersion(makeZxid(this.#epoch, 0))); // ZOOKEEPER-1783
    }
    this.#newLeaderAcks.add(serverId);
    for (const learner of [...this.#learners.values()]) {
      if (learner.stage === "waitingForEpoch") this.#beginSync(learner);
    }
    this.#checkEstablished();
  }

  // ---------------------------------------------------------------- synchronisation

  #beginSync(learner: LearnerHandler): void {
    const { config, history, storage, logger } = this.#member;
    const sync = chooseSync({
      peer: learner.lastLoggedZxid,
      last: this.#lastCommitted,
      proposals: history.proposals,
      log: storage.log,
      forceSnapshotSync: config.ensemble.forceSnapshotSync,
      snapshotSizeFactor: config.ensemble.snapshotSizeFactor,
    });
    learner.beginSync(sync);
    logger.info("learner is synchronised", {
      serverId: learner.serverId,
      observer: learner.isObserver,
      by: sync.kind.toUpperCase(),
      because: sync.kind === "snap" ? sync.reason : undefined,
      itsLastZxid: `0x${zxidToHex(learner.lastLoggedZxid)}`,
      ourLastZxid: `0x${zxidToHex(this.#lastCommitted)}`,
    });
    if (sync.kind !== "snap" && sync.source === "memory") this.#continueSync(learner);
  }

  #continueSync(learner: LearnerHandler): void {
    const progress = learner.continueSync(this.#lastCommitted);
    if (progress === "more") {
      learner.readDeadlineMs = this.#nowMs + initLimitMs(this.#member);
      return;
    }
    if (progress === "lost") {
      return this.#drop(learner, "writes came faster than it could catch up");
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
    writePacket(writer, {
      type: PacketType.NewLeader,
      zxid: makeZxid(this.#epoch, 0),
      data: encoder.encode(this.#member.membership.lastSeen.toText()),
    });
  }

  #ackNewLeader(learner: LearnerHandler, zxid: Zxid): void {
    if (zxid !== makeZxid(this.#epoch, 0)) {
      // a learner of 3.8 may acknowledge proposals before NEWLEADER (ZOOKEEPER-4685)
      learner.earlyAck = Math.max(learner.earlyAck, zxid);
      return;
    }
    learner.stage = "synced";
    learner.syncedDeadlineMs = this.#nowMs + syncLimitMs(this.#member);
    learner.readDeadlineMs = this.#nowMs + syncLimitMs(this.#member);
    if (this.#phase === "broadcast") return this.#admit(learner);
    this.#newLeaderAcks.add(learner.serverId);
    this.#checkEstablished();
  }

  /** A learner has what we had when NEWLEADER was sent to it: it may serve, and its acks count. */
  #admit(learner: LearnerHandler): void {
    writeBarePacket(learner.channel.writer(), PacketType.UpToDate, -1);
    const acks = this.#acks!;
    acks.reset(learner.serverId, Math.max(learner.ackedZxid, makeZxid(this.#epoch, 0)));
    if (learner.earlyAck > learner.ackedZxid) this.#ack(learner, learner.earlyAck);
  }

  #checkEstablished(): void {
    const { membership, history, storage, services, config, logger } = this.#member;
    if (this.#phase !== "synchronization" || !membership.isQuorum(this.#newLeaderAcks)) return;
    membership.adopt(membership.lastSeen);
    const start = makeZxid(this.#epoch, 0);
    this.#phase = "broadcast";
    this.#lastCommitted = start;
    history.applier.tree.advance(start);
    const acks = this.#acks = new ProposalAcks({ config: membership.committed, start });
    acks.ack(this.#member.serverId, start);
    const sessions = new SessionTracker({ tickMs: config.tickTimeMs, nowMs: this.#nowMs });
    for (const [id, timeoutMs] of history.applier.sessions) {
      sessions.add({ id, timeoutMs, nowMs: this.#nowMs });
    }
    const processor = services.makeProcessor(sessions, (context) =>
      new WritePipeline({
        ...context,
        config,
        applier: history.applier,
        sessions,
        providers: services.providers,
        audit: services.audit,
        logger,
        firstSessionId: services.firstSessionId(),
        reconfigure: null,
      }));
    this.#processor = processor;
    this.#writes = processor.writes;
    storage.setLogSource(this);
    this.#nextQuorumCheckMs = this.#nowMs + config.tickTimeMs;
    this.#options.onEstablished(processor, this.#epoch);
    for (const learner of this.#learners.values()) {
      if (learner.stage === "synced") this.#admit(learner);
    }
  }

  // ---------------------------------------------------------------- broadcast

  #broadcastPacket(learner: LearnerHandler, { type, zxid, data, ids }: QuorumPacket): void {
    switch (type) {
      case PacketType.Ack:
        return this.#ack(learner, zxid);
      case PacketType.Ping:
        return readPingReply(data, (id, timeoutMs) => this.#writes?.touchSession(id, timeoutMs));
      case PacketType.Revalidate: {
        const { sessionId, timeoutMs } = readRevalidate(data);
        const isValid = this.#writes?.revalidate(learner, sessionId, timeoutMs) ?? false;
        return writeRevalidateReply(learner.channel.writer(), sessionId, isValid);
      }
      case PacketType.Request: {
        const { sessionId, cxid, opCode, body } = readRequest(data);
        if (this.#writes === null) throw new DecodeError("a request before we lead");
        if (opCode === OpCode.Sync) return this.#sync(learner);
        this.#writes.remoteRequest(
          { owner: learner, sessionId, cxid, op: opCode, ids: ids ?? [] },
          new JuteReader(body, { lengthMax: this.#member.config.juteMaxBufferBytes }),
        );
        return this.#checkCounter();
      }
      default:
        this.#member.logger.warn("a packet of unknown type is ignored", {
          serverId: learner.serverId,
          type,
        });
    }
  }

  #sync(learner: LearnerHandler): void {
    this.#writes!.remoteSync(() => {
      if (!learner.isClosed) writeBarePacket(learner.channel.writer(), PacketType.Sync, 0);
    });
  }

  #ack(learner: LearnerHandler, zxid: Zxid): void {
    if (counterOf(zxid) === 0 || this.#acks === null) return; // of UPTODATE
    if (zxid > this.#acks.lastProposed) throw new DecodeError("an ACK of what was never proposed");
    if (zxid > learner.ackedZxid) learner.ackedZxid = zxid;
    if (!learner.isObserver) this.#commitThrough(this.#acks.ack(learner.serverId, zxid));
  }

  #commitThrough(zxid: Zxid): void {
    if (zxid <= this.#lastCommitted) return;
    const { proposals } = this.#member.history;
    const after = this.#lastCommitted;
    this.#lastCommitted = zxid;
    proposals.commit(zxid);
    for (const learner of this.#learners.values()) {
      if (!learner.isForwarding) continue;
      const writer = learner.channel.writer();
      if (learner.isObserver) {
        proposals.forEachCommitted(after, (committed, buffer, start, end) => {
          writeInform(writer, committed, buffer, start, end);
          return true;
        });
      } else {
        for (let committed = after + 1; committed <= zxid; committed++) {
          writeBarePacket(writer, PacketType.Commit, committed);
        }
      }
    }
    this.#writes!.committed(zxid);
  }

  /** Proposes what was prepared since the last call. To be called at the end of a turn. */
  propose(): void {
    if (this.#hasEnded || this.#writes === null) return;
    const batch = this.#writes.takeBatch();
    if (batch === null) return;
    const { proposals } = this.#member.history;
    const after = this.#acks!.lastProposed;
    assert(batch.firstZxid === after + 1, "proposals have no gap");
    proposals.append(batch.bytes, batch.firstZxid, batch.lastZxid, batch.recordCount);
    this.#acks!.proposed(batch.lastZxid);
    this.#unlogged.push(batch);
    for (const learner of this.#learners.values()) {
      if (!learner.isForwarding || learner.isObserver) continue;
      const writer = learner.channel.writer();
      proposals.forEachOutstanding(after, (zxid, buffer, start, end) => {
        writeProposal(writer, zxid, buffer, start, end);
        return true;
      });
    }
    this.#checkCounter();
  }

  /** A new epoch is begun before the counter runs into it; nothing that was proposed is lost by that. */
  #checkCounter(): void {
    if (this.#writes === null || counterOf(this.#writes.lastZxid) < COUNTER_MAX - COUNTER_MARGIN) {
      return;
    }
    if (this.#writes.outstandingCount > 0 && counterOf(this.#writes.lastZxid) < COUNTER_MAX) return;
    this.#end("the zxids of this epoch are used up: an election begins the next");
  }

  // ---------------------------------------------------------------- LogSource

  get outstandingCount(): number {
    return this.#writes?.outstandingCount ?? 0;
  }

  get batchRecordCount(): number {
    return this.#unlogged.length === 0 ? 0 : this.#unlogged[0]!.recordCount;
  }

  takeBatch(): LogBatch | null {
    const batch = this.#unlogged.shift() ?? null;
    if (batch !== null) this.#member.history.lastLoggedZxid = batch.lastZxid;
    return batch;
  }

  logged(zxid: Zxid): void {
    if (this.#hasEnded) return;
    this.#writes!.logged(zxid);
    this.#commitThrough(this.#acks!.ack(this.#member.serverId, zxid));
  }

  diskFull(): boolean {
    return false;
  }

  diskHasRoom(): void {
    // a full disk ends the role
  }

  /** The role is over, and the log flushed: what is logged is part of our history, committed or not. */
  applyAll(): void {
    const { proposals, lastLoggedZxid } = this.#member.history;
    if (this.#writes === null || lastLoggedZxid <= this.#lastCommitted) return;
    proposals.commit(lastLoggedZxid);
    this.#writes.committed(lastLoggedZxid);
  }
}

const encoder = new TextEncoder();
