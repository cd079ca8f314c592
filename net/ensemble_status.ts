/**
 * A member of an ensemble as its operators see it: who leads, how the other members fare as far as that is known here,
 * and moving the lead.
 *
 * A leader knows how far each learner is. All others know whether there is an election connection to a voter, and
 * why not.
 *
 * @module
 */
import { planReconfig, quorumSizeOf } from "../cluster/reconfig_plan.ts";
import type { LearnerHandler } from "../cluster/learner_handler.ts";
import type { QuorumConfig } from "../cluster/quorum_config.ts";
import type { ServerId } from "../cluster/server_id.ts";
import type { EnsembleServer, ServerConfig } from "../core/server_config.ts";
import { epochOf, type Zxid } from "../core/zxid.ts";
import type { EnsembleMember } from "./ensemble_member.ts";
import type { ReconfigRequest } from "./http/gateway.ts";
import {
  type ClusterStatus,
  connectionName,
  LeaderStatus,
  LeadTransferOutcome,
  MembershipPlan,
  MemberState,
  MemberStatus,
} from "./http/server_admin.ts";
import { rest } from "./rest.ts";

/** How often it is looked whether something has come about. */
const LOOK_MS = 10;
/** A lead is given away when nothing is under way, or after so long all the same. */
const QUIET_WAIT_MS = 1000;

type Place = Pick<
  ClusterStatus,
  "leader" | "epoch" | "configVersion" | "isReconfiguring" | "quorum"
>;

export class EnsembleStatus {
  readonly #config: ServerConfig;
  readonly #member: EnsembleMember;

  constructor({ config, member }: { config: ServerConfig; member: EnsembleMember }) {
    this.#config = config;
    this.#member = member;
  }

  /** Who leads, as far as this server follows it or is it. */
  get leader(): LeaderStatus | null {
    const id = this.#member.peer.leaderId;
    return id === null ? null : this.#leaderStatus(id);
  }

  get place(): Place {
    const { committed, lastSeen } = this.#member.membership;
    return {
      leader: this.leader,
      epoch: this.#epoch,
      configVersion: committed.version,
      isReconfiguring: lastSeen.version !== committed.version,
      quorum: quorumSizeOf(committed, this.#syncedServers),
    };
  }

  members(): MemberStatus[] {
    const { committed, lastSeen } = this.#member.membership;
    const servers = new Map<ServerId, { server: EnsembleServer; config: QuorumConfig }>();
    for (const config of [lastSeen, committed]) {
      for (const [id, server] of config.members) servers.set(id, { server, config });
    }
    return [...servers.values()].sort((a, b) => a.server.serverId - b.server.serverId)
      .map(({ server, config }) => this.#memberStatus(server, config));
  }

  plan(request: ReconfigRequest): MembershipPlan {
    const { committed, lastSeen, canChange } = this.#member.membership;
    const { standaloneEnabled, multiAddressEnabled } = this.#config.ensemble;
    const plan = planReconfig({ ...request, curConfigId: request.configVersion }, {
      ...{ committed, lastSeen, standaloneEnabled, multiAddressEnabled },
      syncedServers: this.#syncedServers,
      leader: this.#member.peer.leaderId,
    });
    return { ...plan, isDisabled: !canChange, isSyncKnown: this.#member.peer.leader !== null };
  }

  async transferLead(
    to: ServerId | null,
    { waitMs, signal }: { waitMs: number; signal: AbortSignal },
  ): Promise<LeadTransferOutcome> {
    const { peer } = this.#member;
    const isLeading = () => peer.leader?.phase === "broadcast";
    if (!isLeading()) return { kind: "notLeading", leader: this.leader };
    const isQuiet = () => (peer.leader?.broadcast?.outstandingCount ?? 0) === 0;
    await until(isQuiet, { waitMs: QUIET_WAIT_MS, signal });
    if (!isLeading()) return { kind: "notLeading", leader: this.leader };
    const transfer = this.#member.transferLead(to);
    if ("refusal" in transfer) return transfer;
    const { leader } = peer;
    // its role ends with the turn
    const isDone = () =>
      peer.leader !== leader && (peer.learner?.stage === "broadcast" || isLeading());
    if (!await until(isDone, { waitMs, signal })) {
      return { kind: "late", expected: transfer.successor };
    }
    return { kind: "transferred", leader: this.leader!, epoch: this.#epoch };
  }

  get #epoch(): number {
    const { leader, elector } = this.#member.peer;
    if (leader !== null && leader.epoch > 0) return leader.epoch;
    return Math.max(0, elector.currentVote?.peerEpoch ?? 0);
  }

  /** As far as that is known here: others than a leader know with whom they are connected. */
  get #syncedServers(): ReadonlySet<ServerId> {
    const { leader, learner, elector } = this.#member.peer;
    if (leader !== null) return leader.syncedServers();
    const { serverId } = this.#config;
    return new Set([...elector.connected, serverId, ...(learner === null ? [] : [learner.leader])]);
  }

  #leaderStatus(serverId: ServerId): LeaderStatus {
    const { committed, lastSeen } = this.#member.membership;
    const server = committed.members.get(serverId) ?? lastSeen.members.get(serverId);
    const hosts = server?.addresses.map(({ host }) => host) ?? [];
    return {
      serverId,
      hosts,
      clientAddress: server === undefined ? null : clientAddressOf(server),
    };
  }

  #memberStatus(server: EnsembleServer, config: QuorumConfig): MemberStatus {
    const { serverId: id } = server;
    const { peer, membership } = this.#member;
    const learner = this.#learnerOf(id);
    const isSelf = id === this.#config.serverId;
    const [group = null] = [...config.groups].find(([, ids]) => ids.includes(id)) ?? [];
    const lastZxid = this.#lastZxidOf(id, learner);
    const proposed = peer.leader?.lastProposed ?? null;
    const isInEpoch = lastZxid !== null && proposed !== null &&
      epochOf(lastZxid) === epochOf(proposed);
    return {
      server,
      clientAddress: clientAddressOf(server),
      group,
      weight: config.weightOf(id),
      isSelf,
      isPending: !membership.committed.members.has(id),
      state: this.#stateOf(id, learner),
      lastZxid,
      lag: isInEpoch ? Math.max(0, proposed - lastZxid) : null,
      remoteAddress: learner?.channel.remoteAddress ??
        (id === peer.learner?.leader ? this.#member.leaderAddress : null),
      problem: isSelf ? null : peer.elector.problemOf(id),
    };
  }

  /** While we lead. */
  #learnerOf(id: ServerId): LearnerHandler | null {
    for (const learner of this.#member.peer.leader?.learners ?? []) {
      if (learner.serverId === id && learner.stage !== "info") return learner;
    }
    return null;
  }

  #lastZxidOf(id: ServerId, learner: LearnerHandler | null): Zxid | null {
    const { peer } = this.#member;
    if (id === this.#config.serverId) {
      return peer.leader?.lastProposed ?? this.#member.lastLoggedZxid;
    }
    if (learner === null || learner.isObserver) return null; // observers acknowledge nothing
    return learner.stage === "synced" ? learner.ackedZxid : learner.lastLoggedZxid;
  }

  #stateOf(id: ServerId, learner: LearnerHandler | null): MemberState {
    const { leader, learner: own, elector } = this.#member.peer;
    if (id === this.#member.peer.leaderId) return "leading";
    if (id === this.#config.serverId) {
      if (own === null) return "looking";
      return own.stage === "broadcast" ? "synced" : "synchronizing";
    }
    if (leader !== null) {
      if (learner === null) return "absent";
      return learner.stage === "synced" ? "synced" : "synchronizing";
    }
    if (elector.connected.includes(id)) return "connected";
    return elector.problemOf(id) === null ? "unknown" : "absent";
  }
}

function clientAddressOf({ clientHost, clientPort, addresses }: EnsembleServer): string | null {
  if (clientPort === null) return null;
  const isAny = clientHost === null || clientHost === "0.0.0.0";
  const host = isAny ? addresses[0]?.host ?? "" : clientHost;
  return connectionName({ remoteAddress: host, remotePort: clientPort });
}

/** Returns whether it came about in time. */
async function until(
  isSo: () => boolean,
  { waitMs, signal }: { waitMs: number; signal: AbortSignal },
): Promise<boolean> {
  for (let leftMs = waitMs; !isSo(); leftMs -= LOOK_MS) {
    if (leftMs <= 0 || signal.aborted) return false;
    await rest(LOOK_MS);
  }
  return true;
}
