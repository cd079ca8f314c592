/**
 * A server without files and sockets, for fuzzers that hand it connections of their own: the real
 * processor and the real connections, a log that is durable when the fuzzer says so.
 *
 * @module
 */
import { loadConfig } from "../../cli/config_loader.ts";
import { makeAuthProviders } from "../../core/auth/auth_providers.ts";
import { ServerMetrics } from "../../core/metrics/server_metrics.ts";
import { AuthRequests } from "../../core/server/auth_requests.ts";
import { RequestProcessor } from "../../core/server/request_processor.ts";
import type { LogBatch } from "../../core/server/log_batches.ts";
import { WritePipeline } from "../../core/server/write_pipeline.ts";
import type { ServerConfig } from "../../core/server_config.ts";
import { ServerStats } from "../../core/server_stats.ts";
import { SessionTracker } from "../../core/session/session_tracker.ts";
import type { SessionTable } from "../../core/storage/snapshot_tree.ts";
import { DataTree } from "../../core/tree/data_tree.ts";
import { TxnApplier } from "../../core/txn/apply.ts";
import { ClientConnection, type ConnectionHost } from "../../net/client_connection.ts";
import { nodeHashing } from "../../net/hashing.ts";
import { RequestThrottle } from "../../net/request_throttle.ts";
import { Turn } from "../../net/turn.ts";
import { LinesLogger } from "../model/storage_helpers.ts";
import { SeededRandom } from "../support/seeded_random.ts";
import { makeTempDir } from "../support/temp_dir.ts";

/** Defaults of a server, with these lines of zoo.cfg. */
export function makeConfig(
  { dataDir, settings = {} }: {
    dataDir?: string;
    settings?: Record<string, string | number | boolean>;
  } = {},
): ServerConfig {
  using dir = makeTempDir();
  const file = `${dir.path}/zoo.cfg`;
  const lines = [`dataDir=${dataDir ?? dir.path}`, "clientPort=0"];
  for (const [key, value] of Object.entries(settings)) lines.push(`${key}=${value}`);
  Deno.writeTextFileSync(file, lines.join("\n"));
  return loadConfig({ file, defines: [], environment: () => undefined }).config;
}

export class ServerFixture {
  readonly tree: DataTree;
  readonly sessions: SessionTable = new Map();
  readonly tracker: SessionTracker;
  readonly processor: RequestProcessor<WritePipeline>;
  readonly logger = new LinesLogger();
  readonly turn: Turn;
  readonly connections = new Set<ClientConnection>();
  nowMs = 1_000_000;
  /** What the wall clock is ahead of `nowMs`; it may jump. */
  wallOffsetMs = 1_700_000_000_000;
  largeBytes = 0;
  /** What connections are told of the event loop. */
  isStarved = false;
  readonly #host: ConnectionHost;
  readonly #throttle: RequestThrottle;
  #batch: LogBatch | null = null;
  #nextPort = 1;

  constructor(config: ServerConfig) {
    this.tree = new DataTree({
      digestEnabled: true,
      extendedTypes: true,
      emulate353Ttl: false,
      hashSeed: 7,
    });
    this.tracker = new SessionTracker({ tickMs: config.tickTimeMs, nowMs: this.nowMs });
    const providers = makeAuthProviders(config, nodeHashing);
    const auth = new AuthRequests({
      config,
      providers,
      hashing: nodeHashing,
      logger: this.logger,
      saslUsers: null,
      onFailed: () => {},
    });
    const applier = new TxnApplier(this.tree, this.sessions);
    this.processor = new RequestProcessor({
      config,
      applier,
      sessions: this.tracker,
      providers,
      auth,
      serverStats: new ServerStats(this.nowMs),
      metrics: new ServerMetrics(new SeededRandom(1)),
      makeWrites: (context) =>
        new WritePipeline({
          ...context,
          config,
          applier,
          sessions: this.tracker,
          providers,
          audit: null,
          logger: this.logger,
          firstSessionId: 0x100000000000001n,
          reconfigure: null,
          localSessions: false,
        }),
    });
    const metrics = this.processor.stats.metrics;
    const clock = { monotonicMs: () => this.nowMs, wallMs: () => this.wallOffsetMs + this.nowMs };
    this.turn = new Turn(clock, {
      beginTurn: (time) => this.processor.beginTurn(time),
      endTurn: () => this.#endTurn(),
    });
    const throttle = this.#throttle = new RequestThrottle({
      isThrottling: () => this.processor.isThrottling,
      metrics,
      clock,
      waitMsMax: config.throttledOpWaitTimeMs,
    });
    this.#host = {
      throttle,
      processor: this.processor,
      turn: this.turn,
      logger: this.logger,
      clock,
      loop: { isStarved: () => this.isStarved },
      strangersLogger: this.logger,
      frameBytesMax: config.juteMaxBufferBytes,
      largeRequestThresholdBytes: 64 << 10,
      admitsLargeRequest: (bytes) => ((this.largeBytes += bytes), true),
      releaseLargeRequest: (bytes) => void (this.largeBytes -= bytes),
      answerForeign: () => [],
      admitsSession: () => true,
      closed: (connection) => void this.connections.delete(connection),
    };
  }

  /** Whether txns wait for the disk. */
  get hasBatch(): boolean {
    return this.#batch !== null;
  }

  accept(socket: Deno.Conn): { connection: ClientConnection; done: Promise<void> } {
    this.turn.begin();
    const client = this.processor.accept({
      remoteAddress: "127.0.0.1",
      remotePort: this.#nextPort++,
      isSecure: false,
    });
    const connection = new ClientConnection(this.#host, socket, client, this.nowMs);
    client.connection = connection;
    this.connections.add(connection);
    return { connection, done: connection.run() };
  }

  /** The batch on its way to the disk is durable now; the next one goes. */
  makeDurable(): void {
    const batch = this.#batch;
    if (batch === null) return;
    this.#batch = null;
    this.turn.begin();
    this.processor.writes.logged(batch.lastZxid);
    this.processor.writes.committed(batch.lastZxid);
  }

  /** The batch on its way to the disk did not fit there. */
  failDisk(): void {
    this.turn.begin();
    this.#batch = null;
    this.processor.writes.diskFull();
    this.processor.writes.acceptsWrites = true;
  }

  /** Once a tick, as the server does. */
  tick(): void {
    this.turn.begin();
    this.processor.writes.expireSessions();
    for (const connection of [...this.connections]) connection.checkDeadline(this.nowMs);
  }

  #endTurn(): void {
    this.#batch ??= this.processor.writes.takeBatch();
    const { dirty } = this.processor;
    for (let i = 0; i < dirty.length; i++) {
      const client = dirty[i]!;
      client.isDirty = false;
      (client.connection as ClientConnection | null)?.flush();
    }
    dirty.length = 0;
    this.processor.endTurn(this.nowMs);
    if (!this.#throttle.isIdle) this.#throttle.wake();
  }
}
