/**
 * Asks the operating system for a TCP port nobody uses, for servers that need a number beforehand.
 *
 * Another process may take the port before the server does; {@linkcode ServerProcess} then tries
 * again with the next one.
 *
 * @module
 */

/** @returns a loopback port that was free a moment ago */
export function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}
