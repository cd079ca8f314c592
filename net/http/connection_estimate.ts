/**
 * About how many connections an HTTP port has, from the file descriptors of the process: `Deno.serve` tells nobody,
 * and the runtime keeps `/proc/self/fd` to itself.
 *
 * The operating system gives the lowest number that is free, so a new file's number is at most as many as are open.
 * While there are gaps from what was closed the estimate is too low: then descriptors are not scarce either,
 * and a flood fills the gaps first.
 *
 * @module
 */
import { lowestFreeFileDescriptor } from "../host_environment.ts";
import { isOneFree } from "../spare_descriptors.ts";

/**
 * @param others how many descriptors the rest of the server has come to have and may give back: its clients'
 * @returns tells the estimate when it is called; what is open at the first call does not count
 */
export function connectionEstimate(others: () => number): () => number {
  let before: number | null = null;
  return () => {
    const lowestFree = lowestFreeFileDescriptor();
    if (lowestFree < 0) return isOneFree() ? 0 : Infinity;
    before ??= lowestFree - others();
    return Math.max(0, lowestFree - before - others());
  };
}
