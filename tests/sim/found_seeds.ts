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

export const FOUND_SEEDS: readonly FoundSeed[] = [];
