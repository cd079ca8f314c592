/**
 * Knows what is wrong with the digests that Java servers log.
 *
 * Asked for a container by the request that is not made for it (create with the flag 4, in place of createContainer), a
 * Java leader logs and makes a persistent znode, and computes the digest as if it were a container; so do the txns that
 * are under way at the same time, which build on it. It logs "Digests are not matching" itself then. The trees are the
 * same: a backup is not damaged by it.
 *
 * @module
 */
import { crc32Update, CRC_START } from "../../core/checksum.ts";
import { CONTAINER_OWNER, emptyStat, statDigest } from "../../core/tree/stat.ts";
import type { Txn, TxnDigest, TxnHeader } from "../../core/txn/txn.ts";

export class JavaDigests {
  /** By which the last digest was wrong, modulo 2 ** 64. */
  #error = 0n;

  /** What a server without the fault would have logged, if that is all that is wrong with it. */
  corrected(
    { header, txn, digest }: { header: TxnHeader; txn: Txn; digest: TxnDigest | null },
    actual: bigint,
  ): TxnDigest | null {
    if (digest === null) return null;
    const error = BigInt.asUintN(64, digest.treeDigest - actual);
    const own = error === 0n ? 0n : errorOf(header, txn);
    const isKnown = error === 0n || error === BigInt.asUintN(64, own) ||
      error === BigInt.asUintN(64, this.#error + own);
    if (!isKnown) return digest;
    this.#error = error;
    return { ...digest, treeDigest: actual };
  }
}

/** What taking those that a txn creates for containers makes of the digest. */
function errorOf(header: TxnHeader, txn: Txn): bigint {
  if (txn.kind === "multi") {
    return txn.ops.reduce((sum, { txn: op }) => sum + errorOf(header, op as Txn), 0n);
  }
  if (txn.kind !== "create" || txn.ephemeral) return 0n;
  const { zxid, timeMs } = header;
  const { path, data } = txn;
  const times = { ctime: timeMs, mtime: timeMs };
  const stat = { ...emptyStat(), ...times, czxid: zxid, mzxid: zxid, pzxid: zxid };
  let crc = crc32Update(CRC_START, path, 0, path.length);
  if (data !== null) crc = crc32Update(crc, data, 0, data.length);
  const container = { ...stat, ownerHigh: Number(CONTAINER_OWNER >> 32n), ownerLow: 0 };
  return BigInt(statDigest(crc, container)) - BigInt(statDigest(crc, stat));
}
