/**
 * The server as its operators use it over HTTP: its place in the ensemble, its connections, sessions and watches,
 * and what of it can be changed while it runs.
 *
 * @module
 */
import type { LeadTransfer } from "../../cluster/lead_transfer.ts";
import type { QuorumSize, ReconfigPlan } from "../../cluster/reconfig_plan.ts";
import type { LogLevel } from "../../core/ports.ts";
import type { EnsembleServer } from "../../core/server_config.ts";
import type { Zxid } from "../../core/zxid.ts";
import type { ReconfigRequest } from "./gateway.ts";

export type ServerRole = "standalone" | "leader" | "follower" | "observer" | "looking";

export interface ClusterStatus {
  /** 0 of a server that stands alone. */
  readonly serverId: number;
  readonly role: ServerRole;
  /** The role and how far it has come: `leading - broadcast`. */
  readonly state: string;
  readonly isServing: boolean;
  readonly isReadOnly: boolean;
  /** Null: nobody is known to lead. */
  readonly leader: LeaderStatus | null;
  /** Of the last leader that was followed; 0 standalone. */
  readonly epoch: number;
  /** How many more writes this epoch has numbers for: then an election begins the next. */
  readonly writesLeftInEpoch: number;
  /** Of the txn that made the members what they are; null standalone. */
  readonly configVersion: Zxid | null;
  /** A change of the members is proposed and not committed. */
  readonly isReconfiguring: boolean;
  /** Null standalone. */
  readonly quorum: QuorumSize | null;
  readonly uptimeMs: number;
}

export interface LeaderStatus {
  readonly serverId: number;
  /** Hosts of its server line. */
  readonly hosts: readonly string[];
  /** Where clients connect, if its server line says so. */
  readonly clientAddress: string | null;
}

/** What is known here of how a member fares. */
export type MemberState =
  /** It leads. */
  | "leading"
  /** It follows, and holds what is committed or is about to. */
  | "synced"
  /** It is being brought up to date. */
  | "synchronizing"
  /** It looks for a leader; only known of ourselves. */
  | "looking"
  /** An election connection to it is open: it runs, more is not known here. */
  | "connected"
  /** It is not there, or cannot be reached from here. */
  | "absent"
  /** Nothing is known: nobody tried to reach it. */
  | "unknown";

export interface MemberStatus {
  readonly server: EnsembleServer;
  /** Where clients connect, if its server line says so. */
  readonly clientAddress: string | null;
  /** Null without groups. */
  readonly group: number | null;
  readonly weight: number;
  readonly isSelf: boolean;
  /** Of a change of the membership that is not committed yet. */
  readonly isPending: boolean;
  readonly state: MemberState;
  /** Through this it has everything on its disk, where that is known. */
  readonly lastZxid: Zxid | null;
  /** So many txns less than the leader has proposed, where that is known. */
  readonly lag: number | null;
  /** The other end of a connection to it: its address, resolved. */
  readonly remoteAddress: string | null;
  /** Why it cannot be reached, as last seen. */
  readonly problem: string | null;
}

export interface ConnectionStatus {
  readonly remoteAddress: string;
  readonly remotePort: number;
  /** Null before it asked for one. */
  readonly sessionId: bigint | null;
  readonly timeoutMs: number | null;
  /** Since 1970. */
  readonly connectedMs: number;
  readonly outstandingCount: number;
  readonly packetsReceived: number;
  readonly packetsSent: number;
  readonly watchCount: number;
  readonly lastLatencyMs: number;
  readonly avgLatencyMs: number;
  readonly maxLatencyMs: number;
  readonly lastZxid: Zxid | null;
}

export interface SessionStatus {
  readonly id: bigint;
  readonly timeoutMs: number;
  /** A local one is known to this server only. */
  readonly kind: "global" | "local";
  /** Its client is connected to this server: from where; null: it is not. */
  readonly client: { readonly address: string; readonly via: "tcp" | "http" } | null;
  readonly ephemeralCount: number;
  /** Until it ends if nothing is heard of it; null: only the leader knows. */
  readonly remainingMs: number | null;
  readonly isClosing: boolean;
}

/** A path, and who watches it. */
export interface PathWatches {
  readonly path: string;
  readonly watchers: readonly {
    /** Null: a stream or a long poll over HTTP. */
    readonly sessionId: bigint | null;
    readonly kinds: readonly WatchKind[];
  }[];
}

/** A client that watches something. */
export interface SessionWatches {
  readonly sessionId: bigint;
  readonly pathCount: number;
  /** Not all, if there are many. */
  readonly paths: readonly string[];
}

export type WatchKind = "data" | "child" | "persistent" | "recursive";

export type SessionEnd =
  | "ended"
  /** There is none of that id. */
  | "unknown"
  /** Nobody decides about sessions now. */
  | "noQuorum"
  /** It did not end in time. */
  | "late";

export interface ServerAdmin {
  /** How much of the log is written; null where that cannot be changed. */
  readonly logLevel: LogLevel | null;
  cluster(): ClusterStatus;
  /** None of a server that stands alone. */
  members(): MemberStatus[];
  /** Null: the server stands alone. */
  planReconfig(request: ReconfigRequest): MembershipPlan | null;
  /** Resolves once a leader is known, or that was refused, or the wait is over. */
  transferLead(
    to: number | null,
    wait: { readonly waitMs: number; readonly signal: AbortSignal },
  ): Promise<LeadTransferOutcome>;
  connections(): Iterable<ConnectionStatus>;
  /** Returns whether there was one. */
  closeConnection(address: { remoteAddress: string; remotePort: number }): boolean;
  sessions(): Iterable<SessionStatus>;
  endSession(id: bigint): Promise<SessionEnd>;
  watchesByPath(): Iterable<PathWatches>;
  watchesBySession(): Iterable<SessionWatches>;
}

export interface MembershipPlan extends ReconfigPlan {
  /** Changes are off (reconfigEnabled=false). */
  readonly isDisabled: boolean;
  /** The leader knows who is in sync; others know with whom they have election connections. */
  readonly isSyncKnown: boolean;
}

export type LeadTransferOutcome =
  | Extract<LeadTransfer, { refusal: string }>
  | { readonly kind: "notLeading"; readonly leader: LeaderStatus | null }
  | { readonly kind: "transferred"; readonly leader: LeaderStatus; readonly epoch: number }
  /** It stepped down, and who leads is not known here yet. */
  | { readonly kind: "late"; readonly expected: number };

/** How a connection is named: `127.0.0.1:50000`, `[::1]:50000`. */
export function connectionName(
  { remoteAddress, remotePort }: { remoteAddress: string; remotePort: number },
): string {
  const host = remoteAddress.includes(":") ? `[${remoteAddress}]` : remoteAddress;
  return `${host}:${remotePort}`;
}
