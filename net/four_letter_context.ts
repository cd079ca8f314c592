/**
 * What the four-letter words need to know of a server: plain data, no text.
 *
 * The same data serves other ways of asking (JSON commands). Iterables are read lazily, a piece each
 * time the answer's next chunk is asked for, so the server may change in between: an implementation
 * may hand out live collections that tolerate it (a Map, a Set), or copies.
 *
 * @module
 */
import type { ServerMetrics } from "../core/metrics/server_metrics.ts";
import type { ServerStats } from "../core/server_stats.ts";
import type { Zxid } from "../core/zxid.ts";

export type ServerMode = "standalone" | "leader" | "follower" | "observer" | "read-only";

export interface FourLetterContext {
  /** False while the process runs without a database that answers, as a member without quorum. */
  readonly isServing: boolean;
  readonly isReadOnly: boolean;
  readonly mode: ServerMode;
  /** An ensemble member's stage, such as `leading - broadcast`; null when standalone. */
  readonly peerState: string | null;
  /** `3.9.4-<revision>, built on 2026-01-31 12:00 UTC`. */
  readonly version: string;

  readonly stats: ServerStats;
  readonly metrics: ServerMetrics;
  readonly lastProcessedZxid: Zxid;
  readonly nodeCount: number;
  readonly outstandingRequestCount: number;
  readonly connectionCount: number;

  configuration(): ServerConfiguration;
  dataDirSizes(): DataDirSizes;
  connections(): Iterable<ConnectionInfo>;
  sessions(): SessionDump;
  /** Only sessions that own at least one ephemeral. */
  ephemerals(): { sessionCount: number; sessions: Iterable<SessionPaths> };
  /** Connections by the moment they expire; null where none is kept (nothing is printed then). */
  connectionExpiry(): ExpiryDump<ConnectionExpiry> | null;
  watchSummary(): WatchSummary;
  /** Data watches (also those on absent nodes), never child watches. */
  watchesBySession(): Iterable<SessionPaths>;
  watchesByPath(): Iterable<{ path: string; sessionIds: Iterable<bigint> }>;
  /** Recorded digests of the tree, oldest first; the digest is unsigned. */
  digests(): Iterable<{ zxid: Zxid; digest: bigint }>;
  environment(): Iterable<[key: string, value: string]>;

  traceMask: bigint;
  /** Forgets the counts of every connection; what of it is open or outstanding stays. */
  resetConnectionStats(): void;
  /** Forgets latency, packets, sizes, counters and summaries. */
  resetServerStats(): void;
}

/** `conf`, in ZooKeeper's order; directories are the `version-2` ones. */
export interface ServerConfiguration {
  readonly clientPort: number;
  /** -1: none. */
  readonly secureClientPort: number;
  readonly dataDir: string;
  readonly dataLogDir: string;
  readonly tickTimeMs: number;
  readonly maxClientCnxns: number;
  readonly minSessionTimeoutMs: number;
  readonly maxSessionTimeoutMs: number;
  /** -1: the operating system's own. */
  readonly clientPortListenBacklog: number;
  readonly serverId: number;
  /** Null when standalone. */
  readonly ensemble: EnsembleConfiguration | null;
}

export interface EnsembleConfiguration {
  readonly initLimit: number;
  readonly syncLimit: number;
  readonly electionAlg: number;
  /** One for each address. */
  readonly electionPorts: readonly number[];
  readonly quorumPorts: readonly number[];
  readonly isObserver: boolean;
  /**
   * `server.N=...` lines, the `version=` line last, without a newline at the end; null on a read-only
   * server, which does not print it.
   */
  readonly membership: string | null;
}

/** Sums of the sizes of the files below each directory. */
export interface DataDirSizes {
  readonly dataDirBytes: number;
  readonly dataLogDirBytes: number;
}

/** One client connection; those without a session too, the one that asks among them. */
export interface ConnectionInfo {
  /** As the operating system gives it: `127.0.0.1`, `::1`. */
  readonly remoteAddress: string;
  readonly remotePort: number;
  /** 1 reading, 4 writing, 5 both; 0 while a four-letter word is being answered. */
  readonly interestOps: number;
  readonly outstandingRequestCount: number;
  readonly packetsReceived: number;
  readonly packetsSent: number;
  /** Null before the connect request is answered. */
  readonly session: ConnectionSessionInfo | null;
}

export interface ConnectionSessionInfo {
  readonly sessionId: bigint;
  /** `GETD`, `PING`, ...; `NA` after `crst`. See {@linkcode lastOperationCode}. */
  readonly lastOperation: string;
  /** When the connection was accepted, in ms since 1970. */
  readonly establishedMs: number;
  readonly timeoutMs: number;
  /** Negative (after `crst`, or only pings): not printed. */
  readonly lastCxid: number;
  /** -1 after `crst`. */
  readonly lastZxid: Zxid;
  /** When the last reply was sent, on the monotonic clock; 0 after `crst`. */
  readonly lastResponseMs: number;
  readonly lastLatencyMs: number;
  readonly minLatencyMs: number;
  /** Whole ms, rounded down. */
  readonly avgLatencyMs: number;
  readonly maxLatencyMs: number;
}

/** Things in buckets of the tick in which they expire, earliest first; buckets may be empty. */
export interface ExpiryDump<Item> {
  readonly bucketCount: number;
  readonly itemCount: number;
  readonly buckets: Iterable<ExpiryBucket<Item>>;
}

export interface ExpiryBucket<Item> {
  /** In ms since 1970. */
  readonly expiresAtMs: number;
  /** The same moment on the monotonic clock. */
  readonly deadlineMs: number;
  readonly itemCount: number;
  readonly items: Iterable<Item>;
}

export interface ConnectionExpiry {
  readonly remoteAddress: string;
  readonly remotePort: number;
  /** 0 without a session. */
  readonly sessionId: bigint;
}

export type SessionDump =
  /** A standalone server, and a leader without local sessions. */
  | { kind: "owner"; sessions: ExpiryDump<bigint> }
  /** A leader with local sessions. */
  | { kind: "ownerWithLocal"; local: ExpiryDump<bigint>; global: ExpiryDump<bigint> }
  /** A follower or observer: the leader decides what expires. */
  | {
    kind: "learner";
    /** Null without local sessions. */
    local: ExpiryDump<bigint> | null;
    globalCount: number;
    global: Iterable<{ sessionId: bigint; timeoutMs: number }>;
  };

export interface SessionPaths {
  readonly sessionId: bigint;
  readonly paths: Iterable<string>;
}

export interface WatchSummary {
  readonly connectionCount: number;
  readonly pathCount: number;
  readonly watchCount: number;
}
