/**
 * How a leader finds its epoch: a quorum says which ones it knows, then promises to follow into a newer one
 * (quorum protocol section 6.2).
 *
 * Invariant: nobody with more history than the leader is among those who agreed.
 *
 * @module
 */
import { type Zxid, zxidToHex } from "../core/zxid.ts";
import type { Membership } from "./membership.ts";
import type { ServerId } from "./server_id.ts";

export class EpochAgreement {
  readonly #membership: Membership;
  /** What the leader had when it began to lead. */
  readonly #summary: { readonly currentEpoch: number; readonly zxid: Zxid };
  readonly #registered = new Set<ServerId>();
  readonly #acks = new Set<ServerId>();
  #epochMax = -1;
  #epoch = 0;

  constructor(membership: Membership, summary: { currentEpoch: number; zxid: Zxid }) {
    this.#membership = membership;
    this.#summary = summary;
  }

  /** The new epoch; 0 until a quorum of voters is registered. */
  get epoch(): number {
    return this.#epoch;
  }

  get registered(): ReadonlySet<ServerId> {
    return this.#registered;
  }

  /** Whether a quorum of voters has promised to follow. */
  get isAgreed(): boolean {
    return this.#epoch > 0 && this.#membership.committed.isQuorum(this.#acks);
  }

  /** A server says which epoch it accepted last. Returns whether the new epoch is settled by that. */
  register(serverId: ServerId, acceptedEpoch: number): boolean {
    if (this.#epoch > 0) return false;
    this.#epochMax = Math.max(this.#epochMax, acceptedEpoch); // of observers too
    this.#registered.add(serverId);
    if (!this.#membership.committed.isQuorum(this.#registered)) return false;
    this.#epoch = this.#epochMax + 1;
    return true;
  }

  /**
   * A server promises to follow. Returns why it cannot: it has more than the leader.
   *
   * @param currentEpoch -1 of one that had accepted the epoch before, which is no promise to this leader
   */
  acknowledge(serverId: ServerId, currentEpoch: number, zxid: Zxid): string | null {
    if (currentEpoch === -1) return null;
    const { currentEpoch: ourEpoch, zxid: ourZxid } = this.#summary;
    if (currentEpoch > ourEpoch || (currentEpoch === ourEpoch && zxid > ourZxid)) {
      return `it has more history than we have: epoch ${currentEpoch}, zxid 0x${zxidToHex(zxid)}`;
    }
    if (zxid !== -1) this.#acks.add(serverId);
    return null;
  }
}
