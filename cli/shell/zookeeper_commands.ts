/**
 * The commands of zkCli.sh.
 *
 * @module
 */

import type { ShellCommand } from "./shell_command.ts";

export const ZOOKEEPER_COMMANDS: readonly ShellCommand[] = [];
