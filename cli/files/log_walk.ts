/**
 * Walks through a txn log record by record, past damage that leaves no doubt about what was written.
 *
 * A server reads with `TxnLogReader` alone, which stops at the first odd byte. Here, where it stops, the place is
 * looked at again: when one field of a record is damaged, the other fields tell what it was. The checksum and the
 * end byte give away a wrong length, checksum and length a wrong end byte. What a crash leaves is told from
 * damage by what lies behind it: nothing, if it was a crash.
 *
 * @module
 */
import { adler32 } from "../../core/checksum.ts";
import type { OpenFile } from "../../core/ports.ts";
import type { FileHeader } from "../../core/storage/file_header.ts";
import {
  RECORD_END,
  RECORD_OVERHEAD_BYTES,
  RECORD_PREFIX_BYTES,
} from "../../core/storage/txn_log_format.ts";
import { LogCorruptError, TxnLogReader } from "../../core/storage/txn_log_reader.ts";
import { TXN_HEADER_BYTES } from "../../core/txn/txn.ts";
import { JuteReader } from "../../core/wire/jute.ts";
import type { Zxid } from "../../core/zxid.ts";
import { findIntactRecords, type IntactRecords, readAt } from "./intact_records.ts";
import { findWrongByte, type WrongByte } from "./wrong_byte.ts";

const ZXID_OFFSET = 12;
const ADLER_BASE = 65521;

/** The one field of a record that is not what it was. */
export type RecordDamage =
  | {
    readonly field: "checksum";
    readonly stored: bigint;
    readonly expected: number;
    /** The byte of the body that is wrong, if it is one alone and the checksum is right. */
    readonly wrongByte: WrongByte | null;
  }
  | { readonly field: "length"; readonly stored: number; readonly expected: number }
  | { readonly field: "end byte"; readonly stored: number };

export interface WalkedRecord {
  readonly kind: "record";
  readonly offset: number;
  readonly zxid: Zxid;
  /** Borrowed until the next step. */
  readonly body: Uint8Array;
  readonly damage: RecordDamage | null;
}

export type LogEnd =
  /** All that was written is whole. */
  | { readonly kind: "end"; readonly how: "clean"; readonly offset: number }
  /** There is the beginning of a record, and nothing behind it: a crash came while it was written. */
  | {
    readonly kind: "end";
    readonly how: "torn";
    readonly offset: number;
    readonly reason: string;
    /** Its body, if that is there from end to end, whatever it holds. */
    readonly body: Uint8Array | null;
    readonly wrongChecksum: boolean;
  }
  /** Nobody can tell what was there, or records lie behind the place where every server stops. */
  | {
    readonly kind: "end";
    readonly how: "unreadable";
    readonly offset: number;
    readonly reason: string;
    /** What a server does when it comes here. */
    readonly server: "refuses" | "stops";
    readonly behind: IntactRecords | null;
  };

export interface WalkOptions {
  readonly file: OpenFile;
  /** For messages. */
  readonly name: string;
  /** Longest record that servers accept, in bytes. */
  readonly lengthMax: number;
  /** Where a record begins, to go on from there; without it, at the file's header. */
  readonly startOffset?: number;
}

export class LogWalk {
  readonly #options: WalkOptions;
  #reader: TxnLogReader;

  constructor(options: WalkOptions) {
    const { file, startOffset = 0 } = options;
    this.#options = options;
    file.seek(startOffset);
    this.#reader = this.#readerAt(startOffset);
  }

  /**
   * The file's header; "blank" when nothing was written to the file before a crash.
   *
   * @throws {LogCorruptError} when it is no txn log's
   */
  readHeader(): FileHeader | "blank" {
    return this.#reader.readHeader() === "blank" ? "blank" : this.#reader.header!;
  }

  /** To be asked for after the header was read. */
  *records(): Generator<WalkedRecord, LogEnd> {
    for (;;) {
      let stop: { reason: string; server: "refuses" | "stops" } | null;
      try {
        if (this.#reader.next()) {
          const { offset, zxid, wrongChecksum } = this.#reader;
          const body = this.#reader.body();
          const damage: RecordDamage | null = wrongChecksum && {
            field: "checksum",
            ...wrongChecksum,
            wrongByte: findWrongByte(body, wrongChecksum),
          };
          yield { kind: "record", offset, zxid, body, damage };
          continue;
        }
        const { tornBecause } = this.#reader;
        stop = tornBecause === null ? null : { reason: tornBecause, server: "stops" };
      } catch (error) {
        if (!(error instanceof LogCorruptError)) throw error;
        stop = { reason: error.problem, server: "refuses" };
      }
      const found = this.#diagnose(this.#reader.offset, stop);
      if (found.kind === "end") return found;
      yield found;
      const next = found.offset + found.body.length + RECORD_OVERHEAD_BYTES;
      this.#options.file.seek(next);
      this.#reader = this.#readerAt(next);
    }
  }

  #readerAt(startOffset: number): TxnLogReader {
    const { file, name, lengthMax } = this.#options;
    return new TxnLogReader({
      source: file,
      fileName: name,
      lengthMax,
      startOffset,
      checksums: "tell",
    });
  }

  /** What is at the place where a server stops. */
  #diagnose(
    offset: number,
    stop: { reason: string; server: "refuses" | "stops" } | null,
  ): WalkedRecord | LogEnd {
    const { file, lengthMax } = this.#options;
    if (stop === null) {
      const behind = findIntactRecords(file, offset, lengthMax);
      if (behind === null) return { kind: "end", how: "clean", offset };
      const reason = "there are zeros where a record should be";
      return { kind: "end", how: "unreadable", offset, reason, server: "stops", behind };
    }
    const window = new Uint8Array(lengthMax + RECORD_OVERHEAD_BYTES);
    const bytes = window.subarray(0, readAt(file, offset, window));
    const place = placeOf(bytes);
    const damage = place && (this.#wrongLength(place) ?? this.#wrongEndByte(place, offset));
    if (place && damage) {
      const length = damage.field === "length" ? damage.expected : place.length;
      const body = bytes.subarray(RECORD_PREFIX_BYTES, RECORD_PREFIX_BYTES + length);
      return { kind: "record", offset, zxid: zxidOf(body), body, damage };
    }
    const behind = findIntactRecords(file, offset + 1, lengthMax);
    if (behind !== null || stop.server === "refuses") {
      return { kind: "end", how: "unreadable", offset, ...stop, behind };
    }
    const body = place && bodyOf(place);
    const wrongChecksum = body !== null &&
      adler32(1, body, 0, body.length) !== place!.checksum;
    return { kind: "end", how: "torn", offset, reason: stop.reason, body, wrongChecksum };
  }

  /** Another length, with which checksum and end byte agree. */
  #wrongLength({ bytes, checksum, length }: Place): RecordDamage | null {
    let a = 1;
    let b = 0;
    for (let at = RECORD_PREFIX_BYTES; at < bytes.length; at++) {
      const done = at - RECORD_PREFIX_BYTES;
      if (bytes[at] === RECORD_END && done >= TXN_HEADER_BYTES && done !== length) {
        if ((b * 65536 + a) >>> 0 === checksum) {
          return { field: "length", stored: length, expected: done };
        }
      }
      a += bytes[at]!;
      if (a >= ADLER_BASE) a -= ADLER_BASE;
      b += a;
      if (b >= ADLER_BASE) b -= ADLER_BASE;
    }
    return null;
  }

  /** A crash leaves nothing or a zero there, and nothing behind it. */
  #wrongEndByte(place: Place, offset: number): RecordDamage | null {
    const body = bodyOf(place);
    if (body === null || adler32(1, body, 0, body.length) !== place.checksum) return null;
    const stored = place.bytes[RECORD_PREFIX_BYTES + body.length];
    if (stored === undefined) return null;
    const { file, lengthMax } = this.#options;
    const next = offset + body.length + RECORD_OVERHEAD_BYTES;
    if (stored === 0 && findIntactRecords(file, next, lengthMax) === null) return null;
    return { field: "end byte", stored };
  }
}

/** A record that may be damaged, as far as its fields can be read. */
interface Place {
  readonly bytes: Uint8Array;
  readonly checksum: number;
  readonly length: number;
}

function placeOf(bytes: Uint8Array): Place | null {
  if (bytes.length < RECORD_PREFIX_BYTES) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  if (view.getUint32(0) !== 0) return null;
  return { bytes, checksum: view.getUint32(4), length: view.getInt32(8) };
}

function bodyOf({ bytes, length }: Place): Uint8Array | null {
  if (length < TXN_HEADER_BYTES || length > bytes.length - RECORD_PREFIX_BYTES) return null;
  return bytes.subarray(RECORD_PREFIX_BYTES, RECORD_PREFIX_BYTES + length);
}

/** The zxid that a record's body begins with. */
export function zxidOf(body: Uint8Array): Zxid {
  const reader = new JuteReader(body);
  reader.position = ZXID_OFFSET;
  return reader.zxid();
}
