/**
 * One member of an ensemble: LOOKING for a leader, then LEADING, FOLLOWING or OBSERVING, and looking again
 * when that is over (quorum protocol section 21).
 *
 * Pure: sockets, disk and time are ports and inputs, so that the simulator runs the same code. Everything
 * happens in turns: `beginTurn`, any number of inputs, `endTurn`. A role that ends is taken down at the end
 * of its turn, never in the middle of what it does.
 *
 * Invariant: while LOOKING the database holds exactly what is logged, and nothing is logged.
 *
 * @module
 */
import { assert } from "../core/assert.ts";
import type { Random } from "../core/ports.ts";
import { ReadOnlyWrites } from "../core/server/read_only_writes.ts";
import type { TurnTime } from "../core/server/replies.ts";
import type { RequestProcessor } from "../core/server/request_processor.ts";
import { SessionTracker } from "../core/session/session_tracker.ts";
import { encodeUtf8 } from "../core/wire/jute.ts";
import { zxidToHex } from "../core/zxid.ts";
import { type ElectionSocketEffect, type ElectionSocketInput, Elector } from "./elector.ts";
import type { ElectorEffect, ElectorOptions } from "./elector.ts";
import { Leader, type Successor } from "./leader.ts";
import { judgeLeadTransfer, type LeadTransfer, STANDS_BACK_MS } from "./lead_transfer.ts";
import { Learner } from "./learner.ts";
import { type Channel, connectLimitMs, type Member } from "./member.ts";
import type { ServerId, ServerState } from "./server_id.ts";

export interface QuorumAddress {
  readonly host: string;
  readonly port: number;
}

/** What a member does with the network and its clients. */
export interface PeerPorts {
  election(effect: ElectionSocketEffect): void;
  /** Opens the quorum port. Returns why not, when it cannot. */
  listenForLearners(): string | null;
  stopListening(): void;
  /** The same for the port on which observers follow a follower. */
  listenForObservers(port: number): string | null;
  stopListeningForObservers(): void;
  /** Answered by `leaderConnected` or `leaderFailed`, never at once. */
  connectToLeader(address: QuorumAddress): void;
  /** Gives clients to a role; null: there is none, and its clients are disconnected. */
  serve(processor: RequestProcessor | null): void;
}

export interface PeerOptions {
  member: Member;
  elector: ElectorOptions;
  ports: PeerPorts;
  random: Random;
}

type Role =
  /** `readOnlyAtMs`: when clients may come that agree to read only; null: never, or they do. */
  | { state: "LOOKING"; readOnlyAtMs: number | null }
  | { state: "LEADING"; leader: Leader }
  | { state: "FOLLOWING" | "OBSERVING"; learner: Learner; dialing: Dialing };

/** How the leader is reached: it may not listen yet, so what is refused is tried again. */
interface Dialing {
  addresses: readonly QuorumAddress[];
  attempt: number;
  /** null while an attempt is under way, and once connected. */
  nextMs: number | null;
  untilMs: number;
}

/** Timeouts of roles are looked at so often. */
const TICK_MS_MAX = 100;
/** A tick so late says that we were not running. */
const PAUSE_MS = 500;
/** Between attempts to connect to the leader: the first waits are short, since it begins to listen now. */
const DIAL_WAITS_MS = [10, 20, 40, 80];
/** As many as ZooKeeper makes, each after leaderConnectDelayDuringRetryMs. */
const DIAL_ATTEMPTS = 5;
/** An election takes so long at the least, before others than the leader's clients are served. */
const READ_ONLY_DELAY_MS_MIN = 2000;
/** Who cannot open its quorum port leaves the lead to others for so long. */
const CANNOT_LEAD_MS = 10_000;
const FRUITLESS_COUNT_AT_ONCE = 2;
const FRUITLESS_WAIT_MS_MIN = 100;
const FRUITLESS_WAIT_MS_MAX = 3000;

export class Peer {
  readonly #member: Member;
  readonly #ports: PeerPorts;
  readonly #random: Random;
  readonly #elector: Elector;
  #role: Role = { state: "LOOKING", readOnlyAtMs: null };
  #nowMs = 0;
  #tickedMs = 0;
  /** The last tick came late. */
  #wasPaused = false;
  /** Since 1970. */
  #wallMs = 0;
  /** Why the role is to be taken down at the end of the turn. */
  #ending: string | null = null;
  /** When to look for a leader; null: we do, or have one. */
  #lookAtMs: number | null = null;
  /** We observed without logging: what we have is no history to vote with. */
  #isDiskBehind = false;
  /** Since when this server is in no quorum; null when it is in one. Monotonic. */
  #lookingSinceMs: number | null = null;
  /** Before that others lead, if one of them can. */
  #leadAtMs = 0;
  /** Roles that ended since a quorum was last served in. */
  #fruitlessCount = 0;
  /** When the last election began. */
  #roundStartMs = 0;

  constructor({ member, elector, ports, random }: PeerOptions) {
    this.#member = member;
    this.#ports = ports;
    this.#random = random;
    this.#elector = new Elector(elector);
  }

  get state(): ServerState {
    return this.#role.state;
  }

  /** Null unless LEADING. */
  get leader(): Leader | null {
    return this.#role.state === "LEADING" ? this.#role.leader : null;
  }

  /** Null unless FOLLOWING or OBSERVING. */
  get learner(): Learner | null {
    const role = this.#role;
    return role.state === "FOLLOWING" || role.state === "OBSERVING" ? role.learner : null;
  }

  /** Whom this server takes for the leader, perhaps itself; null while it is LOOKING. */
  get leaderId(): ServerId | null {
    return this.leader !== null ? this.#member.serverId : this.learner?.leader ?? null;
  }

  get elector(): Elector {
    return this.#elector;
  }

  // ---------------------------------------------------------------- turns

  beginTurn(time: TurnTime): void {
    this.#nowMs = time.nowMs;
    this.#wallMs = time.wallMs;
    this.leader?.beginTurn(time);
    this.learner?.beginTurn(time);
  }

  /** Proposes what was prepared in this turn, and takes down a role that is over. */
  endTurn(): void {
    this.leader?.propose();
    this.learner?.endTurn();
    if (this.#ending !== null) this.#endRole();
  }

  /** Looks for a leader. */
  start(): void {
    this.#lookingSinceMs = this.#nowMs;
    this.#look();
  }

  /** When `tick` has something to do at the latest. Monotonic. */
  get nextTickMs(): number {
    const role = this.#role;
    const dialMs = role.state === "FOLLOWING" || role.state === "OBSERVING"
      ? role.dialing.nextMs
      : null;
    return Math.min(
      this.#elector.nextDeadlineMs ?? Infinity,
      this.#lookAtMs ?? Infinity,
      dialMs ?? Infinity,
      role.state === "LOOKING" ? role.readOnlyAtMs ?? Infinity : Infinity,
      this.#nowMs + Math.min(TICK_MS_MAX, this.#member.config.tickTimeMs / 10),
    );
  }

  /** Does what is due. */
  tick(): void {
    this.#effects(this.#elector.step({ kind: "tick", nowMs: this.#nowMs }));
    if (this.#lookAtMs !== null && this.#nowMs >= this.#lookAtMs) this.#look();
    const role = this.#role;
    // after a pause of our own, what others sent meanwhile is read before they are called silent
    // but not over and over: who is always late must still ping, and notice who is gone
    const wasPaused = this.#nowMs - this.#tickedMs > PAUSE_MS && !this.#wasPaused;
    this.#wasPaused = wasPaused;
    this.#tickedMs = this.#nowMs;
    if (role.state === "LEADING") {
      if (!wasPaused) role.leader.tick();
    } else if (role.state === "LOOKING") {
      if (role.readOnlyAtMs !== null && this.#nowMs >= role.readOnlyAtMs) this.#serveReadOnly(role);
    } else {
      if (!wasPaused) role.learner.tick();
      if (role.dialing.nextMs !== null && this.#nowMs >= role.dialing.nextMs) this.#dial(role);
    }
  }

  /** Ends for good: what is under way is made durable. */
  close(): void {
    if (this.#role.state !== "LOOKING") {
      this.#ending ??= "the server stops";
      this.#takeDown();
    }
  }

  // ---------------------------------------------------------------- inputs

  electionInput(input: ElectionSocketInput): void {
    this.#effects(this.#elector.step(input));
  }

  learnerConnected(channel: Channel): void {
    if (this.leader === null) return channel.close();
    this.leader.connected(channel);
  }

  learnerReceived(channel: Channel, bytes: Uint8Array): void {
    this.leader?.received(channel, bytes);
  }

  learnerDrained(channel: Channel): void {
    this.leader?.drained(channel);
  }

  learnerClosed(channel: Channel): void {
    this.leader?.closed(channel);
  }

  observerConnected(channel: Channel): void {
    const master = this.learner?.observerMaster ?? null;
    if (master === null) return channel.close();
    master.connected(channel);
  }

  observerReceived(channel: Channel, bytes: Uint8Array): void {
    this.learner?.observerMaster?.received(channel, bytes);
  }

  observerDrained(channel: Channel): void {
    this.learner?.observerMaster?.drained(channel);
  }

  observerClosed(channel: Channel): void {
    this.learner?.observerMaster?.closed(channel);
  }

  leaderConnected(channel: Channel): void {
    const { learner } = this;
    if (learner === null || learner.stage !== "connecting") return channel.close();
    learner.connected(channel);
  }

  leaderFailed(reason: string): void {
    const role = this.#role;
    if (role.state !== "FOLLOWING" && role.state !== "OBSERVING") return;
    const { dialing } = role;
    if (role.learner.stage !== "connecting" || dialing.nextMs !== null) return;
    dialing.attempt++;
    const waitMs = DIAL_WAITS_MS[dialing.attempt - 1] ??
      this.#member.config.ensemble.leaderConnectDelayDuringRetryMs;
    if (this.#nowMs + waitMs > dialing.untilMs) {
      this.#ending ??= `the leader could not be reached: ${reason}`;
    } else dialing.nextMs = this.#nowMs + waitMs;
  }

  leaderReceived(bytes: Uint8Array): void {
    this.learner?.received(bytes);
  }

  leaderClosed(): void {
    this.learner?.closed();
  }

  /** The members are others, or will be. */
  membershipChanged(): void {
    this.#elector.setConfigs(this.#member.membership);
  }

  /**
   * Leaves the lead to another voter, at the end of the turn, unless that is refused. What is under way is
   * then answered to nobody, so it is better done when nothing is.
   *
   * @param to who shall lead; null: whoever is elected
   */
  transferLead(to: ServerId | null): LeadTransfer {
    const { leader } = this;
    if (leader === null || leader.phase !== "broadcast" || this.#ending !== null) {
      return { refusal: "this server does not lead" };
    }
    const { serverId, membership } = this.#member;
    const acked = new Map([...leader.learners].map((l) => [l.serverId, l.ackedZxid]));
    const transfer = judgeLeadTransfer({
      ...{ serverId, membership, to, epoch: leader.epoch },
      syncedServers: leader.syncedServers(),
      ackedZxid: (follower) => acked.get(follower) ?? 0,
    });
    if ("refusal" in transfer) return transfer;
    this.#leadAtMs = this.#nowMs + STANDS_BACK_MS;
    this.#ending = "the lead is given to another server, as was asked";
    return transfer;
  }

  // ---------------------------------------------------------------- roles

  #effects(effects: readonly ElectorEffect[]): void {
    for (const effect of effects) {
      switch (effect.kind) {
        case "decided":
          this.#decided(effect.vote.leader, effect.state);
          break;
        case "adoptConfig":
          this.#member.membership.adopt(effect.config);
          break;
        case "voterLooking":
          this.leader?.voterLooking(effect.serverId);
          // who waits before it looks again is needed now
          if (this.#lookAtMs !== null) this.#lookAtMs = this.#nowMs;
          break;
        default:
          this.#ports.election(effect);
      }
    }
  }

  #look(): void {
    this.#lookAtMs = null;
    this.#roundStartMs = this.#nowMs;
    this.#member.metrics.lookingCount.increment();
    const { config } = this.#member;
    if (config.readOnlyModeEnabled) {
      const delayMs = Math.max(READ_ONLY_DELAY_MS_MIN, config.tickTimeMs);
      this.#role = { state: "LOOKING", readOnlyAtMs: this.#nowMs + delayMs };
    }
    const { lastLoggedZxid, epochs } = this.#member.history;
    this.#effects(this.#elector.step({
      kind: "startLooking",
      lastLoggedZxid,
      currentEpoch: epochs.currentEpoch,
      leadAtMs: this.#leadAtMs,
      nowMs: this.#nowMs,
    }));
  }

  /** What we have is there to be read, by clients that know that it may be old (section 16). */
  #serveReadOnly(role: Role & { state: "LOOKING" }): void {
    role.readOnlyAtMs = null;
    const { config, history, services, logger } = this.#member;
    const sessions = new SessionTracker({ tickMs: config.tickTimeMs, nowMs: this.#nowMs });
    this.#setConfigNode();
    this.#ports.serve(services.makeProcessor(sessions, (context) =>
      new ReadOnlyWrites({
        ...context,
        sessions,
        globalSessions: history.applier.sessions,
        localSessionsEnabled: config.localSessionsEnabled,
        firstSessionId: services.firstSessionId(),
      })));
    logger.warn("no leader was found so far: serving read-only clients");
  }

  #decided(leader: ServerId, state: Exclude<ServerState, "LOOKING">): void {
    assert(this.#role.state === "LOOKING", "an election ends only where one was");
    this.#member.metrics.electionTime.add(Math.round(this.#nowMs - this.#roundStartMs));
    this.#ports.serve(null);
    if (state === "LEADING") this.#becomeLeading();
    else this.#becomeLearner(leader, state);
  }

  #becomeLeading(): void {
    const { logger } = this.#member;
    const problem = this.#ports.listenForLearners();
    const leader = new Leader({
      member: this.#member,
      nowMs: this.#nowMs,
      onEstablished: (processor, epoch) => this.#serving(processor, epoch),
      onEnd: (reason) => this.#ending ??= reason,
    });
    this.#role = { state: "LEADING", leader };
    if (problem !== null) {
      this.#leadAtMs = this.#nowMs + CANNOT_LEAD_MS;
      this.#ending ??= `the quorum port cannot be opened: ${problem}`;
      return;
    }
    logger.info("leading, waiting for a quorum to follow");
    leader.start();
  }

  #becomeLearner(leader: ServerId, state: "FOLLOWING" | "OBSERVING"): void {
    const { membership, config, logger } = this.#member;
    const server = membership.committed.members.get(leader) ??
      membership.lastSeen.members.get(leader);
    const learner = new Learner({
      member: this.#member,
      leader,
      isObserver: state === "OBSERVING",
      nowMs: this.#nowMs,
      onServing: (processor, epoch) => this.#serving(processor, epoch),
      onEnd: (reason) => this.#ending ??= reason,
    });
    const {
      leaderConnectDelayDuringRetryMs: delayMs,
      observerReconnectDelayMs,
      observerMasterPort,
    } = config.ensemble;
    const limitMs = connectLimitMs(this.#member);
    const hasMaster = state === "OBSERVING" && observerMasterPort > 0;
    // many observers are not to come to a new leader all at once
    const startMs = this.#nowMs +
      (state === "OBSERVING" && observerReconnectDelayMs > 0
        ? this.#random.uint32() % observerReconnectDelayMs
        : 0);
    const role = this.#role = {
      state,
      learner,
      dialing: {
        addresses: hasMaster
          ? this.#observerMasters(observerMasterPort)
          : (server?.addresses ?? []).map(({ host, quorumPort: port }) => ({ host, port })),
        attempt: 0,
        nextMs: startMs,
        // any of them will do, when it is ready
        untilMs: startMs + (hasMaster ? limitMs : Math.min(DIAL_ATTEMPTS * delayMs, limitMs)),
      },
    };
    if (server === undefined) {
      this.#ending ??= `server ${leader} was elected, and is in no configuration`;
      return;
    }
    logger.info(state === "OBSERVING" ? "observing" : "following", { leader });
    if (startMs <= this.#nowMs) this.#dial(role);
  }

  /** Where the voters take observers, in an order of our own. */
  #observerMasters(port: number): QuorumAddress[] {
    const { members, voters } = this.#member.membership.committed;
    const addresses = [...voters].flatMap((id) =>
      members.get(id)!.addresses.map(({ host }) => ({ host, port }))
    );
    for (let i = addresses.length - 1; i > 0; i--) {
      const j = this.#random.uint32() % (i + 1);
      [addresses[i], addresses[j]] = [addresses[j]!, addresses[i]!];
    }
    return addresses;
  }

  #dial({ dialing }: { dialing: Dialing }): void {
    const { addresses, attempt } = dialing;
    dialing.nextMs = null;
    this.#ports.connectToLeader(addresses[attempt % addresses.length]!);
  }

  #serving(processor: RequestProcessor, epoch: number): void {
    const { logger, history, metrics } = this.#member;
    this.#elector.epochEstablished(epoch);
    const unavailableMs = Math.round(this.#nowMs - (this.#lookingSinceMs ?? this.#nowMs));
    this.#lookingSinceMs = null;
    this.#fruitlessCount = 0;
    // another one leads: should it fail, we are needed as much as anybody
    if (this.#role.state !== "LEADING") this.#leadAtMs = 0;
    metrics.unavailableTime.add(unavailableMs);
    if (this.#role.state === "LEADING") metrics.leaderUnavailableTime.add(unavailableMs);
    this.#setConfigNode();
    this.#ports.serve(processor);
    if (this.learner?.observerMaster) this.#listenForObservers();
    logger.info(`${this.#role.state.toLowerCase()} in a quorum, serving clients`, {
      epoch,
      lastZxid: `0x${zxidToHex(history.applier.tree.lastProcessedZxid)}`,
      unavailableMs,
    });
  }

  #listenForObservers(): void {
    const { config, logger } = this.#member;
    const { observerMasterPort: port } = config.ensemble;
    const problem = this.#ports.listenForObservers(port);
    if (problem === null) return;
    logger.warn("observers cannot follow this follower: the port cannot be opened", {
      observerMasterPort: port,
      problem,
    });
  }

  #setConfigNode(): void {
    const { history, membership } = this.#member;
    const { committed } = membership;
    history.applier.tree.setConfig(encodeUtf8(committed.toText()), {
      version: committed.version,
      wallMs: this.#wallMs,
    });
  }

  /** Takes the role down, brings the database to what is logged, and looks for a leader. */
  #endRole(): void {
    const { logger } = this.#member;
    logger.warn(`not ${this.#role.state.toLowerCase()} any more`, { reason: this.#ending! });
    const { state } = this.#role;
    const { learner } = this;
    const successor = this.leader?.successor ?? this.learner?.successor ?? null;
    const needsReload = this.#takeDown();
    this.#lookingSinceMs ??= this.#nowMs;
    this.#fruitlessCount++;
    const look = () => {
      if (successor !== null) return this.#succeed(successor);
      // its leader knows our promise and waits for us: an election would tell it nothing
      if (learner?.asksAgain && (state === "FOLLOWING" || state === "OBSERVING")) {
        return this.#becomeLearner(learner.leader, state);
      }
      const { observerElectionDelayMs } = this.#member.config.ensemble;
      // all observers lose their leader at once, and would ask everybody together
      const delayMs = state === "OBSERVING"
        ? this.#random.uint32() % Math.max(1, observerElectionDelayMs)
        : 0;
      this.#lookAtMs = this.#nowMs + Math.max(delayMs, fruitlessWaitMs(this.#fruitlessCount));
    };
    if (!needsReload) return look();
    this.#isDiskBehind = false;
    this.#member.storage.reload(look);
  }

  /** A reconfig named the leader: there is nothing to elect. */
  #succeed(successor: Successor): void {
    const state = this.#elector.takeRole(successor);
    this.#member.logger.info("a reconfig named the leader", { leader: successor.leader, state });
    this.#decided(successor.leader, state);
  }

  /** Returns whether the database must be loaded again. */
  #takeDown(): boolean {
    const { storage, membership, serverId } = this.#member;
    const role = this.#role;
    this.#ending = null;
    this.#role = { state: "LOOKING", readOnlyAtMs: null };
    this.#ports.serve(null);
    if (role.state === "LOOKING") return false;
    if (role.state === "LEADING") {
      this.#ports.stopListening();
      role.leader.close();
      storage.flushLog();
      role.leader.applyAll();
      storage.setLogSource(null);
      return false;
    }
    const { learner } = role;
    this.#ports.stopListeningForObservers();
    learner.close();
    learner.endTurn();
    if (!learner.needsReload) {
      storage.flushLog();
      learner.applyAll();
    }
    storage.setLogSource(null);
    this.#isDiskBehind ||= learner.isDiskBehind;
    const mustVote = !membership.committed.observers.has(serverId);
    return learner.needsReload || (this.#isDiskBehind && mustVote);
  }

  /** For log lines and words: `leading - broadcast` and the like. */
  get stateText(): string {
    const role = this.#role;
    switch (role.state) {
      case "LOOKING":
        return "looking";
      case "LEADING":
        return `leading - ${role.leader.phase}`;
      default:
        return `${role.state.toLowerCase()} - ${role.learner.stage}`;
    }
  }
}

/**
 * What keeps a role from beginning (a port that is taken, a leader that cannot be reached) would give a
 * thousand elections a second. The first ones follow at once: that is how a leader is replaced.
 */
function fruitlessWaitMs(count: number): number {
  if (count <= FRUITLESS_COUNT_AT_ONCE) return 0;
  const doublings = Math.min(10, count - FRUITLESS_COUNT_AT_ONCE - 1);
  return Math.min(FRUITLESS_WAIT_MS_MAX, FRUITLESS_WAIT_MS_MIN * 2 ** doublings);
}
