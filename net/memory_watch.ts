/**
 * Sees to it that a server is not killed for its memory: when it is nearly used up, the tree takes nothing more.
 *
 * What counts is what cannot be given up: resident memory, without the parts of the heap and of the tree's blocks that
 * are free and get filled first. The heap has a limit of its own, at which the runtime ends the process.
 *
 * @module
 */
import type { Logger } from "../core/ports.ts";
import type { ServerConfig } from "../core/server_config.ts";
import type { DataTree } from "../core/tree/data_tree.ts";
import { MIB, mib } from "./byte_size.ts";
import { LateInterval } from "./late_timers.ts";
import { type MemoryLimit, memoryLimitOf } from "./memory_limit.ts";
import { nodeProcess, nodeV8 } from "./node_modules.ts";

const CHECK_MS = 300;
/** A moment fills memory too: only what stays is short. */
const FULL_CHECK_COUNT = 3;
/** While nothing grows there is no reason for V8 to collect garbage, and what was deleted would count for ever. */
const COLLECT_CHECK_COUNT = 15;
/** Of the heap's own limit. */
const HEAP_FULL_RATIO = 0.95;
/** Of the soft limit: what is freed must be worth something, or writes are refused again at once. */
const ENOUGH_RATIO = 0.95;
/**
 * Of a limit that is a share: left for the program's own code, and for what the system keeps of files. With less the
 * system reads them again and again, and the server stands still long before it is killed (seen with 15 of 256 MiB).
 */
const LEFT_BYTES = 64 * MIB;

export interface MemoryUse {
  /** Without what is free in heap and tree. */
  readonly bytes: number;
  /** With what is free in the heap, of which the tree has nothing. */
  readonly residentBytes: number;
  readonly heapBytes: number;
  readonly heapBytesMax: number;
}

export interface MemoryWatchOptions {
  readonly tree: DataTree;
  /** 0: no limit. */
  readonly softLimitBytes: number;
  /** Above it nobody waits for whether it stays. */
  readonly urgentBytes: number;
  /** All that the system lets the process have. */
  readonly memoryBytes: number;
  /** What the soft limit is of, for people. */
  readonly limitText: string;
  readonly logger: Logger;
  readonly measure?: () => MemoryUse;
  /** Collects garbage, which stops everything for some 10 ms. */
  readonly collect?: () => void;
}

export class MemoryWatch {
  readonly #options: MemoryWatchOptions;
  readonly #measure: () => MemoryUse;
  readonly #timer: LateInterval | null;
  readonly #collect: () => void;
  #fullCount = 0;
  #isHeapTold = false;

  constructor(options: MemoryWatchOptions) {
    this.#options = options;
    this.#measure = options.measure ?? (() => memoryUseOf(options.tree));
    this.#collect = options.collect ?? collectGarbage;
    this.#timer = options.softLimitBytes === 0
      ? null
      : new LateInterval(() => this.check(), CHECK_MS);
  }

  stop(): void {
    this.#timer?.stop();
  }

  /** Measures; from the third time on that memory is short, or when it is urgent, the tree takes nothing more. */
  check(): void {
    const { tree, softLimitBytes, urgentBytes, limitText, logger } = this.#options;
    let use = this.#measure();
    this.#tellOfHeap(use);
    let isUrgent = !tree.refusesGrowth && use.residentBytes > urgentBytes;
    if (isUrgent) {
      this.#collect();
      use = this.#measure();
      isUrgent = use.residentBytes > urgentBytes;
    }
    const { bytes, heapBytes, heapBytesMax } = use;
    const heapLimit = heapBytesMax * HEAP_FULL_RATIO;
    const fields = {
      usedMiB: mib(bytes),
      softLimitMiB: mib(softLimitBytes),
      of: limitText,
      heapMiB: mib(heapBytes),
      heapLimitMiB: mib(heapBytesMax),
    };
    const ratio = tree.refusesGrowth ? ENOUGH_RATIO : 1;
    const isShort = isUrgent || bytes > softLimitBytes * ratio || heapBytes > heapLimit * ratio;
    if (!isShort) {
      this.#fullCount = 0;
      if (!tree.refusesGrowth) return;
      tree.refusesGrowth = false;
      return logger.info("there is memory again: znodes are created", fields);
    }
    this.#fullCount++;
    if (tree.refusesGrowth || !isUrgent && this.#fullCount < FULL_CHECK_COUNT) {
      if (this.#fullCount % COLLECT_CHECK_COUNT === FULL_CHECK_COUNT - 1) this.#collect();
      return;
    }
    tree.refusesGrowth = true;
    logger.error(
      "memory is short: where this server decides, alone or as the leader, creates and data that " +
        "get longer are refused (SystemError); delete znodes, or give it more memory, or raise " +
        "memory.softLimit",
      fields,
    );
  }

  /** V8 takes its limit from the machine, unless a container's file tells it; then it counts on what is not there. */
  #tellOfHeap({ heapBytesMax }: MemoryUse): void {
    const { memoryBytes, logger } = this.#options;
    if (this.#isHeapTold) return;
    this.#isHeapTold = true;
    if (heapBytesMax <= memoryBytes) return;
    logger.warn(
      "the heap may grow beyond the memory there is, and then the system ends this process: " +
        `start it with DENO_V8_FLAGS=--max-old-space-size=${mib(memoryBytes / 2)}`,
      { heapLimitMiB: mib(heapBytesMax), memoryMiB: mib(memoryBytes) },
    );
  }
}

let gc: (() => void) | null = null;

function collectGarbage(): void {
  if (gc === null) {
    nodeV8().setFlagsFromString("--expose-gc");
    gc = nodeProcess().getBuiltinModule("node:vm").runInNewContext("gc") as () => void;
  }
  gc();
}

/** @returns 0 when there is none, or nobody can say how much there is */
export function softLimitOf(
  { memorySoftLimit: limit }: ServerConfig,
): Pick<MemoryWatchOptions, "softLimitBytes" | "urgentBytes" | "memoryBytes" | "limitText"> {
  const { bytes, what } = systemLimit();
  if ("bytes" in limit) {
    return {
      softLimitBytes: limit.bytes,
      urgentBytes: limit.bytes * 1.1,
      memoryBytes: bytes,
      limitText: "memory.softLimit",
    };
  }
  const softLimitBytes = Math.max(
    Math.floor(bytes / 2),
    Math.floor(Math.min(bytes * limit.percent / 100, bytes - LEFT_BYTES)),
  );
  return {
    softLimitBytes,
    urgentBytes: (softLimitBytes + bytes) / 2,
    memoryBytes: bytes,
    limitText: `${limit.percent}% of ${mib(bytes)} MiB (${what})`,
  };
}

/** The runtime keeps the files that tell from those who may not do everything; then the machine's memory is known. */
function systemLimit(): MemoryLimit {
  const told = Number(environmentLimit());
  if (told > 0) return { bytes: told, what: "limit of the container" };
  const limit = memoryLimitOf((path) => {
    try {
      return Deno.readTextFileSync(path);
    } catch {
      return null;
    }
  });
  return limit ?? { bytes: Deno.systemMemoryInfo().total, what: "memory of the machine" };
}

/** Told by the executable file, which looks before it gives up the right to. */
function environmentLimit(): string | undefined {
  try {
    return Deno.env.get("DENKEEPER_MEMORY_LIMIT");
  } catch {
    return undefined; // not permitted: then it is not set either
  }
}

function memoryUseOf({ store }: DataTree): MemoryUse {
  const { rss, heapTotal, heapUsed } = Deno.memoryUsage();
  const residentBytes = rss - store.arena.freeBytes;
  return {
    bytes: residentBytes - (heapTotal - heapUsed),
    residentBytes,
    heapBytes: heapUsed,
    heapBytesMax: nodeV8().getHeapStatistics().heap_size_limit,
  };
}
