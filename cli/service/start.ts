/**
 * The command `start`: starts a server that outlives the terminal, and returns when it answers or has failed.
 *
 * The server is this program once more, in a session of its own. It tells through a file that it answers; that it
 * has the data directory for itself stands in the lock, and only then does the pid file get its number: of two
 * starts at one time one wins, and the other leaves no trace.
 *
 * @module
 */

import { spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { dirname, resolve } from "../../net/file_path.ts";
import { DataDirError } from "../../core/errors.ts";
import { openDataDir } from "../../net/data_dir.ts";
import { DataDirLock } from "../../net/data_dir_lock.ts";
import { httpRow, type StartedReport } from "../banner.ts";
import { loadServerSettings, problemsOf, type StartOptions } from "../start_foreground.ts";
import { ExitCode, type World } from "../world.ts";
import { failureLines, LogMarks } from "./failure_lines.ts";
import { type Launch, launchOf } from "./launch.ts";
import { runningProcess } from "./running_server.ts";
import {
  removeFile,
  type ServicePlace,
  servicePlaceOf,
  tellConfig,
  writePidFile,
} from "./service_files.ts";

export interface StartServiceOptions extends StartOptions {
  readonly json: boolean;
}

type Outcome =
  | { readonly kind: "started"; readonly report: StartedReport }
  | { readonly kind: "ended"; readonly how: string; readonly code: number | null }
  | { readonly kind: "interrupted"; readonly signal: string }
  | { readonly kind: "noPidFile"; readonly reason: string };

const POLL_MS = 10;
/** A server that takes longer has much data to load: who waits is told where to look. */
const PATIENCE_MS = 10_000;

/** @returns the code to end the process with: the server's own when it failed */
export async function startService(world: World, options: StartServiceOptions): Promise<number> {
  const place = servicePlaceOf({ ...options, environment: world.environment });
  tellConfig(world, place);
  const say = (text: string) => options.json || world.print(text);
  const running = runningProcess(place);
  say("Starting zookeeper ... ");
  if (running !== null) {
    const { pid } = running;
    say(`already running as process ${pid}.\n`);
    if (options.json) world.print(`${JSON.stringify({ status: "already running", pid })}\n`);
    return ExitCode.Unexpected;
  }
  const fail = (code: number, reasons: readonly string[], words = "FAILED TO START") => {
    say(`${words}\n`);
    if (options.json) {
      world.print(`${JSON.stringify({ status: words.toLowerCase(), exitCode: code, reasons })}\n`);
    }
    for (const reason of reasons) world.writeStderr(`${reason}\n`);
    return code;
  };
  let launch: Launch;
  try {
    const settings = loadServerSettings(world, options);
    launch = launchOf(world, options, settings);
    const { dataDir, dataLogDir, dataDirAutoCreate } = settings.loaded.config;
    openDataDir({ dataDir, dataLogDir, autoCreate: dataDirAutoCreate });
    Deno.mkdirSync(dirname(launch.files.out), { recursive: true });
  } catch (error) {
    if (error instanceof DataDirError) return fail(ExitCode.DataDir, [error.message]);
    if (!(error instanceof Deno.errors.NotCapable) && isFileError(error)) {
      return fail(ExitCode.Unexpected, [`Cannot make a directory for the log: ${error.message}`]);
    }
    return fail(ExitCode.InvalidInvocation, problemsOf(error));
  }
  const marks = new LogMarks(launch);
  let outcome: Outcome;
  try {
    outcome = await outcomeOf(world, { place, launch });
  } catch (error) {
    if (!isFileError(error)) throw error;
    return fail(ExitCode.Unexpected, [`Cannot start "${launch.command[0]}": ${error.message}`]);
  }
  switch (outcome.kind) {
    case "started":
      say("STARTED\n");
      tellStarted(world, outcome.report, { launch, isJson: options.json });
      return ExitCode.Normal;
    case "noPidFile":
      return fail(ExitCode.Unexpected, [outcome.reason], "FAILED TO WRITE PID");
    case "interrupted":
      return fail(ExitCode.Interrupted, [
        `Interrupted (${outcome.signal}): the server was stopped`,
      ]);
    case "ended": {
      const code = outcome.code ?? ExitCode.Unexpected;
      return fail(code === 0 ? ExitCode.Unexpected : code, [
        ...failureLines(marks),
        `${outcome.how}; all it said is in ${launch.files.out}` +
        launch.logPaths.map((path) => ` and ${path}`).join(""),
      ]);
    }
  }
}

/** Runs the server until it answers or has failed, in which case it has ended. */
async function outcomeOf(
  world: World,
  { place, launch }: { place: ServicePlace; launch: Launch },
): Promise<Outcome> {
  let signal: string | null = null;
  world.onStopSignal((name) => signal ??= name); // from here on nothing ends us but what is below
  const carryOn = () => {}; // the server is to outlive a terminal that is closed right after the command
  Deno.addSignalListener("SIGHUP", carryOn);
  const reportFile = Deno.makeTempFileSync({
    dir: dirname(launch.files.out),
    prefix: ".starting-",
  });
  try {
    const child = new DetachedProcess(launch, reportFile);
    return await childOutcome(child, {
      dataDir: place.dataDir,
      pidFile: place.pidFile,
      readReport: () => readReport(reportFile),
      signal: () => signal,
      tellOfPatience: () => {
        const log = launch.logPaths[0] ?? launch.files.out;
        world.writeStderr(`(still starting; see ${log}) `);
      },
    });
  } finally {
    removeFile(reportFile);
    Deno.removeSignalListener("SIGHUP", carryOn);
  }
}

async function childOutcome(
  child: DetachedProcess,
  { dataDir, pidFile, readReport, signal, tellOfPatience }: {
    dataDir: string;
    pidFile: string;
    readReport: () => StartedReport | null;
    /** That arrived meanwhile. */
    signal: () => string | null;
    tellOfPatience: () => void;
  },
): Promise<Outcome> {
  let patienceEndsMs = performance.now() + PATIENCE_MS;
  let isNoted = false;
  while (true) {
    const interruption = signal();
    if (interruption !== null) child.kill();
    if (child.hasEnded || interruption !== null) {
      const ended = await child.ended;
      if (isNoted) removeFile(pidFile);
      if (interruption !== null) return { kind: "interrupted", signal: interruption };
      return { kind: "ended", ...ended };
    }
    const report = readReport();
    if (!isNoted && (report !== null || DataDirLock.lastHolder(dataDir) === child.pid)) {
      try {
        writePidFile(pidFile, child.pid);
        isNoted = true;
      } catch (error) {
        child.kill();
        await child.ended;
        const reason = error instanceof Error ? error.message : String(error);
        return { kind: "noPidFile", reason: `Cannot write "${pidFile}": ${reason}` };
      }
    }
    if (report !== null) return { kind: "started", report };
    if (performance.now() > patienceEndsMs) {
      patienceEndsMs = Infinity; // told once
      tellOfPatience();
    }
    await new Promise((done) => setTimeout(done, POLL_MS));
  }
}

/** A process in a session of its own, without a terminal, that prints to a file. */
class DetachedProcess {
  readonly pid: number;
  hasEnded = false;
  /** In words, and the code that it ended with; null: a signal ended it, or it never began. */
  readonly ended: Promise<{ how: string; code: number | null }>;
  readonly #child: ReturnType<typeof spawn>;

  constructor({ command, files, variables }: Launch, reportFile: string) {
    const [program, ...args] = [...command];
    args.splice(args.indexOf("start-foreground") + 1, 0, "--report-file", reportFile);
    try {
      Deno.renameSync(files.out, `${files.out}.1`); // why the one before ended
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
    const out = openSync(files.out, "a");
    const child = spawn(program!, args, {
      detached: true,
      stdio: ["ignore", out, out],
      env: { ...Deno.env.toObject(), ...variables },
    });
    closeSync(out);
    this.pid = child.pid ?? 0; // 0: it cannot be run, of which `error` tells
    this.#child = child;
    this.ended = new Promise((done) => {
      const end = (how: string, code: number | null) => {
        this.hasEnded = true;
        done({ how, code });
      };
      child.once("exit", (code: number | null) => {
        end(code === null ? "The server was killed" : `The server ended with code ${code}`, code);
      });
      child.once("error", (error: Error) => end(`It cannot be run: ${error.message}`, null));
    });
  }

  kill(): void {
    this.#child.kill("SIGTERM");
  }
}

function readReport(path: string): StartedReport | null {
  try {
    return JSON.parse(Deno.readTextFileSync(path));
  } catch {
    return null; // nothing is in it yet
  }
}

function tellStarted(
  world: World,
  report: StartedReport,
  { launch, isJson }: { launch: Launch; isJson: boolean },
): void {
  const log = [...launch.logPaths, launch.files.out];
  if (isJson) {
    world.print(
      `${
        JSON.stringify({ status: "started", ...report, log: log.map((path) => resolve(path)) })
      }\n`,
    );
    return;
  }
  const rows = [
    ["process", String(report.pid)],
    ["clients", report.clients],
    ["http", report.http === null ? "none: off, or the log says why" : httpRow(report.http)],
    ["log", log.join(" and ")],
  ];
  if (report.waitsFor !== null) {
    rows.push(["waits for", `${report.waitsFor}; then it serves clients`]);
  }
  for (const [what, value] of rows) world.writeStderr(`  ${what!.padEnd(9)} ${value}\n`);
}

function isFileError(error: unknown): error is Error {
  return error instanceof Error && "code" in error;
}
