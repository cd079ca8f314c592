/**
 * The five functions of `node:path` that a server needs to start, for POSIX paths: loading that module takes as long as
 * reading and checking the settings (8 ms, and 10 more for what it asks where we are).
 *
 * @module
 */

export function isAbsolute(path: string): boolean {
  return path.startsWith("/");
}

/** One path of all that are not empty, without `.`, `..` and repeated slashes. */
export function join(...paths: readonly string[]): string {
  return normalized(paths.filter((path) => path !== "").join("/"));
}

/** The absolute path of the last one, as seen from those before it and at last from where the process runs. */
export function resolve(...paths: readonly string[]): string {
  let joined = "";
  for (let i = paths.length - 1; i >= 0 && !isAbsolute(joined); i--) {
    if (paths[i] !== "") joined = joined === "" ? paths[i]! : `${paths[i]}/${joined}`;
  }
  if (!isAbsolute(joined)) joined = `${Deno.cwd()}/${joined}`;
  const path = normalized(joined);
  return path.length > 1 && path.endsWith("/") ? path.slice(0, -1) : path;
}

/** `.` where the path names no folder. */
export function dirname(path: string): string {
  const named = path.replace(/\/+$/, "");
  if (named === "") return isAbsolute(path) ? "/" : ".";
  const slash = named.lastIndexOf("/");
  if (slash <= 0) return slash === 0 ? "/" : ".";
  return slash === 1 && isAbsolute(path) ? "//" : named.slice(0, slash);
}

export function basename(path: string): string {
  return /([^/]*)\/*$/.exec(path)![1]!;
}

function normalized(path: string): string {
  const names: string[] = [];
  for (const name of path.split("/")) {
    if (name === "" || name === ".") continue;
    if (name !== "..") names.push(name);
    else if (names.length > 0 && names.at(-1) !== "..") names.pop();
    else if (!isAbsolute(path)) names.push(name);
  }
  const inner = names.join("/");
  if (inner === "") return isAbsolute(path) ? "/" : path.endsWith("/") ? "./" : ".";
  return `${isAbsolute(path) ? "/" : ""}${inner}${path.endsWith("/") ? "/" : ""}`;
}
