/**
 * A bar of the seconds that a load has to go, for a person at a terminal.
 *
 * @module
 */
import type { World } from "../world.ts";
import type { BenchOptions } from "./bench.ts";

const UPDATE_MS = 200;

export async function showProgress(
  { terminal }: World,
  { mix, warmUpMs, durationMs }: Pick<BenchOptions, "warmUpMs" | "durationMs"> & { mix: string },
): Promise<{ stop(): void }> {
  if (!terminal.stderr) return { stop: () => {} };
  const { default: cliProgress } = await import("cli-progress");
  const bar = new cliProgress.SingleBar({
    format: `${mix} [{bar}] {value} of {total} s`,
    clearOnComplete: true,
    hideCursor: true,
  });
  const startMs = performance.now();
  bar.start(Math.round((warmUpMs + durationMs) / 1000), 0);
  const timer = setInterval(() => {
    bar.update(Math.floor((performance.now() - startMs) / 1000));
  }, UPDATE_MS);
  return {
    stop: () => {
      clearInterval(timer);
      bar.stop();
    },
  };
}
