/**
 * How much memory the system lets this process have.
 *
 * @module
 */

/** Null: the file is not there, or may not be read. */
export type ReadText = (path: string) => string | null;

export interface MemoryLimit {
  /** Whose it is, for people. */
  readonly what: string;
  readonly bytes: number;
}

/** The least of the machine's memory and of the limits of the groups that this process is in. */
export function memoryLimitOf(read: ReadText): MemoryLimit | null {
  const total = /^MemTotal:\s+(\d+) kB/m.exec(read("/proc/meminfo") ?? "")?.[1];
  let least: MemoryLimit | null = total === undefined
    ? null
    : { what: "memory of the machine", bytes: Number(total) * 1024 };
  for (const path of groupFiles(read, "memory", ["memory.max", "memory.limit_in_bytes"])) {
    const text = read(path)?.trim() ?? "";
    if (!/^\d+$/.test(text)) continue; // "max"
    const bytes = Number(text);
    if (least === null || bytes < least.bytes) least = { what: `limit in ${path}`, bytes };
  }
  return least;
}

/** Of both versions of control groups, from the process's own group up to the root as it sees it. */
export function groupFiles(
  read: ReadText,
  controller: string,
  [unified, legacy]: readonly [string, string],
): string[] {
  const paths: string[] = [];
  const climb = (root: string, group: string, name: string) => {
    for (let at = group;; at = at.slice(0, at.lastIndexOf("/"))) {
      paths.push(`${root}${at === "/" ? "" : at}/${name}`);
      if (at === "" || at === "/") return;
    }
  };
  for (const line of (read("/proc/self/cgroup") ?? "").split("\n")) {
    const [, number, controllers, group] = /^(\d+):([^:]*):(\/.*)$/.exec(line) ?? [];
    if (group === undefined) continue;
    if (number === "0" && controllers === "") climb("/sys/fs/cgroup", group, unified);
    else if (controllers!.split(",").includes(controller)) {
      climb(`/sys/fs/cgroup/${controller}`, group, legacy);
    }
  }
  return paths;
}
