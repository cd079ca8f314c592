/**
 * How many observers are brought up to date at one time; voters never wait (quorum protocol section 7).
 *
 * @module
 */
import type { EnsembleConfig } from "../core/server_config.ts";
import type { LearnerHandler } from "./learner_handler.ts";
import type { LearnerSync } from "./learner_sync.ts";

/** Whether as many observers as may are being sent trees, or txns: this one has to wait. */
export function mustWaitForSync(
  learner: LearnerHandler,
  { sync, learners, config }: {
    sync: LearnerSync;
    learners: Iterable<LearnerHandler>;
    config: Pick<EnsembleConfig, "maxConcurrentSnapSyncs" | "maxConcurrentDiffSyncs">;
  },
): boolean {
  if (!learner.isObserver) return false;
  const isSnap = sync.kind === "snap";
  let count = 0;
  for (const { isObserver, isSyncing, syncKind } of learners) {
    if (isObserver && isSyncing && (syncKind === "snap") === isSnap) count++;
  }
  const { maxConcurrentSnapSyncs, maxConcurrentDiffSyncs } = config;
  return count >= Math.max(1, isSnap ? maxConcurrentSnapSyncs : maxConcurrentDiffSyncs);
}
