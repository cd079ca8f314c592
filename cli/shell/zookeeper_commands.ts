/**
 * The commands of zkCli.sh.
 *
 * @module
 */

import { ACL_COMMANDS } from "./acl_commands.ts";
import { CONFIG_COMMANDS } from "./config_commands.ts";
import { QUOTA_COMMANDS } from "./quota_commands.ts";
import { READ_COMMANDS } from "./read_commands.ts";
import { SESSION_COMMANDS } from "./session_commands.ts";
import type { ShellCommand } from "./shell_command.ts";
import { WATCH_COMMANDS } from "./watch_commands.ts";
import { WRITE_COMMANDS } from "./write_commands.ts";

export const ZOOKEEPER_COMMANDS: readonly ShellCommand[] = [
  ...READ_COMMANDS,
  ...WRITE_COMMANDS,
  ...ACL_COMMANDS,
  ...QUOTA_COMMANDS,
  ...WATCH_COMMANDS,
  ...SESSION_COMMANDS,
  ...CONFIG_COMMANDS,
];
