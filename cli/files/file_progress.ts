/**
 * A progress bar on stderr for long work on files, when a person looks at stderr and nothing else would be drawn
 * over it.
 *
 * @module
 */
import type { World } from "../world.ts";

export interface Progress {
  /** So many bytes are done, of all files together. */
  at(doneBytes: number): void;
  stop(): void;
}

const NONE: Progress = { at() {}, stop() {} };
/** What is done in no time has no bar. */
const BYTES_MIN = 32 << 20;

/** @param printsLines the command prints while it works: no bar between its lines */
export async function startProgress(
  { terminal }: World,
  { totalBytes, what, printsLines = false }: {
    totalBytes: number;
    what: string;
    printsLines?: boolean;
  },
): Promise<Progress> {
  if (!terminal.stderr || (printsLines && terminal.stdout) || totalBytes < BYTES_MIN) return NONE;
  const { default: cliProgress } = await import("cli-progress");
  const bar = new cliProgress.SingleBar({
    format: `${what} [{bar}] {percentage}%, {eta_formatted} left`,
    clearOnComplete: true,
    hideCursor: true,
    noTTYOutput: false,
    etaBuffer: 50,
  });
  bar.start(totalBytes, 0);
  return { at: (doneBytes) => bar.update(Math.min(doneBytes, totalBytes)), stop: () => bar.stop() };
}
