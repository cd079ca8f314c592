/**
 * Picks TCP ports nobody uses, for servers that need a number beforehand.
 *
 * They lie outside the range from which the operating system gives ports to clients, so that no outgoing
 * connection takes one before its server does, and a client that asks for one too early is not connected
 * to itself. No port is picked twice by one process; another run of the tests picks at random as well, and
 * {@linkcode ServerProcess} tries again with the next one when it loses the race.
 *
 * @module
 */

/** Below what Linux, macOS and Windows give to clients unless they are told otherwise. */
const FIRST_PORT = 20_000;
const PORT_COUNT = 12_000;

let nextPort = Math.floor(Math.random() * PORT_COUNT);

/** @returns a loopback port that was free a moment ago */
export function freePort(): number {
  for (let tried = 0; tried < PORT_COUNT; tried++) {
    const port = FIRST_PORT + nextPort++ % PORT_COUNT;
    if (isFree(port)) return port;
  }
  throw new Error(`No port from ${FIRST_PORT} on is free`);
}

function isFree(port: number): boolean {
  try {
    // on all addresses: a server may listen on any of them
    Deno.listen({ hostname: "0.0.0.0", port }).close();
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.AddrInUse) return false;
    throw error;
  }
}
