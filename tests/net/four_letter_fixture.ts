/**
 * The server whose answers are recorded in `tests/testdata/four_letter_words`, as plain data: two
 * sessions with ephemerals and watches, and the connection that asks.
 *
 * @module
 */
import { SERVER_GAUGES } from "../../core/metrics/gauge_names.ts";
import { ServerMetrics } from "../../core/metrics/server_metrics.ts";
import { ServerStats } from "../../core/server_stats.ts";
import type {
  ConnectionInfo,
  ConnectionSessionInfo,
  ExpiryDump,
  FourLetterContext,
} from "../../net/four_letter_context.ts";
import { SeededRandom } from "../support/seeded_random.ts";

export const FIRST = 0x100001e3d0c0000n;
export const SECOND = 0x100001e3d0c0001n;

const AFTER_CRST = {
  lastOperation: "NA",
  lastCxid: -1,
  lastZxid: -1,
  lastResponseMs: 0,
  lastLatencyMs: 0,
  minLatencyMs: 0,
  avgLatencyMs: 0,
  maxLatencyMs: 0,
};

export const FIRST_SESSION: ConnectionSessionInfo = {
  sessionId: FIRST,
  lastOperation: "GETC",
  establishedMs: 1795394409921,
  timeoutMs: 10000,
  lastCxid: 0x87,
  lastZxid: 0x87,
  lastResponseMs: 1982434,
  lastLatencyMs: 2,
  minLatencyMs: 0,
  avgLatencyMs: 1,
  maxLatencyMs: 15,
};

export const SECOND_SESSION: ConnectionSessionInfo = {
  sessionId: SECOND,
  lastOperation: "GETD",
  establishedMs: 1795394409940,
  timeoutMs: 30000,
  lastCxid: 0x2,
  lastZxid: 0x87,
  lastResponseMs: 1982435,
  lastLatencyMs: 1,
  minLatencyMs: 0,
  avgLatencyMs: 1,
  maxLatencyMs: 1,
};

export function connectionOf(
  remotePort: number,
  packets: { received: number; sent: number },
  session: ConnectionSessionInfo | null,
): ConnectionInfo {
  return {
    remoteAddress: "127.0.0.1",
    remotePort,
    interestOps: session === null ? 0 : 1,
    outstandingRequestCount: 0,
    packetsReceived: packets.received,
    packetsSent: packets.sent,
    session,
  };
}

export function expiryDumpOf<Item>(buckets: [time: string, items: Item[]][]): ExpiryDump<Item> {
  return {
    bucketCount: buckets.length,
    itemCount: buckets.reduce((count, [, items]) => count + items.length, 0),
    buckets: buckets.map(([time, items]) => ({
      expiresAtMs: Date.parse(time),
      deadlineMs: 0,
      itemCount: items.length,
      items,
    })),
  };
}

/** The recorded server; a test passes what is different in it. */
export function recordedContext(changes: Partial<FourLetterContext> = {}): FourLetterContext {
  const metrics = new ServerMetrics(new SeededRandom(1));
  metrics.registerGauges(Object.fromEntries(SERVER_GAUGES.map((name) => [name, () => 0])));
  const context: FourLetterContext = {
    isServing: true,
    isReadOnly: false,
    mode: "standalone",
    peerState: null,
    version: "3.8.0-${mvngit.commit.id}, built on 2024-12-29 17:54 UTC",
    stats: recordedStats(),
    metrics,
    lastProcessedZxid: 0x87,
    nodeCount: 8,
    outstandingRequestCount: 0,
    connectionCount: 3,
    configuration: () => ({
      clientPort: 2181,
      secureClientPort: -1,
      dataDir: "/var/lib/zookeeper/version-2",
      dataLogDir: "/var/lib/zookeeper/version-2",
      tickTimeMs: 2000,
      maxClientCnxns: 60,
      minSessionTimeoutMs: 4000,
      maxSessionTimeoutMs: 40000,
      clientPortListenBacklog: -1,
      serverId: 0,
      ensemble: null,
    }),
    dataDirSizes: () => ({ dataDirBytes: 67109337, dataLogDirBytes: 67109337 }),
    connections: () => [
      connectionOf(34970, { received: 3, sent: 3 }, SECOND_SESSION),
      connectionOf(34992, { received: 1, sent: 0 }, null),
      connectionOf(34956, { received: 136, sent: 136 }, FIRST_SESSION),
    ],
    sessions: () => ({
      kind: "owner",
      sessions: expiryDumpOf([
        ["2026-11-23T00:40:21Z", [FIRST]],
        ["2026-11-23T00:40:41Z", [SECOND]],
      ]),
    }),
    ephemerals: () => ({
      sessionCount: 2,
      sessions: [
        { sessionId: FIRST, paths: ["/app/eph"] },
        { sessionId: SECOND, paths: ["/other"] },
      ],
    }),
    connectionExpiry: () => {
      const remoteAddress = "127.0.0.1";
      return expiryDumpOf([
        ["2026-11-23T00:40:27Z", [
          { remoteAddress, remotePort: 34956, sessionId: FIRST },
          { remoteAddress, remotePort: 35014, sessionId: 0n },
        ]],
        ["2026-11-23T00:40:47Z", [{ remoteAddress, remotePort: 34970, sessionId: SECOND }]],
      ]);
    },
    watchSummary: () => ({ connectionCount: 2, pathCount: 2, watchCount: 3 }),
    watchesBySession: () => [
      { sessionId: SECOND, paths: ["/app"] },
      { sessionId: FIRST, paths: ["/app", "/app/missing"] },
    ],
    watchesByPath: () => [
      { path: "/app", sessionIds: [FIRST, SECOND] },
      { path: "/app/missing", sessionIds: [FIRST] },
    ],
    digests: () => [{ zxid: 0x80, digest: 8482857166n }],
    environment: () => [["zookeeper.version", "3.8.0"], ["host.name", "localhost"]],
    traceMask: 306n,
    resetConnectionStats: () => {},
    resetServerStats: () => {},
  };
  return { ...context, ...changes };
}

/** `cons` after `crst`: what is known of a session but not counted stays. */
export function connectionsAfterCrst(): ConnectionInfo[] {
  const nothing = { received: 0, sent: 0 };
  return [
    connectionOf(34970, nothing, { ...SECOND_SESSION, ...AFTER_CRST }),
    connectionOf(34956, nothing, { ...FIRST_SESSION, ...AFTER_CRST }),
    connectionOf(35108, { received: 1, sent: 0 }, null),
  ];
}

/** 139 replies: `0/1.0144/15`. */
function recordedStats(): ServerStats {
  const stats = new ServerStats(0);
  stats.packetsReceived = 151;
  stats.packetsSent = 152;
  stats.addLatency(15);
  for (let count = 0; count < 126; count += 1) stats.addLatency(1);
  for (let count = 0; count < 12; count += 1) stats.addLatency(0);
  return stats;
}
