import assert from "node:assert/strict";
import { Leader } from "../../cluster/leader.ts";
import type { Member, MemberServices } from "../../cluster/member.ts";
import { Membership } from "../../cluster/membership.ts";
import { writeAckEpoch } from "../../cluster/packet_bodies.ts";
import { ProposalLog } from "../../cluster/proposal_log.ts";
import { PacketType } from "../../cluster/quorum_packet.ts";
import { makeAuthProviders } from "../../core/auth/auth_providers.ts";
import { ServerMetrics } from "../../core/metrics/server_metrics.ts";
import { ServerStats } from "../../core/server_stats.ts";
import { SessionTracker } from "../../core/session/session_tracker.ts";
import { makeZxid } from "../../core/zxid.ts";
import { nodeHashing } from "../../net/hashing.ts";
import { makeConfig } from "../fuzz/server_fixture.ts";
import { CoreServer, emptyDatabase, sessionIdOf } from "../support/core_server.ts";
import { ensembleConfig } from "../support/ensemble_config.ts";
import { LearnerEnd } from "../support/learner_end.ts";
import { SeededRandom } from "../support/seeded_random.ts";
import { silentLogger } from "../support/silent_logger.ts";

const TICK_MS = 1000;
const EPOCH_1 = makeZxid(1, 0);

/** Server 3 leads; 1 and 2 may follow, 4 and 5 observe. */
class LeadingMember {
  readonly leader: Leader;
  readonly applier = emptyDatabase();
  readonly ends: string[] = [];
  tracker: SessionTracker | null = null;
  #nowMs = 0;

  constructor(
    settings: Record<string, string | number> = {},
    sessions: ReadonlyMap<bigint, number> = new Map(),
  ) {
    const config = makeConfig({
      settings: { tickTime: TICK_MS, initLimit: 10, syncLimit: 5, ...settings },
    });
    for (const [id, timeoutMs] of sessions) this.applier.sessions.set(id, timeoutMs);
    const epochs = { acceptedEpoch: 0, currentEpoch: 0 };
    const committed = ensembleConfig({ voters: [1, 2, 3], observers: [4, 5] });
    const random = new SeededRandom(1);
    const makeProcessor: MemberServices["makeProcessor"] = (sessions, makeWrites) => {
      this.tracker = sessions as SessionTracker;
      return new CoreServer(config, sessions, makeWrites, this.applier).processor;
    };
    const member = {
      serverId: 3,
      config,
      history: {
        applier: this.applier,
        proposals: new ProposalLog({ commitLogCount: 500 }),
        epochs: {
          ...epochs,
          writeAccepted: (epoch: number) => void (epochs.acceptedEpoch = epoch),
          writeCurrent: (epoch: number) => void (epochs.currentEpoch = epoch),
        },
        lastLoggedZxid: 0,
        startsOver: false,
      },
      membership: new Membership({ committed, lastSeen: committed, store: null, onChange() {} }),
      storage: { log: { around: () => null }, setLogSource() {} },
      services: {
        providers: makeAuthProviders(config, nodeHashing),
        audit: null,
        makeProcessor,
        firstSessionId: () => sessionIdOf(3),
      },
      metrics: new ServerMetrics(random),
      stats: new ServerStats(0),
      logger: silentLogger,
    } as unknown as Member;
    this.leader = new Leader({
      member,
      nowMs: 0,
      onEstablished: () => {},
      onEnd: (reason) => void this.ends.push(reason),
    });
    this.leader.start();
  }

  advance(ms: number): void {
    this.#nowMs += ms;
    this.leader.beginTurn({ nowMs: this.#nowMs, wallMs: this.#nowMs });
  }

  joining(id: number): LearnerEnd {
    const learner = new LearnerEnd(this.leader);
    learner.info(id > 3 ? PacketType.ObserverInfo : PacketType.FollowerInfo, id);
    learner.send((writer) => writeAckEpoch(writer, 0, 0));
    return learner;
  }

  /** What the learner lacks is sent. */
  finishSync(learner: LearnerEnd): void {
    while (this.stages().includes("catchingUp")) learner.drained();
    learner.skip();
  }

  stages(): string[] {
    return [...this.leader.learners].map(({ stage }) => stage);
  }

  /** A quorum follows. */
  establish(): LearnerEnd {
    const follower = this.joining(2);
    follower.ack(EPOCH_1);
    assert.equal(this.leader.phase, "broadcast");
    follower.take();
    return follower;
  }
}

Deno.test("Leader.voterLooking() ends the wait for an epoch, when that is configured and has lasted", () => {
  const cases = [
    { limitMs: -1, atMs: 9000, voter: 1, ends: false },
    { limitMs: 2000, atMs: 1999, voter: 1, ends: false },
    { limitMs: 2000, atMs: 2000, voter: 1, ends: true },
    { limitMs: 0, atMs: 0, voter: 2, ends: true },
    { limitMs: 0, atMs: 0, voter: 4, ends: false }, // no voter
    { limitMs: 0, atMs: 0, voter: 9, ends: false },
  ];
  for (const { limitMs, atMs, voter, ends } of cases) {
    const member = new LeadingMember({ "leader.maxTimeToWaitForEpoch": limitMs });
    member.advance(atMs);
    member.leader.voterLooking(voter);
    assert.equal(member.ends.length, ends ? 1 : 0, `${limitMs} ${atMs} ${voter}`);
  }
  const established = new LeadingMember({ "leader.maxTimeToWaitForEpoch": 0 });
  established.establish();
  established.leader.voterLooking(1);
  assert.deepEqual(established.ends, []);
});

Deno.test("Leader sends so many trees to observers at one time, and as many to voters as need them", () => {
  const member = new LeadingMember({ "leader.maxConcurrentSnapSyncs": 1 });
  member.establish();
  const first = member.joining(4);
  const second = member.joining(5);
  assert.deepEqual(first.take().slice(0, 2), [`LeaderInfo ${EPOCH_1}`, `Snap ${EPOCH_1}`]);
  assert.deepEqual(second.take(), [`LeaderInfo ${EPOCH_1}`]);
  const voter = member.joining(1);
  assert.deepEqual(voter.take().slice(0, 2), [`LeaderInfo ${EPOCH_1}`, `Snap ${EPOCH_1}`]);
  assert.deepEqual(member.stages(), ["synced", "catchingUp", "waitingForSync", "catchingUp"]);
  voter.hangUp();
  assert.deepEqual(second.take(), [], "that one did not count");

  member.finishSync(first);
  assert.deepEqual(second.take(), [], "it may not have it on disk yet");
  first.ack(EPOCH_1);
  assert.deepEqual(second.take(), [`Snap ${EPOCH_1}`]);
  const third = member.joining(4);
  assert.equal(first.isClosed, true, "server 4 is on another connection now");
  assert.deepEqual(third.take(), [`LeaderInfo ${EPOCH_1}`]);
  second.hangUp();
  assert.deepEqual(third.take(), [`Snap ${EPOCH_1}`]);
});

Deno.test("Leader gives every session of its table the whole timeout when it begins to serve", () => {
  const sessions = new Map([[sessionIdOf(1), 4000], [sessionIdOf(2), 9000]]);
  const member = new LeadingMember({}, sessions);
  member.advance(8000); // the election took long
  member.establish();
  const tracker = member.tracker!;
  assert.deepEqual(tracker.expire(12_000), []);
  assert.deepEqual(tracker.expire(13_000).map(({ id }) => id), [sessionIdOf(1)]);
  assert.deepEqual(tracker.expire(17_000), []);
  assert.deepEqual(tracker.expire(18_000).map(({ id }) => id), [sessionIdOf(2)]);
  for (const id of sessions.keys()) assert.equal(tracker.get(id)!.owner, null);
});
