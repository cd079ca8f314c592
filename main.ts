/**
 * The program: gives the command line what it needs of the process. Decides nothing.
 *
 * @module
 */

import { CommandError } from "./cli/command_line.ts";
import { runCommand } from "./cli/commands.ts";
import { OutputClosedError } from "./cli/world.ts";

function writeAll(stream: typeof Deno.stdout, output: string | Uint8Array): void {
  const bytes = typeof output === "string" ? new TextEncoder().encode(output) : output;
  for (let at = 0; at < bytes.length;) at += stream.writeSync(bytes.subarray(at));
}

/** A reader that went away, or a full disk, must not take the server with it. */
function writeIfRead(stream: typeof Deno.stdout, text: string): void {
  try {
    writeAll(stream, text);
  } catch {
    // Nowhere is left to tell it.
  }
}

function columnsOf(): number {
  try {
    return Deno.consoleSize().columns || 80; // 0: a terminal that was told no size
  } catch {
    return 80; // no terminal
  }
}

// Without a listener the runtime opens its debugger, on a port that any local user may speak to.
Deno.addSignalListener("SIGUSR1", () => {});

Deno.exit(
  await runCommand({
    args: Deno.args,
    environment: (name) => Deno.env.get(name),
    terminal: {
      stdin: Deno.stdin.isTerminal(),
      stdout: Deno.stdout.isTerminal(),
      stderr: Deno.stderr.isTerminal(),
      get columns() {
        return columnsOf();
      },
    },
    stdin: () => Deno.stdin.readable,
    print: (output) => {
      try {
        writeAll(Deno.stdout, output);
      } catch (error) {
        if (error instanceof Deno.errors.BrokenPipe) throw new OutputClosedError();
        throw new CommandError(`Cannot write to stdout: ${(error as Error).message}`);
      }
    },
    writeStdout: (text) => writeIfRead(Deno.stdout, text),
    writeStderr: (text) => writeIfRead(Deno.stderr, text),
    startServer: async (...settings) => {
      const { startServer } = await import("./net/server.ts"); // the tools do without it
      return await startServer(...settings);
    },
    onStopSignal: (stop) => {
      Deno.addSignalListener("SIGTERM", () => stop("SIGTERM"));
      Deno.addSignalListener("SIGINT", () => stop("SIGINT"));
    },
    onUncaught: (report) => {
      addEventListener("error", ({ error }) => report(error));
      addEventListener("unhandledrejection", ({ reason }) => report(reason));
    },
  }),
);
