/**
 * What the four-letter words and the AdminServer tell of a member of an ensemble, and not of a server that stands alone.
 *
 * @module
 */
import type { Learner } from "../cluster/learner.ts";
import type { LearnerHandler } from "../cluster/learner_handler.ts";
import type { GaugeName } from "../core/metrics/gauge_names.ts";
import type { Gauge } from "../core/metrics/metric_registry.ts";
import type { ServerMetrics } from "../core/metrics/server_metrics.ts";
import type { Clock } from "../core/ports.ts";
import type { ServerConfig } from "../core/server_config.ts";
import type { ServerStats } from "../core/server_stats.ts";
import type { Zxid } from "../core/zxid.ts";
import type { EnsembleServer } from "../core/server_config.ts";
import type {
  EnsembleMemberInfo,
  EnsembleStateInfo,
  ObserverInfo,
  ZabPhase,
} from "./admin_context.ts";
import type { EnsembleMember } from "./ensemble_member.ts";
import type { EnsembleConfiguration } from "./four_letter_context.ts";
import type { RoleView } from "./server_view.ts";

/** There is one algorithm of elections, FastLeaderElection. */
const ELECTION_ALGORITHM = 3;

type EnsembleGauges = Partial<Record<GaugeName, Gauge>>;

export class EnsembleView {
  readonly #config: ServerConfig;
  readonly #member: EnsembleMember;
  readonly #metrics: ServerMetrics;
  readonly #stats: ServerStats;
  readonly #clock: Clock;
  #shown: EnsembleGauges = {};

  constructor({ config, member, metrics, stats, clock }: {
    config: ServerConfig;
    member: EnsembleMember;
    metrics: ServerMetrics;
    stats: ServerStats;
    clock: Clock;
  }) {
    this.#config = config;
    this.#member = member;
    this.#metrics = metrics;
    this.#stats = stats;
    this.#clock = clock;
    const { membership } = member;
    metrics.registerGauges({ quorum_size: () => membership.committed.voters.size });
  }

  /** @param x whether clients are answered, and only those that agree to read */
  role({ isServing, isReadOnly }: Pick<RoleView, "isServing" | "isReadOnly">): RoleView {
    const { peer } = this.#member;
    const mode = isReadOnly
      ? "read-only"
      : peer.leader !== null
      ? "leader"
      : peer.state === "OBSERVING"
      ? "observer"
      : "follower";
    return { isServing, isReadOnly, mode, peerState: peer.stateText };
  }

  /** The part of `conf` that is about the ensemble. */
  configuration({ isReadOnly }: Pick<RoleView, "isReadOnly">): EnsembleConfiguration {
    const { ensemble, serverId } = this.#config;
    const { committed, lastSeen } = this.#member.membership;
    const own = committed.members.get(serverId) ?? lastSeen.members.get(serverId);
    const addresses = own?.addresses ?? [];
    return {
      initLimit: ensemble.initLimitTicks,
      syncLimit: ensemble.syncLimitTicks,
      electionAlg: ELECTION_ALGORITHM,
      electionPorts: addresses.map(({ electionPort }) => electionPort),
      quorumPorts: addresses.map(({ quorumPort }) => quorumPort),
      isObserver: (own?.role ?? ensemble.peerType) === "observer",
      membership: isReadOnly ? null : committed.toText(),
    };
  }

  /** @param clientAddress where clients reach us, which the membership need not say */
  state(clientAddress: string): EnsembleStateInfo {
    const { serverId } = this.#config;
    const { peer, membership: { committed, lastSeen } } = this.#member;
    const own = committed.members.get(serverId) ?? lastSeen.members.get(serverId)!;
    const { leaderId } = peer;
    const leader = leaderId === null ? undefined : committed.members.get(leaderId);
    const infoOf = (server: EnsembleServer) =>
      memberInfo(server, server.serverId === serverId ? clientAddress : null);
    return {
      own: infoOf(own),
      leader: leader === undefined ? null : infoOf(leader),
      voters: [...committed.members.values()]
        .filter(({ serverId }) => committed.voters.has(serverId)).map(infoOf),
      isVoter: committed.voters.has(serverId),
      phase: this.#phase(),
    };
  }

  #phase(): ZabPhase | null {
    const { leader, learner } = this.#member.peer;
    if (leader !== null) return leader.phase;
    switch (learner?.stage) {
      case undefined:
        return null;
      case "connecting":
      case "discovery":
        return "discovery";
      case "broadcast":
        return "broadcast";
      default:
        return "synchronization";
    }
  }

  /** @param lastZxid the last txn that is committed: those that are up to date were sent it */
  observers(lastZxid: Zxid): ObserverInfo[] {
    const startedWallMs = this.#clock.wallMs() - this.#clock.monotonicMs();
    return this.#observers().map((observer) => ({
      remoteAddress: `/${observer.channel.remoteAddress}`,
      serverId: observer.serverId,
      isSynced: observer.stage === "synced",
      establishedMs: Math.round(startedWallMs + observer.connectedMs),
      queuedPacketCount: observer.queuedPacketCount,
      queuedBytes: observer.channel.outputBytes,
      packetsReceived: observer.packetsReceived,
      packetsSent: observer.packetsSent,
      requestCount: observer.requestCount,
      lastZxid: observer.isForwarding ? lastZxid : observer.sentZxid,
    }));
  }

  resetObserverStats(): void {
    for (const observer of this.#observers()) observer.resetStats();
  }

  /** Those that said who they are. */
  #observers(): LearnerHandler[] {
    const { leader, learner } = this.#member.peer;
    const all = leader?.learners ?? learner?.observerMaster?.observers ?? [];
    return [...all].filter(({ isObserver }) => isObserver);
  }

  /** Shows the gauges of the role that the member has now, in place of those of the role before. */
  roleChanged(): void {
    this.#metrics.unregisterGauges(Object.keys(this.#shown) as GaugeName[]);
    const { leader, learner } = this.#member.peer;
    this.#shown = leader !== null ? this.#ofLeader() : learner === null ? {} : ofLearner(learner);
    this.#metrics.registerGauges(this.#shown);
  }

  #ofLeader(): EnsembleGauges {
    const { proposal } = this.#stats;
    return {
      learners: () => this.#learnerCount(() => true),
      synced_followers: () => this.#syncedCount((isVoter, isObserver) => isVoter && !isObserver),
      synced_non_voting_followers: () =>
        this.#syncedCount((isVoter, isObserver) => !isVoter && !isObserver),
      synced_observers: () => this.#syncedCount((_, isObserver) => isObserver),
      pending_syncs: () => this.#member.peer.leader?.broadcast?.pendingSyncCount ?? 0,
      leader_uptime: () => {
        const startedMs = this.#member.peer.leader?.broadcast?.startedMs;
        return startedMs === undefined ? 0 : Math.floor(this.#clock.monotonicMs() - startedMs);
      },
      last_proposal_size: () => proposal.lastBytes,
      max_proposal_size: () => proposal.maxBytes,
      min_proposal_size: () => proposal.minBytes,
    };
  }

  #syncedCount(counts: (isVoter: boolean, isObserver: boolean) => boolean): number {
    const { voters } = this.#member.membership.committed;
    return this.#learnerCount((learner) =>
      learner.stage === "synced" && counts(voters.has(learner.serverId), learner.isObserver)
    );
  }

  #learnerCount(counts: (learner: LearnerHandler) => boolean): number {
    return countOf(this.#member.peer.leader?.learners ?? [], counts);
  }
}

/** @param clientAddress used where the membership says none */
function memberInfo(server: EnsembleServer, clientAddress: string | null): EnsembleMemberInfo {
  const { serverId, addresses, role, clientHost, clientPort } = server;
  return {
    serverId,
    addresses,
    role,
    clientAddress: clientPort === null ? clientAddress : hostAndPort(clientHost, clientPort),
  };
}

/** @param host null: every address */
export function hostAndPort(host: string | null, port: number): string {
  return host?.includes(":") ? `[${host}]:${port}` : `${host ?? "0.0.0.0"}:${port}`;
}

function ofLearner(learner: Learner): EnsembleGauges {
  if (learner.isObserver) return { observer_master_id: () => learner.leader };
  const { observerMaster } = learner;
  if (observerMaster === null) return {};
  return {
    synced_observers: () => countOf(observerMaster.observers, ({ stage }) => stage === "synced"),
  };
}

function countOf(
  learners: Iterable<LearnerHandler>,
  counts: (learner: LearnerHandler) => boolean,
): number {
  let count = 0;
  for (const learner of learners) if (counts(learner)) count++;
  return count;
}
