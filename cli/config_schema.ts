/**
 * Every setting that has an effect, by the name it has in zoo.cfg, with what it may be and its
 * default. This and `config_values.ts` are the only places that know zod.
 *
 * System properties have the same names: without their `zookeeper.` prefix, or as they are where
 * ZooKeeper reads them without one (`jute.maxbuffer`).
 *
 * @module
 */

import * as z from "zod/mini";
import {
  bool,
  decimal,
  host,
  hours,
  int,
  ipRanges,
  javaInt,
  list,
  memoryShare,
} from "./config_values.ts";
import { oneOf, port, slashPath, text, yesNo } from "./config_values.ts";

const HASHES = [
  ...["MD5", "SHA", "SHA1", "SHA-1", "SHA-224", "SHA-256", "SHA-384", "SHA-512"],
  ...["SHA-512/224", "SHA-512/256", "SHA3-224", "SHA3-256", "SHA3-384", "SHA3-512"],
];

const LEVELS = ["ALL", "TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL", "OFF"] as const;

const ms = { min: 0, unit: "ms" };

/** Read from the config file only: ZooKeeper does not look for them among system properties. */
const directSettings = {
  dataDir: text(),
  dataLogDir: z.optional(text()),
  clientPort: z.optional(port()),
  clientPortAddress: z.optional(host()),
  clientPortListenBacklog: z._default(int({ min: -1 }), -1),
  tickTime: z._default(int({ min: 1, unit: "ms" }), 3000),
  maxClientCnxns: z._default(int(), 60),
  minSessionTimeout: z._default(int({ min: -1, unit: "ms, -1 for 2 ticks" }), -1),
  maxSessionTimeout: z._default(int({ min: -1, unit: "ms, -1 for 20 ticks" }), -1),
  "autopurge.snapRetainCount": z._default(int({ min: 0 }), 3),
  "autopurge.purgeInterval": z.optional(hours()),
  standaloneEnabled: z._default(bool(), true),
  dynamicConfigFile: z.optional(text()),
  "jvm.pause.monitor": z._default(bool(), false),
  "jvm.pause.sleep.time.ms": z._default(int({ min: 1, unit: "ms" }), 500),
  "jvm.pause.info-threshold.ms": z._default(int(ms), 1000),
  "jvm.pause.warn-threshold.ms": z._default(int(ms), 10_000),
  "metricsProvider.className": z.optional(text()),
  "metricsProvider.httpHost": z._default(host(), "0.0.0.0"),
  "metricsProvider.httpPort": z._default(port(), 7000),
  "metricsProvider.exportJvmInfo": z._default(bool(), true),
};

/** The same, of an ensemble; a standalone server checks them and no more. */
const ensembleSettings = {
  localSessionsEnabled: z._default(bool(), false),
  localSessionsUpgradingEnabled: z._default(bool(), false),
  initLimit: z._default(int({ min: 0, unit: "ticks" }), 0),
  syncLimit: z._default(int({ min: 0, unit: "ticks" }), 0),
  connectToLearnerMasterLimit: z._default(int({ min: 0, unit: "ticks, 0 for initLimit" }), 0),
  electionAlg: z._default(int({ min: 3, max: 3 }), 3),
  peerType: z.optional(oneOf(["participant", "observer"])),
  reconfigEnabled: z._default(bool(), false),
  quorumListenOnAllIPs: z._default(bool(), false),
  syncEnabled: z._default(bool(), true),
  observerMasterPort: z._default(port(), 0),
  sslQuorum: z._default(bool(), false),
  "quorum.auth.enableSasl": z._default(bool(), false),
  "quorum.auth.learnerRequireSasl": z._default(bool(), false),
  "quorum.auth.serverRequireSasl": z._default(bool(), false),
  "quorum.auth.learner.saslLoginContext": z._default(text(), "QuorumLearner"),
  "quorum.auth.server.saslLoginContext": z._default(text(), "QuorumServer"),
};

/** Of an ensemble too, but in the file or as system properties `zookeeper.<key>`. */
const sharedEnsembleSettings = {
  "multiAddress.enabled": z._default(bool(), false),
  leaderServes: z._default(yesNo(), true),
  leaderConnectDelayDuringRetryMs: z._default(javaInt(ms), 100),
  "leader.maxConcurrentSnapSyncs": z._default(javaInt({ min: 1 }), 10),
  "leader.maxConcurrentDiffSyncs": z._default(javaInt({ min: 1 }), 100),
  "leader.maxTimeToWaitForEpoch": z._default(javaInt({ min: -1, unit: "ms, -1 for off" }), -1),
  commitLogCount: z._default(javaInt({ min: 0 }), 500),
  snapshotSizeFactor: z._default(decimal({ min: -1, max: 1000 }), 0.33),
  forceSnapshotSync: z._default(bool(), false),
  cnxTimeout: z._default(javaInt({ min: 1, unit: "ms" }), 5000),
  quorumCnxnTimeoutMs: z._default(javaInt({ min: -1, unit: "ms, -1 for syncLimit" }), -1),
  electionPortBindRetry: z._default(javaInt({ min: 0, unit: "0 for ever" }), 3),
  "fastleader.minNotificationInterval": z._default(javaInt({ min: 1, unit: "ms" }), 200),
  "fastleader.maxNotificationInterval": z._default(javaInt({ min: 1, unit: "ms" }), 60_000),
  "observer.reconnectDelayMs": z._default(javaInt(ms), 0),
  "observer.election.DelayMs": z._default(javaInt(ms), 200),
};

/** In the file or as system properties `zookeeper.<key>`. */
const sharedSettings = {
  "4lw.commands.whitelist": z._default(list(), []),
  globalOutstandingLimit: z._default(javaInt({ min: 1 }), 1000),
  "memory.softLimit": z._default(memoryShare(), { percent: 90 }),
  preAllocSize: z._default(javaInt({ min: 0, max: 2 ** 31 - 1, unit: "KiB" }), 65_536),
  snapCount: z._default(javaInt(), 100_000),
  snapSizeLimitInKb: z._default(javaInt({ unit: "KiB, 0 or less for no limit" }), 4_194_304),
  txnLogSizeLimitInKb: z._default(javaInt({ unit: "KiB, 0 or less for no limit" }), -1),
  "snapshot.compression.method": z._default(oneOf(["", "gz", "snappy", "checked"]), ""),
  "snapshot.trust.empty": z._default(bool(), false),
  "serializeLastProcessedZxid.enabled": z._default(bool(), true),
  "fsync.warningthresholdms": z._default(javaInt(ms), 1000),
  forceSync: z._default(yesNo(), true),
  flushDelay: z._default(javaInt(ms), 0),
  maxWriteQueuePollTime: z.optional(javaInt(ms)),
  maxBatchSize: z._default(javaInt(), 1000),
  maxGetChildrenResponseCacheSize: z._default(javaInt(), 400),
  maxCnxns: z._default(javaInt(), 0),
  skipACL: z._default(yesNo(), false),
  enforceQuota: z._default(bool(), false),
  extendedTypesEnabled: z._default(bool(), false),
  emulate353TTLNodes: z._default(bool(), false),
  "digest.enabled": z._default(bool(), true),
  "closeSessionTxn.enabled": z._default(bool(), true),
  largeRequestMaxBytes: z._default(javaInt({ min: 0, unit: "bytes" }), 104_857_600),
  largeRequestThreshold: z._default(javaInt({ min: -1, unit: "bytes, -1 for off" }), -1),
  throttled_op_wait_time: z._default(javaInt({ min: 0, unit: "ms, 0 for off" }), 0),
  request_throttle_max_requests: z._default(javaInt({ min: 0, unit: "0 for off" }), 0),
  connection_throttle_tokens: z._default(javaInt({ min: 0, unit: "0 for off" }), 0),
  connection_throttle_fill_time: z._default(javaInt({ min: 1, unit: "ms" }), 1),
  connection_throttle_fill_count: z._default(javaInt({ min: 1 }), 1),
  connection_throttle_freeze_time: z._default(javaInt({ min: -1, unit: "ms, -1 for off" }), -1),
  connection_throttle_drop_increase: z._default(decimal({ min: 0, max: 1 }), 0.02),
  connection_throttle_drop_decrease: z._default(decimal({ min: 0, max: 1 }), 0.002),
  connection_throttle_decrease_ratio: z._default(decimal({ min: 0, max: 1 }), 0),
  connection_throttle_weight_enabled: z._default(bool(), false),
  connection_throttle_global_session_weight: z._default(javaInt({ min: 1 }), 3),
  connection_throttle_renew_session_weight: z._default(javaInt({ min: 1 }), 2),
  clientTcpKeepAlive: z._default(bool(), false),
  "nio.sessionlessCnxnTimeout": z._default(javaInt({ min: 1, unit: "ms" }), 10_000),
  "DigestAuthenticationProvider.enabled": z._default(bool(), true),
  "DigestAuthenticationProvider.superDigest": z.optional(text()),
  "DigestAuthenticationProvider.digestAlg": z._default(oneOf(HASHES), "SHA1"),
  "SASLAuthenticationProvider.superPassword": z.optional(text()),
  "sasl.serverconfig": z._default(text(), "Server"),
  superUser: z.optional(text()),
  ensembleAuthName: z._default(list(), []),
  "enforce.auth.enabled": z._default(bool(), false),
  "enforce.auth.schemes": z._default(list(), []),
  sessionRequireClientSASLAuth: z._default(bool(), false),
  allowSaslFailedClients: z._default(bool(), false),
  letAnySaslUserDoX: z.optional(text()),
  "fips-mode": z._default(bool(), false),
  "datadir.autocreate": z._default(bool(), true),
  "db.autocreate": z._default(bool(), true),
  "audit.enable": z._default(bool(), false),
  "auditlog.file": z.optional(text()),
  "auditlog.threshold": z._default(oneOf(LEVELS), "INFO"),
};

/** The HTTP port, in the file or as system properties `zookeeper.<key>`; `http.*` and `backup.*` are our own. */
const httpSettings = {
  "admin.enableServer": z._default(bool(), true),
  "admin.serverAddress": z._default(host(), "0.0.0.0"),
  "admin.serverPort": z._default(port(), 8080),
  "admin.idleTimeout": z._default(javaInt({ min: 1, unit: "ms" }), 30_000),
  "admin.commandURL": z._default(slashPath(), "/commands"),
  "admin.rateLimiterIntervalInMS": z._default(javaInt({ min: 0, unit: "ms, 0 for off" }), 300_000),
  "admin.snapshot.enabled": z._default(bool(), true),
  "admin.restore.enabled": z._default(bool(), true),
  "IPAuthenticationProvider.usexforwardedfor": z._default(bool(), false),
  "http.enabled": z._default(bool(), true),
  "http.readOnly": z._default(bool(), false),
  "http.trustedProxies": z._default(ipRanges(), []),
  "http.allowedHosts": z._default(list(), []),
  "http.adminPath": z.optional(slashPath()),
  "http.maxSessionTimeout": z.optional(javaInt({ min: 1, unit: "ms" })),
  "http.maxConnections": z._default(javaInt({ min: 1 }), 10_000),
  "http.requestTimeout": z._default(javaInt({ min: 1, unit: "ms" }), 15_000),
  "backup.dir": z.optional(text()),
};

/** System properties without a prefix, which ZooKeeper takes from `-D` only; here also keys. */
const jvmSettings = {
  "jute.maxbuffer": z._default(javaInt({ min: 1, unit: "bytes" }), 1_048_575),
  "jute.maxbuffer.extrasize": z.optional(javaInt({ unit: "bytes" })),
  "readonlymode.enabled": z._default(bool(), false),
  "znode.container.checkIntervalMs": z._default(javaInt({ min: 1, unit: "ms" }), 60_000),
  "znode.container.maxPerMinute": z._default(javaInt({ min: 1, max: 60_000 }), 10_000),
  "znode.container.maxNeverUsedIntervalMs": z._default(
    javaInt({ min: 0, unit: "ms, 0 for never" }),
    0,
  ),
  "java.security.auth.login.config": z.optional(text()),
};

/** From text to typed values; unknown keys are somebody else's and are dropped. */
export const settingsSchema = z.object({
  ...directSettings,
  ...ensembleSettings,
  ...sharedEnsembleSettings,
  ...sharedSettings,
  ...httpSettings,
  ...jvmSettings,
});

export type Settings = z.infer<typeof settingsSchema>;

export const DIRECT_KEYS: ReadonlySet<string> = new Set([
  ...Object.keys(directSettings),
  ...Object.keys(ensembleSettings),
]);
export const ENSEMBLE_KEYS: ReadonlySet<string> = new Set([
  ...Object.keys(ensembleSettings),
  ...Object.keys(sharedEnsembleSettings),
]);
export const JVM_KEYS: ReadonlySet<string> = new Set(Object.keys(jvmSettings));
export const EFFECTIVE_KEYS: ReadonlySet<string> = new Set(Object.keys(settingsSchema.shape));
