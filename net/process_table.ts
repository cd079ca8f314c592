/**
 * What the operating system tells about another process, by its number: whether it is there, and what it runs.
 *
 * @module
 */
import process from "node:process";

/** Ended processes that nobody has asked for their exit code are not alive. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0); // no signal: asks only
  } catch (error) {
    const code = (error as { code?: string }).code;
    if (code === "ESRCH") return false;
    if (code !== "EPERM") return isFile(`/proc/${pid}/stat`); // Deno's permission to run is missing
  }
  return !isZombie(pid);
}

/** Its program and arguments; null when it cannot be known. */
export function commandLineOf(pid: number): string[] | null {
  try {
    return Deno.readTextFileSync(`/proc/${pid}/cmdline`).split("\0").slice(0, -1);
  } catch {
    return null;
  }
}

/** Where relative paths of its command line begin; null when it cannot be known. */
export function workingDirectoryOf(pid: number): string | null {
  try {
    return Deno.readLinkSync(`/proc/${pid}/cwd`);
  } catch {
    return null;
  }
}

/** Reaped by nobody, as in containers whose first process does not. */
function isZombie(pid: number): boolean {
  try {
    const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
    return /^ [ZX]/.test(stat.slice(stat.lastIndexOf(")") + 1));
  } catch {
    return false; // no /proc
  }
}

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}
