/**
 * The command `start-foreground`: reads the settings, opens the log, starts the server, says so,
 * and stops it at a signal.
 *
 * @module
 */

import { DataDirError, ListenError } from "../core/errors.ts";
import type { Logger } from "../core/ports.ts";
import type { ServerConfig } from "../core/server_config.ts";
import { bannerOf, startedReportOf, startFields, startMessage } from "./banner.ts";
import { ConfigError, type Notice } from "./config_error.ts";
import { loadConfig, type LoadedConfig } from "./config_loader.ts";
import { type OpenLog, openLog } from "./logging.ts";
import { type LoggingConfig, loggingConfigOf } from "./logging_config.ts";
import { ExitCode, type RunningServer, type World } from "./world.ts";

export interface StartOptions {
  readonly file: string | undefined;
  readonly configDir: string | undefined;
  readonly defines: readonly string[];
  readonly level: string | undefined;
  readonly format: string | undefined;
  readonly logFile: string | undefined;
  /** Gets a {@linkcode StartedReport} when the server answers. */
  readonly reportFile?: string | undefined;
}

/** @throws {ConfigError} with everything that is wrong */
export function loadServerSettings(
  world: World,
  options: StartOptions,
): { loaded: LoadedConfig; logging: LoggingConfig } {
  const loaded = loadConfig({ ...options, environment: world.environment });
  const logging = loggingConfigOf({
    configPath: loaded.config.configPath,
    properties: loaded.properties,
    environment: loaded.environment,
    level: options.level,
    format: options.format,
    file: options.logFile,
  });
  return { loaded, logging };
}

/** @returns the code to end the process with */
export async function startForeground(world: World, options: StartOptions): Promise<number> {
  let loaded: LoadedConfig;
  let logging: LoggingConfig;
  let log: OpenLog;
  try {
    ({ loaded, logging } = loadServerSettings(world, options));
    log = openLogOrComplain(logging, loaded.config.myid);
  } catch (error) {
    return tellOfBadConfig(world, error);
  }
  const { config } = loaded;
  const { logger } = log;
  try {
    world.onUncaught((error) => logger.error("unexpected error, exiting", errorFields(error)));
    if (logging.sourcePath !== null) logger.info("log settings read", { path: logging.sourcePath });
    if (logging.ignoredAppenders.length > 0) {
      logger.warn("appenders of the root logger are not known and write nothing", {
        appenders: logging.ignoredAppenders.join(", "),
        known: "CONSOLE, ROLLINGFILE, TRACEFILE, console and file appenders of a file",
      });
    }
    for (const notice of loaded.notices) tell(logger, notice);

    const signals = stopSignals(world);
    let server: RunningServer;
    try {
      server = await world.startServer(config, logger, log.level);
    } catch (error) {
      return reportFailedStart(error, { config, logger });
    }
    const clientPort = server.clientPort ?? config.clientPort;
    logger.info(startMessage(config), startFields(config, clientPort));
    const httpPort = server.httpPort ?? null;
    if (logging.format === "text") {
      world.writeStdout(bannerOf(config, { source: loaded.source, clientPort, httpPort, logging }));
    }
    if (options.reportFile !== undefined) {
      const report = startedReportOf(config, { clientPort, httpPort });
      Deno.writeTextFileSync(options.reportFile, JSON.stringify(report));
    }

    logger.info("stopping", { signal: await signals.first });
    const isClosed = await Promise.race([
      server.close().then(() => true),
      signals.second.then(() => false),
    ]);
    if (isClosed) logger.info("stopped");
    else logger.warn("stopped in a hurry, at a second signal");
    return isClosed ? ExitCode.Normal : ExitCode.Unexpected;
  } finally {
    log.close();
  }
}

function stopSignals(world: World): { first: Promise<string>; second: Promise<string> } {
  const first = Promise.withResolvers<string>();
  const second = Promise.withResolvers<string>();
  let count = 0;
  world.onStopSignal((signal) => (++count === 1 ? first : second).resolve(signal));
  return { first: first.promise, second: second.promise };
}

function openLogOrComplain(logging: LoggingConfig, myid: number | null): OpenLog {
  try {
    return openLog(logging, { myid });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ConfigError([`Cannot open log file: ${reason}`]);
  }
}

/** @returns the code to end the process with */
export function tellOfBadConfig(world: World, error: unknown): number {
  for (const problem of problemsOf(error)) world.writeStderr(`${problem}\n`);
  world.writeStderr("Invalid config, exiting abnormally\n");
  return ExitCode.InvalidInvocation;
}

/** In lines; what is no problem of the settings is thrown on. */
export function problemsOf(error: unknown): readonly string[] {
  if (error instanceof ConfigError) return error.problems;
  if (error instanceof Deno.errors.NotCapable) {
    return [`Deno was not given a permission that the settings need: ${error.message}`];
  }
  throw error;
}

function tell(logger: Logger, { level, message, fields }: Notice): void {
  if (level === "warn") logger.warn(message, fields);
  else logger.info(message, fields);
}

function reportFailedStart(
  error: unknown,
  { config, logger }: { config: ServerConfig; logger: Logger },
): number {
  const address = `${config.clientPortAddress ?? "*"}:${config.clientPort}`;
  if (error instanceof Deno.errors.AddrInUse) {
    logger.error(
      "cannot listen for clients, the port is in use by another process: " +
        "stop that one, or choose another clientPort",
      { address },
    );
    return ExitCode.Unexpected;
  }
  if (error instanceof ListenError) {
    logger.error("cannot listen for clients: check clientPortAddress and clientPort", {
      address,
      reason: error.message,
    });
    return ExitCode.Unexpected;
  }
  if (error instanceof Deno.errors.NotCapable) {
    logger.error("Deno was not given a permission, add it to the command that starts the server", {
      missing: error.message,
    });
    return ExitCode.Unexpected;
  }
  // Its subclasses are about what files hold: there, ZooKeeper ends with the other code.
  if (error instanceof DataDirError && error.constructor === DataDirError) {
    logger.error("unable to access datadir, exiting", { reason: error.message });
    return ExitCode.DataDir;
  }
  logger.error("cannot start, exiting", errorFields(error));
  return ExitCode.Unexpected;
}

function errorFields(error: unknown): Record<string, string> {
  if (!(error instanceof Error)) return { error: String(error) };
  return error instanceof DataDirError
    ? { error: error.message }
    : { error: error.message, stack: error.stack ?? "" };
}
