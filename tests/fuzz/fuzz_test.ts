/**
 * Runs every fuzzer over the seeds that found something, and over a few more.
 *
 * @module
 */
import assert from "node:assert/strict";
import { FOUND_SEEDS } from "./found_seeds.ts";
import { type Counts, type FuzzerName, FUZZERS } from "./fuzzers.ts";

/** A fixed selection of each; `deno task fuzz` runs new ones. */
const SEED_COUNTS: Record<FuzzerName, number> = {
  tree: 25,
  connection: 20,
  decoders: 10,
  recovery: 8,
  http: 30,
  clientPort: 2,
};

for (const name of Object.keys(SEED_COUNTS) as FuzzerName[]) {
  const found = FOUND_SEEDS.filter(({ fuzzer }) => fuzzer === name).map(({ seed }) => seed);
  const seeds = new Set([...Array(SEED_COUNTS[name]).keys()].map((i) => i + 1).concat(found));
  Deno.test(`the ${name} fuzzer finds nothing with ${seeds.size} fixed seeds`, async () => {
    const fuzzer = await FUZZERS[name]();
    const sums: Record<string, number> = {};
    try {
      for (const seed of seeds) await runSeed(name, seed, sums, (it) => fuzzer.run(it));
    } finally {
      await fuzzer.close?.();
    }
    for (const [what, count] of Object.entries(sums)) {
      assert(count > 0, `${what} is reached`);
    }
  });
}

async function runSeed(
  name: string,
  seed: number,
  sums: Record<string, number>,
  run: (seed: number) => Promise<Counts>,
): Promise<void> {
  try {
    for (const [what, count] of Object.entries(await run(seed))) {
      sums[what] = (sums[what] ?? 0) + count;
    }
  } catch (cause) {
    throw new Error(`to repeat: deno task fuzz --only=${name} --seed=${seed}`, { cause });
  }
}
