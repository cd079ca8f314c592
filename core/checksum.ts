/**
 * Adler-32 (log records, snapshots) and CRC-32 (tree digest), incremental, in plain JavaScript.
 *
 * Both are on the hot path of every write over about a hundred bytes, where a call into native code
 * costs more than the loop.
 *
 * @module
 */

const ADLER_BASE = 65521;
/** Largest run for which the sums stay below 2 ** 32 before the modulo. */
const ADLER_RUN = 3800;

/** Continues an Adler-32; start with 1. Returns an unsigned 32-bit number. */
export function adler32(adler: number, bytes: Uint8Array, start: number, end: number): number {
  let a = adler & 0xffff;
  let b = adler >>> 16;
  let i = start;
  while (i < end) {
    const stop = i + ADLER_RUN < end ? i + ADLER_RUN : end;
    for (; i < stop; i++) {
      a += bytes[i]!;
      b += a;
    }
    a %= ADLER_BASE;
    b %= ADLER_BASE;
  }
  return (b * 65536 + a) >>> 0;
}

const TABLES = makeTables();
const [T0, T1, T2, T3] = TABLES as [Int32Array, Int32Array, Int32Array, Int32Array];

function makeTables(): Int32Array[] {
  const tables = [0, 1, 2, 3].map(() => new Int32Array(256));
  for (let i = 0; i < 256; i++) {
    let c = i;
    for (let k = 0; k < 8; k++) c = c & 1 ? (c >>> 1) ^ 0xedb88320 : c >>> 1;
    tables[0]![i] = c;
  }
  for (let t = 1; t < 4; t++) {
    for (let i = 0; i < 256; i++) {
      const previous = tables[t - 1]![i]!;
      tables[t]![i] = (previous >>> 8) ^ tables[0]![previous & 0xff]!;
    }
  }
  return tables;
}

/**
 * Continues a CRC-32 in its raw register form; start with {@linkcode CRC_START}, close with
 * {@linkcode crc32Finish}. The register is kept per znode, so that a change of the stat alone does
 * not read the data again.
 */
export function crc32Update(
  register: number,
  bytes: Uint8Array,
  start: number,
  end: number,
): number {
  let c = register;
  let i = start;
  for (const stop = end - 3; i < stop; i += 4) {
    c ^= bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24);
    c = T3[c & 0xff]! ^ T2[(c >>> 8) & 0xff]! ^ T1[(c >>> 16) & 0xff]! ^ T0[c >>> 24]!;
  }
  for (; i < end; i++) c = T0[(c ^ bytes[i]!) & 0xff]! ^ (c >>> 8);
  return c;
}

export const CRC_START = -1;

export function crc32Finish(register: number): number {
  return ~register >>> 0;
}
