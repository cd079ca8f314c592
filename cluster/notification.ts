/**
 * The one message of elections: what a server votes for and what it is doing (quorum protocol
 * section 3). Written in the form of ZooKeeper 3.5 and later, read in all forms since before 3.4.
 *
 * @module
 */
import { decodeUtf8, encodeUtf8, JuteWriter } from "../core/wire/jute.ts";
import { epochOf } from "../core/zxid.ts";
import { NO_SERVER_ID, SERVER_STATES, type ServerState } from "./server_id.ts";
import type { Vote } from "./vote.ts";

/** What we send; 3.4 servers read no further than the 40 bytes they know. */
export const NOTIFICATION_VERSION = 2;

const BYTES_BEFORE_3_4 = 28;
const BYTES_3_4 = 40;
const HEAD_BYTES = 44;

export interface Notification {
  readonly state: ServerState;
  readonly vote: Vote;
  /** 0 for the forms of 3.4 and before. */
  readonly version: number;
  /** The sender's committed configuration, as text; null when there is none in the message. */
  readonly configText: string | null;
}

/** @returns one message without its length prefix */
export function encodeNotification(
  { state, vote, configText }: Notification & { configText: string },
): Uint8Array<ArrayBuffer> {
  const config = encodeUtf8(configText);
  const writer = new JuteWriter(HEAD_BYTES + config.length);
  writer.int(SERVER_STATES.indexOf(state));
  writer.longFromNumber(vote.leader);
  writer.longFromNumber(vote.zxid);
  writer.longFromNumber(vote.electionEpoch);
  writer.longFromNumber(vote.peerEpoch);
  writer.int(NOTIFICATION_VERSION);
  writer.bytes(config);
  return writer.written();
}

/** @returns what a message without its length prefix says, or why it is to be ignored */
export function decodeNotification(bytes: Uint8Array): Notification | { ignored: string } {
  const size = bytes.length;
  const isOld = size === BYTES_BEFORE_3_4 || size === BYTES_3_4;
  if (size < HEAD_BYTES && !isOld) return { ignored: `its size is ${size} bytes` };
  const view = new DataView(bytes.buffer, bytes.byteOffset, size);
  const state = SERVER_STATES[view.getInt32(0)];
  if (state === undefined) return { ignored: `its state is ${view.getInt32(0)}` };
  const leader = longAt(view, 4);
  const zxid = longAt(view, 12);
  const electionEpoch = longAt(view, 20);
  if (leader === null || zxid === null || electionEpoch === null) {
    return { ignored: "a number in it is too large" };
  }
  const peerEpoch = size === BYTES_BEFORE_3_4 ? epochOf(zxid) : longAt(view, 28);
  if (peerEpoch === null) return { ignored: "its peerEpoch is too large" };
  const vote = { leader, zxid, electionEpoch, peerEpoch };
  if (isOld) return { state, vote, version: 0, configText: null };
  const configLength = view.getInt32(40);
  if (configLength < 0 || configLength > size - HEAD_BYTES) { // ZOOKEEPER-3769
    return { ignored: `its configuration has ${configLength} bytes of ${size - HEAD_BYTES}` };
  }
  // always UTF-8, whatever the machine's own encoding is (ZOOKEEPER-4787)
  const configText = configLength === 0
    ? null
    : decodeUtf8(bytes.subarray(HEAD_BYTES, HEAD_BYTES + configLength));
  return { state, vote, version: NOTIFICATION_VERSION, configText };
}

/** null for what a number cannot hold exactly: no epoch, id or zxid of ours is that large. */
function longAt(view: DataView, offset: number): number | null {
  const value = Number(view.getBigInt64(offset));
  if (Number.isSafeInteger(value)) return value;
  const isLowest = view.getInt32(offset) === -(2 ** 31) && view.getInt32(offset + 4) === 0;
  return isLowest ? NO_SERVER_ID : null;
}
