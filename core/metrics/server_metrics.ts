/**
 * Every metric of ZooKeeper under its own name, as a field that the code it measures writes to.
 *
 * The order of the fields is the order `mntr` prints. Metrics of an ensemble, of TLS or of threads
 * that this server does not have exist as well and stay zero, as on a standalone ZooKeeper:
 * dashboards built for it find every name. Times are milliseconds, as whole numbers.
 *
 * @module
 */
import type { Random } from "../ports.ts";
import { DECIMAL_GAUGES, type GaugeName, type GaugeSetName } from "./gauge_names.ts";
import { type Gauge, type GaugeSet, MetricRegistry } from "./metric_registry.ts";
import { OwnMetrics } from "./own_metrics.ts";

export class ServerMetrics extends MetricRegistry {
  readonly proposalCount = this.counter("proposal_count");
  /** Bytes of watch events sent, without their length prefix. */
  readonly watchBytes = this.counter("watch_bytes");
  /** Changes of nodes by txns that were applied: two a create or delete, one a set. */
  readonly outstandingChangesRemoved = this.counter("outstanding_changes_removed");
  readonly throttledOps = this.counter("throttled_ops");
  readonly staleRequestsDropped = this.counter("stale_requests_dropped");
  readonly largeRequestsRejected = this.counter("large_requests_rejected");
  readonly insecureAdminCount = this.counter("insecure_admin_count");
  /** Connections refused for a limit: maxClientCnxns, maxCnxns, the throttle. */
  readonly connectionRejected = this.counter("connection_rejected");
  readonly cnxnClosedWithoutZkServerRunning = this.counter("cnxn_closed_without_zk_server_running");
  readonly sessionlessConnectionsExpired = this.counter("sessionless_connections_expired");
  readonly lookingCount = this.counter("looking_count");
  readonly deadWatchersQueued = this.counter("dead_watchers_queued");
  readonly staleRequests = this.counter("stale_requests");
  readonly connectionDropCount = this.counter("connection_drop_count");
  readonly learnerProposalReceivedCount = this.counter("learner_proposal_received_count");
  readonly digestMismatchesCount = this.counter("digest_mismatches_count");
  readonly deadWatchersCleared = this.counter("dead_watchers_cleared");
  /** GetData answered from an encoded Stat and data; every read here is encoded afresh: a miss. */
  readonly responsePacketCacheHits = this.counter("response_packet_cache_hits");
  /** Bytes read from clients, length prefixes and four-letter words included. */
  readonly bytesReceivedCount = this.counter("bytes_received_count");
  readonly addDeadWatcherStallTime = this.counter("add_dead_watcher_stall_time");
  readonly requestThrottleWaitCount = this.counter("request_throttle_wait_count");
  /** Requests a learner answers without the commit processor. */
  readonly requestsNotForwardedToCommitProcessor = this.counter(
    "requests_not_forwarded_to_commit_processor",
  );
  readonly responsePacketCacheMisses = this.counter("response_packet_cache_misses");
  readonly ensembleAuthSuccess = this.counter("ensemble_auth_success");
  /** Requests of sessions, reads and pings too. */
  readonly prepProcessorRequestQueued = this.counter("prep_processor_request_queued");
  readonly learnerCommitReceivedCount = this.counter("learner_commit_received_count");
  readonly staleReplies = this.counter("stale_replies");
  /** Connect requests read. */
  readonly connectionRequestCount = this.counter("connection_request_count");
  /** Bytes of replies sent, without their length prefix; connect and ping replies do not count. */
  readonly responseBytes = this.counter("response_bytes");
  readonly ensembleAuthFail = this.counter("ensemble_auth_fail");
  readonly diffCount = this.counter("diff_count");
  readonly responsePacketGetChildrenCacheMisses = this.counter(
    "response_packet_get_children_cache_misses",
  );
  readonly connectionRevalidateCount = this.counter("connection_revalidate_count");
  readonly quitLeadingDueToDisloyalVoter = this.counter("quit_leading_due_to_disloyal_voter");
  /** Snapshots sent to learners. */
  readonly snapCount = this.counter("snap_count");
  readonly unrecoverableErrorCount = this.counter("unrecoverable_error_count");
  /** TLS handshakes that failed. */
  readonly unsuccessfulHandshake = this.counter("unsuccessful_handshake");
  /** Proposals committed by a leader. */
  readonly commitCount = this.counter("commit_count");
  /** Sessions expired because nothing was heard of them. */
  readonly staleSessionsExpired = this.counter("stale_sessions_expired");
  readonly responsePacketGetChildrenCacheHits = this.counter(
    "response_packet_get_children_cache_hits",
  );
  /** Requests of sessions, reads and pings too. */
  readonly syncProcessorRequestQueued = this.counter("sync_processor_request_queued");
  /** Changes of nodes by txns prepared and not yet applied: two a create or delete, one a set. */
  readonly outstandingChangesQueued = this.counter("outstanding_changes_queued");
  readonly requestCommitQueued = this.counter("request_commit_queued");
  readonly ensembleAuthSkip = this.counter("ensemble_auth_skip");
  readonly skipLearnerRequestToNextProcessorCount = this.counter(
    "skip_learner_request_to_next_processor_count",
  );
  readonly tlsHandshakeExceeded = this.counter("tls_handshake_exceeded");
  readonly revalidateCount = this.counter("revalidate_count");

  // Counters that ZooKeeper has had since 3.9.
  readonly snapshotErrorCount = this.counter("snapshot_error_count");
  readonly snapshotRateLimitedCount = this.counter("snapshot_rate_limited_count");
  readonly restoreErrorCount = this.counter("restore_error_count");
  readonly restoreRateLimitedCount = this.counter("restore_rate_limited_count");
  readonly ttlNodeCreatedCount = this.counter("ttl_node_created_count");
  readonly ttlNodeDeletedCount = this.counter("ttl_node_deleted_count");
  readonly opCountTotal = this.counter("op_count_total");
  readonly opCountAddWatch = this.counter("op_count_add_watch");
  readonly opCountCheck = this.counter("op_count_check");
  readonly opCountCheckWatches = this.counter("op_count_check_watches");
  readonly opCountCloseSession = this.counter("op_count_close_session");
  readonly opCountCreate = this.counter("op_count_create");
  readonly opCountCreateSession = this.counter("op_count_create_session");
  readonly opCountDelete = this.counter("op_count_delete");
  readonly opCountExists = this.counter("op_count_exists");
  readonly opCountGetAcl = this.counter("op_count_get_acl");
  readonly opCountGetAllChildrenNumber = this.counter("op_count_get_all_children_number");
  readonly opCountGetChildren = this.counter("op_count_get_children");
  readonly opCountGetData = this.counter("op_count_get_data");
  readonly opCountGetEphemerals = this.counter("op_count_get_ephemerals");
  readonly opCountMulti = this.counter("op_count_multi");
  readonly opCountMultiRead = this.counter("op_count_multi_read");
  readonly opCountPing = this.counter("op_count_ping");
  readonly opCountReconfig = this.counter("op_count_reconfig");
  readonly opCountRemoveWatches = this.counter("op_count_remove_watches");
  readonly opCountSetAcl = this.counter("op_count_set_acl");
  readonly opCountSetData = this.counter("op_count_set_data");
  readonly opCountSetWatches = this.counter("op_count_set_watches");
  readonly opCountSync = this.counter("op_count_sync");
  readonly opCountWhoAmI = this.counter("op_count_who_am_i");

  /** By namespace, which is the first component of a path. */
  readonly quotaExceededErrorPerNamespace = this.counterSet(
    "quota_exceeded_error_per_namespace",
  );

  readonly socketClosingTime = this.summary("socket_closing_time");
  readonly proposalProcessTime = this.summary("proposal_process_time");
  readonly leaderUnavailableTime = this.summary("leader_unavailable_time");
  /** Watches fired by one event of this kind. */
  readonly nodeCreatedWatchCount = this.summary("node_created_watch_count");
  readonly sessionQueuesDrained = this.summary("session_queues_drained");
  readonly writeCommitProcReqQueued = this.summary("write_commit_proc_req_queued");
  /** Tokens the connection throttle lacks at each connect request. */
  readonly connectionTokenDeficit = this.summary("connection_token_deficit");
  readonly readCommitProcReqQueued = this.summary("read_commit_proc_req_queued");
  readonly nodeDeletedWatchCount = this.summary("node_deleted_watch_count");
  /** Replaying the txn log at start, in ms. */
  readonly startupTxnsLoadTime = this.summary("startup_txns_load_time");
  readonly syncProcessorQueueSize = this.summary("sync_processor_queue_size");
  readonly followerSyncTime = this.summary("follower_sync_time");
  readonly prepProcessorQueueSize = this.summary("prep_processor_queue_size");
  /** One sync of the txn log, in ms. */
  readonly fsyncTimeMs = this.summary("fsynctime");
  readonly inflightSnapCount = this.summary("inflight_snap_count");
  readonly readsIssuedFromSessionQueue = this.summary("reads_issued_from_session_queue");
  readonly learnerRequestProcessorQueueSize = this.summary("learner_request_processor_queue_size");
  /** Writing one snapshot, in ms. */
  readonly snapshotTimeMs = this.summary("snapshottime");
  readonly unavailableTime = this.summary("unavailable_time");
  /** Txns replayed at start. */
  readonly startupTxnsLoaded = this.summary("startup_txns_loaded");
  readonly readsAfterWriteInSessionQueue = this.summary("reads_after_write_in_session_queue");
  readonly requestsInSessionQueue = this.summary("requests_in_session_queue");
  readonly writeCommitProcIssued = this.summary("write_commit_proc_issued");
  readonly prepProcessTime = this.summary("prep_process_time");
  readonly pendingSessionQueueSize = this.summary("pending_session_queue_size");
  readonly timeWaitingEmptyPoolInCommitProcessorReadMs = this.summary(
    "time_waiting_empty_pool_in_commit_processor_read_ms",
  );
  readonly commitProcessTime = this.summary("commit_process_time");
  /** Loading the database at start, in ms. */
  readonly dbInitTimeMs = this.summary("dbinittime");
  readonly inflightDiffCount = this.summary("inflight_diff_count");
  readonly nettyQueuedBufferCapacity = this.summary("netty_queued_buffer_capacity");
  readonly electionTime = this.summary("election_time");
  readonly commitCommitProcReqQueued = this.summary("commit_commit_proc_req_queued");
  /** Requests made durable by one sync. */
  readonly syncProcessorBatchSize = this.summary("sync_processor_batch_size");
  readonly nodeChildrenWatchCount = this.summary("node_children_watch_count");
  readonly writeBatchTimeInCommitProcessor = this.summary("write_batch_time_in_commit_processor");
  readonly readCommitProcIssued = this.summary("read_commit_proc_issued");
  readonly concurrentRequestProcessingInCommitProcessor = this.summary(
    "concurrent_request_processing_in_commit_processor",
  );
  readonly observerSyncTime = this.summary("observer_sync_time");
  readonly nodeChangedWatchCount = this.summary("node_changed_watch_count");
  readonly syncProcessTime = this.summary("sync_process_time");
  /** Reading the newest snapshot at start, in ms. */
  readonly startupSnapLoadTime = this.summary("startup_snap_load_time");
  /** Since 3.9. */
  readonly restoreTime = this.summary("restore_time");

  readonly prepProcessorQueueTimeMs = this.advancedSummary("prep_processor_queue_time_ms");
  readonly jvmPauseTimeMs = this.advancedSummary("jvm_pause_time_ms");
  readonly closeSessionPrepTime = this.advancedSummary("close_session_prep_time");
  readonly readCommitProcTimeMs = this.advancedSummary("read_commitproc_time_ms");
  /** From a request read to its reply, of writes, sessions opened and closed included, in ms. */
  readonly updateLatency = this.advancedSummary("updatelatency");
  readonly localWriteCommittedTimeMs = this.advancedSummary("local_write_committed_time_ms");
  readonly requestThrottleQueueTimeMs = this.advancedSummary("request_throttle_queue_time_ms");
  /** From a request read to its reply, of reads and pings, in ms. */
  readonly readLatency = this.advancedSummary("readlatency");
  readonly quorumAckLatency = this.advancedSummary("quorum_ack_latency");
  readonly omCommitProcessTimeMs = this.advancedSummary("om_commit_process_time_ms");
  readonly readFinalProcTimeMs = this.advancedSummary("read_final_proc_time_ms");
  readonly commitPropagationLatency = this.advancedSummary("commit_propagation_latency");
  readonly deadWatchersCleanerLatency = this.advancedSummary("dead_watchers_cleaner_latency");
  readonly writeFinalProcTimeMs = this.advancedSummary("write_final_proc_time_ms");
  readonly proposalAckCreationLatency = this.advancedSummary("proposal_ack_creation_latency");
  readonly proposalLatency = this.advancedSummary("proposal_latency");
  readonly omProposalProcessTimeMs = this.advancedSummary("om_proposal_process_time_ms");
  readonly syncProcessorQueueAndFlushTimeMs = this.advancedSummary(
    "sync_processor_queue_and_flush_time_ms",
  );
  /** From a write's txn time to its being applied here, in ms. */
  readonly propagationLatency = this.advancedSummary("propagation_latency");
  readonly serverWriteCommittedTimeMs = this.advancedSummary("server_write_committed_time_ms");
  readonly syncProcessorQueueTimeMs = this.advancedSummary("sync_processor_queue_time_ms");
  readonly syncProcessorQueueFlushTimeMs = this.advancedSummary(
    "sync_processor_queue_flush_time_ms",
  );
  readonly writeCommitProcTimeMs = this.advancedSummary("write_commitproc_time_ms");

  /**
   * What exists, getData and getChildren found, in bytes: path, 68 of the stat, data or child names.
   * By namespace, the first component of a path; nodes at the root itself do not count.
   */
  readonly readPerNamespace = this.summarySet("read_per_namespace");
  /** Path and new data, in bytes, of each node created, set or deleted; by namespace. */
  readonly writePerNamespace = this.summarySet("write_per_namespace");
  readonly learnerHandlerQpSize = this.summarySet("learner_handler_qp_size");
  readonly learnerHandlerQpTimeMs = this.advancedSummarySet("learner_handler_qp_time_ms");
  readonly ackLatency = this.advancedSummarySet("ack_latency");

  /** What ZooKeeper has no name for. */
  readonly own = new OwnMetrics();

  constructor(random: Random) {
    super(random, DECIMAL_GAUGES);
  }

  /** Shows gauges from now on, in the order given; one of the same name is replaced. */
  registerGauges(gauges: Partial<Record<GaugeName, Gauge>>): void {
    for (const [name, gauge] of Object.entries(gauges)) this.gauges.set(name, gauge);
  }

  /** Stops showing gauges, when the role that has them ends. */
  unregisterGauges(names: readonly GaugeName[]): void {
    for (const name of names) this.gauges.delete(name);
  }

  registerGaugeSet(name: GaugeSetName, gaugeSet: GaugeSet): void {
    this.gaugeSets.set(name, gaugeSet);
  }
}
