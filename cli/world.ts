/**
 * What commands need of the process they run in, so that `main.ts` has nothing to decide and tests
 * need no process.
 *
 * @module
 */

import type { Logger, LogLevel } from "../core/ports.ts";
import type { ServerConfig } from "../core/server_config.ts";
import type { Environment } from "./config_sources.ts";

/**
 * What every command ends with. Those of a server are ZooKeeper's own (admin reference, section 12);
 * of `cli`, those of zkCli.sh: 127 for a command that does not exist.
 */
export const ExitCode = {
  Normal: 0,
  /** It failed, or found what it looks for: differences, damage, faults. */
  Unexpected: 1,
  /** The command line or a config file cannot be understood; nothing was done. */
  InvalidInvocation: 2,
  DataDir: 3,
  UnknownShellCommand: 127,
  /** Ctrl-C. */
  Interrupted: 130,
  /** Whoever read our output went away. */
  OutputClosed: 141,
} as const;

export interface RunningServer {
  close(): Promise<void>;
  /** Where clients connect, if it is not the port configured: that was 0. */
  readonly clientPort?: number;
  /** Null: it has none. */
  readonly httpPort?: number | null;
}

/** Which of the process's streams a person looks at. */
export interface Terminal {
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  /** Of stdout, 80 where nobody says. */
  readonly columns: number;
}

export interface World {
  readonly args: readonly string[];
  readonly environment: Environment;
  readonly terminal: Terminal;
  /** All that is read from stdin; to be taken once. */
  stdin(): ReadableStream<Uint8Array>;
  /**
   * What the command is asked for, at once.
   *
   * @throws {OutputClosedError} when nobody reads any more
   */
  print(output: string | Uint8Array): void;
  /** The same for what must not fail for want of a reader: a server's. */
  writeStdout(text: string): void;
  writeStderr(text: string): void;
  startServer(config: ServerConfig, logger: Logger, level: LogLevel): Promise<RunningServer>;
  /** Calls `stop` at SIGTERM and SIGINT, which do not end the process any more. */
  onStopSignal(stop: (signal: string) => void): void;
  /** Calls `report` for an error that nothing caught, before the process ends with it. */
  onUncaught(report: (error: unknown) => void): void;
}

/** Stdout's reader went away: the command ends without a word. */
export class OutputClosedError extends Error {
  override name = "OutputClosedError";
}
