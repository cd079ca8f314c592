/**
 * One member of a simulated ensemble: what `net/server.ts` makes of a process, on a simulated machine.
 *
 * The machine (its disk, its clock, its number) outlives the process. Everything else is made anew with
 * each start: the real recovery, log, snapshots, epoch files, peer, ports and client connections.
 *
 * @module
 */
import { makeAuthProviders } from "../../core/auth/auth_providers.ts";
import { AssertionError } from "../../core/assert.ts";
import { ServerMetrics } from "../../core/metrics/server_metrics.ts";
import type { Epochs, FileSystem, LogFields, Logger } from "../../core/ports.ts";
import { AuthRequests } from "../../core/server/auth_requests.ts";
import { NoWrites } from "../../core/server/no_writes.ts";
import type { Client } from "../../core/server/client.ts";
import {
  RequestProcessor,
  type RequestProcessorOptions,
} from "../../core/server/request_processor.ts";
import type { WritePath, WritePathContext } from "../../core/server/write_path.ts";
import { WritePipeline } from "../../core/server/write_pipeline.ts";
import type { ServerConfig } from "../../core/server_config.ts";
import { ServerStats } from "../../core/server_stats.ts";
import { LearnerSessions } from "../../core/session/learner_sessions.ts";
import { firstSessionId } from "../../core/session/session_id.ts";
import type { Sessions } from "../../core/session/sessions.ts";
import type { SessionTable } from "../../core/storage/snapshot_tree.ts";
import type { DataTree } from "../../core/tree/data_tree.ts";
import type { History } from "../../cluster/member.ts";
import { ProposalLog } from "../../cluster/proposal_log.ts";
import { readTxnRecord } from "../../core/txn/txn.ts";
import { JuteReader } from "../../core/wire/jute.ts";
import type { Zxid } from "../../core/zxid.ts";
import { ClientConnection, type ConnectionHost } from "../../net/client_connection.ts";
import { EnsembleMember } from "../../net/ensemble_member.ts";
import { EpochFiles } from "../../net/epoch_files.ts";
import { nodeHashing } from "../../net/hashing.ts";
import { LogPump } from "../../net/log_pump.ts";
import { loaded } from "../../net/member_storage.ts";
import { recover, type RecoveryOptions } from "../../net/recovery.ts";
import { RequestThrottle } from "../../net/request_throttle.ts";
import { Turn } from "../../net/turn.ts";
import { SeededRandom } from "../support/seeded_random.ts";
import { type Applied, copyOf } from "./history.ts";
import type { SimDisk } from "./sim_disk.ts";
import type { SimLoop } from "./sim_loop.ts";
import { type SimConnection, type SimNetwork, SimSocket } from "./sim_network.ts";
import { SimProcess } from "./sim_process.ts";
import { WatchedApplier, WatchedTree } from "./watched_tree.ts";

export const CLIENT_PORT = 2181;

/** What a machine has, whatever runs on it. */
export interface Machine {
  readonly id: number;
  readonly config: ServerConfig;
  readonly disk: SimDisk;
  /** What the server gets of it: the disk itself, unless a fault is planted. */
  readonly fileSystem: FileSystem;
  wallOffsetMs: number;
}

/** Whom the checkers ask and are told by. */
export interface MemberEvents {
  log(member: SimMember, level: string, message: string, fields: LogFields): void;
  /** It serves clients now, in this role. */
  serving(member: SimMember): void;
  /** A txn is applied while it serves. */
  committed(member: SimMember, applied: Applied): void;
  /** The process has ended by itself. */
  exited(member: SimMember, reason: string): void;
  /** Code under test threw what it must not. */
  threw(member: SimMember, error: unknown): void;
}

/** What goes on after a process has ended itself: nothing. */
export class ProcessEnded extends Error {
  override name = "ProcessEnded";
}

export class SimMember {
  readonly machine: Machine;
  readonly process: SimProcess;
  /** `server 3, life 2` */
  readonly name: string;
  readonly tree: DataTree;
  readonly sessions: SessionTable = new Map();
  /** What is applied since the last snapshot was loaded, oldest first. */
  chain: Applied[] = [];
  /** Where `chain` begins. */
  chainBase: Zxid = 0;
  /** Null until it has recovered. */
  member: EnsembleMember | null = null;
  isServing = false;
  readonly #loop: SimLoop;
  readonly #network: SimNetwork;
  readonly #events: MemberEvents;
  readonly #random: SeededRandom;
  readonly #applier: WatchedApplier;
  readonly #proposals: ProposalLog;
  readonly #counterMax: number;
  /** As leader: when each txn was proposed. */
  readonly #proposedMs = new Map<Zxid, number>();
  #lastProposed: Zxid = 0;
  /** When the client of each session was heard of here. */
  readonly #heardMs = new Map<bigint, number>();
  readonly #turn: Turn;
  readonly #logger: Logger;
  readonly #metrics: ServerMetrics;
  readonly #stats: ServerStats;
  readonly #auth: AuthRequests;
  readonly #providers;
  #turnTime: { nowMs: number; wallMs: number };
  #processor!: RequestProcessor;
  #pump!: LogPump;
  #throttle!: RequestThrottle;
  #host!: ConnectionHost;
  readonly #connections = new Set<ClientConnection>();
  #tickedMs: number;
  #wasPaused = false;
  /** What applies txns now is no commit: a replay, or the end of a role. */
  #isReplaying = false;

  constructor(machine: Machine, x: {
    life: number;
    seed: number;
    loop: SimLoop;
    network: SimNetwork;
    events: MemberEvents;
    proposalBytesMax: number;
    counterMax: number;
  }) {
    this.machine = machine;
    this.name = `server ${machine.id}, life ${x.life}`;
    this.#loop = x.loop;
    this.#network = x.network;
    this.#events = x.events;
    this.#counterMax = x.counterMax;
    this.#proposals = new ProposalLog({
      commitLogCount: machine.config.ensemble.commitLogCount,
      bytesMax: x.proposalBytesMax,
    });
    this.#random = new SeededRandom(x.seed);
    this.process = new SimProcess(x.loop, () => machine.wallOffsetMs);
    const { config } = machine;
    this.tree = new WatchedTree({
      digestEnabled: config.digestEnabled,
      extendedTypes: config.extendedTypesEnabled,
      emulate353Ttl: config.emulate353TtlNodes,
      childrenCacheEntryCount: config.childrenCacheEntryCount,
      hashSeed: this.#random.uint32(),
    }, (zxid) => {
      this.chain = [];
      this.chainBase = zxid;
    });
    this.#applier = new WatchedApplier(this.tree, this.sessions, (applied) => {
      this.#applied(applied);
    });
    const { clock } = this.process;
    this.#turnTime = { nowMs: clock.monotonicMs(), wallMs: clock.wallMs() };
    this.#tickedMs = clock.monotonicMs();
    this.#logger = this.#makeLogger();
    this.#metrics = new ServerMetrics(this.#random);
    this.#stats = new ServerStats(clock.monotonicMs());
    this.#providers = makeAuthProviders(config, nodeHashing);
    this.#auth = new AuthRequests({
      config,
      providers: this.#providers,
      hashing: nodeHashing,
      logger: this.#logger,
      saslUsers: null,
      onFailed: () => {},
    });
    this.#turn = new Turn(clock, {
      beginTurn: (time) => this.#guard(() => this.#beginTurn(time)),
      endTurn: () => this.#guard(() => this.#endTurn()),
    });
  }

  get id(): number {
    return this.machine.id;
  }

  get hasEnded(): boolean {
    return this.process.hasEnded;
  }

  get role(): string {
    return this.hasEnded ? "down" : this.member?.peer.stateText ?? "recovering";
  }

  /** The epoch in which it serves; 0: it does not. */
  get epoch(): number {
    const { history } = this;
    return this.isServing && history !== null ? history.epochs.currentEpoch : 0;
  }

  /** Null until it has recovered. */
  history: History | null = null;

  get lastLoggedZxid(): Zxid {
    return this.history?.lastLoggedZxid ?? 0;
  }

  start(): void {
    this.#start().catch((error) => {
      if (this.process.hasEnded) return;
      this.#events.exited(this, messageOf(error));
    });
  }

  /** The process is over, whatever it was doing. */
  end(): void {
    this.process.end();
    this.isServing = false;
  }

  async #start(): Promise<void> {
    const { config, fileSystem, id } = this.machine;
    const { process, tree, sessions } = this;
    const { clock, rest, timers } = process;
    const logger = this.#logger;
    const dirs = {
      dataDir: "/data",
      dataLogDir: "/data",
      snapshotDir: "/data/version-2",
      logDir: "/data/version-2",
    };
    const proposals = this.#proposals;
    const recovery = (isMember: boolean): RecoveryOptions => {
      if (isMember) proposals.clear(0);
      let isFirst = true;
      return {
        dirs,
        tree,
        sessions,
        replay: ({ header, txn }, body) => {
          if (isFirst) proposals.clear(tree.lastProcessedZxid);
          isFirst = false;
          this.#isReplaying = true;
          this.#applier.apply(header, txn);
          this.#isReplaying = false;
          proposals.appendCommitted(header.zxid, body);
        },
        logger,
        clock,
        fileSystem,
        rest,
        lengthMax: config.juteMaxBufferBytes + config.juteExtraSizeBytes,
        extendedTypes: config.extendedTypesEnabled,
        digestEnabled: config.digestEnabled,
        trustEmpty: config.snapshotTrustEmpty,
        autoCreateDatabase: config.dbAutoCreate,
        joinsEnsemble: isMember,
      };
    };
    const recovered = await recover(recovery(true));
    const pump = this.#pump = new LogPump({
      config,
      dirs,
      tree,
      sessions,
      metrics: this.#metrics,
      stats: this.#stats,
      turn: this.#turn,
      logger,
      clock,
      random: this.#random,
      fileSystem,
      rest,
      fatal: (message, error) => this.#exit(`${message}: ${messageOf(error)}`),
    });
    if (recovered.isNew) await pump.snapshots.write(tree, sessions, "eager");
    const epochs = new EpochFiles({
      dir: dirs.snapshotDir,
      lastZxid: recovered.lastProcessedZxid,
      fileSystem,
      logger,
    });
    const history = this.history = {
      applier: this.#applier,
      proposals,
      epochs: this.#exitingEpochs(epochs),
      lastLoggedZxid: recovered.lastProcessedZxid,
      startsOver: recovered.incompleteThrough !== null,
    };
    loaded(history, recovered);
    const idle = this.#processor = this.#makeProcessor(
      new LearnerSessions({ tickMs: config.tickTimeMs, nowMs: clock.monotonicMs() }),
      ({ stats }) => new NoWrites(stats),
    );
    const member = this.member = new EnsembleMember({
      config,
      history,
      storage: {
        pump,
        files: recovery(false),
        recovery: () => recovery(true),
        turn: this.#turn,
        fatal: (message, error) => this.#exit(`${message}: ${messageOf(error)}`),
      },
      services: {
        providers: this.#providers,
        audit: null,
        makeProcessor: (roleSessions, makeWrites) => this.#makeProcessor(roleSessions, makeWrites),
        firstSessionId: () =>
          firstSessionId({
            serverId: config.sessionServerId,
            nowMs: clock.wallMs(),
            taken: sessions.keys(),
          }),
      },
      metrics: this.#metrics,
      stats: this.#stats,
      turn: this.#turn,
      clock,
      sockets: this.#network.socketsOf(id, process),
      timers,
      random: this.#random,
      logger,
      counterMax: this.#counterMax,
      serve: (processor) => this.#serve(processor ?? idle),
      rebindClientPort: () => {}, // clients of the simulation know where each member is
      exit: (code) => this.#exit(`exit code ${code}`),
    });
    this.#listen();
    this.#startTicks();
    await member.start();
  }

  /** What the disk refuses there ends the process: `main.ts` sees to that. */
  #exitingEpochs(epochs: EpochFiles): Epochs {
    const orExit = (write: () => void) => {
      try {
        write();
      } catch (error) {
        if (error instanceof AssertionError) throw error;
        this.#exit(`an epoch could not be written: ${messageOf(error)}`);
      }
    };
    return {
      get acceptedEpoch() {
        return epochs.acceptedEpoch;
      },
      get currentEpoch() {
        return epochs.currentEpoch;
      },
      writeAccepted: (epoch) => orExit(() => epochs.writeAccepted(epoch)),
      writeCurrent: (epoch) => orExit(() => epochs.writeCurrent(epoch)),
    };
  }

  #makeProcessor<Writes extends WritePath>(
    sessions: Sessions,
    makeWrites: (context: WritePathContext) => Writes,
  ): RequestProcessor<Writes> {
    const processor = new WatchedProcessor({
      config: this.machine.config,
      applier: this.#applier,
      sessions,
      providers: this.#providers,
      auth: this.#auth,
      serverStats: this.#stats,
      metrics: this.#metrics,
      makeWrites,
    }, (sessionId) => void this.#heardMs.set(sessionId, this.#loop.nowMs));
    processor.beginTurn(this.#turnTime);
    return processor;
  }

  // ---------------------------------------------------------------- as in net/server.ts

  #serve(processor: RequestProcessor): void {
    if (processor === this.#processor) return;
    this.#flush();
    for (const connection of [...this.#connections]) {
      connection.destroy("this server changes its role");
    }
    this.#processor = processor;
    this.#host = { ...this.#host, processor };
    // what a read-only member shows may still be taken back: it is held to nothing
    this.isServing = !(processor.writes instanceof NoWrites) && !processor.isReadOnly;
    if (this.isServing) this.#events.serving(this);
    if (processor.writes instanceof WritePipeline) this.#endDeadSessions(processor.writes);
  }

  #endDeadSessions(writes: WritePipeline): void {
    this.#turn.begin();
    for (const { sessionId } of this.tree.ephemeralsBySession()) {
      if (this.sessions.has(sessionId)) continue;
      writes.closeSession({ id: sessionId, isClosing: false });
    }
  }

  #listen(): void {
    const { config } = this.machine;
    const { clock } = this.process;
    this.#throttle = new RequestThrottle({
      isThrottling: () => this.#processor.isThrottling,
      metrics: this.#metrics,
      clock,
      waitMsMax: config.throttledOpWaitTimeMs,
    });
    this.#host = {
      processor: this.#processor,
      turn: this.#turn,
      throttle: this.#throttle,
      logger: this.#logger,
      clock,
      loop: { isStarved: () => false },
      strangersLogger: this.#logger,
      frameBytesMax: config.juteMaxBufferBytes,
      largeRequestThresholdBytes: Infinity,
      admitsLargeRequest: () => true,
      releaseLargeRequest: () => {},
      answerForeign: () => [],
      admitsSession: () => true,
      closed: (connection) => void this.#connections.delete(connection),
    };
    this.#network.listen(this.id, CLIENT_PORT, this.process, (end) => this.#accept(end));
  }

  #accept(end: SimConnection): void {
    this.#turn.begin();
    const socket = new SimSocket(end);
    const client = this.#processor.accept({
      remoteAddress: "10.0.0.1",
      remotePort: end.remotePort,
      isSecure: false,
    });
    const connection = new ClientConnection(
      this.#host,
      socket as unknown as Deno.Conn,
      client,
      this.process.clock.monotonicMs(),
    );
    client.connection = connection;
    this.#connections.add(connection);
    connection.run().catch((error) => this.#events.threw(this, error));
  }

  #startTicks(): void {
    const tickMs = this.#tickMs;
    const tick = () => {
      this.#tick();
      this.process.timers.start(tickMs, tick);
    };
    this.process.timers.start(tickMs, tick);
  }

  get #tickMs(): number {
    return Math.max(10, Math.min(250, this.machine.config.tickTimeMs / 4));
  }

  #tick(): void {
    this.#turn.begin();
    const nowMs = this.process.clock.monotonicMs();
    const wasPaused = nowMs - this.#tickedMs > 2 * this.#tickMs + 100 && !this.#wasPaused;
    this.#wasPaused = wasPaused;
    this.#tickedMs = nowMs;
    this.#guard(() => {
      if (!wasPaused) this.#processor.writes.expireSessions();
    });
    for (const connection of [...this.#connections]) connection.checkDeadline(nowMs);
  }

  #beginTurn(time: { nowMs: number; wallMs: number }): void {
    this.#turnTime = time;
    this.#processor.beginTurn(time);
    this.member?.beginTurn(time);
  }

  #endTurn(): void {
    this.#flush();
    this.#isReplaying = true;
    this.#noteProposals();
    this.member?.endTurn();
    this.#isReplaying = false;
    this.#pump.kick();
    this.member?.flush();
    this.#flush();
    this.#processor.endTurn(this.process.clock.monotonicMs());
    if (!this.#throttle.isIdle) this.#throttle.wake();
  }

  #flush(): void {
    const { dirty } = this.#processor;
    for (const client of dirty) {
      client.isDirty = false;
      (client.connection as ClientConnection | null)?.flush();
    }
    dirty.length = 0;
  }

  /** As `Deno.exit`, nothing runs behind it. */
  #exit(reason: string): never {
    if (!this.process.hasEnded) this.#events.exited(this, reason);
    throw new ProcessEnded(reason);
  }

  // ---------------------------------------------------------------- for the checkers

  /** How long before it proposed this the client of a session was heard of here; null: it was not. */
  silentMsBefore(zxid: Zxid, sessionId: bigint): number | null {
    const proposedMs = this.#proposedMs.get(zxid);
    const heardMs = this.#heardMs.get(sessionId);
    if (proposedMs === undefined || heardMs === undefined || heardMs >= proposedMs) return null;
    return proposedMs - heardMs;
  }

  /** Whether it leads, and brings a learner to its own history now. */
  get isSynchronisingOther(): boolean {
    for (const { stage } of this.member?.peer.leader?.learners ?? []) {
      if (stage === "catchingUp") return true;
    }
    return false;
  }

  #noteProposals(): void {
    const { writes } = this.#processor;
    if (!(writes instanceof WritePipeline)) return;
    for (
      let zxid = Math.max(this.#lastProposed, writes.lastZxid - 1000) + 1;
      zxid <= writes.lastZxid;
      zxid++
    ) {
      this.#proposedMs.set(zxid, this.#loop.nowMs);
    }
    this.#lastProposed = writes.lastZxid;
  }

  /** What it has proposed, or heard proposed, and not seen committed. */
  proposedAfter(zxid: Zxid): { zxid: Zxid; text: string }[] {
    const found: { zxid: Zxid; text: string }[] = [];
    this.#proposals.forEachOutstanding(zxid, (at, buffer, start, end) => {
      const { header, txn } = readTxnRecord(new JuteReader(buffer.slice(start, end)));
      found.push({ zxid: at, text: copyOf(header, txn, null).text });
      return true;
    });
    return found;
  }

  #applied(applied: Applied): void {
    if (this.#isReplaying || !this.isServing) applied.digest = null;
    const last = this.chain.at(-1)?.header.zxid ?? this.chainBase;
    // a replay begins before a snapshot's zxid only when the snapshot is fuzzy
    if (applied.header.zxid <= last) this.#events.threw(this, new Error("zxids only grow"));
    this.chain.push(applied);
    if (this.isServing && !this.#isReplaying && !this.process.hasEnded) {
      this.#events.committed(this, applied);
    }
  }

  /** Nothing of a process that has ended runs; what throws in one that runs is a finding. */
  #guard(run: () => void): void {
    if (this.process.hasEnded) return;
    try {
      run();
    } catch (error) {
      if (!this.process.hasEnded) this.#events.threw(this, error);
    }
  }

  #makeLogger(): Logger {
    const log = (level: string) => (message: string, fields: LogFields = {}) => {
      if (!this.process.hasEnded) this.#events.log(this, level, message, fields);
    };
    return {
      isDebug: false,
      debug: log("debug"),
      info: log("info"),
      warn: log("warn"),
      error: log("error"),
    };
  }
}

/** A processor that tells when clients are heard of. */
class WatchedProcessor<Writes extends WritePath> extends RequestProcessor<Writes> {
  readonly #onHeard: (sessionId: bigint) => void;

  constructor(options: RequestProcessorOptions<Writes>, onHeard: (sessionId: bigint) => void) {
    super(options);
    this.#onHeard = onHeard;
  }

  override touch(client: Client): void {
    super.touch(client);
    if (client.session !== null) this.#onHeard(client.session.id);
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}
