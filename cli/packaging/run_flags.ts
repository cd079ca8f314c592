/**
 * What the runtime is told when it runs the program, however it was packed.
 *
 * @module
 */

/** What a server needs: no other program, no library of the system's. `deno task server` has the same, and names more. */
export const SERVER_FLAGS: readonly string[] = [
  "--allow-net",
  "--allow-read",
  "--allow-write",
  "--allow-env",
  "--allow-sys",
];

/** The tools start programs, which may do anything; and the runtime lets nobody look at the system who may not. */
export const TOOL_FLAGS: readonly string[] = ["--allow-all"];

/** A start makes garbage of a few MB: a young generation that holds it is not collected on the way. */
export const V8_FLAGS: readonly string[] = ["--min-semi-space-size=16"];
