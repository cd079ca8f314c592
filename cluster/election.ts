/**
 * FastLeaderElection: agrees with the other voters on a leader, and tells those who ask who it is.
 *
 * Lives as long as the server: while LOOKING it runs rounds, in every other state it answers servers
 * that are looking. Knows nothing of connections: what it sends may be lost, come twice or come late.
 * Whom it elects need not win in the end; that nothing committed gets lost is the business of the
 * epochs that follow. See quorum protocol section 4.
 *
 * Invariant: outside of LOOKING, `currentVote.leader` is whom this server leads, follows or observes.
 *
 * @module
 */
import { assert } from "../core/assert.ts";
import { DecodeError } from "../core/errors.ts";
import type { LogFields, Logger } from "../core/ports.ts";
import { type Zxid, zxidText } from "../core/zxid.ts";
import { type Notification, NOTIFICATION_VERSION } from "./notification.ts";
import { isQuorumInBoth, QuorumConfig } from "./quorum_config.ts";
import type { ServerId, ServerState } from "./server_id.ts";
import { beats, type CastVote, initialVote, isSameVote, type Vote } from "./vote.ts";

/** How long a better vote may still come in once a quorum agrees. */
const FINALIZE_WAIT_MS = 200;
/** In this time nobody is given the same answer twice. */
const SAME_ANSWER_INTERVAL_MS = 100;
/** Answers remembered for that: then all are forgotten, since strangers may make up ids. */
const ANSWER_COUNT_MAX = 1000;
/** From this wait on each round without an outcome is worth a warning. */
const WARN_INTERVAL_MS = 3200;

export interface ElectionOptions {
  readonly serverId: ServerId;
  /** What a server is that its first configuration does not name; later ones make it a participant. */
  readonly peerType: "participant" | "observer";
  readonly committed: QuorumConfig;
  readonly lastSeen: QuorumConfig;
  /** Otherwise newer configurations that others tell are left alone (ZOOKEEPER-3829, 2819). */
  readonly reconfigEnabled: boolean;
  /** `fastleader.minNotificationInterval`: the first time to wait for an outcome. */
  readonly notificationIntervalMsMin: number;
  /** `fastleader.maxNotificationInterval`: what it doubles up to. */
  readonly notificationIntervalMsMax: number;
  readonly logger: Logger;
  /** Why another server cannot be reached, for log lines; null: nothing is known against it. */
  readonly problemOf?: (serverId: ServerId) => string | null;
}

export type ElectionEffect =
  | { kind: "send"; to: ServerId; notification: Notification & { configText: string } }
  /** Nobody was reached for long, or a round begins: whoever has something to be told is dialled. */
  | { kind: "connectAll" }
  | { kind: "decided"; vote: Vote; state: Exclude<ServerState, "LOOKING"> }
  /** Others have a newer configuration; it counts here already (section 4.2, rule 1). */
  | { kind: "adoptConfig"; config: QuorumConfig }
  /** We have a role, and this voter is looking: a leader loses it as a follower (section 6.4). */
  | { kind: "voterLooking"; serverId: ServerId };

/** What is known in one election, from its beginning to its outcome. */
interface Round {
  readonly startMs: number;
  /** Whether we are one that may be elected. */
  readonly canLead: boolean;
  readonly initial: Vote;
  proposal: Vote;
  /** Votes of this clock, one a voter, our own among them. */
  readonly received: Map<ServerId, CastVote>;
  /** Votes of those who follow or lead already, whatever their clock. */
  readonly outOfElection: Map<ServerId, CastVote>;
  /** Answered as a follower or leader after we last told them our proposal. */
  readonly behind: Set<ServerId>;
  /** Whose machine says that no server listens there. */
  readonly absent: Set<ServerId>;
  intervalMs: number;
  resendDeadlineMs: number;
  /** null: no quorum agrees with our proposal. */
  decideDeadlineMs: number | null;
}

export class Election {
  readonly #options: ElectionOptions;
  readonly #logger: Logger;
  #committed: QuorumConfig;
  #lastSeen: QuorumConfig;
  #state: ServerState = "LOOKING";
  /** The logical clock: counts rounds, and is not persisted. */
  #clock = 0;
  #currentVote: Vote | null = null;
  /** Not null while LOOKING, once an election was begun. */
  #round: Round | null = null;
  /** Whether an election of ours ever had an outcome. */
  #hadRole = false;
  #history = { lastLoggedZxid: 0, currentEpoch: 0 };
  #leadAtMs = 0;
  readonly #answers = new Map<ServerId, { text: string; atMs: number }>();

  constructor(options: ElectionOptions) {
    this.#options = options;
    this.#logger = options.logger;
    this.#committed = options.committed;
    this.#lastSeen = options.lastSeen;
  }

  get state(): ServerState {
    return this.#state;
  }

  get clock(): number {
    return this.#clock;
  }

  /** The outcome of the last election; while looking that is the one before. null: never looked. */
  get currentVote(): Vote | null {
    return this.#currentVote;
  }

  /** When {@linkcode tick} has something to do; null: never. */
  get nextDeadlineMs(): number | null {
    const round = this.#round;
    if (round === null) return null;
    const leadAtMs = round.canLead ? Infinity : this.#leadAtMs;
    return Math.min(round.resendDeadlineMs, round.decideDeadlineMs ?? Infinity, leadAtMs);
  }

  get configs(): { committed: QuorumConfig; lastSeen: QuorumConfig } {
    return { committed: this.#committed, lastSeen: this.#lastSeen };
  }

  /** Tells who belongs to the ensemble from now on; a round under way goes on with it. */
  setConfigs(
    { committed, lastSeen }: { committed: QuorumConfig; lastSeen: QuorumConfig },
  ): void {
    this.#committed = committed;
    this.#lastSeen = lastSeen;
  }

  /**
   * Begins an election, on start-up or when a role ended.
   *
   * @param lastLoggedZxid of the txn log, not of what was applied (ZOOKEEPER-2845); -1: the database is
   * empty and may not be voted with
   * @param leadAtMs when we may lead; later than now: we were elected, and could not. Until then we come
   * like one who was just started, and vote for others only: else we would be elected again and again
   */
  startLooking(
    { lastLoggedZxid, currentEpoch, leadAtMs = 0, nowMs }: {
      lastLoggedZxid: Zxid;
      currentEpoch: number;
      leadAtMs?: number;
      nowMs: number;
    },
  ): ElectionEffect[] {
    this.#history = { lastLoggedZxid, currentEpoch };
    this.#leadAtMs = this.#committed.voters.size === 1 ? 0 : leadAtMs;
    return this.#beginRound(nowMs);
  }

  /**
   * Takes a role without an election: a reconfig named the next leader.
   *
   * @param zxid of the reconfig
   */
  takeRole({ leader, zxid }: { leader: ServerId; zxid: Zxid }): Exclude<ServerState, "LOOKING"> {
    assert(this.#currentVote !== null, "a reconfig comes in a role");
    this.#round = null;
    this.#currentVote = { ...this.#currentVote, leader, zxid };
    this.#hadRole = true;
    return this.#state = this.#roleUnder(leader);
  }

  /** The leader is established: its epoch is what later joiners are told (ZOOKEEPER-1732). */
  epochEstablished(epoch: number): void {
    assert(this.#state !== "LOOKING", "an epoch is established by a leader and its learners");
    assert(this.#currentVote !== null, "who has a role has elected a leader");
    this.#currentVote = { ...this.#currentVote, peerEpoch: epoch };
  }

  /**
   * No server listens where this one should be: its machine answered, and refused. Until something is
   * heard from it, its vote is not waited for, as after the crash of a leader.
   *
   * Not so in the first election of our life, when the others may be about to start as we are: deciding
   * without them elects leaders whose supporters then find a better one.
   */
  peerAbsent({ serverId, nowMs }: { serverId: ServerId; nowMs: number }): ElectionEffect[] {
    const round = this.#round;
    if (round === null || !this.#hadRole) return [];
    round.absent.add(serverId);
    return this.#count(round, nowMs);
  }

  /** There is a connection to it. */
  peerPresent(serverId: ServerId): void {
    this.#round?.absent.delete(serverId);
  }

  /** Takes what another server says; never called with our own id. */
  notification(
    { from, notification, nowMs }: {
      from: ServerId;
      notification: Notification;
      nowMs: number;
    },
  ): ElectionEffect[] {
    if (this.#logger.isDebug) {
      this.#logger.debug("notification received", { from, ...fieldsOf(notification) });
    }
    if (this.#currentVote === null) return []; // not begun: there is nothing to answer with
    this.peerPresent(from);
    const effects = this.#adoptConfig({ from, notification, nowMs });
    if (!this.#isVoter(from)) {
      effects.push(...this.#answerOutsider({ from, notification, nowMs }));
    } else if (this.#round === null) {
      effects.push(...this.#answerLooking(from, notification));
    } else {
      effects.push(...this.#take({ round: this.#round, from, notification, nowMs }));
    }
    return effects;
  }

  tick(nowMs: number): ElectionEffect[] {
    const round = this.#round;
    if (round === null) return [];
    if (round.decideDeadlineMs !== null && nowMs >= round.decideDeadlineMs) {
      return [this.#decide(round.proposal)];
    }
    if (!round.canLead && nowMs >= this.#leadAtMs) return this.#beginRound(nowMs);
    if (nowMs < round.resendDeadlineMs) return [];
    round.intervalMs = Math.min(round.intervalMs * 2, this.#options.notificationIntervalMsMax);
    round.resendDeadlineMs = nowMs + round.intervalMs;
    this.#logSilence(round, nowMs);
    return [{ kind: "connectAll" }, ...this.#sendAll(round, nowMs)];
  }

  get #isObserver(): boolean {
    const { serverId, peerType } = this.#options;
    const { members, version } = this.#committed;
    return (members.get(serverId)?.role ?? (version === 0 ? peerType : "participant")) ===
      "observer";
  }

  #isVoter(serverId: ServerId): boolean {
    return this.#committed.voters.has(serverId) || this.#lastSeen.voters.has(serverId);
  }

  /** Ascending, so that every run sends in the same order. */
  #voters(): ServerId[] {
    const voters = new Set([...this.#committed.voters, ...this.#lastSeen.voters]);
    return [...voters].sort((a, b) => a - b);
  }

  #beginRound(nowMs: number): ElectionEffect[] {
    this.#state = "LOOKING";
    const canLead = nowMs >= this.#leadAtMs;
    this.#clock = canLead ? this.#clock + 1 : 0; // 0 is behind all others, who therefore answer
    const initial = initialVote({
      serverId: this.#options.serverId,
      isObserver: this.#isObserver || !canLead,
      committed: this.#committed,
      ...this.#history,
    });
    this.#currentVote ??= initial;
    const intervalMs = this.#options.notificationIntervalMsMin;
    const round: Round = {
      startMs: nowMs,
      canLead,
      initial,
      proposal: initial,
      received: new Map(),
      outOfElection: new Map(),
      behind: new Set(),
      absent: new Set(),
      intervalMs,
      resendDeadlineMs: nowMs + intervalMs,
      decideDeadlineMs: null,
    };
    this.#round = round;
    this.#logger.info("election round begun", {
      clock: this.#clock,
      lastLoggedZxid: zxidText(this.#history.lastLoggedZxid),
      currentEpoch: this.#history.currentEpoch,
      voters: this.#voters().join(" "),
      configVersion: zxidText(this.#committed.version),
    });
    return [{ kind: "connectAll" }, ...this.#sendAll(round, nowMs)];
  }

  /** Rule 1 of section 4.2: whoever missed a reconfiguration learns of it before it votes. */
  #adoptConfig(
    { from, notification, nowMs }: { from: ServerId; notification: Notification; nowMs: number },
  ): ElectionEffect[] {
    const { configText } = notification;
    if (configText === null || this.#round === null || !this.#options.reconfigEnabled) return [];
    let config: QuorumConfig;
    try {
      config = QuorumConfig.parse(configText);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      this.#logger.warn("configuration of another server ignored", {
        from,
        problem: error.message,
      });
      return [];
    }
    if (config.version <= this.#committed.version) return [];
    const isOtherEnsemble = !config.hasSameMembers(this.#committed);
    this.#committed = config;
    if (this.#lastSeen.version < config.version) this.#lastSeen = config;
    this.#logger.info("newer configuration learned in an election", {
      from,
      version: zxidText(config.version),
    });
    const effects: ElectionEffect[] = [{ kind: "adoptConfig", config }];
    if (isOtherEnsemble) effects.push(...this.#beginRound(nowMs));
    return effects;
  }

  /**
   * Rule 2: observers and strangers are told the last outcome. Not so in answer to an answer, and the
   * same not over and over: two servers that are no voters to each other would never stop.
   */
  #answerOutsider(
    { from, notification, nowMs }: { from: ServerId; notification: Notification; nowMs: number },
  ): ElectionEffect[] {
    assert(this.#currentVote !== null, "nobody is answered before the first round");
    if (notification.state !== "LOOKING") return [];
    return this.#answerOnce(from, { ...this.#currentVote, electionEpoch: this.#clock }, nowMs);
  }

  /**
   * Rule 4, with the clock of the round in which it was cast: by that a leader who begins anew tells that
   * we have not noticed yet, and is not elected by us alone again (captures 08 and 15).
   */
  #answerLooking(from: ServerId, notification: Notification): ElectionEffect[] {
    assert(this.#currentVote !== null, "who has a role has elected a leader");
    if (notification.state !== "LOOKING") return [];
    return [this.#send(from, this.#currentVote), { kind: "voterLooking", serverId: from }];
  }

  /** Section 4.3, one notification of a voter. */
  #take({ round, from, notification, nowMs }: {
    round: Round;
    from: ServerId;
    notification: Notification;
    nowMs: number;
  }): ElectionEffect[] {
    const { vote, state } = notification;
    if (state !== "LOOKING") round.behind.add(from);
    const effects: ElectionEffect[] = [];
    if (state === "LOOKING" && vote.electionEpoch < this.#clock) { // rule 3
      effects.push(...this.#answerOnce(from, this.#proposed(round), nowMs));
    }
    if (!this.#isVoter(vote.leader)) return effects;
    if (vote.leader === this.#options.serverId && !round.canLead) return effects;
    switch (state) {
      case "LOOKING":
        effects.push(...this.#takeLooking({ round, from, notification, nowMs }));
        return effects;
      case "OBSERVING":
        return effects;
      default: {
        const outcome = this.#outcomeOf(round, from, notification);
        if (outcome !== null) effects.push(this.#decide(outcome));
        return effects;
      }
    }
  }

  #takeLooking({ round, from, notification, nowMs }: {
    round: Round;
    from: ServerId;
    notification: Notification;
    nowMs: number;
  }): ElectionEffect[] {
    const { vote } = notification;
    if (round.initial.zxid === -1 || vote.zxid === -1) return [];
    if (vote.electionEpoch < this.#clock) return [];
    const wasBehind = round.behind.delete(from);
    const effects: ElectionEffect[] = [];
    if (vote.electionEpoch > this.#clock) {
      this.#clock = vote.electionEpoch;
      round.received.clear();
      const proposal = beats(vote, round.initial, this.#committed) ? vote : round.initial;
      effects.push(...this.#propose(round, proposal, nowMs));
    } else if (beats(vote, round.proposal, this.#committed)) {
      effects.push(...this.#propose(round, vote, nowMs));
    } else if (wasBehind) {
      // It was not looking yet when we told it, and would wait for us to say it again.
      effects.push(this.#send(from, this.#proposed(round)));
    }
    round.received.set(from, castVoteOf(notification));
    effects.push(...this.#count(round, nowMs));
    return effects;
  }

  /** What those who have a leader already agree on, when it is safe to join them. */
  #outcomeOf(round: Round, from: ServerId, notification: Notification): Vote | null {
    const { vote } = notification;
    const cast = castVoteOf(notification);
    if (vote.electionEpoch === this.#clock) {
      round.received.set(from, cast);
      if (this.#isAgreed(round.received, cast)) return vote;
    }
    round.outOfElection.set(from, cast);
    if (!this.#isAgreed(round.outOfElection, cast)) return null;
    this.#clock = vote.electionEpoch;
    return vote;
  }

  /**
   * A quorum says the same, and the leader itself is among them and leads: otherwise followers that have
   * not noticed yet would have a crashed leader elected again.
   */
  #isAgreed(votes: ReadonlyMap<ServerId, CastVote>, cast: CastVote): boolean {
    if (!this.#isQuorum(supportersOf(votes, cast))) return false;
    const { leader, electionEpoch } = cast.vote;
    if (leader === this.#options.serverId) return electionEpoch === this.#clock;
    return votes.get(leader)?.state === "LEADING";
  }

  #isQuorum(servers: ReadonlySet<ServerId>): boolean {
    return isQuorumInBoth(this.#committed, this.#lastSeen, servers);
  }

  #proposed(round: Round): Vote {
    return { ...round.proposal, electionEpoch: this.#clock };
  }

  #propose(round: Round, vote: Vote, nowMs: number): ElectionEffect[] {
    round.proposal = vote;
    round.decideDeadlineMs = null;
    return this.#sendAll(round, nowMs);
  }

  /** Tells every voter our proposal, ourselves too. */
  #sendAll(round: Round, nowMs: number): ElectionEffect[] {
    const { serverId } = this.#options;
    const vote = this.#proposed(round);
    const effects: ElectionEffect[] = [];
    for (const to of this.#voters()) {
      if (to !== serverId) effects.push(this.#send(to, vote));
      else if (round.initial.zxid !== -1 && this.#isVoter(vote.leader)) {
        round.received.set(serverId, { vote, state: "LOOKING", version: NOTIFICATION_VERSION });
      }
    }
    effects.push(...this.#count(round, nowMs));
    return effects;
  }

  /**
   * Decides when a quorum agrees with our proposal: after a while in which a better vote may come, at
   * once when there is nobody left who could send one.
   *
   * The while is fixed, where Java begins it anew with each message: what is no better vote does not
   * change the outcome, and must not put it off.
   */
  #count(round: Round, nowMs: number): ElectionEffect[] {
    if (this.#round !== round) return [];
    const cast: CastVote = {
      vote: this.#proposed(round),
      state: "LOOKING",
      version: NOTIFICATION_VERSION,
    };
    const supporters = supportersOf(round.received, cast);
    if (!this.#isQuorum(supporters)) {
      round.decideDeadlineMs = null;
      return [];
    }
    if (this.#voters().every((id) => supporters.has(id) || round.absent.has(id))) {
      return [this.#decide(round.proposal)];
    }
    round.decideDeadlineMs ??= nowMs + FINALIZE_WAIT_MS;
    return [];
  }

  #decide({ leader, zxid, peerEpoch }: Vote): ElectionEffect {
    assert(this.#isVoter(leader), "only a voter is elected");
    const vote = { leader, zxid, electionEpoch: this.#clock, peerEpoch };
    const state = this.#roleUnder(leader);
    this.#round = null;
    this.#state = state;
    this.#currentVote = vote;
    this.#hadRole = true;
    this.#logger.info("leader elected", {
      leader,
      state,
      clock: this.#clock,
      zxid: zxidText(zxid),
      peerEpoch,
    });
    return { kind: "decided", vote, state };
  }

  #roleUnder(leader: ServerId): Exclude<ServerState, "LOOKING"> {
    if (leader === this.#options.serverId) return "LEADING";
    return this.#isObserver ? "OBSERVING" : "FOLLOWING";
  }

  #answerOnce(to: ServerId, vote: Vote, nowMs: number): ElectionEffect[] {
    const { leader, zxid, electionEpoch, peerEpoch } = vote;
    const text = [this.#state, leader, zxid, electionEpoch, peerEpoch].join(" ");
    const last = this.#answers.get(to);
    if (last?.text === text && nowMs - last.atMs < SAME_ANSWER_INTERVAL_MS) return [];
    if (last === undefined && this.#answers.size >= ANSWER_COUNT_MAX) this.#answers.clear();
    this.#answers.set(to, { text, atMs: nowMs });
    return [this.#send(to, vote)];
  }

  #send(to: ServerId, vote: Vote): ElectionEffect {
    const notification = {
      state: this.#state,
      vote,
      version: NOTIFICATION_VERSION,
      configText: this.#committed.toText(),
    };
    if (this.#logger.isDebug) {
      this.#logger.debug("notification sent", { to, ...fieldsOf(notification) });
    }
    return { kind: "send", to, notification };
  }

  #missingText(serverId: ServerId): string {
    const problem = this.#options.problemOf?.(serverId) ?? null;
    return problem === null ? `${serverId} (says nothing)` : `${serverId} (${problem})`;
  }

  /** After some seconds without an outcome: who is to blame. */
  #logSilence(round: Round, nowMs: number): void {
    if (round.intervalMs < WARN_INTERVAL_MS) return;
    const { serverId } = this.#options;
    const heard = (id: ServerId) => round.received.has(id) || round.outOfElection.has(id);
    const others = this.#voters().filter((id) => id !== serverId);
    const reached = others.filter(heard).length + (this.#isVoter(serverId) ? 1 : 0);
    const { voters, isHierarchical } = this.#committed;
    const needed = isHierarchical ? "a quorum by weight" : Math.floor(voters.size / 2) + 1;
    this.#logger.warn("no leader yet: waiting for a quorum of voters that agree", {
      waitedMs: Math.round(nowMs - round.startMs),
      voters: `${reached} of ${voters.size} are here, needed: ${needed}`,
      missing: others.filter((id) => !heard(id)).map((id) => this.#missingText(id)).join(", ") ||
        "none",
      heard: others.filter(heard).map((id) => {
        const { vote, state } = (round.received.get(id) ?? round.outOfElection.get(id))!;
        return `${id} (${state}, votes ${vote.leader} of epoch ${vote.peerEpoch})`;
      }).join(", ") || "none",
      proposedLeader: round.proposal.leader,
      clock: this.#clock,
      nextTryMs: round.intervalMs,
    });
  }
}

function castVoteOf({ vote, state, version }: Notification): CastVote {
  return { vote, state, version };
}

function supportersOf(votes: ReadonlyMap<ServerId, CastVote>, cast: CastVote): Set<ServerId> {
  const supporters = new Set<ServerId>();
  for (const [serverId, other] of votes) if (isSameVote(other, cast)) supporters.add(serverId);
  return supporters;
}

function fieldsOf({ state, vote }: Notification): LogFields {
  return {
    state,
    leader: vote.leader,
    zxid: zxidText(vote.zxid),
    clock: vote.electionEpoch,
    peerEpoch: vote.peerEpoch,
  };
}
