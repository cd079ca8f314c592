/**
 * Every setting that has an effect, by the name it has in zoo.cfg, with what it may be and its
 * default. This and `config_values.ts` are the only places that know zod.
 *
 * System properties have the same names: without their `zookeeper.` prefix, or as they are where
 * ZooKeeper reads them without one (`jute.maxbuffer`).
 *
 * @module
 */

import { z } from "zod";
import { bool, decimal, host, hours, int, javaInt, list } from "./config_values.ts";
import { oneOf, port, text, yesNo } from "./config_values.ts";

const HASHES = [
  ...["MD5", "SHA", "SHA1", "SHA-1", "SHA-224", "SHA-256", "SHA-384", "SHA-512"],
  ...["SHA-512/224", "SHA-512/256", "SHA3-224", "SHA3-256", "SHA3-384", "SHA3-512"],
];

const ms = { min: 0, unit: "ms" };

/** Read from the config file only: ZooKeeper does not look for them among system properties. */
const directSettings = {
  dataDir: text(),
  dataLogDir: text().optional(),
  clientPort: port().optional(),
  clientPortAddress: host().optional(),
  clientPortListenBacklog: int({ min: -1 }).default(-1),
  tickTime: int({ min: 1, unit: "ms" }).default(3000),
  maxClientCnxns: int().default(60),
  minSessionTimeout: int({ min: -1, unit: "ms, -1 for 2 ticks" }).default(-1),
  maxSessionTimeout: int({ min: -1, unit: "ms, -1 for 20 ticks" }).default(-1),
  "autopurge.snapRetainCount": int({ min: 0 }).default(3),
  "autopurge.purgeInterval": hours().optional(),
  localSessionsEnabled: bool().default(false),
  localSessionsUpgradingEnabled: bool().default(false),
  standaloneEnabled: bool().default(true),
  dynamicConfigFile: text().optional(),
  "jvm.pause.monitor": bool().default(false),
  "jvm.pause.sleep.time.ms": int({ min: 1, unit: "ms" }).default(500),
  "jvm.pause.info-threshold.ms": int(ms).default(1000),
  "jvm.pause.warn-threshold.ms": int(ms).default(10_000),
};

/** Matter to an ensemble only; checked and kept all the same. */
const ensembleSettings = {
  initLimit: int({ min: 0, unit: "ticks" }).default(0),
  syncLimit: int({ min: 0, unit: "ticks" }).default(0),
  connectToLearnerMasterLimit: int({ min: 0, unit: "ticks" }).default(0),
  electionAlg: int({ min: 3, max: 3 }).default(3),
  peerType: oneOf(["participant", "observer"]).default("participant"),
  reconfigEnabled: bool().default(false),
  quorumListenOnAllIPs: bool().default(false),
  syncEnabled: bool().default(true),
  observerMasterPort: port().default(0),
  sslQuorum: bool().default(false),
  portUnification: bool().default(false),
  sslQuorumReloadCertFiles: bool().default(false),
  "quorum.auth.enableSasl": bool().default(false),
  "quorum.auth.learnerRequireSasl": bool().default(false),
  "quorum.auth.serverRequireSasl": bool().default(false),
  "quorum.auth.learner.saslLoginContext": text().default("QuorumLearner"),
  "quorum.auth.server.saslLoginContext": text().default("QuorumServer"),
  "quorum.auth.kerberos.servicePrincipal": text().default("zkquorum/localhost"),
  "quorum.cnxn.threads.size": int().default(20),
  "multiAddress.enabled": bool().default(false),
  "multiAddress.reachabilityCheckEnabled": bool().default(true),
  "multiAddress.reachabilityCheckTimeoutMs": int({ min: 1, unit: "ms" }).default(1000),
  oraclePath: text().optional(),
};

/** In the file or as system properties `zookeeper.<key>`. */
const sharedSettings = {
  "4lw.commands.whitelist": list().default([]),
  globalOutstandingLimit: javaInt({ min: 1 }).default(1000),
  preAllocSize: javaInt({ min: 0, max: 2 ** 31 - 1, unit: "KiB" }).default(65_536),
  snapCount: javaInt().default(100_000),
  snapSizeLimitInKb: javaInt({ unit: "KiB, 0 or less for no limit" }).default(4_194_304),
  txnLogSizeLimitInKb: javaInt({ unit: "KiB, 0 or less for no limit" }).default(-1),
  "snapshot.compression.method": oneOf(["", "gz", "snappy", "checked"]).default(""),
  "snapshot.trust.empty": bool().default(false),
  "serializeLastProcessedZxid.enabled": bool().default(true),
  "fsync.warningthresholdms": javaInt(ms).default(1000),
  forceSync: yesNo().default(true),
  flushDelay: javaInt(ms).default(0),
  maxWriteQueuePollTime: javaInt(ms).optional(),
  maxBatchSize: javaInt().default(1000),
  maxCnxns: javaInt().default(0),
  skipACL: yesNo().default(false),
  enforceQuota: bool().default(false),
  extendedTypesEnabled: bool().default(false),
  emulate353TTLNodes: bool().default(false),
  "digest.enabled": bool().default(true),
  "closeSessionTxn.enabled": bool().default(true),
  largeRequestMaxBytes: javaInt({ min: 0, unit: "bytes" }).default(104_857_600),
  largeRequestThreshold: javaInt({ min: -1, unit: "bytes, -1 for off" }).default(-1),
  throttled_op_wait_time: javaInt({ min: 0, unit: "ms, 0 for off" }).default(0),
  request_throttle_max_requests: javaInt({ min: 0, unit: "0 for off" }).default(0),
  request_throttle_stall_time: javaInt({ min: 1, unit: "ms" }).default(100),
  request_throttle_drop_stale: bool().default(true),
  request_stale_latency_check: bool().default(false),
  request_stale_connection_check: bool().default(true),
  "request_throttler.shutdownTimeout": javaInt(ms).default(10_000),
  connection_throttle_tokens: javaInt({ min: 0, unit: "0 for off" }).default(0),
  connection_throttle_fill_time: javaInt({ min: 1, unit: "ms" }).default(1),
  connection_throttle_fill_count: javaInt({ min: 1 }).default(1),
  connection_throttle_freeze_time: javaInt({ min: -1, unit: "ms, -1 for off" }).default(-1),
  connection_throttle_drop_increase: decimal({ min: 0, max: 1 }).default(0.02),
  connection_throttle_drop_decrease: decimal({ min: 0, max: 1 }).default(0.002),
  connection_throttle_decrease_ratio: decimal({ min: 0, max: 1 }).default(0),
  connection_throttle_weight_enabled: bool().default(false),
  connection_throttle_global_session_weight: javaInt({ min: 1 }).default(3),
  connection_throttle_local_session_weight: javaInt({ min: 1 }).default(1),
  connection_throttle_renew_session_weight: javaInt({ min: 1 }).default(2),
  clientTcpKeepAlive: bool().default(false),
  "nio.sessionlessCnxnTimeout": javaInt({ min: 1, unit: "ms" }).default(10_000),
  "DigestAuthenticationProvider.enabled": bool().default(true),
  "DigestAuthenticationProvider.superDigest": text().optional(),
  "DigestAuthenticationProvider.digestAlg": oneOf(HASHES).default("SHA1"),
  "SASLAuthenticationProvider.superPassword": text().optional(),
  "sasl.serverconfig": text().default("Server"),
  superUser: text().optional(),
  ensembleAuthName: list().default([]),
  "enforce.auth.enabled": bool().default(false),
  "enforce.auth.schemes": list().default([]),
  sessionRequireClientSASLAuth: bool().default(false),
  allowSaslFailedClients: bool().default(false),
  letAnySaslUserDoX: text().optional(),
  "fips-mode": bool().default(false),
  "datadir.autocreate": bool().default(true),
  "db.autocreate": bool().default(true),
  "audit.enable": bool().default(false),
  "auditlog.file": text().optional(),
};

/** System properties without a prefix, which ZooKeeper takes from `-D` only; here also keys. */
const jvmSettings = {
  "jute.maxbuffer": javaInt({ min: 1, unit: "bytes" }).default(1_048_575),
  "jute.maxbuffer.extrasize": javaInt({ unit: "bytes" }).optional(),
  "readonlymode.enabled": bool().default(false),
  "znode.container.checkIntervalMs": javaInt({ min: 1, unit: "ms" }).default(60_000),
  "znode.container.maxPerMinute": javaInt({ min: 1, max: 60_000 }).default(10_000),
  "znode.container.maxNeverUsedIntervalMs": javaInt({ min: 0, unit: "ms, 0 for never" }).default(0),
  "java.security.auth.login.config": text().optional(),
};

/** From text to typed values; unknown keys are somebody else's and are dropped. */
export const settingsSchema = z.object({
  ...directSettings,
  ...ensembleSettings,
  ...sharedSettings,
  ...jvmSettings,
});

export type Settings = z.infer<typeof settingsSchema>;
export type SettingKey = keyof Settings;

export const DIRECT_KEYS: ReadonlySet<string> = new Set([
  ...Object.keys(directSettings),
  ...Object.keys(ensembleSettings),
]);
export const ENSEMBLE_KEYS: ReadonlySet<string> = new Set(Object.keys(ensembleSettings));
export const JVM_KEYS: ReadonlySet<string> = new Set(Object.keys(jvmSettings));
export const EFFECTIVE_KEYS: ReadonlySet<string> = new Set(Object.keys(settingsSchema.shape));
