/**
 * Files that hold a number and nothing else: myid, the epochs, the id of a process.
 *
 * @module
 */

/** Null when there is no such file, or no number in it. */
export function numberIn(path: string): number | null {
  try {
    const text = Deno.readTextFileSync(path).trim();
    return /^\d{1,10}$/.test(text) ? Number(text) : null;
  } catch {
    return null;
  }
}
