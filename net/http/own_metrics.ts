/**
 * Metrics that ZooKeeper does not have, as `denkeeper_*`: the disk, the event loop, the ensemble as this
 * server sees it, and how long the zxids of its epoch will last. All of it is asked for when it is shown.
 *
 * @module
 */
import type { OwnMetrics } from "../../core/metrics/own_metrics.ts";
import type { WatchCounts } from "../../core/tree/watch_manager.ts";
import { DENKEEPER_VERSION, ZOOKEEPER_PROTOCOL_VERSION } from "../../core/version.ts";
import { countLeftInEpoch, epochOf, type Zxid } from "../../core/zxid.ts";
import type { DiskSpace, StoredFiles } from "../disk_usage.ts";
import type { ServerMode } from "../four_letter_context.ts";
import type { Exposition } from "./exposition.ts";

/** Another member of the ensemble, or this one, as this one sees it. */
export interface MemberState {
  readonly serverId: number;
  readonly role: "participant" | "observer";
  /** By an election link; this server is to itself. */
  readonly isConnected: boolean;
  readonly isLeader: boolean;
  /** Of learners, when this server leads; null: not known here. */
  readonly learner: {
    readonly isSynced: boolean;
    /** Proposals that it has not acknowledged; null for an observer, which acknowledges none. */
    readonly unackedCount: number | null;
    /** Written to its connection and not yet sent. */
    readonly queuedBytes: number;
  } | null;
}

export interface OwnMetricsSource {
  readonly own: OwnMetrics;
  readonly nowMs: number;
  readonly wallMs: number;
  /** Monotonic; null: no sync is under way. */
  readonly syncingSinceMs: number | null;
  readonly mode: ServerMode | "looking" | "starting";
  readonly isServing: boolean;
  readonly isReadOnly: boolean;
  readonly acceptsWrites: boolean;
  /** Null while the data are being loaded. */
  readonly lastZxid: Zxid | null;
  readonly watchCounts: WatchCounts;
  readonly watchedPathCount: number;
  /** None when it stands alone. */
  members(): Iterable<MemberState>;
  disks(): Iterable<DiskSpace>;
  storedFiles(): StoredFiles;
}

const MODES = [
  ...["starting", "standalone", "looking", "read-only", "leader", "follower", "observer"],
];

export function writeOwnMetrics(out: Exposition, source: OwnMetricsSource): void {
  out.gauge("denkeeper_build_info", "Versions, as labels", 1, {
    version: DENKEEPER_VERSION,
    zookeeper: ZOOKEEPER_PROTOCOL_VERSION,
    deno: Deno.version.deno,
    v8: Deno.version.v8,
  });
  writeState(out, source);
  writeTimes(out, source);
  writeMembers(out, [...source.members()]);
  writeDisks(out, source);
}

function writeState(out: Exposition, source: OwnMetricsSource): void {
  out.family("denkeeper_mode", "gauge", "1 for what this server is now");
  for (const mode of MODES) out.sample(mode === source.mode ? 1 : 0, { mode });
  out.gauge("denkeeper_serving", "1 when clients are answered", source.isServing ? 1 : 0);
  out.gauge(
    "denkeeper_accepts_writes",
    "0 in read-only mode, without a quorum, and while the disk is full",
    source.isServing && !source.isReadOnly && source.acceptsWrites ? 1 : 0,
  );
  if (source.lastZxid !== null && source.lastZxid >= 0) {
    const zxid = source.lastZxid;
    out.gauge("denkeeper_last_zxid", "The last txn in the tree", zxid);
    out.gauge("denkeeper_epoch", "The epoch of the last txn in the tree", epochOf(zxid));
    out.gauge(
      "denkeeper_epoch_writes_left",
      "Txns until the zxids of the epoch are used up, and an election begins the next",
      countLeftInEpoch(zxid),
    );
  }
  out.family("denkeeper_watches", "gauge", "Watches of clients of this server, by kind");
  for (const [mode, count] of Object.entries(source.watchCounts)) out.sample(count, { mode });
  out.gauge("denkeeper_watched_paths", "Paths with a watch", source.watchedPathCount);
}

function writeTimes(out: Exposition, source: OwnMetricsSource): void {
  const { own, nowMs, syncingSinceMs } = source;
  out.family("denkeeper_fsync_duration_seconds", "histogram", "Syncs of the txn log");
  out.histogram(own.fsyncMs, {}, 1e-3);
  out.gauge(
    "denkeeper_fsync_under_way_seconds",
    "How long the sync of the txn log has taken that is under way; 0 when none is",
    syncingSinceMs === null ? 0 : Math.max(0, nowMs - syncingSinceMs) / 1000,
  );
  out.family(
    "denkeeper_event_loop_delay_seconds",
    "histogram",
    "How late a timer came, four times a second",
  );
  out.histogram(own.loopDelayMs, {}, 1e-3);
}

function writeMembers(out: Exposition, members: readonly MemberState[]): void {
  if (members.length === 0) return;
  const server = ({ serverId }: MemberState) => ({ server: String(serverId) });
  out.family("denkeeper_member", "gauge", "Members of the ensemble");
  for (const member of members) out.sample(1, { ...server(member), role: member.role });
  out.family("denkeeper_member_connected", "gauge", "1 with a connection for elections");
  for (const member of members) out.sample(member.isConnected ? 1 : 0, server(member));
  out.family("denkeeper_member_leads", "gauge", "1 for the leader that this server has");
  for (const member of members) out.sample(member.isLeader ? 1 : 0, server(member));
  const learners = members.flatMap((member) =>
    member.learner === null ? [] : [{ labels: server(member), learner: member.learner }]
  );
  out.family("denkeeper_member_synced", "gauge", "1 for learners of this leader that are in sync");
  for (const { labels, learner } of learners) out.sample(learner.isSynced ? 1 : 0, labels);
  out.family("denkeeper_member_unacked_proposals", "gauge", "What a follower is behind its leader");
  for (const { labels, learner: { unackedCount } } of learners) {
    if (unackedCount !== null) out.sample(unackedCount, labels);
  }
  out.family("denkeeper_member_queued_bytes", "gauge", "Not yet sent to a learner");
  for (const { labels, learner } of learners) out.sample(learner.queuedBytes, labels);
}

function writeDisks(out: Exposition, source: OwnMetricsSource): void {
  const disks = [...source.disks()];
  out.family("denkeeper_disk_free_bytes", "gauge", "Room that this server may still use");
  for (const { use, directory, freeBytes } of disks) out.sample(freeBytes, { use, directory });
  out.family("denkeeper_disk_size_bytes", "gauge", "Size of the file system");
  for (const { use, directory, sizeBytes } of disks) out.sample(sizeBytes, { use, directory });

  const { snapshots, txnLogs } = source.storedFiles();
  out.gauge("denkeeper_snapshot_files", "Snapshots on disk", snapshots.count);
  out.gauge("denkeeper_snapshot_files_bytes", "Their size", snapshots.bytes);
  if (snapshots.newest !== null) {
    const { zxid, bytes, writtenWallMs } = snapshots.newest;
    out.gauge("denkeeper_last_snapshot_zxid", "Of the newest snapshot", zxid);
    out.gauge("denkeeper_last_snapshot_bytes", "Size of the newest snapshot", bytes);
    out.gauge(
      "denkeeper_last_snapshot_age_seconds",
      "Since the newest snapshot was written",
      Math.max(0, source.wallMs - writtenWallMs) / 1000,
    );
  }
  out.gauge("denkeeper_txn_log_files", "Txn logs on disk", txnLogs.count);
  out.gauge(
    "denkeeper_txn_log_files_bytes",
    "Their size, with what is allocated ahead",
    txnLogs.bytes,
  );
}
