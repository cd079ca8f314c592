/**
 * What a change of the membership would do, told before it is made: the quorum before and after, whether it would
 * be refused, and what an operator may regret.
 *
 * The refusal is that of {@linkcode reconfigure}, word by word; warnings are about what ZooKeeper lets happen.
 *
 * @module
 */
import type { ErrorCode } from "../core/errors.ts";
import type { QuorumConfig } from "./quorum_config.ts";
import { canLeadOn, type ReconfigRequest, type ReconfigState, reconfigure } from "./reconfig.ts";
import type { ServerId } from "./server_id.ts";

/** How a membership decides. */
export interface QuorumSize {
  readonly voters: readonly ServerId[];
  readonly observers: readonly ServerId[];
  /** Voters that are a quorum; null where groups and weights count. */
  readonly needed: number | null;
  /** Voters of which any so many may fail; null where groups and weights count. */
  readonly failuresTolerated: number | null;
  /** Voters that are in sync, as far as is known. */
  readonly synced: readonly ServerId[];
  /** Whether those are a quorum. */
  readonly hasQuorum: boolean;
}

export interface ReconfigPlan {
  readonly before: QuorumSize;
  /** Null when the request cannot be made a membership of. */
  readonly after: QuorumSize | null;
  /** Lines of the membership afterwards, without its version; null as `after`. */
  readonly lines: readonly string[] | null;
  /** Null: it would be done. */
  readonly refusal: { readonly err: ErrorCode; readonly reason: string } | null;
  readonly warnings: readonly string[];
}

/** @param leader null: not known */
export function planReconfig(
  request: ReconfigRequest,
  state: ReconfigState & { readonly leader: ServerId | null },
): ReconfigPlan {
  const { lastSeen, committed, syncedServers } = state;
  const before = quorumSizeOf(committed, syncedServers);
  const outcome = reconfigure(request, state);
  if (!("reason" in outcome)) {
    return { before, ...changeOf(outcome.config, { ...state, before, request }), refusal: null };
  }
  // whether all were in sync is asked last: if that is what is missing, the rest can be told
  const everybody = new Set([...syncedServers, ...lastSeen.voters, ...joiningIdsOf(request)]);
  const ideal = reconfigure(request, { ...state, syncedServers: everybody });
  const change = "reason" in ideal
    ? { after: null, lines: null, warnings: [] }
    : changeOf(ideal.config, { ...state, before, request });
  return { before, ...change, refusal: outcome };
}

export function quorumSizeOf(
  config: QuorumConfig,
  syncedServers: ReadonlySet<ServerId>,
): QuorumSize {
  const voters = [...config.voters];
  const synced = voters.filter((id) => syncedServers.has(id));
  const needed = config.isHierarchical ? null : Math.floor(voters.length / 2) + 1;
  return {
    voters,
    observers: [...config.observers],
    needed,
    failuresTolerated: needed === null ? null : voters.length - needed,
    synced,
    hasQuorum: config.isQuorum(new Set(synced)),
  };
}

function changeOf(
  next: QuorumConfig,
  { before, leader, committed, syncedServers, request }: ReconfigState & {
    readonly before: QuorumSize;
    readonly leader: ServerId | null;
    readonly request: ReconfigRequest;
  },
): Pick<ReconfigPlan, "after" | "lines" | "warnings"> {
  const after = quorumSizeOf(next, syncedServers);
  const warnings: string[] = [];
  const { voters, needed, failuresTolerated, synced } = after;
  if (needed !== null && failuresTolerated !== null) {
    if (failuresTolerated < (before.failuresTolerated ?? 0)) {
      warnings.push(
        `${failuresTolerated} failed voters would be tolerated, now it is ${before.failuresTolerated}`,
      );
    }
    if (voters.length % 2 === 0) {
      warnings.push(
        `${voters.length} voters, an even number, tolerate no more failures than ` +
          `${voters.length - 1}: have an odd number`,
      );
    }
    if (after.hasQuorum && synced.length === needed && failuresTolerated > 0) {
      warnings.push(
        `only ${synced.length} of the voters are in sync, which is just a quorum: ` +
          "if one of them fails, all writes stop",
      );
    }
  }
  const late = voters.filter((id) => !syncedServers.has(id) && !committed.voters.has(id));
  if (late.length > 0) {
    warnings.push(
      `${list(late)} would vote without being in sync: add as an observer first, and make a ` +
        "participant when it has caught up",
    );
  }
  if (leader !== null && !canLeadOn(leader, committed, next)) {
    warnings.push(`server ${leader} leads now, and would hand over to another: writes pause`);
  }
  const strangers = leavingIdsOf(request).filter((id) => !committed.members.has(id));
  if (strangers.length > 0) warnings.push(`${list(strangers)} is no member: nothing is removed`);
  return { after, lines: next.toLines(), warnings };
}

function joiningIdsOf({ joiningServers, newMembers }: ReconfigRequest): ServerId[] {
  const text = newMembers ?? joiningServers ?? "";
  return [...text.matchAll(/server\.(\d+)\s*=/g)].map(([, id]) => Number(id));
}

function leavingIdsOf({ leavingServers, newMembers }: ReconfigRequest): ServerId[] {
  if (newMembers !== null || leavingServers === null) return [];
  return leavingServers.split(",").map(Number).filter(Number.isSafeInteger);
}

function list(ids: readonly ServerId[]): string {
  return `${ids.length === 1 ? "server" : "servers"} ${ids.join(", ")}`;
}
