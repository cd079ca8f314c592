/**
 * The two servers that compatibility tests compare.
 *
 * With `COMPAT_SELF_CHECK=1` in the environment the Java server stands in for both: whatever still
 * differs then is a fault of the test, something it ought to normalise.
 *
 * @module
 */
import { type ServerOptions, ServerProcess, type Target } from "./server_process.ts";

/** True when the tests are checked, not Denkeeper. */
export const IS_SELF_CHECK = Deno.env.get("COMPAT_SELF_CHECK") === "1";

/** The reference first. */
export const TARGETS: readonly [Target, Target] = ["java", IS_SELF_CHECK ? "java" : "denkeeper"];

/** Does the same with both servers at once; @returns what came of it, the reference first */
export function withBoth<T>(
  options: ServerOptions,
  run: (server: ServerProcess) => Promise<T>,
): Promise<[T, T]> {
  const one = async (target: Target) => {
    await using server = await ServerProcess.start(target, options);
    return await run(server);
  };
  return Promise.all([one(TARGETS[0]), one(TARGETS[1])]);
}
