/**
 * Runs the simulator over the seeds that found something and over as many more as there is time for, and
 * proves that it would find what it is for.
 *
 * The seeds are the same each time, so that what fails was broken by the change at hand; looking for what
 * is still unknown is what `deno task sim` is for.
 *
 * @module
 */
import assert from "node:assert/strict";
import { FOUND_BEFORE, FOUND_SEEDS } from "./found_seeds.ts";
import { runSeed } from "./simulation.ts";
import type { Canary } from "./swarm.ts";

/** How long seeds are run; `SIM_SECONDS` sets another time. */
const SECONDS = Number(Deno.env.get("SIM_SECONDS") ?? 30);
const FIRST_SEED = 1000;
const SEED_COUNT_MAX = 400;
/** A planted fault is found by then. */
const CANARY_SEED_COUNT = 60;

for (const { seed, found } of FOUND_SEEDS) {
  Deno.test(`the simulator finds nothing with seed ${seed}: ${found}`, async () => {
    await mustPass(seed);
  });
}

Deno.test("what the simulator found with seeds that are no more has its fix and its test", () => {
  const root = new URL("../../", import.meta.url);
  for (const { fixedIn, test } of FOUND_BEFORE) {
    for (const path of [fixedIn, test]) assert(Deno.statSync(new URL(path, root)).isFile, path);
  }
});

Deno.test(`the simulator finds nothing in ${SECONDS} s`, async () => {
  const endMs = performance.now() + SECONDS * 1000;
  let seed = FIRST_SEED;
  for (; performance.now() < endMs && seed < FIRST_SEED + SEED_COUNT_MAX; seed++) {
    await mustPass(seed);
  }
  console.log(`seeds from ${FIRST_SEED} to ${seed - 1}`);
});

Deno.test("the simulator gives the same trace for the same seed, and another for another", async () => {
  const lines: string[] = [];
  const onTrace = (line: string) => void lines.push(line);
  const first = await runSeed({ seed: 5, onTrace });
  const lineCount = lines.length;
  const again = await runSeed({ seed: 5, onTrace });
  assert(lineCount > 1000, "things happened");
  const differing = lines.slice(0, lineCount).findIndex((line, i) => line !== lines[lineCount + i]);
  if (differing !== -1) assert.equal(lines[lineCount + differing], lines[differing]);
  assert.equal(again.traceHash, first.traceHash);
  assert.notEqual((await runSeed({ seed: 6 })).traceHash, first.traceHash);
});

for (const canary of ["halfIsQuorum", "ackBeforeSync"] satisfies Canary[]) {
  Deno.test(`the simulator finds the planted fault ${canary}`, async () => {
    for (let seed = 1; seed <= CANARY_SEED_COUNT; seed++) {
      const { failure } = await runSeed({ seed, canary });
      if (failure !== null) return;
    }
    assert.fail(`not in ${CANARY_SEED_COUNT} seeds`);
  });
}

async function mustPass(seed: number): Promise<void> {
  const { failure } = await runSeed({ seed });
  if (failure !== null) assert.fail(`${failure}; deno task sim --seed=${seed}`);
}
