/**
 * What a seed draws before it begins: the ensemble's shape, its limits, its clients, and which faults
 * happen how often. Uniform settings would miss the corners, so most things are off in most seeds.
 *
 * @module
 */
import type { EnsembleServer, ServerConfig } from "../../core/server_config.ts";
import { makeConfig } from "../fuzz/server_fixture.ts";
import { SeededRandom } from "../support/seeded_random.ts";
import type { ClientSettings } from "./sim_client.ts";
import { hostName } from "./sim_network.ts";

/** Kinds of faults, each with how often it happens in a simulated minute, all members together. */
export const FAULT_KINDS = [
  "kill",
  "powerLoss",
  "powerLossOfAll",
  "pause",
  "cut",
  "partition",
  "isolate",
  "break",
  "stall",
  "slowLink",
  "clockJump",
  "slowDisk",
  "fullDisk",
  "failedSync",
  "flipBit",
  "interruptSnap",
  "wipe",
  "rollingRestart",
  "clientPause",
  "clientGone",
] as const;
export type FaultKind = (typeof FAULT_KINDS)[number];

export interface SwarmSettings {
  readonly voters: readonly number[];
  readonly observers: readonly number[];
  readonly groups: ReadonlyMap<number, readonly number[]>;
  readonly weights: ReadonlyMap<number, number>;
  readonly config: ServerConfig;
  readonly faults: Readonly<Record<FaultKind, number>>;
  readonly clientCount: number;
  readonly client: ClientSettings;
  readonly network: {
    readonly delayMsMin: number;
    readonly delayMsMax: number;
    readonly windowBytes: number;
    readonly retransmitMs: number;
  };
  readonly diskDelayMsMax: number;
  readonly proposalBytesMax: number;
  /** How far the zxids of an epoch go. */
  readonly counterMax: number;
  /** How long faults happen. */
  readonly stormMs: number;
  /** Until an operator moves the lead, at the most, again and again; 0: never. */
  readonly transferMsMax: number;
}

/** Faults that a config can plant: each must be found. */
export type Canary = "halfIsQuorum" | "ackBeforeSync" | "none";

/** Draws apart from the others: seeds that found something stand for what they stood for. */
const TRANSFER_SALT = 0x24;

export function drawSettings(random: SeededRandom): SwarmSettings {
  const voterCount = random.weighted([[6, 3], [4, 5], [1, 7], [1, 2], [1, 4]]);
  const observerCount = random.weighted([[3, 0], [2, 1], [2, 2]]);
  const ids = [...Array(voterCount + observerCount).keys()].map((i) => i + 1);
  const observers = new Set<number>();
  while (observers.size < observerCount) observers.add(random.pick(ids));
  const voters = ids.filter((id) => !observers.has(id));
  const { groups, weights } = drawGroups(random, voters);
  const tickTimeMs = random.pick([100, 200, 500, 1000]);
  const isCalm = random.chance(1, 12);
  const faults = Object.fromEntries(FAULT_KINDS.map((kind) => {
    const perMinute = random.weighted([[4, 0], [3, 2], [3, 6], [1, 20]]);
    return [kind, isCalm ? 0 : perMinute];
  })) as Record<FaultKind, number>;
  faults.powerLossOfAll = Math.min(faults.powerLossOfAll, 1);
  faults.rollingRestart = Math.min(faults.rollingRestart, 1);
  const servers = ids.map((id): EnsembleServer => ({
    serverId: id,
    role: observers.has(id) ? "observer" : "participant",
    addresses: [{ host: hostName(id), quorumPort: 2888, electionPort: 3888 }],
    clientHost: null,
    clientPort: null,
    secureClientHost: null,
    secureClientPort: null,
  }));
  const base = baseConfig();
  const config: ServerConfig = {
    ...base,
    tickTimeMs,
    minSessionTimeoutMs: tickTimeMs * 2,
    maxSessionTimeoutMs: tickTimeMs * 20,
    snapCount: random.pick([5, 20, 60, 200, 100_000]),
    preAllocSizeBytes: random.pick([0, 4096, 16384]),
    globalOutstandingLimit: random.pick([1000, 1000, 10]),
    requestThrottleMaxRequests: random.pick([0, 0, 8]),
    txnLogSizeLimitBytes: random.pick([0, 0, 20_000]),
    digestEnabled: !random.chance(1, 10),
    serializeLastProcessedZxid: random.chance(1, 2),
    flushDelayMs: 0,
    readOnlyModeEnabled: random.chance(1, 2),
    ensemble: {
      ...base.ensemble,
      isMember: true,
      servers,
      groups,
      weights,
      initLimitTicks: random.pick([5, 10]),
      syncLimitTicks: random.pick([3, 5]),
      leaderConnectDelayDuringRetryMs: 100,
      cnxTimeoutMs: random.pick([500, 5000]),
      quorumCnxnTimeoutMs: tickTimeMs * 5,
      minNotificationIntervalMs: 200,
      maxNotificationIntervalMs: random.pick([1000, 60_000]),
      snapshotSizeFactor: random.pick([0.33, 0, 0, -1]),
      forceSnapshotSync: random.chance(1, 12),
      quorumListenOnAllIps: random.chance(1, 4),
      observerMasterPort: random.pick([0, 2191, 2191]),
      observerReconnectDelayMs: random.pick([0, 200]),
      maxConcurrentSnapSyncs: random.pick([1, 10]),
      maxConcurrentDiffSyncs: random.pick([1, 100]),
      maxTimeToWaitForEpochMs: random.pick([-1, 1000]),
    },
  };
  // thousands of snapshots of a megabyte would fill the memory
  const dataBytesLimit = config.snapCount < 60 ? 3000 : Infinity;
  return {
    voters,
    observers: [...observers].sort((a, b) => a - b),
    groups,
    weights,
    config,
    faults,
    clientCount: random.between(2, 4),
    client: {
      sessionTimeoutMs: tickTimeMs * random.pick([4, 10, 20]),
      thinkMsMax: random.pick([40, 150, 400]),
      depthMax: random.pick([1, 3, 10]),
      topCount: random.pick([2, 5]),
      dataBytesMax: Math.min(random.pick([10, 3000, 30_000]), dataBytesLimit),
      readShare: random.pick([20, 50, 80]),
    },
    network: {
      delayMsMin: 0.1,
      delayMsMax: random.pick([1, 5, 40]),
      windowBytes: random.pick([4 << 10, 64 << 10, 1 << 20]),
      retransmitMs: random.pick([1000, 15_000]),
    },
    diskDelayMsMax: random.pick([0, 3, 20]),
    proposalBytesMax: random.pick([1 << 30, 1 << 30, 4000]),
    counterMax: random.pick([0xffff_fffe, 0xffff_fffe, 0xffff_fffe, 200, 600]),
    stormMs: random.pick([10_000, 20_000, 30_000]),
    transferMsMax: new SeededRandom(random.seed ^ TRANSFER_SALT)
      .weighted([[3, 0], [1, 3000], [1, 12_000]]),
  };
}

/** A member's own view of the settings. */
export function configOf(id: number, settings: SwarmSettings, canary: Canary): ServerConfig {
  const { config, observers, voters } = settings;
  const planted = canary === "ackBeforeSync" ? { forceSync: false } : {};
  let { ensemble } = config;
  if (canary === "halfIsQuorum" && voters.length > 2) {
    // each counts itself for so much that it needs only half of all, to which others' halves are foreign
    const weights = new Map(voters.map((voter) => [voter, 1]));
    weights.set(id, voters.length - 2);
    ensemble = { ...ensemble, groups: new Map([[1, voters]]), weights };
  }
  return {
    ...config,
    ...planted,
    serverId: id,
    sessionServerId: id,
    myid: id,
    ensemble: { ...ensemble, peerType: observers.includes(id) ? "observer" : "participant" },
  };
}

function drawGroups(random: SeededRandom, voters: readonly number[]) {
  const groups = new Map<number, readonly number[]>();
  const weights = new Map<number, number>();
  if (voters.length >= 5 && random.chance(1, 4)) {
    const count = voters.length === 5 ? 1 : 3;
    for (let group = 1; group <= count; group++) {
      groups.set(group, voters.filter((_, i) => i % count === group - 1));
    }
    for (const voter of voters) weights.set(voter, random.weighted([[5, 1], [1, 2]]));
    if (count === 1 && random.chance(1, 3)) weights.set(voters[0]!, 0);
  }
  return { groups, weights };
}

let base: ServerConfig | null = null;

function baseConfig(): ServerConfig {
  return base ??= makeConfig();
}
