/**
 * What `deno task fuzz` runs: every fuzzer over new seeds, for `--minutes=N` (default 1) together or
 * `--seeds=N` each; `--only=tree` runs one, `--seed=N` repeats one seed, `--from=N` sets the first.
 *
 * A failure prints the command that repeats it. The end is a summary of what was tried; exit code 1
 * when anything failed.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { type Counts, type FuzzerName, FUZZERS, isFuzzerName } from "./fuzzers.ts";

interface Result {
  seedCount: number;
  counts: Record<string, number>;
  failedSeeds: number[];
  ms: number;
}

Deno.exit(await main());

async function main(): Promise<number> {
  const { values } = parseArgs({
    args: Deno.args,
    options: {
      minutes: { type: "string", default: "1" },
      seeds: { type: "string" },
      seed: { type: "string" },
      from: { type: "string" },
      only: { type: "string" },
    },
  });
  const names = values.only === undefined ? Object.keys(FUZZERS) : values.only.split(",");
  const wrong = names.filter((name) => !isFuzzerName(name));
  if (wrong.length > 0) {
    console.error(`No fuzzer "${wrong}": there are ${Object.keys(FUZZERS).join(", ")}`);
    return 2;
  }
  const first = Number(values.seed ?? values.from ?? Date.now() % 1_000_000_000);
  const seedCount = values.seed !== undefined ? 1 : Number(values.seeds ?? Infinity);
  const msEach = seedCount === Infinity ? Number(values.minutes) * 60_000 / names.length : Infinity;
  console.log(`Seeds from ${first} on`);
  const results = new Map<string, Result>();
  for (const name of names as FuzzerName[]) {
    results.set(name, await runFuzzer(name, { first, seedCount, msEach }));
  }
  return summarize(results);
}

async function runFuzzer(
  name: FuzzerName,
  { first, seedCount, msEach }: { first: number; seedCount: number; msEach: number },
): Promise<Result> {
  const result: Result = { seedCount: 0, counts: {}, failedSeeds: [], ms: 0 };
  const startMs = performance.now();
  let fuzzer = await FUZZERS[name]();
  for (let seed = first; seed < first + seedCount; seed++) {
    if (performance.now() - startMs >= msEach) break;
    result.seedCount++;
    try {
      add(result.counts, await fuzzer.run(seed));
    } catch (error) {
      result.failedSeeds.push(seed);
      console.log(error instanceof Error ? error.stack : error);
      console.log(`FAILED, to repeat: deno task fuzz --only=${name} --seed=${seed}`);
      await fuzzer.close?.().catch(() => {});
      fuzzer = await FUZZERS[name]();
    }
  }
  await fuzzer.close?.();
  result.ms = performance.now() - startMs;
  return result;
}

/** Sums; what ends in `Max` is the largest instead. */
function add(sums: Record<string, number>, counts: Counts): void {
  for (const [key, count] of Object.entries(counts)) {
    const before = sums[key] ?? 0;
    sums[key] = key.endsWith("Max") ? Math.max(before, count) : before + count;
  }
}

function summarize(results: Map<string, Result>): number {
  let failedCount = 0;
  for (const [name, { seedCount, counts, failedSeeds, ms }] of results) {
    failedCount += failedSeeds.length;
    const tried = Object.entries(counts).map(([key, count]) => `${key} ${count}`).join(", ");
    console.log(`${name}: ${seedCount} seeds in ${(ms / 1000).toFixed(1)} s: ${tried}`);
    if (failedSeeds.length > 0) console.log(`  failed seeds: ${failedSeeds.join(", ")}`);
  }
  console.log(`crashes and differences: ${failedCount}`);
  return failedCount === 0 ? 0 : 1;
}
