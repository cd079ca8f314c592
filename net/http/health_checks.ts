/**
 * What the health of a server is judged by: checks by name, each with what is so and, if it is wrong, what to
 * do. Pure: the server is seen through a {@linkcode HealthSource}.
 *
 * - live: the event loop turns, and the disk answers. Nothing that a restart would not mend counts: a
 *   server without a quorum is alive.
 * - ready: it answers clients, and what it answers is part of a quorum. Strictly, it also will be in the
 *   next minutes: lag, delay, the disks.
 * - started: the data are loaded, and clients were answered once.
 *
 * @module
 */
import type { DiskSpace } from "../disk_usage.ts";
import type { ServerMode } from "../four_letter_context.ts";

/** The server, as far as its health depends on it; times are monotonic. */
export interface HealthSource {
  readonly nowMs: number;
  /**
   * `loading`: the data are read from disk, and nothing else runs yet. `restoring`: they are replaced by a
   * snapshot that an operator sent.
   */
  readonly stage: "loading" | "running" | "restoring" | "stopping";
  /** In the tree, which fills while the data are loaded. */
  readonly znodeCount: number;
  /** When the server's timer ran last; null before it is started. */
  readonly tickedMs: number | null;
  /** How late it came. */
  readonly loopDelayMs: number;
  /** Null: no sync of the txn log is under way. */
  readonly syncingSinceMs: number | null;
  readonly logDir: string;

  readonly isServing: boolean;
  readonly isReadOnly: boolean;
  /** False while the disk is full. */
  readonly acceptsWrites: boolean;
  /** Clients were answered at some time. */
  readonly hasServed: boolean;
  readonly mode: ServerMode | "looking" | "starting";
  /** `looking`, `following - proposals`; null when it stands alone. */
  readonly peerState: string | null;
  /** Null when it stands alone, or is loading. */
  readonly ensemble: EnsembleHealth | null;
  disks(): Iterable<DiskSpace>;
}

export interface EnsembleHealth {
  readonly voterCount: number;
  /** Voters that an election can reach, this server included. */
  readonly connectedVoterCount: number;
  /** Who leads as far as we know; null: nobody. */
  readonly leader: number | null;
  /** When the leader was last heard of; null on the leader itself, and without one. */
  readonly leaderHeardMs: number | null;
  /** Txns that are in our log and not in our tree. */
  readonly uncommittedCount: number;
  /** A silence so long ends the role. */
  readonly syncLimitMs: number;
}

export interface HealthCheck {
  readonly name: string;
  readonly ok: boolean;
  /** What is so, and, if it is wrong, what to do. */
  readonly detail: string;
}

/** Longer than any disk takes that works; a leader is deposed before. */
const FSYNC_STUCK_MS = 30_000;
/** Writes have waited for so long that their clients begin to give up. */
const FSYNC_SLOW_MS = 5000;
/** A timer that comes later than this comes never: others have the event loop. */
const TICK_LOST_MS = 30_000;
const LOOP_DELAY_MS_MAX = 1000;
/** More than are ever under way in health. */
const UNCOMMITTED_COUNT_MAX = 10_000;
/** Room below which the disk is called nearly full: this, or 5 % where that is less. */
const FREE_BYTES_MIN = 1 << 30;
const FREE_PART_MIN = 0.05;

export function liveChecks(source: HealthSource): HealthCheck[] {
  const { nowMs, tickedMs, syncingSinceMs, logDir } = source;
  const sinceTickMs = tickedMs === null ? 0 : nowMs - tickedMs;
  const syncMs = syncingSinceMs === null ? 0 : nowMs - syncingSinceMs;
  return [
    check("event-loop", sinceTickMs <= TICK_LOST_MS, {
      good: "the event loop turns",
      bad:
        `the server's timer has not run for ${
          seconds(sinceTickMs)
        }: restart the server, and report ` +
        "what its clients were doing",
    }),
    check("fsync", syncMs <= FSYNC_STUCK_MS, {
      good: syncingSinceMs === null
        ? "no sync of the txn log is under way"
        : `a sync of the txn log has been under way for ${seconds(syncMs)}`,
      bad: `a sync of the txn log has been under way for ${seconds(syncMs)}, and the limit is ` +
        `${
          seconds(FSYNC_STUCK_MS)
        }: the disk of ${logDir} does not answer; look at the kernel's log, and ` +
        "restart the server on a disk that works",
    }),
  ];
}

export function readyChecks(source: HealthSource): HealthCheck[] {
  const problem = stageProblem(source);
  if (problem !== null) return [{ name: "serving", ok: false, detail: problem }];
  const { isServing, isReadOnly, acceptsWrites, logDir } = source;
  return [
    check("serving", isServing && !isReadOnly, {
      good: servingText(source),
      bad: isReadOnly ? READ_ONLY : notServingText(source),
    }),
    check("disk-full", acceptsWrites, {
      good: "the txn log can be written",
      bad:
        `the disk of ${logDir} is full: writes are refused until there is room; delete what is not ` +
        "the server's, or make the disk larger",
    }),
  ];
}

export function strictChecks(source: HealthSource): HealthCheck[] {
  const { ensemble, loopDelayMs, nowMs, syncingSinceMs, logDir } = source;
  const syncMs = syncingSinceMs === null ? 0 : nowMs - syncingSinceMs;
  const checks: HealthCheck[] = [];
  if (ensemble !== null) {
    const { uncommittedCount, leaderHeardMs, syncLimitMs } = ensemble;
    checks.push(check("lag", uncommittedCount <= UNCOMMITTED_COUNT_MAX, {
      good: `${uncommittedCount} txns of our log are not committed yet`,
      bad: `${uncommittedCount} txns of our log are not committed yet, and the limit is ` +
        `${UNCOMMITTED_COUNT_MAX}: reads here are old; look at the other servers' disks and network`,
    }));
    const silentMs = leaderHeardMs === null ? 0 : nowMs - leaderHeardMs;
    checks.push(check("leader-contact", silentMs <= syncLimitMs / 2, {
      good: leaderHeardMs === null
        ? "this server has no leader to hear of"
        : `the leader was heard of ${seconds(silentMs)} ago`,
      bad: `nothing was heard of the leader for ${seconds(silentMs)}, and after ` +
        `${seconds(syncLimitMs)} it is given up: look at the network to server ${ensemble.leader}`,
    }));
  }
  checks.push(check("fsync", syncMs <= FSYNC_SLOW_MS, {
    good: "the txn log is synced in time",
    bad: `a sync of the txn log has been under way for ${seconds(syncMs)}, and the limit is ` +
      `${
        seconds(FSYNC_SLOW_MS)
      }: writes that need this server wait for it; look at the disk of ${logDir}`,
  }));
  checks.push(check("event-loop-delay", loopDelayMs <= LOOP_DELAY_MS_MAX, {
    good: `the last timer came ${seconds(loopDelayMs)} late`,
    bad: `the last timer came ${seconds(loopDelayMs)} late, and the limit is ` +
      `${seconds(LOOP_DELAY_MS_MAX)}: the machine or its memory is overloaded, or was suspended`,
  }));
  for (const { use, directory, freeBytes, sizeBytes } of source.disks()) {
    const neededBytes = Math.min(FREE_BYTES_MIN, sizeBytes * FREE_PART_MIN);
    checks.push(check(`disk-room-${use}`, freeBytes >= neededBytes, {
      good: `${mebibytes(freeBytes)} are free in ${directory}`,
      bad:
        `${mebibytes(freeBytes)} are free in ${directory}, and ${
          mebibytes(neededBytes)
        } should be: ` +
        "make room before writes are refused; autopurge.snapRetainCount says what is kept",
    }));
  }
  return checks;
}

export function startupChecks(source: HealthSource): HealthCheck[] {
  const isLoaded = source.stage !== "loading";
  return [
    check("loaded", isLoaded, {
      good: "the data are loaded",
      bad: loadingText(source),
    }),
    check("joined", source.hasServed, {
      good: "clients have been answered",
      bad: isLoaded ? notServingText(source) : "not before the data are loaded",
    }),
  ];
}

const READ_ONLY =
  "read-only mode: there is no quorum, and only clients that agree to old data are answered; start the " +
  "other servers, or mend the network between them";

function loadingText({ znodeCount }: HealthSource): string {
  return `the data are being loaded, ${znodeCount} znodes so far: wait`;
}

function stageProblem(source: HealthSource): string | null {
  switch (source.stage) {
    case "loading":
      return loadingText(source);
    case "restoring":
      return "a snapshot is being restored: wait";
    case "stopping":
      return "the server stops";
    case "running":
      return null;
  }
}

function servingText({ mode, ensemble }: HealthSource): string {
  if (ensemble === null) return "it stands alone and answers clients";
  if (mode === "leader") return "it leads the ensemble and answers clients";
  return `it is ${
    mode === "observer" ? "an observer" : "a follower"
  } of server ${ensemble.leader} ` +
    "and answers clients";
}

function notServingText({ mode, peerState, ensemble }: HealthSource): string {
  if (ensemble === null) return "clients are not answered yet: wait";
  const { leader, voterCount, connectedVoterCount } = ensemble;
  if (leader === null || peerState === "looking") {
    return `there is no leader: ${connectedVoterCount} of ${voterCount} voters are connected for an ` +
      `election; look whether the others run, and can be reached at their election ports`;
  }
  if (mode === "leader" && peerState === "leading - broadcast") {
    return "it leads, and takes no clients: leaderServes=no";
  }
  if (mode === "leader") {
    return `it was elected, and waits for a quorum to follow it (${peerState}): look whether the others ` +
      "reach its quorum port";
  }
  return `it is not in sync with its leader, server ${leader} (${peerState}): wait, a large database ` +
    "takes minutes; if it never ends, raise initLimit";
}

function check(
  name: string,
  ok: boolean,
  { good, bad }: { good: string; bad: string },
): HealthCheck {
  return { name, ok, detail: ok ? good : bad };
}

function seconds(ms: number): string {
  return `${(Math.max(0, ms) / 1000).toFixed(1)} s`;
}

function mebibytes(bytes: number): string {
  return Number.isFinite(bytes) ? `${Math.floor(bytes / (1 << 20))} MiB` : "unknown many MiB";
}
