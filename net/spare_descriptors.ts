/**
 * File descriptors held for the day when connections have taken all others: the log must still be
 * rolled and snapshots written, or a flood of connections would end the server.
 *
 * How many there may be cannot be asked (the runtime keeps `/proc/self/limits` to itself), so the end
 * is noticed when it comes: the spare ones are let go then, and no further connection is kept.
 *
 * @module
 */
const SPARE_COUNT = 32;
const NULL_DEVICE = Deno.build.os === "windows" ? "NUL" : "/dev/null";

export class SpareDescriptors {
  #files: Deno.FsFile[] = [];

  constructor() {
    this.acquire();
  }

  get areHeld(): boolean {
    return this.#files.length > 0;
  }

  /** Takes all or none. */
  acquire(): void {
    try {
      while (this.#files.length < SPARE_COUNT) {
        this.#files.push(Deno.openSync(NULL_DEVICE, { read: true }));
      }
    } catch {
      this.release();
    }
  }

  release(): void {
    for (const file of this.#files) file.close();
    this.#files = [];
  }
}

/** Whether one more file could be opened now. */
export function isOneFree(): boolean {
  try {
    Deno.openSync(NULL_DEVICE, { read: true }).close();
    return true;
  } catch (error) {
    return !isOutOfDescriptors(error);
  }
}

/** Whether so many files could be opened now, beside the spare ones. */
export function areFree(count: number): boolean {
  const files: Deno.FsFile[] = [];
  try {
    while (files.length < count + SPARE_COUNT) {
      files.push(Deno.openSync(NULL_DEVICE, { read: true }));
    }
    return true;
  } catch {
    return false;
  } finally {
    for (const file of files) file.close();
  }
}

/** EMFILE or ENFILE. */
export function isOutOfDescriptors(error: unknown): boolean {
  return error instanceof Error && /\(os error (23|24)\)/.test(error.message);
}
