/**
 * Every command of `denkeeper cli`.
 *
 * @module
 */

import { OUR_COMMANDS } from "./our_commands.ts";
import type { ShellCommand } from "./shell_command.ts";
import { ZOOKEEPER_COMMANDS } from "./zookeeper_commands.ts";

export const ALL_COMMANDS: readonly ShellCommand[] = [...ZOOKEEPER_COMMANDS, ...OUR_COMMANDS];
