/**
 * Why a server that was just started has ended: the lines of its log that say so.
 *
 * @module
 */

import type { Launch } from "./launch.ts";

const LINE_COUNT_MAX = 10;

/** How long the files were before, so that only what was written since is read. */
export class LogMarks {
  readonly #sizes: ReadonlyMap<string, number>;

  constructor({ logPaths, files }: Launch) {
    const sizes: [string, number][] = logPaths.map((path) => [path, sizeOf(path)]);
    this.#sizes = new Map([...sizes, [files.out, 0]]); // it begins anew
  }

  /** What was written since, the log before the rest. */
  *lines(): Iterable<string> {
    for (const [path, size] of this.#sizes) {
      let bytes: Uint8Array;
      try {
        bytes = Deno.readFileSync(path);
      } catch {
        continue; // it was never opened
      }
      const text = new TextDecoder().decode(bytes.subarray(size <= bytes.length ? size : 0));
      yield* text.split("\n").filter((line) => line.trim() !== "");
    }
  }
}

/** Its errors; if it wrote none, the last it wrote. */
export function failureLines(marks: LogMarks): string[] {
  const lines = [...marks.lines()];
  const errors = lines.flatMap((line) => {
    const [, text] = / - (?:ERROR|FATAL) +\[[^\]]*\] - (.*)$/.exec(line) ?? [];
    return text !== undefined ? [text] : /"level":"(?:ERROR|FATAL)"/.test(line) ? [line] : [];
  });
  return (errors.length > 0 ? errors : lines).slice(-LINE_COUNT_MAX);
}

function sizeOf(path: string): number {
  try {
    return Deno.statSync(path).size;
  } catch {
    return 0;
  }
}
