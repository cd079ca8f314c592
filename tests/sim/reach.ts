/**
 * Proof of reach: what happened at least once, and how often. A long run in which something of
 * `EXPECTED` never happened proves less than it seems to.
 *
 * @module
 */

export class Reach {
  readonly counts = new Map<string, number>();

  sometimes(what: string, times = 1): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + times);
  }

  add(counts: Iterable<readonly [string, number]>): void {
    for (const [what, times] of counts) this.sometimes(what, times);
  }

  /** What of `EXPECTED` never happened. */
  get missing(): string[] {
    return EXPECTED.filter((what) => !this.counts.has(what));
  }

  get lines(): string[] {
    return [...this.counts].sort(([a], [b]) => a < b ? -1 : 1)
      .map(([what, times]) => `  ${what}: ${times}`);
  }
}

/** What a long run must have reached. */
export const EXPECTED: readonly string[] = [
  "learner synchronised by DIFF from memory",
  "learner synchronised by DIFF from log",
  "learner synchronised by SNAP",
  "learner synchronised by TRUNC from memory",
  "SNAP interrupted",
  "snapshot during synchronisation",
  "read during synchronisation",
  "election with several rounds",
  "epoch used up",
  "leader ends for a newer epoch",
  "session of a connected client ended at a learner",
  "leader established",
  "leader ended with uncommitted proposals",
  "uncommitted proposal survived",
  "uncommitted proposal was taken back",
  "session moved",
  "session refused",
  "session expired",
  "read of an older epoch",
  "sync",
  "watch fired",
  "watches set again",
  "write refused: moved",
];
