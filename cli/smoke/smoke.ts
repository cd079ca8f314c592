/**
 * `smoke`: tries what a ZooKeeper server must be able to do, below a znode of its own, which is gone in the end.
 *
 * @module
 */
import { openClient } from "../../net/client/open_client.ts";
import { ClientArgumentError } from "../../net/client/client_errors.ts";
import type { ClientOptions, ZooKeeperClient } from "../../net/client/client_types.ts";
import {
  type ConnectString,
  parseConnectString,
  type ServerName,
  serverText,
} from "../../net/client/connect_string.ts";
import { CommandError } from "../command_line.ts";
import { makeOwnZnode, ownZnodePath, removeOwnZnode } from "../own_znode.ts";
import { ExitCode, type World } from "../world.ts";
import { SERVER_STEPS } from "./server_steps.ts";
import { SESSION_STEPS } from "./session_steps.ts";
import { Skip, type SmokeContext, type SmokeStep } from "./smoke_step.ts";
import { ZNODE_STEPS } from "./znode_steps.ts";

export interface SmokeOptions {
  readonly connectString: string;
  /** Of each step. */
  readonly timeoutMs: number;
  /** `scheme:auth` of all sessions. */
  readonly auth: readonly { readonly scheme: string; readonly auth: Uint8Array | null }[];
  readonly json: boolean;
}

export interface StepResult {
  readonly step: string;
  readonly outcome: "ok" | "failed" | "skipped";
  readonly ms: number;
  /** Why not, where it is not ok. */
  readonly reason?: string;
}

const STEPS: readonly SmokeStep[] = [...ZNODE_STEPS, ...SESSION_STEPS, ...SERVER_STEPS];
const CONNECT = "connect";
const MAKE_ROOM = "make a znode of its own";
const CLEAN_UP = "clean up";
const CONNECT_RATIO = 0.8;
/** Of sessions that a broken connection leaves behind. */
const SESSION_TIMEOUT_MS = 15_000;

/** @returns the code to end the process with */
export async function smoke(world: World, options: SmokeOptions): Promise<number> {
  const { connectString, json } = options;
  const parsed = parsedOrRefused(connectString);
  const run = new SmokeRun(parsed, options, (result) => {
    if (!json) world.print(lineOf(result));
  });
  let isInterrupted = false;
  world.onStopSignal(() => {
    isInterrupted = true;
    run.interrupt();
  });
  await run.all();
  const { results, server } = run;
  const counts = { ok: 0, failed: 0, skipped: 0 };
  for (const { outcome } of results) counts[outcome]++;
  if (json) {
    world.print(`${JSON.stringify({ connectString, server, counts, steps: results }, null, 2)}\n`);
  } else {
    const { ok, failed, skipped } = counts;
    world.print(`${ok} ok, ${failed} failed, ${skipped} skipped at ${server ?? connectString}\n`);
  }
  if (isInterrupted) return ExitCode.Interrupted;
  return counts.failed === 0 ? ExitCode.Normal : ExitCode.Unexpected;
}

function parsedOrRefused(connectString: string): ConnectString {
  try {
    return parseConnectString(connectString);
  } catch (error) {
    if (!(error instanceof ClientArgumentError)) throw error;
    throw new CommandError(error.message, { exitCode: ExitCode.InvalidInvocation });
  }
}

function lineOf({ step, outcome, ms, reason }: StepResult): string {
  const time = `${ms.toFixed(1)} ms`.padStart(11);
  const word = { ok: "ok", failed: "FAILED", skipped: "skipped" }[outcome].padEnd(8);
  return `${word}${time}  ${step}${reason === undefined ? "" : `: ${reason}`}\n`;
}

class SmokeRun {
  readonly results: StepResult[] = [];
  /** Where the first session was. */
  server: string | null = null;
  readonly #target: ConnectString;
  readonly #options: SmokeOptions;
  readonly #told: (result: StepResult) => void;
  readonly #stop = new AbortController();
  readonly #base = ownZnodePath("smoke");

  constructor(
    target: ConnectString,
    options: SmokeOptions,
    told: (result: StepResult) => void,
  ) {
    this.#target = target;
    this.#options = options;
    this.#told = told;
  }

  /** Less than a step may take: it knows why there is no connection. */
  get #connectMs(): number {
    return this.#options.timeoutMs * CONNECT_RATIO;
  }

  interrupt(): void {
    this.#stop.abort(new Error("interrupted"));
  }

  async all(): Promise<void> {
    const client = this.#client();
    try {
      const isConnected = await this.#step(CONNECT, async () => {
        await client.connected({ timeoutMs: this.#connectMs });
        this.server = client.server;
      });
      const hasRoom = isConnected && await this.#step(MAKE_ROOM, async () => {
        await makeOwnZnode(client, this.#base, this.#target);
      });
      for (const { name, run } of STEPS) {
        if (!hasRoom || this.#stop.signal.aborted) {
          const why = isConnected ? "there is no znode of its own" : "there is no connection";
          this.#add({
            step: name,
            outcome: "skipped",
            ms: 0,
            reason: hasRoom ? "interrupted" : why,
          });
        } else await this.#stepWithSessions(client, name, run);
      }
      if (isConnected) await this.#cleanUp();
    } finally {
      await client.close();
    }
  }

  /** Sessions that a step opens end with it. */
  async #stepWithSessions(
    client: ZooKeeperClient,
    name: string,
    run: SmokeStep["run"],
  ): Promise<void> {
    const opened: ZooKeeperClient[] = [];
    const context: SmokeContext = {
      client,
      base: this.#base,
      servers: this.#target.servers,
      timeoutMs: this.#options.timeoutMs,
      open: async (server, options) => {
        const other = this.#client(server, options);
        opened.push(other);
        await other.connected({ timeoutMs: this.#connectMs });
        return other;
      },
    };
    await this.#step(name, () => run(context));
    await Promise.all(opened.map((other) => other.close()));
  }

  /** With a session of its own: the other one may be lost. */
  async #cleanUp(): Promise<void> {
    const step = async () => {
      await using client = this.#client();
      try {
        await client.connected({ timeoutMs: this.#connectMs });
        await removeOwnZnode(client, this.#base);
      } catch (cause) {
        const reason = cause instanceof Error ? cause.message : String(cause);
        const command = `denkeeper cli -server ${this.#options.connectString} deleteall`;
        throw new Error(`${reason}; remove it with ${command} ${this.#base}`, { cause });
      }
    };
    await this.#step(CLEAN_UP, step, new AbortController().signal);
  }

  async #step(
    step: string,
    run: () => Promise<void>,
    stop: AbortSignal = this.#stop.signal,
  ): Promise<boolean> {
    const startMs = performance.now();
    const took = () => Math.round((performance.now() - startMs) * 1000) / 1000;
    try {
      await within(run, this.#options.timeoutMs, stop);
      this.#add({ step, outcome: "ok", ms: took() });
      return true;
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#add({
        step,
        outcome: error instanceof Skip ? "skipped" : "failed",
        ms: took(),
        reason,
      });
      return false;
    }
  }

  #client(server?: ServerName, options: ClientOptions = {}): ZooKeeperClient {
    const { servers, chroot } = this.#target;
    const hosts = (server === undefined ? servers : [server]).map(serverText).join(",");
    return openClient(`${hosts}${chroot}`, {
      sessionTimeoutMs: SESSION_TIMEOUT_MS,
      auth: this.#options.auth,
      ...options,
    });
  }

  #add(result: StepResult): void {
    this.results.push(result);
    this.#told(result);
  }
}

async function within(
  run: () => Promise<void>,
  timeoutMs: number,
  stop: AbortSignal,
): Promise<void> {
  stop.throwIfAborted();
  const { promise: end, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`not done after ${timeoutMs} ms`)), timeoutMs);
  const interrupt = () => reject(stop.reason);
  stop.addEventListener("abort", interrupt);
  const running = run();
  running.catch(() => {}); // it may fail after it was given up
  try {
    await Promise.race([running, end]);
  } finally {
    clearTimeout(timer);
    stop.removeEventListener("abort", interrupt);
  }
}
