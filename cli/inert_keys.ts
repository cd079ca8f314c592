/**
 * The settings of ZooKeeper that have no effect here, each with the reason an operator is told.
 *
 * A key stands here or in `config_schema.ts`, never in both. Keys of a family share one row, whose
 * name ends in `*`.
 *
 * @module
 */

const TLS = "TLS is not available in this version";
const HTTP_1_1 = "the HTTP port is plain and speaks HTTP/1.1";
const METRICS = "metrics are made when they are asked for, there is nothing to size";
const THREADS = "one event loop serves all connections, there are no threads to count";
const CACHE = "data is written straight from the tree, there is no cache to size";
const WATCHES = "there is one watch table, and nothing in it to tune";
const KERBEROS = "Kerberos is not available in this version";
const CLIENT = "it is a setting of clients, not of servers";
const UNREAD =
  "a request that must wait is not read: it goes on as soon as there is room, and ends with its " +
  "session or connection";
const NO_WAITING = "no socket is waited for, whether it is written or closed";
const JAVA_CLASS = "Java classes cannot be loaded";

const ROWS: readonly [reason: string, ...keys: string[]][] = [
  [TLS, "secureClientPort", "secureClientPortAddress", "client.portUnification"],
  [TLS, "client.certReload", "ssl.*", "X509AuthenticationProvider.superUser"],
  [TLS, "netty.server.earlyDropSecureConnectionHandshakes"],
  [TLS, "netty.server.outstandingHandshake.limit"],
  [TLS, "admin.portUnification", "admin.forceHttps", "admin.needClientAuth"],
  [HTTP_1_1, "admin.httpVersion"],
  [TLS, "metricsProvider.httpsPort", "metricsProvider.ssl.*"],
  [METRICS, "metricsProvider.workerShutdownTimeoutMs", "metricsProvider.numWorkerThreads"],
  [METRICS, "metricsProvider.maxQueueSize"],
  [METRICS, "metricsProvider.prometheusMetricsSummaryRotateIntervalSeconds"],
  [TLS, "sslQuorumReloadCertFiles", "portUnification"],
  ["every ACL is checked by the leader, which prepares the write", "enableEagerACLCheck"],
  ["two voting servers go on only together, whatever the file says", "oraclePath"],
  ["connections between servers are always probed", "tcpKeepAlive"],
  ["the addresses of a server are tried one after the other", "multiAddress.reachabilityCheck*"],
  ["observers get what is kept for followers too, see commitLogCount", "observerMaster.sizeLimit"],
  ["packets between servers are never held back", "leader.nodelay", "follower.nodelay"],
  [NO_WAITING, "leader.closeSocketAsync", "learner.closeSocketAsync", "learner.asyncSending"],
  ["there is one queue of requests", "forward_learner_requests_to_commit_processor_disabled"],
  ["the last messages of each learner are not kept", "messageTracker.*"],
  ["a local session weighs what a global one does", "connection_throttle_local_session_weight"],
  [THREADS, "commitProcessor.*", "quorum.cnxn.threads.size"],
  [THREADS, "nio.numSelectorThreads", "nio.numWorkerThreads", "nio.directBufferBytes"],
  [THREADS, "nio.shutdownTimeout"],
  ["reading stops by itself when a client is slow", "netty.advancedFlowControl.enabled"],
  ["there is one network layer, and it serves every client", "serverCnxnFactory"],
  ["buffers grow as needed", "intBufferStartingSizeBytes"],
  [CACHE, "maxResponseCacheSize"],
  [WATCHES, "watchManagerName", "watcherCleanThreadsNum", "watcherCleanThreshold"],
  [WATCHES, "watcherCleanIntervalInSeconds", "maxInProcessingDeadWatchers", "bitHashCacheSize"],
  ["statistics of request paths are not kept", "pathStats.*"],
  [KERBEROS, "quorum.auth.kerberos.servicePrincipal", "kerberos.*", "security.auth_to_local"],
  [JAVA_CLASS, "audit.impl.class"],
  ["there is no JMX", "jmx.*"],
  [UNREAD, "request_throttle_stall_time", "request_throttle_drop_stale"],
  [UNREAD, "request_stale_latency_check", "request_stale_connection_check"],
  ["a stop does not wait for requests that were not begun", "request_throttler.shutdownTimeout"],
  [CLIENT, "client.secure", "clientCnxnSocket", "request.timeout", "disableAutoWatchReset"],
  [CLIENT, "shuffleDnsResponse", "hostProvider.*", "sasl.client", "sasl.clientconfig"],
  [CLIENT, "sasl.client.*", "server.principal", "server.realm"],
];

/** Read by `logging_config.ts`: they have their effect there. */
export const LOGGING_KEYS: ReadonlySet<string> = new Set([
  ...["root.logger", "console.threshold", "log.dir", "log.file", "log.threshold"],
  ...["log.maxfilesize", "log.maxbackupindex", "tracelog.dir", "tracelog.file"],
]);

const REASONS = new Map<string, string>();
const FAMILY_REASONS: [prefix: string, reason: string][] = [];
for (const [reason, ...keys] of ROWS) {
  for (const key of keys) {
    if (key.endsWith("*")) FAMILY_REASONS.push([key.slice(0, -1), reason]);
    else REASONS.set(key, reason);
  }
}

/** Inert keys by full name, for suggestions. */
export const INERT_KEYS: Iterable<string> = REASONS.keys();

/**
 * Why a setting has no effect; undefined when it is not a known inert one. Values that ask for what
 * happens anyway need no warning: they give null.
 */
export function inertReason(key: string, value: string): string | null | undefined {
  if (isAlreadySo(key, value)) return null;
  return REASONS.get(key) ?? FAMILY_REASONS.find(([prefix]) => key.startsWith(prefix))?.[1];
}

function isAlreadySo(key: string, value: string): boolean {
  switch (key) {
    case "admin.forceHttps":
    case "admin.portUnification":
    case "admin.needClientAuth":
    case "client.portUnification":
    case "multiAddress.reachabilityCheckEnabled":
    case "portUnification":
    case "sslQuorumReloadCertFiles":
    case "request_stale_latency_check":
      return value.toLowerCase() === "false";
    case "tcpKeepAlive":
    case "request_throttle_drop_stale":
    case "request_stale_connection_check":
      return value.toLowerCase() === "true";
    case "admin.httpVersion":
      return value === "11";
    case "metricsProvider.httpsPort":
      return value === "-1";
    case "audit.impl.class":
      return /\.(Log4j|Slf4j)AuditLogger$/.test(value);
    default:
      return false;
  }
}
