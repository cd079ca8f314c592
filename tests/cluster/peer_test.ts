import assert from "node:assert/strict";
import type { Member } from "../../cluster/member.ts";
import { Membership } from "../../cluster/membership.ts";
import { Peer } from "../../cluster/peer.ts";
import { ServerMetrics } from "../../core/metrics/server_metrics.ts";
import { makeConfig } from "../fuzz/server_fixture.ts";
import { ensembleConfig } from "../support/ensemble_config.ts";
import { SeededRandom } from "../support/seeded_random.ts";
import { keepingLogger, type LogLine } from "../support/silent_logger.ts";

const ONE_MINUTE_MS = 60_000;

Deno.test("Peer waits longer each time between elections whose role cannot begin, at most 3 s", () => {
  const lines: LogLine[] = [];
  const logger = keepingLogger(lines);
  const random = new SeededRandom(1);
  const committed = ensembleConfig({ voters: [1] }); // it elects itself at once
  const three = ensembleConfig({ voters: [1, 2, 3] });
  const metrics = new ServerMetrics(random);
  const member = {
    serverId: 1,
    config: makeConfig(),
    history: { epochs: { currentEpoch: 0, acceptedEpoch: 0 }, lastLoggedZxid: 0 },
    membership: new Membership({ committed: three, lastSeen: three, store: null, onChange() {} }),
    storage: { flushLog() {}, setLogSource() {} },
    metrics,
    logger,
  } as unknown as Member;
  const startedMs: number[] = [];
  let nowMs = 0;
  const peer = new Peer({
    member,
    random,
    elector: {
      serverId: 1,
      peerType: "participant",
      committed,
      lastSeen: committed,
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
      listenForLearners: () => (startedMs.push(nowMs), "it is taken"),
      stopListening() {},
      listenForObservers: () => null,
      stopListeningForObservers() {},
      connectToLeader() {},
      serve() {},
    },
  });
  peer.beginTurn({ nowMs, wallMs: nowMs });
  peer.start();
  peer.endTurn();
  while (nowMs < ONE_MINUTE_MS) {
    nowMs = Math.max(nowMs + 1, peer.nextTickMs);
    peer.beginTurn({ nowMs, wallMs: nowMs });
    peer.tick();
    peer.endTurn();
  }
  const waits = startedMs.slice(1).map((atMs, i) => atMs - startedMs[i]!);
  assert.deepEqual(waits.slice(0, 10), [1, 1, 100, 200, 400, 800, 1600, 3000, 3000, 3000]);
  assert.equal(Math.max(...waits), 3000);
  assert.equal(metrics.lookingCount.value, startedMs.length);
  const reasons = lines.filter(({ level }) => level === "warn").map(({ fields }) => fields.reason);
  assert.equal(reasons[0], "the quorum port cannot be opened: it is taken");
});
