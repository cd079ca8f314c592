/**
 * `denkeeper cli`: connects, then carries out the command given, or lines from a pipe, or what is typed.
 *
 * @module
 */

import { ClientArgumentError, ConnectionLossError } from "../../net/client/client_errors.ts";
import { openClient } from "../../net/client/open_client.ts";
import { CommandError } from "../command_line.ts";
import type { World } from "../world.ts";
import { ALL_COMMANDS } from "./all_commands.ts";
import { clientSettings } from "./client_settings.ts";
import { type Invocation, ownOptions } from "./invocation.ts";
import { parseInt32 } from "./java_options.ts";
import { runLines } from "./line_mode.ts";
import { ShellSession, type ShellSettings } from "./shell_session.ts";

/** @throws {CommandError} */
export async function runShell(world: World, invocation: Invocation): Promise<number> {
  const { connectString, isJson, command } = invocation;
  for (const complaint of invocation.complaints) world.writeStderr(`${complaint}\n`);
  // what zkCli.sh does not have need not greet as it does, and its results go into files and pipes
  const isPlain = command !== null && printsResultsOnly(command);
  if (!isJson && !isPlain) world.print(`Connecting to ${connectString}\n`);
  const { settings, timeoutMs } = shellSettings(world, invocation);
  const begin = async (session: ShellSession) => {
    await connect(session);
    if (!invocation.waitsForConnection) return;
    try {
      await session.connectedClient().connected({ timeoutMs });
    } catch (error) {
      if (!(error instanceof ConnectionLossError)) throw error;
      throw new CommandError(`KeeperErrorCode = ConnectionLoss: ${error.message}`);
    }
  };
  if (command === null && !isJson) {
    world.print("Welcome to ZooKeeper!\n");
    if (world.terminal.stdin && world.terminal.stdout) {
      const { runInteractiveShell } = await import("./interactive/interactive_shell.ts");
      return await runInteractiveShell(settings, begin);
    }
    world.print("JLine support is disabled\n");
  }
  const session = new ShellSession(settings);
  if (isPlain) session.printsWatches = false;
  world.onStopSignal(() => session.interrupt());
  try {
    await begin(session);
    return command === null
      ? await runLines(session, world.stdin())
      : await session.runWords(command);
  } finally {
    await session.end();
  }
}

function printsResultsOnly([name, ...words]: readonly string[]): boolean {
  if (ownOptions(words).includes("--raw")) return true;
  return ALL_COMMANDS.some((command) => command.name === name && command.isOurs);
}

async function connect(session: ShellSession): Promise<void> {
  try {
    await session.connect();
  } catch (error) {
    if (error instanceof ClientArgumentError) throw new CommandError(error.message);
    throw error;
  }
}

function shellSettings(
  world: World,
  { connectString, timeout, canBeReadOnly, clientConfiguration, isJson, command }: Invocation,
): { settings: ShellSettings; timeoutMs: number } {
  const { requestTimeoutMs, maxFrameBytes } = clientSettings(
    world.environment,
    clientConfiguration,
  );
  const timeoutMs = parseInt32(timeout);
  if (timeoutMs === null || timeoutMs < 0) {
    throw new CommandError(
      `Cannot use -timeout "${timeout}": it is not a number of milliseconds, such as 30000`,
    );
  }
  return {
    timeoutMs,
    settings: {
      world,
      connectString,
      isJson,
      requestTimeoutMs,
      commands: ALL_COMMANDS,
      readsLines: command === null,
      openClient,
      clientOptions: {
        sessionTimeoutMs: timeoutMs,
        canBeReadOnly,
        failsFast: true,
        ...(maxFrameBytes === undefined ? {} : { maxFrameBytes }),
      },
    },
  };
}
