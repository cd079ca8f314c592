/**
 * A real terminal, of tmux, with a shell in it: keys are pressed, and what the screen then shows is waited for.
 *
 * Each has a tmux server of its own, with no settings of a person's.
 *
 * @module
 */
import { eventually } from "./eventually.ts";
import { makeTempDir, type TempDir } from "./temp_dir.ts";

const decoder = new TextDecoder();

export class TmuxTerminal implements AsyncDisposable {
  readonly #dir: TempDir;

  private constructor(dir: TempDir) {
    this.#dir = dir;
  }

  static async open(
    { env, columns = 100, rows = 40 }: {
      env: Readonly<Record<string, string>>;
      columns?: number;
      rows?: number;
    },
  ): Promise<TmuxTerminal> {
    const terminal = new TmuxTerminal(makeTempDir());
    const size = ["-x", `${columns}`, "-y", `${rows}`];
    const variables = Object.entries(env).flatMap(([name, value]) => ["-e", `${name}=${value}`]);
    await terminal.#tmux("-f", "/dev/null", "new-session", "-d", ...size, ...variables, "/bin/sh");
    return terminal;
  }

  /** Keys one by one, without an Enter. */
  async type(text: string): Promise<void> {
    await this.#tmux("send-keys", "-l", "--", text);
  }

  /** As tmux names them: `Enter`, `Tab`, `C-c`, `Up`. */
  async press(...keys: readonly string[]): Promise<void> {
    await this.#tmux("send-keys", ...keys);
  }

  async enter(line: string): Promise<void> {
    await this.type(line);
    await this.press("Enter");
  }

  /** In one piece, marked as pasted if the program asked for that. */
  async paste(text: string): Promise<void> {
    await this.#tmux("set-buffer", "--", text);
    await this.#tmux("paste-buffer", "-p", "-d");
  }

  async resize(columns: number, rows: number): Promise<void> {
    await this.#tmux("resize-window", "-x", `${columns}`, "-y", `${rows}`);
  }

  /** Nothing is left on it; what runs in it does not know. */
  async clear(): Promise<void> {
    await this.press("C-l");
  }

  /** Its rows, down to the last that is not empty. */
  async screen(): Promise<string> {
    return (await this.#tmux("capture-pane", "-p")).trimEnd();
  }

  /** Waits until the screen matches. */
  async shows(pattern: RegExp | string): Promise<void> {
    let screen = "";
    try {
      await eventually(`the screen shows ${pattern}`, async () => {
        screen = await this.screen();
        return typeof pattern === "string" ? screen.endsWith(pattern) : pattern.test(screen);
      });
    } catch (error) {
      throw new Error(`${(error as Error).message}:\n${screen}`);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#tmux("kill-server").catch(() => {});
    this.#dir[Symbol.dispose]();
  }

  async #tmux(...args: readonly string[]): Promise<string> {
    const { success, stdout, stderr } = await new Deno.Command("/usr/bin/tmux", {
      args: ["-u", "-S", `${this.#dir.path}/socket`, ...args],
      env: { TERM: "xterm-256color" },
      stdin: "null",
    }).output();
    if (!success) throw new Error(`tmux ${args.join(" ")}: ${decoder.decode(stderr)}`);
    return decoder.decode(stdout);
  }
}
