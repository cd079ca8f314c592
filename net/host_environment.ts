/**
 * What the operating system and the runtime tell about this process: `envi`, `dirs`, and the file
 * descriptor gauges of `mntr`.
 *
 * Everything that may not be read (a missing permission, another platform) has a fallback; asking
 * never fails.
 *
 * @module
 */
import { MIB } from "./byte_size.ts";
import { nodeFs, nodeV8 } from "./node_modules.ts";

/** What is printed where Java's property has no counterpart here. */
export const NOT_AVAILABLE = "<NA>";

/** The lines of `envi`, in ZooKeeper's order; memory is that of the JavaScript heap. */
export function readEnvironment(version: string): [key: string, value: string][] {
  const heap = nodeV8().getHeapStatistics();
  return [
    ["zookeeper.version", version],
    ["host.name", attempt(() => Deno.hostname())],
    ["java.version", NOT_AVAILABLE],
    ["java.vendor", NOT_AVAILABLE],
    ["java.home", NOT_AVAILABLE],
    ["java.class.path", NOT_AVAILABLE],
    ["java.library.path", NOT_AVAILABLE],
    ["java.io.tmpdir", environmentVariable("TMPDIR") ?? "/tmp"],
    ["java.compiler", NOT_AVAILABLE],
    ["os.name", osName()],
    ["os.arch", Deno.build.arch === "x86_64" ? "amd64" : Deno.build.arch],
    ["os.version", attempt(() => Deno.osRelease())],
    ["user.name", userName()],
    ["user.home", environmentVariable("HOME") ?? NOT_AVAILABLE],
    ["user.dir", attempt(() => Deno.cwd())],
    ["os.memory.free", mebibytes(heap.total_heap_size - heap.used_heap_size)],
    ["os.memory.max", mebibytes(heap.heap_size_limit)],
    ["os.memory.total", mebibytes(heap.total_heap_size)],
  ];
}

/** The sizes of all files below a directory; 0 when there is none. Files that vanish count as 0. */
export function directoryBytes(directory: string): number {
  let bytes = 0;
  let entries: Iterable<Deno.DirEntry>;
  try {
    entries = [...Deno.readDirSync(directory)];
  } catch {
    return 0;
  }
  for (const entry of entries) {
    const path = `${directory}/${entry.name}`;
    if (entry.isDirectory) bytes += directoryBytes(path);
    else bytes += fileBytes(path);
  }
  return bytes;
}

/**
 * File descriptors this process has open, counted by the lowest one that is free. Right as long as
 * none was closed among older ones: to be asked once, and connections added or taken off later.
 *
 * `/proc/self/fd` would say it at any time, but the runtime lets nobody read it without all
 * permissions.
 *
 * @returns -1, as ZooKeeper prints where it cannot tell, when no file can be opened
 */
export function lowestFreeFileDescriptor(): number {
  try {
    const fs = nodeFs();
    const descriptor = fs.openSync("/dev/null", "r");
    fs.closeSync(descriptor);
    return descriptor;
  } catch {
    return -1;
  }
}

/** The soft limit on open files (`ulimit -n`), where it may be read; -1 otherwise. */
export function fileDescriptorCountMax(): number {
  try {
    const limits = Deno.readTextFileSync("/proc/self/limits");
    return Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1] ?? -1);
  } catch {
    return -1;
  }
}

function fileBytes(path: string): number {
  try {
    return Deno.statSync(path).size;
  } catch {
    return 0;
  }
}

/** Of this process. */
export function userName(): string {
  const name = environmentVariable("USER") ?? environmentVariable("LOGNAME");
  if (name !== undefined) return name;
  return attempt(() => Deno.uid() === 0 ? "root" : null);
}

function osName(): string {
  if (Deno.build.os === "darwin") return "Mac OS X";
  return Deno.build.os === "windows" ? "Windows" : "Linux";
}

function environmentVariable(name: string): string | undefined {
  try {
    return Deno.env.get(name);
  } catch {
    return undefined;
  }
}

function attempt(read: () => string | null): string {
  try {
    return read() ?? NOT_AVAILABLE;
  } catch {
    return NOT_AVAILABLE;
  }
}

function mebibytes(bytes: number): string {
  return `${Math.floor(bytes / MIB)}MB`;
}
