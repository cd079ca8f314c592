/**
 * TCP between simulated machines: connections are FIFO in each direction, and they delay, stall and break.
 *
 * Between two machines there are two links, one a direction, which are slow, stalled or cut independently.
 * What is sent into a cut link waits, as what TCP repeats does: it arrives when the link is whole again, or
 * the sender's connection breaks after a while, which the other side then does not hear of. It breaks too
 * when the way back is cut. A machine
 * without power answers nothing. A process that ends closes its connections, and may take with it what
 * was under way.
 *
 * @module
 */
import type { SeededRandom } from "../support/seeded_random.ts";
import type { SocketAddress, Sockets } from "../../net/sockets.ts";
import type { SimLoop } from "./sim_loop.ts";
import type { SimProcess } from "./sim_process.ts";

export type HostId = number;

/** One direction between two machines. */
export interface Link {
  isCut: boolean;
  delayMsMin: number;
  delayMsMax: number;
  /** Nothing arrives before then. */
  stalledUntilMs: number;
}

export interface SimNetworkOptions {
  loop: SimLoop;
  random: SeededRandom;
  delayMsMin: number;
  delayMsMax: number;
  /** What may be under way, or unread, before a writer has to wait. */
  windowBytes: number;
  /** How long a connection repeats what is not answered before it breaks, at the least. */
  retransmitMs: number;
}

type Packet = { kind: "bytes"; bytes: Uint8Array } | { kind: "end" } | { kind: "reset" };

interface Listener {
  process: SimProcess;
  onConnection: (end: SimConnection) => void;
}

/** The name of a machine, and back. */
export function hostName(host: HostId): string {
  return `h${host}`;
}

export class SimNetwork {
  readonly options: SimNetworkOptions;
  readonly #links = new Map<number, Link>();
  readonly #listeners = new Map<string, Listener>();
  readonly #connections = new Set<SimConnection>();
  /** Machines without power. */
  readonly #dark = new Set<HostId>();
  #nextPort = 40_000;

  constructor(options: SimNetworkOptions) {
    this.options = options;
  }

  link(from: HostId, to: HostId): Link {
    const key = from * 4096 + to;
    let link = this.#links.get(key);
    if (link === undefined) {
      const { delayMsMin, delayMsMax } = this.options;
      this.#links.set(key, link = { isCut: false, delayMsMin, delayMsMax, stalledUntilMs: 0 });
    }
    return link;
  }

  /** To be called when a link got better. */
  healed(from: HostId, to: HostId): void {
    for (const end of [...this.#connections]) {
      if (end.host === from && end.peerHost === to) end.pump();
    }
  }

  isPassable(from: HostId, to: HostId): boolean {
    return !this.link(from, to).isCut && !this.#dark.has(to);
  }

  delayMs(from: HostId, to: HostId): number {
    const { delayMsMin, delayMsMax, stalledUntilMs } = this.link(from, to);
    const delayMs = this.options.random.between(delayMsMin * 10, delayMsMax * 10) / 10;
    return Math.max(delayMs, stalledUntilMs - this.options.loop.nowMs);
  }

  /** Breaks one connection between two machines for both sides; what is under way is lost. */
  breakOne(): boolean {
    const open = [...this.#connections].filter((end) => end.isOpen);
    if (open.length === 0) return false;
    const end = this.options.random.pick(open);
    // sometimes one side only notices when it sends something
    if (!this.options.random.chance(1, 4)) {
      end.peer.reset("Connection reset by peer (os error 104)");
    }
    end.reset("Connection reset by peer (os error 104)");
    return true;
  }

  // ---------------------------------------------------------------- processes and machines

  /** The sockets of one process. */
  socketsOf(host: HostId, process: SimProcess): Sockets {
    return {
      listen: ({ hostname, port }) => {
        if (hostname !== hostName(host) && hostname !== "0.0.0.0") {
          throw new Error(`Cannot assign requested address (os error 99): ${hostname}`);
        }
        const accepting = new Accepting();
        const stop = this.listen(host, port, process, (end) => accepting.push(new SimSocket(end)));
        return accepting.listener({ hostname, port }, stop);
      },
      connect: ({ hostname, port, signal }) =>
        new Promise((resolve, reject) => {
          let isOver = false;
          signal.addEventListener("abort", () => {
            isOver = true;
            reject(new Error("the attempt was given up (os error 110)"));
          });
          this.dial({
            from: host,
            to: Number(hostname.slice(1)),
            port,
            process,
            done: (end, problem) => {
              if (isOver) return end?.close();
              isOver = true;
              if (end !== null) resolve(new SimSocket(end) as unknown as Deno.TcpConn);
              else reject(new Deno.errors.ConnectionRefused(problem));
            },
          });
        }),
    };
  }

  listen(
    host: HostId,
    port: number,
    process: SimProcess,
    onConnection: (end: SimConnection) => void,
  ): () => void {
    const key = `${host}:${port}`;
    if (this.#listeners.has(key)) throw new Error("Address already in use (os error 98)");
    const listener = { process, onConnection };
    this.#listeners.set(key, listener);
    return () => {
      if (this.#listeners.get(key) === listener) this.#listeners.delete(key);
    };
  }

  /** `done` is called with a connection or with why not, or never, when nothing answers. */
  dial({ from, to, port, process, done }: {
    from: HostId;
    to: HostId;
    port: number;
    process: SimProcess;
    done: (end: SimConnection | null, problem: string) => void;
  }): void {
    const { loop } = this.options;
    loop.after(this.delayMs(from, to), () => {
      if (process.hasEnded || !this.isPassable(from, to)) return;
      const listener = this.#listeners.get(`${to}:${port}`);
      const backMs = this.delayMs(to, from);
      if (listener === undefined) {
        return void loop.after(backMs, () => {
          if (!this.isPassable(to, from)) return;
          process.enter(() => done(null, "Connection refused (os error 111)"));
        });
      }
      const localPort = this.#nextPort++;
      const own = new SimConnection(this, { host: from, process, localPort, remotePort: port });
      const their = new SimConnection(this, {
        host: to,
        process: listener.process,
        localPort: port,
        remotePort: localPort,
      });
      own.join(their);
      this.#connections.add(own).add(their);
      listener.process.enter(() => listener.onConnection(their));
      loop.after(backMs, () => {
        if (process.hasEnded) own.vanish();
        else if (this.isPassable(to, from)) process.enter(() => done(own, ""));
        else own.vanish(); // the answer got lost: the other side has a connection with nobody
      });
    });
  }

  /** A process ends; its machine closes what it had open. */
  processEnded(host: HostId): void {
    this.#stopListening(host);
    for (const end of [...this.#connections]) if (end.host === host) end.abandon();
  }

  /** A machine loses its power: nobody is told. */
  powerLost(host: HostId): void {
    this.#dark.add(host);
    this.#stopListening(host);
    for (const end of [...this.#connections]) if (end.host === host) end.vanish();
  }

  powerBack(host: HostId): void {
    this.#dark.delete(host);
    for (const end of [...this.#connections]) if (end.peerHost === host) end.pump();
  }

  forget(end: SimConnection): void {
    this.#connections.delete(end);
  }

  #stopListening(host: HostId): void {
    for (const key of [...this.#listeners.keys()]) {
      if (key.startsWith(`${host}:`)) this.#listeners.delete(key);
    }
  }
}

/** One end of a connection. */
export class SimConnection {
  readonly host: HostId;
  readonly localPort: number;
  readonly remotePort: number;
  peer!: SimConnection;
  /** For this side: neither closed nor broken. */
  isOpen = true;
  /** Why reads and writes fail. */
  problem: string | null = null;
  /** The other side has sent all that it had to. */
  hasEnded = false;
  /** What has arrived and is not read. */
  readonly inbox: Uint8Array[] = [];
  inboxBytes = 0;
  /** Something arrived, or the connection ended. */
  onReadable: () => void = () => {};
  /** There may be room to write. */
  onWritable: () => void = () => {};

  readonly #network: SimNetwork;
  readonly #process: SimProcess;
  /** Sent and not yet arrived. */
  readonly #wire: { readyMs: number; packet: Packet }[] = [];
  #wireBytes = 0;
  #isPumpSet = false;
  #isAckAwaited = false;
  /** Since when nothing gets through. */
  #blockedSinceMs: number | null = null;

  constructor(network: SimNetwork, x: {
    host: HostId;
    process: SimProcess;
    localPort: number;
    remotePort: number;
  }) {
    this.#network = network;
    this.host = x.host;
    this.#process = x.process;
    this.localPort = x.localPort;
    this.remotePort = x.remotePort;
  }

  join(peer: SimConnection): void {
    this.peer = peer;
    peer.peer = this;
  }

  get peerHost(): HostId {
    return this.peer.host;
  }

  /** How much may be sent now. */
  get roomBytes(): number {
    return Math.max(0, this.#network.options.windowBytes - this.#wireBytes);
  }

  send(bytes: Uint8Array): void {
    if (!this.isOpen) return;
    this.#wireBytes += bytes.length;
    this.#put({ kind: "bytes", bytes: bytes.slice() });
  }

  /** Closes this side: what was sent before still arrives. */
  close(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.#put(this.inboxBytes > 0 ? { kind: "reset" } : { kind: "end" });
  }

  /** The process is gone, and its machine closes the connection. */
  abandon(): void {
    if (this.isOpen && this.#network.options.random.chance(1, 3)) {
      this.#wire.length = 0; // it had not left the machine
      this.isOpen = false;
      this.#put({ kind: "reset" });
    } else this.close();
  }

  /** This side is gone without a word. */
  vanish(): void {
    this.isOpen = false;
    this.#wire.length = 0;
    this.#network.forget(this);
  }

  /** The connection breaks, for this side. */
  reset(problem: string): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.problem = problem;
    this.inbox.length = 0;
    this.inboxBytes = 0;
    this.vanish();
    this.#process.enter(() => {
      this.onReadable();
      this.onWritable();
    });
  }

  /** What was read; null at the end. To be asked only when something is there. */
  read(target: Uint8Array): number | null {
    const first = this.inbox[0];
    if (first === undefined) return null;
    const count = Math.min(first.length, target.length);
    target.set(first.subarray(0, count));
    if (count === first.length) this.inbox.shift();
    else this.inbox[0] = first.subarray(count);
    const { loop, windowBytes } = this.#network.options;
    if (this.inboxBytes >= windowBytes) loop.after(0, () => this.peer.pump()); // it waits for room
    this.inboxBytes -= count;
    return count;
  }

  #put(packet: Packet): void {
    const { loop } = this.#network.options;
    const lastMs = this.#wire.at(-1)?.readyMs ?? 0;
    const readyMs = Math.max(
      lastMs,
      loop.nowMs + this.#network.delayMs(this.host, this.peerHost),
    );
    this.#wire.push({ readyMs, packet });
    this.#pumpIn(readyMs - loop.nowMs);
  }

  /** Brings over what is due. */
  pump(): void {
    const { loop, windowBytes } = this.#network.options;
    for (let head = this.#wire[0]; head !== undefined; head = this.#wire[0]) {
      const { stalledUntilMs } = this.#network.link(this.host, this.peerHost);
      const readyMs = Math.max(head.readyMs, stalledUntilMs);
      if (readyMs > loop.nowMs) return this.#pumpIn(readyMs - loop.nowMs);
      if (!this.#network.isPassable(this.host, this.peerHost)) return this.#blocked();
      const { peer } = this;
      if (head.packet.kind === "bytes" && peer.isOpen && peer.inboxBytes >= windowBytes) return;
      this.#blockedSinceMs = null;
      this.#wire.shift();
      this.#arrive(head.packet);
    }
    if (!this.isOpen) this.#network.forget(this);
  }

  #pumpIn(delayMs: number): void {
    if (this.#isPumpSet) return;
    this.#isPumpSet = true;
    this.#network.options.loop.after(delayMs, () => {
      this.#isPumpSet = false;
      this.pump();
    });
  }

  #blocked(): void {
    if (this.#blockedSinceMs !== null) return;
    const { loop, random, retransmitMs } = this.#network.options;
    const sinceMs = this.#blockedSinceMs = loop.nowMs;
    loop.after(random.between(retransmitMs, 3 * retransmitMs), () => {
      if (this.#blockedSinceMs !== sinceMs) return;
      if (this.isOpen) this.reset("Connection timed out (os error 110)");
      else this.vanish();
    });
  }

  /** What arrives is not acknowledged over a link back that is cut: that breaks a connection too. */
  #unacknowledged(): void {
    if (this.#isAckAwaited) return;
    this.#isAckAwaited = true;
    const { loop, random, retransmitMs } = this.#network.options;
    loop.after(random.between(retransmitMs, 3 * retransmitMs), () => {
      this.#isAckAwaited = false;
      if (this.#network.isPassable(this.peerHost, this.host)) return;
      if (this.isOpen) this.reset("Connection timed out (os error 110)");
      else this.vanish();
    });
  }

  #arrive(packet: Packet): void {
    const { peer } = this;
    if (!this.#network.isPassable(this.peerHost, this.host)) this.#unacknowledged();
    if (packet.kind === "bytes") {
      this.#wireBytes -= packet.bytes.length;
      if (this.isOpen) this.#process.enter(() => this.onWritable());
    }
    if (!peer.isOpen) {
      // nobody knows this connection there
      if (packet.kind === "bytes" && this.isOpen) {
        const { loop } = this.#network.options;
        loop.after(this.#network.delayMs(this.peerHost, this.host), () => {
          if (this.#network.isPassable(this.peerHost, this.host)) {
            this.reset("Connection reset by peer (os error 104)");
          }
        });
      }
      return;
    }
    if (packet.kind === "reset") return peer.reset("Connection reset by peer (os error 104)");
    if (packet.kind === "end") peer.hasEnded = true;
    else {
      peer.inbox.push(packet.bytes);
      peer.inboxBytes += packet.bytes.length;
    }
    peer.readable();
  }

  readable(): void {
    this.#process.enter(() => this.onReadable());
  }
}

/** A connection as Deno gives it. */
export class SimSocket {
  readonly localAddr: Deno.NetAddr;
  readonly remoteAddr: Deno.NetAddr;
  readonly #end: SimConnection;
  #isClosed = false;
  #reading: (() => void) | null = null;
  #writing: (() => void) | null = null;

  constructor(end: SimConnection) {
    this.#end = end;
    const { host, peerHost, localPort, remotePort } = end;
    this.localAddr = { transport: "tcp", hostname: hostName(host), port: localPort };
    this.remoteAddr = { transport: "tcp", hostname: hostName(peerHost), port: remotePort };
    end.onReadable = () => this.#wake("read");
    end.onWritable = () => this.#wake("write");
  }

  setNoDelay(): void {}
  setKeepAlive(): void {}

  async read(target: Uint8Array): Promise<number | null> {
    const end = this.#end;
    for (;;) {
      this.#check();
      if (end.inboxBytes > 0) return end.read(target);
      if (end.hasEnded) return null;
      await new Promise<void>((resolve) => this.#reading = resolve);
    }
  }

  async write(bytes: Uint8Array): Promise<number> {
    for (;;) {
      this.#check();
      if (this.#end.roomBytes > 0) break;
      await new Promise<void>((resolve) => this.#writing = resolve);
    }
    const count = Math.min(bytes.length, this.#end.roomBytes);
    this.#end.send(bytes.subarray(0, count));
    return count;
  }

  close(): void {
    if (this.#isClosed) throw new Deno.errors.BadResource("it is closed");
    this.#isClosed = true;
    this.#end.close();
    this.#wake("read");
    this.#wake("write");
  }

  #check(): void {
    if (this.#isClosed) throw new Deno.errors.BadResource("it is closed");
    if (this.#end.problem !== null) throw new Deno.errors.ConnectionReset(this.#end.problem);
  }

  #wake(what: "read" | "write"): void {
    const resolve = what === "read" ? this.#reading : this.#writing;
    if (what === "read") this.#reading = null;
    else this.#writing = null;
    resolve?.();
  }
}

/** Connections that wait to be accepted. */
class Accepting {
  readonly #sockets: SimSocket[] = [];
  #wake: (() => void) | null = null;
  #isClosed = false;

  push(socket: SimSocket): void {
    this.#sockets.push(socket);
    this.#wake?.();
    this.#wake = null;
  }

  listener({ hostname, port }: SocketAddress, stop: () => void): Deno.TcpListener {
    const accept = async () => {
      for (;;) {
        if (this.#isClosed) throw new Deno.errors.BadResource("it is closed");
        const socket = this.#sockets.shift();
        if (socket !== undefined) return socket;
        await new Promise<void>((resolve) => this.#wake = resolve);
      }
    };
    const close = () => {
      this.#isClosed = true;
      stop();
      for (const socket of this.#sockets) socket.close();
      this.#wake?.();
    };
    const addr = { transport: "tcp", hostname, port };
    return { accept, close, addr } as unknown as Deno.TcpListener;
  }
}
