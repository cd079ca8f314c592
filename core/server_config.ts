/**
 * Everything a server is told before it starts, as plain values with units in their names.
 *
 * Filled from zoo.cfg, system properties and the environment by `cli/config_loader.ts`, which has
 * checked every value; nothing past it asks again. Defaults are ZooKeeper 3.9's, except where a
 * comment says otherwise. Holds no behaviour.
 *
 * @module
 */

export interface ServerConfig {
  /** The config file read, absolute; null when settings came from the environment only. */
  readonly configPath: string | null;
  /** Number of the ensemble's member: what myid says. 0 for a standalone server. */
  readonly serverId: number;
  /** What the high byte of session ids is made from: serverId, 1 for a standalone server. */
  readonly sessionServerId: number;
  /** What `<dataDir>/myid` says, for log lines; null without such a file. */
  readonly myid: number | null;

  readonly tickTimeMs: number;
  /** As configured: snapshots are in `<dataDir>/version-2`. */
  readonly dataDir: string;
  /** As configured, or dataDir: txn logs are in `<dataLogDir>/version-2`. */
  readonly dataLogDir: string;
  /** False: refuse to create missing directories. */
  readonly dataDirAutoCreate: boolean;
  /** False: an empty database is only made when a file `initialize` stands beside myid. */
  readonly dbAutoCreate: boolean;

  /** 0: one the operating system picks. */
  readonly clientPort: number;
  /** The host to bind to; null is every address. */
  readonly clientPortAddress: string | null;
  /** -1: the operating system's own. */
  readonly clientPortListenBacklog: number;
  readonly clientTcpKeepAlive: boolean;
  /** Resolved: never -1. */
  readonly minSessionTimeoutMs: number;
  /** Resolved: never -1. */
  readonly maxSessionTimeoutMs: number;
  /** Connections of one address; 0 or less is no limit. */
  readonly maxClientCnxns: number;
  /** Connections in all; 0 or less is no limit. */
  readonly maxCnxns: number;
  /** How long a connection may stay without a session. */
  readonly sessionlessCnxnTimeoutMs: number;
  readonly connectionThrottle: ConnectionThrottleConfig;

  readonly juteMaxBufferBytes: number;
  /** Added to juteMaxBufferBytes when a record of our own making is read back. */
  readonly juteExtraSizeBytes: number;
  readonly globalOutstandingLimit: number;
  /** All large requests in flight together. */
  readonly largeRequestMaxBytes: number;
  /** From which size a request counts as large; -1: none does. */
  readonly largeRequestThresholdBytes: number;
  /** Writes under way, from which on no further request is begun; 0: no limit. */
  readonly requestThrottleMaxRequests: number;
  /** A request that this limit held up for longer is answered with -127; 0: none is. */
  readonly throttledOpWaitTimeMs: number;

  /** Txns between snapshots, 2 or more; the exact count is drawn from its upper half. */
  readonly snapCount: number;
  /** 0 or less: off. */
  readonly snapSizeLimitBytes: number;
  /** 0 or less: off. */
  readonly txnLogSizeLimitBytes: number;
  /** From here on znodes are not added to: of the memory that there is, or in bytes; 0: never. */
  readonly memorySoftLimit: { readonly percent: number } | { readonly bytes: number };
  readonly preAllocSizeBytes: number;
  readonly forceSync: boolean;
  readonly fsyncWarningThresholdMs: number;
  /** Since the last sync, a batch may wait so long for more requests; 0: not at all. */
  readonly flushDelayMs: number;
  /** It waits no longer than this when no further request comes. */
  readonly maxWriteQueuePollTimeMs: number;
  /** A batch of so many requests does not wait; 0 or less: that many there never are. */
  readonly maxBatchSize: number;
  /** Encoded lists of children to keep; 0 or less: none. */
  readonly childrenCacheEntryCount: number;
  readonly snapshotCompression: "none" | "gz" | "snappy";
  readonly snapshotTrustEmpty: boolean;
  readonly serializeLastProcessedZxid: boolean;
  readonly autopurge: AutopurgeConfig;
  /** The folder with backups that HTTP makes; null: there is none. */
  readonly backupDir: string | null;

  readonly digestEnabled: boolean;
  readonly extendedTypesEnabled: boolean;
  readonly emulate353TtlNodes: boolean;
  readonly enforceQuota: boolean;
  readonly containerCheckIntervalMs: number;
  readonly containerMaxPerMinute: number;
  /** 0: a container that never had a child is never removed. */
  readonly containerMaxNeverUsedIntervalMs: number;
  readonly localSessionsEnabled: boolean;
  readonly localSessionsUpgradingEnabled: boolean;
  readonly closeSessionTxnEnabled: boolean;

  readonly skipAcl: boolean;
  readonly digestProviderEnabled: boolean;
  /** As Java names it: `SHA1`, `SHA-256`, ... */
  readonly digestAlgorithm: string;
  /** `super:<base64 digest>`; null: no super user. */
  readonly superDigest: string | null;
  /** Simple class names in the order of their keys, e.g. `SASLAuthenticationProvider`. */
  readonly authProviders: readonly string[];
  readonly enforceAuthEnabled: boolean;
  readonly enforceAuthSchemes: readonly string[];
  readonly ensembleAuthNames: readonly string[];
  readonly fipsMode: boolean;
  /** java.security.auth.login.config: the JAAS file; null: no SASL. */
  readonly jaasConfigPath: string | null;
  /** The section of the JAAS file that holds our users. */
  readonly saslServerSection: string;
  /** Overrides the JAAS password of user `super`. */
  readonly saslSuperPassword: string | null;
  readonly sessionRequireClientSaslAuth: boolean;
  readonly allowSaslFailedClients: boolean;
  readonly letAnySaslUserDoX: string | null;
  /** superUser and superUser.<n>: SASL ids that may do anything. */
  readonly superUsers: readonly string[];

  /** Whether a member without a quorum serves reads to clients that ask for it. */
  readonly readOnlyModeEnabled: boolean;
  /** Enabled words, `srvr` always among them; "*" is all. */
  readonly fourLetterWords: ReadonlySet<string> | "*";
  readonly audit: AuditConfig;
  /** Stalls of the event loop are logged in place of pauses of a JVM. */
  readonly pauseMonitor: PauseMonitorConfig;
  readonly http: HttpConfig;

  readonly ensemble: EnsembleConfig;
  /** Every key of the file as written, unescaped, in file order. */
  readonly raw: ReadonlyMap<string, string>;
  /** -D properties, and pass-through keys of the file with their `zookeeper.` prefix. */
  readonly systemProperties: ReadonlyMap<string, string>;
}

/** A bucket of tokens that connections draw from. */
export interface ConnectionThrottleConfig {
  /** Size of the bucket; 0: no throttling. */
  readonly tokenCountMax: number;
  readonly fillTimeMs: number;
  readonly fillCount: number;
  /** -1: the drop probability is not used. */
  readonly freezeTimeMs: number;
  readonly dropIncrease: number;
  readonly dropDecrease: number;
  readonly decreaseRatio: number;
  readonly weightEnabled: boolean;
  readonly globalSessionWeight: number;
  readonly renewSessionWeight: number;
}

/** On unless the file says otherwise, where ZooKeeper is off: full disks stop more servers. */
export interface AutopurgeConfig {
  readonly snapRetainCount: number;
  /** 0: off. */
  readonly purgeIntervalMs: number;
  /** False: the interval is our default, which the banner says. */
  readonly isConfigured: boolean;
}

export interface AuditConfig {
  readonly enabled: boolean;
  /** What is written: `error` stands for what failed, `info` for everything. */
  readonly threshold: "info" | "error" | "off";
  /** null: among the other log lines. */
  readonly filePath: string | null;
  readonly fileBytesMax: number;
  readonly fileCountMax: number;
}

export interface PauseMonitorConfig {
  readonly enabled: boolean;
  readonly sleepTimeMs: number;
  readonly infoThresholdMs: number;
  readonly warnThresholdMs: number;
}

/** The HTTP port, where ZooKeeper has its admin server: the API, `/commands` and `/metrics`. */
export interface HttpConfig {
  /** False: no port is opened but that of the metrics. */
  readonly enabled: boolean;
  readonly address: string;
  /** 0: one the operating system picks. */
  readonly port: number;
  /** How long a connection stays when it has no request. */
  readonly idleTimeoutMs: number;
  /** How long a request's head and its body may take to arrive, and a part of a response to be taken. */
  readonly requestTimeoutMs: number;
  /** Beyond it one without a request is closed for a new one; when all have one, new ones are refused. */
  readonly connectionCountMax: number;
  /** Where ZooKeeper's commands are, such as `/commands`. */
  readonly commandUrl: string;
  /** Between two snapshots or restores by command; 0: no limit. */
  readonly rateLimiterIntervalMs: number;
  readonly snapshotEnabled: boolean;
  readonly restoreEnabled: boolean;
  /** Nothing can be changed over HTTP. */
  readonly readOnly: boolean;
  /** Addresses and ranges whose `X-Forwarded-For` is believed. */
  readonly trustedProxies: readonly string[];
  /** What `Host` may be over the loopback interface, beside our own names. */
  readonly allowedHosts: readonly string[];
  /** Who has all permissions on it may use the admin's routes, beside super; null: only super. */
  readonly adminPath: string | null;
  readonly maxSessionTimeoutMs: number;
  /** Of ZooKeeper's Prometheus provider; null: it is not configured. */
  readonly metrics: MetricsPortConfig | null;
}

export interface MetricsPortConfig {
  readonly address: string;
  /** Null: none of its own, another one has it. */
  readonly port: number | null;
  readonly exportJvmInfo: boolean;
}

/** What an ensemble is told; a server that stands alone acts on none of it. */
export interface EnsembleConfig {
  /** False: the server stands alone. True: serverId is that of one of `servers`. */
  readonly isMember: boolean;
  /** Ascending by id. */
  readonly servers: readonly EnsembleServer[];
  /** Of hierarchical quorums; both are empty when a majority counts. */
  readonly groups: ReadonlyMap<number, readonly number[]>;
  readonly weights: ReadonlyMap<number, number>;
  /** Zxid of the txn that made these the members, from the dynamic file's name; 0: not known. */
  readonly configVersion: number;
  /** What `<config>.dynamic.next` holds: members proposed but not committed; null without one. */
  readonly nextConfigText: string | null;
  /** Our own role: what the server line says, which wins over the key peerType. */
  readonly peerType: "participant" | "observer";
  readonly standaloneEnabled: boolean;
  readonly reconfigEnabled: boolean;
  /** As configured; null: the members are in the config file itself. */
  readonly dynamicConfigPath: string | null;

  readonly initLimitTicks: number;
  readonly syncLimitTicks: number;
  /** 0: initLimit. */
  readonly connectToLearnerMasterLimitTicks: number;
  readonly leaderConnectDelayDuringRetryMs: number;

  readonly cnxTimeoutMs: number;
  /** How long an election connection may take to say who it is. Resolved: never -1. */
  readonly quorumCnxnTimeoutMs: number;
  /** How often to try the election port before giving up; 0: for ever. */
  readonly electionPortBindRetryCount: number;
  readonly quorumListenOnAllIps: boolean;
  readonly minNotificationIntervalMs: number;
  readonly maxNotificationIntervalMs: number;
  readonly multiAddressEnabled: boolean;

  /** False: the leader takes no clients. */
  readonly leaderServes: boolean;
  /** Committed txns kept in memory for learners that lag. */
  readonly commitLogCount: number;
  /** Of the newest snapshot's size: more log is not sent, a SNAP is. 0: no limit; below: never logs. */
  readonly snapshotSizeFactor: number;
  /** Every learner gets a SNAP. */
  readonly forceSnapshotSync: boolean;
  /** Syncs of observers at one time; voters are exempt. */
  readonly maxConcurrentSnapSyncs: number;
  readonly maxConcurrentDiffSyncs: number;
  /** A leader without an epoch gives up so long after a supporter left it; -1: not for that. */
  readonly maxTimeToWaitForEpochMs: number;

  /** Whether an observer writes log and snapshots. */
  readonly syncEnabled: boolean;
  /** 0: followers take no observers. */
  readonly observerMasterPort: number;
  readonly observerReconnectDelayMs: number;
  readonly observerElectionDelayMs: number;

  readonly quorumAuth: QuorumAuthConfig;
}

/** SASL between servers: `quorum.auth.*`. */
export interface QuorumAuthConfig {
  readonly enabled: boolean;
  readonly learnerRequireSasl: boolean;
  readonly serverRequireSasl: boolean;
  /** Sections of the JAAS file. */
  readonly learnerSection: string;
  readonly serverSection: string;
}

/** One `server.<serverId>=...` line. */
export interface EnsembleServer {
  readonly serverId: number;
  readonly role: "participant" | "observer";
  readonly addresses: readonly {
    readonly host: string;
    readonly quorumPort: number;
    readonly electionPort: number;
  }[];
  readonly clientHost: string | null;
  readonly clientPort: number | null;
  readonly secureClientHost: string | null;
  readonly secureClientPort: number | null;
}

const EXTRA_SIZE_BYTES_MIN = 1024;

/** What is added to jute.maxbuffer, of so many bytes, when records of our own making are read back. */
export function juteExtraSizeBytes(maxBufferBytes: number, extraSize: number | undefined): number {
  return Math.max(EXTRA_SIZE_BYTES_MIN, extraSize ?? maxBufferBytes);
}
