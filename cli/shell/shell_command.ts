/**
 * A command of `denkeeper cli`, and what it gets to work with.
 *
 * @module
 */

import type { ClientOptions, ZooKeeperClient } from "../../net/client/client_types.ts";
import type { World } from "../world.ts";

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
  /** The same client, or `Not connected` told and {@linkcode ShellError} thrown. */
  connectedClient(): ZooKeeperClient;
  /** Closes the session there is and begins one; default: at the same servers. */
  connect(connectString?: string, options?: Partial<ClientOptions>): Promise<void>;
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

export interface ShellCommand {
  readonly name: string;
  /** What stands behind the name in a usage line: `[-s] [-w] path`. */
  readonly usage: string;
  /** One line, for help and completion. */
  readonly summary: string;
  /** Zookeeper's own, listed where zkCli.sh lists them; or one of ours. */
  readonly isOurs: boolean;
  /**
   * @param words the arguments, without the name
   * @returns the code of the command (0: it succeeded)
   * @throws {ShellError | KeeperError} told as zkCli.sh tells it
   */
  run(context: ShellContext, words: readonly string[]): Promise<number>;
}
