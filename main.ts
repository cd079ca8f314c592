/**
 * The program: gives the command line what it needs of the process. Decides nothing.
 *
 * @module
 */

import { runCommand } from "./cli/commands.ts";
import { startServer } from "./net/server.ts";

/** A reader that went away, or a full disk, must not take the server with it. */
function write(stream: typeof Deno.stdout, text: string): void {
  const bytes = new TextEncoder().encode(text);
  try {
    for (let at = 0; at < bytes.length;) at += stream.writeSync(bytes.subarray(at));
  } catch {
    // Nowhere is left to tell it.
  }
}

// Without a listener the runtime opens its debugger, on a port that any local user may speak to.
Deno.addSignalListener("SIGUSR1", () => {});

Deno.exit(
  await runCommand({
    args: Deno.args,
    environment: (name) => Deno.env.get(name),
    writeStdout: (text) => write(Deno.stdout, text),
    writeStderr: (text) => write(Deno.stderr, text),
    startServer,
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
