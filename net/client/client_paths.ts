/**
 * Paths as a client's caller gives them: which are legal, and where they stand under a chroot.
 *
 * The texts are those that ZooKeeper's own tools print (command line, section 4).
 *
 * @module
 */

import { ClientArgumentError } from "./client_errors.ts";

/** The znode with the ensemble's configuration: no chroot applies to it. */
export const CONFIG_PATH = "/zookeeper/config";

/** @throws {ClientArgumentError} unless the path is one that a znode can have */
export function checkPath(path: string): void {
  if (path.length === 0) throw new ClientArgumentError("Path length must be > 0");
  if (path[0] !== "/") throw new ClientArgumentError("Path must start with / character");
  if (path.length === 1) return;
  if (path.endsWith("/")) throw new ClientArgumentError("Path must not end with / character");
  let start = 1; // of the name under way
  for (let i = 1; i <= path.length; i++) {
    const unit = i === path.length ? SLASH : path.charCodeAt(i);
    if (unit === SLASH) {
      const length = i - start;
      if (length === 0) throw invalid(path, "empty node name specified", i);
      const isDots = path.charCodeAt(start) === DOT &&
        (length === 1 || (length === 2 && path.charCodeAt(start + 1) === DOT));
      if (isDots) throw invalid(path, "relative paths not allowed", i - 1);
      start = i + 1;
    } else if (unit === 0) throw invalid(path, "null character not allowed", i);
    else if (isForbidden(unit)) throw invalid(path, "invalid character", i);
  }
}

/** What the server calls the path. */
export function serverPathOf(chroot: string, path: string): string {
  if (chroot === "") return path;
  return path === "/" ? chroot : chroot + path;
}

/** What the caller calls it; one outside of the chroot as it is. */
export function clientPathOf(chroot: string, path: string): string {
  if (chroot === "" || !isUnder(chroot, path)) return path;
  return path.length === chroot.length ? "/" : path.slice(chroot.length);
}

/** Whether the path is the chroot or below it. */
export function isUnder(chroot: string, path: string): boolean {
  return path.startsWith(chroot) &&
    (path.length === chroot.length || path.charCodeAt(chroot.length) === SLASH);
}

const SLASH = 0x2f;
const DOT = 0x2e;

function isForbidden(unit: number): boolean {
  return unit < 0x20 || (unit >= 0x7f && unit <= 0x9f) || (unit >= 0xd800 && unit <= 0xf8ff) ||
    unit >= 0xfff0;
}

function invalid(path: string, reason: string, index: number): ClientArgumentError {
  return new ClientArgumentError(`Invalid path string "${path}" caused by ${reason} @${index}`);
}
