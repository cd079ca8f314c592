/**
 * A client of a simulated ensemble: sessions, requests, watches and reconnects as ZooKeeper's own client
 * makes them, and what each answer must be.
 *
 * Its answers are checked against `history.ts`: a write must be in the history, once, between what was
 * acknowledged before it was sent and what is sent after it; a read must be the tree at the zxid that its
 * reply names, which never goes back within a session; an event must come before the data that it tells
 * of. A `sync` promises that reads behind it see what was acknowledged before it; that ends where the
 * leader that answers has been replaced and does not know it yet, since a sync asks no quorum.
 *
 * @module
 */
import { epochOf, type Zxid, zxidToHex } from "../../core/zxid.ts";
import { JuteDecoder } from "../support/jute.ts";
import {
  connectRequest,
  decodeConnectResponse,
  frame,
  requestFrame,
} from "../support/raw_client.ts";
import {
  check,
  closeSession,
  create,
  exists,
  Flags,
  getChildren2,
  getData,
  multi,
  ofPath,
  Op,
  ping,
  remove,
  type Request,
  setData,
  setWatches,
} from "../support/requests.ts";
import type { SeededRandom } from "../support/seeded_random.ts";
import type { History } from "./history.ts";
import type { NodeChange } from "./model_tree.ts";
import type { SimLoop } from "./sim_loop.ts";
import type { HostId, SimConnection, SimNetwork } from "./sim_network.ts";
import { CLIENT_PORT } from "./sim_member.ts";
import { SimProcess } from "./sim_process.ts";

export interface ClientSettings {
  readonly sessionTimeoutMs: number;
  /** Between two requests, at the most. */
  readonly thinkMsMax: number;
  /** Requests under way, at the most. */
  readonly depthMax: number;
  readonly topCount: number;
  readonly dataBytesMax: number;
  /** Shares of requests: reads, in 100. */
  readonly readShare: number;
}

export interface ClientWorld {
  readonly loop: SimLoop;
  readonly network: SimNetwork;
  readonly history: History;
  readonly servers: readonly HostId[];
  /** The epoch that a server serves in; 0: it does not. */
  epochOf(server: HostId): number;
  /** Whether a server leads, and brings a learner to its own history. */
  isSynchronising(server: HostId): boolean;
  /** What is written with this tag must never be. */
  forbid(tag: string): void;
  fail(problem: string): void;
  sometimes(what: string): void;
  trace(line: string): void;
}

type WatchKind = "data" | "exist" | "child";

interface Watch {
  readonly kind: WatchKind;
  readonly path: string;
  zxid: Zxid;
}

interface Sent {
  readonly xid: number;
  readonly request: Request;
  readonly what: string;
  readonly path: string;
  readonly isWrite: boolean;
  /** What was acknowledged to anybody when it was sent. */
  readonly ackedZxid: Zxid;
  readonly watch: boolean;
  /** Found in its txn. */
  readonly tag: string;
}

const XID_EVENT = -1;
const XID_PING = -2;
const XID_SET_WATCHES = -8;
const Err = { ok: 0, noNode: -101, badVersion: -103, noEphemeralChildren: -108 } as const;
const ErrMore = { nodeExists: -110, notEmpty: -111, sessionExpired: -112, moved: -118 } as const;
const CONNECT_TIMEOUT_MS = 3000;
const chunk = new Uint8Array(16 << 10);

/** What all clients of a run know together. */
export class Acknowledged {
  /** The newest txn that was acknowledged to anybody. */
  zxid: Zxid = 0;
  count = 0;
}

export class SimClient {
  readonly id: number;
  readonly host: HostId;
  readonly process: SimProcess;
  sessionId = 0n;
  isConnected = false;
  /** When the last answer came. */
  heardMs = 0;
  /** Sends what clients send by themselves only. */
  isQuiet = false;
  writeCount = 0;
  readonly #world: ClientWorld;
  readonly #settings: ClientSettings;
  readonly #random: SeededRandom;
  readonly #acknowledged: Acknowledged;
  #password: Uint8Array = new Uint8Array(16);
  #timeoutMs: number;
  #server: HostId = 0;
  #connection: SimConnection | null = null;
  #received: Uint8Array = new Uint8Array(0);
  #hasGreeted = false;
  #nextXid = 1;
  #tagCount = 0;
  readonly #sent: Sent[] = [];
  #lastZxid: Zxid = 0;
  /** A read behind a sync sees at least this. */
  #syncedZxid: Zxid = 0;
  #watches: Watch[] = [];
  #areWatchesSet = true;
  #sentMs = 0;
  #attempt = 0;
  /** A connection that was given up and not closed: what it sends behind the next one is refused. */
  #ghost: SimConnection | null = null;
  #isClosing = false;
  readonly #knownVersions = new Map<string, number>();

  constructor(x: {
    id: number;
    world: ClientWorld;
    settings: ClientSettings;
    random: SeededRandom;
    acknowledged: Acknowledged;
  }) {
    this.id = x.id;
    this.host = 1000 + x.id;
    this.#world = x.world;
    this.#settings = x.settings;
    this.#random = x.random;
    this.#acknowledged = x.acknowledged;
    this.#timeoutMs = x.settings.sessionTimeoutMs;
    this.process = new SimProcess(x.world.loop, () => 0);
  }

  start(): void {
    this.#connect();
    this.#think();
    this.#keepAlive();
  }

  /** Goes away for good, without a word. */
  end(): void {
    this.#world.network.processEnded(this.host);
    this.process.end();
    this.isConnected = false;
  }

  // ---------------------------------------------------------------- connecting

  #connect(): void {
    const { network, servers } = this.#world;
    const server = this.#server = this.#random.pick(servers);
    const attempt = ++this.#attempt;
    const stopTimer = this.process.timers.start(CONNECT_TIMEOUT_MS, () => {
      if (this.#attempt === attempt && !this.#hasGreeted) this.#lost("no answer");
    });
    network.dial({
      from: this.host,
      to: server,
      port: CLIENT_PORT,
      process: this.process,
      done: (end) => {
        if (this.#attempt !== attempt) return end?.close();
        if (end === null) {
          stopTimer();
          return this.#lost("refused");
        }
        this.#connection = end;
        end.onReadable = () => this.#read(end);
        end.send(frame(connectRequest({
          timeoutMs: this.#settings.sessionTimeoutMs,
          sessionId: this.sessionId,
          password: this.#password,
          lastZxidSeen: BigInt(this.#lastZxid),
        })));
      },
    });
  }

  #lost(why: string): void {
    if (this.#connection !== null || this.#hasGreeted) {
      this.#world.trace(`client ${this.id} lost server ${this.#server}: ${why}`);
    }
    if (this.isConnected && this.#connection?.isOpen && this.#random.chance(1, 6)) {
      this.#ghost?.close();
      this.#ghost = this.#connection;
    } else this.#connection?.close();
    this.#connection = null;
    this.#attempt++;
    this.isConnected = false;
    this.#hasGreeted = false;
    this.#received = new Uint8Array(0);
    this.#sent.length = 0; // nobody knows what became of these
    this.#syncedZxid = 0;
    this.#areWatchesSet = this.#watches.length === 0;
    if (this.#isClosing) this.#newSession();
    const attempt = this.#attempt;
    this.process.timers.start(this.#random.between(10, 500), () => {
      if (this.#attempt === attempt) this.#connect();
    });
  }

  #newSession(): void {
    this.sessionId = 0n;
    this.#password = new Uint8Array(16);
    this.#watches = [];
    this.#areWatchesSet = true;
    this.#lastZxid = 0;
    this.#isClosing = false;
  }

  #greeted(payload: Uint8Array): void {
    const { sessionId, password, timeoutMs } = decodeConnectResponse(payload);
    this.#hasGreeted = true;
    if (sessionId === 0n) {
      this.#world.sometimes("session refused");
      this.#world.trace(`client ${this.id}: session ${this.sessionId.toString(16)} is gone`);
      this.#newSession();
      return this.#lost("session gone");
    }
    if (this.sessionId !== 0n && sessionId !== this.sessionId) {
      return this.#fail(`it came back to session ${this.sessionId}, and got ${sessionId}`);
    }
    if (this.sessionId !== 0n) {
      this.#world.sometimes("session moved");
      this.#haunt();
    }
    this.sessionId = sessionId;
    this.#password = password;
    this.#timeoutMs = timeoutMs;
    this.isConnected = true;
    this.heardMs = this.#world.loop.nowMs;
    if (this.#watches.length > 0) {
      const paths = (kind: WatchKind) =>
        this.#watches.filter((w) => w.kind === kind).map((w) => w.path);
      this.#write(
        setWatches(BigInt(this.#lastZxid), {
          data: paths("data"),
          exist: paths("exist"),
          child: paths("child"),
        }),
        XID_SET_WATCHES,
      );
    }
  }

  /** The session has moved here: nothing that comes through its last connection may be done. */
  #haunt(): void {
    if (this.#ghost === null) return;
    const tag = this.#tag();
    this.#world.forbid(tag);
    const path = `/n${this.#random.below(this.#settings.topCount)}`;
    this.#ghost.send(requestFrame(setData(path, tag), this.#nextXid++));
    this.#ghost = null;
  }

  // ---------------------------------------------------------------- sending

  #think(): void {
    const { thinkMsMax, depthMax } = this.#settings;
    this.process.timers.start(this.#random.between(1, thinkMsMax), () => {
      // several in one piece now and then, which share a batch
      let count = this.#random.chance(1, 6) ? this.#random.between(2, 6) : 1;
      while (count-- > 0 && this.#sent.length < depthMax) {
        if (this.isConnected && !this.isQuiet) this.#act();
      }
      this.#think();
    });
  }

  #keepAlive(): void {
    this.process.timers.start(Math.max(20, this.#timeoutMs / 6), () => {
      const { nowMs } = this.#world.loop;
      if (this.isConnected) {
        if (nowMs - this.heardMs > this.#timeoutMs * 2 / 3) this.#lost("silence");
        else if (nowMs - this.#sentMs > this.#timeoutMs / 3) this.#write(ping, XID_PING);
      }
      this.#keepAlive();
    });
  }

  #write(request: Request, xid: number): void {
    this.#sentMs = this.#world.loop.nowMs;
    this.#connection!.send(requestFrame(request, xid));
  }

  #send(
    request: Request,
    x: { what: string; path: string; isWrite?: boolean; watch?: boolean; tag?: string },
  ): void {
    if (this.#isClosing) return;
    const xid = this.#nextXid++;
    const { what, path, isWrite = false, watch = false, tag = "" } = x;
    const ackedZxid = this.#acknowledged.zxid;
    this.#sent.push({ xid, request, what, path, isWrite, ackedZxid, watch, tag });
    this.#world.trace(`client ${this.id} sends ${xid}: ${what} ${path}`);
    this.#write(request, xid);
  }

  /** A write that must commit, for the checker of progress. */
  sendWrite(): void {
    this.#create(`/n${this.#random.below(this.#settings.topCount)}`, Flags.persistent);
  }

  #act(): void {
    const random = this.#random;
    const { topCount, readShare } = this.#settings;
    const top = `/n${random.below(topCount)}`;
    const path = random.chance(1, 3) ? top : `${top}/c${random.below(4)}`;
    if (random.chance(readShare, 100)) {
      const watch = random.chance(1, 4) && this.#watches.length < 20;
      return random.weighted<() => void>([
        [4, () => this.#send(getData(path, watch), { what: "getData", path, watch })],
        [3, () => this.#send(exists(path, watch), { what: "exists", path, watch })],
        [3, () => this.#send(getChildren2(top, watch), { what: "children", path: top, watch })],
        [2, () => {
          this.#send(ofPath(Op.sync, path), { what: "sync", path });
          this.#send(getData(path), { what: "getData", path });
        }],
      ])();
    }
    random.weighted<() => void>([
      [6, () => this.#create(path, Flags.persistent)],
      [3, () => this.#create(`${top}/e${random.below(3)}`, Flags.ephemeral)],
      [
        2,
        () => this.#create(`${top}/s-`, random.pick([Flags.sequential, Flags.ephemeralSequential])),
      ],
      [8, () => {
        const version = random.chance(1, 2) ? -1 : this.#knownVersions.get(path) ?? 0;
        const tag = this.#tag();
        this.#send(setData(path, tag, version), {
          what: `set ${version}`,
          path,
          isWrite: true,
          tag,
        });
      }],
      [3, () => {
        const version = random.chance(3, 4) ? -1 : this.#knownVersions.get(path) ?? 0;
        this.#send(remove(path, version), { what: `delete ${version}`, path, isWrite: true });
      }],
      [3, () => {
        const tag = this.#tag();
        const other = `${top}/c${random.below(4)}`;
        const ops = [check(top), setData(top, tag)];
        ops.push(random.chance(1, 2) ? create(other, { data: tag }) : remove(other));
        this.#send(multi(ops), { what: "multi", path: top, isWrite: true, tag });
      }],
      [random.chance(1, 20) ? 1 : 0, () => {
        this.#send(closeSession, { what: "close", path: "", isWrite: true });
        this.#isClosing = true;
      }],
    ])();
  }

  #create(path: string, flags: number): void {
    const tag = this.#tag();
    this.#send(
      create(path, { data: tag, flags, type: this.#random.pick([Op.create, Op.create2]) }),
      {
        what: flags === Flags.persistent ? "create" : `create ${flags}`,
        path,
        isWrite: true,
        tag,
      },
    );
  }

  #tag(): string {
    const tag = `t${this.id}.${this.#tagCount++}.`;
    const bytes = this.#random.chance(1, this.#settings.dataBytesMax > 10_000 ? 4 : 30)
      ? this.#random.below(this.#settings.dataBytesMax)
      : 0;
    return tag + "x".repeat(bytes);
  }

  // ---------------------------------------------------------------- receiving

  #read(end: SimConnection): void {
    if (end !== this.#connection) return;
    while (end.inboxBytes > 0) {
      const count = end.read(chunk)!;
      const joined = new Uint8Array(this.#received.length + count);
      joined.set(this.#received);
      joined.set(chunk.subarray(0, count), this.#received.length);
      this.#received = joined;
    }
    while (this.#received.length >= 4 && this.#connection === end) {
      const length = new DataView(this.#received.buffer, this.#received.byteOffset).getInt32(0);
      if (this.#received.length < 4 + length) break;
      const payload = this.#received.slice(4, 4 + length);
      this.#received = this.#received.subarray(4 + length);
      this.heardMs = this.#world.loop.nowMs;
      if (!this.#hasGreeted) this.#greeted(payload);
      else this.#reply(new JuteDecoder(payload));
    }
    if (this.#connection !== end) return;
    if (end.hasEnded || !end.isOpen) this.#lost(end.problem ?? "closed by the server");
  }

  #reply(decoder: JuteDecoder): void {
    const xid = decoder.int();
    const zxid = Number(decoder.long());
    const err = decoder.int();
    if (xid === XID_EVENT) return this.#event(decoder);
    if (xid === XID_PING) return this.#seen(zxid, "ping");
    if (xid === XID_SET_WATCHES) return this.#watchesSet(zxid);
    const sent = this.#sent.shift();
    if (sent === undefined || sent.xid !== xid) {
      return this.#fail(`a reply to xid ${xid}, where ${sent?.xid} is next`);
    }
    this.#world.trace(
      `client ${this.id} ${sent.what} ${sent.path}${sent.watch ? " watching" : ""}: ${err} at ${
        zxidToHex(zxid)
      }`,
    );
    if (zxid > 0) this.#seen(zxid, sent.what);
    if (sent.isWrite) this.#written(sent, zxid, err, decoder);
    else if (sent.what === "sync") this.#synced(sent);
    else this.#gotten(sent, zxid, err, decoder);
  }

  /** A reply says how far the server's tree is. */
  #seen(zxid: Zxid, what: string): void {
    if (zxid < this.#lastZxid) {
      this.#fail(`${what} went back from 0x${zxidToHex(this.#lastZxid)} to 0x${zxidToHex(zxid)}`);
    }
    this.#lastZxid = zxid;
    if (!this.#areWatchesSet) return;
    for (const watch of this.#watches) {
      const change = this.#world.history.tree.changesAfter(watch.path, watch.zxid)
        .find((one) => one.zxid <= zxid && triggers(watch.kind, one.change));
      if (change === undefined) continue;
      this.#fail(
        `${what} at 0x${zxidToHex(zxid)} came before the event of its ${watch.kind} watch on ` +
          `${watch.path} (0x${zxidToHex(watch.zxid)}) for ${change.change} at 0x${
            zxidToHex(change.zxid)
          }`,
      );
    }
  }

  #written(sent: Sent, zxid: Zxid, err: number, decoder: JuteDecoder): void {
    const { history } = this.#world;
    const name = `${sent.what} ${sent.path} (xid ${sent.xid})`;
    const committed = history.get(zxid);
    if (committed === undefined) {
      return this.#fail(`${name} was answered at 0x${zxidToHex(zxid)}, which is not committed`);
    }
    const { header, txn, text } = committed;
    if (header.sessionId !== this.sessionId || header.cxid !== sent.xid) {
      return this.#fail(`${name} was answered with the zxid of ${text}`);
    }
    if (zxid <= sent.ackedZxid) {
      this.#fail(
        `${name} got 0x${zxidToHex(zxid)}, and 0x${
          zxidToHex(sent.ackedZxid)
        } was acknowledged before`,
      );
    }
    this.#acknowledged.zxid = Math.max(this.#acknowledged.zxid, zxid);
    this.#acknowledged.count++;
    this.writeCount++;
    const isError = txn.kind === "error" ||
      (txn.kind === "multi" && txn.ops.some((op) => op.txn.kind === "error"));
    if (err === Err.ok && isError && txn.kind !== "multi") {
      return this.#fail(`${name} succeeded, and its txn is ${text}`);
    }
    if (err !== Err.ok && !isError) return this.#fail(`${name} failed with ${err}: ${text}`);
    if (err === Err.ok && sent.tag !== "" && !isError && !text.includes(`"${sent.tag}"`)) {
      return this.#fail(`${name} wrote ${text}`);
    }
    if (sent.what === "close") return;
    if (err !== Err.ok) return this.#refused(sent, zxid, err);
    if (sent.what.startsWith("create")) {
      const path = decoder.string() ?? "";
      if (!path.startsWith(sent.path) || history.tree.at(path, zxid)?.data !== sent.tag) {
        this.#fail(`${name} made ${path}`);
      }
    }
  }

  /** A write was refused: that must be so in the tree before it. */
  #refused(sent: Sent, zxid: Zxid, err: number): void {
    const { tree } = this.#world.history;
    if (sent.what === "multi") return;
    if (err === ErrMore.moved || err === ErrMore.sessionExpired) {
      this.#world.sometimes(
        err === ErrMore.moved ? "write refused: moved" : "write refused: expired",
      );
      return this.#lost("session moved or expired");
    }
    const node = tree.at(sent.path, zxid);
    const [what, versionText] = sent.what.split(" ");
    const parentPath = sent.path.slice(0, sent.path.lastIndexOf("/"));
    const parent = parentPath === "" ? null : tree.at(parentPath, zxid);
    const isRight = what === "create"
      ? (err === ErrMore.nodeExists && node !== null) ||
        (err === Err.noNode && parentPath !== "" && parent === null) ||
        (err === Err.noEphemeralChildren && parent !== null && parent.owner !== 0n)
      : (err === Err.noNode && node === null) ||
        (err === Err.badVersion && node !== null && node.version !== Number(versionText)) ||
        (err === ErrMore.notEmpty && tree.childrenAt(sent.path, zxid).length > 0);
    if (!isRight) {
      this.#fail(`${sent.what} ${sent.path} was refused with ${err} at 0x${zxidToHex(zxid)}`);
    }
  }

  #synced({ ackedZxid }: Sent): void {
    const { history } = this.#world;
    if (this.#world.epochOf(this.#server) < history.epoch) {
      return this.#world.sometimes("sync through a leader that was replaced");
    }
    this.#syncedZxid = Math.max(this.#syncedZxid, ackedZxid);
    this.#world.sometimes("sync");
  }

  #gotten(sent: Sent, zxid: Zxid, err: number, decoder: JuteDecoder): void {
    const { tree } = this.#world.history;
    const { what, path } = sent;
    const name = `${what} ${path} at 0x${zxidToHex(zxid)}`;
    if (zxid < this.#syncedZxid) {
      this.#fail(`${name} is behind a sync, and 0x${zxidToHex(this.#syncedZxid)} was acknowledged`);
    }
    if (epochOf(zxid) < this.#world.history.epoch) this.#world.sometimes("read of an older epoch");
    if (this.#world.isSynchronising(this.#server)) {
      this.#world.sometimes("read during synchronisation");
    }
    const node = path === "/" ? null : tree.at(path, zxid);
    if (err === Err.noNode) {
      if (node !== null) return this.#fail(`${name} found nothing, and ${node.data} is there`);
      if (sent.watch && what === "exists") this.#watch("exist", path, zxid);
      return;
    }
    if (err !== Err.ok) return this.#fail(`${name} failed with ${err}`);
    if (node === null) return this.#fail(`${name} found what is not there`);
    if (what === "getData") {
      const bytes = decoder.buffer();
      const data = bytes === null ? "" : new TextDecoder().decode(bytes);
      if (data !== node.data) return this.#fail(`${name} found ${data}, and ${node.data} is there`);
    } else if (what === "children") {
      const names = (decoder.vector(() => decoder.string() ?? "") ?? []).sort();
      const expected = tree.childrenAt(path, zxid);
      if (names.join() !== expected.join()) {
        return this.#fail(`${name} found ${names.join()}, and there is ${expected.join()}`);
      }
    }
    const czxid = Number(decoder.long());
    const mzxid = Number(decoder.long());
    decoder.take(16);
    const version = decoder.int();
    if (czxid !== node.czxid || mzxid !== node.mzxid || version !== node.version) {
      return this.#fail(
        `${name} has czxid ${zxidToHex(czxid)}, mzxid ${
          zxidToHex(mzxid)
        }, version ${version}, not ` +
          `${zxidToHex(node.czxid)}, ${zxidToHex(node.mzxid)}, ${node.version}`,
      );
    }
    this.#knownVersions.set(path, version);
    if (sent.watch) this.#watch(what === "children" ? "child" : "data", path, zxid);
  }

  // ---------------------------------------------------------------- watches

  #watch(kind: WatchKind, path: string, zxid: Zxid): void {
    if (this.#watches.some((watch) => watch.kind === kind && watch.path === path)) return;
    this.#watches.push({ kind, path, zxid });
  }

  #event(decoder: JuteDecoder): void {
    const type = decoder.int();
    decoder.int();
    const path = decoder.string() ?? "";
    const kinds = EVENT_WATCHES[type] ?? [];
    const fired = this.#watches.filter((watch) =>
      watch.path === path && kinds.includes(watch.kind)
    );
    this.#world.trace(`client ${this.id} event ${type} ${path}`);
    this.#world.sometimes("watch fired");
    if (fired.length === 0) return this.#fail(`event ${type} of ${path}, which is not watched`);
    const { tree } = this.#world.history;
    if (!fired.some((watch) => tree.changesAfter(path, watch.zxid).length > 0)) {
      return this.#fail(`event ${type} of ${path}, which did not change`);
    }
    this.#watches = this.#watches.filter((watch) => !fired.includes(watch));
  }

  /** Back on another connection: what changed meanwhile has been told. */
  #watchesSet(zxid: Zxid): void {
    const { tree } = this.#world.history;
    const relativeZxid = this.#lastZxid;
    this.#world.sometimes("watches set again");
    for (const watch of this.#watches) {
      const node = tree.at(watch.path, zxid);
      const isDue = watch.kind === "exist"
        ? node !== null
        : node === null || (watch.kind === "data"
          ? node.mzxid > relativeZxid
          : tree.changesAfter(watch.path, relativeZxid)
            .some((one) => one.change === "children" && one.zxid <= zxid));
      if (isDue) {
        this.#fail(
          `the ${watch.kind} watch on ${watch.path} (0x${
            zxidToHex(watch.zxid)
          }) did not fire when ` +
            `it was set again at 0x${zxidToHex(zxid)}`,
        );
      }
      watch.zxid = zxid;
    }
    this.#areWatchesSet = true;
    this.#seen(zxid, "setWatches");
  }

  #fail(problem: string): void {
    this.#world.fail(`client ${this.id} at server ${this.#server}: ${problem}`);
  }
}

function triggers(kind: WatchKind, change: NodeChange): boolean {
  switch (kind) {
    case "data":
      return change === "data" || change === "deleted";
    case "exist":
      return change === "created";
    case "child":
      return change === "children" || change === "deleted";
  }
}

/** By type of event. */
const EVENT_WATCHES: Record<number, readonly WatchKind[]> = {
  1: ["exist"],
  2: ["data", "exist", "child"],
  3: ["data", "exist"],
  4: ["child"],
};
