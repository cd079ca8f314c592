/**
 * Lets other events through in the middle of long work.
 *
 * @module
 */

/** @param ms for at least so long; 0: for what is ready now */
export function rest(ms = 0): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
