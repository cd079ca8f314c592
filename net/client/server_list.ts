/**
 * Which server is tried next, and at which address.
 *
 * Names are looked up each time their turn comes, so that a server that has moved is found. One pass goes
 * once over all servers; the caller rests between two passes.
 *
 * @module
 */

import { LateTimeout } from "../late_timers.ts";
import { type ServerName, serverText } from "./connect_string.ts";
import { messageOf } from "./connection.ts";

/** All addresses that a name stands for at this moment. */
export type LookUp = (hostname: string) => Promise<readonly string[]>;

export interface ServerAddress extends ServerName {
  /** Where to connect: an address, or a name that the operating system knows by itself. */
  readonly address: string;
  /** How many addresses there are to try: the time for one is a share of the whole. */
  readonly addressCount: number;
}

export interface ServerListOptions {
  readonly isShuffled: boolean;
  readonly lookUp: LookUp;
  /** How long a look-up may take. */
  readonly lookUpMs: number;
}

export class ServerList {
  readonly #servers: readonly ServerName[];
  readonly #options: ServerListOptions;
  /** What kept each from it when it was tried last, in the order of the servers. */
  readonly #failures = new Map<string, string>();
  #nextIndex = 0;
  #leftInPass: number;
  /** Further addresses of the server whose turn it is. */
  #addresses: ServerAddress[] = [];
  #preferred: ServerAddress | null = null;

  constructor(servers: readonly ServerName[], options: ServerListOptions) {
    this.#servers = options.isShuffled ? shuffled(servers) : [...servers];
    this.#options = options;
    this.#leftInPass = this.#servers.length;
  }

  get servers(): readonly ServerName[] {
    return this.#servers;
  }

  /** Null: the pass is over, and another begins. */
  async next(): Promise<ServerAddress | null> {
    const preferred = this.#preferred;
    this.#preferred = null;
    if (preferred !== null) return preferred;
    while (this.#addresses.length === 0 && this.#leftInPass > 0) {
      this.#leftInPass--;
      const server = this.#servers[this.#nextIndex]!;
      this.#nextIndex = (this.#nextIndex + 1) % this.#servers.length;
      this.#addresses = await this.addressesOf(server);
    }
    const next = this.#addresses.shift() ?? null;
    if (next === null) this.#leftInPass = this.#servers.length;
    return next;
  }

  /** Looks a server's name up; empty: it has no address, and the failure is kept. */
  async addressesOf(server: ServerName): Promise<ServerAddress[]> {
    let addresses: readonly string[];
    try {
      addresses = await this.#lookUp(server.hostname);
    } catch (error) {
      this.failed(server, messageOf(error));
      return [];
    }
    if (addresses.length === 0) this.failed(server, `"${server.hostname}" has no address`);
    const addressCount = this.#servers.length - 1 + addresses.length;
    const { isShuffled } = this.#options;
    return (isShuffled ? shuffled(addresses) : addresses)
      .map((address) => ({ ...server, address, addressCount }));
  }

  /** A name server that does not answer must not keep us from the other servers. */
  async #lookUp(hostname: string): Promise<readonly string[]> {
    const { lookUp, lookUpMs } = this.#options;
    const { promise, reject } = Promise.withResolvers<never>();
    const timer = new LateTimeout(() => {
      reject(
        new Error(`cannot look "${hostname}" up: no answer within ${Math.round(lookUpMs)} ms`),
      );
    }, lookUpMs);
    try {
      return await Promise.race([lookUp(hostname), promise]);
    } finally {
      timer.stop();
    }
  }

  /** A new pass begins behind the server that answered. */
  connected(): void {
    this.#addresses = [];
    this.#leftInPass = this.#servers.length;
    this.#failures.clear();
  }

  /** Is tried before any other. */
  prefer(address: ServerAddress): void {
    this.#preferred = address;
  }

  failed(server: ServerName, reason: string): void {
    this.#failures.set(serverText(server), reason);
  }

  /** What kept each server from it, as text; empty when none was tried. */
  failureText(): string {
    return [...this.#failures].map(([server, reason]) => `${server}: ${reason}`).join("; ");
  }
}

function shuffled<T>(items: readonly T[]): T[] {
  const all = [...items];
  for (let i = all.length - 1; i > 0; i--) {
    const j = Math.floor(Math.random() * (i + 1));
    [all[i], all[j]] = [all[j]!, all[i]!];
  }
  return all;
}
