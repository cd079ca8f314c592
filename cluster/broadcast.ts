/**
 * The last phase of a leader: it orders all writes, its own clients' and its learners', and commits each when
 * a quorum has it on disk (quorum protocol sections 9 to 11).
 *
 * @module
 */
import { assert } from "../core/assert.ts";
import { DecodeError, type ErrorCode } from "../core/errors.ts";
import type { LogBatch } from "../core/server/log_batches.ts";
import type { LogSource } from "../core/server/log_source.ts";
import type { TurnTime } from "../core/server/replies.ts";
import type { RequestProcessor } from "../core/server/request_processor.ts";
import { WritePipeline } from "../core/server/write_pipeline.ts";
import { SessionTracker } from "../core/session/session_tracker.ts";
import type { Reconfigure } from "../core/txn/prepare.ts";
import { encodeUtf8, JuteReader, JuteWriter } from "../core/wire/jute.ts";
import { OpCode } from "../core/wire/op_code.ts";
import { COUNTER_MAX, counterOf, epochOf, makeZxid, type Zxid, zxidToHex } from "../core/zxid.ts";
import { ProposalAcks } from "./acks.ts";
import { LatencySample } from "./latency_sample.ts";
import type { LearnerHandler } from "./learner_handler.ts";
import type { Member } from "./member.ts";
import {
  readPingReply,
  readRequest,
  readRevalidate,
  writeCommitAndActivate,
  writeInformAndActivate,
  writeRevalidateReply,
} from "./packet_bodies.ts";
import {
  PacketType,
  type QuorumPacket,
  writeBarePacket,
  writeInform,
  writeProposal,
} from "./quorum_packet.ts";
import type { QuorumConfig } from "./quorum_config.ts";
import { designatedLeaderOf, type ReconfigRequest, reconfigure } from "./reconfig.ts";
import type { ServerId } from "./server_id.ts";

/** More than is prepared in one turn: the end of an epoch is looked at between turns only. */
const COUNTER_MARGIN = 1 << 20;
const USED_UP = "the zxids of this epoch are used up: an election begins the next";
const PACKETS_BYTES_START = 64 << 10;

export interface BroadcastOptions {
  member: Member;
  epoch: number;
  nowMs: number;
  learners: () => Iterable<LearnerHandler>;
  /** Who is connected and in sync, ourselves included. */
  syncedServers: () => ReadonlySet<ServerId>;
  /** A reconfig at `zxid`, which is committed, makes another server the leader. */
  onHandOver: (successor: ServerId, zxid: Zxid) => void;
  /** The role is over, and why. */
  onEnd: (reason: string) => void;
}

interface Reconfig {
  readonly zxid: Zxid;
  readonly config: QuorumConfig;
}

export class Broadcast implements LogSource {
  readonly processor: RequestProcessor<WritePipeline>;
  readonly #options: BroadcastOptions;
  readonly #member: Member;
  readonly #learners: () => Iterable<LearnerHandler>;
  readonly #onEnd: (reason: string) => void;
  readonly #acks: ProposalAcks;
  readonly #writes: WritePipeline;
  readonly #start: Zxid;
  #lastCommitted: Zxid;
  /** Proposed, and not yet written to our own log. */
  readonly #unlogged: LogBatch[] = [];
  /** What learners' syncs wait for, ascending. */
  readonly #syncZxids: Zxid[] = [];
  /** The packets of one batch, made once for all followers. */
  readonly #packets = new JuteWriter(PACKETS_BYTES_START);
  /** Monotonic: since when clients may come. */
  readonly startedMs: number;
  #pendingSyncCount = 0;
  #nowMs: number;
  readonly #quorumAckLatency: LatencySample;
  readonly #ownAckLatency: LatencySample;
  readonly #ackCreationLatency: LatencySample;
  /** The one that was allowed last, prepared or not. */
  #allowedReconfig: Reconfig | null = null;
  /** From when its txn is prepared until it is committed. */
  #reconfig: Reconfig | null = null;
  /** Others lead from here on: we propose nothing more, and of what is proposed nothing can be committed. */
  #isOver = false;

  constructor(options: BroadcastOptions) {
    const { member, epoch, nowMs, learners, onEnd } = options;
    this.#options = options;
    this.#member = member;
    this.#learners = learners;
    this.#onEnd = onEnd;
    this.startedMs = this.#nowMs = nowMs;
    const { metrics, serverId } = member;
    this.#quorumAckLatency = new LatencySample(metrics.quorumAckLatency);
    this.#ownAckLatency = new LatencySample(metrics.ackLatency.of(String(serverId)));
    this.#ackCreationLatency = new LatencySample(metrics.proposalAckCreationLatency);
    const { history, membership, services, storage, config, logger } = member;
    const start = this.#start = this.#lastCommitted = makeZxid(epoch, 0);
    history.applier.tree.beginEpoch(start);
    this.#acks = new ProposalAcks({ config: membership.committed, start });
    this.#acks.ack(member.serverId, start);
    const sessions = new SessionTracker({ tickMs: config.tickTimeMs, nowMs });
    for (const [id, timeoutMs] of history.applier.sessions) sessions.add({ id, timeoutMs, nowMs });
    this.processor = services.makeProcessor(sessions, (context) =>
      new WritePipeline({
        ...context,
        config,
        applier: history.applier,
        sessions,
        providers: services.providers,
        audit: services.audit,
        logger,
        firstSessionId: services.firstSessionId(),
        localSessions: config.localSessionsEnabled,
        reconfigure: membership.canChange ? this.#reconfigure() : null,
      }));
    this.#writes = this.processor.writes;
    storage.setLogSource(this);
  }

  /** Tells the time of all that follows until the next call. */
  beginTurn(time: TurnTime): void {
    this.#nowMs = time.nowMs;
    this.processor.beginTurn(time);
  }

  /** Syncs of learners' clients that wait for a commit. */
  get pendingSyncCount(): number {
    return this.#pendingSyncCount;
  }

  get lastProposed(): Zxid {
    return this.#acks.lastProposed;
  }

  get lastCommitted(): Zxid {
    return this.#lastCommitted;
  }

  // ---------------------------------------------------------------- learners

  /** A learner has what we had when NEWLEADER was sent to it: it may serve, and its acks count. */
  admit(learner: LearnerHandler): void {
    writeBarePacket(learner.channel.writer(), PacketType.UpToDate, -1);
    if (!learner.isObserver) {
      const { ackLatency } = this.#member.metrics;
      learner.ackLatency = new LatencySample(ackLatency.of(String(learner.serverId)));
    }
    this.#acks.reset(learner.serverId, Math.max(learner.ackedZxid, this.#start));
    if (learner.earlyAck > learner.ackedZxid) this.#ack(learner, learner.earlyAck);
  }

  /** A learner is gone. */
  forget(learner: LearnerHandler): void {
    this.#acks.forget(learner.serverId);
  }

  /** @throws {DecodeError} on what no learner sends */
  packet(learner: LearnerHandler, { type, zxid, data, ids }: QuorumPacket): void {
    switch (type) {
      case PacketType.Ack:
        return this.#ack(learner, zxid);
      case PacketType.Ping:
        return readPingReply(data, (id, timeoutMs) => this.#writes.touchSession(id, timeoutMs));
      case PacketType.Revalidate: {
        const { sessionId, timeoutMs } = readRevalidate(data);
        this.#member.metrics.revalidateCount.increment();
        const isValid = this.#writes.revalidate(learner, sessionId, timeoutMs);
        return writeRevalidateReply(learner.channel.writer(), sessionId, isValid);
      }
      case PacketType.Request: {
        learner.requestCount++;
        const { sessionId, cxid, opCode, body } = readRequest(data);
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
    this.#pendingSyncCount++;
    const { lastZxid, outstandingCount } = this.#writes;
    if (outstandingCount > 0 && this.#syncZxids.at(-1) !== lastZxid) this.#syncZxids.push(lastZxid);
    this.#writes.remoteSync(() => {
      this.#pendingSyncCount--;
      if (!learner.isClosed) writeBarePacket(learner.channel.writer(), PacketType.Sync, 0);
    });
  }

  /** The new members have no place for us as a leader. Learners are let go, and nothing is proposed. */
  stop(): void {
    this.#isOver = true;
  }

  #ack(learner: LearnerHandler, zxid: Zxid): void {
    if (counterOf(zxid) === 0) return; // of UPTODATE
    if (zxid > this.#acks.lastProposed) throw new DecodeError("an ACK of what was never proposed");
    if (zxid > learner.ackedZxid) learner.ackedZxid = zxid;
    learner.ackLatency?.reached(zxid, this.#nowMs);
    if (!learner.isObserver) this.#commitThrough(this.#acks.ack(learner.serverId, zxid));
  }

  // ---------------------------------------------------------------- proposals

  /** Proposes what was prepared since the last call. To be called at the end of a turn. */
  propose(): void {
    const batch = this.#isOver ? null : this.#writes.takeBatch();
    if (batch === null) return;
    const { lastZxid } = batch;
    if (epochOf(lastZxid) !== epochOf(this.#start) || counterOf(lastZxid) > this.#counterMax) {
      return this.#onEnd(USED_UP); // more came in one turn than there was room for
    }
    const { history: { proposals }, metrics, stats } = this.#member;
    const after = this.#acks.lastProposed;
    assert(batch.firstZxid === after + 1, "proposals have no gap");
    proposals.append(batch.bytes, batch.firstZxid, batch.lastZxid, batch.recordCount);
    this.#countProposals(after, batch.lastZxid);
    this.#unlogged.push(batch);
    const packets = this.#packets;
    packets.position = 0;
    proposals.forEachOutstanding(after, (zxid, buffer, start, end) => {
      writeProposal(packets, zxid, buffer, start, end);
      stats.proposal.add(end - start);
      return true;
    });
    metrics.proposalCount.add(batch.recordCount);
    this.#quorumAckLatency.begin(batch.lastZxid, this.#nowMs);
    this.#ownAckLatency.begin(batch.lastZxid, this.#nowMs);
    this.#ackCreationLatency.begin(batch.lastZxid, this.#nowMs);
    for (const learner of this.#learners()) {
      if (learner.isForwarding && !learner.isObserver) {
        learner.channel.writer().raw(packets.written());
        learner.queued(batch.recordCount, this.#nowMs);
        learner.ackLatency?.begin(batch.lastZxid, this.#nowMs);
      }
    }
    this.#checkCounter();
  }

  #countProposals(after: Zxid, lastZxid: Zxid): void {
    const reconfig = this.#reconfig;
    if (reconfig !== null && reconfig.zxid > after) {
      assert(reconfig.zxid <= lastZxid, "what is prepared is proposed");
      if (reconfig.zxid > after + 1) this.#acks.proposed(reconfig.zxid - 1);
      this.#member.membership.see(reconfig.config);
      this.#acks.proposedReconfig(reconfig.zxid, reconfig.config);
    }
    if (lastZxid > this.#acks.lastProposed) this.#acks.proposed(lastZxid);
  }

  /** A SYNC goes between the COMMITs: a client's sync is answered before its later writes. */
  #commitThrough(zxid: Zxid): void {
    while (this.#syncZxids.length > 0 && this.#syncZxids[0]! <= zxid) {
      this.#commitRange(this.#syncZxids.shift()!);
    }
    this.#commitRange(zxid);
  }

  #commitRange(zxid: Zxid): void {
    if (zxid <= this.#lastCommitted) return;
    const reconfig = this.#reconfig;
    if (reconfig === null || zxid < reconfig.zxid) return this.#commit(zxid, null);
    assert(zxid === reconfig.zxid, "nothing behind a reconfig is committed with it");
    this.#commitReconfig(reconfig);
  }

  /** @param designatedLeader of the reconfig at `zxid`; null: there is none */
  #commit(zxid: Zxid, designatedLeader: ServerId | null): void {
    const { proposals } = this.#member.history;
    const after = this.#lastCommitted;
    this.#lastCommitted = zxid;
    proposals.commit(zxid);
    const { metrics } = this.#member;
    metrics.commitCount.add(zxid - after);
    metrics.requestCommitQueued.add(zxid - after);
    this.#quorumAckLatency.reached(zxid, this.#nowMs);
    for (const learner of this.#learners()) {
      if (!learner.isForwarding) continue;
      const writer = learner.channel.writer();
      learner.queued(zxid - after, this.#nowMs);
      if (learner.isObserver) {
        proposals.forEachCommitted(after, (committed, buffer, start, end) => {
          if (committed !== zxid || designatedLeader === null) {
            writeInform(writer, committed, buffer, start, end);
          } else {
            const txn = buffer.subarray(start, end);
            writeInformAndActivate(writer, committed, designatedLeader, txn);
          }
          return true;
        });
      } else {
        const last = designatedLeader === null ? zxid : zxid - 1;
        for (let committed = after + 1; committed <= last; committed++) {
          writeBarePacket(writer, PacketType.Commit, committed);
        }
        if (designatedLeader !== null) writeCommitAndActivate(writer, zxid, designatedLeader);
      }
    }
    this.#writes.committed(zxid);
    this.#checkCounter();
  }

  // ---------------------------------------------------------------- reconfig

  #reconfigure(): Reconfigure {
    return {
      judge: (request, zxid) => this.#judge(request, zxid),
      prepared: () => this.#reconfig = this.#allowedReconfig,
    };
  }

  #judge(request: ReconfigRequest, zxid: Zxid): Uint8Array | ErrorCode {
    const { membership, config, logger } = this.#member;
    const { standaloneEnabled, multiAddressEnabled } = config.ensemble;
    const outcome = reconfigure(request, {
      committed: membership.committed,
      lastSeen: this.#reconfig?.config ?? membership.lastSeen,
      standaloneEnabled,
      multiAddressEnabled,
      syncedServers: this.#options.syncedServers(),
    });
    if ("reason" in outcome) {
      logger.warn("reconfig refused", { reason: outcome.reason, err: outcome.err });
      return outcome.err;
    }
    const next = outcome.config.withVersion(zxid);
    this.#allowedReconfig = { zxid, config: next };
    return encodeUtf8(next.toText());
  }

  /** A quorum of the old and of the new members has it: the new ones go on, under us or another leader. */
  #commitReconfig({ zxid, config }: Reconfig): void {
    const { membership, serverId, logger } = this.#member;
    const designated = designatedLeaderOf({
      leader: serverId,
      committed: membership.committed,
      next: config,
      ackedBy: this.#ackedBy(config, zxid),
      laterAcks: this.#laterAcks(config, zxid),
    });
    logger.info("reconfig committed", {
      version: `0x${zxidToHex(zxid)}`,
      members: config.toLines().join(" "),
      leader: designated,
    });
    this.#reconfig = null;
    membership.adopt(config);
    this.#commit(zxid, designated);
    if (designated === serverId) return this.#commitThrough(this.#acks.activate());
    this.#isOver = true;
    this.#options.onHandOver(designated, zxid);
  }

  #ackedBy({ voters }: QuorumConfig, zxid: Zxid): Set<ServerId> {
    return new Set([...voters].filter((voter) => this.#acks.ackedThrough(voter) >= zxid));
  }

  /** Before them who is there at all: an ack stays good when its server has gone. */
  *#laterAcks(config: QuorumConfig, zxid: Zxid): Iterable<ReadonlySet<ServerId>> {
    yield this.#options.syncedServers();
    for (let later = zxid + 1; later <= this.#acks.lastProposed; later++) {
      yield this.#ackedBy(config, later);
    }
  }

  get #counterMax(): number {
    return this.#member.counterMax ?? COUNTER_MAX;
  }

  /** A new epoch is begun before the counter runs into it, when nothing is under way if that comes in time. */
  #checkCounter(): void {
    const counter = counterOf(this.#writes.lastZxid);
    const counterMax = this.#counterMax;
    const margin = Math.min(COUNTER_MARGIN, counterMax / 4);
    if (counter < counterMax - 2 * margin) return;
    if (this.#writes.outstandingCount > 0 && counter < counterMax - margin) return;
    this.#onEnd(USED_UP);
  }

  // ---------------------------------------------------------------- LogSource

  get outstandingCount(): number {
    return this.#writes.outstandingCount;
  }

  get batchRecordCount(): number {
    return this.#unlogged[0]?.recordCount ?? 0;
  }

  takeBatch(): LogBatch | null {
    const batch = this.#unlogged.shift() ?? null;
    if (batch !== null) this.#member.history.lastLoggedZxid = batch.lastZxid;
    return batch;
  }

  logged(zxid: Zxid): void {
    this.#writes.logged(zxid);
    this.#ownAckLatency.reached(zxid, this.#nowMs);
    this.#ackCreationLatency.reached(zxid, this.#nowMs);
    this.#commitThrough(this.#acks.ack(this.#member.serverId, zxid));
  }

  diskFull(): boolean {
    return false;
  }

  diskHasRoom(): void {
    // a full disk ends the process
  }

  /** The role is over, and the log flushed: what is logged is part of our history, committed or not. */
  applyAll(): void {
    const { proposals, lastLoggedZxid } = this.#member.history;
    if (lastLoggedZxid <= this.#lastCommitted) return;
    proposals.commit(lastLoggedZxid);
    this.#writes.committed(lastLoggedZxid);
  }
}
