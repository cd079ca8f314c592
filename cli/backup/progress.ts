/**
 * How far long work has come, on stderr, where somebody looks at it.
 *
 * @module
 */
import type { SingleBar } from "cli-progress";
import { NO_PROGRESS, type Progress } from "../../net/backup/progress.ts";
import type { World } from "../world.ts";

/** @param work what is done, as "copying" */
export async function progressOf(world: World, work: string): Promise<Progress & Disposable> {
  if (!world.terminal.stderr) return { ...NO_PROGRESS, [Symbol.dispose]() {} };
  const { default: cliProgress } = await import("cli-progress");
  const bar: SingleBar = new cliProgress.SingleBar({
    format: `${work} {bar} {percentage}% ETA {eta_formatted}`,
    clearOnComplete: true,
    hideCursor: true,
  }, cliProgress.Presets.legacy);
  let isStarted = false;
  const end = () => {
    if (isStarted) bar.stop();
    isStarted = false;
  };
  return {
    begin(total) {
      end();
      bar.start(Math.max(total, 1), 0);
      isStarted = true;
    },
    add: (count) => bar.increment(count),
    end,
    [Symbol.dispose]: end,
  };
}
