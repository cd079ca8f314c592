/**
 * Puts a load on servers and measures it: sessions with workers, each of which sends the next operation when it
 * has the answer to the one before.
 *
 * @module
 */
import process from "node:process";
import { KeeperError, nameOfCode, SessionExpiredError } from "../../net/client/client_errors.ts";
import type { ZooKeeperClient } from "../../net/client/client_types.ts";
import { Latencies } from "./latencies.ts";
import { type Measure, type Mix, roundOf, type Worker } from "./mixes.ts";

export interface LoadOptions {
  readonly mix: Mix;
  readonly clients: readonly ZooKeeperClient[];
  readonly base: string;
  readonly inFlightCount: number;
  readonly data: Uint8Array;
  readonly znodeCount: number;
  readonly readRatio: number;
  readonly warmUpMs: number;
  readonly durationMs: number;
  /** The load ends after so many, if that is sooner; infinite: it does not. */
  readonly operationCount: number;
  /** So long the answers to what is in flight at the end are waited for. Default: 5000. */
  readonly answerMs?: number;
  /** Ends it early. */
  readonly signal: AbortSignal;
}

export interface LoadResult {
  readonly mix: Mix;
  readonly elapsedMs: number;
  readonly latencies: ReadonlyMap<string, Latencies>;
  /** By kind. */
  readonly errors: ReadonlyMap<string, number>;
  /** Without an answer some time after the end. */
  readonly unansweredCount: number;
  /** What this process used of one processor, all its threads together: 1 is all of it. */
  readonly cpuShare: number;
  /** How late this process came to what was due: so much of the latencies is its own. */
  readonly ownDelay: Latencies;
}

const ANSWER_MS = 5000;
const BEAT_MS = 10;
/** After a failure, so that a server that refuses everything is not asked in a tight loop. */
const FAILURE_PAUSE_MS = 10;

export async function runLoad(options: LoadOptions): Promise<LoadResult> {
  return await new Load(options).run();
}

class Load {
  readonly #options: LoadOptions;
  readonly #latencies = new Map<string, Latencies>();
  readonly #errors = new Map<string, number>();
  /** Ends waiting for events. */
  readonly #end = new AbortController();
  #isMeasuring = false;
  #isOver = false;
  #startedCount = 0;
  #endedCount = 0;
  /** When the last answer came, or the load was over if that was later. */
  #endMs = 0;
  #over = Promise.withResolvers<void>();

  constructor(options: LoadOptions) {
    this.#options = options;
  }

  async run(): Promise<LoadResult> {
    const { mix, clients, inFlightCount, warmUpMs, durationMs, signal } = this.#options;
    const stop = () => this.#over.resolve();
    signal.addEventListener("abort", stop, { once: true });
    const working: Promise<void>[] = [];
    for (const [i, client] of clients.entries()) {
      for (let slot = 0; slot < inFlightCount; slot++) {
        const index = i * inFlightCount + slot;
        working.push(this.#work({ client, other: clients[(i + 1) % clients.length]!, index }));
      }
    }
    void Promise.all(working).then(stop);
    await endOf(this.#over.promise, signal.aborted ? 0 : warmUpMs);
    const cpuBefore = process.cpuUsage();
    const startMs = performance.now();
    const ownDelay = new Latencies();
    const beat = startBeat(ownDelay);
    this.#isMeasuring = true;
    await endOf(this.#over.promise, signal.aborted ? 0 : durationMs);
    this.#isOver = true;
    this.#endMs = performance.now();
    // slow answers are what must not be left out; a wait for nothing says nothing of the rate
    await endOf(Promise.all(working), this.#options.answerMs ?? ANSWER_MS);
    this.#isMeasuring = false;
    const wholeMs = performance.now() - startMs;
    clearInterval(beat);
    const { user, system } = process.cpuUsage(cpuBefore);
    this.#end.abort(new Error("the load is over"));
    signal.removeEventListener("abort", stop);
    return {
      mix,
      elapsedMs: this.#endMs - startMs,
      latencies: this.#latencies,
      errors: this.#errors,
      unansweredCount: this.#startedCount - this.#endedCount,
      cpuShare: (user + system) / 1000 / wholeMs,
      ownDelay,
    };
  }

  async #work(place: Pick<Worker, "client" | "other" | "index">): Promise<void> {
    const round = roundOf(this.#options.mix, {
      ...this.#options,
      ...place,
      signal: this.#end.signal,
    });
    while (!this.#isOver && this.#startedCount < this.#options.operationCount) {
      try {
        await round(this.#measure);
      } catch (error) {
        if (this.#end.signal.aborted) return;
        const kind = error instanceof KeeperError ? nameOfCode(error.code) : `${error}`;
        this.#errors.set(kind, (this.#errors.get(kind) ?? 0) + 1);
        if (error instanceof SessionExpiredError) return; // the client is of no use any more
        await pause(FAILURE_PAUSE_MS);
      }
    }
  }

  /** What was begun before the measuring does not count. */
  readonly #measure: Measure = async (operation, run) => {
    if (!this.#isMeasuring) return void await run();
    this.#startedCount++;
    const startMs = performance.now();
    try {
      await run();
      if (!this.#isMeasuring) return;
      this.#endMs = performance.now();
      this.#latenciesOf(operation).observe(this.#endMs - startMs);
    } finally {
      if (++this.#endedCount >= this.#options.operationCount) this.#over.resolve();
    }
  };

  #latenciesOf(operation: string): Latencies {
    let latencies = this.#latencies.get(operation);
    if (latencies === undefined) this.#latencies.set(operation, latencies = new Latencies());
    return latencies;
  }
}

/** Waits for it, and no longer than this. */
async function endOf(promise: Promise<unknown>, msMax: number): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const time = new Promise<void>((resolve) => timer = setTimeout(resolve, msMax));
  await Promise.race([promise, time]);
  clearTimeout(timer);
}

/** Timers come late when the process is busy, or gets no processor. */
function startBeat(delay: Latencies): ReturnType<typeof setInterval> {
  let dueMs = performance.now() + BEAT_MS;
  return setInterval(() => {
    const nowMs = performance.now();
    delay.observe(Math.max(0, nowMs - dueMs));
    dueMs = nowMs + BEAT_MS;
  }, BEAT_MS);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
