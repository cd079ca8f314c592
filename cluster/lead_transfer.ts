/**
 * Whether a leader may leave the lead to another voter, and to whom it would go.
 *
 * There is no message of ZooKeeper's protocol by which a leader names the next one, other than a reconfig
 * that takes it out of the voters. So it does what it would after a failure, at a moment when that costs
 * little: it ends its role, and does not stand in the election that follows. The others elect whom they
 * always elect, the one with the most history, of those the one with the greatest id; nothing committed is
 * lost, by the same reasons as in every election.
 *
 * @module
 */
import type { Zxid } from "../core/zxid.ts";
import type { Membership } from "./membership.ts";
import type { ServerId } from "./server_id.ts";
import { beats, type Vote } from "./vote.ts";

/** For so long who gave up the lead stands in no election, unless another one leads before. */
export const STANDS_BACK_MS = 10_000;

/** Why not, or who is expected to lead next. */
export type LeadTransfer = { readonly refusal: string } | { readonly successor: ServerId };

/**
 * @param syncedServers who follows us and is in sync, ourselves perhaps included
 * @param ackedZxid what each has on its disk
 * @param to who shall lead; null: whoever is elected
 */
export function judgeLeadTransfer({ serverId, membership, syncedServers, ackedZxid, epoch, to }: {
  readonly serverId: ServerId;
  readonly membership: Membership;
  readonly syncedServers: ReadonlySet<ServerId>;
  readonly ackedZxid: (follower: ServerId) => Zxid;
  readonly epoch: number;
  readonly to: ServerId | null;
}): LeadTransfer {
  const { committed, lastSeen } = membership;
  if (lastSeen.version !== committed.version) {
    return { refusal: "a change of the membership is under way" };
  }
  if (to === serverId) return { refusal: `server ${to} leads already` };
  if (to !== null && !committed.voters.has(to)) {
    return { refusal: `server ${to} is no voting member` };
  }
  const others = [...committed.voters].filter((id) => id !== serverId && syncedServers.has(id));
  if (!committed.isQuorum(new Set(others))) {
    const missing = [...committed.voters].filter((id) => id !== serverId && !others.includes(id));
    const why = missing.length === 0
      ? "the other voters are too few"
      : `not in sync: ${missing.join(", ")}`;
    return { refusal: `the other voters in sync are no quorum without this server (${why})` };
  }
  const voteFor = (leader: ServerId): Vote => ({
    leader,
    zxid: ackedZxid(leader),
    electionEpoch: 0,
    peerEpoch: epoch,
  });
  let best: Vote | null = null;
  for (const id of others) {
    if (committed.weightOf(id) === 0) continue;
    const vote = voteFor(id);
    if (best === null || beats(vote, best, committed)) best = vote;
  }
  if (best === null) return { refusal: "no other voter has a weight, so none can be elected" };
  if (to !== null && to !== best.leader) {
    return {
      refusal: `an election would make server ${best.leader} the leader: it picks the longest ` +
        `history, then the greatest id, so server ${to} would not be elected`,
    };
  }
  return { successor: best.leader };
}
