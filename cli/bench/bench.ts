/**
 * `bench`: measures how many operations servers do in a second, and how long each takes.
 *
 * All happens below a znode of its own, which is gone in the end.
 *
 * @module
 */
import { openClient } from "../../net/client/open_client.ts";
import { ClientArgumentError } from "../../net/client/client_errors.ts";
import type { AuthInfo, ZooKeeperClient } from "../../net/client/client_types.ts";
import { parseConnectString } from "../../net/client/connect_string.ts";
import { CommandError } from "../command_line.ts";
import { forEachOf, makeOwnZnode, ownZnodePath, removeOwnZnode } from "../own_znode.ts";
import { ExitCode, type World } from "../world.ts";
import { showProgress } from "./bench_progress.ts";
import { reportJson, reportText } from "./bench_report.ts";
import { type LoadResult, runLoad } from "./load.ts";
import { type Mix, MIXES, znodePath } from "./mixes.ts";

export interface BenchOptions {
  readonly connectString: string;
  /** One after the other. */
  readonly mixes: readonly string[];
  readonly clientCount: number;
  readonly inFlightCount: number;
  readonly dataBytes: number;
  readonly znodeCount: number;
  readonly readRatio: number;
  readonly warmUpMs: number;
  readonly durationMs: number;
  /** Infinite: the duration alone ends a load. */
  readonly operationCount: number;
  /** Sessions begun in a second; infinite: all at once. */
  readonly connectRate: number;
  readonly auth: readonly AuthInfo[];
  readonly timeoutMs: number;
  readonly json: boolean;
}

/** From this share of a processor on, the load is what this process can make, and no more. */
export const CPU_SHARE_MAX = 0.85;

/** @returns the code to end the process with */
export async function bench(world: World, options: BenchOptions): Promise<number> {
  const mixes = checked(options);
  const stop = new AbortController();
  world.onStopSignal(() => stop.abort(new Error("interrupted")));
  const base = ownZnodePath("bench");
  const clients: ZooKeeperClient[] = [];
  const results: LoadResult[] = [];
  try {
    const first = open(options);
    clients.push(first);
    await firstConnected(first, options);
    try {
      await makeZnodes(first, base, options);
      await connectOthers(clients, options, stop.signal);
      for (const mix of mixes) {
        if (stop.signal.aborted) break;
        const progress = await showProgress(world, { mix, ...options });
        const result = await runLoad({
          ...options,
          mix,
          clients,
          base,
          data: new Uint8Array(options.dataBytes),
          signal: stop.signal,
        });
        progress.stop();
        results.push(result);
        if (!options.json) world.print(reportText(result, options));
      }
    } finally {
      await cleanUp(base, options, world);
    }
  } finally {
    await Promise.all(clients.map((client) => client.close()));
  }
  if (options.json) world.print(`${JSON.stringify(reportJson(results, options), null, 2)}\n`);
  if (stop.signal.aborted) return ExitCode.Interrupted;
  const isDone = results.every(({ errors, unansweredCount, latencies }) =>
    errors.size === 0 && unansweredCount === 0 && latencies.size > 0
  );
  return isDone ? ExitCode.Normal : ExitCode.Unexpected;
}

function checked({ mixes, connectString }: BenchOptions): Mix[] {
  const exitCode = ExitCode.InvalidInvocation;
  const known = mixes.filter((mix): mix is Mix => (MIXES as readonly string[]).includes(mix));
  const unknown = mixes.find((mix) => !(known as string[]).includes(mix));
  if (unknown !== undefined) {
    throw new CommandError(`Cannot do "${unknown}": there are ${MIXES.join(", ")}`, { exitCode });
  }
  try {
    parseConnectString(connectString);
  } catch (error) {
    if (!(error instanceof ClientArgumentError)) throw error;
    throw new CommandError(error.message, { exitCode });
  }
  return known;
}

function open({ connectString, auth }: BenchOptions): ZooKeeperClient {
  return openClient(connectString, { auth });
}

async function firstConnected(client: ZooKeeperClient, options: BenchOptions): Promise<void> {
  try {
    await client.connected({ timeoutMs: options.timeoutMs });
  } catch (cause) {
    throw new CommandError(`Cannot connect to ${options.connectString}: ${messageOf(cause)}`, {
      cause,
    });
  }
}

async function makeZnodes(
  client: ZooKeeperClient,
  base: string,
  { znodeCount, dataBytes, connectString }: BenchOptions,
): Promise<void> {
  const data = new Uint8Array(dataBytes);
  try {
    await makeOwnZnode(client, base, parseConnectString(connectString));
  } catch (cause) {
    throw new CommandError(`Cannot make "${base}": ${messageOf(cause)}`, { cause });
  }
  try {
    await forEachOf(znodeCount, (i) => client.create(znodePath(base, i), data));
  } catch (cause) {
    throw new CommandError(
      `Cannot make ${znodeCount} znodes of ${dataBytes} bytes below "${base}": ${
        messageOf(cause)
      }; a server takes up to its jute.maxbuffer, 1 MB by default`,
      { cause },
    );
  }
}

/** At the rate that was asked for, so that servers are not surprised. */
async function connectOthers(
  clients: ZooKeeperClient[],
  options: BenchOptions,
  signal: AbortSignal,
): Promise<void> {
  const { clientCount, connectRate, timeoutMs } = options;
  const startMs = performance.now();
  const connecting: Promise<void>[] = [];
  for (let i = 1; i < clientCount && !signal.aborted; i++) {
    const waitMs = startMs + i / connectRate * 1000 - performance.now();
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    const client = open(options);
    clients.push(client);
    connecting.push(client.connected({ timeoutMs }));
  }
  const outcomes = await Promise.allSettled(connecting);
  const failed = outcomes.filter((outcome) => outcome.status === "rejected");
  if (failed.length === 0) return;
  throw new CommandError(
    `Cannot connect ${failed.length} of ${clientCount} clients: ${messageOf(failed[0]!.reason)}; ` +
      "a server takes up to its maxClientCnxns from one address, 60 by default",
  );
}

/** With a session of its own: the others may be lost. */
async function cleanUp(base: string, options: BenchOptions, world: World): Promise<void> {
  try {
    await using client = open(options);
    await client.connected({ timeoutMs: options.timeoutMs });
    await removeOwnZnode(client, base);
  } catch (error) {
    world.writeStderr(
      `Cannot remove "${base}": ${
        messageOf(error)
      }; remove it with denkeeper cli -server ${options.connectString} deleteall ${base}\n`,
    );
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
