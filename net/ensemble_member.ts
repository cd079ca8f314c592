/**
 * A member of an ensemble: gives the peer its sockets, its disk and its clock.
 *
 * @module
 */
import type { ElectionAddress } from "../cluster/hello.ts";
import type { LeadTransfer } from "../cluster/lead_transfer.ts";
import { type ConfigStore, Membership } from "../cluster/membership.ts";
import type { History, Member, MemberServices } from "../cluster/member.ts";
import { Peer, type QuorumAddress } from "../cluster/peer.ts";
import { QuorumConfig } from "../cluster/quorum_config.ts";
import type { ServerId } from "../cluster/server_id.ts";
import type { Clock, Logger, Random } from "../core/ports.ts";
import type { Zxid } from "../core/zxid.ts";
import type { RequestProcessor } from "../core/server/request_processor.ts";
import type { TurnTime } from "../core/server/replies.ts";
import type { ServerMetrics } from "../core/metrics/server_metrics.ts";
import type { EnsembleServer, ServerConfig } from "../core/server_config.ts";
import type { ServerStats } from "../core/server_stats.ts";
import type { ClientAddress } from "./client_listener.ts";
import { DynamicConfigFiles } from "./dynamic_config_files.ts";
import { ElectionPort } from "./election_port.ts";
import { DiskStorage, type DiskStorageOptions } from "./member_storage.ts";
import { openQuorumAuth } from "./quorum_login.ts";
import { QuorumPort } from "./quorum_port.ts";
import type { Sockets, Timers } from "./sockets.ts";
import type { Turn } from "./turn.ts";

export interface EnsembleMemberOptions {
  config: ServerConfig;
  history: History;
  storage: Omit<DiskStorageOptions, "history">;
  services: MemberServices;
  metrics: ServerMetrics;
  stats: ServerStats;
  turn: Turn;
  clock: Clock;
  sockets: Sockets;
  timers: Timers;
  random: Random;
  logger: Logger;
  /** Gives clients to a role; null: there is none. */
  serve: (processor: RequestProcessor | null) => void;
  /** As `Member` has it. */
  counterMax?: number;
  /** A reconfig says where our clients find us. */
  rebindClientPort: (address: ClientAddress) => void;
  /** The server cannot take part at all. */
  exit: (code: number) => void;
}

export class EnsembleMember {
  readonly peer: Peer;
  readonly membership: Membership;
  readonly #options: EnsembleMemberOptions;
  readonly #electionPort: ElectionPort;
  readonly #quorumPort: QuorumPort;
  /** On which observers follow us while we follow. */
  readonly #observerPort: QuorumPort;
  /** Where we are, as the last configuration that names us says. */
  #own: EnsembleServer;
  /** Where the last connection to a leader goes to. */
  #leaderAddress: string | null = null;
  #stopTimer: () => void = () => {};
  #timerMs = Infinity;
  #isClosed = false;

  constructor(options: EnsembleMemberOptions) {
    this.#options = options;
    const { config, history, turn, clock, sockets, timers, logger, random } = options;
    const { ensemble, serverId } = config;
    const auth = openQuorumAuth(config);
    const committed = new QuorumConfig({ ...ensemble, version: ensemble.configVersion });
    const lastSeen = ensemble.nextConfigText === null || !ensemble.reconfigEnabled
      ? committed
      : QuorumConfig.parse(ensemble.nextConfigText);
    this.membership = new Membership({
      committed,
      lastSeen,
      store: ensemble.reconfigEnabled ? this.#openStore() : null,
      onChange: () => this.#membershipChanged(),
    });
    const member: Member = {
      serverId,
      config,
      history,
      membership: this.membership,
      storage: new DiskStorage({ ...options.storage, history }),
      services: options.services,
      metrics: options.metrics,
      stats: options.stats,
      logger,
      counterMax: options.counterMax,
    };
    this.#own = committed.members.get(serverId) ?? lastSeen.members.get(serverId)!;
    const electionAddresses = electionAddressesOf(this.#own);
    this.peer = new Peer({
      member,
      random,
      elector: {
        serverId,
        peerType: ensemble.peerType,
        committed,
        lastSeen,
        reconfigEnabled: ensemble.reconfigEnabled,
        notificationIntervalMsMin: ensemble.minNotificationIntervalMs,
        notificationIntervalMsMax: ensemble.maxNotificationIntervalMs,
        isMultiAddress: ensemble.multiAddressEnabled,
        handshakeTimeoutMs: ensemble.quorumCnxnTimeoutMs,
        auth,
        ownAddresses: electionAddresses,
        logger,
      },
      ports: {
        election: (effect) => this.#electionPort.perform(effect),
        listenForLearners: () => this.#quorumPort.listen(quorumAddressesOf(this.#own)),
        stopListening: () => this.#quorumPort.stopListening(),
        listenForObservers: (port) =>
          this.#observerPort.listen(
            quorumAddressesOf(this.#own).map(({ host }) => ({ host, port })),
          ),
        stopListeningForObservers: () => this.#observerPort.stopListening(),
        connectToLeader: (address) => this.#quorumPort.connect(address),
        serve: options.serve,
      },
    });
    this.#electionPort = new ElectionPort({
      addresses: electionAddresses,
      listenOnAllIps: ensemble.quorumListenOnAllIps,
      bindRetryCount: ensemble.electionPortBindRetryCount,
      connectTimeoutMs: ensemble.cnxTimeoutMs,
      clock,
      sockets,
      timers,
      logger,
      onInput: (input) => {
        turn.begin();
        this.peer.electionInput(input);
      },
      onFatal: ({ exitCode }) => options.exit(exitCode),
    });
    const { peer } = this;
    const shared = {
      turn,
      sockets,
      timers,
      connectTimeoutMs: ensemble.cnxTimeoutMs,
      auth,
      authTimeoutMs: config.tickTimeMs * ensemble.syncLimitTicks,
      logger,
      listenOnAllIps: ensemble.quorumListenOnAllIps,
    };
    this.#observerPort = new QuorumPort({
      ...shared,
      learnerEvents: {
        connected: (channel) => peer.observerConnected(channel),
        received: (channel, bytes) => peer.observerReceived(channel, bytes),
        drained: (channel) => peer.observerDrained(channel),
        closed: (channel) => peer.observerClosed(channel),
        isHeldUp: () => false,
      },
      leaderEvents: null,
    });
    this.#quorumPort = new QuorumPort({
      ...shared,
      learnerEvents: {
        connected: (channel) => peer.learnerConnected(channel),
        received: (channel, bytes) => peer.learnerReceived(channel, bytes),
        drained: (channel) => peer.learnerDrained(channel),
        closed: (channel) => peer.learnerClosed(channel),
        isHeldUp: () => false,
      },
      leaderEvents: {
        connected: (channel) => {
          this.#leaderAddress = channel.remoteAddress;
          peer.leaderConnected(channel);
        },
        failed: (reason) => peer.leaderFailed(reason),
        received: (_channel, bytes) => peer.leaderReceived(bytes),
        drained: () => {},
        closed: () => peer.leaderClosed(),
        isHeldUp: () => peer.learner?.isHeldUp ?? false,
      },
    });
  }

  async start(): Promise<void> {
    if (!await this.#electionPort.listen()) return;
    this.#options.turn.begin();
    this.peer.start();
  }

  beginTurn(time: TurnTime): void {
    this.peer.beginTurn(time);
  }

  /** What was prepared goes to the learners before our own disk has it. */
  endTurn(): void {
    this.peer.endTurn();
    this.flush();
    this.#arm();
  }

  /** The leader's, as its name was resolved; null without a connection to it. */
  get leaderAddress(): string | null {
    const { learner } = this.peer;
    return learner === null || learner.stage === "connecting" ? null : this.#leaderAddress;
  }

  /** What we would vote with now. */
  get lastLoggedZxid(): Zxid {
    return this.#options.history.lastLoggedZxid;
  }

  /** See `Peer.transferLead`. */
  transferLead(to: ServerId | null): LeadTransfer {
    this.#options.turn.begin();
    return this.peer.transferLead(to);
  }

  /** What follows from the disk goes out. */
  flush(): void {
    this.#quorumPort.flush();
    this.#observerPort.flush();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#stopTimer();
    this.peer.close();
    this.#quorumPort.close();
    this.#observerPort.close();
    await this.#electionPort.close();
  }

  #openStore(): ConfigStore {
    const { config: { configPath, serverId, ensemble }, storage } = this.#options;
    if (configPath === null) return { saveNext() {}, forgetNext() {}, saveCommitted() {} };
    const files = new DynamicConfigFiles({
      configPath,
      serverId,
      fileSystem: storage.files.fileSystem,
    });
    const orFatal = (write: () => void) => {
      try {
        write();
      } catch (error) {
        storage.fatal(`the members of the ensemble cannot be kept beside ${configPath}`, error);
      }
    };
    if (ensemble.dynamicConfigPath === null) orFatal(() => files.backUp());
    return {
      saveNext: (config) => orFatal(() => files.writeNext(config)),
      forgetNext: () => orFatal(() => files.removeNext()),
      saveCommitted: (config) => orFatal(() => files.writeCommitted(config)),
    };
  }

  /** Who is removed stays where it is. */
  #membershipChanged(): void {
    const { config: { serverId }, rebindClientPort } = this.#options;
    this.peer.membershipChanged();
    const own = this.membership.committed.members.get(serverId);
    if (own === undefined || own === this.#own) return;
    this.#own = own;
    this.#electionPort.rebind(electionAddressesOf(own));
    if (own.clientPort === null) return;
    const host = own.clientHost === "0.0.0.0" ? null : own.clientHost;
    rebindClientPort({ port: own.clientPort, host });
  }

  /** Sets the timer for the next tick, if it is due before the one that is set. */
  #arm(): void {
    const { nextTickMs } = this.peer;
    if (this.#isClosed || nextTickMs >= this.#timerMs) return;
    this.#stopTimer();
    this.#timerMs = nextTickMs;
    const waitMs = Math.max(0, nextTickMs - this.#options.clock.monotonicMs());
    this.#stopTimer = this.#options.timers.start(waitMs, () => {
      this.#timerMs = Infinity;
      if (this.#isClosed) return;
      this.#options.turn.begin();
      this.peer.tick();
    });
  }
}

function electionAddressesOf({ addresses }: EnsembleServer): ElectionAddress[] {
  return addresses.map(({ host, electionPort: port }) => ({ host, port }));
}

function quorumAddressesOf({ addresses }: EnsembleServer): QuorumAddress[] {
  return addresses.map(({ host, quorumPort: port }) => ({ host, port }));
}
