/**
 * A follower that observers follow in place of the leader (quorum protocol section 13).
 *
 * It brings an observer to what it has itself, and then tells it of each txn that is committed and in its own
 * list of proposals, which serves as the cache that bridges the gap. What the observer's clients ask goes on to
 * the leader, and the leader's answers come back in the order in which they were asked for.
 *
 * Invariant: an observer hears of txns in zxid order without a gap, and of a sync behind all txns before it.
 *
 * @module
 */
import { DecodeError, ProtocolError } from "../core/errors.ts";
import type { ForwardedWrites } from "../core/server/forwarded_writes.ts";
import { Client } from "../core/server/client.ts";
import type { LearnerSessions } from "../core/session/learner_sessions.ts";
import { encodeUtf8 } from "../core/wire/jute.ts";
import { OpCode } from "../core/wire/op_code.ts";
import { counterOf, epochOf, makeZxid, type Zxid, zxidToHex } from "../core/zxid.ts";
import { LearnerHandler, LOST, STRANGE } from "./learner_handler.ts";
import { type Channel, initLimitMs, type Member, syncLimitMs } from "./member.ts";
import {
  PROTOCOL_VERSION,
  readLearnerInfo,
  readPingReply,
  readRequest,
  readRevalidate,
  writeInformAndActivate,
  writeLeaderInfo,
  writeRevalidateReply,
} from "./packet_bodies.ts";
import {
  PacketType,
  type QuorumPacket,
  writeBarePacket,
  writeInform,
  writePacket,
} from "./quorum_packet.ts";
import type { ServerId } from "./server_id.ts";
import { mustWaitForSync } from "./sync_throttle.ts";

export interface ObserverMasterOptions {
  member: Member;
  epoch: number;
  nowMs: number;
  /** Through this the list of proposals is committed. */
  committedZxid: Zxid;
  writes: ForwardedWrites;
  sessions: LearnerSessions;
}

export class ObserverMaster {
  readonly #member: Member;
  readonly #epoch: number;
  readonly #writes: ForwardedWrites;
  readonly #sessions: LearnerSessions;
  readonly #observers = new Map<Channel, LearnerHandler>();
  /** Whom our log did not bring to our history: the next time they get our tree. */
  readonly #lost = new Set<ServerId>();
  /** Designated leaders of reconfigs that are committed, and not yet told. */
  readonly #activations = new Map<Zxid, ServerId>();
  /** Syncs that the leader has answered, and what must be told before they are. */
  readonly #syncs: { zxid: Zxid; observer: LearnerHandler }[] = [];
  #committedZxid: Zxid;
  /** Of the last INFORM; 0 before there was one. */
  #informedZxid: Zxid = 0;
  #nowMs: number;
  #nextPingMs: number;
  #nextAnonymousId = -1;

  constructor(options: ObserverMasterOptions) {
    this.#member = options.member;
    this.#epoch = options.epoch;
    this.#writes = options.writes;
    this.#sessions = options.sessions;
    this.#committedZxid = options.committedZxid;
    this.#nowMs = this.#nextPingMs = options.nowMs;
  }

  get observers(): Iterable<LearnerHandler> {
    return this.#observers.values();
  }

  /** Tells the time of all that follows until the next call. */
  beginTurn(nowMs: number): void {
    this.#nowMs = nowMs;
  }

  // ---------------------------------------------------------------- connections

  connected(channel: Channel): void {
    const superfluous = LearnerHandler.superfluous(this.#observers.values());
    if (superfluous !== null) this.#drop(superfluous, STRANGE);
    const observer = new LearnerHandler({ channel, member: this.#member, nowMs: this.#nowMs });
    this.#observers.set(channel, observer);
  }

  /** Bytes of an observer; borrowed. */
  received(channel: Channel, bytes: Uint8Array): void {
    const observer = this.#observers.get(channel);
    if (observer === undefined) return;
    this.#extendDeadline(observer);
    try {
      observer.packets.push(bytes);
      let packet = observer.packets.next();
      while (packet !== null && !observer.isClosed) {
        observer.packetsReceived++;
        this.#packet(observer, packet);
        packet = observer.packets.next();
      }
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#drop(observer, error.message);
    }
  }

  /** All that was written to a channel is sent. */
  drained(channel: Channel): void {
    const observer = this.#observers.get(channel);
    if (observer?.stage === "catchingUp") this.#continueSync(observer);
  }

  closed(channel: Channel): void {
    const observer = this.#observers.get(channel);
    if (observer !== undefined) this.#drop(observer, "it closed the connection");
  }

  /** To be called every few milliseconds; does what is due. */
  tick(): void {
    for (const observer of [...this.#observers.values()]) {
      if (this.#nowMs > observer.readDeadlineMs) {
        this.#drop(observer, "nothing was heard of it for too long");
      }
    }
    if (this.#nowMs < this.#nextPingMs) return;
    this.#nextPingMs = this.#nowMs + this.#member.config.tickTimeMs / 2;
    for (const observer of this.#observers.values()) {
      if (!observer.isForwarding) continue;
      writeBarePacket(observer.channel.writer(), PacketType.Ping, this.#informedZxid);
      observer.packetsSent++;
    }
  }

  /** We follow no more. */
  close(): void {
    for (const observer of this.#observers.values()) observer.close();
    this.#observers.clear();
  }

  #drop(observer: LearnerHandler, reason: string): void {
    if (observer.isClosed) return;
    observer.close();
    this.#observers.delete(observer.channel);
    this.#member.logger.info("observer gone", {
      serverId: observer.serverId,
      address: observer.channel.remoteAddress,
      stage: observer.stage,
      reason,
    });
    this.#syncWaiting();
  }

  #extendDeadline(observer: LearnerHandler): void {
    const limitMs = observer.stage === "synced"
      ? syncLimitMs(this.#member)
      : initLimitMs(this.#member);
    observer.readDeadlineMs = this.#nowMs + limitMs;
  }

  // ---------------------------------------------------------------- packets

  #packet(observer: LearnerHandler, packet: QuorumPacket): void {
    switch (observer.stage) {
      case "info":
        return this.#info(observer, packet);
      case "ackEpoch":
        if (packet.type !== PacketType.AckEpoch) throw new DecodeError("ACKEPOCH was expected");
        observer.lastLoggedZxid = packet.zxid; // the epoch is the leader's affair
        return this.#beginSync(observer);
      case "ackNewLeader":
        if (packet.type !== PacketType.Ack) {
          throw new DecodeError("the ACK of NEWLEADER was expected");
        }
        if (packet.zxid !== makeZxid(this.#epoch, 0)) return;
        observer.stage = "synced";
        this.#lost.delete(observer.serverId);
        this.#extendDeadline(observer);
        writeBarePacket(observer.channel.writer(), PacketType.UpToDate, -1);
        return this.#syncWaiting();
      case "synced":
        return this.#syncedPacket(observer, packet);
      default:
        throw new DecodeError(`packet type ${packet.type} came before its time`);
    }
  }

  #info(observer: LearnerHandler, { type, data }: QuorumPacket): void {
    if (type !== PacketType.ObserverInfo) {
      throw new DecodeError(`packet type ${type}: only observers may follow a follower`);
    }
    const info = readLearnerInfo(data);
    if (info.protocolVersion < PROTOCOL_VERSION) {
      return this.#drop(observer, "it speaks the protocol of ZooKeeper before 3.4");
    }
    observer.serverId = info.serverId ?? this.#nextAnonymousId--;
    observer.isObserver = true;
    for (const other of [...this.#observers.values()]) {
      if (other !== observer && other.serverId === observer.serverId && other.stage !== "info") {
        this.#drop(other, "it came back on another connection");
      }
    }
    observer.stage = "ackEpoch";
    writeLeaderInfo(observer.channel.writer(), makeZxid(this.#epoch, 0));
  }

  #syncedPacket(observer: LearnerHandler, { type, data, ids }: QuorumPacket): void {
    switch (type) {
      case PacketType.Ack:
        return; // of UPTODATE
      case PacketType.Ping:
        return readPingReply(data, (id, timeoutMs) => this.#sessions.touchElsewhere(id, timeoutMs));
      case PacketType.Revalidate: {
        const { sessionId, timeoutMs } = readRevalidate(data);
        return this.#writes.remoteRevalidate({ sessionId, timeoutMs }, (isValid) => {
          // to the leader both are ours: it cannot tell a write of the connection that was left
          const client = this.#sessions.get(sessionId)?.client;
          if (isValid && client instanceof Client) client.close("its session moved to an observer");
          if (observer.isClosed) return;
          writeRevalidateReply(observer.channel.writer(), sessionId, isValid);
        });
      }
      case PacketType.Request: {
        observer.requestCount++;
        const { sessionId, cxid, opCode: op, body } = readRequest(data);
        const request = { sessionId, cxid, op, body, ids };
        if (op !== OpCode.Sync) return this.#writes.remoteRequest(request);
        return this.#writes.remoteSync(request, () => this.#synced(observer));
      }
      default:
        this.#member.logger.warn("a packet of unknown type is ignored", {
          serverId: observer.serverId,
          type,
        });
    }
  }

  #synced(observer: LearnerHandler): void {
    this.#syncs.push({ zxid: this.#member.history.applier.tree.lastProcessedZxid, observer });
    this.#answerSyncs();
  }

  #answerSyncs(): void {
    while (this.#syncs.length > 0 && this.#syncs[0]!.zxid <= this.#committedZxid) {
      const { observer } = this.#syncs.shift()!;
      if (!observer.isClosed) writeBarePacket(observer.channel.writer(), PacketType.Sync, 0);
    }
  }

  // ---------------------------------------------------------------- synchronisation

  #beginSync(observer: LearnerHandler): void {
    const { config, logger } = this.#member;
    // it had another master, which was ahead of us: what it has is committed, and on its way to us
    const { lastLoggedZxid: peer } = observer;
    const isAhead = peer > this.#committedZxid && epochOf(peer) === this.#epoch &&
      counterOf(peer) > 0;
    const sync = observer.chooseSync(this.#committedZxid, this.#lost.has(observer.serverId));
    const learners = this.#observers.values();
    if (isAhead || mustWaitForSync(observer, { sync, learners, config: config.ensemble })) {
      observer.stage = "waitingForSync";
      return;
    }
    observer.beginSync(sync, this.#committedZxid);
    logger.info("synchronising an observer", {
      serverId: observer.serverId,
      by: sync.kind.toUpperCase(),
      because: sync.kind === "snap" ? sync.reason : undefined,
      itsLastZxid: `0x${zxidToHex(observer.lastLoggedZxid)}`,
      ourLastZxid: `0x${zxidToHex(this.#committedZxid)}`,
    });
    if (sync.kind !== "snap" && sync.source === "memory") this.#continueSync(observer);
  }

  /** Some others are done, or we have more than before. */
  #syncWaiting(): void {
    for (const observer of [...this.#observers.values()]) {
      if (observer.stage === "waitingForSync") this.#beginSync(observer);
    }
  }

  #continueSync(observer: LearnerHandler): void {
    const progress = observer.continueSync(this.#committedZxid);
    if (progress === "more") return this.#extendDeadline(observer);
    if (progress === "lost") {
      this.#lost.add(observer.serverId);
      return this.#drop(observer, LOST);
    }
    observer.ackedZxid = observer.sentZxid; // a tree may hold more than our list: that is not told again
    observer.stage = "ackNewLeader";
    writePacket(observer.channel.writer(), {
      type: PacketType.NewLeader,
      zxid: makeZxid(this.#epoch, 0),
      data: encodeUtf8(this.#member.membership.lastSeen.toText()),
    });
  }

  // ---------------------------------------------------------------- from the leader

  /** A reconfig is committed: `committed` will come to it. */
  activates(zxid: Zxid, designatedLeader: ServerId): void {
    this.#activations.set(zxid, designatedLeader);
  }

  /** The list of proposals is committed through `zxid`: each SYNC goes out behind what it waited for. */
  committed(zxid: Zxid): void {
    while (this.#syncs.length > 0 && this.#syncs[0]!.zxid < zxid) {
      this.#inform(this.#syncs[0]!.zxid);
      this.#answerSyncs();
    }
    this.#inform(zxid);
    this.#activations.clear();
    this.#answerSyncs();
    this.#syncWaiting();
  }

  #inform(through: Zxid): void {
    const after = this.#committedZxid;
    if (through <= after) return;
    const { proposals } = this.#member.history;
    this.#committedZxid = through;
    this.#informedZxid = through;
    for (const observer of this.#observers.values()) {
      if (!observer.isForwarding) continue;
      const writer = observer.channel.writer();
      proposals.forEachCommitted(Math.max(after, observer.ackedZxid), (txn, buffer, start, end) => {
        if (txn > through) return false;
        observer.packetsSent++;
        const leader = this.#activations.get(txn);
        if (leader === undefined) writeInform(writer, txn, buffer, start, end);
        else writeInformAndActivate(writer, txn, leader, buffer.subarray(start, end));
        return true;
      });
    }
  }
}
