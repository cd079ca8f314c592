/**
 * A command of `denkeeper cli`, and what it gets to work with.
 *
 * @module
 */

import type {
  ClientOptions,
  WatchListener,
  ZooKeeperClient,
} from "../../net/client/client_types.ts";
import type { World } from "../world.ts";
import type { CommandHistory } from "./command_history.ts";

/** What the shell holds: one connection, and where output goes. The same for one command and for many. */
export interface ShellContext {
  readonly world: World;
  /** As -server gave it, or the last `connect`. */
  readonly connectString: string;
  /** Null after `close`. */
  readonly client: ZooKeeperClient | null;
  /** --json: what a command prints is one JSON document, or one a line where it goes on. */
  readonly isJson: boolean;
  /** Ctrl-C ends the command, not the shell. */
  readonly signal: AbortSignal;
  readonly history: CommandHistory;
  /** Prints the events of a watch, if {@linkcode ShellContext.printsWatches}. */
  readonly watcher: WatchListener;
  printsWatches: boolean;
  /** The session owns znodes that zkCli.sh leaves to its timeout: it is not closed at the end. */
  ownsEphemerals: boolean;
  /** The same client, or `Not connected` told and {@linkcode ShellError} thrown. */
  connectedClient(): ZooKeeperClient;
  /** Closes the session there is and begins one; default: at the same servers. */
  connect(connectString?: string, options?: Partial<ClientOptions>): Promise<void>;
  /** Ends the session; the shell goes on. */
  close(): Promise<void>;
  /** Ends the shell after this command, with the code of the last one that was carried out. */
  quit(): void;
  /** Carries out a line (or the words of one), errors told. @returns its code */
  runLine(line: string): Promise<number>;
  /** Stdout. @throws {OutputClosedError} */
  print(output: string | Uint8Array): void;
  /** Stderr. */
  complain(text: string): void;
}

/** A command failed in a way that ends it, with what stderr is told (without a line end) and the code. */
export class ShellError extends Error {
  override name = "ShellError";
  readonly exitCode: number;

  constructor(message: string, { exitCode = 1 }: { exitCode?: number } = {}) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** There is no session. As zkCli.sh has it, this is told on stdout, and not counted as a failure. */
export class NotConnectedError extends ShellError {
  override name = "NotConnectedError";

  constructor() {
    super("Not connected", { exitCode: 0 });
  }
}

export interface ShellCommand {
  readonly name: string;
  /** What stands behind the name in a usage line: `[-s] [-w] path`. */
  readonly usage: string;
  /** One line, for help and completion. */
  readonly summary: string;
  /** Further lines of its --help: options, examples. */
  readonly details?: string;
  /** Zookeeper's own, listed where zkCli.sh lists them; or one of ours. */
  readonly isOurs: boolean;
  /**
   * @param words the arguments, without the name
   * @returns the code of the command (0: it succeeded)
   * @throws {ShellError | KeeperError} told as zkCli.sh tells it
   */
  run(context: ShellContext, words: readonly string[]): Promise<number>;
}
