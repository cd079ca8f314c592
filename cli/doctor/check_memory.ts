/**
 * What the system lets a server have: memory, processors, open files.
 *
 * @module
 */
import { MIB, mib } from "../../net/byte_size.ts";
import { storedFiles } from "../../net/disk_usage.ts";
import { groupFiles, memoryLimitOf } from "../../net/memory_limit.ts";
import { versionDirs } from "./check_disk.ts";
import type { Examination } from "./examination.ts";
import { findingKinds, type Report } from "./finding.ts";
import type { Machine } from "./machine.ts";

export const MEMORY_FINDINGS = findingKinds({
  "DK-MEM-001": {
    severity: "error",
    title: "There is less memory than the data need",
    meaning: "The system kills the server when the data are loaded, or soon after.",
    action: "Raise the memory limit of the container, or keep less data.",
  },
  "DK-MEM-002": {
    severity: "warning",
    title: "Memory is short",
    meaning:
      "The data fit, without much room to grow: requests of a busy moment may get the server killed.",
    action: "Raise the memory limit of the container, or keep less data.",
  },
  "DK-MEM-003": {
    severity: "warning",
    title: "The machine swaps",
    meaning: "A server whose memory was swapped out stands still for seconds, and sessions expire.",
    action: "Find what needs the memory; set vm.swappiness=1, or turn swap off for this machine.",
  },
  "DK-MEM-004": {
    severity: "warning",
    title: "The system promises no more memory than it has",
    meaning:
      "With vm.overcommit_memory=2 the runtime cannot reserve its address space, and ends early.",
    action: "Set vm.overcommit_memory=0.",
  },
  "DK-MEM-005": {
    severity: "warning",
    title: "Too few files may be open",
    meaning:
      "Each connection is an open file: at the limit new clients are refused, and logs cannot be " +
      "rotated.",
    action:
      "Raise it: `ulimit -n 65536`, LimitNOFILE=65536 in a systemd unit; or set maxCnxns below it.",
  },
  "DK-MEM-006": {
    severity: "warning",
    title: "The server gets less than a processor",
    meaning:
      "When its share is used up, the system stops it until the next period: heartbeats are late, " +
      "and sessions expire.",
    action: "Give the container a limit of one processor or more, or only a request and no limit.",
  },
});

/** Of a server with no data, and some connections. */
const BASE_BYTES = 96 * MIB;
/** Measured: 192 MiB resident with 150,000 znodes of 200 bytes, whose snapshot has 46 MiB. */
const BYTES_PER_SNAPSHOT_BYTE = 2;
/** What a packed snapshot unpacks to, about. */
const UNPACKED_RATIO = 6;
const COMFORT_RATIO = 1.5;
const SWAPPED_BYTES_MAX = 64 * MIB;
/** Files of our own, the HTTP port's connections and other members. */
const OWN_FILE_COUNT = 256;
const FILE_COUNT_MIN = 4096;

export function checkMemory(
  { subject: { values }, machine }: Examination,
  report: Report<typeof MEMORY_FINDINGS>,
): void {
  const memory = memoryLimitOf(machine.systemText);
  const { dataDir = null, dataLogDir = dataDir } = values ?? {};
  const newest = dataDir === null
    ? null
    : storedFiles(versionDirs({ dataDir, dataLogDir: dataLogDir! })).snapshots.newest;
  // a packed snapshot does not tell how much it holds
  const isPacked = values !== null && /gz|snappy/.test(values["snapshot.compression.method"]);
  const dataBytes = (newest?.bytes ?? 0) * (isPacked ? UNPACKED_RATIO : 1);
  const needed = BASE_BYTES + dataBytes * BYTES_PER_SNAPSHOT_BYTE;
  if (memory !== null) {
    const found =
      `${memory.what}: ${mib(memory.bytes)} MiB; about ${mib(needed)} MiB are needed for a ` +
      `snapshot of ${mib(newest?.bytes ?? 0)} MiB`;
    if (memory.bytes < needed) report("DK-MEM-001", found);
    else if (memory.bytes < needed * COMFORT_RATIO) report("DK-MEM-002", found);
  }

  const meminfo = machine.systemText("/proc/meminfo") ?? "";
  const swapped = (kibOf(meminfo, "SwapTotal") ?? 0) - (kibOf(meminfo, "SwapFree") ?? 0);
  if (swapped * 1024 > SWAPPED_BYTES_MAX) {
    report(
      "DK-MEM-003",
      `${mib(swapped * 1024)} MiB are swapped out, limit ${mib(SWAPPED_BYTES_MAX)} MiB`,
    );
  }
  if (machine.systemText("/proc/sys/vm/overcommit_memory")?.trim() === "2") {
    report("DK-MEM-004", "vm.overcommit_memory=2");
  }

  const limits = machine.systemText("/proc/self/limits") ?? "";
  // the runtime raises the soft limit to the hard one
  const files = /^Max open files\s+\S+\s+(\d+)/m.exec(limits)?.[1];
  const maxCnxns = values?.maxCnxns ?? 0;
  const filesNeeded = maxCnxns > 0 ? maxCnxns + OWN_FILE_COUNT : FILE_COUNT_MIN;
  if (files !== undefined && Number(files) < filesNeeded) {
    const why = maxCnxns > 0
      ? `maxCnxns=${maxCnxns} and ${OWN_FILE_COUNT} more`
      : "maxCnxns is not set";
    report("DK-MEM-005", `${files} files, needed are ${filesNeeded} (${why})`);
  }
  const cpus = processorsOf(machine);
  if (cpus !== null && cpus < 1) report("DK-MEM-006", `the limit is ${cpus} of a processor`);
}

/** Null: no limit. */
function processorsOf(machine: Machine): number | null {
  let least: number | null = null;
  const take = (quota: number, period: number) => {
    if (quota > 0 && period > 0) least = Math.min(least ?? Infinity, quota / period);
  };
  for (const path of groupFiles(machine.systemText, "cpu", ["cpu.max", "cpu.cfs_quota_us"])) {
    const text = machine.systemText(path)?.trim();
    if (text === undefined) continue;
    if (path.endsWith("cpu.max")) {
      const [quota, period] = text.split(" ").map(Number);
      take(quota!, period!);
    } else {
      take(Number(text), Number(machine.systemText(path.replace("quota", "period"))));
    }
  }
  return least;
}

function kibOf(meminfo: string, name: string): number | null {
  const found = new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(meminfo)?.[1];
  return found === undefined ? null : Number(found);
}
