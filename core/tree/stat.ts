/**
 * A znode's stat: the part that is stored, its digest, and the kinds of owner it may name.
 *
 * @module
 */
import { crc32Finish, crc32Update } from "../checksum.ts";
import { putLong } from "../wire/jute.ts";
import type { Zxid } from "../zxid.ts";

/** What a snapshot keeps of a znode beside path, data and ACL (disk format section 1). */
export interface StoredStat {
  czxid: Zxid;
  mzxid: Zxid;
  pzxid: Zxid;
  ctime: number;
  mtime: number;
  version: number;
  /** The number of direct children ever created, not what clients see. */
  cversion: number;
  aversion: number;
  /** The two halves of the stored ephemeralOwner. */
  ownerHigh: number;
  ownerLow: number;
}

export function emptyStat(): StoredStat {
  return {
    czxid: 0,
    mzxid: 0,
    pzxid: 0,
    ctime: 0,
    mtime: 0,
    version: 0,
    cversion: 0,
    aversion: 0,
    ownerHigh: 0,
    ownerLow: 0,
  };
}

export const CONTAINER_OWNER = -(2n ** 63n);
/** TTL in ms must be below this (40 bits). */
export const TTL_MS_MAX = 2 ** 40 - 1;

/** What znodes' digests are computed by; one of another version is never compared. */
export const DIGEST_VERSION = 2;

const scratch = new Uint8Array(60);
const scratchView = new DataView(scratch.buffer);

/**
 * The znode's share of the tree digest, unsigned 32 bits (disk format section 9).
 *
 * @param crc the CRC register over path and data
 */
export function statDigest(crc: number, stat: StoredStat): number {
  putLong(scratchView, 0, stat.czxid);
  putLong(scratchView, 8, stat.mzxid);
  putLong(scratchView, 16, stat.pzxid);
  putLong(scratchView, 24, stat.ctime);
  putLong(scratchView, 32, stat.mtime);
  scratchView.setInt32(40, stat.version);
  scratchView.setInt32(44, stat.cversion);
  scratchView.setInt32(48, stat.aversion);
  scratchView.setInt32(52, stat.ownerHigh);
  scratchView.setInt32(56, stat.ownerLow);
  return crc32Finish(crc32Update(crc, scratch, 0, 60));
}

/** ephemeralOwner of a TTL node: type byte 0xff, feature 0, 40 bits of ms. */
export function ttlOwner(ttlMs: number): bigint {
  return BigInt.asIntN(64, (0xffn << 56n) | BigInt(ttlMs));
}

export type OwnerKind = "persistent" | "ephemeral" | "container" | "ttl";

/** How owners are read: TTL owners exist only with extended types (disk format section 1). */
export interface OwnerRules {
  extendedTypes: boolean;
  emulate353Ttl: boolean;
}

export function ownerKind(high: number, low: number, rules: OwnerRules): OwnerKind {
  if (high === 0 && low === 0) return "persistent";
  if (high === -0x80000000 && low === 0) return "container";
  if (rules.extendedTypes) {
    if (high >>> 24 === 0xff) return "ttl";
    if (rules.emulate353Ttl && high < 0) return "ttl";
  }
  return "ephemeral";
}

/** Puts the two halves of a stored ephemeralOwner together, signed. */
export function ownerFromHalves(high: number, low: number): bigint {
  return high === 0 && low === 0 ? 0n : (BigInt(high) << 32n) | BigInt(low >>> 0);
}

export function ownerHighOf(owner: bigint): number {
  return owner === 0n ? 0 : Number(BigInt.asIntN(32, owner >> 32n));
}

export function ownerLowOf(owner: bigint): number {
  return owner === 0n ? 0 : Number(BigInt.asIntN(32, owner));
}

/** TTL in ms out of a TTL owner. */
export function ttlMsOfOwner(owner: bigint): number {
  const bits = BigInt.asUintN(64, owner);
  return Number(bits >> 56n === 0xffn ? bits & 0xffffffffffn : bits & ~(1n << 63n));
}

/**
 * Whether the server may delete a znode by itself: an empty container, or a TTL node whose time is over
 * (semantics section 6.3).
 *
 * @param when.maxNeverUsedIntervalMs how long a container that never had a child is kept; 0 for ever
 */
export function isReapable(
  { ownerKind, owner, childCount, cversion, mtime }: {
    ownerKind: OwnerKind;
    owner: bigint;
    childCount: number;
    cversion: number;
    mtime: number;
  },
  { wallMs, maxNeverUsedIntervalMs }: { wallMs: number; maxNeverUsedIntervalMs: number },
): boolean {
  if (childCount > 0) return false;
  const ageMs = wallMs - mtime;
  if (ownerKind === "ttl") return ageMs > ttlMsOfOwner(owner);
  if (ownerKind !== "container") return false;
  return cversion > 0 || (maxNeverUsedIntervalMs > 0 && ageMs > maxNeverUsedIntervalMs);
}
