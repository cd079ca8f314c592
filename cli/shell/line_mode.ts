/**
 * The shell without a terminal: lines from a pipe or a file, no prompt.
 *
 * @module
 */

import type { ShellSession } from "./shell_session.ts";

/** Carries out line by line, until `quit` or the end. @returns the code of the last command */
export async function runLines(
  session: ShellSession,
  input: ReadableStream<Uint8Array>,
): Promise<number> {
  for await (const line of linesOf(input)) {
    await session.enter(line);
    if (session.hasQuit || session.signal.aborted) break;
  }
  return session.exitCode;
}

async function* linesOf(input: ReadableStream<Uint8Array>): AsyncIterable<string> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const bytes of input) {
    const lines = (rest + decoder.decode(bytes, { stream: true })).split(/\r?\n/);
    rest = lines.pop()!;
    yield* lines;
  }
  rest += decoder.decode();
  if (rest !== "") yield rest;
}
