/**
 * Which znode paths are legal (semantics section 2), decided on UTF-8 bytes.
 *
 * @module
 */
import { encodeUtf8 } from "../wire/jute.ts";

/** The znode that shows who belongs to the ensemble. */
export const CONFIG_PATH = encodeUtf8("/zookeeper/config");
import { decodeUtf8 } from "../wire/jute.ts";

const SLASH = 0x2f;
const DOT = 0x2e;

/** The full rules, as for setData, setACL, check and the final name of a create. */
export function isValidPath(bytes: Uint8Array, start: number, end: number): boolean {
  if (start === end || bytes[start] !== SLASH) return false;
  if (end - start === 1) return true;
  if (bytes[end - 1] === SLASH) return false;
  let componentStart = start + 1;
  for (let i = start + 1; i <= end; i++) {
    const byte = i === end ? SLASH : bytes[i]!;
    if (byte === SLASH) {
      const length = i - componentStart;
      if (length === 0) return false;
      if (bytes[componentStart] === DOT) {
        if (length === 1 || (length === 2 && bytes[componentStart + 1] === DOT)) return false;
      }
      componentStart = i + 1;
    } else if (byte < 0x20 || byte === 0x7f) return false;
    else if (byte >= 0x80) return isValidUnicodePath(bytes, start, end);
  }
  return true;
}

/** What the server demands before it looks anything up on create and delete. */
export function hasSlashAndNoNul(bytes: Uint8Array, start: number, end: number): boolean {
  let slash = false;
  for (let i = start; i < end; i++) {
    const byte = bytes[i]!;
    if (byte === 0) return false;
    if (byte === SLASH) slash = true;
  }
  return slash;
}

/** Offset of the last `/` in the path, or -1. */
export function lastSlash(bytes: Uint8Array, start: number, end: number): number {
  for (let i = end - 1; i >= start; i--) if (bytes[i] === SLASH) return i;
  return -1;
}

/** The slow half of the rules, for paths with bytes above ASCII; structure is checked again. */
function isValidUnicodePath(bytes: Uint8Array, start: number, end: number): boolean {
  const path = decodeUtf8(bytes.subarray(start, end));
  for (const component of path.slice(1).split("/")) {
    if (component === "" || component === "." || component === "..") return false;
  }
  for (let i = 0; i < path.length; i++) {
    const unit = path.charCodeAt(i);
    if (
      unit < 0x20 || (unit >= 0x7f && unit <= 0x9f) || (unit >= 0xd800 && unit <= 0xf8ff) ||
      unit >= 0xfff0
    ) return false;
  }
  return true;
}
