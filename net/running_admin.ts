/**
 * The running server as its operators use it: its connections, sessions and watches, and its place in the ensemble.
 *
 * @module
 */
import type { Clock, LogLevel } from "../core/ports.ts";
import { Client } from "../core/server/client.ts";
import { ForwardedWrites } from "../core/server/forwarded_writes.ts";
import type { RequestProcessor } from "../core/server/request_processor.ts";
import { WritePipeline } from "../core/server/write_pipeline.ts";
import type { ServerConfig } from "../core/server_config.ts";
import type { ServerStats } from "../core/server_stats.ts";
import { LearnerSessions } from "../core/session/learner_sessions.ts";
import type { Session } from "../core/session/sessions.ts";
import { SessionTracker } from "../core/session/session_tracker.ts";
import type { SessionTable } from "../core/storage/snapshot_tree.ts";
import { WatchMode } from "../core/tree/watch_manager.ts";
import { countLeftInEpoch } from "../core/zxid.ts";
import type { ClientConnection } from "./client_connection.ts";
import type { EnsembleMember } from "./ensemble_member.ts";
import { EnsembleStatus } from "./ensemble_status.ts";
import type { Gateway, ReconfigRequest } from "./http/gateway.ts";
import {
  type ClusterStatus,
  connectionName,
  type ConnectionStatus,
  type LeadTransferOutcome,
  type MembershipPlan,
  type MemberStatus,
  type PathWatches,
  type ServerAdmin,
  type ServerRole,
  type SessionEnd,
  type SessionStatus,
  type SessionWatches,
  type WatchKind,
} from "./http/server_admin.ts";
import type { Turn } from "./turn.ts";

/** Of those that one client watches, told at once. */
const PATHS_OF_SESSION_MAX = 1000;

export interface RunningAdminOptions {
  config: ServerConfig;
  logLevel: LogLevel | null;
  /** The one whose clients are connected now. */
  processor: () => RequestProcessor;
  /** Where writes are ordered, if that is here. */
  deciding: () => WritePipeline | null;
  /** Null: the server stands alone. */
  member: EnsembleMember | null;
  gateway: Gateway;
  /** All sessions whose creation is committed, wherever their clients are. */
  sessionTable: SessionTable;
  connections: () => Iterable<ClientConnection>;
  stats: ServerStats;
  turn: Turn;
  clock: Clock;
}

export class RunningAdmin implements ServerAdmin {
  readonly logLevel: LogLevel | null;
  readonly #options: RunningAdminOptions;
  readonly #ensemble: EnsembleStatus | null;

  constructor(options: RunningAdminOptions) {
    this.#options = options;
    this.logLevel = options.logLevel;
    const { member, config } = options;
    this.#ensemble = member === null ? null : new EnsembleStatus({ config, member });
  }

  // ---------------------------------------------------------------- ensemble

  cluster(): ClusterStatus {
    const { config, member, gateway, stats, clock } = this.#options;
    const place = this.#ensemble?.place ?? {
      leader: { serverId: config.serverId, hosts: [], clientAddress: null },
      epoch: 0,
      configVersion: null,
      isReconfiguring: false,
      quorum: null,
    };
    return {
      serverId: config.serverId,
      role: this.#role(),
      state: member?.peer.stateText ?? "standalone",
      isServing: gateway.isServing,
      isReadOnly: gateway.isReadOnly,
      ...place,
      writesLeftInEpoch: countLeftInEpoch(gateway.lastZxid),
      uptimeMs: Math.floor(stats.uptimeMs(clock.monotonicMs())),
    };
  }

  members(): MemberStatus[] {
    return this.#ensemble?.members() ?? [];
  }

  planReconfig(request: ReconfigRequest): MembershipPlan | null {
    return this.#ensemble?.plan(request) ?? null;
  }

  async transferLead(
    to: number | null,
    wait: { waitMs: number; signal: AbortSignal },
  ): Promise<LeadTransferOutcome> {
    if (this.#ensemble === null) return { refusal: "the server stands alone" };
    return await this.#ensemble.transferLead(to, wait);
  }

  #role(): ServerRole {
    switch (this.#options.member?.peer.state) {
      case undefined:
        return "standalone";
      case "LEADING":
        return "leader";
      case "FOLLOWING":
        return "follower";
      case "OBSERVING":
        return "observer";
      case "LOOKING":
        return "looking";
    }
  }

  // ---------------------------------------------------------------- connections

  *connections(): Iterable<ConnectionStatus> {
    for (const { client } of this.#options.connections()) {
      const { address, session } = client;
      yield {
        remoteAddress: address.remoteAddress,
        remotePort: address.remotePort,
        sessionId: session?.id ?? null,
        timeoutMs: session?.timeoutMs ?? null,
        connectedMs: client.connectedWallMs,
        outstandingCount: client.outstandingCount + client.deferredCount,
        packetsReceived: client.packetsReceived,
        packetsSent: client.packetsSent,
        watchCount: client.watchedPaths.size,
        lastLatencyMs: client.lastLatencyMs,
        avgLatencyMs: client.latencyCount === 0 ? 0 : client.latencySumMs / client.latencyCount,
        maxLatencyMs: client.latencyMaxMs,
        lastZxid: client.lastZxid < 0 ? null : client.lastZxid,
      };
    }
  }

  closeConnection(
    { remoteAddress, remotePort }: { remoteAddress: string; remotePort: number },
  ): boolean {
    for (const connection of this.#options.connections()) {
      const { address } = connection.client;
      if (address.remotePort !== remotePort || address.remoteAddress !== remoteAddress) continue;
      this.#options.turn.begin();
      connection.destroy("an operator closed it");
      return true;
    }
    return false;
  }

  // ---------------------------------------------------------------- sessions

  *sessions(): Iterable<SessionStatus> {
    const { sessionTable, processor } = this.#options;
    const { sessions, tree } = processor();
    const decides = sessions instanceof SessionTracker;
    const statusOf = (id: bigint, timeoutMs: number, session: Session | undefined) => ({
      id,
      timeoutMs,
      kind: session?.kind === "local" ? "local" as const : "global" as const,
      client: clientOf(session),
      ephemeralCount: tree.ephemeralsOf(id).size,
      remainingMs: session === undefined || session.deadlineMs < 0
        ? null
        : Math.max(0, Math.ceil(session.deadlineMs - this.#options.clock.monotonicMs())),
      isClosing: session?.isClosing ?? false,
    });
    for (const [id, timeoutMs] of sessionTable) yield statusOf(id, timeoutMs, sessions.get(id));
    const tracker = decides
      ? sessions
      : sessions instanceof LearnerSessions
      ? sessions.local
      : null;
    for (const bucket of tracker?.buckets() ?? []) {
      for (const session of bucket.sessions) {
        if (session.kind === "local") yield statusOf(session.id, session.timeoutMs, session);
      }
    }
  }

  async endSession(id: bigint): Promise<SessionEnd> {
    const { processor, deciding, sessionTable, gateway, turn, config } = this.#options;
    const { writes, sessions } = processor();
    const isLocal = sessions.get(id)?.kind === "local";
    if (!sessionTable.has(id) && !isLocal) return "unknown";
    const path = deciding() ?? writes;
    const canEnd = path instanceof WritePipeline || path instanceof ForwardedWrites;
    if (!canEnd || !gateway.isServing) return "noQuorum";
    const ended = Promise.withResolvers<SessionEnd>();
    const stopWaiting = isLocal ? () => {} : gateway.onSessionEnd(id, () => ended.resolve("ended"));
    const timer = setTimeout(() => ended.resolve("late"), config.http.requestTimeoutMs);
    turn.begin();
    path.endSession(id);
    if (isLocal) ended.resolve("ended");
    try {
      return await ended.promise;
    } finally {
      clearTimeout(timer);
      stopWaiting();
    }
  }

  // ---------------------------------------------------------------- watches

  *watchesByPath(): Iterable<PathWatches> {
    for (const watched of this.#options.processor().tree.watches.paths()) {
      const watchers: { sessionId: bigint | null; kinds: WatchKind[] }[] = [];
      watched.forEach((watcher, modes) =>
        void watchers.push({
          sessionId: watcher instanceof Client ? watcher.sessionId : null,
          kinds: kindsOf(modes),
        })
      );
      yield { path: watched.path, watchers };
    }
  }

  *watchesBySession(): Iterable<SessionWatches> {
    for (const client of this.#options.processor().clients) {
      if (client.watchedPaths.size === 0) continue;
      const paths: string[] = [];
      for (const { path } of client.watchedPaths) {
        if (paths.length >= PATHS_OF_SESSION_MAX) break;
        paths.push(path);
      }
      yield { sessionId: client.sessionId, pathCount: client.watchedPaths.size, paths };
    }
  }
}

function clientOf(session: Session | undefined): SessionStatus["client"] {
  const client = session?.client;
  if (!(client instanceof Client) || client.isGone) return null;
  const { remoteAddress, remotePort } = client.address;
  return client.via === null
    ? { address: connectionName({ remoteAddress, remotePort }), via: "tcp" }
    : { address: remoteAddress, via: "http" };
}

const KINDS: readonly (readonly [number, WatchKind])[] = [
  [WatchMode.Data, "data"],
  [WatchMode.Child, "child"],
  [WatchMode.Persistent, "persistent"],
  [WatchMode.Recursive, "recursive"],
];

function kindsOf(modes: number): WatchKind[] {
  return KINDS.filter(([mode]) => (modes & mode) !== 0).map(([, kind]) => kind);
}
