/**
 * `backup verify`: reads everything, and restores it in memory.
 *
 * Each file is looked at once, however many backups share it: its hash, every record, and that it holds what the
 * manifest says. Each backup is then replayed from its first txn to its last, comparing the digests that the server
 * left in its log, and from its newest snapshot, which has to lead to the same tree.
 *
 * @module
 */
import { DataDirError } from "../../core/errors.ts";
import { zxidText } from "../../core/zxid.ts";
import { BackupDamagedError, type BackupManifest, type LogEntry } from "./manifest.ts";
import type { Progress } from "./progress.ts";
import { isExact, replay } from "./replay.ts";
import type { BackupList, Repository } from "./repository.ts";
import { openStoredLog } from "./stored_files.ts";

export interface VerifiedBackup {
  readonly id: string;
  /** What is wrong with it; empty when it can be restored. */
  readonly problems: readonly string[];
  /** Null for one whose manifest cannot be read. */
  readonly manifest: BackupManifest | null;
  readonly txnCount: number;
  readonly znodeCount: number;
}

/** Those that are listed, in their order; those that somebody deletes meanwhile are left out. */
export async function verifyBackups(
  repository: Repository,
  { backups, damaged }: BackupList,
  progress: Progress,
): Promise<VerifiedBackup[]> {
  const verification = new Verification(repository, progress);
  const verified: VerifiedBackup[] = damaged.map(({ id, reason }) => ({
    ...{ id, problems: [reason], manifest: null, txnCount: 0, znodeCount: 0 },
  }));
  for (const manifest of backups) {
    const result = await verification.run(manifest);
    // what is deleted meanwhile is not damaged
    if (result.problems.length === 0 || repository.isListed(result.id)) verified.push(result);
  }
  return verified.sort((a, b) => a.id < b.id ? -1 : 1);
}

class Verification {
  readonly #repository: Repository;
  readonly #progress: Progress;
  /** By name, what is wrong with a part of a log; null for nothing. */
  readonly #logs = new Map<string, string | null>();

  constructor(repository: Repository, progress: Progress) {
    this.#repository = repository;
    this.#progress = progress;
  }

  async run(manifest: BackupManifest): Promise<VerifiedBackup> {
    const { id, logs } = manifest;
    const problems = logs.map((log) => this.#problemOf(log)).filter((problem) => problem !== null);
    const replayed = await this.#replayFrom(manifest, 0, problems);
    if (manifest.snapshots.length > 1) {
      const other = await this.#replayFrom(manifest, -1, problems);
      if (replayed !== null && other !== null && !isSame(replayed, other)) {
        problems.push(
          "the newest snapshot and the log after it lead to another tree than the oldest snapshot " +
            "and the whole log",
        );
      }
    }
    return {
      ...{ id, manifest, problems: [...new Set(problems)] },
      txnCount: logs.reduce((sum, { txnCount }) => sum + txnCount, 0),
      znodeCount: replayed?.tree.nodeCount ?? 0,
    };
  }

  async #replayFrom(manifest: BackupManifest, at: 0 | -1, problems: string[]) {
    const { range, snapshots } = manifest;
    const base = snapshots.at(at)!;
    try {
      const replayed = await replay(this.#repository, manifest, {
        ...{ base, throughZxid: range.toZxid, progress: this.#progress },
      });
      const { mismatch } = replayed;
      if (mismatch !== null && !isExact(replayed)) {
        problems.push(
          `from "${base.file}" on, the tree differs ${mismatch.count} times from the digests in the ` +
            `log, first after txn ${zxidText(mismatch.zxid)}`,
        );
      }
      return replayed;
    } catch (error) {
      if (!(error instanceof BackupDamagedError)) throw error;
      problems.push(error.message);
      return null;
    }
  }

  #problemOf(entry: LogEntry): string | null {
    const known = this.#logs.get(entry.file);
    if (known !== undefined) return known;
    const problem = problemOfLog(this.#repository, entry);
    this.#logs.set(entry.file, problem);
    return problem;
  }
}

function isSame(
  one: { tree: { treeDigest: bigint; nodeCount: number }; sessions: ReadonlyMap<bigint, number> },
  other: typeof one,
): boolean {
  return one.tree.treeDigest === other.tree.treeDigest &&
    one.tree.nodeCount === other.tree.nodeCount && one.sessions.size === other.sessions.size;
}

/** Whether it can be read to its end, and holds the txns that the manifest says. */
function problemOfLog(repository: Repository, entry: LogEntry): string | null {
  try {
    const reader = openStoredLog(repository, entry);
    let txnCount = 0;
    let firstZxid = -1;
    let lastZxid = -1;
    while (reader.next()) {
      if (txnCount++ === 0) firstZxid = reader.zxid;
      lastZxid = reader.zxid;
      reader.record();
    }
    if (
      reader.tornBecause === null && txnCount === entry.txnCount &&
      firstZxid === entry.firstZxid && lastZxid === entry.lastZxid
    ) return null;
    return `"${repository.filePath(entry.file)}" does not hold the txns that the backup names`;
  } catch (error) {
    if (error instanceof BackupDamagedError || error instanceof DataDirError) return error.message;
    throw error;
  }
}
