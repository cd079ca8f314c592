/**
 * Denkeeper's commands, and the servers they start: in a folder of their own, at whose end every server that has a
 * data directory in it is killed.
 *
 *     await using folder = new CommandFolder();
 *     const { code, stdout } = await folder.run("start", folder.write("zoo.cfg", text));
 *
 * Commands run in the test's own process, which takes little time; servers they start are real processes. Paths must be
 * absolute then. What depends on the process (its directory, its terminal) is for `runProcess`.
 *
 * @module
 */
import { runCommand } from "../../cli/commands.ts";
import { DataDirLock } from "../../net/data_dir_lock.ts";
import { eventually } from "./eventually.ts";

const PROJECT_DIR = new URL("../../", import.meta.url).pathname;

const DENKEEPER: readonly string[] = [
  Deno.execPath(),
  "run",
  "--allow-all",
  "--no-prompt",
  "--config",
  `${PROJECT_DIR}deno.json`,
  `${PROJECT_DIR}main.ts`,
];

export interface CommandResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export class CommandFolder implements AsyncDisposable {
  readonly path: string = Deno.makeTempDirSync({ prefix: "denkeeper-test-" });
  /** All variables that commands see. */
  readonly env: Record<string, string> = {};
  /** Sends SIGINT to the command that runs; null: it does not listen. */
  interrupt: (() => void) | null = null;

  constructor() {
    const program = DENKEEPER.map((word) => `'${word}'`).join(" ");
    this.env["DENKEEPER_EXECUTABLE"] = this.write(
      ".denkeeper",
      `#!/bin/sh\nexec ${program} "$@"\n`,
    );
    Deno.chmodSync(this.env["DENKEEPER_EXECUTABLE"], 0o755);
  }

  async run(...args: string[]): Promise<CommandResult> {
    const ran = { stdout: "", stderr: "" };
    const code = await runCommand({
      args,
      environment: (name) => this.env[name],
      terminal: { stdin: false, stdout: false, stderr: false, columns: 80 },
      stdin: () => new ReadableStream({ start: (stream) => stream.close() }),
      print: (output) => void (ran.stdout += output),
      writeStdout: (text) => void (ran.stdout += text),
      writeStderr: (text) => void (ran.stderr += text),
      startServer: () => Promise.reject(new Error("Servers are processes here")),
      onStopSignal: (stop) => void (this.interrupt = () => stop("SIGINT")),
      onUncaught: () => {},
    });
    return { code, ...ran };
  }

  /** In a process of its own, whose current directory is the folder. */
  runProcess(...args: string[]): Promise<CommandResult> {
    return this.runProgram([...DENKEEPER, ...args]);
  }

  async runProgram(words: readonly string[]): Promise<CommandResult> {
    const [program, ...args] = words;
    const { code, stdout, stderr } = await new Deno.Command(program!, {
      args,
      cwd: this.path,
      stdin: "null",
    }).output();
    const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    return { code, stdout: text(stdout), stderr: text(stderr) };
  }

  write(name: string, text: string): string {
    const path = `${this.path}/${name}`;
    Deno.writeTextFileSync(path, text);
    return path;
  }

  read(name: string): string {
    return Deno.readTextFileSync(`${this.path}/${name}`);
  }

  has(name: string): boolean {
    try {
      Deno.lstatSync(`${this.path}/${name}`);
      return true;
    } catch {
      return false;
    }
  }

  /** The server of a data directory: `kill -9`, and waits for the end. */
  async kill(dataDir: string): Promise<void> {
    const pid = DataDirLock.holder(`${this.path}/${dataDir}`);
    if (pid === null) return;
    Deno.kill(pid, "SIGKILL");
    await eventually(
      "the killed server has ended",
      () => DataDirLock.holder(`${this.path}/${dataDir}`) === null,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const dirs = [...Deno.readDirSync(this.path)].filter(({ isDirectory }) => isDirectory);
    for (const { name } of dirs) {
      await this.kill(name);
      await this.kill(`${name}/data`);
    }
    Deno.removeSync(this.path, { recursive: true });
  }
}
