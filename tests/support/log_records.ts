/**
 * Records of a txn log for tests, with the header that says their zxid.
 *
 * @module
 */
import { beginRecord, endRecord } from "../../core/storage/txn_log_format.ts";
import { JuteWriter } from "../../core/wire/jute.ts";

/** One record: a txn header with `zxid`, then so many bytes that the body has `bodyBytes`. */
export function logRecord(zxid: number, bodyBytes = 40): Uint8Array<ArrayBuffer> {
  return logRecords([zxid], bodyBytes);
}

/** The same for several, one after the other. */
export function logRecords(zxids: readonly number[], bodyBytes = 40): Uint8Array<ArrayBuffer> {
  const writer = new JuteWriter();
  for (const zxid of zxids) {
    const start = beginRecord(writer);
    writer.long(0x100000000000001n);
    writer.int(7);
    writer.zxid(zxid);
    writer.raw(new Uint8Array(bodyBytes - 20).fill(zxid));
    endRecord(writer, start);
  }
  return writer.written();
}
