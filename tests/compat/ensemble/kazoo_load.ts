/**
 * The write load of `kazoo_load.py`: what was acknowledged must be there in the end, once, on every
 * member, and every session must have lived through it.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { Ensemble } from "../../support/ensemble.ts";
import { eventually } from "../../support/eventually.ts";
import { InteractiveProcess } from "../../support/interactive_process.ts";
import { PYTHON } from "../../support/prerequisites.ts";
import { makeTempDir, type TempDir } from "../../support/temp_dir.ts";

const SCRIPT = new URL("kazoo_load.py", import.meta.url).pathname;
const SESSION_COUNT = 4;

/** What was done, for the test's output. */
export interface LoadReport {
  readonly acknowledged: number;
  readonly inDoubt: number;
  readonly lockTimeouts: number;
  /** Longest time in which a session had nothing acknowledged. */
  readonly longestGapMs: number;
}

/** What is wrong, in words. */
export interface Faults {
  /** Acknowledged, and not there. */
  readonly lost: readonly string[];
  readonly duplicated: readonly string[];
  /** There, although it was never sent or was deleted. */
  readonly unexpected: readonly string[];
  readonly lostSessions: readonly string[];
  /** What else must never happen. */
  readonly failures: readonly string[];
}

const NO_FAULTS: Faults = {
  lost: [],
  duplicated: [],
  unexpected: [],
  lostSessions: [],
  failures: [],
};

export class KazooLoad implements AsyncDisposable {
  readonly #process: InteractiveProcess;
  readonly #dir: TempDir;

  private constructor(hosts: string) {
    this.#dir = makeTempDir();
    this.#process = new InteractiveProcess([
      ...[PYTHON, "-B", "-W", "ignore", SCRIPT],
      ...[`--hosts=${hosts}`, `--sessions=${SESSION_COUNT}`],
      `--record=${this.#dir.path}/record.json`,
    ]);
  }

  /** Starts to write through these members; @returns when every session does */
  static async start(hosts: string): Promise<KazooLoad> {
    const load = new KazooLoad(hosts);
    try {
      await load.#process.waitFor(/^ready$/m);
      await load.progress();
      return load;
    } catch (error) {
      await load[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Waits until so many further writes are acknowledged, by default some of each session. */
  async progress(count = 10 * SESSION_COUNT): Promise<void> {
    const goal = await this.#count() + count;
    await eventually(`${count} more writes`, async () => await this.#count() >= goal);
  }

  /** Ends the writing; the sessions stay. */
  async stop(): Promise<void> {
    const from = this.#process.output.length;
    await this.#process.send("stop");
    await this.#process.waitFor(/^stopped$/m, from);
  }

  /** What is wrong when all is read back through these members; after {@linkcode stop}. */
  async check(hosts: string): Promise<{ faults: Faults; report: LoadReport }> {
    const { lost, duplicated, unexpected, lostSessions, failures, ...report } = JSON.parse(
      await this.#ask(`check ${hosts}`, "report"),
    ) as Faults & LoadReport;
    return { faults: { lost, duplicated, unexpected, lostSessions, failures }, report };
  }

  /** Ends the writing and looks at what each running member has; throws when anything is amiss. */
  async verify(ensemble: Ensemble): Promise<void> {
    await this.stop();
    const reports = new Map<number, LoadReport>();
    for (const id of ensemble.runningIds) {
      const { faults, report } = await this.check(ensemble.hosts([id]));
      assert.deepEqual(faults, NO_FAULTS, `through member ${id}`);
      reports.set(id, report);
    }
    const [report] = reports.values();
    assert(report !== undefined && report.acknowledged > 0, "something was written and looked at");
    console.log(JSON.stringify(report));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process[Symbol.asyncDispose]();
    this.#dir[Symbol.dispose]();
  }

  async #count(): Promise<number> {
    return Number(await this.#ask("count", "count"));
  }

  /** Sends a command; @returns what stands behind the first word of the answer */
  async #ask(command: string, answer: string): Promise<string> {
    const from = this.#process.output.length;
    await this.#process.send(command);
    const end = await this.#process.waitFor(new RegExp(`^${answer} .*\n`, "m"), from);
    return this.#process.output.slice(from, end).trim().slice(answer.length + 1);
  }
}
