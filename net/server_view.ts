/**
 * The running server as the four-letter words and the AdminServer see it.
 *
 * @module
 */
import { isAbsolute } from "./file_path.ts";
import type { GaugeSetName, ServerGauges } from "../core/metrics/gauge_names.ts";
import type { ServerMetrics } from "../core/metrics/server_metrics.ts";
import type { Clock, Random } from "../core/ports.ts";
import { Client } from "../core/server/client.ts";
import { NoWrites } from "../core/server/no_writes.ts";
import type { RequestProcessor } from "../core/server/request_processor.ts";
import type { ServerConfig } from "../core/server_config.ts";
import type { ServerStats } from "../core/server_stats.ts";
import { LearnerSessions } from "../core/session/learner_sessions.ts";
import type { Session } from "../core/session/sessions.ts";
import { SessionTracker } from "../core/session/session_tracker.ts";
import type { SessionTable } from "../core/storage/snapshot_tree.ts";
import type { AclList } from "../core/tree/acl_list.ts";
import { ROOT } from "../core/tree/node_store.ts";
import type { QuotaState } from "../core/tree/quota_keeper.ts";
import { type Watcher, WatchMode } from "../core/tree/watch_manager.ts";
import { ZOOKEEPER_VERSION_TEXT } from "../core/version.ts";
import { decodeUtf8 } from "../core/wire/jute.ts";
import type { Zxid } from "../core/zxid.ts";
import { snapshotsIn } from "../core/storage/file_names.ts";
import type { AdminContext, EnsembleStateInfo, ObserverInfo } from "./admin_context.ts";
import type { ClientListener } from "./client_listener.ts";
import type { DataDir } from "./data_dir.ts";
import { type EnsembleView, hostAndPort } from "./ensemble_view.ts";
import { lastOperationCode } from "./four_letter_connections.ts";
import type {
  ConnectionExpiry,
  ConnectionInfo,
  ExpiryDump,
  FourLetterContext,
  ServerConfiguration,
  ServerMode,
  SessionDump,
  SessionPaths,
  WatchSummary,
} from "./four_letter_context.ts";
import { systemFiles } from "./file_system.ts";
import {
  directoryBytes,
  fileDescriptorCountMax,
  lowestFreeFileDescriptor,
  NOT_AVAILABLE,
  readEnvironment,
} from "./host_environment.ts";

/** The trace mask that a server starts with. */
const TRACE_MASK_START = 306n;
/** Names in the environment that are system properties there. */
const PROPERTY_OF_THE_JVM = /^(java|user)\.|^os\.(name|arch|version)$/;
/** Modes that `wchs`, `wchc` and `wchp` list: child watches are left out, as in ZooKeeper. */
const DATA_MODES = WatchMode.Data | WatchMode.Persistent | WatchMode.Recursive;

export interface ServerViewOptions {
  config: ServerConfig;
  dirs: DataDir;
  /** The one whose clients are connected now. */
  processor: () => RequestProcessor;
  /** Null when standalone. */
  ensemble: () => EnsembleView | null;
  /** All sessions whose creation is committed, wherever their clients are. */
  sessionTable: SessionTable;
  listener: ClientListener;
  httpConnectionCount: () => number;
  stats: ServerStats;
  metrics: ServerMetrics;
  clock: Clock;
  random: Random;
  connectionDropProbability: () => number;
}

/** What the server is doing in its ensemble, or by itself. */
export type RoleView = Pick<
  FourLetterContext,
  "isServing" | "isReadOnly" | "mode" | "peerState"
>;

const STANDALONE: Omit<RoleView, "isServing"> = {
  isReadOnly: false,
  mode: "standalone",
  peerState: null,
};

export class ServerView implements AdminContext {
  readonly version = ZOOKEEPER_VERSION_TEXT;
  readonly stats: ServerStats;
  readonly metrics: ServerMetrics;
  readonly initialConfiguration: string;
  traceMask = TRACE_MASK_START;
  readonly #options: ServerViewOptions;

  constructor(options: ServerViewOptions) {
    this.#options = options;
    this.stats = options.stats;
    this.metrics = options.metrics;
    this.initialConfiguration = configText(options.config);
    this.#registerGauges();
  }

  get isServing(): boolean {
    return this.#role().isServing;
  }
  get isReadOnly(): boolean {
    return this.#role().isReadOnly;
  }
  get mode(): ServerMode {
    return this.#role().mode;
  }
  get peerState(): string | null {
    return this.#role().peerState;
  }
  get lastProcessedZxid(): Zxid {
    return this.#options.processor().tree.lastProcessedZxid;
  }
  /** ZooKeeper counts the root twice: as the empty path and as `/`. */
  get nodeCount(): number {
    return this.#options.processor().tree.nodeCount + 1;
  }
  get outstandingRequestCount(): number {
    return this.#options.processor().writes.outstandingCount;
  }
  get connectionCount(): number {
    return this.#options.listener.connections.size;
  }

  get uptimeMs(): number {
    return Math.floor(this.stats.uptimeMs(this.#options.clock.monotonicMs()));
  }

  configuration(): ServerConfiguration {
    const { config, dirs, listener } = this.#options;
    return {
      clientPort: listener.port,
      secureClientPort: -1,
      dataDir: absolute(dirs.snapshotDir),
      dataLogDir: absolute(dirs.logDir),
      tickTimeMs: config.tickTimeMs,
      maxClientCnxns: config.maxClientCnxns,
      minSessionTimeoutMs: config.minSessionTimeoutMs,
      maxSessionTimeoutMs: config.maxSessionTimeoutMs,
      clientPortListenBacklog: config.clientPortListenBacklog,
      serverId: config.serverId,
      ensemble: this.#options.ensemble()?.configuration(this.#role()) ?? null,
    };
  }

  dataDirSizes(): { dataDirBytes: number; dataLogDirBytes: number } {
    const { dirs } = this.#options;
    return {
      dataDirBytes: directoryBytes(dirs.snapshotDir),
      dataLogDirBytes: directoryBytes(dirs.logDir),
    };
  }

  *connections(): Iterable<ConnectionInfo> {
    for (const client of this.#options.processor().clients) yield connectionInfo(client);
  }

  sessions(): SessionDump {
    const { processor, sessionTable, config } = this.#options;
    const { sessions, isReadOnly } = processor();
    const hasLocal = config.localSessionsEnabled && config.ensemble.isMember;
    if (!(sessions instanceof SessionTracker) || isReadOnly) {
      return {
        kind: "learner",
        local: hasLocal ? this.#expiryOf(this.#localTracker(), () => true) : null,
        globalCount: sessionTable.size,
        global: [...sessionTable].map(([sessionId, timeoutMs]) => ({ sessionId, timeoutMs })),
      };
    }
    if (!hasLocal) return { kind: "owner", sessions: this.#expiryOf(sessions, () => true) };
    return {
      kind: "ownerWithLocal",
      local: this.#expiryOf(sessions, ({ kind }) => kind === "local"),
      global: this.#expiryOf(sessions, ({ kind }) => kind !== "local"),
    };
  }

  /** Where the local sessions are, perhaps among others. */
  #localTracker(): SessionTracker {
    const { sessions } = this.#options.processor();
    return sessions instanceof LearnerSessions ? sessions.local : sessions as SessionTracker;
  }

  #expiryOf(tracker: SessionTracker, isShown: (session: Session) => boolean): ExpiryDump<bigint> {
    const buckets = [];
    let itemCount = 0;
    for (const { deadlineMs, sessions } of tracker.buckets()) {
      const items = [...sessions].filter(isShown).map(({ id }) => id);
      if (items.length === 0) continue;
      itemCount += items.length;
      buckets.push({
        expiresAtMs: this.#wallOf(deadlineMs),
        deadlineMs,
        itemCount: items.length,
        items,
      });
    }
    return { bucketCount: buckets.length, itemCount, buckets };
  }

  ephemerals(): { sessionCount: number; sessions: Iterable<SessionPaths> } {
    const { tree } = this.#options.processor();
    const sessions = [...tree.ephemeralsBySession()];
    return {
      sessionCount: sessions.length,
      sessions: sessions.map(({ sessionId, nodes }) => ({
        sessionId,
        paths: [...nodes].map((id) => decodeUtf8(tree.store.path(id))),
      })),
    };
  }

  connectionExpiry(): ExpiryDump<ConnectionExpiry> {
    const { config, listener, clock } = this.#options;
    const buckets = new Map<number, ConnectionExpiry[]>();
    for (const { client, acceptedMs } of listener.connections) {
      const { session } = client;
      const deadlineMs = session === null
        ? acceptedMs + config.sessionlessCnxnTimeoutMs
        : session.deadlineMs >= 0
        ? session.deadlineMs
        : clock.monotonicMs() + session.timeoutMs; // the leader knows better
      const bucketMs = Math.ceil(deadlineMs / config.tickTimeMs) * config.tickTimeMs;
      const { remoteAddress, remotePort } = client.address;
      const item = { remoteAddress, remotePort, sessionId: client.sessionId };
      const bucket = buckets.get(bucketMs);
      if (bucket === undefined) buckets.set(bucketMs, [item]);
      else bucket.push(item);
    }
    return {
      bucketCount: buckets.size,
      itemCount: listener.connections.size,
      buckets: [...buckets].sort(([a], [b]) => a - b).map(([deadlineMs, items]) => ({
        expiresAtMs: this.#wallOf(deadlineMs),
        deadlineMs,
        itemCount: items.length,
        items,
      })),
    };
  }

  watchSummary(): WatchSummary {
    const connections = new Set<Watcher>();
    let pathCount = 0;
    let watchCount = 0;
    for (const watched of this.#options.processor().tree.watches.paths()) {
      let isWatched = false;
      watched.forEach((watcher, modes) => {
        if ((modes & DATA_MODES) === 0) return;
        isWatched = true;
        connections.add(watcher);
        watchCount++;
      });
      if (isWatched) pathCount++;
    }
    return { connectionCount: connections.size, pathCount, watchCount };
  }

  *watchesBySession(): Iterable<SessionPaths> {
    for (const client of this.#options.processor().clients) {
      const paths = dataWatchesOf(client);
      const first = paths.next();
      if (first.done === true) continue;
      yield { sessionId: client.sessionId, paths: startingWith(first.value, paths) };
    }
  }

  *watchesByPath(): Iterable<{ path: string; sessionIds: Iterable<bigint> }> {
    for (const watched of this.#options.processor().tree.watches.paths()) {
      const sessionIds: bigint[] = [];
      watched.forEach((watcher, modes) => {
        if ((modes & DATA_MODES) !== 0 && watcher instanceof Client) {
          sessionIds.push(watcher.sessionId);
        }
      });
      if (sessionIds.length > 0) yield { path: watched.path, sessionIds };
    }
  }

  digests(): Iterable<{ zxid: Zxid; digest: bigint }> {
    return this.#options.processor().tree.digestLog;
  }

  environment(): Iterable<[key: string, value: string]> {
    return readEnvironment(ZOOKEEPER_VERSION_TEXT);
  }

  /** What a JVM would have by itself comes from the environment, as far as it is known. */
  *systemProperties(): Iterable<[name: string, value: string]> {
    const { systemProperties } = this.#options.config;
    for (const [name, value] of this.environment()) {
      const isKnown = PROPERTY_OF_THE_JVM.test(name) && value !== NOT_AVAILABLE;
      if (isKnown && !systemProperties.has(name)) yield [name, value];
    }
    yield* systemProperties;
  }

  lastSnapshot(): { zxid: Zxid; writtenMs: number } | null {
    const { snapshotDir } = this.#options.dirs;
    try {
      const [newest] = snapshotsIn(systemFiles.namesIn(snapshotDir));
      if (newest === undefined) return null;
      const { mtime } = Deno.statSync(`${snapshotDir}/${newest.name}`);
      return { zxid: newest.zxid, writtenMs: mtime?.getTime() ?? 0 };
    } catch {
      return null; // it was purged just now
    }
  }

  rootAcl(): AclList {
    return this.#options.processor().tree.aclOf(ROOT);
  }

  shedConnections(percentage: number): number {
    const { listener, random } = this.#options;
    let count = 0;
    for (const connection of [...listener.connections]) {
      if (random.uint32() % 100 >= percentage) continue;
      connection.destroy("the shed_connections command: it may go to another server");
      count++;
    }
    return count;
  }

  ensembleState(): EnsembleStateInfo | null {
    const { ensemble, config, listener } = this.#options;
    return ensemble()?.state(hostAndPort(config.clientPortAddress, listener.port)) ?? null;
  }

  observers(): Iterable<ObserverInfo> {
    return this.#options.ensemble()?.observers(this.lastProcessedZxid) ?? [];
  }

  resetObserverStats(): void {
    this.#options.ensemble()?.resetObserverStats();
  }

  resetConnectionStats(): void {
    for (const client of this.#options.processor().clients) client.resetStats();
  }

  resetServerStats(): void {
    this.stats.reset();
    this.metrics.reset();
  }

  #role(): RoleView {
    const { ensemble, processor } = this.#options;
    const { writes, isReadOnly } = processor();
    const isServing = !(writes instanceof NoWrites);
    return ensemble()?.role({ isServing, isReadOnly }) ?? { ...STANDALONE, isServing };
  }

  #wallOf(monotonicMs: number): number {
    const { clock } = this.#options;
    return clock.wallMs() + (monotonicMs - clock.monotonicMs());
  }

  #registerGauges(): void {
    const { processor, sessionTable, listener, httpConnectionCount } = this.#options;
    const { stats } = this;
    const { tree } = processor();
    // descriptors that are not connections; a file more or less while the log rolls
    let otherDescriptors: number | null = null;
    const descriptorCount = () => {
      const connectionCount = listener.connections.size + httpConnectionCount();
      otherDescriptors ??= lowestFreeFileDescriptor() - connectionCount;
      return otherDescriptors + connectionCount;
    };
    const gauges: ServerGauges = {
      avg_latency: () => stats.avgLatencyMs,
      max_latency: () => stats.maxLatencyMs,
      min_latency: () => stats.minLatencyMs,
      packets_received: () => stats.packetsReceived,
      packets_sent: () => stats.packetsSent,
      num_alive_connections: () => listener.connections.size,
      outstanding_requests: () => processor().writes.outstandingCount,
      uptime: () => this.uptimeMs,
      znode_count: () => this.nodeCount,
      watch_count: () => tree.watches.watchCount,
      ephemerals_count: () => tree.ephemeralCount,
      approximate_data_size: () => tree.dataSize,
      global_sessions: () => sessionTable.size,
      local_sessions: () => this.#localTracker().localCount,
      open_file_descriptor_count: descriptorCount,
      max_file_descriptor_count: () => fileDescriptorCountMax(),
      connection_drop_probability: this.#options.connectionDropProbability,
      last_client_response_size: () => stats.clientResponse.lastBytes,
      max_client_response_size: () => stats.clientResponse.maxBytes,
      min_client_response_size: () => stats.clientResponse.minBytes,
      outstanding_tls_handshake: () => 0,
      auth_failed_count: () => stats.authFailedCount,
      non_mtls_remote_conn_count: () => 0,
      non_mtls_local_conn_count: () => 0,
    };
    this.metrics.registerGauges(gauges);
    this.#registerQuotaGauges();
  }

  #registerQuotaGauges(): void {
    const { quotas } = this.#options.processor().tree;
    const byNamespace = (value: (state: QuotaState) => number) => () => {
      const values = new Map<string, number>();
      for (const state of quotas.states()) {
        if (value(state) > -1) values.set(state.path.split("/")[1] ?? "", value(state));
      }
      return values;
    };
    const { metrics } = this;
    const gaugeSet = (name: GaugeSetName, value: (state: QuotaState) => number) =>
      metrics.registerGaugeSet(name, byNamespace(value));
    gaugeSet("quota_count_limit_per_namespace", ({ countLimit }) => countLimit);
    gaugeSet("quota_bytes_limit_per_namespace", ({ bytesLimit }) => bytesLimit);
    gaugeSet("quota_count_usage_per_namespace", ({ count }) => count);
    gaugeSet("quota_bytes_usage_per_namespace", ({ bytes }) => bytes);
  }
}

function configText({ configPath }: ServerConfig): string {
  if (configPath === null) return "";
  try {
    return Deno.readTextFileSync(configPath);
  } catch {
    return ""; // it was removed since it was read
  }
}

/** As Java does it: what is relative is put behind the current directory, `./` and all. */
function absolute(path: string): string {
  return isAbsolute(path) ? path : `${Deno.cwd()}/${path}`;
}

function connectionInfo(client: Client): ConnectionInfo {
  const { session } = client;
  return {
    remoteAddress: client.address.remoteAddress,
    remotePort: client.address.remotePort,
    interestOps: client.isClosing ? 0 : client.outputBytes > 0 ? 5 : 1,
    outstandingRequestCount: client.outstandingCount + client.deferredCount,
    packetsReceived: client.packetsReceived,
    packetsSent: client.packetsSent,
    session: session === null ? null : {
      sessionId: session.id,
      lastOperation: client.lastOperation === null ? "NA" : lastOperationCode(client.lastOperation),
      establishedMs: client.connectedWallMs,
      timeoutMs: session.timeoutMs,
      lastCxid: client.lastCxid,
      lastZxid: client.lastZxid,
      lastResponseMs: Math.floor(client.lastResponseMs),
      lastLatencyMs: Math.floor(client.lastLatencyMs),
      minLatencyMs: client.latencyCount === 0 ? 0 : Math.floor(client.latencyMinMs),
      avgLatencyMs: client.latencyCount === 0
        ? 0
        : Math.floor(client.latencySumMs / client.latencyCount),
      maxLatencyMs: Math.floor(client.latencyMaxMs),
    },
  };
}

/** Paths of which it has a data watch: they may be many, and are not all asked for at once. */
function* dataWatchesOf(client: Client): Generator<string, undefined> {
  for (const watched of client.watchedPaths) {
    if ((watched.modesOf(client) & DATA_MODES) !== 0) yield watched.path;
  }
}

function* startingWith(first: string, rest: Iterable<string>): Iterable<string> {
  yield first;
  yield* rest;
}
