import assert from "node:assert/strict";
import { encodeFrame } from "../../cluster/election_stream.ts";
import { encodeHello } from "../../cluster/hello.ts";
import type { Member } from "../../cluster/member.ts";
import { Membership } from "../../cluster/membership.ts";
import { encodeNotification } from "../../cluster/notification.ts";
import { Peer } from "../../cluster/peer.ts";
import { ServerMetrics } from "../../core/metrics/server_metrics.ts";
import { makeConfig } from "../fuzz/server_fixture.ts";
import { ensembleConfig } from "../support/ensemble_config.ts";
import { SeededRandom } from "../support/seeded_random.ts";
import { keepingLogger, type LogLine } from "../support/silent_logger.ts";

const ONE_MINUTE_MS = 60_000;

/** A peer that elects itself, again and again, and whose quorum port is taken. */
class Fruitless {
  readonly lines: LogLine[] = [];
  readonly metrics: ServerMetrics;
  readonly peer: Peer;
  /** When it tried to lead. */
  readonly startedMs: number[] = [];
  nowMs = 0;

  /** @param electors who takes part in elections besides; none of them is needed */
  constructor(electors: readonly number[] = []) {
    const logger = keepingLogger(this.lines);
    const random = new SeededRandom(1);
    const committed = ensembleConfig({ voters: [1] });
    const lastSeen = ensembleConfig({ voters: [1, ...electors] });
    const three = ensembleConfig({ voters: [1, 2, 3] });
    this.metrics = new ServerMetrics(random);
    const member = {
      serverId: 1,
      config: makeConfig(),
      history: { epochs: { currentEpoch: 0, acceptedEpoch: 0 }, lastLoggedZxid: 0 },
      membership: new Membership({
        committed: three,
        lastSeen: three,
        store: null,
        onChange() {},
      }),
      storage: { flushLog() {}, setLogSource() {} },
      metrics: this.metrics,
      logger,
    } as unknown as Member;
    this.peer = new Peer({
      member,
      random,
      elector: {
        serverId: 1,
        peerType: "participant",
        committed,
        lastSeen,
        reconfigEnabled: false,
        notificationIntervalMsMin: 200,
        notificationIntervalMsMax: 60_000,
        isMultiAddress: false,
        handshakeTimeoutMs: 1000,
        auth: null,
        ownAddresses: [{ host: "127.0.0.1", port: 1 }],
        logger,
      },
      ports: {
        election() {},
        listenForLearners: () => (this.startedMs.push(this.nowMs), "it is taken"),
        stopListening() {},
        listenForObservers: () => null,
        stopListeningForObservers() {},
        connectToLeader() {},
        serve() {},
      },
    });
    this.turn(() => this.peer.start());
  }

  turn(run: () => void): void {
    this.peer.beginTurn({ nowMs: this.nowMs, wallMs: this.nowMs });
    run();
    this.peer.endTurn();
  }

  runUntil(endMs: number): void {
    while (this.nowMs < endMs) {
      this.nowMs = Math.max(this.nowMs + 1, this.peer.nextTickMs);
      this.turn(() => this.peer.tick());
    }
  }
}

Deno.test("Peer waits longer each time between elections whose role cannot begin, at most 3 s", () => {
  const fruitless = new Fruitless();
  fruitless.runUntil(ONE_MINUTE_MS);
  const { lines, metrics, startedMs } = fruitless;
  const waits = startedMs.slice(1).map((atMs, i) => atMs - startedMs[i]!);
  assert.deepEqual(waits.slice(0, 10), [1, 1, 100, 200, 400, 800, 1600, 3000, 3000, 3000]);
  assert.equal(Math.max(...waits), 3000);
  assert.equal(metrics.lookingCount.value, startedMs.length);
  const reasons = lines.filter(({ level }) => level === "warn").map(({ fields }) => fields.reason);
  assert.equal(reasons[0], "the quorum port cannot be opened: it is taken");
});

Deno.test("Peer that waits looks for a leader at once when another voter does", () => {
  const fruitless = new Fruitless([2]);
  fruitless.runUntil(ONE_MINUTE_MS);
  const { nowMs, peer, metrics } = fruitless;
  fruitless.runUntil(nowMs + 3000); // somewhere in a wait
  while (peer.elector.state === "LOOKING") fruitless.runUntil(fruitless.nowMs + 1);
  const lookingCount = metrics.lookingCount.value;
  const hello = encodeHello({
    serverId: 2,
    addresses: [{ host: "127.0.0.1", port: 3002 }],
    isMultiAddress: false,
  });
  const vote = { leader: 2, zxid: 0, electionEpoch: 1, peerEpoch: 0 };
  const configText = ensembleConfig({ voters: [1, 2] }).toText();
  const frame = encodeFrame(
    encodeNotification({ state: "LOOKING", vote, version: 2, configText }),
  );
  const atMs = fruitless.nowMs;
  fruitless.turn(() => {
    peer.electionInput({ kind: "accepted", link: 1, remoteAddress: "x", nowMs: atMs });
    for (const bytes of [hello, frame]) {
      peer.electionInput({ kind: "received", link: 1, bytes, nowMs: atMs });
    }
  });
  assert(peer.nextTickMs <= atMs);
  fruitless.turn(() => peer.tick());
  assert.equal(metrics.lookingCount.value, lookingCount + 1);
});
