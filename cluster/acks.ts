/**
 * Counts who holds which proposal, and says through which zxid they are committed.
 *
 * A server acknowledges in zxid order, so its newest ACK stands for all before it, and one zxid a server
 * is all there is to remember. Knows nothing of connections: what a server made durable it holds whether
 * it is connected or not, until {@linkcode ProposalAcks.reset} says that it came back.
 *
 * Invariant: `committed` only grows, and every proposal through it was held by a quorum of each
 * configuration that was in force when it was proposed (quorum protocol sections 9 and 15).
 *
 * @module
 */
import { assert } from "../core/assert.ts";
import type { Zxid } from "../core/zxid.ts";
import type { QuorumConfig } from "./quorum_config.ts";
import type { ServerId } from "./server_id.ts";

/** What a server has acknowledged that has acknowledged nothing. */
const NONE = -1;

/** The proposals from `first` on, until the next stretch, need a quorum of each of `quorums`. */
interface Stretch {
  readonly first: Zxid;
  readonly quorums: readonly QuorumAcks[];
}

export class ProposalAcks {
  /** Also of servers that do not vote: they may be the ones that a reconfig gives a vote. */
  readonly #acked = new Map<ServerId, Zxid>();
  /** By zxid; the first one holds the next proposal to be committed. */
  readonly #stretches: Stretch[];
  #current: QuorumAcks;
  #lastProposed: Zxid;
  #committed: Zxid;
  /** The reconfig under way: what is behind it waits for `activate`. */
  #reconfig: { readonly zxid: Zxid; readonly next: QuorumAcks } | null = null;

  constructor({ config, start }: {
    /** The one that the leader adopted when it was established. */
    config: QuorumConfig;
    /** epoch << 32: committed by establishing the leader. */
    start: Zxid;
  }) {
    this.#current = new QuorumAcks(config);
    this.#stretches = [{ first: start, quorums: [this.#current] }];
    this.#lastProposed = this.#committed = start;
  }

  /** All proposals through this zxid are committed. */
  get committed(): Zxid {
    return this.#committed;
  }

  get lastProposed(): Zxid {
    return this.#lastProposed;
  }

  /** The newest zxid that a server acknowledged, or -1. */
  ackedThrough(serverId: ServerId): Zxid {
    return this.#acked.get(serverId) ?? NONE;
  }

  /** Proposals through `zxid` went out. */
  proposed(zxid: Zxid): void {
    assert(zxid > this.#lastProposed, "zxids only grow");
    this.#lastProposed = zxid;
  }

  /**
   * A reconfig went out. It, and all that is proposed until {@linkcode ProposalAcks.activate}, needs a
   * quorum of both configurations.
   */
  proposedReconfig(zxid: Zxid, config: QuorumConfig): void {
    assert(this.#reconfig === null, "one reconfig at a time");
    this.proposed(zxid);
    const next = new QuorumAcks(config); // nobody has acknowledged what it judges
    this.#reconfig = { zxid, next };
    this.#stretches.push({ first: zxid, quorums: [this.#current, next] });
  }

  /**
   * The reconfig is committed, and this server leads on: from here on its configuration decides alone.
   * What was proposed before goes on needing both, as in ZooKeeper.
   *
   * @returns the newest committed zxid: proposals behind the reconfig may have waited for this
   */
  activate(): Zxid {
    const reconfig = this.#reconfig;
    assert(reconfig !== null && reconfig.zxid === this.#committed, "the reconfig is committed");
    this.#reconfig = null;
    this.#current = reconfig.next;
    this.#stretches.push({ first: this.#lastProposed + 1, quorums: [reconfig.next] });
    return this.#advance();
  }

  /**
   * `serverId`, possibly this server, made everything through `zxid` durable. It comes from outside:
   * what was never proposed is ignored, and so is who does not vote.
   *
   * @returns the newest committed zxid, which stands still at a reconfig until `activate`
   */
  ack(serverId: ServerId, zxid: Zxid): Zxid {
    if (zxid > this.#lastProposed || zxid <= this.ackedThrough(serverId)) return this.#committed;
    this.#acked.set(serverId, zxid);
    let isNews = false;
    for (const { quorums } of this.#stretches) {
      for (const quorum of quorums) if (quorum.ack(serverId, zxid)) isNews = true;
    }
    return isNews ? this.#advance() : this.#committed;
  }

  /**
   * A server joined, and holds at least what is committed through `zxid`. What else it acknowledged
   * before counts no more, since that may have been truncated or lost; no commit is taken back.
   */
  reset(serverId: ServerId, zxid: Zxid): void {
    assert(zxid <= this.#committed, "who joins is not ahead");
    this.#acked.set(serverId, zxid);
    for (const { quorums } of this.#stretches) {
      for (const quorum of quorums) quorum.set(serverId, zxid);
    }
  }

  /** A server left. The acks of a voter stay, since they are true; others are not worth keeping. */
  forget(serverId: ServerId): void {
    const isVoter = this.#stretches.some(({ quorums }) =>
      quorums.some(({ config }) => config.voters.has(serverId))
    );
    if (!isVoter) this.#acked.delete(serverId);
  }

  #advance(): Zxid {
    const limit = this.#reconfig?.zxid ?? this.#lastProposed;
    for (;;) {
      const [stretch, next] = this.#stretches;
      const end = next === undefined ? limit : Math.min(limit, next.first - 1);
      let through = end;
      for (const { heldThrough } of stretch!.quorums) through = Math.min(through, heldThrough);
      if (through > this.#committed) this.#committed = through;
      if (next === undefined || this.#committed < next.first - 1) return this.#committed;
      this.#stretches.shift();
    }
  }
}

/** The acks of one configuration's voters. */
class QuorumAcks {
  readonly config: QuorumConfig;
  /** A quorum holds everything through this zxid; -1 when none holds anything. */
  heldThrough: Zxid = NONE;
  readonly #voters: readonly ServerId[];
  /** One for each of the voters. */
  readonly #acked: Zxid[];

  constructor(config: QuorumConfig) {
    this.config = config;
    this.#voters = [...config.voters];
    this.#acked = this.#voters.map(() => NONE);
  }

  /** Raises what one server acknowledged; returns whether `heldThrough` grew. */
  ack(serverId: ServerId, zxid: Zxid): boolean {
    const index = this.#voters.indexOf(serverId);
    if (index === -1) return false;
    const before = this.#acked[index]!;
    this.#acked[index] = zxid;
    const held = this.heldThrough;
    // Who was ahead of the quorum, or stays behind it, cannot move it.
    if (before > held || zxid <= held) return false;
    this.heldThrough = this.#newestHeld();
    return this.heldThrough > held;
  }

  /** Sets what one server acknowledged, which may be less than before. */
  set(serverId: ServerId, zxid: Zxid): void {
    const index = this.#voters.indexOf(serverId);
    if (index === -1) return;
    this.#acked[index] = zxid;
    this.heldThrough = this.#newestHeld();
  }

  #newestHeld(): Zxid {
    let newest = NONE;
    for (const zxid of this.#acked) if (zxid > newest && this.#isHeld(zxid)) newest = zxid;
    return newest;
  }

  #isHeld(zxid: Zxid): boolean {
    if (this.config.isHierarchical) {
      return this.config.isQuorum(new Set(this.#voters.filter((_, i) => this.#acked[i]! >= zxid)));
    }
    let holderCount = 0;
    for (const acked of this.#acked) if (acked >= zxid) holderCount += 1;
    return holderCount * 2 > this.#acked.length;
  }
}
