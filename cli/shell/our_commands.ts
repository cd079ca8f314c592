/**
 * The commands of `denkeeper cli` that zkCli.sh does not have.
 *
 * @module
 */

import type { ShellCommand } from "./shell_command.ts";

export const OUR_COMMANDS: readonly ShellCommand[] = [];
