/**
 * The names of ZooKeeper's gauges, and who has which.
 *
 * @module
 */
import type { Gauge } from "./metric_registry.ts";

/** What every server shows, in the order `mntr` prints. */
export const SERVER_GAUGES = [
  "ephemerals_count",
  "num_alive_connections",
  "avg_latency",
  "outstanding_requests",
  "znode_count",
  "global_sessions",
  "non_mtls_remote_conn_count",
  "last_client_response_size",
  "packets_sent",
  "packets_received",
  "max_client_response_size",
  "connection_drop_probability",
  "watch_count",
  "auth_failed_count",
  "min_latency",
  "max_file_descriptor_count",
  "approximate_data_size",
  "open_file_descriptor_count",
  "local_sessions",
  "uptime",
  "max_latency",
  "outstanding_tls_handshake",
  "min_client_response_size",
  "non_mtls_local_conn_count",
] as const;

/** What a member of an ensemble shows besides: any, the leader, and an observer the last. */
export const ENSEMBLE_GAUGES = [
  "quorum_size",
  "learners",
  "synced_followers",
  "synced_non_voting_followers",
  "synced_observers",
  "pending_syncs",
  "leader_uptime",
  "last_proposal_size",
  "max_proposal_size",
  "min_proposal_size",
  "observer_master_id",
] as const;

/** By namespace, which is the first component of a path; since 3.9. The hard limit is preferred. */
export const GAUGE_SETS = [
  "quota_count_limit_per_namespace",
  "quota_bytes_limit_per_namespace",
  "quota_count_usage_per_namespace",
  "quota_bytes_usage_per_namespace",
] as const;

export type ServerGaugeName = (typeof SERVER_GAUGES)[number];
export type GaugeName = ServerGaugeName | (typeof ENSEMBLE_GAUGES)[number];
export type GaugeSetName = (typeof GAUGE_SETS)[number];

/** All gauges that a standalone server has: the compiler tells which one was forgotten. */
export type ServerGauges = Record<ServerGaugeName, Gauge>;

/** Printed with a decimal point even when whole. */
export const DECIMAL_GAUGES: ReadonlySet<string> = new Set<GaugeName>([
  "avg_latency",
  "connection_drop_probability",
]);
