/**
 * Watches a replay: that no txn is missing, and that digests agree (disk format sections 8 to 10).
 *
 * A missing txn is refused, since everything behind it would be built on a wrong tree. A digest that
 * does not match is counted and nothing more, as in ZooKeeper: the charset of a Java server alone can
 * make a difference.
 *
 * @module
 */
import { DataDirError } from "../errors.ts";
import { DIGEST_VERSION } from "../tree/stat.ts";
import type { TxnDigest } from "../txn/txn.ts";
import { counterOf, epochOf, type Zxid, zxidToHex } from "../zxid.ts";
import type { SnapshotDigest } from "./snapshot_loader.ts";

/** Txns are missing between two that are there. */
export class LogHoleError extends DataDirError {
  override name = "LogHoleError";
  /** The last txn that is there, and the first behind the hole. */
  readonly after: Zxid;
  readonly before: Zxid;

  constructor({ after, afterFile, before, beforeFile }: {
    after: Zxid;
    afterFile: string;
    before: Zxid;
    beforeFile: string;
  }) {
    super(
      `Cannot replay txn log "${beforeFile}": it goes on with zxid 0x${
        zxidToHex(before)
      }, but what ` +
        `was read before it, "${afterFile}", ends with zxid 0x${
          zxidToHex(after)
        }, and the txns in ` +
        "between are in no file; restore the missing log from a backup, or move " +
        `"${beforeFile}" and all later logs away to start without the txns they hold`,
    );
    this.after = after;
    this.before = before;
  }
}

/**
 * Follows the zxids of a replay.
 *
 * Txns can only get lost with a file. Zxids that are missing between two records of one file were
 * never logged: a Java server gives one out for a multi that it then cannot handle, such as one with
 * a null path, and logs nothing.
 */
export class ReplayOrder {
  #last: Zxid;
  #lastFile: string;

  /** @param start the zxid and the name of the snapshot, or 0 and a name for nothing at all */
  constructor(start: { zxid: Zxid; file: string }) {
    this.#last = start.zxid;
    this.#lastFile = start.file;
  }

  get last(): Zxid {
    return this.#last;
  }

  /** A record was passed over, since the snapshot holds its txn. */
  pass(file: string): void {
    this.#lastFile = file;
  }

  /**
   * Takes the next txn's zxid.
   *
   * @returns "outOfOrder" for one that is not above the last: odd, and harmless to apply again;
   * "unlogged" when zxids before it were never logged
   * @throws {LogHoleError} when it is neither the next of its epoch nor the first of a later one, nor
   * in the file of the one before
   */
  take(zxid: Zxid, file: string): "next" | "outOfOrder" | "unlogged" {
    if (zxid <= this.#last) return "outOfOrder";
    const firstOfEpoch = epochOf(zxid) > epochOf(this.#last) && counterOf(zxid) === 1;
    if (zxid !== this.#last + 1 && !firstOfEpoch) {
      if (file === this.#lastFile) {
        this.#last = zxid;
        return "unlogged";
      }
      throw new LogHoleError({
        after: this.#last,
        afterFile: this.#lastFile,
        before: zxid,
        beforeFile: file,
      });
    }
    this.#last = zxid;
    this.#lastFile = file;
    return "next";
  }
}

/** Compares the tree's digest with those that snapshot and log carry. */
export class ReplayDigests {
  mismatchCount = 0;
  /** The first txn after which the digests differed. */
  firstMismatch: { zxid: Zxid; expected: bigint; actual: bigint } | null = null;
  /** The zxid from which the tree is whole again; null while a fuzzy snapshot does not tell. */
  #exactFrom: Zxid | null;
  #snapshotDigest: SnapshotDigest | null;

  /**
   * @param snapshotZxid what the snapshot is named after
   * @param digest its digest section. Without one, nobody knows how long the snapshot is fuzzy, and
   * the first digest that matches decides. One older than the snapshot is a new leader's: ignored.
   */
  constructor(snapshotZxid: Zxid, digest: SnapshotDigest | null) {
    const isUsable = digest !== null && digest.zxid >= snapshotZxid && digest.zxid > 0 &&
      digest.version === DIGEST_VERSION;
    this.#snapshotDigest = isUsable ? digest : null;
    this.#exactFrom = isUsable ? digest.zxid : snapshotZxid === 0 ? 0 : null;
  }

  /** The zxid through which the log has to reach to make the snapshot whole, if it says. */
  get fuzzyThrough(): Zxid | null {
    return this.#snapshotDigest?.zxid ?? null;
  }

  /** To be called after loading the snapshot, with no digest, and after each txn. */
  check(zxid: Zxid, digest: TxnDigest | null, actual: () => bigint): void {
    const ofSnapshot = this.#snapshotDigest;
    if (ofSnapshot !== null && ofSnapshot.zxid === zxid && ofSnapshot.treeDigest !== null) {
      this.#compare(zxid, ofSnapshot.treeDigest, actual());
    } else if (digest !== null && digest.version === DIGEST_VERSION) {
      if (this.#exactFrom === null) {
        if (actual() === digest.treeDigest) this.#exactFrom = zxid;
      } else if (zxid > this.#exactFrom) this.#compare(zxid, digest.treeDigest, actual());
    }
  }

  #compare(zxid: Zxid, expected: bigint, actual: bigint): void {
    if (expected === actual) return;
    this.mismatchCount++;
    this.firstMismatch ??= { zxid, expected, actual };
  }
}
