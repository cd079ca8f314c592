/**
 * The machine that `doctor` looks at: names, addresses, system files, disks, other programs' answers.
 *
 * All that a test may want to be otherwise comes in here; sockets and ordinary files are used as they are.
 *
 * @module
 */
import { lookup, lookupService } from "node:dns/promises";
import { statfsSync } from "node:fs";

export interface DiskUse {
  readonly sizeBytes: number;
  /** For us: what is reserved for root is not counted. */
  readonly freeBytes: number;
  /** 0: the file system does not count them. */
  readonly inodeCount: number;
  readonly freeInodeCount: number;
}

export interface Machine {
  readonly hostname: string;
  /** Of all interfaces. */
  readonly addresses: readonly string[];
  /** -1 where there is none. */
  readonly userId: number;
  /** Since 1970. */
  nowMs(): number;
  /** As the system resolves names, /etc/hosts included. @throws when there is no such name */
  lookup(name: string): Promise<string[]>;
  /** The name of an address; null without one. */
  reverse(address: string): Promise<string | null>;
  /** A file of /proc or /sys; null where there is none, or it may not be read. */
  systemText(path: string): string | null;
  /** What a program prints; null where there is none, or it fails. */
  outputOf(command: readonly string[]): Promise<string | null>;
  /** @throws when the directory is not there */
  diskUse(directory: string): DiskUse;
  /** Appends to a file and makes it durable, again and again; @returns how long each took, in ms */
  timeSyncs(directory: string, options: { count: number; totalMsMax: number }): Promise<number[]>;
}

/** Waits so long and no longer: name servers that are cut off keep a question for many seconds. */
export async function within<T>(promise: Promise<T>, timeoutMs: number): Promise<T> {
  const { promise: end, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`no answer in ${timeoutMs} ms`)), timeoutMs);
  try {
    return await Promise.race([promise, end]);
  } finally {
    clearTimeout(timer);
  }
}

/** `chronyc` and `timedatectl` wait long for a service that hangs. */
const OUTPUT_MS_MAX = 3000;
const SYNC_FILE = ".denkeeper.doctor";
/** About one transaction. */
const SYNC_BYTES = 512;

export const systemMachine: Machine = {
  get hostname() {
    return Deno.hostname();
  },
  get addresses() {
    return Deno.networkInterfaces().map(({ address }) => address);
  },
  get userId() {
    return Deno.uid() ?? -1;
  },
  nowMs: () => Date.now(),
  async lookup(name) {
    const found = await lookup(name, { all: true });
    return [...new Set(found.map(({ address }) => address))];
  },
  async reverse(address) {
    try {
      const { hostname } = await lookupService(address, 0);
      return hostname === address ? null : hostname;
    } catch {
      return null;
    }
  },
  systemText(path) {
    try {
      return Deno.readTextFileSync(path);
    } catch (error) {
      // The runtime keeps these files from those who may not do everything; a program may read them.
      return error instanceof Deno.errors.NotCapable ? printed(["cat", path]) : null;
    }
  },
  async outputOf([program, ...args]) {
    try {
      const signal = AbortSignal.timeout(OUTPUT_MS_MAX);
      const options = { args, signal, stdin: "null", stderr: "null" } as const;
      const { success, stdout } = await new Deno.Command(program!, options).output();
      return success ? new TextDecoder().decode(stdout) : null;
    } catch {
      return null;
    }
  },
  diskUse(directory) {
    const { blocks, bavail, bsize, files, ffree } = statfsSync(directory);
    return {
      sizeBytes: blocks * bsize,
      freeBytes: bavail * bsize,
      inodeCount: files,
      freeInodeCount: ffree,
    };
  },
  async timeSyncs(directory, { count, totalMsMax }) {
    const path = `${directory}/${SYNC_FILE}.${Deno.pid}`;
    const record = new Uint8Array(SYNC_BYTES).fill(1);
    const times: number[] = [];
    const file = await Deno.open(path, { write: true, createNew: true });
    try {
      const startMs = performance.now();
      while (times.length < count && performance.now() - startMs < totalMsMax) {
        const beforeMs = performance.now();
        file.writeSync(record);
        await file.syncData();
        times.push(performance.now() - beforeMs);
      }
    } finally {
      file.close();
      Deno.removeSync(path);
    }
    return times;
  },
};

/** Null where there is no such program, or it fails. */
function printed([program, ...args]: readonly string[]): string | null {
  try {
    const options = { args, stdin: "null", stderr: "null" } as const;
    const { success, stdout } = new Deno.Command(program!, options).outputSync();
    return success ? new TextDecoder().decode(stdout) : null;
  } catch {
    return null;
  }
}
