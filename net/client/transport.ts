/**
 * Opens what bytes go through. The one place that a connection by TLS would be made in.
 *
 * @module
 */

import { LateTimeout } from "../late_timers.ts";
import type { ServerAddress } from "./server_list.ts";

/** @throws {Error} when nobody answers in time, or the signal says so */
export async function openTransport(
  { address, port }: ServerAddress,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<Deno.Conn> {
  const patience = new AbortController();
  const timer = new LateTimeout(() => {
    patience.abort(new Error(`no connection within ${Math.round(timeoutMs)} ms`));
  }, timeoutMs);
  const giveUp = () => patience.abort(signal.reason);
  signal.addEventListener("abort", giveUp, { once: true });
  try {
    signal.throwIfAborted();
    const conn = await Deno.connect({ hostname: address, port, signal: patience.signal });
    try {
      conn.setNoDelay(true);
    } catch {
      // closed already: whoever reads will see it
    }
    return conn;
  } catch (error) {
    throw patience.signal.aborted ? patience.signal.reason : error;
  } finally {
    timer.stop();
    signal.removeEventListener("abort", giveUp);
  }
}
