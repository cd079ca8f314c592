/**
 * `denkeeper cli` in a terminal: prompts, takes a line, has it carried out.
 *
 * As zkCli.sh there, but for what a person at a terminal expects today: Ctrl-C ends a command or drops a line and not
 * the shell, the prompt follows the connection, and events leave the line alone that is being typed.
 *
 * @module
 */

import { styleText } from "node:util";
import { ExitCode, type World } from "../../world.ts";
import { ShellSession, type ShellSettings } from "../shell_session.ts";
import { Completer } from "./completion.ts";
import { HISTORY_LINE_COUNT_MAX, HistoryFile, historyFileOf } from "./history_file.ts";
import { LineEditor } from "./line_editor.ts";
import { isDumbTerminal, RawTerminal } from "./terminal.ts";

const LEAVE_HINT = "(Ctrl-C again, Ctrl-D or quit leaves)\n";
/** A process that a signal ended is told to have ended with it. */
const STOP_CODES: Readonly<Record<string, number>> = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 };

/**
 * Closes the session at the end.
 *
 * @param begin connects it, before the first prompt
 * @returns the code of the last command; of an end by Ctrl-C or a signal, the code for that
 */
export async function runInteractiveShell(
  settings: Omit<ShellSettings, "output">,
  begin: (session: ShellSession) => Promise<void>,
): Promise<number> {
  const shell = new InteractiveShell(settings);
  try {
    return await shell.run(begin);
  } finally {
    shell[Symbol.dispose]();
  }
}

class InteractiveShell implements Disposable {
  readonly #world: World;
  readonly #hasColours: boolean;
  readonly #session: ShellSession;
  readonly #editor: LineEditor;
  readonly #history: HistoryFile;
  readonly #terminal: RawTerminal;
  #hasBegun = false;
  /** A command is. */
  #isRunning = false;
  readonly #stopped = Promise.withResolvers<string>();

  constructor(settings: Omit<ShellSettings, "output">) {
    const world = this.#world = settings.world;
    const isDumb = isDumbTerminal(world);
    this.#hasColours = !isDumb && !world.environment("NO_COLOR");
    this.#session = new ShellSession({
      ...settings,
      openClient: (connectString, options) =>
        settings.openClient(connectString, {
          ...options,
          onEvent: (event) => {
            options?.onEvent?.(event);
            this.#editor.refreshPrompt(); // of the state, also where no event is printed
          },
        }),
      output: {
        print: (output) => this.#editor.print(output),
        complain: (text) => this.#complain(text),
      },
    });
    const completer = new Completer(settings.commands, () => this.#session.client);
    this.#history = new HistoryFile(historyFileOf(world.environment));
    this.#editor = new LineEditor({
      write: (output) => this.#write(output),
      columns: () => world.terminal.columns,
      prompt: () => this.#prompt(),
      complete: (line, signal) => completer.complete(line, signal),
      interruptCommand: () => this.#interruptCommand(),
      onSuspend: () => this.#terminal.suspend(),
    }, { history: this.#history.load(), historyCountMax: HISTORY_LINE_COUNT_MAX, isDumb });
    this.#terminal = new RawTerminal(world, {
      onKey: (key) => this.#editor.take(key),
      onEnd: () => this.#editor.end(),
      onResize: () => this.#editor.resize(),
      onResume: () => this.#editor.resume(),
      onStop: (signal) => this.#stopped.resolve(signal),
    });
    world.onUncaught(() => this[Symbol.dispose]());
  }

  async run(begin: (session: ShellSession) => Promise<void>): Promise<number> {
    const session = this.#session;
    const end = await Promise.race([this.#takeLines(begin), this.#stopped.promise]);
    if (typeof end === "number") {
      if (!session.hasQuit) await session.enter("quit");
      return end === ExitCode.Normal ? session.exitCode : end;
    }
    this.#editor.close();
    await session.close();
    return STOP_CODES[end] ?? ExitCode.Unexpected;
  }

  [Symbol.dispose](): void {
    this.#editor.close();
    this.#terminal[Symbol.dispose]();
  }

  /** @returns the code to end with, if it is not that of the last command */
  async #takeLines(begin: (session: ShellSession) => Promise<void>): Promise<number> {
    await begin(this.#session);
    this.#hasBegun = true;
    let interruptCount = 0;
    while (!this.#session.hasQuit) {
      const entry = await this.#editor.read();
      if (entry.kind === "end") break;
      interruptCount = entry.kind === "interrupt" && entry.isEmpty ? interruptCount + 1 : 0;
      if (interruptCount === 1) this.#editor.print(LEAVE_HINT);
      if (interruptCount > 1) return ExitCode.Interrupted;
      if (entry.kind === "line") await this.#carryOut(entry.text);
    }
    return ExitCode.Normal;
  }

  async #carryOut(line: string): Promise<void> {
    if (line.trim() === "") return; // for zkCli.sh a line of blanks is a command that it does not know
    this.#history.append(line);
    this.#isRunning = true;
    await this.#session.enter(line);
    this.#isRunning = false;
  }

  #interruptCommand(): boolean {
    if (this.#hasBegun && !this.#isRunning) return false;
    this.#editor.print("^C\n");
    if (!this.#hasBegun) this.#stopped.resolve("SIGINT");
    this.#session.interrupt();
    return true;
  }

  #prompt(): string {
    const { connectString, state, history } = this.#session;
    const prompt = `[zk: ${connectString}(${state}) ${history.number}] `;
    return this.#hasColours && !state.startsWith("CONNECTED") ? styled("yellow", prompt) : prompt;
  }

  #complain(text: string): void {
    if (!this.#world.terminal.stderr) return this.#world.writeStderr(text);
    const lines = text.replace(/[^\n]+/g, (line) => this.#hasColours ? styled("red", line) : line);
    this.#editor.print(lines, (output) => this.#world.writeStderr(String(output)));
  }

  #write(output: string | Uint8Array): void {
    try {
      this.#world.print(output);
    } catch {
      // The terminal is gone, of which SIGHUP or the end of its keys tell.
    }
  }
}

function styled(style: "red" | "yellow", text: string): string {
  return styleText(style, text, { validateStream: false });
}
