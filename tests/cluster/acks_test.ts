import assert from "node:assert/strict";
import { ProposalAcks } from "../../cluster/acks.ts";
import type { QuorumConfig } from "../../cluster/quorum_config.ts";
import { makeZxid } from "../../core/zxid.ts";
import { configOf } from "../support/quorum_configs.ts";
import { SeededRandom } from "../support/seeded_random.ts";

const START = makeZxid(3, 0);

Deno.test("ProposalAcks.ack() commits what a quorum holds", () => {
  const groups = ["group.1=1:2:3", "group.2=4:5:6", "group.3=7:8:9"];
  const nine = [1, 2, 3, 4, 5, 6, 7, 8, 9];
  const cases: {
    voters: number[];
    observers?: number[];
    lines?: string[];
    /** Server and the counter that it acknowledges, of 10 proposed. */
    acks: [serverId: number, counter: number][];
    committed: number;
    note?: string;
  }[] = [
    { voters: [1], acks: [[1, 4]], committed: 4 },
    { voters: [1, 2, 3], acks: [[1, 4]], committed: 0 },
    { voters: [1, 2, 3], acks: [[1, 4], [2, 3]], committed: 3 },
    { voters: [1, 2, 3], acks: [[1, 4], [2, 3], [3, 9]], committed: 4 },
    { voters: [1, 2, 3], acks: [[1, 4], [1, 4], [1, 5]], committed: 0, note: "one server, often" },
    { voters: [1, 2, 3, 4], acks: [[1, 4], [2, 4]], committed: 0, note: "half is not a quorum" },
    { voters: [1, 2, 3, 4], acks: [[1, 4], [2, 4], [4, 2]], committed: 2 },
    { voters: [1, 2, 3, 4, 5], acks: [[1, 9], [2, 1], [3, 5], [4, 7], [5, 3]], committed: 5 },
    { voters: [1, 2, 3], observers: [4, 5], acks: [[4, 4], [5, 4], [1, 4]], committed: 0 },
    { voters: [1, 2, 3], acks: [[1, 4], [-1, 4], [77, 4]], committed: 0, note: "strangers" },
    { voters: [1, 2, 3], acks: [[1, 4], [2, 11]], committed: 0, note: "never proposed" },
    { voters: [1, 2, 3], acks: [[1, 4], [2, 0]], committed: 0, note: "the ACK of NEWLEADER" },
    { voters: [1, 2, 3], acks: [[1, 4], [2, 4], [2, 2]], committed: 4, note: "an old one" },
    { voters: nine, lines: groups, acks: [[1, 4], [2, 4], [3, 4], [4, 4]], committed: 0 },
    { voters: nine, lines: groups, acks: [[1, 4], [2, 4], [4, 4], [5, 3]], committed: 3 },
    { voters: nine, lines: groups, acks: [[1, 5], [4, 5], [7, 5], [2, 2], [8, 1]], committed: 1 },
    {
      voters: [1, 2, 3],
      lines: ["group.1=1:2:3", "weight.1=3"],
      acks: [[1, 4]],
      committed: 4,
      note: "more weight than the others together",
    },
    {
      voters: [1, 2, 3],
      lines: ["group.1=1:2:3", "weight.3=0"],
      acks: [[1, 4], [3, 4]],
      committed: 0,
      note: "a server without weight",
    },
  ];
  for (const { voters, observers = [], lines = [], acks, committed, note = "" } of cases) {
    const log = new ProposalAcks({ config: configOf({ voters, observers, lines }), start: START });
    log.proposed(START + 4);
    log.proposed(START + 10);
    let last = START;
    for (const [serverId, counter] of acks) last = log.ack(serverId, START + counter);
    const where = `${voters} / ${acks.join(" ")} ${note}`;
    assert.equal(last - START, committed, where);
    assert.equal(log.committed, last, where);
  }
});

Deno.test("ProposalAcks.ack() remembers the newest ack of each server", () => {
  const acks = new ProposalAcks({ config: configOf({ voters: [1, 2, 3] }), start: START });
  acks.proposed(START + 5);
  assert.equal(acks.ackedThrough(2), -1);
  acks.ack(2, START + 3);
  acks.ack(2, START + 1);
  acks.ack(2, START + 9);
  assert.equal(acks.ackedThrough(2), START + 3);
});

Deno.test("ProposalAcks.forget() keeps what a voter holds, and only that", () => {
  const acks = new ProposalAcks({ config: configOf({ voters: [1, 2, 3] }), start: START });
  acks.proposed(START + 5);
  acks.ack(2, START + 3);
  acks.ack(7, START + 3);
  acks.forget(2);
  acks.forget(7);
  assert.deepEqual([acks.ackedThrough(2), acks.ackedThrough(7)], [START + 3, -1]);
  assert.equal(acks.ack(1, START + 5), START + 3, "its ack counts after it left");
});

Deno.test("ProposalAcks.reset() forgets what a server may have lost, and takes no commit back", () => {
  const acks = new ProposalAcks({ config: configOf({ voters: [1, 2, 3] }), start: START });
  acks.proposed(START + 9);
  acks.ack(1, START + 4);
  acks.ack(2, START + 8);
  assert.equal(acks.committed, START + 4);
  acks.reset(2, START + 2);
  assert.equal(acks.committed, START + 4);
  assert.equal(acks.ack(1, START + 9), START + 4, "server 2 does not hold 5 to 8 any more");
  assert.equal(acks.ack(2, START + 3), START + 4);
  assert.equal(acks.ack(2, START + 6), START + 6);
  assert.throws(() => acks.reset(3, START + 7), /not ahead/);
});

Deno.test("ProposalAcks wants a quorum of both configurations from a reconfig on", () => {
  const from = configOf({ voters: [1, 2, 3] });
  const to = configOf({ voters: [1, 4, 5] });
  const acks = new ProposalAcks({ config: from, start: START });
  acks.proposed(START + 1);
  acks.proposedReconfig(START + 2, to);
  acks.proposed(START + 4);
  acks.ack(1, START + 4);
  assert.equal(acks.ack(2, START + 4) - START, 1, "old quorum: what came before the reconfig");
  assert.equal(acks.ack(4, START + 3) - START, 2, "both, but nothing behind an inactive reconfig");
  assert.equal(acks.ack(4, START + 4) - START, 2);
  acks.proposed(START + 5);
  assert.equal(acks.activate() - START, 4, "what waited behind the reconfig");
  assert.equal(acks.ack(1, START + 5) - START, 4);
  assert.equal(acks.ack(2, START + 5) - START, 4, "5 was proposed before: the old quorum alone");
  assert.equal(acks.ack(5, START + 5) - START, 5);
  acks.proposed(START + 6);
  acks.ack(4, START + 6);
  assert.equal(acks.ack(5, START + 6) - START, 6, "the new quorum alone");
});

Deno.test("ProposalAcks counts the old quorum for what went out before the reconfig was active", () => {
  const acks = new ProposalAcks({ config: configOf({ voters: [1, 2, 3] }), start: START });
  acks.proposedReconfig(START + 1, configOf({ voters: [4, 5, 6] }));
  acks.proposed(START + 2);
  for (const serverId of [4, 5]) acks.ack(serverId, START + 2);
  for (const serverId of [1, 2]) acks.ack(serverId, START + 1);
  assert.equal(acks.activate() - START, 1);
  assert.equal(acks.ack(6, START + 2) - START, 1);
  acks.ack(1, START + 2);
  assert.equal(acks.ack(3, START + 2) - START, 2);
});

Deno.test("ProposalAcks refuses what its own side must not ask for", () => {
  const config = configOf({ voters: [1, 2, 3] });
  const acks = new ProposalAcks({ config, start: START });
  assert.throws(() => acks.proposed(START), /only grow/);
  assert.throws(() => acks.activate(), /the reconfig is committed/);
  acks.proposedReconfig(START + 1, config);
  assert.throws(() => acks.activate(), /the reconfig is committed/);
  assert.throws(() => acks.proposedReconfig(START + 2, config), /one reconfig at a time/);
});

Deno.test("ProposalAcks commits what counting each proposal by itself would", () => {
  const reached = { commits: 0, reconfigs: 0, heldBack: 0, resets: 0 };
  for (let seed = 1; seed <= 300; seed++) {
    const random = new SeededRandom(seed);
    const config = randomConfig(random);
    const acks = new ProposalAcks({ config, start: START });
    const naive = new NaiveAcks(config);
    for (let step = 0; step < 150; step++) {
      const where = `seed ${seed}, step ${step}`;
      const before = acks.committed;
      const serverId = random.between(1, 12);
      const action = random.weighted([
        [6, "propose"] as const,
        [20, "ack"] as const,
        [1, "reset"] as const,
        [1, "forget"] as const,
        [1, "reconfig"] as const,
        [4, "activate"] as const,
      ]);
      if (action === "propose") {
        const zxid = acks.lastProposed + random.between(1, 4);
        acks.proposed(zxid);
        naive.propose(zxid);
      } else if (action === "ack") {
        const zxid = START + random.between(0, acks.lastProposed - START + 1);
        assert.equal(acks.ack(serverId, zxid), naive.ack(serverId, zxid), where);
      } else if (action === "reset") {
        reached.resets += 1;
        acks.reset(serverId, acks.committed);
        naive.reset(serverId);
      } else if (action === "forget") {
        if (naive.isVoter(serverId)) acks.forget(serverId);
      } else if (action === "reconfig" && naive.reconfig === null) {
        const next = randomConfig(random);
        acks.proposedReconfig(acks.lastProposed + 1, next);
        naive.proposeReconfig(next);
      } else if (action === "activate" && naive.reconfig?.zxid === acks.committed) {
        reached.reconfigs += 1;
        const stoodAt = acks.committed;
        assert.equal(acks.activate(), naive.activate(), where);
        if (acks.committed > stoodAt) reached.heldBack += 1;
      }
      assert.equal(acks.committed, naive.committed, where);
      assert(acks.committed >= before, where);
      if (acks.committed > before) reached.commits += 1;
    }
  }
  for (const [what, count] of Object.entries(reached)) assert(count > 50, `${what}: ${count}`);
});

function randomConfig(random: SeededRandom): QuorumConfig {
  const ids = Array.from({ length: 12 }, (_, i) => i + 1).filter(() => random.chance(1, 2));
  const voters = ids.length === 0 ? [1] : ids;
  if (random.chance(1, 2)) return configOf({ voters });
  const groups = [[], [], []] as number[][];
  for (const voter of voters) random.pick(groups).push(voter);
  const lines = groups.flatMap((group, i) =>
    group.length === 0 ? [] : [`group.${i + 1}=${group.join(":")}`]
  );
  for (const voter of voters) lines.push(`weight.${voter}=${random.below(3)}`);
  return configOf({ voters, lines });
}

/** One entry a proposal, with the set of those who acknowledged it: as ZooKeeper counts. */
class NaiveAcks {
  committed = START;
  reconfig: { zxid: number; config: QuorumConfig } | null = null;
  #lastProposed = START;
  #config: QuorumConfig;
  #outstanding: { zxid: number; configs: QuorumConfig[]; ackers: Set<number> }[] = [];

  constructor(config: QuorumConfig) {
    this.#config = config;
  }

  /** Everything through `zxid`. */
  propose(zxid: number): void {
    const configs = this.reconfig === null ? [this.#config] : [this.#config, this.reconfig.config];
    while (this.#lastProposed < zxid) {
      this.#outstanding.push({ zxid: ++this.#lastProposed, configs, ackers: new Set() });
    }
  }

  proposeReconfig(config: QuorumConfig): void {
    this.reconfig = { zxid: this.#lastProposed + 1, config };
    this.propose(this.#lastProposed + 1);
  }

  activate(): number {
    this.#config = this.reconfig!.config;
    this.reconfig = null;
    return this.#commit();
  }

  ack(serverId: number, zxid: number): number {
    if (zxid > this.#lastProposed) return this.committed;
    for (const proposal of this.#outstanding) {
      if (proposal.zxid <= zxid) proposal.ackers.add(serverId);
    }
    return this.#commit();
  }

  reset(serverId: number): void {
    for (const { ackers } of this.#outstanding) ackers.delete(serverId);
  }

  isVoter(serverId: number): boolean {
    const configs = [this.#config, ...this.#outstanding.flatMap(({ configs }) => configs)];
    return configs.some(({ voters }) => voters.has(serverId));
  }

  #commit(): number {
    for (;;) {
      const [head] = this.#outstanding;
      if (head === undefined || head.zxid > (this.reconfig?.zxid ?? Infinity)) {
        return this.committed;
      }
      if (!head.configs.every((config) => config.isQuorum(head.ackers))) return this.committed;
      this.committed = head.zxid;
      this.#outstanding.shift();
    }
  }
}
