/**
 * Makes the tree of a backup as it was after a txn, as a server does when it starts: a snapshot, and the txns after it.
 *
 * @module
 */
import { DataDirError } from "../../core/errors.ts";
import { ReplayDigests, ReplayOrder } from "../../core/storage/replay_check.ts";
import { SnapshotLoader } from "../../core/storage/snapshot_loader.ts";
import type { SessionTable } from "../../core/storage/snapshot_tree.ts";
import { DataTree } from "../../core/tree/data_tree.ts";
import { TxnApplier } from "../../core/txn/apply.ts";
import type { Zxid } from "../../core/zxid.ts";
import { rest } from "../rest.ts";
import { systemRandom } from "../system_clock.ts";
import { JavaDigests } from "./java_digests.ts";
import { BackupDamagedError, type BackupManifest, type SnapshotEntry } from "./manifest.ts";
import type { Progress } from "./progress.ts";
import type { Repository } from "./repository.ts";
import { loadStoredSnapshot, openStoredLog, RECORD_BYTES_MAX } from "./stored_files.ts";

export interface Replayed {
  readonly tree: DataTree;
  readonly sessions: SessionTable;
  readonly txnCount: number;
  /** Where the tree was not what its digest says. */
  readonly mismatch: Mismatch | null;
}

export interface Mismatch {
  /** The first txn after which it was not. */
  readonly zxid: Zxid;
  readonly count: number;
  /**
   * The first txn after which it was again; null when it never was. A Java server may apply a txn to the tree that a
   * snapshot is made of, and finish the snapshot before it counts the txn: then the first digest is one too early.
   */
  readonly goodFromZxid: Zxid | null;
}

/**
 * The tree after a txn, from the newest snapshot that holds nothing of what came later; from an older one, should the
 * digest tell that there is more in it than it says.
 */
export async function replayTo(
  repository: Repository,
  manifest: BackupManifest,
  { throughZxid, progress }: { throughZxid: Zxid; progress: Progress },
): Promise<Replayed> {
  const bases = manifest.snapshots.filter((base) => base.throughZxid <= throughZxid);
  let replayed: Replayed | null = null;
  for (const base of bases.reverse()) {
    const next = await replay(repository, manifest, { base, throughZxid, progress });
    if (isExact(next)) return next;
    replayed ??= next;
  }
  return replayed!;
}

export function isExact({ mismatch }: Replayed): boolean {
  return mismatch === null || mismatch.goodFromZxid !== null;
}

/** @throws {BackupDamagedError} */
export async function replay(repository: Repository, manifest: BackupManifest, options: {
  base: SnapshotEntry;
  throughZxid: Zxid;
  progress: Progress;
}): Promise<Replayed> {
  try {
    return await replayFrom(repository, manifest, options);
  } catch (error) {
    if (!(error instanceof DataDirError)) throw error;
    throw new BackupDamagedError(error.message, { cause: error });
  }
}

async function replayFrom(
  repository: Repository,
  { logs }: BackupManifest,
  { base, throughZxid, progress }: {
    base: SnapshotEntry;
    throughZxid: Zxid;
    progress: Progress;
  },
): Promise<Replayed> {
  const sessions: SessionTable = new Map();
  const tree = new DataTree({
    digestEnabled: true,
    extendedTypes: true,
    emulate353Ttl: false,
    hashSeed: systemRandom.uint32(),
  });
  const loader = new SnapshotLoader({
    ...{ tree, sessions, lengthMax: RECORD_BYTES_MAX, extendedTypes: true },
  });
  const summary = await loadStoredSnapshot(repository, base, loader);
  tree.finishLoad(base.zxid);
  const applier = new TxnApplier(tree, sessions);
  const order = new ReplayOrder({ zxid: base.zxid, file: base.file });
  const digests = new ReplayDigests(base.zxid, summary.digest);
  const javaDigests = new JavaDigests();
  const digestOf = () => tree.treeDigest;
  digests.check(base.zxid, null, digestOf);
  const needed = logs.filter(({ firstZxid, lastZxid }) =>
    lastZxid > base.zxid && firstZxid <= throughZxid
  );
  progress.begin(needed.reduce((sum, { bytes }) => sum + bytes, 0));
  let txnCount = 0;
  let goodFromZxid: Zxid | null = null;
  for (const entry of needed) {
    const reader = openStoredLog(repository, entry);
    while (reader.next() && reader.zxid <= throughZxid) {
      if (reader.zxid <= base.zxid) {
        order.pass(entry.file);
        continue;
      }
      order.take(reader.zxid, entry.file);
      const record = reader.record();
      applier.apply(record.header, record.txn);
      const digest = javaDigests.corrected(record, tree.treeDigest);
      const before = digests.mismatchCount;
      digests.check(reader.zxid, digest, digestOf);
      if (digests.mismatchCount > before) goodFromZxid = null;
      else if (before > 0 && digest !== null) goodFromZxid ??= reader.zxid;
      txnCount++;
    }
    progress.add(entry.bytes);
    await rest();
  }
  progress.end();
  const { firstMismatch, mismatchCount } = digests;
  return {
    ...{ tree, sessions, txnCount },
    mismatch: firstMismatch === null
      ? null
      : { zxid: firstMismatch.zxid, count: mismatchCount, goodFromZxid },
  };
}
