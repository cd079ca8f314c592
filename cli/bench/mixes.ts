/**
 * What a load of `bench` is made of: which operations one worker does, and what is measured of each.
 *
 * @module
 */
import type { ZooKeeperClient } from "../../net/client/client_types.ts";

export const MIXES = ["get", "set", "create", "mixed", "multi", "watch"] as const;
export type Mix = (typeof MIXES)[number];

/** One of several that a client has in flight at a time. */
export interface Worker {
  readonly client: ZooKeeperClient;
  /** Of another session, where there is one. */
  readonly other: ZooKeeperClient;
  /** Below everything of this run. */
  readonly base: string;
  /** Of all workers, from 0. */
  readonly index: number;
  readonly data: Uint8Array;
  readonly znodeCount: number;
  /** Of reads among all, in a mix of both. */
  readonly readRatio: number;
  /** Ends what it waits for. */
  readonly signal: AbortSignal;
}

/** Runs an operation and counts its latency under a name. */
export type Measure = (operation: string, run: () => Promise<unknown>) => Promise<void>;

/** One round of a worker: an operation, or a few that belong together. */
export type Round = (measure: Measure) => Promise<void>;

/** Znodes that are read and changed. */
export function znodePath(base: string, index: number): string {
  return `${base}/n${index}`;
}

export function roundOf(mix: Mix, worker: Worker): Round {
  const { client, base, data, znodeCount, readRatio, index } = worker;
  const anyPath = () => znodePath(base, Math.floor(Math.random() * znodeCount));
  const get = () => client.get(anyPath());
  const set = () => client.set(anyPath(), data);
  switch (mix) {
    case "get":
      return (measure) => measure("get", get);
    case "set":
      return (measure) => measure("set", set);
    case "mixed":
      return (measure) => Math.random() < readRatio ? measure("get", get) : measure("set", set);
    case "create": {
      const path = `${base}/w${index}`;
      return async (measure) => {
        await measure("create", () => client.create(path, data));
        await measure("delete", () => client.delete(path));
      };
    }
    case "multi":
      return (measure) =>
        measure("multi", () =>
          client.multi([
            { kind: "check", path: base, version: 0 },
            { kind: "set", path: anyPath(), data },
            { kind: "set", path: anyPath(), data },
          ]));
    case "watch":
      return watchRound(worker);
  }
}

/** From sending a change to the event of it in another session; the change's own latency is another. */
function watchRound({ client, other, base, index, data, signal }: Worker): Round {
  const path = `${base}/w${index}`;
  let isMade = false;
  return async (measure) => {
    if (!isMade) await client.create(path, null);
    isMade = true;
    const { promise: event, resolve, reject } = Promise.withResolvers<void>();
    const stop = () => reject(signal.reason);
    signal.addEventListener("abort", stop, { once: true });
    event.catch(() => {}); // nobody may be waiting any more
    try {
      await other.sync(path); // it may be at a server that has not heard of the znode yet
      await other.get(path, { watch: () => resolve() });
      await Promise.all([
        measure("event", () => event),
        measure("set", () => client.set(path, data)),
      ]);
    } finally {
      signal.removeEventListener("abort", stop);
    }
  };
}
