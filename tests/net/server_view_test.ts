import assert from "node:assert/strict";
import type { ClientListener } from "../../net/client_listener.ts";
import { dumpLines } from "../../net/four_letter_dumps.ts";
import { formatJavaDate } from "../../net/java_date.ts";
import { ServerView } from "../../net/server_view.ts";
import { makeConfig, ServerFixture } from "../fuzz/server_fixture.ts";
import { SeededRandom } from "../support/seeded_random.ts";

Deno.test("ServerView has sessions and connections that end in one tick in one bucket of dump", () => {
  const config = makeConfig({ settings: { tickTime: 1000 } });
  const fixture = new ServerFixture(config);
  const { processor, tracker } = fixture;
  const connections: { client: ReturnType<typeof processor.accept>; acceptedMs: number }[] = [];
  const startMs = fixture.nowMs;
  const connect = (remotePort: number, atMs: number, id?: bigint) => {
    const client = processor.accept({ remoteAddress: "127.0.0.1", remotePort, isSecure: false });
    if (id !== undefined) {
      client.session = tracker.add({ id, timeoutMs: 4000, nowMs: startMs + atMs });
    }
    connections.push({ client, acceptedMs: startMs + atMs });
  };
  connect(1, 0, 0xan);
  connect(2, 999, 0xbn); // the last moment of the same tick
  connect(3, 1000, 0xcn);
  connect(4, 1001); // no session: sessionlessCnxnTimeout, 10 s
  tracker.add({ id: 0xdn, timeoutMs: 4000, nowMs: startMs + 1999 }); // nobody is attached to it
  fixture.nowMs = startMs + 2000;
  const view = new ServerView({
    config,
    dirs: { dataDir: "/", dataLogDir: "/", snapshotDir: "/none", logDir: "/none" },
    processor: () => processor,
    ensemble: () => null,
    sessionTable: new Map(),
    listener: { connections: new Set(connections), port: 2181 } as unknown as ClientListener,
    httpConnectionCount: () => 0,
    stats: processor.stats.server,
    metrics: processor.stats.metrics,
    clock: { monotonicMs: () => fixture.nowMs, wallMs: () => 1_795_395_612_000 },
    random: new SeededRandom(1),
    connectionDropProbability: () => 0,
  });
  const at = (seconds: number) => formatJavaDate(1_795_395_612_000 + seconds * 1000);
  const line = (port: number, id: string) => `\tip: /127.0.0.1:${port} sessionId: ${id}`;
  assert.equal(
    [...dumpLines(view)].join(""),
    [
      "SessionTracker dump:",
      "Session Sets (2)/(4):",
      `2 expire at ${at(3)}:`,
      "\t0xa",
      "\t0xb",
      `2 expire at ${at(4)}:`,
      "\t0xc",
      "\t0xd",
      "ephemeral nodes dump:",
      "Sessions with Ephemerals (0):",
      "Connections dump:",
      "Connections Sets (3)/(4):",
      `2 expire at ${at(3)}:`,
      line(1, "0xa"),
      line(2, "0xb"),
      `1 expire at ${at(4)}:`,
      line(3, "0xc"),
      `1 expire at ${at(10)}:`,
      line(4, "0x0"),
      "",
    ].join("\n"),
  );
});
