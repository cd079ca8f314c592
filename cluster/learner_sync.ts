/**
 * Chooses how a learner catches up with the leader: DIFF, TRUNC or SNAP (quorum protocol section 7).
 *
 * Decides only; the leader sends what is chosen, and then everything newer, before NEWLEADER. What is
 * sent is not collected: the leader reads it on from a zxid, out of the proposals in memory or the txn
 * log.
 *
 * Invariant: after the chosen packet and the committed txns after `from`, the learner's history is the
 * leader's committed one.
 *
 * @module
 */
import { counterOf, epochOf, type Zxid } from "../core/zxid.ts";
import type { ProposalLog } from "./proposal_log.ts";

/** `from`: the committed txns after it are to be sent, each as PROPOSAL and COMMIT. */
export type LearnerSync =
  | {
    /** DIFF: the learner keeps all it has. TRUNC: only what is through `zxid`. */
    readonly kind: "diff" | "trunc";
    /** Of the packet. */
    readonly zxid: Zxid;
    readonly from: Zxid;
    /** Where what is to be sent begins: in the list of proposals, or before it, in the txn log. */
    readonly source: "memory" | "log";
  }
  | {
    /** SNAP with the tree at the time of sending, whose zxid is in the packet. */
    readonly kind: "snap";
    /** The tree holds everything through this at the least. */
    readonly from: Zxid;
    readonly reason: SnapReason;
  };

/** Why nothing less will do: for the log line. */
export type SnapReason =
  | "forced"
  | "the learner is newer, without a txn to truncate to"
  | "the learner is older than the proposals in memory"
  | "the txn log begins after the learner's zxid"
  | "the txn log is larger than snapshotSizeFactor allows"
  | "the txn log has a gap"
  | "the learner has txns of an epoch that ended differently";

/** What the leader's txn log says about the place where a learner stands. */
export interface LogNeighbourhood {
  /** The newest record that is at most `peer`; undefined when the log begins after it. */
  readonly floor: Zxid | undefined;
  /** The oldest record after `peer`; undefined when there is none. */
  readonly next: Zxid | undefined;
  /** The last record of all. */
  readonly last: Zxid;
  /**
   * Whether nothing is missing from `floor` on: each record follows the one before, or opens an epoch,
   * and no snapshot received from a leader stands for txns that never were in this log.
   */
  readonly isWhole: boolean;
  /** Size of the files to read but for the first one, which ZooKeeper does not count (verified 3.8.0). */
  readonly laterFilesBytes: number;
  /** Size of the newest snapshot. */
  readonly snapshotBytes: number;
}

/** The txn log on disk, asked only when memory does not reach back far enough. */
export interface LogHistory {
  /** Null when there is no log that may hold `peer`. */
  around(peer: Zxid): LogNeighbourhood | null;
}

const SNAPSHOT_SIZE_FACTOR_DEFAULT = 0.33;

/** Decides for one learner; nothing may be committed until the leader forwards to it. */
export function chooseSync({ peer, last, proposals, log, forceSnapshotSync, snapshotSizeFactor }: {
  /** The learner's last logged zxid, from ACKEPOCH. */
  peer: Zxid;
  /** lastProcessedZxid: of the last committed txn, or epoch << 32 before the first of the epoch. */
  last: Zxid;
  proposals: ProposalLog;
  log: LogHistory;
  forceSnapshotSync: boolean;
  /** Log bytes to send, by those of a snapshot: 0 is no limit, below 0 the log is never used. */
  snapshotSizeFactor: number;
}): LearnerSync {
  const snap = (reason: SnapReason): LearnerSync => ({ kind: "snap", from: last, reason });
  const { min = last, max = last } = proposals;
  if (forceSnapshotSync) return snap("forced");
  if (peer === last) return { kind: "diff", zxid: peer, from: peer, source: "memory" };
  if (peer > max) {
    if (isNewEpochPeer(peer)) return snap("the learner is newer, without a txn to truncate to");
    return { kind: "trunc", zxid: max, from: max, source: "memory" };
  }
  if (peer >= min) {
    const floor = proposals.committedFloor(peer)!;
    return walk({ peer, floor, next: nextCommitted(proposals, floor), max, source: "memory" }) ??
      snap("the learner has txns of an epoch that ended differently");
  }
  if (snapshotSizeFactor < 0) return snap("the learner is older than the proposals in memory");
  const found = log.around(peer);
  const { floor } = found ?? {};
  if (found === null || floor === undefined) {
    return snap("the txn log begins after the learner's zxid");
  }
  if (found.laterFilesBytes > bytesMax(snapshotSizeFactor, found.snapshotBytes)) {
    return snap("the txn log is larger than snapshotSizeFactor allows");
  }
  // Where the log ends the proposals in memory must go on (ZOOKEEPER-2418).
  if (!found.isWhole || found.last < min) return snap("the txn log has a gap");
  return walk({ peer, floor, next: found.next, max, source: "log" }) ??
    snap("the learner has txns of an epoch that ended differently");
}

/**
 * The opening packet for a learner in between `floor` and `next`, two txns of ours that follow each
 * other; null when its own txns after `floor` are of another epoch than `next`.
 */
function walk({ peer, floor, next, max, source }: {
  peer: Zxid;
  floor: Zxid;
  next: Zxid | undefined;
  max: Zxid;
  source: "memory" | "log";
}): LearnerSync | null {
  if (floor === peer || isNewEpochPeer(peer)) {
    return { kind: "diff", zxid: max, from: floor, source };
  }
  if (next === undefined || epochOf(next) !== epochOf(peer)) return null;
  return { kind: "trunc", zxid: floor, from: floor, source };
}

/**
 * A learner that got its zxid from a SNAP taken just after an election, or has nothing: no txn has that
 * zxid, so there is nothing to truncate, and nothing of the epoch that it has.
 */
function isNewEpochPeer(peer: Zxid): boolean {
  return counterOf(peer) === 0;
}

function nextCommitted(proposals: ProposalLog, floor: Zxid): Zxid | undefined {
  let next: Zxid | undefined;
  proposals.forEachCommitted(floor, (zxid) => {
    next = zxid;
    return false;
  });
  return next;
}

function bytesMax(snapshotSizeFactor: number, snapshotBytes: number): number {
  if (snapshotSizeFactor === 0) return Infinity;
  const factor = snapshotSizeFactor > 1 ? SNAPSHOT_SIZE_FACTOR_DEFAULT : snapshotSizeFactor;
  return factor * snapshotBytes;
}
