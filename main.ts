/**
 * The program: gives the command line what it needs of the process. Decides nothing.
 *
 * @module
 */

import { runCommand } from "./cli/commands.ts";
import { startServer } from "./net/server.ts";

const encoder = new TextEncoder();

Deno.exit(
  await runCommand({
    args: Deno.args,
    environment: (name) => Deno.env.get(name),
    writeStdout: (text) => void Deno.stdout.writeSync(encoder.encode(text)),
    writeStderr: (text) => void Deno.stderr.writeSync(encoder.encode(text)),
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
