/**
 * How far long work has come, on stderr, where somebody looks at it.
 *
 * @module
 */
import type { SingleBar } from "cli-progress";
import type { World } from "../world.ts";

export interface Progress {
  /** A part of the work begins, with so much to be done in it. */
  begin(total: number): void;
  add(count: number): void;
  /** Leaves nothing on the screen. */
  end(): void;
}

export const NO_PROGRESS: Progress = { begin() {}, add() {}, end() {} };

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
