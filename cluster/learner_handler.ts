/**
 * One learner as its leader sees it: what it said, how far it has caught up, and what is sent to it
 * (quorum protocol sections 5 to 9).
 *
 * A learner that is behind gets the tree or the missing txns in pieces, each when the one before is
 * sent; new proposals reach it only from the moment it has caught up, so nothing has to wait for it.
 *
 * @module
 */
import { assert } from "../core/assert.ts";
import { STRANGE_LEARNER_COUNT_MAX } from "../core/limits.ts";
import type { SessionOwner } from "../core/session/sessions.ts";
import { TreeStreamWriter } from "../core/storage/tree_stream.ts";
import type { Id } from "../core/tree/acl_list.ts";
import { counterOf, type Zxid } from "../core/zxid.ts";
import type { LatencySample } from "./latency_sample.ts";
import { chooseSync, type LearnerSync } from "./learner_sync.ts";
import { type Channel, initLimitMs, type LogCursor, type Member } from "./member.ts";
import { packetDataBytesMax, syncLimitMs } from "./member.ts";
import { PacketStream, PacketType, writeBarePacket, writeProposal } from "./quorum_packet.ts";
import type { ServerId } from "./server_id.ts";

/** Why a learner is let go that does not say who it is, when there are many of those. */
export const STRANGE = "too many connections do not say who they are";
/** Why a learner is let go that cannot be brought up to date. */
export const LOST = "what it lacks cannot be sent: our log is damaged, or writes came too fast";

/** A piece of a tree or a log. */
const PIECE_BYTES = 64 << 10;

/** What is expected of it next. */
export type LearnerStage =
  /** FOLLOWERINFO or OBSERVERINFO. */
  | "info"
  /** ACKEPOCH, once the epoch is known. */
  | "ackEpoch"
  /** The epoch's quorum, before it is synchronised. */
  | "waitingForEpoch"
  /** Nothing: others are being sent what they lack, and it waits for its turn. */
  | "waitingForSync"
  /** Nothing: it is being sent what it lacks. */
  | "catchingUp"
  /** The ACK of NEWLEADER. */
  | "ackNewLeader"
  /** Everything. */
  | "synced";

const BEFORE_SYNC: readonly LearnerStage[] = ["ackEpoch", "waitingForEpoch", "waitingForSync"];

export class LearnerHandler implements SessionOwner {
  readonly ids: readonly Id[] = [];
  readonly channel: Channel;
  readonly packets: PacketStream;
  stage: LearnerStage = "info";
  /** Negative for one that did not say. */
  serverId: ServerId = 0;
  isObserver = false;
  acceptedEpoch = 0;
  /** What it reported with ACKEPOCH. */
  lastLoggedZxid: Zxid = -1;
  /** Monotonic: it must have said something by then. */
  readDeadlineMs: number;
  /** Until then it counts as following us. */
  syncedDeadlineMs: number;
  /** How it caught up, for metrics and log lines. */
  syncKind: LearnerSync["kind"] = "diff";
  /** When its catching up began. Monotonic. */
  syncStartMs = 0;
  /** Of the tree or the txns that were sent to it meanwhile. */
  syncBytes = 0;
  /** From a proposal to its ACK; null until its acks count. */
  ackLatency: LatencySample | null = null;
  /** Through this it has everything on disk. */
  ackedZxid: Zxid = 0;
  /** The newest proposal that it acknowledged before NEWLEADER; 0 for none. */
  earlyAck: Zxid = 0;
  /** It must have acknowledged this by the deadline; null when it owes nothing that is old. */
  owed: { zxid: Zxid; deadlineMs: number } | null = null;

  /** Monotonic. */
  readonly connectedMs: number;
  /** Since it connected, or the counts were last forgotten. */
  packetsReceived = 0;
  /** Txns, commits and pings: what it is sent without asking. */
  packetsSent = 0;
  requestCount = 0;

  readonly #member: Member;
  #tree: TreeStreamWriter | null = null;
  #log: LogCursor | null = null;
  /** The last txn sent. */
  #sentZxid: Zxid = 0;
  #isClosed = false;
  /** Packets of broadcast since the channel was last drained, and when the first was queued. */
  #queuedCount = 0;
  #queuedMs = 0;

  constructor({ channel, member, nowMs }: { channel: Channel; member: Member; nowMs: number }) {
    this.channel = channel;
    this.#member = member;
    this.connectedMs = nowMs;
    this.packets = new PacketStream({ dataBytesMax: packetDataBytesMax(member) });
    this.readDeadlineMs = nowMs + initLimitMs(member);
    this.syncedDeadlineMs = this.readDeadlineMs + syncLimitMs(member);
  }

  /** Who has to go for a new connection: the first that does not say who it is, when too many do not. */
  static superfluous(learners: Iterable<LearnerHandler>): LearnerHandler | null {
    const strangers = [...learners].filter(({ stage }) => stage === "info");
    return strangers.length < STRANGE_LEARNER_COUNT_MAX ? null : strangers[0]!;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** The last txn that it was sent, as far as this object did it, and it was in a tree at the least. */
  get sentZxid(): Zxid {
    return this.#sentZxid;
  }

  /** Packets of broadcast that are not sent yet. */
  get queuedPacketCount(): number {
    return this.#queuedCount;
  }

  resetStats(): void {
    this.packetsReceived = 0;
    this.packetsSent = 0;
    this.requestCount = 0;
  }

  /** Whether what is proposed now is sent to it. */
  get isForwarding(): boolean {
    return this.stage === "ackNewLeader" || this.stage === "synced";
  }

  /** Whether it is being sent what it lacks, or has not said yet that it has it. */
  get isSyncing(): boolean {
    return this.stage === "catchingUp" || this.stage === "ackNewLeader";
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#endStreams();
    this.channel.close();
  }

  // ---------------------------------------------------------------- catching up

  /** @param wasLost what it lacked was gone before it had it: it gets a tree */
  chooseSync(lastCommitted: Zxid, wasLost: boolean): LearnerSync {
    const { config: { ensemble }, history, storage } = this.#member;
    return chooseSync({
      peer: this.lastLoggedZxid,
      last: lastCommitted,
      proposals: history.proposals,
      log: storage.log,
      forceSnapshotSync: ensemble.forceSnapshotSync || wasLost,
      snapshotSizeFactor: ensemble.snapshotSizeFactor,
    });
  }

  /** Begins to send what it lacks. Call `continueSync` when the channel has sent what is written. */
  beginSync(sync: LearnerSync, lastCommitted: Zxid): void {
    assert(BEFORE_SYNC.includes(this.stage), "it said what it has");
    this.stage = "catchingUp";
    this.syncKind = sync.kind;
    const writer = this.channel.writer();
    const { history, storage } = this.#member;
    if (sync.kind === "snap") {
      const { tree, sessions } = history.applier;
      this.#tree = new TreeStreamWriter({ tree, sessions });
      this.#sentZxid = this.#tree.zxid;
      return writeBarePacket(writer, PacketType.Snap, this.#tree.zxid);
    }
    const type = sync.kind === "diff" ? PacketType.Diff : PacketType.Trunc;
    writeBarePacket(writer, type, sync.zxid);
    this.#sentZxid = sync.from;
    if (sync.source === "log") this.#log = storage.readLog(sync.from, lastCommitted);
  }

  /**
   * Sends the next piece.
   *
   * @returns "more" when there is one left, "done" when it has all that is committed, "lost" when what it
   * lacks is nowhere any more
   */
  continueSync(lastCommitted: Zxid): "more" | "done" | "lost" {
    const writer = this.channel.writer();
    if (this.#tree !== null) {
      const piece = this.#tree.next(PIECE_BYTES);
      if (piece !== null) {
        writer.raw(piece);
        this.syncBytes += piece.length;
        return "more";
      }
      this.#endStreams();
    }
    if (this.#log !== null) {
      const before = this.#sentZxid;
      const state = this.#log.next(PIECE_BYTES, (zxid, body) => {
        this.#committed(zxid, body, 0, body.length);
      });
      if (state === "broken") return "lost";
      if (state === "more") return "more";
      this.#endStreams();
      if (this.#isInMemory(lastCommitted)) return this.#sendFromMemory();
      if (this.#sentZxid === before) return "lost"; // it has all that the log has
      this.#log = this.#member.storage.readLog(this.#sentZxid, lastCommitted);
      return this.#log === null ? "lost" : "more";
    }
    return this.#isInMemory(lastCommitted) ? this.#sendFromMemory() : "lost";
  }

  #sendFromMemory(): "done" {
    this.#member.history.proposals.forEachCommitted(this.#sentZxid, (zxid, buffer, start, end) => {
      this.#committed(zxid, buffer, start, end);
      return true;
    });
    return "done";
  }

  #isInMemory(lastCommitted: Zxid): boolean {
    return this.#sentZxid >= lastCommitted ||
      this.#member.history.proposals.holdsAfter(this.#sentZxid);
  }

  #committed(zxid: Zxid, buffer: Uint8Array, start: number, end: number): void {
    const writer = this.channel.writer();
    writeProposal(writer, zxid, buffer, start, end);
    writeBarePacket(writer, PacketType.Commit, zxid);
    this.syncBytes += end - start;
    this.#sentZxid = zxid;
  }

  #endStreams(): void {
    this.#tree?.close();
    this.#tree = null;
    this.#log?.close();
    this.#log = null;
  }

  // ---------------------------------------------------------------- broadcast

  /** So many packets were written to its channel. */
  queued(packetCount: number, nowMs: number): void {
    if (this.#queuedCount === 0) this.#queuedMs = nowMs;
    this.#queuedCount += packetCount;
    this.packetsSent += packetCount;
  }

  /** All of them are sent. */
  drained(nowMs: number): void {
    if (this.#queuedCount === 0) return;
    const { metrics } = this.#member;
    const key = String(this.serverId);
    metrics.learnerHandlerQpSize.of(key).add(this.#queuedCount);
    metrics.learnerHandlerQpTimeMs.of(key).add(Math.round(nowMs - this.#queuedMs));
    this.#queuedCount = 0;
  }

  // ---------------------------------------------------------------- acknowledging

  /** A PING is due: notes what must be acknowledged by when. Returns whether it owes too much. */
  isLate(nowMs: number, lastProposed: Zxid, limitMs: number): boolean {
    if (this.owed !== null && this.ackedZxid >= this.owed.zxid) this.owed = null;
    if (this.owed !== null) return nowMs > this.owed.deadlineMs;
    if (this.ackedZxid < lastProposed && counterOf(lastProposed) > 0) {
      this.owed = { zxid: lastProposed, deadlineMs: nowMs + limitMs };
    }
    return false;
  }
}
