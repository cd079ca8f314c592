/**
 * The code of commands that answer a question by theirs, as grep and diff do: what went wrong must not look like an
 * answer.
 *
 * @module
 */
import { errorText } from "../keeper_error_text.ts";
import { ShellError } from "../shell_command.ts";

/** What grep and diff end with when they could not look at everything, as those of every Unix do. */
export const TROUBLE = 2;

/** Runs a command whose code 1 means something else. */
export async function asTrouble(run: () => Promise<number>): Promise<number> {
  try {
    return await run();
  } catch (error) {
    const text = errorText(error);
    if (text === null || (error instanceof ShellError && error.exitCode !== 1)) throw error;
    throw new ShellError(text, { exitCode: TROUBLE });
  }
}
