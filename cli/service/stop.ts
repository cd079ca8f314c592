/**
 * The commands `stop` and `restart`: asks the server of the pid file to end, and waits until it has.
 *
 * @module
 */

import process from "node:process";
import { isAlive } from "../../net/process_table.ts";
import { CommandError } from "../command_line.ts";
import { ExitCode, type World } from "../world.ts";
import { runningProcess, strangerText } from "./running_server.ts";
import { readPidFile, removeFile, servicePlaceOf, tellConfig } from "./service_files.ts";
import { startService, type StartServiceOptions } from "./start.ts";

export interface StopOptions {
  readonly file: string | undefined;
  readonly configDir: string | undefined;
  readonly defines: readonly string[];
  readonly timeoutMs: number;
  readonly json: boolean;
}

const POLL_MS = 20;

/** @returns the code to end the process with */
export async function stopService(world: World, options: StopOptions): Promise<number> {
  const place = servicePlaceOf({ ...options, environment: world.environment });
  const { pidFile } = place;
  tellConfig(world, place);
  const tell = (words: string, result: { status: string; pid?: number }) =>
    world.print(options.json ? `${JSON.stringify(result)}\n` : `Stopping zookeeper ... ${words}\n`);

  const running = runningProcess(place);
  if (running === null) {
    const stale = readPidFile(pidFile);
    if (stale === null) {
      const why = removeFile(pidFile) // a number that was never written keeps nobody from a start
        ? `no process id is in ${pidFile}`
        : `could not find file ${pidFile}`;
      tell(`no zookeeper to stop (${why})`, { status: "not running" });
      return ExitCode.Normal;
    }
    const stranger = strangerText(stale);
    removeFile(pidFile);
    tell(`no zookeeper to stop (process ${stale} of ${pidFile} has ended)`, {
      status: "not running",
    });
    if (stranger !== null) {
      world.writeStderr(
        `Process ${stale} is now ${stranger}, which is no server of "${place.dataDir}": it was let be, ` +
          "and the pid file removed\n",
      );
    }
    return ExitCode.Normal;
  }
  const { pid, isInPidFile } = running;
  if (!isInPidFile) {
    tell(`no zookeeper to stop (could not find file ${pidFile})`, { status: "not ours", pid });
    world.writeStderr(
      `Process ${pid} serves "${place.dataDir}", and the pid file does not name it: it was started another way ` +
        `than with \`start\`, or that file was lost; end it there, or with \`kill ${pid}\`\n`,
    );
    return ExitCode.Unexpected;
  }
  signal(pid);
  const deadlineMs = performance.now() + options.timeoutMs;
  while (isAlive(pid)) {
    if (performance.now() > deadlineMs) {
      tell("FAILED TO STOP", { status: "failed", pid });
      throw new CommandError(
        `Process ${pid} still runs ${
          options.timeoutMs / 1000
        } s after SIGTERM; wait longer with --timeout, ` +
          `or end it with \`kill -9 ${pid}\`, by which no write that was answered is lost`,
      );
    }
    await new Promise((done) => setTimeout(done, POLL_MS));
  }
  if (readPidFile(pidFile) === pid) removeFile(pidFile); // not that of a server started since
  tell("STOPPED", { status: "stopped", pid });
  return ExitCode.Normal;
}

/** Without a server that runs it is started. */
export async function restartService(
  world: World,
  { timeoutMs, ...options }: StartServiceOptions & { readonly timeoutMs: number },
): Promise<number> {
  const stopped = await stopService(world, { ...options, timeoutMs });
  return stopped === ExitCode.Normal ? await startService(world, options) : stopped;
}

function signal(pid: number): void {
  try {
    process.kill(pid, "SIGTERM");
  } catch (error) {
    if ((error as { code?: string }).code === "ESRCH") return; // it has ended meanwhile
    const reason = error instanceof Error ? error.message : String(error);
    throw new CommandError(`Cannot stop process ${pid}: ${reason}`, { cause: error });
  }
}
