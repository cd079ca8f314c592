/**
 * What goes wrong, as it does around real ensembles: processes and machines end, pause and come back,
 * networks are cut, slow and broken, disks are slow, full and fail, clocks jump.
 *
 * A wiped member is a case of its own: a voter that loses its disk takes back all that it ever
 * acknowledged. An operator may do that only to one at a time, while all other voters follow one leader and
 * hold everything, and none of them may lose anything until it is back. So does this.
 *
 * @module
 */
import { snapshotsIn, txnLogsIn } from "../../core/storage/file_names.ts";
import { SeededRandom } from "../support/seeded_random.ts";
import type { Simulation } from "./simulation.ts";
import { FAULT_KINDS, type FaultKind } from "./swarm.ts";

type DiskFault = "full" | "failed" | "none";

export class Faults {
  readonly counts = new Map<string, number>();
  readonly #sim: Simulation;
  readonly #random: SeededRandom;
  readonly #transfers: SeededRandom;
  #isOn = false;
  /** The server that lost its disk and is not back yet. */
  #wiped: number | null = null;
  readonly #diskFaults = new Map<number, DiskFault>();

  constructor(sim: Simulation) {
    this.#sim = sim;
    this.#random = sim.random;
    this.#transfers = new SeededRandom(~sim.random.seed);
  }

  start(): void {
    this.#isOn = true;
    for (const kind of FAULT_KINDS) this.#plan(kind);
    if (this.#sim.settings.faults.interruptSnap > 0) this.#watchForSnaps();
    this.#planTransfer();
  }

  stop(): void {
    this.#isOn = false;
  }

  /** Whether a server that ended by itself had a disk that explains it. */
  isDiskBroken(id: number): DiskFault {
    const fault = this.#diskFaults.get(id) ?? "none";
    this.#diskFaults.delete(id);
    return fault;
  }

  // ---------------------------------------------------------------- healing

  /**
   * Heals enough voters for a quorum; the others are down or cut off. Not so that some of the quorum hear them
   * and others do not: a server with the best vote that hears too few itself keeps all others from electing
   * anybody else, with ZooKeeper's algorithm as it is.
   */
  healQuorum(): Set<number> {
    const { settings, quorumConfig } = this.#sim;
    const healed = new Set<number>();
    const waiting = [...settings.voters];
    if (this.#wiped !== null) { // it is no use before it has everything again: the others are needed
      waiting.splice(waiting.indexOf(this.#wiped), 1);
    }
    while (!quorumConfig.isQuorum(healed) && waiting.length > 0) {
      healed.add(...waiting.splice(this.#random.below(waiting.length), 1) as [number]);
    }
    if (this.#wiped !== null || this.#random.chance(1, 2)) {
      for (const id of this.#sim.slots.keys()) healed.add(id);
    }
    for (const id of this.#sim.slots.keys()) {
      if (healed.has(id)) continue;
      if (this.#random.chance(1, 2)) this.#hold(id);
      else {
        for (const other of this.#sim.slots.keys()) {
          this.#cut(id, other);
          this.#cut(other, id);
        }
      }
    }
    for (const id of healed) {
      this.#healServer(id);
      for (const other of healed) this.#healLinks(id, other);
    }
    for (const client of this.#sim.clients) {
      if (client.process.isPaused) client.process.resume();
      for (const id of this.#sim.slots.keys()) this.#healLinks(client.host, id);
    }
    return healed;
  }

  healAll(): void {
    this.#wiped = null;
    for (const id of this.#sim.slots.keys()) {
      this.#healServer(id);
      for (const other of this.#sim.slots.keys()) this.#healLinks(id, other);
    }
  }

  #healServer(id: number): void {
    const slot = this.#sim.slots.get(id)!;
    slot.isHeldDown = false;
    slot.machine.disk.capacityBytes = Infinity;
    slot.machine.disk.failsSync = () => false;
    this.#sim.slowDisks.delete(id);
    if (slot.member === null) this.#sim.startLater(id);
    else if (slot.member.process.isPaused) slot.member.process.resume();
  }

  #healLinks(a: number, b: number): void {
    const { network, settings } = this.#sim;
    for (const [from, to] of [[a, b], [b, a]] as const) {
      const link = network.link(from, to);
      link.isCut = false;
      link.stalledUntilMs = 0;
      link.delayMsMin = settings.network.delayMsMin;
      link.delayMsMax = settings.network.delayMsMax;
      network.healed(from, to);
    }
  }

  // ---------------------------------------------------------------- the storm

  /** An operator moves the lead: in some seeds, and with draws of its own, so that the others stay what they were. */
  #planTransfer(): void {
    const { settings, loop } = this.#sim;
    if (settings.transferMsMax === 0) return;
    loop.after(this.#transfers.between(1, settings.transferMsMax), () => {
      if (!this.#isOn || this.#sim.failure !== null) return;
      for (const { member } of this.#sim.slots.values()) {
        const ensembleMember = member?.member ?? null;
        if (ensembleMember === null || member!.process.isPaused) continue;
        if (ensembleMember.peer.leader === null) continue;
        const transfer = ensembleMember.transferLead(null);
        this.#sim.trace(`${member!.name} is asked to leave the lead: ${JSON.stringify(transfer)}`);
        if ("successor" in transfer) this.#count("transferLead");
      }
      this.#planTransfer();
    });
  }

  #plan(kind: FaultKind): void {
    const perMinute = this.#sim.settings.faults[kind];
    if (perMinute === 0) return;
    const meanMs = 60_000 / perMinute;
    this.#sim.loop.after(this.#random.between(1, 2 * meanMs), () => {
      if (!this.#isOn || this.#sim.failure !== null) return;
      if (this.#inject(kind)) this.#count(kind);
      this.#plan(kind);
    });
  }

  #count(kind: string): void {
    this.counts.set(kind, (this.counts.get(kind) ?? 0) + 1);
  }

  /** Returns whether it could be done. */
  #inject(kind: FaultKind): boolean {
    const { network, slots, loop, clients } = this.#sim;
    const random = this.#random;
    const ids = [...slots.keys()];
    const id = this.#anyServer();
    const durationMs = random.weighted([[3, random.between(50, 1000)], [
      3,
      random.between(1000, 8000),
    ], [
      1,
      random.between(8000, 20_000),
    ]]);
    const slot = slots.get(id)!;
    switch (kind) {
      case "kill":
      case "powerLoss":
        if (slot.member === null || this.#wiped !== null) return false;
        this.#down(id, kind);
        return true;
      case "powerLossOfAll":
        if (this.#wiped !== null) return false;
        for (const one of ids) this.#down(one, "powerLoss");
        return true;
      case "pause": {
        const { member } = slot;
        if (member === null || member.process.isPaused) return false;
        this.#sim.trace(`${member.name} pauses for ${durationMs} ms, ${member.role}`);
        member.process.pause();
        loop.after(durationMs, () => member.process.resume());
        return true;
      }
      case "cut": {
        const other = random.pick(ids);
        if (other === id) return false;
        this.#cut(id, other);
        loop.after(durationMs, () => this.#healOne(id, other));
        return true;
      }
      case "partition": {
        const side = new Set(ids.filter(() => random.chance(1, 2)));
        for (const a of ids) {
          for (const b of ids) {
            if (side.has(a) === side.has(b)) continue;
            this.#cut(a, b);
            loop.after(durationMs, () => this.#healOne(a, b));
          }
        }
        return true;
      }
      case "isolate": {
        const leader = ids.find((one) =>
          slots.get(one)!.member?.member?.peer.leader !== undefined &&
          slots.get(one)!.member?.member?.peer.leader !== null
        );
        const one = random.chance(1, 2) && leader !== undefined ? leader : id;
        for (const other of ids) {
          if (other === one) continue;
          for (const [from, to] of [[one, other], [other, one]] as const) {
            this.#cut(from, to);
            loop.after(durationMs, () => this.#healOne(from, to));
          }
        }
        return true;
      }
      case "break":
        return network.breakOne();
      case "stall": {
        const other = random.chance(1, 3) && clients.length > 0
          ? random.pick(clients).host
          : random.pick(ids);
        if (other === id) return false;
        network.link(id, other).stalledUntilMs = loop.nowMs + durationMs;
        return true;
      }
      case "slowLink": {
        const other = random.pick(ids);
        if (other === id) return false;
        network.link(id, other).delayMsMax = random.between(50, 500);
        loop.after(durationMs, () => this.#healOne(id, other));
        return true;
      }
      case "clockJump":
        slot.machine.wallOffsetMs += random.between(-100_000, 100_000);
        return true;
      case "slowDisk":
        this.#sim.slowDisks.set(id, random.between(50, 3000));
        loop.after(durationMs, () => this.#sim.slowDisks.delete(id));
        return true;
      case "fullDisk":
        if (slot.member === null || this.#wiped !== null || this.#diskFaults.has(id)) return false;
        this.#diskFaults.set(id, "full");
        slot.machine.disk.capacityBytes = slot.machine.disk.usedBytes + random.below(8000);
        loop.after(durationMs, () => {
          slot.machine.disk.capacityBytes = Infinity;
          if (this.#diskFaults.get(id) === "full") this.#diskFaults.delete(id);
        });
        return true;
      case "failedSync": {
        if (slot.member === null || this.#wiped !== null || this.#diskFaults.has(id)) return false;
        this.#diskFaults.set(id, "failed");
        slot.machine.disk.failsSync = () => true;
        return true;
      }
      case "interruptSnap":
        return false; // at its own time
      case "flipBit":
        return this.#flipBit(id);
      case "wipe":
        return this.#wipe(id);
      case "rollingRestart":
        if (this.#wiped !== null) return false;
        ids.forEach((one, i) => {
          loop.after(i * random.between(1000, 6000), () => {
            if (this.#isOn && this.#wiped === null) this.#down(one, "kill");
          });
        });
        return true;
      case "clientPause": {
        const client = random.pick(clients);
        if (client.process.isPaused) return false;
        client.process.pause();
        loop.after(durationMs, () => client.process.resume());
        return true;
      }
      case "clientGone": {
        const client = random.pick(clients);
        if (client.process.hasEnded) return false;
        client.end();
        this.#sim.addClient();
        return true;
      }
    }
  }

  #anyServer(): number {
    return this.#random.pick([...this.#sim.slots.keys()]);
  }

  #down(id: number, how: "kill" | "powerLoss"): void {
    this.#sim.stop(id, how);
    this.#diskFaults.delete(id);
    const { disk } = this.#sim.slots.get(id)!.machine;
    disk.capacityBytes = Infinity;
    disk.failsSync = () => false;
    this.#sim.startLater(
      id,
      this.#random.weighted([[3, this.#random.below(300)], [
        2,
        this.#random.below(10_000),
      ]]),
    );
  }

  #hold(id: number): void {
    if (id === this.#wiped) return;
    this.#sim.stop(id, "kill");
    this.#sim.slots.get(id)!.isHeldDown = true;
  }

  #cut(from: number, to: number): void {
    if (from === to) return;
    this.#sim.network.link(from, to).isCut = true;
  }

  #healOne(from: number, to: number): void {
    if (!this.#isOn) return; // what is to be healed is, by then
    const link = this.#sim.network.link(from, to);
    link.isCut = false;
    link.delayMsMax = this.#sim.settings.network.delayMsMax;
    this.#sim.network.healed(from, to);
  }

  /** Faults at random times hardly ever meet a learner that has half a tree. */
  #watchForSnaps(): void {
    if (!this.#isOn) return;
    this.#sim.loop.after(10, () => this.#watchForSnaps());
    const { slots } = this.#sim;
    for (const [id, { member }] of slots) {
      const learner = member?.member?.peer.learner ?? null;
      if (learner?.stage !== "tree" || this.#wiped !== null || !this.#random.chance(1, 5)) continue;
      this.#count("interruptSnap");
      const how = this.#random.pick(["kill", "powerLoss"] as const);
      return this.#down(this.#random.pick([id, learner.leader]), how);
    }
  }

  /** In a file that is older than the second newest snapshot: nothing needs it, unless a TRUNC does. */
  #flipBit(id: number): boolean {
    const { disk } = this.#sim.slots.get(id)!.machine;
    const names = disk.namesIn("/data/version-2");
    const snapshot = snapshotsIn(names)[1];
    if (snapshot === undefined || this.#wiped !== null) return false;
    const logs = txnLogsIn(names).sort((a, b) => a.zxid - b.zxid);
    const old = [
      ...snapshotsIn(names).slice(2),
      ...logs.filter((_, i) => (logs[i + 1]?.zxid ?? Infinity) <= snapshot.zxid),
    ];
    if (old.length === 0) return false;
    const path = `/data/version-2/${this.#random.pick(old).name}`;
    const bits = disk.read(path).length * 8;
    if (bits === 0) return false;
    this.#sim.trace(`server ${id}: a bit of ${path} turns`);
    disk.flipBit(path, this.#random.below(bits));
    return true;
  }

  #wipe(id: number): boolean {
    const { slots, history, settings, loop } = this.#sim;
    if (this.#wiped !== null || settings.voters.length === 1 || this.#diskFaults.size > 0) {
      return false;
    }
    const others = settings.voters.filter((one) => one !== id);
    if (!this.#sim.quorumConfig.isQuorum(new Set(others))) return false;
    const areWell = others.every((one) => {
      const { member } = slots.get(one)!;
      return member !== null && member.isServing && member.epoch === history.epoch &&
        member.lastLoggedZxid >= history.lastZxid;
    });
    const leader = others.some((one) => slots.get(one)!.member?.member?.peer.leader !== null);
    if (!areWell || !leader) return false;
    this.#wiped = id;
    this.#sim.trace(`server ${id} loses its disk`);
    this.#sim.stop(id, "powerLoss");
    const { disk } = slots.get(id)!.machine;
    for (const dir of ["/data", "/data/version-2"]) {
      for (const name of disk.namesIn(dir)) disk.remove(`${dir}/${name}`);
      disk.syncDirectory(dir);
    }
    this.#sim.startLater(id);
    const watch = () => {
      if (this.#wiped !== id) return;
      const { member } = slots.get(id)!;
      if (member !== null && member.isServing && member.lastLoggedZxid >= history.lastZxid) {
        this.#wiped = null;
      } else loop.after(500, watch);
    };
    loop.after(500, watch);
    return true;
  }
}
