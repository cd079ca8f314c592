/**
 * What commands need of the process they run in, so that `main.ts` has nothing to decide and tests
 * need no process.
 *
 * @module
 */

import type { Logger, LogLevel } from "../core/ports.ts";
import type { ServerConfig } from "../core/server_config.ts";
import type { Environment } from "./config_sources.ts";

/** What ZooKeeper's own server ends with. */
export const ExitCode = {
  Normal: 0,
  Unexpected: 1,
  InvalidInvocation: 2,
  DataDir: 3,
} as const;

export interface RunningServer {
  close(): Promise<void>;
  /** Where clients connect, if it is not the port configured: that was 0. */
  readonly clientPort?: number;
  /** Null: it has none. */
  readonly httpPort?: number | null;
}

export interface World {
  readonly args: readonly string[];
  readonly environment: Environment;
  writeStdout(text: string): void;
  writeStderr(text: string): void;
  startServer(config: ServerConfig, logger: Logger, level: LogLevel): Promise<RunningServer>;
  /** Calls `stop` at SIGTERM and SIGINT. */
  onStopSignal(stop: (signal: string) => void): void;
  /** Calls `report` for an error that nothing caught, before the process ends with it. */
  onUncaught(report: (error: unknown) => void): void;
}
