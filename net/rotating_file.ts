/**
 * A file that lines are added to, moved aside when it is large: `x.log` becomes `x.log.1`, which
 * was `x.log.2` before, and so on.
 *
 * Lines are with the operating system when `write` returns, so a killed process loses none; they
 * are not synced, as a synced log would hold up the event loop and compete with the txn log.
 *
 * @module
 */

import { dirname } from "./file_path.ts";

export interface RotatingFileOptions {
  readonly path: string;
  /** A line that would make the file larger goes to a new one. */
  readonly fileBytesMax: number;
  /** Old files kept; 0: the file starts afresh. */
  readonly backupCount: number;
  /** Told once when writing begins to fail; the lines are lost, the process goes on. */
  readonly onError?: (error: unknown) => void;
}

export class RotatingFile {
  readonly #options: RotatingFileOptions;
  #file: Deno.FsFile | null = null;
  #bytes = 0;
  #isFailing = false;

  /** @throws whatever keeps the file or its directory from being opened */
  constructor(options: RotatingFileOptions) {
    this.#options = options;
    Deno.mkdirSync(dirname(options.path), { recursive: true });
    this.#open();
  }

  write(line: Uint8Array): void {
    try {
      if (this.#file === null) this.#open();
      if (this.#bytes > 0 && this.#bytes + line.length > this.#options.fileBytesMax) this.#rotate();
      const file = this.#file ?? this.#open();
      for (let at = 0; at < line.length;) at += file.writeSync(line.subarray(at));
      this.#bytes += line.length;
      this.#isFailing = false;
    } catch (error) {
      if (!this.#isFailing) this.#options.onError?.(error);
      this.#isFailing = true;
    }
  }

  close(): void {
    this.#file?.close();
    this.#file = null;
  }

  #open(): Deno.FsFile {
    this.#file = Deno.openSync(this.#options.path, { append: true, create: true });
    this.#bytes = this.#file.statSync().size;
    return this.#file;
  }

  #rotate(): void {
    const { path, backupCount } = this.#options;
    this.close();
    this.#bytes = 0;
    if (backupCount === 0) Deno.truncateSync(path);
    for (let number = backupCount - 1; number >= 0 && backupCount > 0; number--) {
      const from = number === 0 ? path : `${path}.${number}`;
      try {
        Deno.renameSync(from, `${path}.${number + 1}`);
      } catch (error) {
        if (!(error instanceof Deno.errors.NotFound)) throw error;
      }
    }
  }
}
