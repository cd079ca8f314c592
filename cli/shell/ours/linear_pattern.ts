/**
 * Patterns that users give, matched in time linear in the text: RE2's, which have no back references and no
 * look-around. With JavaScript's own, `(a+)+$` and a long line would stop the program for ever, signals included.
 *
 * @module
 */
import { RE2JS } from "re2js";
import { usageError } from "./option_words.ts";

export interface PatternFlags {
  readonly ignoreCase?: boolean;
  /** `.` is a line end, too. */
  readonly dotAll?: boolean;
}

/**
 * @param shown what the user wrote, if the pattern is made of it
 * @throws {ShellError} if it is none, with the reason
 */
export function patternOf(
  command: string,
  source: string,
  { ignoreCase = false, dotAll = false }: PatternFlags = {},
  shown: string = source,
): RE2JS {
  const flags = (ignoreCase ? RE2JS.CASE_INSENSITIVE : 0) | (dotAll ? RE2JS.DOTALL : 0);
  try {
    return RE2JS.compile(source, flags);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    throw usageError(command, `"${shown}" is no pattern: ${reasonOf(error.message)}`);
  }
}

/** The pattern of a text that stands for itself. */
export function quoted(text: string): string {
  return RE2JS.quote(text);
}

function reasonOf(message: string): string {
  const reason = message.replace(/^error parsing regexp: /, "");
  const part = /`(.*)`$/s.exec(reason)?.[1] ?? "";
  if (/^\(\?<?[=!]/.test(part)) return `look-ahead and look-behind are not supported: ${part}`;
  if (/^\\[1-9k]/.test(part)) return `back references are not supported: ${part}`;
  return reason;
}
