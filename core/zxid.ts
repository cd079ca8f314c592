/**
 * A zxid is a txn's place in history: an epoch (high 32 bits) and a counter (low 32 bits).
 *
 * Kept as a JavaScript number, `epoch * 2 ** 32 + counter`, which is exact while the epoch is below
 * 2 ** 21 and half the cost of a BigInt. -1 stands for "none", as on the wire.
 *
 * @module
 */

export type Zxid = number;

/** Zxids of epochs below it are exact. */
export const EPOCH_LIMIT = 2 ** 21;

/**
 * No txn has a larger counter, or it would run into the epoch (ZOOKEEPER-1277): an election begins the next one.
 */
export const COUNTER_MAX = 0xffff_fffe;

const TWO_32 = 2 ** 32;

export function makeZxid(epoch: number, counter: number): Zxid {
  return epoch * TWO_32 + counter;
}

export function epochOf(zxid: Zxid): number {
  return Math.floor(zxid / TWO_32);
}

export function counterOf(zxid: Zxid): number {
  return zxid >>> 0;
}

/** How many txns an epoch has numbers for after this one. */
export function countLeftInEpoch(zxid: Zxid): number {
  return Math.max(0, COUNTER_MAX - counterOf(zxid));
}

/** Lower-case hex without a prefix, two's complement for negatives: as in file names and 4lw output. */
export function zxidToHex(zxid: Zxid): string {
  return zxid >= 0 ? zxid.toString(16) : BigInt.asUintN(64, BigInt(zxid)).toString(16);
}

/** A zxid as users read and write it: `0x` and lower-case hex. */
export function zxidText(zxid: Zxid): string {
  return `0x${zxidToHex(zxid)}`;
}

/** A session id as ZooKeeper prints it: `0x` and lower-case hex of the unsigned 64 bits. */
export function sessionIdToHex(sessionId: bigint): string {
  return "0x" + BigInt.asUintN(64, sessionId).toString(16);
}
