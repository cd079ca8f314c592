/**
 * Which programs the members of a test's ensemble run, and which of the mixes are tried when.
 *
 * `deno task compat` tries all of them, `deno task test` some of those marked for CI.
 *
 * @module
 */
import type { Ensemble, EnsembleOptions } from "../../support/ensemble.ts";
import { withEnsemble } from "../../support/ensemble.ts";
import { type PrerequisiteName, testWith } from "../../support/prerequisites.ts";
import type { Target } from "../../support/server_process.ts";

/** Programs that can be members. Mixes with others are left out. */
export const ENSEMBLE_TARGETS: readonly Target[] = ["java", "denkeeper"];

/** True in `deno task compat`. */
export const TRIES_ALL_MIXES = Deno.env.get("COMPAT_MIXES") === "all";

export interface Mix {
  /** Of member 3. */
  readonly leader: Target;
  /** Of members 1 and 2. */
  readonly followers: readonly [Target, Target];
  /** Of member 4, in tests that have one. */
  readonly observer?: Target;
  readonly inCi?: boolean;
}

/** Ensembles of one program, for what is compared with the Java server's recordings. */
export const UNIFORM: readonly { readonly target: Target; readonly inCi?: boolean }[] = [
  { target: "java" },
  { target: "denkeeper", inCi: true },
];

/** What all tests of ensembles need. */
export const ENSEMBLE_NEEDS: readonly PrerequisiteName[] = ["java", "javaServer", "kazoo"];

/** Of the marked rows that a file's tests take turns with. */
let turn = 0;

/**
 * The rows of a table to try: all that are possible, or in CI one of those marked for it, the next one at each call
 * (all at each test would take it four minutes more); the first one when none of the marked is possible.
 */
export function chosen<Row extends { readonly inCi?: boolean }>(
  rows: readonly Row[],
  targetsOf: (row: Row) => readonly Target[],
): readonly Row[] {
  const possible = rows.filter((row) =>
    targetsOf(row).every((target) => ENSEMBLE_TARGETS.includes(target))
  );
  if (TRIES_ALL_MIXES) return possible;
  const marked = possible.filter(({ inCi }) => inCi);
  return marked.length > 0 ? [marked[turn++ % marked.length]!] : possible.slice(0, 1);
}

/** Registers a test for each chosen mix, named after it, with an ensemble that is not started yet. */
export function testMixes(
  mixes: readonly Mix[],
  name: string,
  options: Omit<EnsembleOptions, "members">,
  run: (ensemble: Ensemble, t: Deno.TestContext) => Promise<void>,
): void {
  for (const mix of chosen(mixes, targetsOf)) {
    testWith(ENSEMBLE_NEEDS, `ensemble: ${name} (${mixText(mix)})`, async (t) => {
      const members = membersOf(mix);
      await withEnsemble({ ...options, members }, (ensemble) => run(ensemble, t));
    });
  }
}

/**
 * Starts members 2 and 3, of which the one with the greater id is elected, and then the others.
 *
 * @returns the leader's id
 */
export async function startWithLeader(ensemble: Ensemble): Promise<number> {
  await ensemble.startAll([2, 3]);
  await ensemble.startAll();
  return await ensemble.waitForLeader();
}

export function targetsOf({ leader, followers, observer }: Mix): readonly Target[] {
  return observer === undefined ? [leader, ...followers] : [leader, ...followers, observer];
}

export function mixText({ leader, followers, observer }: Mix): string {
  const watching = observer === undefined ? "" : `, ${observer} observes`;
  return `${leader} leads ${followers.join(" and ")}${watching}`;
}

export function membersOf({ leader, followers, observer }: Mix): EnsembleOptions["members"] {
  return [
    { id: 1, target: followers[0] },
    { id: 2, target: followers[1] },
    { id: 3, target: leader },
    ...(observer === undefined ? [] : [{ id: 4, target: observer, role: "observer" } as const]),
  ];
}
