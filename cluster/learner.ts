/**
 * The roles FOLLOWING and OBSERVING: takes over the leader's history, then follows it, and forwards what
 * clients here want to change (quorum protocol sections 6, 8, 9, 13).
 *
 * Reads what the leader sends, in order; while the disk is busy with something that must come first, it
 * reads nothing. When it cannot go on it says so once (`onEnd`) and does nothing more.
 *
 * Invariants: acceptedEpoch is durable before ACKEPOCH; the ACK of NEWLEADER says that all that the leader
 * sent as committed before is durable, and then currentEpoch; a proposal is acknowledged when it is durable,
 * and never before NEWLEADER (ZOOKEEPER-3911, 4643, 4646, 4685, 4785).
 *
 * @module
 */
import { DecodeError, ProtocolError } from "../core/errors.ts";
import { ForwardedWrites } from "../core/server/forwarded_writes.ts";
import type { LogBatch } from "../core/server/log_batches.ts";
import type { LogSource } from "../core/server/log_source.ts";
import type { TurnTime } from "../core/server/replies.ts";
import type { RequestProcessor } from "../core/server/request_processor.ts";
import { LearnerSessions } from "../core/session/learner_sessions.ts";
import { ExtendedTypesOffError } from "../core/storage/tree_record_reader.ts";
import { TXN_HEADER_BYTES } from "../core/txn/txn.ts";
import { epochOf, makeZxid, type Zxid, zxidToHex } from "../core/zxid.ts";
import { IncomingTree } from "./incoming_tree.ts";
import { ChannelLink } from "./leader_link.ts";
import { LearnerMetrics } from "./learner_metrics.ts";
import { type Channel, connectLimitMs, initLimitMs, type Member } from "./member.ts";
import { packetDataBytesMax, syncLimitMs } from "./member.ts";
import { ObserverMaster } from "./observer_master.ts";
import {
  readCommitAndActivate,
  readInformAndActivate,
  readLeaderInfo,
  readRevalidateReply,
  writeAckEpoch,
  writeLearnerInfo,
  writePingReply,
} from "./packet_bodies.ts";
import type { Successor } from "./leader.ts";
import { LearnerReconfig } from "./learner_reconfig.ts";
import {
  PacketStream,
  PacketType,
  type QuorumPacket,
  syncName,
  writeBarePacket,
} from "./quorum_packet.ts";
import type { ServerId } from "./server_id.ts";

export type LearnerStage =
  | "connecting"
  /** LEADERINFO is expected. */
  | "discovery"
  /** DIFF, TRUNC or SNAP is expected. */
  | "synchronization"
  /** The tree behind a SNAP. */
  | "tree"
  /** What we lack, until NEWLEADER. */
  | "proposals"
  /** UPTODATE is expected. */
  | "newLeader"
  /** We serve clients. */
  | "broadcast";

export interface LearnerOptions {
  member: Member;
  leader: ServerId;
  isObserver: boolean;
  nowMs: number;
  /** We have what the leader has: clients may come. */
  onServing: (processor: RequestProcessor<ForwardedWrites>, epoch: number) => void;
  /** The role is over, and why. */
  onEnd: (reason: string) => void;
}

export class Learner implements LogSource {
  readonly leader: ServerId;
  readonly isObserver: boolean;
  /** The tree is half a leader's, or not what our disk holds: it must be loaded again. */
  needsReload = false;
  /** The same leader is to be asked again: for everything, now that it has our promise. */
  asksAgain = false;

  readonly #options: LearnerOptions;
  readonly #member: Member;
  readonly #packets: PacketStream;
  readonly #sessions: LearnerSessions;
  /** False: an observer that keeps what it is told in memory only (syncEnabled=false). */
  readonly #isLogging: boolean;
  #stage: LearnerStage = "connecting";
  #channel: Channel | null = null;
  #hasEnded = false;
  #nowMs: number;
  #readDeadlineMs: number;
  #epoch = 0;
  /** The disk must be done first. */
  #isHeldUp = false;
  #tree: IncomingTree | null = null;
  /** How we were synchronised. */
  #syncType = 0;
  #isEpochWritten = false;
  #writes: ForwardedWrites | null = null;
  #processor: RequestProcessor<ForwardedWrites> | null = null;
  /** The newest txn that is applied. */
  #committedZxid: Zxid = 0;
  /** What the list of proposals in memory has as committed; 0 for nothing. */
  #listedZxid: Zxid = 0;
  /** Proposals through this one need no ACK of ours any more. */
  #ackedZxid: Zxid = 0;
  #observerMaster: ObserverMaster | null = null;
  readonly #reconfig: LearnerReconfig;
  #hasMismatch = false;
  readonly #metrics: LearnerMetrics;

  constructor(options: LearnerOptions) {
    this.#options = options;
    const { member, leader, isObserver, nowMs } = options;
    this.#member = member;
    this.leader = leader;
    this.isObserver = isObserver;
    this.#reconfig = new LearnerReconfig({ ...member, leader, isObserver });
    this.#nowMs = nowMs;
    this.#readDeadlineMs = nowMs + connectLimitMs(member);
    this.#isLogging = !isObserver || member.config.ensemble.syncEnabled;
    this.#metrics = new LearnerMetrics(member.metrics, isObserver);
    this.#sessions = new LearnerSessions({ tickMs: member.config.tickTimeMs, nowMs });
    this.#packets = new PacketStream({ dataBytesMax: packetDataBytesMax(member) });
  }

  /** Tells the time of all that follows until the next call. */
  beginTurn(time: TurnTime): void {
    this.#nowMs = time.nowMs;
    this.#metrics.beginTurn(time);
    this.#processor?.beginTurn(time);
    this.#observerMaster?.beginTurn(time.nowMs);
  }

  get stage(): LearnerStage {
    return this.#stage;
  }

  /** When the leader was last heard of. Monotonic; to be asked while `stage` is `broadcast`. */
  get heardMs(): number {
    return this.#readDeadlineMs - syncLimitMs(this.#member);
  }

  /** Of a follower that takes observers, from UPTODATE on. */
  get observerMaster(): ObserverMaster | null {
    return this.#observerMaster;
  }

  /** Who leads when the role is over; null: an election has to find out. */
  get successor(): Successor | null {
    return this.#reconfig.successor;
  }

  /** Whether what we have may be more than what our disk holds. */
  get isDiskBehind(): boolean {
    return !this.#isLogging;
  }

  /** To be called at the end of a turn. */
  endTurn(): void {
    if (!this.#isLogging) this.#flushLog();
  }

  // ---------------------------------------------------------------- connection

  connected(channel: Channel): void {
    if (this.#hasEnded) return channel.close();
    const { history, membership, serverId } = this.#member;
    this.#channel = channel;
    this.#stage = "discovery";
    this.#readDeadlineMs = this.#nowMs + initLimitMs(this.#member);
    writeLearnerInfo(channel.writer(), {
      type: this.isObserver ? PacketType.ObserverInfo : PacketType.FollowerInfo,
      acceptedEpochZxid: makeZxid(history.epochs.acceptedEpoch, 0),
      serverId,
      configVersion: membership.committed.version,
    });
  }

  /** Bytes of the leader; borrowed. */
  received(bytes: Uint8Array): void {
    if (this.#hasEnded) return;
    this.#extendDeadline();
    this.#packets.push(bytes);
    this.#read();
  }

  closed(): void {
    this.#end("the leader closed the connection");
  }

  /** Whether further bytes should wait: what has come is held up by the disk. */
  get isHeldUp(): boolean {
    return this.#isHeldUp;
  }

  close(): void {
    this.#hasEnded = true;
    this.#observerMaster?.close();
    this.#channel?.close();
    this.#channel = null;
  }

  tick(): void {
    if (!this.#hasEnded) this.#observerMaster?.tick();
    if (this.#hasEnded || this.#isHeldUp || this.#nowMs <= this.#readDeadlineMs) return;
    this.#end(
      this.#stage === "connecting"
        ? "the leader could not be reached"
        : `nothing was heard of the leader for too long, at ${this.#stage}`,
    );
  }

  #extendDeadline(): void {
    const isSynced = this.#stage === "newLeader" || this.#stage === "broadcast";
    const limitMs = isSynced ? syncLimitMs(this.#member) : initLimitMs(this.#member);
    this.#readDeadlineMs = this.#nowMs + limitMs;
  }

  #end(reason: string): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#options.onEnd(reason);
  }

  #askAgain(reason: string): void {
    this.asksAgain = true;
    this.#end(`${reason}: we ask for all of the leader's`);
  }

  #resume(): void {
    if (this.#hasEnded) return;
    this.#extendDeadline();
    this.#read();
  }

  // ---------------------------------------------------------------- packets

  #read(): void {
    try {
      while (!this.#isHeldUp && !this.#hasEnded) {
        if (this.#stage === "tree") {
          if (!this.#tree!.read(this.#packets)) return;
          this.#beginProposals();
          continue;
        }
        const packet = this.#packets.next();
        if (packet === null) return;
        this.#packet(packet);
      }
    } catch (error) {
      if (!(error instanceof ProtocolError) && !(error instanceof ExtendedTypesOffError)) {
        throw error;
      }
      this.#end(error.message);
    }
  }

  #packet(packet: QuorumPacket): void {
    switch (this.#stage) {
      case "discovery":
        return this.#leaderInfo(packet);
      case "synchronization":
        return this.#beginSync(packet);
      case "broadcast":
        return this.#broadcastPacket(packet);
      default:
        return this.#syncPacket(packet);
    }
  }

  #leaderInfo({ type, zxid, data }: QuorumPacket): void {
    if (type === PacketType.NewLeader) {
      throw new DecodeError("the leader speaks the protocol of ZooKeeper before 3.4");
    }
    if (type !== PacketType.LeaderInfo) throw new DecodeError("LEADERINFO was expected");
    readLeaderInfo(data);
    const { epochs } = this.#member.history;
    const epoch = this.#epoch = epochOf(zxid);
    const { acceptedEpoch } = epochs;
    if (epoch < acceptedEpoch) {
      throw new ProtocolError(`the leader's epoch ${epoch} is behind ours, ${acceptedEpoch}`);
    }
    // the same epoch again does not count as a second acknowledgement
    const answer = epoch > acceptedEpoch ? epochs.currentEpoch : -1;
    if (epoch > acceptedEpoch) epochs.writeAccepted(epoch);
    this.#stage = "synchronization";
    // a promise is made with all we have, or a leader who lacks some of it would be agreed on
    if (answer === -1 && this.#member.history.startsOver) this.#startOver();
    writeAckEpoch(this.#channel!.writer(), this.#member.history.lastLoggedZxid, answer);
  }

  /** What we have is of no use to this leader: as one who has nothing we get everything. */
  #startOver(): void {
    const { history } = this.#member;
    this.needsReload = true; // what is on our disk stays until a snapshot takes its place
    history.applier.tree.resetToEmptyDatabase();
    history.applier.sessions.clear();
    history.proposals.clear(0);
    history.lastLoggedZxid = 0;
  }

  #beginSync({ type, zxid }: QuorumPacket): void {
    const { history, storage, logger } = this.#member;
    logger.info("synchronising with the leader", {
      leader: this.leader,
      by: syncName(type),
      zxid: `0x${zxidToHex(zxid)}`,
      lastLoggedZxid: `0x${zxidToHex(history.lastLoggedZxid)}`,
    });
    this.#syncType = type;
    this.#metrics.syncBegun();
    if (history.startsOver && !this.needsReload && type !== PacketType.Snap) {
      return this.#askAgain("our history is of no use");
    }
    switch (type) {
      case PacketType.Diff:
        return this.#beginProposals();
      case PacketType.Snap:
        this.needsReload = true; // until it is complete and on our disk (ZOOKEEPER-3642)
        this.#tree = new IncomingTree(this.#member, zxid);
        this.#stage = "tree";
        return;
      case PacketType.Trunc:
        this.#isHeldUp = true;
        this.needsReload = true; // until it is done
        return storage.truncate(zxid, (isTruncated) => {
          this.#isHeldUp = false;
          if (this.#hasEnded) return;
          this.needsReload = false;
          if (!isTruncated || history.lastLoggedZxid !== zxid) {
            history.startsOver = true;
            return this.#askAgain(`our history cannot be cut at 0x${zxidToHex(zxid)}`);
          }
          this.#beginProposals();
          this.#resume();
        });
      default:
        throw new DecodeError(`packet type ${type} where DIFF, TRUNC or SNAP was expected`);
    }
  }

  /** The tree is a prefix of the leader's history: what follows continues it. */
  #beginProposals(): void {
    const { history, services, config } = this.#member;
    this.#stage = "proposals";
    this.#committedZxid = this.#listedZxid = history.lastLoggedZxid;
    this.#processor = services.makeProcessor(this.#sessions, (context) =>
      new ForwardedWrites({
        ...context,
        applier: history.applier,
        sessions: this.#sessions,
        audit: services.audit,
        leader: new ChannelLink(() => this.#channel),
        outstandingCountMax: config.globalOutstandingLimit,
        lengthMax: config.juteMaxBufferBytes + config.juteExtraSizeBytes,
        digestEnabled: config.digestEnabled,
        firstSessionId: services.firstSessionId(),
        localSessionsEnabled: config.localSessionsEnabled,
        localSessionsUpgradingEnabled: config.localSessionsUpgradingEnabled,
        lastLoggedZxid: history.lastLoggedZxid,
        onDigestMismatch: (zxid) => this.#digestMismatch(zxid),
      }));
    this.#writes = this.#processor.writes;
    // behind a SNAP the log may go on only when the tree is on disk
    if (!this.needsReload) this.#beginLogging();
  }

  #syncPacket({ type, zxid, data }: QuorumPacket): void {
    switch (type) {
      case PacketType.Proposal:
        return this.#proposed(zxid, data);
      case PacketType.Commit:
        return this.#committed(zxid);
      case PacketType.Inform:
        this.#proposed(zxid, data);
        return this.#committed(zxid);
      case PacketType.CommitAndActivate:
        return this.#activate(zxid, readCommitAndActivate(data));
      case PacketType.InformAndActivate: {
        const { designatedLeader, txn } = readInformAndActivate(data);
        this.#proposed(zxid, txn);
        return this.#activate(zxid, designatedLeader);
      }
      case PacketType.NewLeader:
        if (this.#stage === "proposals") return this.#newLeader(zxid, data);
        throw new DecodeError("a second NEWLEADER");
      case PacketType.UpToDate:
        if (this.#stage === "newLeader") return this.#upToDate();
        throw new DecodeError("UPTODATE before NEWLEADER");
      default:
        return; // PING among them: it is answered from UPTODATE on
    }
  }

  /** All that we lacked is here: it is made durable, then we say so. */
  #newLeader(zxid: Zxid, data: Uint8Array | null): void {
    const { storage, history } = this.#member;
    if (epochOf(zxid) !== this.#epoch) {
      throw new ProtocolError(
        `NEWLEADER is of epoch ${epochOf(zxid)}, LEADERINFO of ${this.#epoch}`,
      );
    }
    this.#reconfig.newLeader(data);
    if (!this.needsReload) return this.#acknowledgeNewLeader();
    this.#isHeldUp = true;
    storage.replaceBySnapshot(() => {
      this.#isHeldUp = false;
      if (this.#hasEnded) return;
      this.needsReload = false;
      history.startsOver = false;
      this.#beginLogging();
      this.#acknowledgeNewLeader();
      this.#resume();
    });
  }

  #acknowledgeNewLeader(): void {
    // proposals of this epoch are durable after currentEpoch, those of older ones before
    if (this.#syncType === PacketType.Snap) this.#writeEpoch();
    this.#flushLog();
    this.#writeEpoch();
    this.#stage = "newLeader";
    this.#extendDeadline();
    writeBarePacket(this.#channel!.writer(), PacketType.Ack, makeZxid(this.#epoch, 0));
    this.#ackedZxid = Math.max(this.#committedZxid, makeZxid(this.#epoch, 0));
    this.logged(this.#member.history.lastLoggedZxid); // a flush does not tell it
  }

  #beginLogging(): void {
    if (this.#isLogging) this.#member.storage.setLogSource(this);
  }

  #flushLog(): void {
    if (this.#isLogging) return this.#member.storage.flushLog();
    for (let batch = this.takeBatch(); batch !== null; batch = this.takeBatch()) {
      this.logged(batch.lastZxid);
    }
  }

  #writeEpoch(): void {
    // who keeps nothing on disk has nothing there of this epoch
    if (this.#isEpochWritten || !this.#isLogging) return;
    this.#isEpochWritten = true;
    const { epochs } = this.#member.history;
    if (epochs.currentEpoch !== this.#epoch) epochs.writeCurrent(this.#epoch);
  }

  #upToDate(): void {
    const reason = this.#reconfig.upToDate();
    if (reason !== null) return this.#end(reason);
    writeBarePacket(this.#channel!.writer(), PacketType.Ack, makeZxid(this.#epoch, 0));
    this.#stage = "broadcast";
    this.#metrics.syncEnded();
    if (!this.isObserver && this.#member.config.ensemble.observerMasterPort > 0) {
      this.#observerMaster = new ObserverMaster({
        ...{ member: this.#member, epoch: this.#epoch, nowMs: this.#nowMs },
        ...{ writes: this.#writes!, sessions: this.#sessions },
        committedZxid: this.#listedZxid,
      });
    }
    this.#options.onServing(this.#processor!, this.#epoch);
  }

  // ---------------------------------------------------------------- broadcast

  #broadcastPacket(packet: QuorumPacket): void {
    const { type, zxid, data } = packet;
    switch (type) {
      case PacketType.Ping:
        return writePingReply(this.#channel!.writer(), zxid, this.#sessions.takeTouched());
      case PacketType.Sync:
        return this.#writes!.synced();
      case PacketType.Revalidate: {
        const { sessionId, isValid } = readRevalidateReply(data);
        return this.#writes!.revalidated(sessionId, isValid);
      }
      case PacketType.NewLeader:
      case PacketType.UpToDate:
        this.#member.logger.warn("a packet that belongs before broadcast is ignored", { type });
        return;
      default:
        return this.#syncPacket(packet);
    }
  }

  #proposed(zxid: Zxid, body: Uint8Array | null): void {
    if (body === null || body.length <= TXN_HEADER_BYTES) {
      throw new DecodeError(`proposal 0x${zxidToHex(zxid)} has no txn`);
    }
    if (this.#isInTree(zxid)) return;
    const isOfEpoch = epochOf(zxid) === this.#epoch;
    if (!this.#isEpochWritten && isOfEpoch && this.#stage === "proposals" && !this.needsReload) {
      this.#flushLog();
      this.#writeEpoch();
    }
    this.#writes!.proposed(zxid, body);
    this.#metrics.proposed(zxid, body);
    this.#reconfig.proposed(zxid, body);
  }

  /** A leader queues what is proposed before it sends its tree, which may hold it then. */
  #isInTree(zxid: Zxid): boolean {
    return this.#tree !== null && zxid <= this.#tree.zxid;
  }

  #committed(zxid: Zxid): void {
    if (this.#isInTree(zxid)) return;
    this.#writes!.committed(zxid);
    this.#metrics.committed(zxid);
    this.#reconfig.committed(zxid);
    this.#committedZxid = zxid;
    this.#commitInMemory();
  }

  /** The list in memory is committed as far as both its records and the commits have come. */
  #commitInMemory(): void {
    const { proposals } = this.#member.history;
    const zxid = Math.min(proposals.last ?? 0, this.#committedZxid);
    if (zxid <= this.#listedZxid) return;
    this.#listedZxid = zxid;
    proposals.commit(zxid);
    this.#observerMaster?.committed(zxid);
  }

  #activate(zxid: Zxid, designatedLeader: ServerId): void {
    this.#observerMaster?.activates(zxid, designatedLeader);
    this.#committed(zxid);
    const reason = this.#reconfig.activate(zxid, designatedLeader);
    if (reason !== null) this.#end(reason);
  }

  #digestMismatch(zxid: Zxid): void {
    // before NEWLEADER a tree may hold what is committed later; and where one differs, all that follow do
    if (this.needsReload || this.#hasMismatch) return;
    this.#hasMismatch = true;
    this.#member.logger.error("the tree differs from the leader's", {
      zxid: `0x${zxidToHex(zxid)}`,
      leader: this.leader,
    });
  }

  #acknowledge(zxid: Zxid): void {
    if (this.isObserver || this.#channel === null) return;
    const writer = this.#channel.writer();
    for (let acked = this.#ackedZxid + 1; acked <= zxid; acked++) {
      writeBarePacket(writer, PacketType.Ack, acked);
    }
    this.#ackedZxid = Math.max(this.#ackedZxid, zxid);
    this.#metrics.acknowledged(zxid);
  }

  // ---------------------------------------------------------------- LogSource

  get outstandingCount(): number {
    return this.#writes?.outstandingCount ?? 0;
  }

  get batchRecordCount(): number {
    return this.#writes?.batchRecordCount ?? 0;
  }

  takeBatch(): LogBatch | null {
    const batch = this.#writes?.takeBatch() ?? null;
    if (batch === null) return null;
    const { history } = this.#member;
    history.proposals.append(batch.bytes, batch.firstZxid, batch.lastZxid, batch.recordCount);
    history.lastLoggedZxid = batch.lastZxid;
    this.#commitInMemory();
    return batch;
  }

  logged(zxid: Zxid): void {
    this.#writes!.logged(zxid);
    if (this.#hasEnded) return;
    if (this.#stage === "newLeader" || this.#stage === "broadcast") this.#acknowledge(zxid);
  }

  diskFull(): boolean {
    return false;
  }

  diskHasRoom(): void {
    // a full disk ends the role
  }

  /** The role is over, and the log flushed: what is logged is part of our history, committed or not. */
  applyAll(): void {
    if (this.#writes === null || this.needsReload) return;
    this.#writes.applyAll();
    this.#committedZxid = this.#member.history.lastLoggedZxid;
    this.#commitInMemory();
  }
}
