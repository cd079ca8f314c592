/**
 * A server's whole part in elections: the algorithm, and the connections it speaks over.
 *
 * What sockets bring goes in, what sockets are to do comes out, together with the outcome; the shell and
 * the simulator both drive it so. Time comes with each input, and `nextDeadlineMs` says when the next
 * tick is due.
 *
 * @module
 */
import type { Zxid } from "../core/zxid.ts";
import { Election, type ElectionEffect, type ElectionOptions } from "./election.ts";
import {
  ElectionLinks,
  type ElectionLinksEffect,
  type ElectionLinksInput,
  type ElectionLinksOptions,
} from "./election_links.ts";
import type { ElectionAddress } from "./hello.ts";
import { decodeNotification, encodeNotification } from "./notification.ts";
import type { QuorumConfig } from "./quorum_config.ts";
import type { ServerId, ServerState } from "./server_id.ts";
import type { Vote } from "./vote.ts";

export interface ElectorOptions extends ElectionOptions, ElectionLinksOptions {
  /** Where we listen, while no configuration names us. */
  readonly ownAddresses: readonly ElectionAddress[];
}

/** What the sockets of elections bring, as `ElectionLinksInput` explains it. */
export type ElectionSocketInput = Exclude<
  ElectionLinksInput,
  { kind: "send" | "connectAll" | "tick" }
>;

export type ElectorInput =
  | ElectionSocketInput
  /** See `Election.startLooking`. */
  | {
    kind: "startLooking";
    lastLoggedZxid: Zxid;
    currentEpoch: number;
    leadAtMs?: number;
    nowMs: number;
  }
  | { kind: "tick"; nowMs: number };

/** What the sockets of elections are to do, as `ElectionLinksEffect` explains it. */
export type ElectionSocketEffect = Extract<
  ElectionLinksEffect,
  { kind: "dial" | "write" | "close" }
>;

export type ElectorEffect =
  | ElectionSocketEffect
  /** As `ElectionEffect` explains them. */
  | Extract<ElectionEffect, { kind: "decided" | "adoptConfig" | "voterLooking" }>;

export class Elector {
  readonly #options: ElectorOptions;
  readonly #election: Election;
  readonly #links: ElectionLinks;
  /** As the last configuration that named us said. */
  #ownAddresses: readonly ElectionAddress[];

  constructor(options: ElectorOptions) {
    this.#options = options;
    this.#ownAddresses = options.ownAddresses;
    const problemOf = (serverId: ServerId) => this.#links.problemOf(serverId);
    this.#election = new Election({ ...options, problemOf });
    this.#links = new ElectionLinks(options);
    this.#setMembers(options);
  }

  get state(): ServerState {
    return this.#election.state;
  }

  /** See `Election.currentVote`. */
  get currentVote(): Vote | null {
    return this.#election.currentVote;
  }

  /** Servers with an election connection, ascending. */
  get connected(): ServerId[] {
    return this.#links.connected;
  }

  /** See `ElectionLinks.problemOf`. */
  problemOf(serverId: ServerId): string | null {
    return this.#links.problemOf(serverId);
  }

  /** When a tick has something to do; null: never. Changes with every step. */
  get nextDeadlineMs(): number | null {
    const election = this.#election.nextDeadlineMs ?? Infinity;
    const deadlineMs = Math.min(election, this.#links.nextDeadlineMs ?? Infinity);
    return deadlineMs === Infinity ? null : deadlineMs;
  }

  setConfigs(configs: { committed: QuorumConfig; lastSeen: QuorumConfig }): void {
    this.#election.setConfigs(configs);
    this.#setMembers(configs);
  }

  /** See `Election.takeRole`. */
  takeRole(next: { leader: ServerId; zxid: Zxid }): Exclude<ServerState, "LOOKING"> {
    return this.#election.takeRole(next);
  }

  /** See `Election.epochEstablished`. */
  epochEstablished(epoch: number): void {
    this.#election.epochEstablished(epoch);
  }

  step(input: ElectorInput): ElectorEffect[] {
    const { nowMs } = input;
    switch (input.kind) {
      case "startLooking":
        return this.#elected(this.#election.startLooking(input), nowMs);
      case "tick":
        return [
          ...this.#linked(this.#links.step(input), nowMs),
          ...this.#elected(this.#election.tick(nowMs), nowMs),
        ];
      default:
        return this.#linked(this.#links.step(input), nowMs);
    }
  }

  #elected(effects: readonly ElectionEffect[], nowMs: number): ElectorEffect[] {
    const result: ElectorEffect[] = [];
    for (const effect of effects) {
      switch (effect.kind) {
        case "send": {
          const message = encodeNotification(effect.notification);
          const links = this.#links.step({ kind: "send", to: effect.to, message, nowMs });
          result.push(...this.#linked(links, nowMs));
          break;
        }
        case "connectAll":
          result.push(...this.#linked(this.#links.step({ kind: "connectAll", nowMs }), nowMs));
          break;
        case "adoptConfig":
          this.#setMembers(this.#election.configs);
          result.push(effect);
          break;
        default:
          result.push(effect);
      }
    }
    return result;
  }

  #linked(effects: readonly ElectionLinksEffect[], nowMs: number): ElectorEffect[] {
    const result: ElectorEffect[] = [];
    for (const effect of effects) {
      switch (effect.kind) {
        case "message":
          result.push(...this.#message({ ...effect, nowMs }));
          break;
        case "peerPresent":
          this.#election.peerPresent(effect.serverId);
          break;
        case "peerAbsent":
          result.push(
            ...this.#elected(this.#election.peerAbsent({ ...effect, nowMs }), nowMs),
          );
          break;
        default:
          result.push(effect);
      }
    }
    return result;
  }

  #message(
    { from, message, nowMs }: { from: ServerId; message: Uint8Array; nowMs: number },
  ): ElectorEffect[] {
    const notification = decodeNotification(message);
    if ("ignored" in notification) {
      this.#options.logger.warn("notification of another server ignored", {
        from,
        problem: notification.ignored,
      });
      return [];
    }
    return this.#elected(this.#election.notification({ from, notification, nowMs }), nowMs);
  }

  /** Addresses of the committed configuration first, then those of the last seen one. */
  #setMembers(
    { committed, lastSeen }: { committed: QuorumConfig; lastSeen: QuorumConfig },
  ): void {
    const { serverId } = this.#options;
    const members = new Map<ServerId, ElectionAddress[]>();
    for (const config of [committed, lastSeen]) {
      for (const [id, { addresses }] of config.members) {
        const known = members.get(id) ?? [];
        for (const { host, electionPort: port } of addresses) {
          const isKnown = known.some((other) => other.host === host && other.port === port);
          if (!isKnown) known.push({ host, port });
        }
        members.set(id, known);
      }
    }
    this.#ownAddresses = members.get(serverId) ?? this.#ownAddresses;
    this.#links.setMembers({ members, ownAddresses: this.#ownAddresses });
  }
}
