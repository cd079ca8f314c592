/**
 * Runs a program to its end and returns what it printed, stdout and stderr in the order written.
 *
 * @module
 */
import { makeTempDir } from "./temp_dir.ts";

export interface RunOptions {
  readonly stdin?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
}

export interface RunResult {
  readonly code: number;
  readonly output: string;
}

/** Kills the program and throws, output included, when it is not done after `timeoutMs`. */
export async function runProcess(
  command: readonly string[],
  { stdin = "", env = {}, timeoutMs = 180_000 }: RunOptions = {},
): Promise<RunResult> {
  using dir = makeTempDir();
  Deno.writeTextFileSync(`${dir.path}/in`, stdin);
  // One file for both streams keeps their order, which two pipes would lose.
  const redirect = `exec "$@" <"$0/in" >"$0/out" 2>&1`;
  const child = new Deno.Command("/bin/sh", {
    args: ["-c", redirect, dir.path, ...command],
    env: { ...env },
  }).spawn();
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    child.kill("SIGKILL");
  }, timeoutMs);
  const { code } = await child.status;
  clearTimeout(timer);
  const output = Deno.readTextFileSync(`${dir.path}/out`);
  if (timedOut) throw new Error(`${command[0]} took longer than ${timeoutMs} ms:\n${output}`);
  return { code, output };
}
