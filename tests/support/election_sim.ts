/**
 * Electors on one simulated network: virtual time, connections that delay and break, servers that crash
 * and return. One seed gives one run.
 *
 * A connection is FIFO in each direction, as TCP is; it may break at any time and then loses what is
 * under way. A dial of a server that is down is refused or, when its machine is cut off, times out.
 *
 * @module
 */
import { Elector, type ElectorEffect, type ElectorInput } from "../../cluster/elector.ts";
import type { QuorumConfig } from "../../cluster/quorum_config.ts";
import type { ServerId } from "../../cluster/server_id.ts";
import type { SeededRandom } from "./seeded_random.ts";
import { silentLogger } from "./silent_logger.ts";

const CONNECT_TIMEOUT_MS = 5000;

export interface History {
  readonly lastLoggedZxid: number;
  readonly currentEpoch: number;
}

interface SimServer {
  readonly id: ServerId;
  elector: Elector;
  /** Counts restarts: what was meant for an earlier life is lost. */
  life: number;
  isUp: boolean;
}

/** One direction of a connection is the other's mirror. */
interface End {
  readonly server: SimServer;
  readonly life: number;
  readonly link: number;
  peer: End | null;
  isOpen: boolean;
  /** What was sent before arrives before. */
  lastArrivalMs: number;
}

type TimelessInput = ElectorInput extends infer I ? I extends unknown ? Omit<I, "nowMs"> : never
  : never;

export class ElectionSim {
  nowMs = 0;
  messageCount = 0;
  readonly servers = new Map<ServerId, SimServer>();
  /** What every outcome was, oldest first: `<server> <state> <leader>`. */
  readonly outcomes: string[] = [];
  readonly #random: SeededRandom;
  readonly #config: QuorumConfig;
  readonly #history: ReadonlyMap<ServerId, History>;
  readonly #delayMsMax: number;
  readonly #ends = new Map<number, End>();
  #events: { atMs: number; order: number; run: () => void }[] = [];
  #order = 0;
  #linkCount = 0;
  /** Machines that answer nothing, not even that nobody listens. */
  readonly cutOff = new Set<ServerId>();

  constructor({ random, config, history, delayMsMax }: {
    random: SeededRandom;
    config: QuorumConfig;
    history: ReadonlyMap<ServerId, History>;
    delayMsMax: number;
  }) {
    this.#random = random;
    this.#config = config;
    this.#history = history;
    this.#delayMsMax = delayMsMax;
    for (const id of config.members.keys()) {
      this.servers.set(id, { id, elector: this.#elector(id), life: 0, isUp: false });
    }
  }

  start(id: ServerId): void {
    const server = this.servers.get(id)!;
    server.elector = this.#elector(id);
    server.life++;
    server.isUp = true;
    this.look(id);
  }

  /** Its role has ended: it looks again. */
  look(id: ServerId): void {
    this.#step(this.servers.get(id)!, { kind: "startLooking", ...this.#history.get(id)! });
  }

  crash(id: ServerId): void {
    const server = this.servers.get(id)!;
    server.isUp = false;
    server.life++;
    for (const end of [...this.#ends.values()]) if (end.server === server) this.#break(end);
  }

  /** Breaks a connection, whichever the seed says. */
  breakOne(): void {
    if (this.#ends.size > 0) this.#break(this.#random.pick([...this.#ends.values()]));
  }

  after(delayMs: number, run: () => void): void {
    this.#events.push({ atMs: this.nowMs + delayMs, order: this.#order++, run });
  }

  /** Runs until nothing is under way and nobody has anything to do, or until then. */
  runUntil(endMs: number): void {
    for (;;) {
      const due = this.#nextDeadline();
      const event = this.#nextEvent();
      const atMs = Math.min(event?.atMs ?? Infinity, due?.atMs ?? Infinity);
      if (atMs > endMs) break;
      this.nowMs = Math.max(this.nowMs, atMs);
      if (event !== undefined && event.atMs <= atMs) {
        this.#events.splice(this.#events.indexOf(event), 1);
        event.run();
      } else {
        this.#step(due!.server, { kind: "tick" });
      }
    }
    this.nowMs = endMs;
  }

  #elector(serverId: ServerId): Elector {
    return new Elector({
      serverId,
      peerType: "participant",
      committed: this.#config,
      lastSeen: this.#config,
      reconfigEnabled: false,
      notificationIntervalMsMin: 200,
      notificationIntervalMsMax: 60_000,
      isMultiAddress: false,
      handshakeTimeoutMs: 5000,
      auth: null,
      ownAddresses: [],
      logger: silentLogger,
    });
  }

  #nextEvent() {
    let first = this.#events[0];
    for (const event of this.#events) {
      if (
        event.atMs < first!.atMs || (event.atMs === first!.atMs && event.order < first!.order)
      ) first = event;
    }
    return first;
  }

  #nextDeadline(): { atMs: number; server: SimServer } | undefined {
    let first: { atMs: number; server: SimServer } | undefined;
    for (const server of this.servers.values()) {
      const atMs = server.isUp ? server.elector.nextDeadlineMs : null;
      if (atMs !== null && atMs < (first?.atMs ?? Infinity)) first = { atMs, server };
    }
    return first;
  }

  #step(server: SimServer, input: TimelessInput): void {
    const effects = server.elector.step({ ...input, nowMs: this.nowMs } as ElectorInput);
    for (const effect of effects) this.#perform(server, effect);
  }

  #perform(server: SimServer, effect: ElectorEffect): void {
    switch (effect.kind) {
      case "dial":
        return this.#dial(server, effect.serverId);
      case "write": {
        const end = this.#ends.get(effect.link);
        if (end === undefined) return;
        this.messageCount++;
        const bytes = effect.bytes.slice();
        this.#arrive(
          end,
          (peer) => this.#step(peer.server, { kind: "received", link: peer.link, bytes }),
        );
        return this.#later(
          server,
          0,
          () => this.#step(server, { kind: "written", link: effect.link }),
        );
      }
      case "close": {
        const end = this.#ends.get(effect.link);
        if (end === undefined) return;
        this.#ends.delete(end.link);
        end.isOpen = false;
        this.#arrive(end, (peer) => this.#closed(peer));
        return;
      }
      case "decided":
        this.outcomes.push(`${server.id} ${effect.state} ${effect.vote.leader}`);
        return;
    }
  }

  #dial(server: SimServer, serverId: ServerId): void {
    const fail = (isRefused: boolean) =>
      this.#step(server, { kind: "dialFailed", serverId, isRefused, problem: "it is down" });
    if (this.cutOff.has(serverId)) {
      return this.#later(server, CONNECT_TIMEOUT_MS, () => fail(false));
    }
    this.#later(server, this.#delay(), () => {
      const target = this.servers.get(serverId)!;
      if (!target.isUp) return fail(true);
      const [a, b] = [this.#end(server), this.#end(target)];
      a.peer = b;
      b.peer = a;
      this.#step(target, { kind: "accepted", link: b.link, remoteAddress: `${server.id}` });
      this.#step(server, { kind: "dialed", serverId, link: a.link });
    });
  }

  #end(server: SimServer): End {
    const link = ++this.#linkCount;
    const end = { server, life: server.life, link, peer: null, isOpen: true, lastArrivalMs: 0 };
    this.#ends.set(link, end);
    return end;
  }

  /** At the other end, unless that is gone by then. */
  #arrive(from: End, run: (peer: End) => void): void {
    from.lastArrivalMs = Math.max(from.lastArrivalMs, this.nowMs + this.#delay());
    this.after(from.lastArrivalMs - this.nowMs, () => {
      const peer = from.peer!;
      if (peer.isOpen && peer.server.life === peer.life) run(peer);
    });
  }

  #break(end: End): void {
    this.#closed(end);
    if (end.peer!.isOpen) {
      this.#later(end.peer!.server, this.#delay(), () => this.#closed(end.peer!));
    }
  }

  #closed(end: End): void {
    if (!end.isOpen) return;
    end.isOpen = false;
    this.#ends.delete(end.link);
    if (end.server.life === end.life && end.server.isUp) {
      this.#step(end.server, { kind: "closed", link: end.link, problem: "it broke" });
    }
  }

  #later(server: SimServer, delayMs: number, run: () => void): void {
    const { life } = server;
    this.after(delayMs, () => {
      if (server.isUp && server.life === life) run();
    });
  }

  #delay(): number {
    return this.#random.between(0, this.#delayMsMax);
  }
}
