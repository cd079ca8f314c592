/**
 * How one txn lies in a txn log: checksum, length, body, end byte (disk format section 4.2).
 *
 * Records are written straight into the batch that goes to disk: {@linkcode beginRecord}, then the
 * body (header, txn, digest), then {@linkcode endRecord}.
 *
 * @module
 */
import { assert } from "../assert.ts";
import { adler32 } from "../checksum.ts";
import type { JuteWriter } from "../wire/jute.ts";

/** The byte that closes a record: "B". Without it the record was torn by a crash. */
export const RECORD_END = 0x42;
/** Checksum (8) and length (4), before the body. */
export const RECORD_PREFIX_BYTES = 12;
/** What a record takes besides its body. */
export const RECORD_OVERHEAD_BYTES = RECORD_PREFIX_BYTES + 1;

/** Leaves room for checksum and length. Returns where the record starts, for {@linkcode endRecord}. */
export function beginRecord(writer: JuteWriter): number {
  const start = writer.position;
  writer.reserve(RECORD_PREFIX_BYTES);
  writer.position = start + RECORD_PREFIX_BYTES;
  return start;
}

/** Fills in checksum (of the body alone) and length, and closes the record. */
export function endRecord(writer: JuteWriter, start: number): void {
  const bodyStart = start + RECORD_PREFIX_BYTES;
  const bodyBytes = writer.position - bodyStart;
  assert(bodyBytes > 0, "a log record has a body: length 0 would mean the end of the log");
  writer.view.setUint32(start, 0);
  writer.view.setUint32(start + 4, adler32(1, writer.buffer, bodyStart, writer.position));
  writer.view.setInt32(start + 8, bodyBytes);
  writer.byte(RECORD_END);
}
