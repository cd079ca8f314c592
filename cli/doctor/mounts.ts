/**
 * Which file system a directory is on.
 *
 * @module
 */
import { dirname } from "../../net/file_path.ts";
import type { Machine } from "./machine.ts";

export interface Mount {
  readonly mountPoint: string;
  /** `ext4`, `tmpfs`, `overlay`, `nfs4`. */
  readonly type: string;
  /** `/dev/sda1`, `host:/export`. */
  readonly source: string;
  /** Major and minor number: one for each disk. */
  readonly device: string;
  readonly isReadOnly: boolean;
}

/** Null where the system does not tell. */
export function mountOf(directory: string, machine: Machine): Mount | null {
  const path = realPath(directory);
  let found: Mount | null = null;
  for (const line of (machine.systemText("/proc/self/mountinfo") ?? "").split("\n")) {
    const [before, after] = line.split(" - ");
    if (after === undefined) continue;
    const [, , device = "", , pointText = "", options = ""] = before!.split(" ");
    const [type = "", source = ""] = after.split(" ");
    const mountPoint = unescaped(pointText);
    if (!isBelow(path, mountPoint)) continue;
    // a later mount of the same place covers the one before
    if (found !== null && mountPoint.length < found.mountPoint.length) continue;
    const isReadOnly = options.split(",").includes("ro");
    found = { mountPoint, type, source: unescaped(source), device, isReadOnly };
  }
  return found;
}

/** The directory itself, or the nearest one above it that is there. */
export function nearestDirectory(directory: string): string {
  for (let at = directory;; at = dirname(at)) {
    try {
      if (Deno.statSync(at).isDirectory) return at;
    } catch {
      // one further up
    }
    if (at === dirname(at)) return at;
  }
}

function realPath(directory: string): string {
  return Deno.realPathSync(nearestDirectory(directory));
}

function isBelow(path: string, top: string): boolean {
  return top === "/" || path === top || path.startsWith(`${top}/`);
}

/** Blanks and the like are octal there. */
function unescaped(text: string): string {
  return text.replace(/\\(\d{3})/g, (_, octal) => String.fromCharCode(parseInt(octal, 8)));
}
