/**
 * How long an fdatasync of the txn log takes, by what lies ahead of the write: the measurement behind
 * `net/txn_log_file.ts`.
 *
 *     deno run --allow-read --allow-write tests/bench/fsync_bench.ts [directory on the disk to measure]
 *
 * @module
 */

const WRITES = 1000;
const PREALLOC_BYTES = 64 * 1024 * 1024;

interface Way {
  name: string;
  preallocate: boolean;
  /** Zeros written ahead at a time; 0 is none. */
  zeroAheadBytes: number;
}

const WAYS: Way[] = [
  { name: "growing file", preallocate: false, zeroAheadBytes: 0 },
  { name: "one byte at the end (sparse)", preallocate: true, zeroAheadBytes: 0 },
  { name: "zeros ahead, 128 KB", preallocate: true, zeroAheadBytes: 128 * 1024 },
  { name: "zeros ahead, 1 MB", preallocate: true, zeroAheadBytes: 1024 * 1024 },
];

const dir = Deno.args[0] ?? ".";
console.log("ms for write and sync                       mean    p50    p99    max");
for (const writeBytes of [300, 4096, 16384]) {
  for (const way of WAYS) {
    for (const kind of ["syncData", "syncDataSync"] as const) {
      const label = `${writeBytes} B, ${way.name}, ${kind}`;
      console.log(label.padEnd(58), await measure(way, kind, writeBytes));
    }
  }
}

async function measure(
  { preallocate, zeroAheadBytes }: Way,
  kind: "syncData" | "syncDataSync",
  writeBytes: number,
): Promise<string> {
  const path = `${dir}/fsync_bench.${Deno.pid}`;
  const file = Deno.openSync(path, { write: true, createNew: true });
  const record = new Uint8Array(writeBytes).fill(7);
  const tookMs: number[] = [];
  try {
    if (preallocate) writeAt(file, PREALLOC_BYTES - 1, new Uint8Array(1));
    file.syncSync();
    let zeroedTo = 0;
    for (let position = 0; tookMs.length < WRITES; position += writeBytes) {
      const startMs = performance.now();
      if (zeroAheadBytes > 0 && position + writeBytes > zeroedTo) {
        writeAt(file, position, new Uint8Array(writeBytes + zeroAheadBytes));
        zeroedTo = position + writeBytes + zeroAheadBytes;
      }
      writeAt(file, position, record);
      if (kind === "syncData") await file.syncData();
      else file.syncDataSync();
      tookMs.push(performance.now() - startMs);
    }
  } finally {
    file.close();
    Deno.removeSync(path);
  }
  tookMs.sort((a, b) => a - b);
  const mean = tookMs.reduce((sum, ms) => sum + ms, 0) / WRITES;
  const shown = [mean, tookMs[WRITES / 2]!, tookMs[WRITES * 0.99]!, tookMs[WRITES - 1]!];
  return shown.map((ms) => ms.toFixed(3).padStart(6)).join(" ");
}

function writeAt(file: Deno.FsFile, position: number, bytes: Uint8Array): void {
  file.seekSync(position, Deno.SeekMode.Start);
  file.writeSync(bytes);
}
