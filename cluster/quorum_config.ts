/**
 * Who is in the ensemble and which servers together are a quorum (quorum protocol section 14).
 *
 * Majority, or hierarchical when there are groups. Immutable: a reconfig makes another one. Knows
 * nothing of connections or of what is committed; a pair of configurations is judged by
 * {@linkcode isQuorumInBoth}.
 *
 * Invariant: with groups, every voter is in exactly one.
 *
 * @module
 */

import { assert } from "../core/assert.ts";
import { DecodeError } from "../core/errors.ts";
import type { EnsembleServer } from "../core/server_config.ts";
import { type Zxid, zxidToHex } from "../core/zxid.ts";
import type { EnsembleLine } from "./ensemble_lines.ts";
import { formatServerLine, isEnsembleLine, parseEnsembleLines } from "./ensemble_lines.ts";
import { serverWithoutGroup, splitLines } from "./ensemble_lines.ts";
import type { ServerId } from "./server_id.ts";

export class QuorumConfig {
  /** Zxid of the txn that set the membership; 0: never established. */
  readonly version: Zxid;
  /** All servers, ascending by id. */
  readonly members: ReadonlyMap<ServerId, EnsembleServer>;
  readonly voters: ReadonlySet<ServerId>;
  readonly observers: ReadonlySet<ServerId>;
  /** Empty: a majority is a quorum. */
  readonly groups: ReadonlyMap<number, readonly ServerId[]>;
  readonly #weights: ReadonlyMap<ServerId, number>;
  /** Lines without the version, in the order of {@linkcode toText}. */
  readonly #lines: readonly string[];

  /** @param x with groups or weights, every participant must be in exactly one group */
  constructor(x: {
    readonly version: Zxid;
    readonly servers: Iterable<EnsembleServer>;
    readonly groups: ReadonlyMap<number, readonly ServerId[]>;
    readonly weights: ReadonlyMap<ServerId, number>;
  }) {
    const servers = [...x.servers].sort((a, b) => a.serverId - b.serverId);
    assert(serverWithoutGroup({ ...x, servers }) === undefined, "each voter is in a group");
    this.version = x.version;
    this.members = new Map(servers.map((server) => [server.serverId, server]));
    this.voters = idsOf(servers, "participant");
    this.observers = idsOf(servers, "observer");
    this.groups = new Map([...x.groups].sort(([a], [b]) => a - b));
    this.#weights = x.weights;
    this.#lines = this.#formatLines();
  }

  /** @throws {DecodeError} for what ZooKeeper could not read either, or a version beyond 2^53 */
  static parse(text: string): QuorumConfig {
    let version = 0;
    const lines: EnsembleLine[] = [];
    for (const line of splitLines(text)) {
      if (line.key === "version") version = parseVersion(line.value);
      else if (isEnsembleLine(line.key)) lines.push(line);
      else throw new DecodeError(`Cannot use a configuration: unknown line ${quoted(line.key)}`);
    }
    const parsed = parseEnsembleLines(lines, ({ key, value }, expected) => {
      throw new DecodeError(
        `Cannot use a configuration: ${key} is ${quoted(value)}, expected ${expected}`,
      );
    });
    const ungrouped = serverWithoutGroup(parsed);
    if (ungrouped !== undefined) {
      throw new DecodeError(`Cannot use a configuration: server ${ungrouped} is in no group`);
    }
    return new QuorumConfig({ version, ...parsed });
  }

  get isHierarchical(): boolean {
    return this.groups.size > 0;
  }

  /** Whether these servers are a quorum; who is no voter does not count. */
  isQuorum(servers: ReadonlySet<ServerId>): boolean {
    return this.isHierarchical ? this.#winsGroups(servers) : this.#isMajority(servers);
  }

  /** 1 unless a weight line says otherwise. A server of weight 0 cannot be elected. */
  weightOf(serverId: ServerId): number {
    return this.#weights.get(serverId) ?? 1;
  }

  withVersion(version: Zxid): QuorumConfig {
    return new QuorumConfig({
      version,
      servers: this.members.values(),
      groups: this.groups,
      weights: this.#weights,
    });
  }

  /** As in notifications, NEWLEADER and `/zookeeper/config`: lines without a final newline. */
  toText(): string {
    return [...this.#lines, `version=${zxidToHex(this.version)}`].join("\n");
  }

  /** `server.`, `group.` and `weight.` lines, without the version. */
  toLines(): readonly string[] {
    return this.#lines;
  }

  /** Whether all but the version is equal: addresses, roles, client addresses, groups, weights. */
  hasSameMembers(other: QuorumConfig): boolean {
    return this.#lines.join("\n") === other.#lines.join("\n");
  }

  #isMajority(servers: ReadonlySet<ServerId>): boolean {
    let count = 0;
    for (const voter of this.voters) if (servers.has(voter)) count += 1;
    return count * 2 > this.voters.size;
  }

  /**
   * More than half of the weight in more than half of the groups. A group's weight is that of all it
   * names, even of who is no voter, as ZooKeeper counts it; groups that weigh nothing do not exist.
   */
  #winsGroups(servers: ReadonlySet<ServerId>): boolean {
    let groupCount = 0;
    let wonCount = 0;
    for (const group of this.groups.values()) {
      let total = 0;
      let present = 0;
      for (const serverId of group) {
        const weight = this.weightOf(serverId);
        total += weight;
        if (servers.has(serverId) && this.voters.has(serverId)) present += weight;
      }
      if (total === 0) continue;
      groupCount += 1;
      if (present * 2 > total) wonCount += 1;
    }
    return wonCount * 2 > groupCount;
  }

  #formatLines(): string[] {
    const lines = [...this.members.values()].map(formatServerLine);
    if (!this.isHierarchical) return lines;
    for (const [group, members] of this.groups) {
      lines.push(`group.${group}=${[...members].sort((a, b) => a - b).join(":")}`);
    }
    const weighed = new Set([...this.voters, ...this.#weights.keys()]);
    for (const serverId of [...weighed].sort((a, b) => a - b)) {
      lines.push(`weight.${serverId}=${this.weightOf(serverId)}`);
    }
    return lines;
  }
}

/** A quorum in `committed` and, when its version is higher, in `lastSeen` too. */
export function isQuorumInBoth(
  committed: QuorumConfig,
  lastSeen: QuorumConfig,
  servers: ReadonlySet<ServerId>,
): boolean {
  if (!committed.isQuorum(servers)) return false;
  return lastSeen.version <= committed.version || lastSeen.isQuorum(servers);
}

function idsOf(
  servers: readonly EnsembleServer[],
  role: EnsembleServer["role"],
): ReadonlySet<ServerId> {
  return new Set(servers.filter((server) => server.role === role).map((s) => s.serverId));
}

function parseVersion(text: string): Zxid {
  const version = /^[0-9a-fA-F]{1,16}$/.test(text) ? parseInt(text, 16) : NaN;
  if (!Number.isSafeInteger(version)) {
    throw new DecodeError(`Cannot use a configuration: version is ${quoted(text)}`);
  }
  return version;
}

function quoted(text: string): string {
  return JSON.stringify(text.slice(0, 100));
}
