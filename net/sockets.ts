/**
 * TCP and timers, as the ports of an ensemble's member use them: the simulator puts its own in their
 * place.
 *
 * @module
 */

export interface SocketAddress {
  readonly hostname: string;
  readonly port: number;
}

export interface Sockets {
  listen(address: SocketAddress): Deno.TcpListener;
  connect(options: SocketAddress & { signal: AbortSignal }): Promise<Deno.TcpConn>;
}

export const systemSockets: Sockets = {
  listen: (address) => Deno.listen(address),
  connect: (options) => Deno.connect(options),
};

export interface Timers {
  /** Calls back once, after so long at the least. Returns what stops it, which may be called at any time. */
  start(ms: number, run: () => void): () => void;
}

export const systemTimers: Timers = {
  start: (ms, run) => {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
};
