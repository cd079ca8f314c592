/**
 * Whether data are the same.
 *
 * @module
 */

/** Of znodes: null is none, and not the same as empty. */
export function sameBytes(a: Uint8Array | null, b: Uint8Array | null): boolean {
  if (a === null || b === null || a.length !== b.length) return a === b;
  for (let at = 0; at < a.length; at++) if (a[at] !== b[at]) return false;
  return true;
}
