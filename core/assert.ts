/**
 * Assertions about what must hold between our own parts; on in production.
 *
 * Never for bytes from outside: those get an error value or a {@linkcode ProtocolError}.
 *
 * @module
 */

/** Thrown when the program contradicts itself. The process should end: its state is not to be trusted. */
export class AssertionError extends Error {
  override name = "AssertionError";
}

/** Throws unless `condition` holds; `message` says what must hold. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new AssertionError(message);
}
