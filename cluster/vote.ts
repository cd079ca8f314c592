/**
 * Votes of an election: their order, when two of them say the same, and the one a server starts with.
 *
 * The order picks the server with the most history: the newest epoch, then the longest log, then the
 * greatest id. See quorum protocol section 4.
 *
 * @module
 */
import type { Zxid } from "../core/zxid.ts";
import type { QuorumConfig } from "./quorum_config.ts";
import { NO_SERVER_ID, type ServerId, type ServerState } from "./server_id.ts";

export interface Vote {
  /** Who should lead. */
  readonly leader: ServerId;
  /** The last zxid that leader had logged when it was proposed. */
  readonly zxid: Zxid;
  /** The logical clock of the round in which the vote was cast. */
  readonly electionEpoch: number;
  /** The leader's currentEpoch; once it is established, the epoch it established. */
  readonly peerEpoch: number;
}

/** A vote together with what its sender was doing. */
export interface CastVote {
  readonly vote: Vote;
  readonly state: ServerState;
  /** Of the notification it came in: 0 for ZooKeeper 3.4. */
  readonly version: number;
}

/** Whether `vote` is to be preferred over `other`; a leader of weight 0 never is. */
export function beats(vote: Vote, other: Vote, committed: QuorumConfig): boolean {
  if (committed.weightOf(vote.leader) === 0) return false;
  if (vote.peerEpoch !== other.peerEpoch) return vote.peerEpoch > other.peerEpoch;
  if (vote.zxid !== other.zxid) return vote.zxid > other.zxid;
  return vote.leader > other.leader;
}

/**
 * Whether two servers voted alike (section 4.3).
 *
 * Members of an established ensemble may differ in zxid and electionEpoch, since they joined in
 * different rounds (ZOOKEEPER-1732, 1805, 1818); one that is still looking may not.
 */
export function isSameVote(a: CastVote, b: CastVote): boolean {
  if (a.vote.leader !== b.vote.leader) return false;
  if (a.state === "LOOKING" || b.state === "LOOKING") {
    return a.vote.zxid === b.vote.zxid && a.vote.electionEpoch === b.vote.electionEpoch &&
      a.vote.peerEpoch === b.vote.peerEpoch;
  }
  if ((a.version === 0) !== (b.version === 0)) return true;
  return a.vote.peerEpoch === b.vote.peerEpoch;
}

/** What a server proposes when an election begins: itself, as far as it may lead (section 4.1). */
export function initialVote({ serverId, isObserver, committed, lastLoggedZxid, currentEpoch }: {
  serverId: ServerId;
  isObserver: boolean;
  committed: QuorumConfig;
  lastLoggedZxid: Zxid;
  currentEpoch: number;
}): Vote {
  const electionEpoch = 0;
  if (isObserver) {
    return { leader: NO_SERVER_ID, zxid: NO_SERVER_ID, electionEpoch, peerEpoch: NO_SERVER_ID };
  }
  const leader = committed.voters.has(serverId) ? serverId : NO_SERVER_ID;
  return { leader, zxid: lastLoggedZxid, electionEpoch, peerEpoch: currentEpoch };
}
