/**
 * The longest record or string that files are read with: what the server that reads them would accept.
 *
 * @module
 */
import { juteExtraSizeBytes } from "../../core/server_config.ts";
import { CommandError } from "../command_line.ts";
import { ExitCode } from "../world.ts";

/** jute.maxbuffer's default. */
const MAX_BUFFER_BYTES = 0xfffff;
const MAX_BUFFER_LIMIT = 1 << 29;

/** @param text of `--max-buffer`: jute.maxbuffer of the server, in bytes */
export function lengthMaxOf(text: string | undefined): number {
  const maxBuffer = text === undefined ? MAX_BUFFER_BYTES : /^\d+$/.test(text) ? Number(text) : NaN;
  if (!(maxBuffer <= MAX_BUFFER_LIMIT)) {
    throw new CommandError(
      `--max-buffer cannot be "${text}": expected bytes, up to ${MAX_BUFFER_LIMIT}, as in jute.maxbuffer`,
      { exitCode: ExitCode.InvalidInvocation },
    );
  }
  return maxBuffer + juteExtraSizeBytes(maxBuffer, undefined);
}
