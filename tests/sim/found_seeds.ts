/**
 * Seeds that found something, each with what it was: every run of the tests replays them.
 *
 * A seed stands for one run of the simulator as it was then; when the simulator changes what it draws, the
 * seed is replaced by one that finds the same again with the fix taken out, or the finding has a test of its
 * own beside the code.
 *
 * @module
 */

export interface FoundSeed {
  readonly seed: number;
  readonly found: string;
  /** Where it was put right. */
  readonly fixedIn: string;
}

export const FOUND_SEEDS: readonly FoundSeed[] = [
  {
    seed: 21,
    found: "a learner's client got the answer to a write before that to the sync it had sent first",
    fixedIn: "cluster/broadcast.ts",
  },
  {
    seed: 24,
    found: "a SYNC went out behind the COMMITs of writes that were asked for after it",
    fixedIn: "cluster/broadcast.ts",
  },
  {
    seed: 660241285,
    found:
      "an observer behind a follower heard of txns before the SYNC that was answered before them",
    fixedIn: "cluster/observer_master.ts",
  },
];

/** Found by seeds of a simulator that drew otherwise: each has a test of its own. */
export const FOUND_BEFORE: readonly (Omit<FoundSeed, "seed"> & { readonly test: string })[] = [
  {
    found:
      "a server that had accepted a newer epoch, from a leader that was never established, refused " +
      "the leader and looked for another for ever",
    fixedIn: "cluster/leader.ts",
    test: "tests/cluster/leader_test.ts",
  },
  {
    found:
      "a leader that ended and looked again was elected at once by followers that had not noticed, " +
      "and led nobody for initLimit",
    fixedIn: "cluster/election.ts",
    test: "tests/cluster/election_test.ts",
  },
  {
    found:
      "a server that stood still for half a second, with short ticks, expired sessions whose " +
      "clients' bytes waited to be read",
    fixedIn: "net/server.ts",
    test: "tests/sim/sim_test.ts",
  },
];
