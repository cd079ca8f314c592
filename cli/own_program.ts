/**
 * The command line that starts this program once more.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import type { Environment } from "./config_sources.ts";

/** What a server needs when Deno runs it from its source; `deno task server` has the same. */
const PERMISSIONS = [
  "--no-prompt",
  "--allow-net",
  "--allow-read",
  "--allow-write",
  "--allow-env",
  "--allow-sys",
];

/** The one file that is this program; null when Deno runs it from its source. */
export function ownExecutable(environment: Environment): string | null {
  if (Deno.build.standalone) return Deno.execPath();
  try {
    return environment("DENKEEPER_EXECUTABLE") || null; // said by a file that unpacked itself
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) return null; // it would have the permission
    throw error;
  }
}

export function ownCommand(environment: Environment): string[] {
  const executable = ownExecutable(environment);
  if (executable !== null) return [executable];
  const main = fileURLToPath(Deno.mainModule);
  const config = fileURLToPath(new URL("deno.json", Deno.mainModule));
  return [Deno.execPath(), "run", "--config", config, ...PERMISSIONS, main];
}
