/**
 * What the runtime is told when it runs the program, however it was packed.
 *
 * @module
 */

/**
 * All that the commands need between them: a server, and tools that start one, read what they are pointed at and write
 * where they are told. What it never does is left out: libraries of the system, and code from elsewhere.
 */
export const PERMISSION_FLAGS: readonly string[] = [
  "--no-prompt",
  "--allow-net",
  "--allow-read",
  "--allow-write",
  "--allow-run",
  "--allow-env",
  "--allow-sys",
];

/** A start makes garbage of a few MB: a young generation that holds it is not collected on the way. */
export const V8_FLAGS: readonly string[] = ["--min-semi-space-size=16"];
