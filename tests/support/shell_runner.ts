/**
 * Runs commands of `denkeeper cli` in the test's own process, against a real server, and keeps what they print.
 *
 * @module
 */
import { ALL_COMMANDS } from "../../cli/shell/all_commands.ts";
import { ShellSession } from "../../cli/shell/shell_session.ts";
import type { World } from "../../cli/world.ts";
import { openClient } from "../../net/client/open_client.ts";
import type { ZooKeeperClient } from "../../net/client/client_types.ts";

export interface CommandResult {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** What happens before a request of the shell's client goes out: others change what it has seen. */
export type Meddle = (method: string, args: readonly unknown[]) => Promise<void> | void;

export class ShellRunner implements AsyncDisposable {
  readonly #session: ShellSession;
  #out = "";
  #err = "";
  #input = new Uint8Array(0);

  private constructor(
    connectString: string,
    { isJson, meddle }: { isJson: boolean; meddle: Meddle | undefined },
  ) {
    const world: World = {
      args: [],
      environment: () => undefined,
      terminal: { stdin: false, stdout: false, stderr: false, columns: 80 },
      stdin: () => new Blob([this.#input]).stream(),
      print: (output) => {
        this.#out += typeof output === "string" ? output : new TextDecoder().decode(output);
      },
      writeStdout: (text) => void (this.#out += text),
      writeStderr: (text) => void (this.#err += text),
      startServer: () => Promise.reject(new Error("no server is started here")),
      onStopSignal: () => {},
      onUncaught: () => {},
    };
    this.#session = new ShellSession({
      world,
      connectString,
      clientOptions: {},
      isJson,
      commands: ALL_COMMANDS,
      openClient: (connectString, options) => {
        const client = openClient(connectString, options);
        return meddle === undefined ? client : meddledClient(client, meddle);
      },
    });
    this.#session.printsWatches = false;
  }

  static async open(
    connectString: string,
    { isJson = false, meddle }: { isJson?: boolean; meddle?: Meddle } = {},
  ): Promise<ShellRunner> {
    const runner = new ShellRunner(connectString, { isJson, meddle });
    await runner.#session.connect();
    await runner.client.connected();
    return runner;
  }

  get client(): ZooKeeperClient {
    return this.#session.connectedClient();
  }

  /** What the command that runs has printed so far. */
  get out(): string {
    return this.#out;
  }

  get err(): string {
    return this.#err;
  }

  /** One command, in words. */
  async run(...words: string[]): Promise<CommandResult> {
    this.#out = this.#err = "";
    const code = await this.#session.runWords(words);
    return { code, out: this.#out, err: this.#err };
  }

  /** The same, with stdin. */
  runWith(input: string | Uint8Array, ...words: string[]): Promise<CommandResult> {
    this.#input = typeof input === "string"
      ? new TextEncoder().encode(input)
      : new Uint8Array(input);
    return this.run(...words);
  }

  /** Ctrl-C. */
  interrupt(): void {
    this.#session.interrupt();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#session.close();
  }
}

function meddledClient(client: ZooKeeperClient, meddle: Meddle): ZooKeeperClient {
  return new Proxy(client, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== "function") return value;
      return (...args: unknown[]) => {
        const meddled = meddle(String(name), args);
        if (meddled === undefined) return value.apply(target, args);
        return meddled.then(() => value.apply(target, args));
      };
    },
  });
}
