/**
 * The lines typed into shells, kept from one run to the next.
 *
 * Shells that run at the same time each add to the end, under a lock. Nothing here fails for a person who wants to
 * type: a file that cannot be read or written is a shell without a memory.
 *
 * @module
 */

import { dirname } from "../../../net/file_path.ts";
import type { Environment } from "../../config_sources.ts";

/** Lines kept. The file is cut when it holds twice as many. */
export const HISTORY_LINE_COUNT_MAX = 1000;

/** Passwords follow it. */
const SECRET_COMMAND = /^\s*["']?addauth\b/;

/** @returns null: nothing is kept */
export function historyFileOf(environment: Environment): string | null {
  const named = environment("DENKEEPER_HISTORY");
  if (named !== undefined) return named === "" ? null : named;
  const stateDir = environment("XDG_STATE_HOME");
  // The XDG specification has relative ones ignored.
  if (stateDir?.startsWith("/")) return `${stateDir}/denkeeper/history`;
  const home = environment("HOME");
  return home ? `${home}/.local/state/denkeeper/history` : null;
}

export class HistoryFile {
  readonly #path: string | null;

  constructor(path: string | null) {
    this.#path = path;
  }

  /** The newest lines, oldest first. */
  load(): string[] {
    return this.#locked({ read: true, write: true }, (file) => {
      const lines = readAll(file).split("\n").filter((line) => line !== "");
      const kept = lines.slice(-HISTORY_LINE_COUNT_MAX);
      if (lines.length > 2 * HISTORY_LINE_COUNT_MAX) {
        // Over the beginning, then cut: a crash between the two loses none of the newest lines.
        file.seekSync(0, Deno.SeekMode.Start);
        file.truncateSync(writeAll(file, `${kept.join("\n")}\n`));
      }
      return kept;
    }) ?? [];
  }

  append(line: string): void {
    if (line.trim() === "" || SECRET_COMMAND.test(line)) return;
    this.#locked({ append: true, create: true, mode: 0o600 }, (file) => {
      writeAll(file, `${line}\n`);
    });
  }

  #locked<T>(options: Deno.OpenOptions, work: (file: Deno.FsFile) => T): T | null {
    if (this.#path === null) return null;
    try {
      if (options.create) {
        Deno.mkdirSync(dirname(this.#path), { recursive: true, mode: 0o700 });
      }
      using file = Deno.openSync(this.#path, options);
      if (!file.statSync().isFile) return null;
      file.lockSync(true); // closing unlocks
      return work(file);
    } catch {
      return null;
    }
  }
}

function readAll(file: Deno.FsFile): string {
  const bytes = new Uint8Array(file.statSync().size);
  let filled = 0;
  while (filled < bytes.length) {
    const count = file.readSync(bytes.subarray(filled));
    if (count === null) break;
    filled += count;
  }
  return new TextDecoder().decode(bytes.subarray(0, filled));
}

function writeAll(file: Deno.FsFile, text: string): number {
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length;) at += file.writeSync(bytes.subarray(at));
  return bytes.length;
}
