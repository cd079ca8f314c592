/**
 * Listening on TCP ports, at one address or at all of the machine's, whichever families it has.
 *
 * @module
 */
import { ListenError } from "../core/errors.ts";

/** @param address null: all addresses, of IPv6 too where the machine has it */
export function listen(
  { port, address, backlog = 0 }: { port: number; address: string | null; backlog?: number },
): Deno.TcpListener {
  // the backlog is not in the published types of Deno.listen
  const options = { port, ...(backlog > 0 ? { tcpBacklog: backlog } : {}) };
  if (address !== null) return listenOn({ ...options, hostname: address });
  try {
    return Deno.listen({ ...options, hostname: "::" });
  } catch (error) {
    if (error instanceof Deno.errors.AddrInUse) throw error;
    return listenOn({ ...options, hostname: "0.0.0.0" });
  }
}

/** @throws {ListenError} instead of the runtime's errors that name neither address nor port */
function listenOn(options: Deno.TcpListenOptions & { hostname: string }): Deno.TcpListener {
  try {
    return Deno.listen(options);
  } catch (error) {
    const { AddrInUse, NotCapable } = Deno.errors;
    if (error instanceof AddrInUse || error instanceof NotCapable) throw error;
    throw new ListenError(error instanceof Error ? error.message : String(error), { cause: error });
  }
}

/** An IPv4 peer on a dual-stack socket is known by its IPv4 address. */
export function unmapped(hostname: string): string {
  return hostname.startsWith("::ffff:") && hostname.includes(".") ? hostname.slice(7) : hostname;
}
