/**
 * Frames that a server sends: a length, a header, a body (client protocol sections 1, 5, 11).
 *
 * @module
 */
import { type JuteWriter, putLong } from "../wire/jute.ts";
import { NOTIFICATION_XID } from "../wire/op_code.ts";
import type { Zxid } from "../zxid.ts";

/** Length and ReplyHeader. */
export const REPLY_PREFIX_BYTES = 20;
const SYNC_CONNECTED = 3;

/** Writes the header of a reply, with room for the length. Returns the start, for `endReply`. */
export function beginReply(writer: JuteWriter, xid: number, zxid: Zxid, err: number): number {
  writer.reserve(REPLY_PREFIX_BYTES);
  const start = writer.position;
  const { view } = writer;
  view.setInt32(start + 4, xid);
  putLong(view, start + 8, zxid);
  view.setInt32(start + 16, err);
  writer.position = start + REPLY_PREFIX_BYTES;
  return start;
}

/** Fills in the length of what was written since `start`. Returns it. */
export function endReply(writer: JuteWriter, start: number): number {
  const length = writer.position - start - 4;
  writer.view.setInt32(start, length);
  return length;
}

/** A watch event. Returns the payload's length. */
export function writeEvent(
  writer: JuteWriter,
  { type, path, zxid }: { type: number; path: Uint8Array; zxid: Zxid },
): number {
  const start = beginReply(writer, NOTIFICATION_XID, zxid, 0);
  writer.int(type);
  writer.int(SYNC_CONNECTED);
  writer.bytes(path);
  return endReply(writer, start);
}

/** @param hasReadOnly whether the request carried the byte; then the answer does too */
export function writeConnectResponse(
  writer: JuteWriter,
  { timeoutMs, sessionId, password, hasReadOnly, readOnly }: {
    timeoutMs: number;
    sessionId: bigint;
    password: Uint8Array;
    hasReadOnly: boolean;
    readOnly: boolean;
  },
): void {
  const start = writer.position;
  writer.int(0);
  writer.int(0); // protocol version
  writer.int(timeoutMs);
  writer.long(sessionId);
  writer.bytes(password);
  if (hasReadOnly) writer.boolean(readOnly);
  endReply(writer, start);
}
