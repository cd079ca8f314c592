/**
 * The server as health and metrics see it, from the moment the process begins: parts that are not made yet are
 * asked for when they are there.
 *
 * @module
 */
import type { History } from "../cluster/member.ts";
import type { OwnMetrics } from "../core/metrics/own_metrics.ts";
import type { ServerMetrics } from "../core/metrics/server_metrics.ts";
import type { Clock } from "../core/ports.ts";
import type { DataTree } from "../core/tree/data_tree.ts";
import type { WatchCounts } from "../core/tree/watch_manager.ts";
import { counterOf, epochOf, type Zxid } from "../core/zxid.ts";
import type { DataDir } from "./data_dir.ts";
import { type DiskSpace, diskSpaces, type StoredFiles, storedFiles } from "./disk_usage.ts";
import type { EnsembleMember } from "./ensemble_member.ts";
import type { ServerMode } from "./four_letter_context.ts";
import { fileDescriptorCountMax } from "./host_environment.ts";
import type { EnsembleHealth, HealthSource } from "./http/health_checks.ts";
import type { MemberState, OwnMetricsSource } from "./http/own_metrics.ts";
import type { ProcessMetricsSource } from "./http/process_metrics.ts";
import type { LogPump } from "./log_pump.ts";
import type { RoleView } from "./server_view.ts";

export interface ServerProbeOptions {
  serverId: number;
  dirs: DataDir;
  tree: DataTree;
  metrics: ServerMetrics;
  clock: Clock;
  /** Ticks in time come after so long. */
  tickMs: number;
  /** A silence of the leader so long ends a role. */
  syncLimitMs: number;
}

/** What a server has when its data are loaded. */
export interface ServerParts {
  pump: LogPump;
  role: RoleView;
  /** Null when it stands alone. */
  ensemble: { member: EnsembleMember; history: History } | null;
}

export class ServerProbe implements HealthSource, OwnMetricsSource, ProcessMetricsSource {
  stage: HealthSource["stage"] = "loading";
  hasServed = false;
  readonly #options: ServerProbeOptions;
  #parts: ServerParts | null = null;
  #tickedMs: number | null = null;

  constructor(options: ServerProbeOptions) {
    this.#options = options;
  }

  /** The data are loaded. */
  loaded(parts: ServerParts): void {
    this.#parts = parts;
    this.stage = "running";
  }

  /** The server's timer ran. */
  ticked(nowMs: number): void {
    const { metrics, tickMs } = this.#options;
    if (this.#tickedMs !== null) metrics.own.ticked(nowMs - this.#tickedMs - tickMs);
    this.#tickedMs = nowMs;
  }

  get registry(): ServerMetrics {
    return this.#options.metrics;
  }

  // ---------------------------------------------------------------- times

  get own(): OwnMetrics {
    return this.#options.metrics.own;
  }
  get nowMs(): number {
    return this.#options.clock.monotonicMs();
  }
  get wallMs(): number {
    return this.#options.clock.wallMs();
  }
  get tickedMs(): number | null {
    return this.#tickedMs;
  }
  get loopDelayMs(): number {
    return this.own.lastLoopDelayMs;
  }
  get syncingSinceMs(): number | null {
    return this.#parts?.pump.syncingSinceMs ?? null;
  }

  // ---------------------------------------------------------------- what it is

  get isServing(): boolean {
    return this.#parts?.role.isServing ?? false;
  }
  get isReadOnly(): boolean {
    return this.#parts?.role.isReadOnly ?? false;
  }
  get acceptsWrites(): boolean {
    return !(this.#parts?.pump.isDiskFull ?? false);
  }
  get peerState(): string | null {
    return this.#parts?.role.peerState ?? null;
  }
  get mode(): ServerMode | "looking" | "starting" {
    if (this.#parts === null) return "starting";
    const { role } = this.#parts;
    return role.peerState === "looking" && !role.isReadOnly ? "looking" : role.mode;
  }
  get lastZxid(): Zxid | null {
    return this.#parts === null ? null : this.#options.tree.lastProcessedZxid;
  }
  get znodeCount(): number {
    return this.#options.tree.nodeCount;
  }
  get watchCounts(): WatchCounts {
    return this.#options.tree.watches.counts;
  }
  get watchedPathCount(): number {
    return this.#options.tree.watches.pathCount;
  }

  get ensemble(): EnsembleHealth | null {
    const ensemble = this.#parts?.ensemble ?? null;
    if (ensemble === null) return null;
    const { serverId, syncLimitMs } = this.#options;
    const { peer, membership } = ensemble.member;
    const { voters } = membership.committed;
    const connected = new Set([serverId, ...peer.elector.connected]);
    const { learner } = peer;
    return {
      voterCount: voters.size,
      connectedVoterCount: [...voters].filter((id) => connected.has(id)).length,
      leader: peer.leaderId,
      leaderHeardMs: learner !== null && learner.stage === "broadcast" ? learner.heardMs : null,
      uncommittedCount: countBetween(this.lastZxid ?? 0, ensemble.history.lastLoggedZxid),
      syncLimitMs,
    };
  }

  *members(): Iterable<MemberState> {
    const ensemble = this.#parts?.ensemble ?? null;
    if (ensemble === null) return;
    const { peer, membership } = ensemble.member;
    const connected = new Set([this.#options.serverId, ...peer.elector.connected]);
    const { leaderId } = peer;
    for (const { serverId, role } of membership.committed.members.values()) {
      yield {
        serverId,
        role,
        isConnected: connected.has(serverId),
        isLeader: serverId === leaderId,
        learner: this.#learnerState(ensemble.member, serverId),
      };
    }
  }

  #learnerState({ peer: { leader } }: EnsembleMember, serverId: number): MemberState["learner"] {
    if (leader === null || serverId === this.#options.serverId) return null;
    for (const learner of leader.learners) {
      if (learner.serverId !== serverId) continue;
      const isSynced = learner.stage === "synced";
      const lastProposed = leader.broadcast?.lastProposed ?? learner.ackedZxid;
      return {
        isSynced,
        unackedCount: learner.isObserver ? null : countBetween(learner.ackedZxid, lastProposed),
        queuedBytes: learner.channel.outputBytes,
      };
    }
    return { isSynced: false, unackedCount: null, queuedBytes: 0 };
  }

  // ---------------------------------------------------------------- disk, process

  get logDir(): string {
    return this.#options.dirs.logDir;
  }

  disks(): DiskSpace[] {
    return diskSpaces(this.#options.dirs);
  }

  storedFiles(): StoredFiles {
    return storedFiles(this.#options.dirs);
  }

  openFileDescriptorCount(): number {
    return this.#options.metrics.gauges.get("open_file_descriptor_count")?.() ?? -1;
  }

  maxFileDescriptorCount(): number {
    return fileDescriptorCountMax();
  }
}

/** Txns of the last one's epoch that are behind `from`. */
function countBetween(from: Zxid, last: Zxid): number {
  if (last <= from) return 0;
  return epochOf(from) === epochOf(last) ? last - from : counterOf(last);
}
