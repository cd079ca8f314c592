/**
 * One run: an ensemble, its clients and its faults, on one seed.
 *
 * First a storm: random requests under random faults, with the checkers on. Then a quorum is healed, and
 * a leader and an acknowledged write are expected within a budget of ticks, whatever the others do. Then
 * everything is healed, and all members must come to hold the same.
 *
 * @module
 */
import type { LogFields } from "../../core/ports.ts";
import { ErrorCode } from "../../core/errors.ts";
import { QuorumConfig } from "../../cluster/quorum_config.ts";
import { counterOf, type Zxid, zxidToHex } from "../../core/zxid.ts";
import { NO_NODE } from "../../core/tree/node_store.ts";
import { JuteWriter } from "../../core/wire/jute.ts";
import { JuteDecoder } from "../support/jute.ts";
import { SeededRandom } from "../support/seeded_random.ts";
import { Faults } from "./faults.ts";
import { type Applied, type Committed, History } from "./history.ts";
import { Reach } from "./reach.ts";
import { Acknowledged, SimClient } from "./sim_client.ts";
import { SimDisk } from "./sim_disk.ts";
import { SimLoop, turnOfRuntime } from "./sim_loop.ts";
import { type Machine, type MemberEvents, ProcessEnded, SimMember } from "./sim_member.ts";
import { SimNetwork } from "./sim_network.ts";
import { type Canary, configOf, drawSettings, type SwarmSettings } from "./swarm.ts";

export interface RunResult {
  readonly seed: number;
  /** Null: all is well. */
  readonly failure: string | null;
  /** Of everything that happened, in order. */
  readonly traceHash: string;
  readonly reach: Reach;
  readonly faults: ReadonlyMap<string, number>;
  readonly simulatedMs: number;
  readonly eventCount: number;
  readonly txnCount: number;
  readonly acknowledgedCount: number;
}

export interface RunOptions {
  readonly seed: number;
  readonly canary?: Canary;
  /** Gets every line of the trace. */
  readonly onTrace?: (line: string) => void;
}

/** A start that failed is tried again after so long. */
const RESTART_MS_MAX = 3000;

export function runSeed(options: RunOptions): Promise<RunResult> {
  return new Simulation(options).run();
}

/** What a machine runs now, and what is to become of it. */
export interface Slot {
  readonly machine: Machine;
  member: SimMember | null;
  life: number;
  /** Nobody starts it. */
  isHeldDown: boolean;
}

export class Simulation implements MemberEvents {
  readonly loop = new SimLoop();
  readonly random: SeededRandom;
  readonly settings: SwarmSettings;
  readonly network: SimNetwork;
  readonly history: History;
  readonly reach = new Reach();
  readonly slots = new Map<number, Slot>();
  readonly clients: SimClient[] = [];
  readonly quorumConfig: QuorumConfig;
  /** The worst that disks do now. */
  diskDelayMsMax: number;
  /** A disk that is slower than others. */
  readonly slowDisks = new Map<number, number>();
  failure: string | null = null;
  readonly #options: RunOptions;
  readonly #acknowledged = new Acknowledged();
  readonly #faults: Faults;
  #traceHash = 0xcbf29ce4;
  #traceHashLow = 0x84222325;
  /** Sessions whose client is there, in the last phase. */
  #mayExpire = true;
  /** Txns that a leader proposed and did not commit: whether they come back. */
  readonly #uncommitted = new Map<Zxid, string>();
  #clientCount = 0;
  readonly #forbidden = new Set<string>();
  /** When the last leader was established. */
  #establishedMs = 0;
  /** What servers held whose process has ended, oldest first. */
  readonly #endedChains: Applied[][] = [];
  /** The round that each server began its election with. */
  readonly #clocks = new Map<number, number>();

  constructor(options: RunOptions) {
    this.#options = options;
    this.random = new SeededRandom(options.seed);
    const { loop, random } = this;
    const settings = this.settings = drawSettings(random);
    this.diskDelayMsMax = settings.diskDelayMsMax;
    this.network = new SimNetwork({ loop, random, ...settings.network });
    this.history = new History({
      nowMs: () => loop.nowMs,
      fail: (problem) => this.fail(problem),
      onCommitted: (committed) => this.#committed(committed),
    });
    this.quorumConfig = new QuorumConfig({ ...settings.config.ensemble, version: 0 });
    for (const id of [...settings.voters, ...settings.observers]) {
      const disk = new SimDisk({
        random,
        schedule: (delayMs, run) => loop.after(delayMs, () => this.#onDisk(id, run)),
        delayMs: () => random.below(1 + (this.slowDisks.get(id) ?? this.diskDelayMsMax)),
      });
      disk.makeDirectory("/data");
      disk.makeDirectory("/data/version-2");
      const machine: Machine = {
        id,
        config: configOf(id, settings, options.canary ?? "none"),
        disk,
        fileSystem: disk,
        wallOffsetMs: 1_700_000_000_000 + random.below(1000),
      };
      this.slots.set(id, { machine, member: null, life: 0, isHeldDown: false });
    }
    this.#faults = new Faults(this);
  }

  async run(): Promise<RunResult> {
    const onRejection = (event: PromiseRejectionEvent) => {
      event.preventDefault();
      this.#rejected(event.reason);
    };
    globalThis.addEventListener("unhandledrejection", onRejection);
    try {
      await this.#phases();
    } catch (error) {
      this.fail(`the simulator threw ${stackOf(error)}`);
    } finally {
      await turnOfRuntime();
      globalThis.removeEventListener("unhandledrejection", onRejection);
    }
    const hash = (this.#traceHash >>> 0).toString(16).padStart(8, "0") +
      (this.#traceHashLow >>> 0).toString(16).padStart(8, "0");
    return {
      seed: this.#options.seed,
      failure: this.failure,
      traceHash: hash,
      reach: this.reach,
      faults: this.#faults.counts,
      simulatedMs: this.loop.nowMs,
      eventCount: this.loop.eventCount,
      txnCount: this.history.count,
      acknowledgedCount: this.#acknowledged.count,
    };
  }

  async #phases(): Promise<void> {
    const { settings, random } = this;
    for (const id of this.slots.keys()) {
      this.loop.after(random.below(random.chance(1, 2) ? 100 : 5000), () => this.start(id));
    }
    for (let i = 0; i < settings.clientCount; i++) this.addClient();
    this.#faults.start();
    await this.#runFor(settings.stormMs);
    this.#faults.stop();

    const quorum = this.#faults.healQuorum();
    const { tickTimeMs, ensemble } = settings.config;
    const budgetMs = 2 * ensemble.maxNotificationIntervalMs + 30_000 +
      tickTimeMs * 4 * (ensemble.initLimitTicks + ensemble.syncLimitTicks);
    this.trace(`healed: ${[...quorum].join(" ")}, ${budgetMs} ms to make progress`);
    const before = this.#acknowledged.zxid;
    await this.#runFor(budgetMs, () => this.#acknowledged.zxid > before);
    if (this.#acknowledged.zxid <= before) {
      return this.fail(`no progress within ${budgetMs} ms of a healed quorum: ${this.#states()}`);
    }

    this.#faults.healAll();
    await this.#runFor(budgetMs, () => this.#allServe());
    if (!this.#allServe()) {
      return this.fail(`not all serve within ${budgetMs} ms of being healed: ${this.#states()}`);
    }
    // whoever is connected now stays so, and its session lives
    await this.#runFor(Math.max(1000, settings.client.sessionTimeoutMs / 2));
    this.#mayExpire = false;
    await this.#runFor(3 * settings.client.sessionTimeoutMs);
    for (const client of this.clients) client.isQuiet = true;
    await this.#runFor(5 * tickTimeMs + 2000);
    // a session may just have expired, or the zxids of an epoch been used up
    const areIn = () => [...this.slots.values()].every(({ member }) => member?.isServing ?? false);
    await this.#runFor(budgetMs, areIn);
    await this.#runFor(5000, () => this.#areAllAlike());
    this.#compareAll();
  }

  #runFor(ms: number, isOver: () => boolean = () => false): Promise<void> {
    const { loop } = this;
    return loop.runUntil(loop.nowMs + ms, () => this.failure !== null || isOver());
  }

  // ---------------------------------------------------------------- members and clients

  addClient(): void {
    const { loop, network, history, random } = this;
    const client = new SimClient({
      id: this.#clientCount++,
      world: {
        loop,
        network,
        history,
        servers: [...this.slots.keys()],
        epochOf: (server) => this.slots.get(server)!.member?.epoch ?? 0,
        isSynchronising: (server) => this.slots.get(server)!.member?.isSynchronisingOther ?? false,
        // the leader takes all that comes by one follower for that follower's own, as ZooKeeper's does
        forbid: (tag) =>
          void (this.settings.config.ensemble.observerMasterPort > 0 ||
            this.#forbidden.add(`"${tag}"`)),
        fail: (problem) => this.fail(problem),
        sometimes: (what) => this.reach.sometimes(what),
        trace: (line) => this.trace(line),
      },
      settings: this.settings.client,
      random: new SeededRandom(random.uint32()),
      acknowledged: this.#acknowledged,
    });
    this.clients.push(client);
    client.start();
  }

  start(id: number): void {
    const slot = this.slots.get(id)!;
    if (slot.isHeldDown || slot.member !== null || this.failure !== null) return;
    this.network.powerBack(id);
    const member = slot.member = new SimMember(slot.machine, {
      life: ++slot.life,
      seed: this.random.uint32(),
      loop: this.loop,
      network: this.network,
      events: this,
      proposalBytesMax: this.settings.proposalBytesMax,
      counterMax: this.settings.counterMax,
    });
    this.trace(`${member.name} starts`);
    member.start();
  }

  /** Ends a server's process, or takes its machine's power away. */
  stop(id: number, how: "kill" | "powerLoss"): void {
    const slot = this.slots.get(id)!;
    const { member, machine } = slot;
    if (member !== null) {
      this.trace(`${member.name} ends: ${how}, ${member.role}`);
      this.#noteEnd(member);
      this.#endedChains.push(member.chain);
      member.end();
      slot.member = null;
    }
    if (how === "kill") {
      machine.disk.kill();
      this.network.processEnded(id);
    } else {
      machine.disk.crash();
      this.network.powerLost(id);
    }
  }

  startLater(id: number, delayMs = this.random.below(RESTART_MS_MAX)): void {
    this.loop.after(delayMs, () => this.start(id));
  }

  #onDisk(id: number, run: () => void): void {
    const { member } = this.slots.get(id)!;
    if (member === null) run(); // the disk knows that nobody waits for it
    else member.process.enter(run);
  }

  // ---------------------------------------------------------------- what members tell

  log(member: SimMember, level: string, message: string, fields: LogFields): void {
    this.#noteReach(member, message, fields);
    const text = Object.entries(fields).filter(([, value]) => value !== undefined)
      .map(([key, value]) => `${key}=${value}`).join(" ");
    this.trace(`${member.name} ${level}: ${message} ${text}`);
    if (level === "error" && message.startsWith("the tree differs")) {
      this.fail(`${member.name}: ${message} ${text}`);
    }
  }

  serving(member: SimMember): void {
    const { history } = this;
    const leader = member.member!.peer.leader;
    const { lastProcessedZxid } = member.tree;
    if (leader !== null) {
      this.reach.sometimes("leader established");
      this.#establishedMs = this.loop.nowMs;
      history.leaderEstablished(leader.epoch, member.name);
      const held = member.chain.at(-1)?.header.zxid ?? member.chainBase;
      if (held < history.lastZxid) {
        return this.fail(
          `${member.name} leads epoch ${leader.epoch} with 0x${
            zxidToHex(held)
          }: all after it is lost, ` +
            `0x${zxidToHex(history.lastZxid)} was committed`,
        );
      }
      for (const { header: { zxid }, text } of member.chain) {
        const proposed = this.#uncommitted.get(zxid);
        if (zxid <= history.lastZxid || proposed === undefined) continue;
        if (proposed === text) this.reach.sometimes("uncommitted proposal survived");
      }
      for (const [zxid, text] of this.#uncommitted) {
        const held = member.chain.find((applied) => applied.header.zxid === zxid);
        if (held === undefined && zxid > member.chainBase) {
          this.reach.sometimes("uncommitted proposal was taken back");
        }
        void text;
      }
      this.#uncommitted.clear();
    }
    if (member.chainBase > history.lastZxid) this.#commitFromOthers(member.chainBase);
    for (const applied of member.chain) history.commit(member.name, applied);
    if (lastProcessedZxid > history.lastZxid && counterOf(lastProcessedZxid) > 0) {
      this.fail(
        `${member.name} serves 0x${zxidToHex(lastProcessedZxid)}, which nobody committed`,
      );
    }
    if (member.machine.config.digestEnabled) {
      history.checkTree(member.name, lastProcessedZxid, member.tree.treeDigest);
    }
  }

  /**
   * A member has txns that nobody was seen to commit, in a tree that it got by SNAP: who sent it had them.
   */
  #commitFromOthers(through: Zxid): void {
    const { lastZxid } = this.history;
    const chains = [...this.slots.values()].map(({ member }) => member?.chain ?? []);
    chains.push(...this.#endedChains.toReversed());
    const missing = chains.map((chain) =>
      chain.filter(({ header: { zxid } }) => zxid > lastZxid && zxid <= through)
    ).find((chain) => chain.at(-1)?.header.zxid === through);
    for (const applied of missing ?? []) this.history.commit("the sender of a tree", applied);
  }

  committed(member: SimMember, applied: Applied): void {
    this.history.commit(member.name, applied);
  }

  exited(member: SimMember, reason: string): void {
    this.trace(`${member.name} exits: ${reason}`);
    const { id } = member;
    const { disk } = member.machine;
    const isDiskFault = this.#faults.isDiskBroken(id);
    this.stop(id, isDiskFault === "failed" ? "powerLoss" : "kill");
    if (isDiskFault === "none") return this.fail(`${member.name} exits: ${reason}`);
    this.reach.sometimes(`server exits: disk ${isDiskFault}`);
    disk.capacityBytes = Infinity;
    disk.failsSync = () => false;
    this.startLater(id);
  }

  threw(member: SimMember, error: unknown): void {
    if (error instanceof ProcessEnded) return;
    this.fail(`${member.name} threw ${stackOf(error)}`);
  }

  #rejected(reason: unknown): void {
    if (reason instanceof ProcessEnded) return;
    if (reason instanceof Error && reason.message === "The process that opened it is gone") return;
    this.fail(`a promise was rejected with ${stackOf(reason)}`);
  }

  #committed({ header, txn, text }: Committed): void {
    this.trace(`committed ${zxidToHex(header.zxid)} ${text}`);
    if (counterOf(header.zxid) > this.settings.counterMax) {
      this.fail(`0x${zxidToHex(header.zxid)} is beyond the epoch's last zxid`);
    }
    if (txn.kind === "error" && txn.err === ErrorCode.SessionMoved) {
      this.reach.sometimes("write refused: moved");
    }
    for (const tag of this.#forbidden) {
      if (text.includes(tag)) {
        this.fail(`a write through a connection that its session had left: ${text}`);
      }
    }
    if (txn.kind !== "closeSession" || header.cxid !== 0) return;
    this.reach.sometimes("session expired");
    for (const { member } of this.slots.values()) {
      const silentMs = member?.silentMsBefore(header.zxid, header.sessionId) ?? null;
      if (silentMs === null || silentMs >= this.settings.client.sessionTimeoutMs) continue;
      this.fail(
        `session ${header.sessionId.toString(16)} expired ${silentMs} ms after it was heard of`,
      );
    }
    if (this.#mayExpire) return;
    const client = this.clients.find((one) => one.sessionId === header.sessionId);
    if (client === undefined || !client.isConnected || client.process.hasEnded) return;
    const silentMs = this.loop.nowMs - client.heardMs;
    if (silentMs < this.settings.client.sessionTimeoutMs / 2) {
      this.fail(
        `session ${header.sessionId.toString(16)} expired, and client ${client.id} was heard ` +
          `${silentMs} ms ago`,
      );
    }
  }

  #noteReach(member: SimMember, message: string, fields: LogFields): void {
    const { reach } = this;
    if (message === "election round begun") this.#clocks.set(member.id, Number(fields.clock));
    if (message === "leader elected" && this.#clocks.get(member.id) !== fields.clock) {
      reach.sometimes("election with several rounds");
    }
    const isOver = message.startsWith("not ") && message.endsWith(" any more");
    if (isOver) {
      if (member.member?.peer.learner?.stage === "tree") reach.sometimes("SNAP interrupted");
      if (String(fields.reason).includes("used up")) reach.sometimes("epoch used up");
      if (String(fields.reason).includes("has accepted epoch")) {
        reach.sometimes("leader ends for a newer epoch");
      }
      if (String(fields.reason).includes("cannot be cut")) reach.sometimes("TRUNC not possible");
    }
    if (message === "connection closed" && fields.reason === "its session ended") {
      if (member.member?.peer.leader === null) {
        reach.sometimes("session of a connected client ended at a learner");
      }
    }
    if (message === "snapshot written" && member.isSynchronisingOther) {
      reach.sometimes("snapshot during synchronisation");
    }
    if (message === "synchronising a learner") {
      const source = fields.from === undefined ? "" : ` from ${fields.from}`;
      this.reach.sometimes(`learner synchronised by ${fields.by}${source}`);
    }
  }

  /** A server is about to end. */
  #noteEnd(member: SimMember): void {
    const peer = member.member?.peer;
    if (peer?.learner?.stage === "tree") this.reach.sometimes("SNAP interrupted");
    const leader = peer?.leader ?? null;
    if (leader === null || leader.phase !== "broadcast") return;
    if (leader.lastProposed <= this.history.lastZxid) return;
    this.reach.sometimes("leader ended with uncommitted proposals");
    for (const { zxid, text } of member.proposedAfter(this.history.lastZxid)) {
      this.#uncommitted.set(zxid, text);
    }
  }

  // ---------------------------------------------------------------- the end

  #allServe(): boolean {
    return [...this.slots.values()].every(({ member }) =>
      member !== null && member.isServing && member.epoch === this.history.epoch
    );
  }

  #areAllAlike(): boolean {
    const { lastZxid } = this.history;
    return [...this.slots.values()].every(({ member }) =>
      member === null || member.lastLoggedZxid === lastZxid &&
        this.history.through(member.tree.lastProcessedZxid)?.header.zxid === lastZxid
    );
  }

  /** Nothing is under way any more: all hold the same. */
  #compareAll(): void {
    if (this.failure !== null) return;
    const { history } = this;
    for (const { member } of this.slots.values()) {
      if (member === null || !member.isServing) {
        return this.fail(`a server left the quorum in calm weather: ${this.#states()}`);
      }
      const { tree, name } = member;
      const last = history.through(tree.lastProcessedZxid);
      if (last?.header.zxid !== (history.lastZxid === 0 ? undefined : history.lastZxid)) {
        return this.fail(`${name} stays behind at 0x${zxidToHex(tree.lastProcessedZxid)}`);
      }
      if (member.machine.config.digestEnabled) {
        history.checkTree(name, tree.lastProcessedZxid, tree.treeDigest);
      }
      const sessions = [...member.sessions].map(([id, ms]) => `${id.toString(16)}:${ms}`).sort();
      const expected = [...history.tree.sessions].map(([id, ms]) => `${id.toString(16)}:${ms}`)
        .sort();
      if (sessions.join() !== expected.join()) {
        return this.fail(`${name} has sessions ${sessions.join(" ")}, not ${expected.join(" ")}`);
      }
      const problem = differenceOf(member, history);
      if (problem !== null) return this.fail(`${name}: ${problem}`);
    }
    const alive = new Set(
      this.clients.filter((client) => !client.process.hasEnded).map((client) => client.sessionId),
    );
    const { client: { sessionTimeoutMs }, config: { tickTimeMs } } = this.settings;
    const untilMs = this.#establishedMs + sessionTimeoutMs + 2 * tickTimeMs + 1000;
    for (const id of history.tree.sessions.keys()) { // a new leader gives each its whole time again
      if (this.loop.nowMs > untilMs && !alive.has(id)) {
        return this.fail(`session ${id.toString(16)} outlived its client`);
      }
    }
    for (const client of this.clients) {
      if (client.process.hasEnded || client.sessionId === 0n || !client.isConnected) continue;
      if (!history.tree.sessions.has(client.sessionId)) {
        this.fail(`client ${client.id} is connected with a session that is not there`);
      }
    }
  }

  #states(): string {
    return [...this.slots].map(([id, { member }]) => `${id} ${member?.role ?? "down"}`).join(", ");
  }

  fail(problem: string): void {
    if (this.failure !== null) return;
    this.failure = `at ${Math.round(this.loop.nowMs)} ms: ${problem}`;
    this.trace(`FAILED: ${problem}`);
  }

  trace(line: string): void {
    if (this.#traceHash === 0) return;
    const text = `${this.loop.nowMs.toFixed(1)} ${line}`;
    for (let i = 0; i < text.length; i++) {
      this.#traceHash = Math.imul(this.#traceHash ^ text.charCodeAt(i), 0x01000193);
      this.#traceHashLow = Math.imul(this.#traceHashLow, 31) + text.charCodeAt(i) | 0;
    }
    this.#options.onTrace?.(text);
  }
}

/** Compares a member's tree with the model, znode by znode. */
function differenceOf({ tree }: SimMember, { tree: model }: History): string | null {
  const { store } = tree;
  const encoder = new TextEncoder();
  for (const [path, { data, version, czxid, mzxid, owner }] of model.nodes) {
    const id = store.lookup(encoder.encode(path));
    if (id === NO_NODE) return `${path} is missing`;
    const writer = new JuteWriter(256);
    tree.writeData(writer, id);
    tree.writeStat(writer, id);
    const decoder = new JuteDecoder(writer.written());
    const bytes = decoder.buffer();
    const found = [
      new TextDecoder().decode(bytes ?? new Uint8Array()),
      decoder.long(),
      decoder.long(),
    ];
    decoder.take(16);
    found.push(`${decoder.int()}`);
    decoder.take(8);
    found.push(decoder.long());
    const expected = [data, BigInt(czxid), BigInt(mzxid), `${version}`, owner];
    if (found.join() !== expected.join()) {
      return `${path} is ${found.join()}, not ${expected.join()}`;
    }
  }
  const systemCount =
    SYSTEM_PATHS.filter((path) => store.lookup(encoder.encode(path)) !== NO_NODE).length;
  const count = model.nodes.size + systemCount;
  return tree.nodeCount === count ? null : `it has ${tree.nodeCount} znodes, not ${count}`;
}

const SYSTEM_PATHS = ["/", "/zookeeper", "/zookeeper/quota", "/zookeeper/config"];

function stackOf(error: unknown): string {
  return error instanceof Error ? error.stack ?? error.message : String(error);
}
