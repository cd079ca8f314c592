import assert from "node:assert/strict";
import { Elector } from "../../cluster/elector.ts";
import type { QuorumConfig } from "../../cluster/quorum_config.ts";
import { makeZxid } from "../../core/zxid.ts";
import { ElectionSim, type History } from "../support/election_sim.ts";
import { ensembleConfig } from "../support/ensemble_config.ts";
import { SeededRandom } from "../support/seeded_random.ts";
import { silentLogger } from "../support/silent_logger.ts";

Deno.test("Elector: three servers without a network delay agree within milliseconds", () => {
  const sim = quiet([1, 2, 3]);
  for (const id of [1, 2, 3]) sim.start(id);
  sim.runUntil(20);
  assert.deepEqual(sim.outcomes.sort(), ["1 FOLLOWING 3", "2 FOLLOWING 3", "3 LEADING 3"]);
});

Deno.test("Elector: the loss of a leader that does not run any more costs milliseconds", () => {
  for (const [first, second] of [[1, 2], [2, 1]] as const) {
    const sim = quiet([1, 2, 3]);
    for (const id of [1, 2, 3]) sim.start(id);
    sim.runUntil(1000);
    sim.outcomes.length = 0;
    sim.crash(3);
    sim.runUntil(1010);
    sim.look(first);
    sim.runUntil(1020); // the other one notices later
    sim.look(second);
    sim.runUntil(1040);
    assert.deepEqual(sim.outcomes.sort(), ["1 FOLLOWING 2", "2 LEADING 2"], `${first} first`);
  }
});

Deno.test("Elector: a leader whose machine is cut off is waited for, and only so long", () => {
  const sim = quiet([1, 2, 3]);
  for (const id of [1, 2, 3]) sim.start(id);
  sim.runUntil(1000);
  sim.outcomes.length = 0;
  sim.cutOff.add(3);
  sim.crash(3);
  for (const id of [1, 2]) sim.look(id);
  sim.runUntil(1199);
  assert.deepEqual(sim.outcomes, []);
  sim.runUntil(1230);
  assert.deepEqual(sim.outcomes.sort(), ["1 FOLLOWING 2", "2 LEADING 2"]);
});

Deno.test("Elector: a server that comes late joins the leader there is", () => {
  const sim = quiet([1, 2, 3], [4]);
  for (const id of [1, 2]) sim.start(id);
  sim.runUntil(199);
  assert.deepEqual(sim.outcomes, []); // 3 may be about to start
  sim.runUntil(1000);
  for (const id of [1, 2]) sim.servers.get(id)!.elector.epochEstablished(1);
  sim.start(3);
  sim.start(4);
  sim.runUntil(1020);
  assert.deepEqual(sim.outcomes.sort(), [
    ...["1 FOLLOWING 2", "2 LEADING 2", "3 FOLLOWING 2", "4 OBSERVING 2"],
  ]);
});

Deno.test("Elector: an observer and voters that look do not flood each other", () => {
  const sim = quiet([1, 2, 3], [4]);
  for (const id of [1, 4]) sim.start(id);
  for (let i = 0; i < 3; i++) sim.look(4); // of a higher clock, as in the storm that Java has
  const before = sim.messageCount;
  sim.runUntil(10_000);
  assert(sim.messageCount - before < 60, `${sim.messageCount - before} messages`);
});

Deno.test("Elector: servers that start one after another agree on one leader", () => {
  for (let seed = 1; seed <= 150; seed++) {
    const random = new SeededRandom(seed);
    const count = random.pick([3, 5]);
    const { config, history } = drawn(random, count);
    const sim = new ElectionSim({ random, config, history, delayMsMax: random.pick([0, 5, 60]) });
    // all of them are there before the first could have settled
    for (const id of config.voters) sim.after(random.between(0, 100), () => sim.start(id));
    const blind = random.chance(1, 2); // nobody says that a server is not there yet
    if (blind) { for (const id of config.voters) sim.cutOff.add(id); }
    sim.after(100, () => sim.cutOff.clear());
    for (let i = random.below(6); i > 0; i--) {
      sim.after(random.between(0, 3000), () => sim.breakOne());
    }
    for (let atMs = 5000; atMs <= 125_000; atMs += 4000) {
      sim.runUntil(atMs);
      endBrokenRoles(sim, [...config.voters]);
    }
    sim.runUntil(150_000);
    const states = [...sim.servers.values()].map(({ elector }) => elector.state);
    const leaders = [...sim.servers.values()].map(({ elector }) => elector.currentVote!.leader);
    assert(!states.includes("LOOKING"), `seed ${seed}: ${states}`);
    assert.equal(new Set(leaders).size, 1, `seed ${seed}: ${sim.outcomes}`);
    assert.equal(states.filter((state) => state === "LEADING").length, 1, `seed ${seed}`);
  }
});

Deno.test("Elector: with all servers there from the start, the best one is always elected", () => {
  for (let seed = 1; seed <= 150; seed++) {
    const random = new SeededRandom(seed);
    const { config, history } = drawn(random, random.pick([3, 5]));
    const sim = new ElectionSim({ random, config, history, delayMsMax: random.pick([0, 5, 30]) });
    for (const id of config.voters) sim.start(id);
    for (const id of config.voters) for (let i = random.below(3); i > 0; i--) sim.look(id);
    sim.runUntil(120_000);
    const best = bestOf(history);
    for (const { id, elector } of sim.servers.values()) {
      assert.equal(elector.currentVote!.leader, best, `seed ${seed}: ${sim.outcomes}`);
      assert.equal(elector.state, id === best ? "LEADING" : "FOLLOWING", `seed ${seed}`);
    }
  }
});

Deno.test("Elector: whatever breaks and crashes, a majority that runs agrees in the end", () => {
  for (let seed = 1; seed <= 150; seed++) {
    const random = new SeededRandom(seed);
    const count = random.pick([3, 5]);
    const { config, history } = drawn(random, count);
    const sim = new ElectionSim({ random, config, history, delayMsMax: random.pick([0, 5, 60]) });
    const ids = [...config.voters];
    for (const id of ids) sim.after(random.between(0, 2000), () => sim.start(id));
    for (let i = random.below(20); i > 0; i--) {
      sim.after(random.between(2000, 20_000), () => {
        const id = random.pick(ids);
        if (random.chance(1, 3)) sim.breakOne();
        else if (sim.servers.get(id)!.isUp) sim.crash(id);
        else sim.start(id);
      });
    }
    sim.runUntil(20_000);
    const running = ids.slice(random.below(Math.ceil(count / 2)));
    for (const id of ids) {
      const { isUp } = sim.servers.get(id)!;
      if (running.includes(id) && !isUp) sim.start(id);
      if (!running.includes(id) && isUp) sim.crash(id);
      if (!running.includes(id) && random.chance(1, 2)) sim.cutOff.add(id);
    }
    for (let atMs = 22_000; atMs <= 142_000; atMs += 4000) {
      sim.runUntil(atMs);
      endBrokenRoles(sim, running);
    }
    sim.runUntil(150_000);
    const leaders = running.map((id) => sim.servers.get(id)!.elector.currentVote!.leader);
    const states = running.map((id) => sim.servers.get(id)!.elector.state);
    assert.equal(new Set(leaders).size, 1, `seed ${seed}: ${leaders} ${states}`);
    assert.equal(states.filter((state) => state === "LEADING").length, 1, `seed ${seed}`);
    assert(!states.includes("LOOKING"), `seed ${seed}: ${states}`);
  }
});

/**
 * What followers and leaders do in time: whose leader does not lead, or who has no majority behind it,
 * looks again, and with a leader its followers.
 */
function endBrokenRoles(sim: ElectionSim, running: readonly number[]): void {
  const electorOf = (id: number) => sim.servers.get(id)!.elector;
  const isLeading = (id: number) => {
    if (!sim.servers.get(id)!.isUp || electorOf(id).state !== "LEADING") return false;
    const supporters = running.filter((other) =>
      electorOf(other).state !== "LOOKING" && electorOf(other).currentVote!.leader === id
    );
    return supporters.length * 2 > sim.servers.size;
  };
  const ended = running.filter((id) =>
    electorOf(id).state !== "LOOKING" && !isLeading(electorOf(id).currentVote!.leader)
  );
  for (const id of ended) sim.look(id);
}

/** No history, no delay. */
function quiet(voters: number[], observers: number[] = []): ElectionSim {
  const nothing = { lastLoggedZxid: 0, currentEpoch: 0 };
  return new ElectionSim({
    random: new SeededRandom(1),
    config: ensembleConfig({ voters, observers }),
    history: new Map([...voters, ...observers].map((id) => [id, nothing])),
    delayMsMax: 1,
  });
}

function drawn(
  random: SeededRandom,
  count: number,
): { config: QuorumConfig; history: Map<number, History> } {
  const ids = Array.from({ length: count }, (_, i) => i + 1);
  const history = new Map(ids.map((id) => {
    const currentEpoch = random.between(0, 2);
    const lastLoggedZxid = currentEpoch === 0 ? 0 : makeZxid(currentEpoch, random.below(3));
    return [id, { lastLoggedZxid, currentEpoch }];
  }));
  return { config: ensembleConfig({ voters: ids }), history };
}

function bestOf(history: Map<number, History>): number {
  const [best] = [...history].sort(([a, x], [b, y]) =>
    y.currentEpoch - x.currentEpoch || y.lastLoggedZxid - x.lastLoggedZxid || b - a
  );
  return best![0];
}

Deno.test("Elector tells others the address of the last members that it belonged to", () => {
  const at = (port: number, voters: number[]) => ensembleConfig({ voters, port, version: port });
  const first = at(3000, [1, 2]);
  const elector = new Elector({
    serverId: 2,
    peerType: "participant",
    committed: first,
    lastSeen: first,
    reconfigEnabled: true,
    notificationIntervalMsMin: 200,
    notificationIntervalMsMax: 60_000,
    isMultiAddress: false,
    handshakeTimeoutMs: 1000,
    auth: null,
    ownAddresses: [{ host: "127.0.0.1", port: 3002 }],
    logger: silentLogger,
  });
  for (const config of [at(4000, [1, 2]), at(5000, [1])]) {
    elector.setConfigs({ committed: config, lastSeen: config });
  }
  elector.step({ kind: "startLooking", lastLoggedZxid: 0, currentEpoch: 0, nowMs: 0 });
  const effects = elector.step({ kind: "dialed", serverId: 1, link: 1, nowMs: 1 });
  const hello = effects.find((effect) => effect.kind === "write");
  assert(hello?.kind === "write");
  assert.match(new TextDecoder().decode(hello.bytes), /127\.0\.0\.1:4002/);
});
