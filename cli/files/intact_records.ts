/**
 * Looks for whole records anywhere in a txn log: behind damage, where nobody knows at which byte the next one
 * begins.
 *
 * A record is taken for one when length, end byte and checksum agree, which bytes that are none do once in four
 * billion times.
 *
 * @module
 */
import { adler32 } from "../../core/checksum.ts";
import type { OpenFile } from "../../core/ports.ts";
import {
  RECORD_END,
  RECORD_OVERHEAD_BYTES,
  RECORD_PREFIX_BYTES,
} from "../../core/storage/txn_log_format.ts";
import { TXN_HEADER_BYTES } from "../../core/txn/txn.ts";
import { JuteReader } from "../../core/wire/jute.ts";
import type { Zxid } from "../../core/zxid.ts";

const WINDOW_BYTES = 1 << 20;
const ZXID_OFFSET = 12;

/** The records that are whole behind some place. */
export interface IntactRecords {
  readonly count: number;
  /** Of the first. */
  readonly offset: number;
  readonly firstZxid: Zxid;
  readonly lastZxid: Zxid;
}

/** Those at or behind `from`; null for none. */
export function findIntactRecords(
  file: OpenFile,
  from: number,
  lengthMax: number,
): IntactRecords | null {
  const window = new Uint8Array(WINDOW_BYTES);
  const words = new Int32Array(window.buffer);
  const view = new DataView(window.buffer);
  let found: { count: number; offset: number; firstZxid: Zxid; lastZxid: Zxid } | null = null;
  let base = from;
  for (;;) {
    const filled = readAt(file, base, window);
    if (filled < RECORD_PREFIX_BYTES + TXN_HEADER_BYTES) return found;
    const last = filled - RECORD_PREFIX_BYTES;
    let at = filled === WINDOW_BYTES && words.every((word) => word === 0) ? last + 1 : 0;
    while (at <= last) {
      const zxid = view.getUint32(at) === 0
        ? intactZxid({ file, window, view, filled, base, at, lengthMax })
        : null;
      if (zxid === null) {
        at++;
        continue;
      }
      found ??= { count: 0, offset: base + at, firstZxid: zxid, lastZxid: zxid };
      found.count++;
      found.lastZxid = zxid;
      at += view.getInt32(at + 8) + RECORD_OVERHEAD_BYTES;
    }
    if (filled < WINDOW_BYTES && at > last) return found;
    base += at;
  }
}

/** Fills `target` from an offset on; returns how many bytes, fewer at the end of the file. */
export function readAt(file: OpenFile, offset: number, target: Uint8Array): number {
  file.seek(offset);
  let filled = 0;
  while (filled < target.length) {
    const count = file.read(target.subarray(filled));
    if (count === 0) break;
    filled += count;
  }
  return filled;
}

/** The zxid of the record at a place of the window, which it may reach past; null when there is none. */
function intactZxid({ file, window, view, filled, base, at, lengthMax }: {
  file: OpenFile;
  window: Uint8Array;
  view: DataView;
  filled: number;
  base: number;
  at: number;
  lengthMax: number;
}): Zxid | null {
  const length = view.getInt32(at + 8);
  if (length < TXN_HEADER_BYTES || length > lengthMax) return null;
  const checksum = view.getUint32(at + 4);
  let bytes = window;
  let start = at + RECORD_PREFIX_BYTES;
  if (start + length >= filled) {
    if (filled < window.length) return null; // the file ends before the record would
    const last = new Uint8Array(1);
    if (readAt(file, base + start + length, last) === 0 || last[0] !== RECORD_END) return null;
    bytes = new Uint8Array(length + 1);
    readAt(file, base + start, bytes);
    start = 0;
  }
  if (bytes[start + length] !== RECORD_END) return null;
  if (adler32(1, bytes, start, start + length) !== checksum) return null;
  const reader = new JuteReader(bytes);
  reader.position = start + ZXID_OFFSET;
  return reader.zxid();
}
