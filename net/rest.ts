/**
 * Lets other events through in the middle of long work.
 *
 * @module
 */
import { systemTimers, type Timers } from "./sockets.ts";

/** How {@linkcode rest} is passed to what has to wait in simulated time as well. */
export type Rest = (ms?: number) => Promise<void>;

/** @param ms for at least so long; 0: for what is ready now */
export const rest: Rest = restOn(systemTimers);

export function restOn(timers: Timers): Rest {
  return (ms = 0) => new Promise((resolve) => void timers.start(ms, resolve));
}
