/**
 * Takes a txn log of a data directory apart into what a backup holds of it already, and what is new.
 *
 * A part is a log of its own, with a header and the name that it would have in a data directory. Where a part of an
 * earlier backup begins with the record that comes next, and has the same content, it is used again: so of a log that
 * grows only the end is copied. What a server is writing at the moment is left out, as are records without a valid
 * checksum at the end of the log, where a crash may tear them.
 *
 * @module
 */
import { writeTxnLogHeader } from "../../core/storage/file_header.ts";
import { txnLogName } from "../../core/storage/file_names.ts";
import { JuteWriter } from "../../core/wire/jute.ts";
import type { Zxid } from "../../core/zxid.ts";
import { systemFiles } from "../file_system.ts";
import { rest } from "../rest.ts";
import { openTxnLog } from "../txn_log_source.ts";
import type { BackupManifest, LogEntry } from "./manifest.ts";
import { sha256Hex } from "./sha256.ts";
import { LOG_PART_BYTES, RECORD_BYTES_MAX } from "./stored_files.ts";

/** Read without others having their turn: some milliseconds. */
const SLICE_BYTES = 512 * 1024;

/** A part before it is stored. */
export type LogPart =
  & Pick<LogEntry, "firstZxid" | "lastZxid" | "txnCount" | "firstTime" | "lastTime" | "latestTime">
  & { source: string; content: Uint8Array };

/** Parts of earlier backups, by their first zxid. */
export type KnownParts = ReadonlyMap<Zxid, readonly LogEntry[]>;

/** @param isThere whether the file of a part can be used again */
export function knownPartsOf(
  backups: readonly BackupManifest[],
  isThere: (entry: LogEntry) => boolean,
): KnownParts {
  const known = new Map<Zxid, LogEntry[]>();
  const seen = new Set<string>();
  for (const entry of backups.flatMap(({ logs }) => logs)) {
    if (seen.has(entry.file) || !isThere(entry)) continue;
    seen.add(entry.file);
    const others = known.get(entry.firstZxid);
    if (others === undefined) known.set(entry.firstZxid, [entry]);
    else others.push(entry);
  }
  return known;
}

/**
 * Reads a log to its end.
 *
 * @param options.throughZxid no txn after it is taken
 * @throws {LogCorruptError} on damage that no crash explains
 */
export async function* partsOfLog({ path, known, throughZxid, onBytes, onTorn }: {
  path: string;
  known: KnownParts;
  throughZxid: Zxid;
  onBytes: (bytes: number) => void;
  /** The log ends with something that is no whole record: where, and why. */
  onTorn: (offset: number, reason: string) => void;
}): AsyncIterable<LogEntry | LogPart> {
  const fileSystem = systemFiles;
  const { reader, file } = openTxnLog({ path, fileSystem, lengthMax: RECORD_BYTES_MAX });
  try {
    if (reader.readHeader() === "blank") return;
    let part: GrowingPart | null = null;
    let sliceBytes = 0;
    while (reader.next() && reader.zxid <= throughZxid) {
      part ??= new GrowingPart(reader.zxid);
      const record = reader.recordBytes();
      part.add(reader.zxid, reader.record().header.timeMs, record);
      onBytes(record.length);
      sliceBytes += record.length;
      if (sliceBytes >= SLICE_BYTES) {
        sliceBytes = 0;
        await rest();
      }
      const same = part.sameOf(known);
      if (same === undefined && part.bytes < LOG_PART_BYTES) continue;
      yield same ?? part.toPart();
      part = null;
    }
    if (part !== null) yield part.toPart();
    if (reader.tornBecause !== null) onTorn(reader.offset, reader.tornBecause);
  } finally {
    file.close();
  }
}

class GrowingPart {
  readonly #firstZxid: Zxid;
  #lastZxid: Zxid = -1;
  #txnCount = 0;
  #firstTime = 0;
  #lastTime = 0;
  #latestTime = 0;
  readonly #writer = new JuteWriter(64 * 1024);

  constructor(firstZxid: Zxid) {
    this.#firstZxid = firstZxid;
    writeTxnLogHeader(this.#writer);
  }

  get bytes(): number {
    return this.#writer.position;
  }

  add(zxid: Zxid, timeMs: number, record: Uint8Array): void {
    if (this.#txnCount === 0) this.#firstTime = timeMs;
    this.#txnCount++;
    this.#lastZxid = zxid;
    this.#lastTime = timeMs;
    this.#latestTime = Math.max(this.#latestTime, timeMs);
    this.#writer.raw(record);
  }

  /** The part of an earlier backup that has this content. */
  sameOf(known: KnownParts): LogEntry | undefined {
    const candidates = known.get(this.#firstZxid)?.filter(({ lastZxid, bytes }) =>
      lastZxid === this.#lastZxid && bytes === this.bytes
    );
    if (candidates === undefined || candidates.length === 0) return undefined;
    const sha256 = sha256Hex(this.#writer.written());
    return candidates.find((entry) => entry.sha256 === sha256);
  }

  toPart(): LogPart {
    return {
      source: txnLogName(this.#firstZxid),
      content: this.#writer.written(),
      firstZxid: this.#firstZxid,
      lastZxid: this.#lastZxid,
      txnCount: this.#txnCount,
      firstTime: this.#firstTime,
      lastTime: this.#lastTime,
      latestTime: this.#latestTime,
    };
  }
}
