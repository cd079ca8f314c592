/**
 * Recognises a full disk, and finds out whether there is room again.
 *
 * @module
 */
import { nodeFs } from "./node_modules.ts";

/** The disk, or our quota on it, is full. Nothing was left half written. */
export class DiskFullError extends Error {
  override name = "DiskFullError";
  readonly path: string;

  constructor(path: string, options?: ErrorOptions) {
    super(`Cannot write "${path}": the disk is full; make room on it`, options);
    this.path = path;
  }
}

/** Whether an operation failed for want of room: ENOSPC, or EDQUOT for a quota. */
export function isDiskFull(error: unknown): boolean {
  if (error instanceof DiskFullError) return true;
  if (!(error instanceof Error)) return false;
  const { code } = error as { code?: string };
  return code === "ENOSPC" || code === "EDQUOT" || /\(os error (28|122)\)/.test(error.message);
}

/** What a probe writes: more than file systems hide in slack. */
const PROBE_BYTES = 64 * 1024;

/** Tells whether a directory's disk has room for writes again. */
export class DiskRoom {
  #dir: string;
  #freeBytesMin: number;

  /** @param options.freeBytesMin what must be free, so that one write does not fill the disk again */
  constructor({ dir, freeBytesMin }: { dir: string; freeBytesMin: number }) {
    this.#dir = dir;
    this.#freeBytesMin = freeBytesMin;
  }

  /** Bytes that we may still use; infinite where the system does not say. */
  freeBytes(): number {
    try {
      const { bavail, bsize } = nodeFs().statfsSync(this.#dir);
      return bavail * bsize;
    } catch {
      return Infinity;
    }
  }

  /** Asks the file system, then writes and removes a file, which quotas answer too. */
  hasRoom(): boolean {
    if (this.freeBytes() < this.#freeBytesMin) return false;
    const path = `${this.#dir}/denkeeper.probe`;
    try {
      Deno.writeFileSync(path, new Uint8Array(PROBE_BYTES).fill(1));
      return true;
    } catch {
      return false;
    } finally {
      removeIfThere(path);
    }
  }
}

function removeIfThere(path: string): void {
  try {
    Deno.removeSync(path);
  } catch {
    // it was never made
  }
}
