/**
 * What stands behind one run of `denkeeper cli`: the connection, the events it prints, the lines carried out.
 *
 * The same for one command, for lines from a pipe and for a terminal, which differ in where lines come from and
 * where output goes. Carries commands out one after another; {@linkcode ShellSession.interrupt} ends the one that
 * runs.
 *
 * @module
 */

import { LateTimeout } from "../../net/late_timers.ts";
import type {
  ClientEvent,
  ClientOptions,
  ClientState,
  ZooKeeperClient,
} from "../../net/client/client_types.ts";
import { ClientErrorCode, KeeperError } from "../../net/client/client_errors.ts";
import { ExitCode, OutputClosedError, type World } from "../world.ts";
import { CommandHistory } from "./command_history.ts";
import { ownOptions } from "./invocation.ts";
import { eventJson } from "./json_texts.ts";
import { errorJson, errorText } from "./keeper_error_text.ts";
import { lineWords } from "./line_words.ts";
import {
  NotConnectedError,
  type ShellCommand,
  type ShellContext,
  ShellError,
} from "./shell_command.ts";
import { commandHelp, usageListing } from "./usage_listing.ts";

export type OpenClient = (connectString: string, options?: ClientOptions) => ZooKeeperClient;

export interface ShellSettings {
  readonly world: World;
  readonly connectString: string;
  readonly clientOptions: ClientOptions;
  readonly isJson: boolean;
  /** How long a command of ZooKeeper's may take. Default: 0, as long as it takes. */
  readonly requestTimeoutMs?: number;
  readonly commands: readonly ShellCommand[];
  readonly openClient: OpenClient;
  /** Lines come from stdin: no command can have its data from there. */
  readonly readsLines?: boolean;
  /** Default: the world's. A terminal prints above the line that is being typed. */
  readonly output?: ShellOutput;
}

export interface ShellOutput {
  /** Stdout. @throws {OutputClosedError} */
  print(output: string | Uint8Array): void;
  /** Stderr. */
  complain(text: string): void;
}

/** They are the shell's own business: carried out also where there is no session. */
const NEED_NO_SESSION = new Set(["quit", "exit", "history", "redo", "printwatches", "connect"]);

/**
 * `--json` and `--help`, which zkCli.sh's commands have not, wherever they stand before `--`. Our own commands read
 * theirs themselves.
 */
function takeCommonOptions(
  { isOurs }: ShellCommand,
  given: readonly string[],
): { words: readonly string[]; isJson: boolean; wantsHelp: boolean } {
  if (isOurs) return { words: given, isJson: false, wantsHelp: false };
  const before = ownOptions(given);
  return {
    words: given.filter((word, at) => at >= before.length || !COMMON_OPTIONS.has(word)),
    isJson: before.includes("--json"),
    wantsHelp: before.includes("--help"),
  };
}

const COMMON_OPTIONS = new Set(["--json", "--help"]);

function refuseStdin(): never {
  throw new ShellError("Cannot read data from stdin, where the commands come from: name a file");
}

export class ShellSession implements ShellContext {
  readonly world: World;
  readonly commands: readonly ShellCommand[];
  readonly history = new CommandHistory();
  printsWatches = true;
  ownsEphemerals = false;
  /** Of the last command; what the process ends with. */
  exitCode = 0;
  readonly #requestTimeoutMs: number;
  readonly #openClient: OpenClient;
  readonly #output: ShellOutput;
  #clientOptions: ClientOptions;
  #connectString: string;
  #client: ZooKeeperClient | null = null;
  #running = new AbortController();
  #isJson: boolean;
  #hasQuit = false;
  #isMute = false;
  #closedOutput: OutputClosedError | null = null;

  constructor(settings: ShellSettings) {
    this.world = settings.readsLines === true
      ? { ...settings.world, stdin: refuseStdin }
      : settings.world;
    this.#isJson = settings.isJson;
    this.#requestTimeoutMs = settings.requestTimeoutMs ?? 0;
    this.commands = settings.commands;
    this.#connectString = settings.connectString;
    this.#clientOptions = settings.clientOptions;
    this.#openClient = settings.openClient;
    this.#output = settings.output ?? {
      print: (output) => settings.world.print(output),
      complain: (text) => settings.world.writeStderr(text),
    };
  }

  get connectString(): string {
    return this.#connectString;
  }

  /** Of the command that runs: `ls / --json` asks for it alone. */
  get isJson(): boolean {
    return this.#isJson;
  }

  get client(): ZooKeeperClient | null {
    return this.#client;
  }

  /** For the prompt. */
  get state(): ClientState | "NOT_CONNECTED" {
    return this.#client?.state ?? "CLOSED";
  }

  get signal(): AbortSignal {
    return this.#running.signal;
  }

  /** `quit` was carried out. */
  get hasQuit(): boolean {
    return this.#hasQuit;
  }

  connectedClient(): ZooKeeperClient {
    if (this.#client === null || !this.#isAlive()) throw new NotConnectedError();
    return this.#client;
  }

  async connect(connectString?: string, options?: Partial<ClientOptions>): Promise<void> {
    await this.close();
    this.#connectString = connectString ?? this.#connectString;
    this.#clientOptions = { ...this.#clientOptions, ...options };
    this.#client = this.#openClient(this.#connectString, {
      ...this.#clientOptions,
      onEvent: (event) => this.#printEvent(event),
    });
  }

  async close(): Promise<void> {
    const client = this.#client;
    if (client === null) return;
    this.ownsEphemerals = false;
    // Its last event comes while it closes.
    await client.close();
    this.#client = null;
  }

  /** At the end of the shell: nothing is printed any more, and ephemerals stay as long as the session lasts. */
  async end(): Promise<void> {
    this.#isMute = true;
    if (this.ownsEphemerals) this.#client?.abandon();
    else await this.close();
  }

  quit(): void {
    this.#hasQuit = true;
  }

  /** Ends the command that runs, if one does: Ctrl-C. */
  interrupt(): void {
    this.#running.abort(new ShellError("Interrupted", { exitCode: ExitCode.Interrupted }));
  }

  /** Carries out what was typed; an empty line is none. @returns {@linkcode ShellSession.exitCode} */
  async enter(line: string): Promise<number> {
    if (line === "") return this.exitCode;
    this.history.begin(line);
    this.#running = new AbortController();
    try {
      const code = await this.runLine(line);
      if (!this.#hasQuit) this.exitCode = code;
    } finally {
      this.history.end();
    }
    return this.exitCode;
  }

  runLine(line: string): Promise<number> {
    return this.runWords(lineWords(line));
  }

  /** Carries out one command. Its errors are told. @returns its code */
  async runWords(words: readonly string[]): Promise<number> {
    const wasJson = this.#isJson;
    try {
      const code = await this.#run(words);
      if (this.#closedOutput !== null) throw this.#closedOutput;
      return code;
    } catch (error) {
      return this.#tell(error);
    } finally {
      this.#isJson = wasJson;
    }
  }

  readonly watcher = (event: ClientEvent): void => this.#printEvent(event);

  print(output: string | Uint8Array): void {
    this.#output.print(output);
  }

  complain(text: string): void {
    this.#output.complain(text);
  }

  async #run([name = "", ...given]: readonly string[]): Promise<number> {
    const command = this.commands.find((known) => known.name === name);
    if (command === undefined) {
      if (!this.isJson) this.complain(usageListing(this.commands));
      throw new ShellError(`Command not found: Command not found ${name}`, {
        exitCode: ExitCode.UnknownShellCommand,
      });
    }
    const { words, isJson, wantsHelp } = takeCommonOptions(command, given);
    this.#isJson ||= isJson;
    if (wantsHelp) {
      this.print(commandHelp(command));
      return ExitCode.Normal;
    }
    if (!NEED_NO_SESSION.has(name)) {
      this.connectedClient();
      return await this.#untilEnded(command, words);
    }
    const code = await this.#untilEnded(command, words);
    if (!this.#hasQuit) this.connectedClient(); // zkCli.sh says so behind these commands too
    return code;
  }

  /** A command that does not look at the signal must not keep the shell, nor longer than it may take. */
  async #untilEnded(command: ShellCommand, words: readonly string[]): Promise<number> {
    const { signal } = this;
    const running = this.#running;
    const timeoutMs = command.isOurs ? 0 : this.#requestTimeoutMs;
    const timer = timeoutMs === 0 ? undefined : new LateTimeout(
      () => running.abort(new KeeperError(ClientErrorCode.OperationTimeout, null)),
      timeoutMs,
    );
    const { promise, reject } = Promise.withResolvers<never>();
    const abort = () => reject(signal.reason);
    signal.addEventListener("abort", abort);
    try {
      return await Promise.race([command.run(this, words), promise]);
    } finally {
      timer?.stop();
      signal.removeEventListener("abort", abort);
    }
  }

  #tell(error: unknown): number {
    if (error instanceof NotConnectedError && !this.isJson) {
      this.print(`${error.message}\n`);
      return error.exitCode;
    }
    const text = errorText(error);
    if (text === null) throw error;
    if (error === this.signal.reason && error instanceof ShellError) {
      return error.exitCode; // who pressed Ctrl-C knows
    }
    this.complain(`${this.isJson ? errorJson(error) : text}\n`);
    if (error instanceof NotConnectedError) return 1;
    return error instanceof ShellError ? error.exitCode : 1;
  }

  #isAlive(): boolean {
    return this.state !== "CLOSED" && this.state !== "AUTH_FAILED";
  }

  #printEvent(event: ClientEvent): void {
    if (!this.printsWatches || this.#isMute) return;
    if (this.isJson && event.kind === "None") return;
    const { state, kind, path } = event;
    try {
      this.print(
        this.isJson
          ? `${eventJson(event)}\n`
          : `\nWATCHER::\n\nWatchedEvent state:${state} type:${kind} path:${path}\n`,
      );
    } catch (error) {
      if (!(error instanceof OutputClosedError)) throw error;
      this.#closedOutput = error; // thrown by the command that runs
      this.#running.abort(error);
    }
  }
}
