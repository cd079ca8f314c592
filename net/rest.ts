/**
 * Lets other events through in the middle of long work.
 *
 * @module
 */

/** How {@linkcode rest} is passed to what has to wait in simulated time as well. */
export type Rest = (ms?: number) => Promise<void>;

/** @param ms for at least so long; 0: for what is ready now */
export function rest(ms = 0): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
