/**
 * Looks for a server that takes writes, for a client of one that is cut off from its ensemble (client protocol,
 * section 15).
 *
 * @module
 */

import { type ServerAddress, ServerList } from "./server_list.ts";
import { openTransport } from "./transport.ts";

/** Between two rounds: doubles from the first to the last. */
const PAUSE_MS_MIN = 100;
const PAUSE_MS_MAX = 60_000;
/** How long a server may take to answer. */
const ASK_MS = 1000;
const QUESTION = new TextEncoder().encode("isro");

/**
 * Asks one server after another until one takes writes.
 *
 * @param x.server the one we are connected to: it is not asked, it says so by itself
 * @param signal ends the search
 * @returns null: the search was ended
 */
export async function searchReadWrite(
  servers: ServerList,
  { server, signal }: { server: ServerAddress; signal: AbortSignal },
): Promise<ServerAddress | null> {
  for (let pauseMs = PAUSE_MS_MIN; !signal.aborted;) {
    for (const each of servers.servers) {
      for (const candidate of await servers.addressesOf(each)) {
        const isOurs = candidate.address === server.address && candidate.port === server.port;
        if (!isOurs && await takesWrites(candidate, signal)) return candidate;
        if (signal.aborted) return null;
      }
    }
    await rest(pauseMs, signal);
    pauseMs = Math.min(pauseMs * 2, PAUSE_MS_MAX);
  }
  return null;
}

/** Waits so long, or until the signal says that it is over. */
export function rest(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise<void>((resolve) => {
    if (signal.aborted) return resolve();
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done);
  });
}

async function takesWrites(server: ServerAddress, signal: AbortSignal): Promise<boolean> {
  const patience = AbortSignal.any([signal, AbortSignal.timeout(ASK_MS)]);
  let conn: Deno.Conn;
  try {
    conn = await openTransport(server, ASK_MS, signal);
  } catch {
    return false;
  }
  const close = () => conn.close();
  patience.addEventListener("abort", close, { once: true });
  try {
    await conn.write(QUESTION);
    const answer = new Uint8Array(16);
    const count = await conn.read(answer);
    return count !== null && new TextDecoder().decode(answer.subarray(0, count)).startsWith("rw");
  } catch {
    return false;
  } finally {
    patience.removeEventListener("abort", close);
    if (!patience.aborted) conn.close();
  }
}
