/**
 * QuorumPacket, the envelope of everything on the quorum port (quorum protocol section 5.1).
 *
 * Packets follow each other without length prefixes, so where one ends is known only from its inside:
 * {@linkcode PacketStream} collects what a socket brings and hands out whole packets, and the raw bytes
 * of the tree that stands behind a SNAP. What the data of each type holds is in `packet_bodies.ts`.
 *
 * @module
 */
import { assert } from "../core/assert.ts";
import { DecodeError } from "../core/errors.ts";
import { IDENTITY_COUNT_MAX } from "../core/limits.ts";
import type { Id } from "../core/tree/acl_list.ts";
import { decodeUtf8, type JuteWriter } from "../core/wire/jute.ts";
import { EPOCH_LIMIT, type Zxid } from "../core/zxid.ts";

export const PacketType = {
  Request: 1,
  Proposal: 2,
  Ack: 3,
  Commit: 4,
  Ping: 5,
  Revalidate: 6,
  Sync: 7,
  Inform: 8,
  CommitAndActivate: 9,
  NewLeader: 10,
  FollowerInfo: 11,
  UpToDate: 12,
  Diff: 13,
  Trunc: 14,
  Snap: 15,
  ObserverInfo: 16,
  LeaderInfo: 17,
  AckEpoch: 18,
  InformAndActivate: 19,
} as const;

/** Of a packet that opens a synchronisation, for log lines. */
export function syncName(type: number): string | undefined {
  return SYNC_NAMES.get(type);
}

const SYNC_NAMES = new Map<number, string>([
  [PacketType.Diff, "DIFF"],
  [PacketType.Trunc, "TRUNC"],
  [PacketType.Snap, "SNAP"],
]);

export interface QuorumPacket {
  /** One of {@linkcode PacketType}, or a number that nobody knows: those are ignored. */
  type: number;
  zxid: Zxid;
  data: Uint8Array | null;
  /** `authinfo`: a client's ids in a REQUEST, null in all others. */
  ids: readonly Id[] | null;
}

/** Type, zxid and length of the data. */
const HEAD_BYTES = 16;
/** A packet with neither data nor ids: the head and the count of the ids. */
const BARE_BYTES = 20;
const BUFFER_BYTES_MIN = 64 << 10;
const TWO_32 = 2 ** 32;
/** Of others; a leader begins the one behind it. What is stored beyond the limit could not be read again. */
const EPOCH_MAX = EPOCH_LIMIT - 1;

/** Writes any packet; `data` and `ids` default to null. */
export function writePacket(
  writer: JuteWriter,
  { type, zxid, data = null, ids = null }: {
    type: number;
    zxid: Zxid;
    data?: Uint8Array | null;
    ids?: readonly Id[] | null;
  },
): void {
  writer.int(type);
  writer.zxid(zxid);
  writer.bytes(data);
  writeIds(writer, ids);
}

/** Writes a packet without data: ACK, COMMIT, PING, SYNC, UPTODATE, DIFF, TRUNC, SNAP. */
export function writeBarePacket(writer: JuteWriter, type: number, zxid: Zxid): void {
  writer.reserve(BARE_BYTES);
  const { view, position } = writer;
  const high = Math.floor(zxid / TWO_32);
  view.setInt32(position, type);
  view.setInt32(position + 4, high);
  view.setUint32(position + 8, zxid - high * TWO_32);
  view.setInt32(position + 12, -1);
  view.setInt32(position + 16, -1);
  writer.position = position + BARE_BYTES;
}

/** Writes a PROPOSAL whose data is `buffer` from `start` to `end`: the body of a log record. */
export function writeProposal(
  writer: JuteWriter,
  zxid: Zxid,
  buffer: Uint8Array,
  start: number,
  end: number,
): void {
  writeWithBody(writer, PacketType.Proposal, zxid, buffer, start, end);
}

/** Writes an INFORM: like {@linkcode writeProposal}, of a txn that is committed already. */
export function writeInform(
  writer: JuteWriter,
  zxid: Zxid,
  buffer: Uint8Array,
  start: number,
  end: number,
): void {
  writeWithBody(writer, PacketType.Inform, zxid, buffer, start, end);
}

function writeWithBody(
  writer: JuteWriter,
  type: number,
  zxid: Zxid,
  buffer: Uint8Array,
  start: number,
  end: number,
): void {
  const bodyBytes = end - start;
  writer.reserve(BARE_BYTES + bodyBytes);
  const { view, position } = writer;
  const high = Math.floor(zxid / TWO_32);
  view.setInt32(position, type);
  view.setInt32(position + 4, high);
  view.setUint32(position + 8, zxid - high * TWO_32);
  view.setInt32(position + 12, bodyBytes);
  writer.buffer.set(buffer.subarray(start, end), position + HEAD_BYTES);
  view.setInt32(position + HEAD_BYTES + bodyBytes, -1);
  writer.position = position + BARE_BYTES + bodyBytes;
}

/** Writes the last field of a packet, `authinfo`. */
export function writeIds(writer: JuteWriter, ids: readonly Id[] | null): void {
  if (ids === null) return writer.int(-1);
  writer.int(ids.length);
  for (const { scheme, id } of ids) {
    writer.string(scheme);
    writer.string(id);
  }
}

/**
 * Bytes in, packets out. The bytes are copied into a buffer of its own, which grows to the largest
 * packet and shrinks again.
 */
export class PacketStream {
  readonly #dataBytesMax: number;
  #buffer = new Uint8Array(BUFFER_BYTES_MIN);
  #view = new DataView(this.#buffer.buffer);
  #start = 0;
  #end = 0;
  /** What the last `takeRaw` gave and may be given back. */
  #rawByteCount = 0;
  readonly #packet: QuorumPacket = { type: 0, zxid: 0, data: null, ids: null };

  /** `dataBytesMax`: bytes of the data, and of all the ids together, that one packet may have. */
  constructor({ dataBytesMax }: { dataBytesMax: number }) {
    this.#dataBytesMax = dataBytesMax;
  }

  /** Adds what arrived. Ends all loans: the data of packets and raw bytes. */
  push(bytes: Uint8Array): void {
    this.#rawByteCount = 0;
    if (this.#start === this.#end) this.#start = this.#end = 0;
    const capacity = this.#buffer.length;
    const isTooLarge = capacity > BUFFER_BYTES_MIN && this.#end === 0 &&
      bytes.length <= capacity / 8;
    if (isTooLarge || bytes.length > capacity - this.#end) this.#makeRoom(bytes.length);
    this.#buffer.set(bytes, this.#end);
    this.#end += bytes.length;
  }

  /**
   * The next packet, or null when more bytes are needed. It is the same object each time, and its data
   * is a loan of the buffer until the next push.
   *
   * @throws {DecodeError} on a length that cannot be: the stream is of no use any more
   */
  next(): QuorumPacket | null {
    const start = this.#start;
    const unread = this.#end - start;
    if (unread < HEAD_BYTES) return null;
    const view = this.#view;
    const dataBytes = view.getInt32(start + 12);
    this.#checkLength(dataBytes);
    const idsAt = start + HEAD_BYTES + (dataBytes > 0 ? dataBytes : 0);
    if (idsAt + 4 > this.#end) return null;
    const packet = this.#packet;
    if (view.getInt32(idsAt) === -1) {
      packet.ids = null;
      this.#start = idsAt + 4;
    } else {
      const ids = this.#ids(idsAt);
      if (ids === null) return null;
      packet.ids = ids;
    }
    const epoch = view.getInt32(start + 4);
    if (epoch >= EPOCH_MAX) throw new DecodeError(`Epoch ${epoch} in a packet is too large`);
    packet.type = view.getInt32(start);
    packet.zxid = epoch * TWO_32 + view.getUint32(start + 8);
    packet.data = dataBytes < 0 ? null : this.#buffer.subarray(start + HEAD_BYTES, idsAt);
    return packet;
  }

  /** All bytes not read yet, as a loan until the next push: for the tree behind a SNAP. */
  takeRaw(): Uint8Array {
    const bytes = this.#buffer.subarray(this.#start, this.#end);
    this.#rawByteCount = bytes.length;
    this.#start = this.#end;
    return bytes;
  }

  /** Gives the last `byteCount` of what `takeRaw` returned back: the packets behind the tree. */
  unreadRaw(byteCount: number): void {
    assert(
      byteCount <= this.#rawByteCount,
      "only what was taken since the last push is given back",
    );
    this.#rawByteCount -= byteCount;
    this.#start -= byteCount;
  }

  /**
   * Moves what is unread to the start of a buffer of at least twice the size needed. So each byte is
   * moved a bounded number of times, whatever the pieces that arrive.
   */
  #makeRoom(byteCount: number): void {
    const unread = this.#end - this.#start;
    let capacity = BUFFER_BYTES_MIN;
    while (capacity < 2 * (unread + byteCount)) capacity *= 2;
    if (capacity === this.#buffer.length) {
      this.#buffer.copyWithin(0, this.#start, this.#end);
    } else {
      const moved = new Uint8Array(capacity);
      moved.set(this.#buffer.subarray(this.#start, this.#end));
      this.#buffer = moved;
      this.#view = new DataView(moved.buffer);
    }
    this.#start = 0;
    this.#end = unread;
  }

  #checkLength(length: number): void {
    if (length < -1 || length > this.#dataBytesMax) {
      throw new DecodeError(
        `Unreasonable length ${length} in a packet: the limit is ${this.#dataBytesMax}`,
      );
    }
  }

  /** Reads the ids and moves the start behind them; null, moving nothing, when they are not all there. */
  #ids(from: number): Id[] | null {
    const count = this.#view.getInt32(from);
    if (count > IDENTITY_COUNT_MAX) {
      throw new DecodeError(
        `Too many ids in a packet, ${count}: the limit is ${IDENTITY_COUNT_MAX}`,
      );
    }
    const endOfStrings = this.#endOfStrings(from + 4, 2 * count);
    if (endOfStrings === -1) return null;
    const ids: Id[] = [];
    let at = from + 4;
    const string = () => {
      const start = at + 4;
      at = start + Math.max(0, this.#view.getInt32(at));
      return decodeUtf8(this.#buffer.subarray(start, at));
    };
    for (let i = 0; i < count; i++) ids.push({ scheme: string(), id: string() });
    this.#start = endOfStrings;
    return ids;
  }

  /** Offset behind `count` strings that start at `from`, or -1 when they are not all there. */
  #endOfStrings(from: number, count: number): number {
    let at = from;
    for (let i = 0; i < count; i++) {
      if (at + 4 > this.#end) return -1;
      const length = this.#view.getInt32(at);
      this.#checkLength(length);
      at += 4 + Math.max(0, length);
      this.#checkLength(at - from);
    }
    return at <= this.#end ? at : -1;
  }
}
