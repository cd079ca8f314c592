/**
 * Files that `init` is about to write: refused together when one would be lost, then written each as a whole.
 *
 * @module
 */

import { dirname } from "node:path";
import { CommandError } from "../command_line.ts";

export interface PlannedFile {
  readonly path: string;
  readonly text: string;
}

/** `kept`: it was there and stays as it was. `unchanged`: with the same text. */
export type FileStatus = "written" | "overwritten" | "unchanged" | "kept";

export interface PlannedResult {
  readonly path: string;
  readonly status: FileStatus;
}

export type IfThere = "refuse" | "overwrite" | "keep";

/**
 * @param options.isDryRun nothing is written; the result is what would be
 * @throws {CommandError} when a file is there that must stay, or cannot be written
 */
export function writeFiles(
  files: readonly PlannedFile[],
  { ifThere, isDryRun }: { ifThere: IfThere; isDryRun: boolean },
): PlannedResult[] {
  const results = files.map(({ path, text }): PlannedResult => {
    const before = textOf(path);
    if (before === null) return { path, status: "written" };
    if (before.trim() === text.trim()) return { path, status: "unchanged" };
    return { path, status: ifThere === "keep" ? "kept" : "overwritten" };
  });
  const lost = results.filter(({ status }) => status === "overwritten").map(({ path }) =>
    `"${path}"`
  );
  if (ifThere === "refuse" && lost.length > 0) {
    throw new CommandError(
      `Cannot write ${
        lost.join(", ")
      }: it is there already, with other contents; remove it, choose another ` +
        "folder with --dir, or give --force to overwrite it",
    );
  }
  if (isDryRun) return results;
  for (const [index, { path, text }] of files.entries()) {
    const { status } = results[index]!;
    if (status === "written" || status === "overwritten") writeWhole(path, text);
  }
  return results;
}

/** @returns null when it is not there */
function textOf(path: string): string | null {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw cannot("read", path, error);
  }
}

function writeWhole(path: string, text: string): void {
  const unfinished = `${path}.new`;
  try {
    Deno.mkdirSync(dirname(path), { recursive: true });
    Deno.writeTextFileSync(unfinished, text);
    Deno.renameSync(unfinished, path);
  } catch (error) {
    throw cannot("write", path, error);
  }
}

function cannot(what: string, path: string, cause: unknown): CommandError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new CommandError(`Cannot ${what} "${path}": ${reason}`, { cause });
}
