/**
 * The sockets of elections: listens on the election port and dials other servers (quorum protocol
 * section 2). Decides nothing: brings to the elector what happens, and does what it says.
 *
 * @module
 */
import type { ElectionSocketEffect, ElectionSocketInput } from "../cluster/elector.ts";
import type { LinkId } from "../cluster/election_links.ts";
import { addressText, type ElectionAddress } from "../cluster/hello.ts";
import type { ServerId } from "../cluster/server_id.ts";
import type { Clock, Logger } from "../core/ports.ts";
import { type Rest, restOn } from "./rest.ts";
import type { Sockets, Timers } from "./sockets.ts";

/** What ZooKeeper exits with when it cannot listen for elections. */
export const EXIT_ELECTION_PORT = 14;

const BIND_RETRY_MS = 1000;
/** After a failed accept. */
const ACCEPT_RETRY_MS = 100;
const READ_BYTES = 16 << 10;

export interface ElectionPortOptions {
  /** Our own election addresses. */
  readonly addresses: readonly ElectionAddress[];
  /** `quorumListenOnAllIPs`: their ports, on every address of the machine. */
  readonly listenOnAllIps: boolean;
  /** `electionPortBindRetry`: how often a port is tried; 0: for ever. */
  readonly bindRetryCount: number;
  /** `cnxTimeout`, for each address of another server. */
  readonly connectTimeoutMs: number;
  readonly clock: Clock;
  readonly sockets: Sockets;
  readonly timers: Timers;
  readonly logger: Logger;
  /** Never called from within `perform`. */
  onInput(input: ElectionSocketInput): void;
  /** We cannot be reached, so the server cannot take part: it should exit. */
  onFatal(failure: { exitCode: number; problem: string }): void;
}

interface Socket {
  readonly link: LinkId;
  readonly conn: Deno.TcpConn;
  readonly unwritten: Uint8Array[];
  isWriting: boolean;
  /** Set when it is to be closed once all is written, or at the latest then: nothing is told of it. */
  stopEndTimer: (() => void) | null;
}

export class ElectionPort {
  readonly #options: ElectionPortOptions;
  readonly #rest: Rest;
  /** By address. */
  readonly #listeners = new Map<string, Deno.TcpListener>();
  readonly #sockets = new Map<LinkId, Socket>();
  readonly #dials = new Set<AbortController>();
  /** All that still runs, so that `close` can wait for it. */
  readonly #tasks = new Set<Promise<void>>();
  #linkCount = 0;
  #isClosed = false;
  /** Ends a rest between two attempts to listen. */
  #stopResting: () => void = () => {};

  constructor(options: ElectionPortOptions) {
    this.#options = options;
    this.#rest = restOn(options.timers);
  }

  /**
   * Listens, trying again while a port is taken.
   *
   * @returns whether it does; otherwise it was closed, or `onFatal` was told
   */
  async listen(): Promise<boolean> {
    return await this.#listenAt(this.#options.addresses);
  }

  /** Listens at other addresses. Connections stay. */
  rebind(addresses: readonly ElectionAddress[]): void {
    if (!this.#isClosed) this.#begin(this.#listenAt(addresses).then(() => {}));
  }

  async #listenAt(addresses: readonly ElectionAddress[]): Promise<boolean> {
    const { listenOnAllIps } = this.#options;
    const byText = new Map<string, ElectionAddress>();
    for (const { host, port } of addresses) {
      const address = { host: listenOnAllIps ? "0.0.0.0" : host, port };
      byText.set(addressText(address), address);
    }
    for (const [text, listener] of [...this.#listeners]) {
      if (byText.has(text)) continue;
      this.#listeners.delete(text);
      listener.close();
    }
    for (const [text, address] of byText) {
      if (!this.#listeners.has(text) && !await this.#listenOn(address)) return false;
    }
    return true;
  }

  perform(effect: ElectionSocketEffect): void {
    if (this.#isClosed) return;
    switch (effect.kind) {
      case "dial":
        return this.#begin(this.#dial(effect.serverId, effect.addresses));
      case "write": {
        const socket = this.#sockets.get(effect.link);
        if (socket === undefined) return; // lost: its end is being told
        socket.unwritten.push(effect.bytes);
        if (!socket.isWriting) this.#begin(this.#write(socket));
        return;
      }
      case "close": {
        const socket = this.#sockets.get(effect.link);
        if (socket === undefined) return;
        if (!socket.isWriting) this.#destroy(socket);
        else {
          const { connectTimeoutMs, timers } = this.#options;
          socket.stopEndTimer = timers.start(connectTimeoutMs, () => this.#destroy(socket));
        }
        return;
      }
    }
  }

  /** Leaves no socket, timer or task behind. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#stopResting();
    for (const listener of this.#listeners.values()) listener.close();
    this.#listeners.clear();
    for (const dial of this.#dials) dial.abort();
    for (const socket of [...this.#sockets.values()]) this.#destroy(socket);
    await Promise.all(this.#tasks);
  }

  #begin(task: Promise<void>): void {
    const tracked = task.finally(() => this.#tasks.delete(tracked));
    this.#tasks.add(tracked);
  }

  async #listenOn(address: ElectionAddress): Promise<boolean> {
    const { bindRetryCount, logger, onFatal } = this.#options;
    let toldProblem = "";
    for (let attempt = 1; !this.#isClosed;) {
      try {
        const listener = listen(address, this.#options.sockets);
        this.#listeners.set(addressText(address), listener);
        this.#begin(this.#accept(addressText(address), listener));
        logger.info("listening for elections", { address: addressText(address) });
        return true;
      } catch (error) {
        const problem = messageOf(error);
        const fields = { address: addressText(address), problem };
        if (problem !== toldProblem) logger.warn("cannot listen for elections yet", fields);
        toldProblem = problem;
        // a name may become known at any time, and is not a port that is taken
        if (!isUnknownName(error) && attempt++ === bindRetryCount) {
          logger.error("cannot listen for elections", fields);
          onFatal({ exitCode: EXIT_ELECTION_PORT, problem });
          return false;
        }
      }
      await this.#restOrClose(BIND_RETRY_MS);
    }
    return false;
  }

  #restOrClose(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const stopTimer = this.#options.timers.start(ms, resolve);
      this.#stopResting = () => {
        stopTimer();
        resolve();
      };
    });
  }

  async #accept(address: string, listener: Deno.TcpListener): Promise<void> {
    let toldProblem = "";
    while (this.#listeners.get(address) === listener) {
      let conn: Deno.TcpConn;
      try {
        conn = await listener.accept();
      } catch (error) {
        if (this.#listeners.get(address) !== listener) return;
        const problem = messageOf(error);
        if (problem !== toldProblem) {
          this.#options.logger.warn("an election connection could not be accepted", { problem });
        }
        toldProblem = problem;
        await this.#rest(ACCEPT_RETRY_MS);
        continue;
      }
      toldProblem = "";
      if (this.#isClosed) return conn.close();
      const socket = this.#addSocket(conn);
      const remoteAddress = conn.remoteAddr.hostname;
      this.#tell({ kind: "accepted", link: socket.link, remoteAddress, nowMs: this.#nowMs() });
      this.#begin(this.#read(socket));
    }
  }

  /** One address after the other; a name is resolved anew each time. */
  async #dial(serverId: ServerId, addresses: readonly ElectionAddress[]): Promise<void> {
    const problems: string[] = [];
    let isRefused = true;
    for (const address of addresses) {
      let conn: Deno.TcpConn;
      try {
        conn = await this.#connect(address);
      } catch (error) {
        if (!(error instanceof Deno.errors.ConnectionRefused)) isRefused = false;
        problems.push(`${addressText(address)}: ${messageOf(error)}`);
        if (this.#isClosed) return;
        continue;
      }
      if (this.#isClosed) return conn.close();
      const socket = this.#addSocket(conn);
      this.#tell({ kind: "dialed", serverId, link: socket.link, nowMs: this.#nowMs() });
      this.#begin(this.#read(socket));
      return;
    }
    const problem = problems.join("; ");
    this.#tell({ kind: "dialFailed", serverId, isRefused, problem, nowMs: this.#nowMs() });
  }

  async #connect({ host: hostname, port }: ElectionAddress): Promise<Deno.TcpConn> {
    const { connectTimeoutMs, sockets, timers } = this.#options;
    const abort = new AbortController();
    this.#dials.add(abort);
    const stopTimer = timers.start(
      connectTimeoutMs,
      () => abort.abort(new Deno.errors.TimedOut(`no answer in ${connectTimeoutMs} ms`)),
    );
    try {
      const conn = await sockets.connect({ hostname, port, signal: abort.signal });
      if (!isOwnEnd(conn)) return conn;
      conn.close();
      throw new Deno.errors.ConnectionRefused("nobody but us is there");
    } finally {
      stopTimer();
      this.#dials.delete(abort);
    }
  }

  #addSocket(conn: Deno.TcpConn): Socket {
    try {
      conn.setNoDelay(true);
      conn.setKeepAlive(true);
    } catch {
      // it is gone already: reading will tell
    }
    const link = ++this.#linkCount;
    const socket = { link, conn, unwritten: [], isWriting: false, stopEndTimer: null };
    this.#sockets.set(link, socket);
    return socket;
  }

  async #read(socket: Socket): Promise<void> {
    const { link, conn } = socket;
    const buffer = new Uint8Array(READ_BYTES);
    let problem = "the other server closed it";
    try {
      for (;;) {
        const byteCount = await conn.read(buffer);
        if (byteCount === null) break;
        if (socket.stopEndTimer !== null) continue;
        const bytes = buffer.subarray(0, byteCount);
        this.#tell({ kind: "received", link, bytes, nowMs: this.#nowMs() });
      }
    } catch (error) {
      if (!isSocketError(error)) throw error;
      problem = messageOf(error);
    }
    this.#lost(socket, problem);
  }

  async #write(socket: Socket): Promise<void> {
    const { link, conn, unwritten } = socket;
    socket.isWriting = true;
    try {
      for (let bytes = unwritten.shift(); bytes !== undefined; bytes = unwritten.shift()) {
        for (let at = 0; at < bytes.length;) at += await conn.write(bytes.subarray(at));
        if (socket.stopEndTimer === null) {
          this.#tell({ kind: "written", link, nowMs: this.#nowMs() });
        }
      }
    } catch (error) {
      if (!isSocketError(error)) throw error;
      return this.#lost(socket, messageOf(error));
    }
    socket.isWriting = false;
    if (socket.stopEndTimer !== null) this.#destroy(socket);
  }

  #lost(socket: Socket, problem: string): void {
    if (!this.#destroy(socket) || socket.stopEndTimer !== null) return;
    this.#tell({ kind: "closed", link: socket.link, problem, nowMs: this.#nowMs() });
  }

  /** @returns false: it was closed before */
  #destroy(socket: Socket): boolean {
    if (!this.#sockets.delete(socket.link)) return false;
    socket.stopEndTimer?.();
    socket.conn.close();
    return true;
  }

  #tell(input: ElectionSocketInput): void {
    if (!this.#isClosed) this.#options.onInput(input);
  }

  #nowMs(): number {
    return this.#options.clock.monotonicMs();
  }
}

/** Every address means those of IPv6 too, where the machine has it. */
function listen(
  { host: hostname, port }: ElectionAddress,
  sockets: Sockets,
): Deno.TcpListener {
  if (hostname !== "0.0.0.0") return sockets.listen({ hostname, port });
  try {
    return sockets.listen({ hostname: "::", port });
  } catch (error) {
    if (error instanceof Deno.errors.AddrInUse) throw error;
    return sockets.listen({ hostname, port });
  }
}

/**
 * On one machine a dial may meet itself: the operating system gives it the very port that it dials as its
 * own.
 */
function isOwnEnd({ localAddr, remoteAddr }: Deno.TcpConn): boolean {
  return localAddr.port === remoteAddr.port && localAddr.hostname === remoteAddr.hostname;
}

function isUnknownName(error: unknown): boolean {
  return messageOf(error).includes("failed to lookup address information");
}

/** The others are our own mistakes. */
function isSocketError(error: unknown): boolean {
  return error instanceof Error &&
    (Object.values(Deno.errors).some((kind) => error instanceof kind) ||
      error.message.includes("os error"));
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
