import assert from "node:assert/strict";
import { Election, type ElectionEffect } from "../../cluster/election.ts";
import type { Notification } from "../../cluster/notification.ts";
import type { QuorumConfig } from "../../cluster/quorum_config.ts";
import { NO_SERVER_ID, type ServerId, type ServerState } from "../../cluster/server_id.ts";
import { makeZxid } from "../../core/zxid.ts";
import { ensembleConfig } from "../support/ensemble_config.ts";
import { keepingLogger, type LogLine, silentLogger } from "../support/silent_logger.ts";

const THREE = ensembleConfig({ voters: [1, 2, 3], observers: [4] });

Deno.test("Election decides at once when every voter agrees, for the greatest id of equals", () => {
  const us = begin({ serverId: 1 });
  assert.deepEqual(sent(us.effects), ["2: LOOKING 1", "3: LOOKING 1"]);
  assert.deepEqual(us.hear(2, { leader: 2 }), ["2: LOOKING 2", "3: LOOKING 2"]);
  assert.deepEqual(us.hear(3, { leader: 3 }), ["2: LOOKING 3", "3: LOOKING 3"]);
  assert.equal(us.election.state, "LOOKING");
  assert.deepEqual(us.hear(2, { leader: 3 }), ["FOLLOWING 3"]);
  assert.deepEqual(us.election.currentVote, { leader: 3, zxid: 0, electionEpoch: 1, peerEpoch: 0 });
});

Deno.test("Election waits 200 ms for a better vote while a voter has not answered", () => {
  const us = begin({ serverId: 1 });
  us.hear(2, { leader: 2 });
  assert.deepEqual(us.tick(199), []);
  assert.deepEqual(us.tick(200), ["FOLLOWING 2"]);
  assert.equal(us.election.nextDeadlineMs, null);

  const patient = begin({ serverId: 1 });
  patient.tick(200); // resends, and waits twice as long
  patient.nowMs = 300;
  patient.hear(2, { leader: 2 });
  assert.deepEqual(patient.tick(499), []);
  patient.nowMs = 499;
  assert.deepEqual(patient.hear(3, { leader: 3 }), ["2: LOOKING 3", "3: LOOKING 3"]);
  assert.deepEqual(patient.tick(599), []);
  assert.deepEqual(patient.tick(698), ["connectAll", "2: LOOKING 3", "3: LOOKING 3"]);
  assert.deepEqual(patient.tick(699), ["FOLLOWING 3"]);
});

Deno.test("Election after a role does not wait for a voter that is known not to run", () => {
  const again = () => {
    const us = decided({ serverId: 1, leader: 3 });
    us.look();
    return us;
  };
  const us = again();
  assert.deepEqual(us.absent(3), []); // no quorum yet
  assert.deepEqual(us.hear(2, { leader: 2, clock: 2 }), [
    ...["2: LOOKING 2", "3: LOOKING 2", "FOLLOWING 2"],
  ]);

  const later = again();
  later.hear(2, { leader: 2, clock: 2 });
  assert.deepEqual(later.absent(3), ["FOLLOWING 2"]);

  const returned = again();
  returned.absent(3);
  returned.election.peerPresent(3);
  returned.hear(2, { leader: 2, clock: 2 });
  assert.equal(returned.election.state, "LOOKING");

  const forgotten = again();
  forgotten.absent(3);
  forgotten.look(); // what was so in one election need not be so in the next
  forgotten.hear(2, { leader: 2, clock: 3 });
  assert.equal(forgotten.election.state, "LOOKING");

  const first = begin({ serverId: 1 }); // the others may be about to start
  first.absent(3);
  first.hear(2, { leader: 2 });
  assert.equal(first.election.state, "LOOKING");
});

Deno.test("Election elects who has the most history", () => {
  const cases = [
    { own: { epoch: 1, zxid: makeZxid(1, 9) }, other: { epoch: 2, zxid: 0 }, wins: 2 },
    { own: { epoch: 1, zxid: makeZxid(1, 9) }, other: { epoch: 1, zxid: makeZxid(1, 8) }, wins: 1 },
    { own: { epoch: 1, zxid: makeZxid(1, 9) }, other: { epoch: 1, zxid: makeZxid(1, 9) }, wins: 2 },
  ];
  for (const { own, other, wins } of cases) {
    const us = begin({ serverId: 1, zxid: own.zxid, currentEpoch: own.epoch });
    const theirs = { zxid: other.zxid, peerEpoch: other.epoch };
    us.hear(2, { leader: 2, ...theirs });
    if (wins === 1) us.hear(2, { leader: 1, zxid: own.zxid, peerEpoch: own.epoch });
    us.tick(200);
    assert.equal(us.election.currentVote!.leader, wins);
    assert.equal(us.election.state, wins === 1 ? "LEADING" : "FOLLOWING");
  }
});

Deno.test("Election alone in its ensemble leads at once", () => {
  const us = begin({ serverId: 1, committed: ensembleConfig({ voters: [1] }) });
  assert.deepEqual(us.effects.map(text), ["connectAll", "LEADING 1"]);
});

Deno.test("Election joins an established ensemble whose members differ in zxid and clock", () => {
  const us = begin({ serverId: 3, zxid: makeZxid(1, 50), currentEpoch: 1 });
  const vote = { leader: 2, peerEpoch: 2 }; // ours is behind, its zxid is not
  assert.deepEqual(us.hear(1, { ...vote, state: "FOLLOWING", clock: 7, zxid: 5 }), []);
  assert.deepEqual(us.hear(2, { ...vote, state: "LEADING", clock: 4, zxid: 0 }), ["FOLLOWING 2"]);
  assert.deepEqual(us.election.currentVote, { leader: 2, zxid: 0, electionEpoch: 4, peerEpoch: 2 });
  assert.equal(us.election.clock, 4);
});

Deno.test("Election joins in the order leader first, and in its own clock", () => {
  const us = begin({ serverId: 3 });
  us.hear(2, { leader: 2, state: "LEADING", clock: 1, peerEpoch: 1 });
  assert.deepEqual(us.hear(1, { leader: 2, state: "FOLLOWING", clock: 1, peerEpoch: 1 }), [
    "FOLLOWING 2",
  ]);
});

Deno.test("Election does not elect a crashed leader that its followers still name", () => {
  const five = ensembleConfig({ voters: [1, 2, 3, 4, 5] });
  const us = begin({ serverId: 1, committed: five });
  for (const from of [2, 3, 4]) {
    us.hear(from, { leader: 5, state: "FOLLOWING", clock: 1, peerEpoch: 1 });
  }
  assert.equal(us.election.state, "LOOKING");
  // followers that say they lead do not make up for it
  us.hear(4, { leader: 5, state: "LEADING", clock: 9, peerEpoch: 1 });
  assert.equal(us.election.state, "LOOKING");
  us.hear(5, { leader: 5, state: "LEADING", clock: 1, peerEpoch: 1 });
  assert.equal(us.election.state, "FOLLOWING");
});

Deno.test("Election led by ourselves is taken from followers only in the same clock", () => {
  for (const { clock, state } of [{ clock: 9, state: "LOOKING" }, { clock: 1, state: "LEADING" }]) {
    const us = begin({ serverId: 3 });
    us.hear(1, { leader: 3, state: "FOLLOWING", clock });
    us.hear(2, { leader: 3, state: "FOLLOWING", clock });
    assert.equal(us.election.state, state, `clock ${clock}`);
  }
});

Deno.test("Election goes to a higher clock with the better of the vote and its own history", () => {
  const worse = begin({ serverId: 2 });
  worse.hear(3, { leader: 3 });
  assert.deepEqual(worse.hear(1, { leader: 1, clock: 5 }), ["1: LOOKING 2", "3: LOOKING 2"]);
  assert.equal(worse.election.clock, 5);
  worse.tick(200);
  assert.equal(worse.election.state, "LOOKING"); // votes of the old clock count no more
  const better = begin({ serverId: 2 });
  assert.deepEqual(better.hear(3, { leader: 3, clock: 5 }), ["1: LOOKING 3", "3: LOOKING 3"]);
});

Deno.test("Election tells a voter of a lower clock what is proposed, and counts it not", () => {
  const us = begin({ serverId: 1, rounds: 3 });
  assert.deepEqual(us.hear(2, { leader: 2, clock: 2 }), ["2: LOOKING 1"]);
  assert.deepEqual(us.hear(2, { leader: 2, clock: 2 }), []); // just answered
  us.nowMs += 100;
  assert.deepEqual(us.hear(2, { leader: 2, clock: 2 }), ["2: LOOKING 1"]);
  us.tick(1000);
  assert.equal(us.election.state, "LOOKING");
});

Deno.test("Election tells its proposal again to who was not looking when it was sent", () => {
  const us = begin({ serverId: 2 });
  us.hear(1, { leader: 3, state: "FOLLOWING", peerEpoch: 1 }); // has not noticed that 3 is gone
  assert.deepEqual(us.hear(1, { leader: 1 }), ["1: LOOKING 2"]);
  assert.deepEqual(us.hear(1, { leader: 1 }), []); // once
});

Deno.test("Election in a role answers who looks with the vote, in the clock that it was cast in", () => {
  const us = decided({ serverId: 3, leader: 3 });
  us.election.epochEstablished(1);
  const effects = us.election.notification({
    from: 1,
    notification: notificationOf({ leader: 1, clock: 8 }),
    nowMs: 1000,
  });
  assert.deepEqual(effects, [
    {
      kind: "send",
      to: 1,
      notification: {
        state: "LEADING",
        vote: { leader: 3, zxid: 0, electionEpoch: 1, peerEpoch: 1 },
        version: 2,
        configText: THREE.toText(),
      },
    },
    { kind: "voterLooking", serverId: 1 },
  ]);
  assert.deepEqual(us.hear(1, { leader: 3, state: "FOLLOWING" }), []);
  const follower = decided({ serverId: 1, leader: 3 });
  assert.deepEqual(follower.hear(2, { leader: 2 }), ["2: FOLLOWING 3", "voterLooking 2"]);
});

Deno.test("Election does not elect itself by followers that have not noticed that it ended", () => {
  const follower = decided({ serverId: 1, leader: 3 });
  const us = decided({ serverId: 3, leader: 3 });
  us.look();
  for (const from of [1, 2]) {
    const [answer] = follower.election.notification({
      from: 3,
      notification: notificationOf({ leader: 3, clock: us.election.clock }),
      nowMs: us.nowMs,
    });
    assert(answer?.kind === "send");
    us.election.notification({ from, notification: answer.notification, nowMs: us.nowMs });
  }
  assert.equal(us.election.state, "LOOKING");
});

Deno.test("Election answers an observer with the last outcome, but not over and over", () => {
  const us = begin({ serverId: 1 });
  const asked = { leader: NO_SERVER_ID, zxid: NO_SERVER_ID, peerEpoch: NO_SERVER_ID };
  us.hear(2, { leader: 2 });
  assert.deepEqual(us.hear(4, asked), ["4: LOOKING 1"]); // what it began with, not the proposal
  us.tick(200);
  assert.deepEqual(us.hear(4, asked), ["4: FOLLOWING 2"]); // another answer
  for (let i = 0; i < 100; i++) assert.deepEqual(us.hear(4, asked), []);
  us.nowMs += 100;
  assert.deepEqual(us.hear(4, asked), ["4: FOLLOWING 2"]);
  us.nowMs += 100;
  assert.deepEqual(us.hear(4, { leader: 2, state: "OBSERVING" }), []); // an answer is not answered
  us.look();
  assert.deepEqual(us.hear(4, asked), ["4: LOOKING 2"]); // the previous outcome
  us.nowMs += 100;
  const notification = notificationOf({ ...asked, clock: 7 });
  const [answer] = us.election.notification({ from: 4, notification, nowMs: us.nowMs });
  assert(answer?.kind === "send");
  assert.equal(answer.notification.vote.electionEpoch, 2); // in the clock of now, and ours
});

Deno.test("Election of an observer follows the voters and votes for nobody", () => {
  const us = begin({ serverId: 4 });
  assert.deepEqual(sent(us.effects), [1, 2, 3].map((id) => `${id}: LOOKING ${NO_SERVER_ID}`));
  us.hear(1, { leader: 2, state: "FOLLOWING", clock: 3, peerEpoch: 1 });
  assert.deepEqual(us.hear(2, { leader: 2, state: "LEADING", clock: 3, peerEpoch: 1 }), [
    "OBSERVING 2",
  ]);
  const early = begin({ serverId: 4 }); // while the voters still look
  early.hear(1, { leader: 3 });
  early.hear(2, { leader: 3 });
  assert.deepEqual(early.hear(3, { leader: 3 }), ["OBSERVING 3"]);
});

Deno.test("Election ignores what does not count", () => {
  const cases = [
    { what: "an observer's vote", from: 4, vote: { leader: 3 } },
    { what: "a stranger's vote", from: 9, vote: { leader: 3 } },
    { what: "a vote for an observer", from: 2, vote: { leader: 4 } },
    { what: "a vote for nobody", from: 2, vote: { leader: NO_SERVER_ID } },
    { what: "a vote of an empty database", from: 2, vote: { leader: 3, zxid: -1 } },
    { what: "an observing server", from: 2, vote: { leader: 3, state: "OBSERVING" } },
  ] as const;
  for (const { what, from, vote } of cases) {
    const us = begin({ serverId: 1 });
    us.hear(from, vote);
    us.hear(3, { leader: 1 });
    us.tick(200);
    assert.equal(us.election.state, "LEADING", what);
  }
});

Deno.test("Election with a database that may not be voted with only joins", () => {
  const us = begin({ serverId: 3, zxid: -1 });
  us.hear(1, { leader: 3, zxid: -1 });
  us.hear(2, { leader: 2 });
  us.hear(1, { leader: 2 });
  us.tick(10_000);
  assert.equal(us.election.state, "LOOKING");
  us.hear(1, { leader: 2, state: "FOLLOWING" });
  us.hear(2, { leader: 2, state: "LEADING" });
  assert.equal(us.election.state, "FOLLOWING");
});

Deno.test("Election of one that was elected and cannot lead votes for others only, for a while", () => {
  const us = decided({ serverId: 3, leader: 3 });
  us.look(10_000);
  assert.deepEqual(sent(us.effects), [`1: LOOKING ${NO_SERVER_ID}`, `2: LOOKING ${NO_SERVER_ID}`]);
  assert.equal(us.election.clock, 0);
  for (const state of ["LOOKING", "FOLLOWING"] as const) {
    for (const from of [1, 2]) us.hear(from, { leader: 3, state });
  }
  assert.equal(us.election.state, "LOOKING");
  assert.deepEqual(us.hear(1, { leader: 1, clock: 5 }), ["1: LOOKING 1", "2: LOOKING 1"]);
  assert.deepEqual(us.tick(200), ["FOLLOWING 1"]);

  us.look(10_000);
  us.tick(9999);
  assert.equal(us.election.nextDeadlineMs, 10_000);
  assert.deepEqual(us.tick(10_000), ["connectAll", "1: LOOKING 3", "2: LOOKING 3"]);
});

Deno.test("Election goes on without one that cannot lead, with the most history or not", () => {
  for (const alive of [[1, 2, 3], [1, 3], [2, 3]]) {
    const leaders = outcomeWithout(3, alive);
    const best = alive.at(-2);
    assert.deepEqual(alive.map((id) => leaders.get(id)), alive.map(() => best), `${alive}`);
  }
});

/** Who follows whom after 5 s, when `broken` is the best, and leads for no time at all. */
function outcomeWithout(broken: ServerId, alive: readonly ServerId[]): Map<ServerId, ServerId> {
  const drivers = new Map(alive.map((id) => [id, begin({ serverId: id, rounds: 0 })]));
  const leaders = new Map<ServerId, ServerId>();
  const lookAtMs = new Map(alive.map((id) => [id, 0]));
  const messages: { from: ServerId; to: ServerId; notification: Notification }[] = [];
  let nowMs = 0;
  const perform = (from: ServerId, effects: readonly ElectionEffect[]) => {
    for (const effect of effects) {
      if (effect.kind === "send") messages.push({ from, ...effect });
      if (effect.kind !== "decided") continue;
      const { leader } = effect.vote;
      leaders.set(from, leader);
      // the one knows at once; the others have tried to reach it
      if (leader === broken) lookAtMs.set(from, nowMs + (from === broken ? 1 : 500));
    }
  };
  for (; nowMs < 5000; nowMs += 10) {
    for (const [id, driver] of drivers) {
      driver.nowMs = nowMs;
      if (nowMs >= lookAtMs.get(id)!) {
        lookAtMs.set(id, Infinity);
        driver.look(id === broken && leaders.has(id) ? nowMs + 10_000 : 0);
        perform(id, driver.effects);
      }
      perform(id, driver.election.tick(nowMs));
    }
    for (const { from, to, notification } of messages.splice(0)) {
      const driver = drivers.get(to);
      if (driver === undefined) continue;
      perform(to, driver.election.notification({ from, notification, nowMs }));
    }
  }
  return leaders;
}

Deno.test("Election never makes a server of weight 0 leader", () => {
  const committed = ensembleConfig({
    voters: [1, 2, 3],
    groups: { 1: [1, 2, 3] },
    weights: { 3: 0 },
  });
  const us = begin({ serverId: 1, committed });
  us.hear(3, { leader: 3, zxid: makeZxid(5, 5), peerEpoch: 5 });
  us.hear(2, { leader: 2 });
  us.tick(200);
  assert.equal(us.election.currentVote?.leader, 2);
  const weightless = begin({ serverId: 3, committed, zxid: makeZxid(5, 5), currentEpoch: 5 });
  weightless.hear(1, { leader: 2 });
  weightless.hear(2, { leader: 2 });
  weightless.tick(200);
  assert.equal(weightless.election.state, "LOOKING"); // its own vote is better, and counts nothing
  weightless.hear(1, { leader: 2, state: "FOLLOWING", peerEpoch: 6 });
  weightless.hear(2, { leader: 2, state: "LEADING", peerEpoch: 6 });
  assert.equal(weightless.election.state, "FOLLOWING");
});

Deno.test("Election waits anew for each better vote, a quorum by itself or not", () => {
  const committed = ensembleConfig({
    voters: [1, 2, 3],
    groups: { 1: [1, 2, 3] },
    weights: { 1: 3 },
  });
  const us = begin({ serverId: 1, committed });
  us.nowMs = 150;
  us.hear(2, { leader: 2 });
  us.tick(349);
  assert.equal(us.election.state, "LOOKING");
  assert.deepEqual(us.tick(350), ["FOLLOWING 2"]);
});

Deno.test("Election needs a quorum of the last seen configuration too", () => {
  const committed = ensembleConfig({ voters: [1, 2, 3], version: 1 });
  const lastSeen = ensembleConfig({ voters: [1, 4, 5], version: 2 });
  const us = begin({ serverId: 1, committed, lastSeen });
  assert.deepEqual(sent(us.effects), [2, 3, 4, 5].map((id) => `${id}: LOOKING 1`));
  for (const from of [2, 3]) us.hear(from, { leader: 1 });
  us.tick(200);
  assert.equal(us.election.state, "LOOKING");
  us.hear(4, { leader: 1 });
  us.tick(5000);
  assert.equal(us.election.state, "LEADING");
});

Deno.test("Election takes the newer configuration of others only with reconfig enabled", () => {
  const newer = ensembleConfig({ voters: [1, 2, 5], version: makeZxid(1, 2) });
  const same = THREE.withVersion(makeZxid(1, 2));
  const cases = [
    { config: newer, reconfigEnabled: false, adopted: false, clock: 1 },
    { config: newer, reconfigEnabled: true, adopted: true, clock: 2 },
    { config: same, reconfigEnabled: true, adopted: true, clock: 1 }, // the round goes on
    { config: THREE, reconfigEnabled: true, adopted: false, clock: 1 },
  ];
  for (const { config, reconfigEnabled, adopted, clock } of cases) {
    const us = begin({ serverId: 1, reconfigEnabled });
    const told = us.hear(2, { leader: 2, configText: config.toText() });
    const what = `${config.version} ${reconfigEnabled}`;
    assert.equal(told[0], adopted ? `adoptConfig ${config.version}` : "2: LOOKING 2", what);
    assert.equal(us.election.clock, clock, what);
    if (clock === 2) assert(told.includes("5: LOOKING 1"), what);
    const again = us.hear(2, { configText: config.toText() });
    assert(!again.some((effect) => effect.startsWith("adoptConfig")), what);
  }
  const established = decided({ serverId: 1, leader: 3, reconfigEnabled: true });
  assert.deepEqual(established.hear(2, { leader: 2, configText: newer.toText() }), [
    "2: FOLLOWING 3", // who does not look learns of it from its leader
    "voterLooking 2",
  ]);
  const us = begin({ serverId: 1, reconfigEnabled: true });
  assert.deepEqual(us.hear(2, { leader: 2, configText: "nonsense" }), [
    "2: LOOKING 2",
    "3: LOOKING 2",
  ]);
});

Deno.test("Election understands voters of ZooKeeper 3.4", () => {
  const us = begin({ serverId: 1 });
  const old = { version: 0, configText: null };
  us.hear(3, { leader: 3, ...old });
  assert.deepEqual(us.hear(2, { leader: 3, ...old }), ["FOLLOWING 3"]);
  // a leader of 3.4 among followers that know of the new epoch
  const joiner = begin({ serverId: 1 });
  joiner.hear(2, { leader: 3, state: "FOLLOWING", clock: 4, peerEpoch: 5 });
  joiner.hear(3, { leader: 3, state: "LEADING", clock: 4, peerEpoch: 4, ...old });
  assert.equal(joiner.election.state, "FOLLOWING");
});

Deno.test("Election asks again at twice the interval each time, and says who is silent", () => {
  const lines: LogLine[] = [];
  const us = begin({ serverId: 1, lines });
  us.hear(2, { leader: 3, state: "FOLLOWING", clock: 9 });
  const times: number[] = [];
  for (let at = us.election.nextDeadlineMs!; at < 400_000; at = us.election.nextDeadlineMs!) {
    times.push(at);
    assert.deepEqual(us.tick(at), ["connectAll", "2: LOOKING 1", "3: LOOKING 1"]);
  }
  const waits = times.map((at, i) => at - (times[i - 1] ?? 0));
  assert.deepEqual(waits, [
    ...[200, 400, 800, 1600, 3200, 6400, 12800, 25600, 51200],
    ...[60000, 60000, 60000, 60000],
  ]);
  const warnings = lines.filter(({ level }) => level === "warn");
  assert.equal(warnings.length, times.length - 3);
  const { fields } = warnings[0]!;
  assert.equal(fields.waitedMs, 3000);
  assert.equal(fields.voters, "2 of 3 are here, needed: 2");
  assert.equal(fields.missing, "3 (h3: refused)");
  assert.equal(fields.heard, "2 (FOLLOWING, votes 3 of epoch 0)");
});

Deno.test("Election says of an ensemble with groups that its quorum is one by weight", () => {
  const lines: LogLine[] = [];
  const committed = ensembleConfig({ voters: [1, 2, 3], groups: { 1: [1, 2, 3] } });
  const us = begin({ serverId: 1, committed, lines });
  while (us.election.nextDeadlineMs! <= 3000) us.tick(us.election.nextDeadlineMs!);
  const { fields } = lines.find(({ level }) => level === "warn")!;
  assert.equal(fields.voters, "1 of 3 are here, needed: a quorum by weight");
  assert.equal(fields.missing, "2 (says nothing), 3 (h3: refused)");
  assert.equal(fields.heard, "none");
});

Deno.test("Election.takeRole() changes role and leader without an election", () => {
  const us = decided({ serverId: 1, leader: 3 });
  assert.equal(us.election.takeRole({ leader: 2, zxid: 4 }), "FOLLOWING");
  assert.deepEqual(us.hear(3, { leader: 3 }), ["3: FOLLOWING 2", "voterLooking 3"]);
  assert.equal(us.election.currentVote?.zxid, 4);
  assert.equal(us.election.takeRole({ leader: 1, zxid: 5 }), "LEADING");
  assert.equal(us.election.nextDeadlineMs, null);
});

interface Said {
  state?: ServerState;
  leader?: ServerId;
  zxid?: number;
  clock?: number;
  peerEpoch?: number;
  version?: number;
  configText?: string | null;
}

class Driver {
  effects: ElectionEffect[] = [];
  nowMs = 0;
  readonly election: Election;
  readonly #history: { lastLoggedZxid: number; currentEpoch: number };

  constructor(election: Election, history: { lastLoggedZxid: number; currentEpoch: number }) {
    this.election = election;
    this.#history = history;
  }

  look(leadAtMs = 0): void {
    this.effects = this.election.startLooking({ ...this.#history, leadAtMs, nowMs: this.nowMs });
  }

  hear(from: ServerId, said: Said): string[] {
    const notification = notificationOf(said);
    return this.election.notification({ from, notification, nowMs: this.nowMs }).map(text);
  }

  absent(serverId: ServerId): string[] {
    return this.election.peerAbsent({ serverId, nowMs: this.nowMs }).map(text);
  }

  tick(nowMs: number): string[] {
    return this.election.tick(nowMs).map(text);
  }
}

/** A server that has begun its first election, or as many as said. */
function begin(
  {
    serverId,
    committed = THREE,
    lastSeen = committed,
    zxid = 0,
    currentEpoch = 0,
    rounds = 1,
    reconfigEnabled = false,
    lines,
  }: {
    serverId: ServerId;
    committed?: QuorumConfig;
    lastSeen?: QuorumConfig;
    zxid?: number;
    currentEpoch?: number;
    rounds?: number;
    reconfigEnabled?: boolean;
    lines?: LogLine[];
  },
): Driver {
  const election = new Election({
    serverId,
    peerType: "participant",
    committed,
    lastSeen,
    reconfigEnabled,
    notificationIntervalMsMin: 200,
    notificationIntervalMsMax: 60_000,
    logger: lines === undefined ? silentLogger : keepingLogger(lines),
    problemOf: (id) => id === 3 ? "h3: refused" : null,
  });
  const driver = new Driver(election, { lastLoggedZxid: zxid, currentEpoch });
  for (let round = 0; round < rounds; round++) driver.look();
  return driver;
}

/** One of three servers after they elected `leader`. */
function decided(
  options: { serverId: ServerId; leader: ServerId; reconfigEnabled?: boolean },
): Driver {
  const driver = begin(options);
  for (const from of [1, 2, 3]) {
    if (from !== options.serverId) driver.hear(from, { leader: options.leader });
  }
  assert.notEqual(driver.election.state, "LOOKING");
  return driver;
}

function notificationOf(
  {
    state = "LOOKING",
    leader = 1,
    zxid = 0,
    clock = 1,
    peerEpoch = 0,
    version = 2,
    configText = THREE.toText(),
  }: Said,
): Notification {
  return { state, vote: { leader, zxid, electionEpoch: clock, peerEpoch }, version, configText };
}

function sent(effects: readonly ElectionEffect[]): string[] {
  return effects.filter(({ kind }) => kind === "send").map(text);
}

function text(effect: ElectionEffect): string {
  switch (effect.kind) {
    case "send":
      return `${effect.to}: ${effect.notification.state} ${effect.notification.vote.leader}`;
    case "decided":
      return `${effect.state} ${effect.vote.leader}`;
    case "adoptConfig":
      return `adoptConfig ${effect.config.version}`;
    case "voterLooking":
      return `voterLooking ${effect.serverId}`;
    case "connectAll":
      return "connectAll";
  }
}
