/**
 * A server: recovers the data, opens the client port, and keeps time. Standalone it serves by itself; as a
 * member of an ensemble it takes the roles that its peer decides on.
 *
 * @module
 */
import type { History, MemberServices } from "../cluster/member.ts";
import { ProposalLog } from "../cluster/proposal_log.ts";
import { ServerMetrics } from "../core/metrics/server_metrics.ts";
import type { Logger, LogLevel } from "../core/ports.ts";
import { RequestProcessor } from "../core/server/request_processor.ts";
import type { ServerConfig } from "../core/server_config.ts";
import { ServerStats } from "../core/server_stats.ts";
import { firstSessionId } from "../core/session/session_id.ts";
import { SessionTracker } from "../core/session/session_tracker.ts";
import type { SessionTable } from "../core/storage/snapshot_tree.ts";
import type { DataTree } from "../core/tree/data_tree.ts";
import { NoWrites } from "../core/server/no_writes.ts";
import type { TurnTime } from "../core/server/replies.ts";
import type { WritePath, WritePathContext } from "../core/server/write_path.ts";
import { WritePipeline } from "../core/server/write_pipeline.ts";
import type { Sessions } from "../core/session/sessions.ts";
import { TxnApplier } from "../core/txn/apply.ts";
import { zxidToHex } from "../core/zxid.ts";
import { type Access, openAccess } from "./access.ts";
import type { ClientConnection } from "./client_connection.ts";
import { ClientPort } from "./client_port.ts";
import { type DataDir, openDataDir } from "./data_dir.ts";
import { DataDirLock } from "./data_dir_lock.ts";
import { emptyTree } from "./empty_tree.ts";
import { systemFiles } from "./file_system.ts";
import { EnsembleMember } from "./ensemble_member.ts";
import { EnsembleView } from "./ensemble_view.ts";
import { EpochFiles } from "./epoch_files.ts";
import { HttpPorts } from "./http/http_ports.ts";
import { ServerGateway } from "./http/server_gateway.ts";
import { loaded } from "./member_storage.ts";
import { LateInterval } from "./late_timers.ts";
import { LogPump } from "./log_pump.ts";
import { recover, type RecoveryOptions, type RecoveryResult } from "./recovery.ts";
import { rest } from "./rest.ts";
import { RunningAdmin } from "./running_admin.ts";
import { ServerDatabase } from "./server_database.ts";
import { type ServerParts, ServerProbe } from "./server_probe.ts";
import { Standalone } from "./standalone.ts";
import { systemClock as clock, systemRandom as random } from "./system_clock.ts";
import { systemSockets, systemTimers } from "./sockets.ts";
import { Turn } from "./turn.ts";
import { Upkeep } from "./upkeep.ts";

/** Exit code when the disk failed under us (admin reference section 12). */
const EXIT_TXN_LOG = 10;
/** How long a stop waits for what is under way. */
const CLOSE_WAIT_MS = 3000;
const TICK_MS_MAX = 250;
/** For when nobody asks for anything; 5 to 10 ms. */
const WATCHES_REMOVED_IN_TICK = 5000;
/** Sockets written to in one turn: 30 us each. The newest go first, they may be replies. */
const FLUSHED_IN_TURN_MAX = 1000;

export interface Server {
  readonly clientPort: number;
  readonly probe: ServerProbe;
  /** Null: there is no HTTP port, it is turned off or could not be had. */
  readonly httpPort: number | null;
  readonly metricsPort: number | null;
  /** Stops: what is under way is finished, sessions are not closed. */
  close(): Promise<void>;
}

/**
 * Starts a server and returns when it answers clients.
 *
 * @throws {DataDirError} when the files under dataDir cannot be used
 */
export async function startServer(
  config: ServerConfig,
  logger: Logger,
  logLevel: LogLevel | null = null,
): Promise<Server> {
  const dirs = openDataDir({
    dataDir: config.dataDir,
    dataLogDir: config.dataLogDir,
    autoCreate: config.dataDirAutoCreate,
  });
  const lock = DataDirLock.acquire(dirs, logger);
  try {
    return await new RunningServer({ config, logger, logLevel, dirs, lock }).start();
  } catch (error) {
    lock.release();
    throw error;
  }
}

class RunningServer implements Server {
  readonly #config: ServerConfig;
  readonly #logger: Logger;
  /** Null: it is not ours to set. */
  readonly #logLevel: LogLevel | null;
  readonly #dirs: DataDir;
  readonly #lock: DataDirLock;
  readonly #metrics = new ServerMetrics(random);
  readonly #stats = new ServerStats(clock.monotonicMs());
  readonly #tree: DataTree;
  readonly #sessionTable: SessionTable = new Map();
  readonly #turn: Turn;
  readonly #probe: ServerProbe;
  #turnTime: TurnTime = { nowMs: clock.monotonicMs(), wallMs: clock.wallMs() };
  /** Monotonic time of the last tick. */
  #tickedMs = clock.monotonicMs();
  /** That tick came late, and expired nothing. */
  #wasPaused = false;
  #ticking: LateInterval | null = null;
  #isClosed = false;
  #flushTimer: ReturnType<typeof setTimeout> | undefined;
  readonly #flushMore = () => {
    this.#flushTimer = undefined;
    this.#turn.begin();
  };

  // made by `start`, in this order; what is null is off
  #access!: Access;
  /** Whose clients are connected. */
  #processor!: RequestProcessor;
  /** Where writes are ordered, if that is here; a leader may do so without clients of its own. */
  #deciding: WritePipeline | null = null;
  /** Null: standalone. */
  #member: EnsembleMember | null = null;
  #ensembleView: EnsembleView | null = null;
  #database!: ServerDatabase;
  #pump!: LogPump;
  #gateway!: ServerGateway;
  #http!: HttpPorts;
  /** Clients are accepted. */
  readonly #started = Promise.withResolvers<void>();
  #clientPort!: ClientPort;
  #upkeep!: Upkeep;

  constructor({ config, logger, logLevel, dirs, lock }: {
    config: ServerConfig;
    logger: Logger;
    logLevel: LogLevel | null;
    dirs: DataDir;
    lock: DataDirLock;
  }) {
    this.#config = config;
    this.#logger = logger;
    this.#logLevel = logLevel;
    this.#dirs = dirs;
    this.#lock = lock;
    this.#tree = emptyTree(config, random);
    this.#metrics.hasPrometheusKeys = config.http.metrics !== null;
    this.#probe = new ServerProbe({
      serverId: config.serverId,
      dirs,
      tree: this.#tree,
      metrics: this.#metrics,
      clock,
      tickMs: this.#tickMs,
      syncLimitMs: config.tickTimeMs * config.ensemble.syncLimitTicks,
    });
    this.#turn = new Turn(clock, {
      beginTurn: (time) => {
        this.#turnTime = time;
        this.#processor.beginTurn(time);
        this.#member?.beginTurn(time);
      },
      endTurn: () => this.#endTurn(),
    });
  }

  /** For metrics and health. */
  get probe(): ServerProbe {
    return this.#probe;
  }

  get clientPort(): number {
    return this.#clientPort.listener.port;
  }

  get httpPort(): number | null {
    return this.#http.apiPort;
  }

  get metricsPort(): number | null {
    return this.#http.metricsPort;
  }

  async start(): Promise<this> {
    const applier = new TxnApplier(this.#tree, this.#sessionTable);
    this.#access = openAccess({
      config: this.#config,
      metrics: this.#metrics,
      logger: this.#logger,
      clock,
      onFailed: () => void this.#stats.authFailedCount++,
    });
    this.#gateway = new ServerGateway({
      config: this.#config,
      tree: this.#tree,
      sessionTable: this.#sessionTable,
      providers: this.#access.providers,
      turn: this.#turn,
      clock,
      random,
      requestTimeoutMs: this.#config.http.requestTimeoutMs,
    });
    applier.onSessionEnd = (id) => this.#gateway.sessionEnded(id);
    this.#openHttpPorts();
    try {
      await this.#begin(applier);
    } catch (error) {
      await this.#http.close();
      throw error;
    }
    this.#started.resolve();
    this.#access.audit?.serverStarted();
    return this;
  }

  /** From the files to serving. */
  async #begin(applier: TxnApplier): Promise<void> {
    const { isMember } = this.#config.ensemble;
    const proposals = new ProposalLog(this.#config.ensemble);
    const recovered = await this.#recover(applier, isMember ? proposals : null);
    this.#pump = new LogPump({
      config: this.#config,
      dirs: this.#dirs,
      tree: this.#tree,
      sessions: this.#sessionTable,
      metrics: this.#metrics,
      stats: this.#stats,
      turn: this.#turn,
      logger: this.#logger,
      clock,
      random,
      fileSystem: systemFiles,
      rest,
      fatal: (message, error) => this.#fatal(message, error),
    });
    // an empty database must be on the disk before the first txn: Java refuses a log alone; the rest can wait
    if (recovered.isNew) {
      await this.#pump.snapshots.write(this.#tree, this.#sessionTable, "eager");
    }
    let host: Standalone | null = null;
    if (isMember) await this.#join(applier, { proposals, recovered });
    else host = this.#standAlone(applier, recovered);
    this.#database = new ServerDatabase({
      ...{ config: this.#config, dirs: this.#dirs, pump: this.#pump, host, logger: this.#logger },
    });
    this.#startTimers(recovered);
  }

  #standAlone(applier: TxnApplier, recovered: RecoveryResult): Standalone {
    const standalone = new Standalone({
      config: this.#config,
      access: this.#access,
      applier,
      sessionTable: this.#sessionTable,
      pump: this.#pump,
      turn: this.#turn,
      clock,
      logger: this.#logger,
      makeProcessor: (sessions, makeWrites) => this.#makeProcessor(applier, sessions, makeWrites),
      firstSessionId: () => this.#firstSessionId(),
      serve: (processor, reason) => {
        this.#deciding = processor.writes instanceof WritePipeline ? processor.writes : null;
        if (!this.#isClosed) this.#probe.stage = this.#deciding === null ? "restoring" : "running";
        this.#serve(processor, reason);
        if (this.#deciding !== null) this.#endDeadSessions(this.#deciding);
      },
      reload: async () => (await recover(this.#recovery(applier, null))).lastProcessedZxid,
      isClosed: () => this.#isClosed,
      fatal: (message, error) => this.#fatal(message, error),
    });
    const { processor } = standalone;
    this.#processor = processor;
    this.#gateway.serve(processor);
    this.#deciding = processor.writes;
    this.#listen(null);
    this.#probe.hasServed = true;
    this.#endDeadSessions(processor.writes);
    if (recovered.needsSnapshot && !recovered.isNew) void this.#pump.snapshot();
    return standalone;
  }

  async #join(applier: TxnApplier, { proposals, recovered }: {
    proposals: ProposalLog;
    recovered: RecoveryResult;
  }): Promise<void> {
    const { lastProcessedZxid } = recovered;
    const epochs = new EpochFiles({
      dir: this.#dirs.snapshotDir,
      lastZxid: lastProcessedZxid,
      fileSystem: systemFiles,
      logger: this.#logger,
    });
    const history: History = {
      ...{ applier, proposals, epochs, lastLoggedZxid: lastProcessedZxid },
      // a snapshot that reaches beyond the log may hold any part of what is missing
      startsOver: recovered.incompleteThrough !== null,
    };
    loaded(history, recovered);
    const idle = this.#processor = this.#makeProcessor(
      applier,
      new SessionTracker({ tickMs: this.#config.tickTimeMs, nowMs: clock.monotonicMs() }),
      ({ stats }) => new NoWrites(stats),
    );
    const makeProcessor: MemberServices["makeProcessor"] = (sessions, makeWrites) =>
      this.#makeProcessor(applier, sessions, makeWrites);
    this.#member = new EnsembleMember({
      config: this.#config,
      history,
      storage: {
        pump: this.#pump,
        files: this.#recovery(applier, null),
        recovery: () => this.#recovery(applier, proposals),
        turn: this.#turn,
        fatal: (message, error) => this.#fatal(message, error),
      },
      services: {
        providers: this.#access.providers,
        audit: this.#access.audit,
        makeProcessor,
        firstSessionId: () => this.#firstSessionId(),
      },
      metrics: this.#metrics,
      stats: this.#stats,
      turn: this.#turn,
      clock,
      sockets: systemSockets,
      timers: systemTimers,
      random,
      logger: this.#logger,
      serve: (processor) => {
        this.#deciding = processor?.writes instanceof WritePipeline ? processor.writes : null;
        const takesClients = this.#deciding === null || this.#config.ensemble.leaderServes;
        this.#serve(takesClients && processor !== null ? processor : idle);
        this.#ensembleView!.roleChanged();
        this.#probe.hasServed ||= processor !== null && !processor.isReadOnly;
        if (this.#deciding !== null) this.#endDeadSessions(this.#deciding);
      },
      rebindClientPort: (address) => void this.#clientPort.listener.rebind(address),
      exit: (code) => Deno.exit(code),
    });
    this.#ensembleView = new EnsembleView({
      config: this.#config,
      member: this.#member,
      metrics: this.#metrics,
      stats: this.#stats,
      clock,
    });
    this.#listen({ member: this.#member, history });
    await this.#member.start();
  }

  /** A role has begun or ended: clients of the one before are disconnected. */
  #serve(processor: RequestProcessor, reason = "this server changes its role"): void {
    if (processor === this.#processor) return;
    this.#flush();
    this.#clientPort.listener.serve(processor, reason);
    this.#processor = processor;
    this.#gateway.serve(processor);
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#probe.stage = "stopping";
    this.#access.audit?.serverStopping();
    this.#processor.isStopping = true;
    this.#ticking?.stop();
    const httpClosed = this.#http.close(); // what is under way there may still be answered
    this.#upkeep.stop();
    const { promise: deadline, resolve } = Promise.withResolvers<void>();
    const deadlineTimer = setTimeout(resolve, CLOSE_WAIT_MS);
    await Promise.race([Promise.all([httpClosed, this.#pump.drain()]), deadline]);
    await this.#member?.close();
    this.#clientPort.close();
    clearTimeout(this.#flushTimer);
    await Promise.race([Promise.all([this.#pump.stop(), this.#database.ended()]), deadline]);
    clearTimeout(deadlineTimer);
    this.#access.close();
    this.#lock.release();
  }

  // ---------------------------------------------------------------- starting

  /** How files become the tree; with `proposals`, those of a member, also what learners may ask for. */
  #recovery(applier: TxnApplier, proposals: ProposalLog | null): RecoveryOptions {
    const config = this.#config;
    proposals?.clear(0);
    let isFirst = true;
    return {
      dirs: this.#dirs,
      tree: this.#tree,
      sessions: this.#sessionTable,
      replay: ({ header, txn }, body) => {
        if (isFirst) proposals?.clear(this.#tree.lastProcessedZxid);
        isFirst = false;
        applier.apply(header, txn);
        proposals?.appendCommitted(header.zxid, body);
      },
      logger: this.#logger,
      clock,
      fileSystem: systemFiles,
      rest,
      lengthMax: config.juteMaxBufferBytes + config.juteExtraSizeBytes,
      extendedTypes: config.extendedTypesEnabled,
      digestEnabled: config.digestEnabled,
      trustEmpty: config.snapshotTrustEmpty,
      autoCreateDatabase: config.dbAutoCreate,
      joinsEnsemble: proposals !== null,
    };
  }

  async #recover(
    applier: TxnApplier,
    proposals: ProposalLog | null,
  ): Promise<RecoveryResult> {
    const startMs = clock.monotonicMs();
    const recovered = await recover(this.#recovery(applier, proposals));
    this.#metrics.dbInitTimeMs.add(Math.round(clock.monotonicMs() - startMs));
    this.#metrics.startupSnapLoadTime.add(Math.round(recovered.snapshotMs));
    this.#metrics.startupTxnsLoadTime.add(Math.round(recovered.ms - recovered.snapshotMs));
    this.#metrics.startupTxnsLoaded.add(recovered.txnCount);
    this.#metrics.digestMismatchesCount.add(recovered.digestMismatchCount);
    return recovered;
  }

  /**
   * Sessions that ended without their ephemerals: only in data of servers that crashed long ago. They end
   * by txns, where ZooKeeper just takes the ephemerals out of its tree and writes a snapshot before it
   * serves anybody: what is made in their place would meet them again in a replay.
   */
  #endDeadSessions(writes: WritePipeline): void {
    this.#turn.begin(); // its end takes the txns to the disk
    for (const { sessionId } of this.#tree.ephemeralsBySession()) {
      if (this.#sessionTable.has(sessionId)) continue;
      writes.closeSession({ id: sessionId, isClosing: false });
    }
  }

  #makeProcessor<Writes extends WritePath>(
    applier: TxnApplier,
    sessions: Sessions,
    makeWrites: (context: WritePathContext) => Writes,
  ): RequestProcessor<Writes> {
    const processor = new RequestProcessor({
      config: this.#config,
      applier,
      sessions,
      providers: this.#access.providers,
      auth: this.#access.requests,
      serverStats: this.#stats,
      metrics: this.#metrics,
      makeWrites,
    });
    processor.beginTurn(this.#turnTime);
    return processor;
  }

  /** Ids must not repeat after a restart: the wall clock moves on where a monotonic one may not. */
  #firstSessionId(): bigint {
    return firstSessionId({
      serverId: this.#config.sessionServerId,
      nowMs: clock.wallMs(),
      taken: this.#sessionTable.keys(),
    });
  }

  #listen(ensemble: ServerParts["ensemble"]): void {
    this.#clientPort = new ClientPort({
      config: this.#config,
      dirs: this.#dirs,
      processor: () => this.#processor,
      ensemble: () => this.#ensembleView,
      sessionTable: this.#sessionTable,
      stats: this.#stats,
      metrics: this.#metrics,
      turn: this.#turn,
      logger: this.#logger,
      clock,
      random,
      httpPort: () => this.#http.apiPort,
      httpConnectionCount: () => this.#http.connectionCount,
    });
    this.#clientPort.open();
    this.#probe.loaded({ pump: this.#pump, role: this.#clientPort.view, ensemble });
  }

  /** Health is told while the data are loaded. */
  #openHttpPorts(): void {
    this.#http = new HttpPorts({
      gateway: this.#gateway,
      serverAdmin: () =>
        new RunningAdmin({
          config: this.#config,
          logLevel: this.#logLevel,
          processor: () => this.#processor,
          deciding: () => this.#deciding,
          member: this.#member,
          gateway: this.#gateway,
          sessionTable: this.#sessionTable,
          connections: () => this.#clientPort.listener.connections,
          ...{ stats: this.#stats, turn: this.#turn, clock },
        }),
      providers: this.#access.providers,
      logger: this.#logger,
      metrics: this.#metrics,
      probe: this.#probe,
      started: this.#started.promise,
      onAuthFailed: () => void this.#stats.authFailedCount++,
      addressOf: (sessionId) => this.#gateway.addressOf(sessionId),
      admin: () => ({ context: this.#clientPort.view, database: this.#database }),
    });
  }

  #startTimers({ skipped }: RecoveryResult): void {
    this.#ticking = new LateInterval(() => this.#tick(), this.#tickMs);
    this.#upkeep = new Upkeep({
      config: this.#config,
      dirs: this.#dirs,
      tree: this.#tree,
      deciding: () => this.#deciding,
      metrics: this.#metrics,
      turn: this.#turn,
      logger: this.#logger,
      clock,
      skipped,
    });
  }

  // ---------------------------------------------------------------- running

  #endTurn(): void {
    this.#flush(); // what needs no sync need not wait for one
    const writes = this.#deciding;
    if (writes?.hasPrepared) this.#endPreparing(writes);
    else this.#member?.endTurn();
    this.#pump.kick();
    this.#member?.flush();
    this.#flush();
    this.#processor.endTurn(clock.monotonicMs());
    this.#gateway.endTurn();
    this.#clientPort.endTurn();
  }

  /** Tells how long it took; learners get their proposals with it. */
  #endPreparing(writes: WritePipeline): void {
    const preparedMs = clock.monotonicMs();
    writes.preparedAll(preparedMs);
    if (this.#member === null) return;
    this.#member.endTurn();
    this.#metrics.proposalProcessTime.add(Math.round(clock.monotonicMs() - preparedMs));
  }

  /** Sends what is ready; of thousands that were told of one change, most wait for turns of their own. */
  #flush(): void {
    const { dirty } = this.#processor;
    const startAt = Math.max(0, dirty.length - FLUSHED_IN_TURN_MAX);
    for (let i = startAt; i < dirty.length; i++) {
      const client = dirty[i]!;
      client.isDirty = false;
      (client.connection as ClientConnection | null)?.flush();
    }
    dirty.length = startAt;
    if (startAt > 0 && !this.#isClosed) this.#flushTimer ??= setTimeout(this.#flushMore, 0);
  }

  get #tickMs(): number {
    return Math.max(10, Math.min(TICK_MS_MAX, this.#config.tickTimeMs / 4));
  }

  #tick(): void {
    this.#turn.begin();
    const nowMs = clock.monotonicMs();
    // after a pause of our own (a suspended process, a starved machine), what clients sent meanwhile
    // is read first: else all sessions would expire at once for our sake
    const wasPaused = nowMs - this.#tickedMs > 2 * this.#tickMs + 100 && !this.#wasPaused;
    this.#wasPaused = wasPaused;
    this.#tickedMs = nowMs;
    this.#probe.ticked(nowMs);
    if (!wasPaused) (this.#deciding ?? this.#processor.writes).expireSessions();
    this.#gateway.tick();
    this.#clientPort.tick(clock.monotonicMs());
    this.#tree.watches.continueRemoving(WATCHES_REMOVED_IN_TICK);
  }

  #fatal(message: string, error: unknown): void {
    this.#logger.error(`${message}: the server ends, so as not to acknowledge what may be lost`, {
      problem: error instanceof Error ? error.message : String(error),
      lastProcessedZxid: `0x${zxidToHex(this.#tree.lastProcessedZxid)}`,
    });
    Deno.exit(EXIT_TXN_LOG);
  }
}
