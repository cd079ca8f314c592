/**
 * Runs `backup …` in the test's process, and keeps what it printed.
 *
 * @module
 */
import { runCommand } from "../../../cli/commands.ts";
import type { World } from "../../../cli/world.ts";

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export async function backup(...args: string[]): Promise<Ran> {
  let stdout = "";
  let stderr = "";
  const decoder = new TextDecoder();
  const world: World = {
    args: ["backup", ...args],
    environment: () => undefined,
    terminal: { stdin: false, stdout: false, stderr: false, columns: 80 },
    stdin: () => new ReadableStream({ start: (stream) => stream.close() }),
    print: (output) =>
      void (stdout += typeof output === "string" ? output : decoder.decode(output)),
    writeStdout: (text) => void (stdout += text),
    writeStderr: (text) => void (stderr += text),
    startServer: () => Promise.reject(new Error("No server is started here")),
    onStopSignal: () => {},
    onUncaught: () => {},
  };
  const code = await runCommand(world);
  return { code, stdout, stderr };
}

/** What `backup create --json` prints, as far as tests look at it. */
export interface CreatedJson {
  readonly id: string;
  readonly range: { readonly fromZxid: string; readonly toZxid: string };
  readonly newBytes: number;
  readonly sharedBytes: number;
}

/** The same with `--json`; anything but success is thrown. */
// deno-lint-ignore no-explicit-any
export async function backupJson(...args: string[]): Promise<any> {
  const { code, stdout, stderr } = await backup(...args, "--json");
  if (code !== 0) {
    throw new Error(`backup ${args.join(" ")} ended with ${code}: ${stdout}${stderr}`);
  }
  return JSON.parse(stdout);
}

/** Every file below a folder, with its bytes as text that can be compared. */
export function filesBelow(dir: string): Map<string, string> {
  const files = new Map<string, string>();
  for (const entry of Deno.readDirSync(dir)) {
    const path = `${dir}/${entry.name}`;
    if (!entry.isDirectory) files.set(path, Deno.readFileSync(path).toHex());
    else for (const [name, bytes] of filesBelow(path)) files.set(name, bytes);
  }
  return files;
}
