/**
 * What one member of an ensemble is made of, whatever its role: its history, its place among the others,
 * and the ports through which it reaches the world.
 *
 * @module
 */
import type { AuditLog } from "../core/server/audit.ts";
import type { LogSource } from "../core/server/log_source.ts";
import type { RequestProcessor } from "../core/server/request_processor.ts";
import type { WritePath, WritePathContext } from "../core/server/write_path.ts";
import type { Epochs, Logger } from "../core/ports.ts";
import type { ServerMetrics } from "../core/metrics/server_metrics.ts";
import type { ServerConfig } from "../core/server_config.ts";
import type { ServerStats } from "../core/server_stats.ts";
import type { AuthProviders } from "../core/auth/auth_providers.ts";
import type { Sessions } from "../core/session/sessions.ts";
import type { TxnApplier } from "../core/txn/apply.ts";
import type { JuteWriter } from "../core/wire/jute.ts";
import type { Zxid } from "../core/zxid.ts";
import type { LogHistory } from "./learner_sync.ts";
import type { Membership } from "./membership.ts";
import type { ProposalLog } from "./proposal_log.ts";
import type { ServerId } from "./server_id.ts";

/** One connection on the quorum port. */
export interface Channel {
  /** For log lines. */
  readonly remoteAddress: string;
  /** What is written here is sent at the end of the turn. */
  writer(): JuteWriter;
  /** Bytes that are not sent yet. */
  readonly outputBytes: number;
  /** Closes it at once; nothing comes of it any more. */
  close(): void;
}

/** What a member knows of the past. All of it survives a change of role. */
export interface History {
  readonly applier: TxnApplier;
  /** Recent txns in memory, for learners to catch up from. */
  readonly proposals: ProposalLog;
  readonly epochs: Epochs;
  /** Of the newest txn in our log or snapshot: what we vote with (ZOOKEEPER-2845). */
  lastLoggedZxid: Zxid;
  /** It cannot be cut where a leader wants it cut: the next one is asked for everything. */
  startsOver: boolean;
}

/** A place in the txn log on disk. */
export interface LogCursor {
  /** Takes the next txns, about `bytesMax` bytes of them; "broken" takes back what came before. */
  next(bytesMax: number, take: (zxid: Zxid, body: Uint8Array) => void): "more" | "end" | "broken";
  close(): void;
}

/** The disk, as far as a role needs it. What fails here is fatal: nothing is returned. */
export interface MemberStorage {
  /** Whose txns are logged from now on. */
  setLogSource(source: LogSource | null): void;
  /** Makes durable, before it returns, all that the source of the log has to give. */
  flushLog(): void;
  /**
   * Takes every txn after `zxid` back, from log and snapshots, and loads what is left (ZOOKEEPER-1549).
   * `done(false)`: that cannot be done from what is here, and nothing was touched. Like the two that
   * follow it begins when the one before is done.
   */
  truncate(zxid: Zxid, done: (isTruncated: boolean) => void): void;
  /**
   * Writes a snapshot of the tree as it is, durable and in place of everything older servers may find
   * beyond it. Nothing may be applied until it is done.
   */
  replaceBySnapshot(done: () => void): void;
  /** Loads again what is on the disk: the tree is of no use. */
  reload(done: () => void): void;
  /** What the txn log on disk holds. */
  readonly log: LogHistory;
  /** Reads the log from behind one txn through another; null when it cannot be read. */
  readLog(after: Zxid, through: Zxid): LogCursor | null;
}

/** The clients' side: a processor for each role, with what it shares with all others. */
export interface MemberServices {
  readonly providers: AuthProviders;
  readonly audit: AuditLog | null;
  makeProcessor<Writes extends WritePath>(
    sessions: Sessions,
    makeWrites: (context: WritePathContext) => Writes,
  ): RequestProcessor<Writes>;
  /** An id that no session of this server ever had. */
  firstSessionId(): bigint;
}

export interface Member {
  readonly serverId: ServerId;
  readonly config: ServerConfig;
  readonly history: History;
  readonly membership: Membership;
  readonly storage: MemberStorage;
  readonly services: MemberServices;
  readonly metrics: ServerMetrics;
  readonly stats: ServerStats;
  readonly logger: Logger;
  /** How far the zxids of one epoch go; left out: as far as they can. */
  readonly counterMax?: number | undefined;
}

/** Ticks as milliseconds. */
export function initLimitMs({ config }: Member): number {
  return config.tickTimeMs * config.ensemble.initLimitTicks;
}

/** How long a learner may take to reach its leader. */
export function connectLimitMs({ config }: Member): number {
  const { connectToLearnerMasterLimitTicks, initLimitTicks } = config.ensemble;
  return config.tickTimeMs * (connectToLearnerMasterLimitTicks || initLimitTicks);
}

export function syncLimitMs({ config }: Member): number {
  return config.tickTimeMs * config.ensemble.syncLimitTicks;
}

/** A txn is longer than the request that it came from, and a request travels with its client's ids. */
const PACKET_OVERHEAD_BYTES = 64 << 10;

/** What the data of a packet has at the most, from servers of 3.4 to 3.10 with our limits. */
export function packetDataBytesMax({ config }: Member): number {
  return config.juteMaxBufferBytes + config.juteExtraSizeBytes + PACKET_OVERHEAD_BYTES;
}
