/**
 * `deno task sim`: runs the simulator over new seeds for `--minutes=N` (default 1), or over `--seeds=N` of
 * them, `--from=N` on; `--seed=N` repeats one, `--verbose` with its trace.
 *
 * A failure prints the command that repeats it. The end is a report: faults by kind, what was reached, and
 * what failed. The exit code is 1 when something failed, or when a long run has not reached everything.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { Reach } from "./reach.ts";
import { runSeed } from "./simulation.ts";

/** A run of so many seeds must have reached everything. */
const LONG_RUN_SEED_COUNT = 500;

const { gc: collectGarbage } = globalThis as { gc?: () => void };
const { values } = parseArgs({
  args: Deno.args,
  options: {
    minutes: { type: "string", default: "1" },
    seeds: { type: "string" },
    seed: { type: "string" },
    from: { type: "string" },
    canary: { type: "string" },
    verbose: { type: "boolean", default: false },
  },
});
Deno.exit(await main());

async function main(): Promise<number> {
  const commit = currentCommit();
  const first = Number(values.seed ?? values.from ?? Date.now() % 1_000_000_000);
  const seedCount = values.seed !== undefined ? 1 : Number(values.seeds ?? Infinity);
  const endMs = seedCount === Infinity
    ? performance.now() + Number(values.minutes) * 60_000
    : Infinity;
  const canary = values.canary as "halfIsQuorum" | "ackBeforeSync" | undefined ?? "none";
  const reach = new Reach();
  const faults = new Reach();
  const failed: string[] = [];
  const sums = { seeds: 0, events: 0, txns: 0, acknowledged: 0, simulatedMs: 0 };
  const startMs = performance.now();
  for (let seed = first; seed < first + seedCount && performance.now() < endMs; seed++) {
    const result = await runSeed({
      seed,
      canary,
      ...(values.verbose ? { onTrace: (line: string) => console.log(line) } : {}),
    });
    sums.seeds++;
    collectGarbage?.(); // buffers of connections weigh little for the collector, and pile up
    sums.events += result.eventCount;
    sums.txns += result.txnCount;
    sums.acknowledged += result.acknowledgedCount;
    sums.simulatedMs += result.simulatedMs;
    reach.add(result.reach.counts);
    faults.add(result.faults);
    if (values.seed !== undefined) console.log(`trace hash ${result.traceHash}`);
    if (result.failure === null) continue;
    const line = `commit ${commit} ${result.failure}; deno task sim --seed=${seed}`;
    failed.push(line);
    console.log(line);
  }
  const seconds = (performance.now() - startMs) / 1000;
  console.log(
    `${sums.seeds} seeds in ${seconds.toFixed(1)} s (${
      (seconds / sums.seeds).toFixed(2)
    } s each), ` +
      `${Math.round(sums.simulatedMs / 60_000)} simulated minutes, ${sums.events} events, ` +
      `${sums.txns} txns, ${sums.acknowledged} writes acknowledged`,
  );
  console.log("faults:");
  for (const line of faults.lines) console.log(line);
  console.log("sometimes:");
  for (const line of reach.lines) console.log(line);
  const { missing } = reach;
  for (const what of missing) console.log(`  never: ${what}`);
  console.log(`failed: ${failed.length}`);
  const isTooLittle = sums.seeds >= LONG_RUN_SEED_COUNT && missing.length > 0;
  return failed.length > 0 || isTooLittle ? 1 : 0;
}

function currentCommit(): string {
  try {
    const { stdout } = new Deno.Command("git", {
      args: ["rev-parse", "--short", "HEAD"],
      stderr: "null",
    }).outputSync();
    return new TextDecoder().decode(stdout).trim() || "unknown";
  } catch {
    return "unknown";
  }
}
