/**
 * Puts checked settings into a {@linkcode ServerConfig}: units into names, -1 into what it stands
 * for, and the rules that hold between two settings.
 *
 * @module
 */

import { resolve } from "../net/file_path.ts";
import { juteExtraSizeBytes, type ServerConfig } from "../core/server_config.ts";
import { FOUR_LETTER_WORDS } from "../net/four_letter_words.ts";
import type { Notice } from "./config_error.ts";
import type { Settings } from "./config_schema.ts";
import { ensembleConfigOf, type Membership } from "./ensemble_settings.ts";
import { httpConfigOf } from "./http_settings.ts";

/** What does not come from a single setting. */
export interface Facts extends Membership {
  /** Of an ensemble; otherwise the server stands alone. */
  readonly isMember: boolean;
  readonly clientPort: number;
  readonly clientPortAddress: string | null;
  readonly superUsers: readonly string[];
  /** Simple class names. */
  readonly authProviders: readonly string[];
  readonly raw: ReadonlyMap<string, string>;
  readonly systemProperties: ReadonlyMap<string, string>;
}

const KIB = 1024;
const SNAP_RETAIN_COUNT_MIN = 3;
const SNAP_COUNT_MIN = 2;
const PURGE_INTERVAL_MS_DEFAULT = 24 * 3_600_000;
const INT_MAX = 2 ** 31 - 1;
const MAX_BATCH_SIZE_DEFAULT = 1000;

/** Gets what was corrected, and what cannot be. */
interface Told {
  readonly notices: Notice[];
  readonly problems: string[];
  readonly originOf: (key: string) => string | undefined;
}

export function serverConfigOf(
  values: Settings,
  facts: Facts,
  told: Told,
): ServerConfig {
  const { dataDir } = values;
  tellOfIdleSettings(values, told);
  const dataLogDir = values.dataLogDir ?? dataDir;
  const timeouts = sessionTimeouts(values, told);
  const juteMaxBufferBytes = values["jute.maxbuffer"];
  return {
    configPath: facts.configPath,
    serverId: facts.isMember ? facts.myid ?? 0 : 0,
    sessionServerId: facts.isMember ? facts.myid ?? 0 : 1,
    myid: facts.myid,
    tickTimeMs: values.tickTime,
    dataDir,
    dataLogDir,
    dataDirAutoCreate: values["datadir.autocreate"],
    dbAutoCreate: values["db.autocreate"],
    clientPort: facts.clientPort,
    clientPortAddress: facts.clientPortAddress,
    clientPortListenBacklog: values.clientPortListenBacklog,
    clientTcpKeepAlive: values.clientTcpKeepAlive,
    ...timeouts,
    maxClientCnxns: values.maxClientCnxns,
    maxCnxns: values.maxCnxns,
    sessionlessCnxnTimeoutMs: values["nio.sessionlessCnxnTimeout"],
    connectionThrottle: {
      tokenCountMax: values.connection_throttle_tokens,
      fillTimeMs: values.connection_throttle_fill_time,
      fillCount: values.connection_throttle_fill_count,
      freezeTimeMs: values.connection_throttle_freeze_time,
      dropIncrease: values.connection_throttle_drop_increase,
      dropDecrease: values.connection_throttle_drop_decrease,
      decreaseRatio: values.connection_throttle_decrease_ratio,
      weightEnabled: values.connection_throttle_weight_enabled,
      globalSessionWeight: values.connection_throttle_global_session_weight,
      renewSessionWeight: values.connection_throttle_renew_session_weight,
    },
    juteMaxBufferBytes,
    juteExtraSizeBytes: juteExtraSizeBytes(juteMaxBufferBytes, values["jute.maxbuffer.extrasize"]),
    globalOutstandingLimit: values.globalOutstandingLimit,
    largeRequestMaxBytes: values.largeRequestMaxBytes,
    largeRequestThresholdBytes: values.largeRequestThreshold,
    requestThrottleMaxRequests: values.request_throttle_max_requests,
    throttledOpWaitTimeMs: values.throttled_op_wait_time,
    snapCount: raised("snapCount", values.snapCount, SNAP_COUNT_MIN, told.notices),
    snapSizeLimitBytes: values.snapSizeLimitInKb * KIB,
    txnLogSizeLimitBytes: values.txnLogSizeLimitInKb * KIB,
    memorySoftLimit: values["memory.softLimit"],
    backupDir: values["backup.dir"] ?? null,
    preAllocSizeBytes: values.preAllocSize * KIB,
    forceSync: values.forceSync,
    fsyncWarningThresholdMs: values["fsync.warningthresholdms"],
    flushDelayMs: values.flushDelay,
    maxWriteQueuePollTimeMs: values.maxWriteQueuePollTime ?? Math.trunc(values.flushDelay / 3),
    maxBatchSize: values.maxBatchSize,
    childrenCacheEntryCount: values.maxGetChildrenResponseCacheSize,
    snapshotCompression: compressionOf(values["snapshot.compression.method"]),
    snapshotTrustEmpty: values["snapshot.trust.empty"],
    serializeLastProcessedZxid: values["serializeLastProcessedZxid.enabled"],
    autopurge: {
      snapRetainCount: raised(
        "autopurge.snapRetainCount",
        values["autopurge.snapRetainCount"],
        SNAP_RETAIN_COUNT_MIN,
        told.notices,
      ),
      purgeIntervalMs: values["autopurge.purgeInterval"] ?? PURGE_INTERVAL_MS_DEFAULT,
      isConfigured: values["autopurge.purgeInterval"] !== undefined,
    },
    digestEnabled: values["digest.enabled"],
    extendedTypesEnabled: values.extendedTypesEnabled,
    emulate353TtlNodes: values.emulate353TTLNodes,
    enforceQuota: values.enforceQuota,
    containerCheckIntervalMs: values["znode.container.checkIntervalMs"],
    containerMaxPerMinute: values["znode.container.maxPerMinute"],
    containerMaxNeverUsedIntervalMs: values["znode.container.maxNeverUsedIntervalMs"],
    localSessionsEnabled: values.localSessionsEnabled,
    localSessionsUpgradingEnabled: values.localSessionsUpgradingEnabled,
    closeSessionTxnEnabled: values["closeSessionTxn.enabled"],
    skipAcl: values.skipACL,
    digestProviderEnabled: values["DigestAuthenticationProvider.enabled"],
    digestAlgorithm: values["DigestAuthenticationProvider.digestAlg"],
    superDigest: values["DigestAuthenticationProvider.superDigest"] ?? null,
    authProviders: facts.authProviders,
    enforceAuthEnabled: values["enforce.auth.enabled"],
    enforceAuthSchemes: values["enforce.auth.schemes"],
    ensembleAuthNames: values.ensembleAuthName,
    fipsMode: values["fips-mode"],
    jaasConfigPath: values["java.security.auth.login.config"]?.replace(/^=?(file:)?/, "") ?? null,
    saslServerSection: values["sasl.serverconfig"],
    saslSuperPassword: values["SASLAuthenticationProvider.superPassword"] ?? null,
    sessionRequireClientSaslAuth: values.sessionRequireClientSASLAuth,
    allowSaslFailedClients: values.allowSaslFailedClients,
    letAnySaslUserDoX: values.letAnySaslUserDoX ?? null,
    superUsers: facts.superUsers,
    readOnlyModeEnabled: values["readonlymode.enabled"],
    fourLetterWords: fourLetterWordsOf(values, told.notices),
    audit: auditOf(values, facts.systemProperties),
    pauseMonitor: {
      enabled: values["jvm.pause.monitor"],
      sleepTimeMs: values["jvm.pause.sleep.time.ms"],
      infoThresholdMs: values["jvm.pause.info-threshold.ms"],
      warnThresholdMs: values["jvm.pause.warn-threshold.ms"],
    },
    http: httpConfigOf(values, {
      clients: { address: facts.clientPortAddress, port: facts.clientPort },
      maxSessionTimeoutMs: timeouts.maxSessionTimeoutMs,
      ...told,
    }),
    ensemble: ensembleConfigOf(values, facts, told),
    raw: facts.raw,
    systemProperties: facts.systemProperties,
  };
}

/** Settings that another one would have to bring to life. */
function tellOfIdleSettings(values: Settings, { notices, originOf }: Told): void {
  const tell = (key: keyof Settings, reason: string) => {
    const fields = { key, at: originOf(key) ?? "", reason };
    notices.push({ level: "warn", message: "setting has no effect", fields });
  };
  if (values.throttled_op_wait_time > 0 && values.request_throttle_max_requests === 0) {
    tell("throttled_op_wait_time", "nothing waits while request_throttle_max_requests is 0");
  }
  if (values.flushDelay > 0) return;
  const reason = "batches do not wait while flushDelay is 0";
  if ((values.maxWriteQueuePollTime ?? 0) > 0) tell("maxWriteQueuePollTime", reason);
  if (values.maxBatchSize !== MAX_BATCH_SIZE_DEFAULT) tell("maxBatchSize", reason);
}

function sessionTimeouts(
  { tickTime, minSessionTimeout, maxSessionTimeout }: Settings,
  { problems, originOf }: Told,
) {
  const minSessionTimeoutMs = minSessionTimeout === -1 ? tickTime * 2 : minSessionTimeout;
  const maxSessionTimeoutMs = Math.min(
    INT_MAX,
    maxSessionTimeout === -1 ? tickTime * 20 : maxSessionTimeout,
  );
  if (minSessionTimeoutMs > maxSessionTimeoutMs) {
    const origin = originOf("minSessionTimeout") ?? originOf("maxSessionTimeout");
    const at = origin === undefined ? "" : `${origin}: `;
    problems.push(
      `${at}minSessionTimeout (${minSessionTimeoutMs} ms) cannot be more than maxSessionTimeout (${maxSessionTimeoutMs} ms)`,
    );
  }
  return { minSessionTimeoutMs, maxSessionTimeoutMs };
}

/** ZooKeeper corrects these rather than refuse them. */
function raised(key: string, value: number, min: number, notices: Notice[]): number {
  if (value >= min) return value;
  notices.push({
    level: "warn",
    message: "setting is too small and was raised",
    fields: { key, given: value, used: min },
  });
  return min;
}

function compressionOf(method: Settings["snapshot.compression.method"]) {
  return method === "" || method === "checked" ? "none" : method;
}

function fourLetterWordsOf(values: Settings, notices: Notice[]): ReadonlySet<string> | "*" {
  const listed = values["4lw.commands.whitelist"];
  if (listed.includes("*")) return "*";
  const known = new Set<string>(FOUR_LETTER_WORDS);
  const unknown = listed.filter((word) => !known.has(word));
  if (unknown.length > 0) {
    notices.push({
      level: "warn",
      message: "there are no such four-letter words to enable",
      fields: { key: "4lw.commands.whitelist", words: unknown.join(", ") },
    });
  }
  const enabled = new Set(["srvr", ...listed.filter((word) => known.has(word))]);
  if (values["readonlymode.enabled"]) enabled.add("isro");
  return enabled;
}

/** Log4j's defaults: among the other lines, or 10 files of 10 MB in the log directory. */
function auditOf(values: Settings, properties: ReadonlyMap<string, string>) {
  const file = values["auditlog.file"];
  const appenders = properties.get("audit.logger") ?? "";
  const isToFile = file !== undefined || /RFAAUDIT|ROLLINGFILE/i.test(appenders);
  const dir = properties.get("zookeeper.log.dir") ?? ".";
  return {
    enabled: values["audit.enable"],
    threshold: auditThresholdOf(values["auditlog.threshold"]),
    filePath: isToFile ? resolve(dir, file ?? "zookeeper_audit.log") : null,
    fileBytesMax: 10 * KIB * KIB,
    fileCountMax: 10,
  };
}

/** Audit lines are of two levels: info for what was done, error for what failed. */
function auditThresholdOf(level: Settings["auditlog.threshold"]): "info" | "error" | "off" {
  if (level === "OFF" || level === "FATAL") return "off";
  return level === "WARN" || level === "ERROR" ? "error" : "info";
}
