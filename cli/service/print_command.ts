/**
 * The command `print-cmd`.
 *
 * @module
 */

import { loadServerSettings, type StartOptions, tellOfBadConfig } from "../start_foreground.ts";
import { ExitCode, type World } from "../world.ts";
import { launchOf, shellLineOf } from "./launch.ts";
import { servicePlaceOf, tellConfig } from "./service_files.ts";

/** @returns the code to end the process with */
export function printCommand(world: World, options: StartOptions): number {
  tellConfig(world, servicePlaceOf({ ...options, environment: world.environment }));
  try {
    world.print(`${shellLineOf(launchOf(world, options, loadServerSettings(world, options)))}\n`);
    return ExitCode.Normal;
  } catch (error) {
    return tellOfBadConfig(world, error);
  }
}
