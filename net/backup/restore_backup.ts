/**
 * `backup restore`: writes a data directory that a server starts on, ours or Java's, with the tree as it was.
 *
 * It holds one snapshot, `snapshot.<zxid>`, made of what the backup leads to, and no log. It is written beside what
 * is there, and takes its place by a rename; what was there is moved aside and never deleted.
 *
 * For a member of an ensemble the epochs are written too: `currentEpoch` is that of the last txn, so that all members
 * agree on what is newest, and `acceptedEpoch` the highest that the backup or the directory before knows. The next
 * leader's epoch is above that, and so no zxid is given out twice, and clients that saw later ones are let in.
 *
 * @module
 */
import { dirname } from "node:path";
import { epochOf, type Zxid, zxidText, zxidToHex } from "../../core/zxid.ts";
import { DataDirError } from "../../core/errors.ts";
import { DataDirLock, LOCK_NAME } from "../data_dir_lock.ts";
import { replaceFile, systemFiles } from "../file_system.ts";
import { isAlive } from "../process_table.ts";
import { rest } from "../rest.ts";
import { silentLogger } from "../silent_logger.ts";
import { SnapshotFiles } from "../snapshot_files.ts";
import { systemClock } from "../system_clock.ts";
import { BackupError } from "./backup_error.ts";
import type { Progress } from "./progress.ts";
import { numberIn } from "./number_file.ts";
import { isExact, type Replayed, replayTo } from "./replay.ts";
import { asBackupError, isOfSystem, type Repository } from "./repository.ts";
import type { ChosenBackup } from "./restore_point.ts";

const VERSION_DIR = "version-2";
/** A crash leaves it; the next restore begins it anew. */
const STAGING_DIR = "version-2.restoring";

export interface RestoreOptions {
  readonly repository: Repository;
  readonly chosen: ChosenBackup;
  readonly dataDir: string;
  readonly dataLogDir: string;
  readonly force: boolean;
  readonly dropEphemerals: boolean;
  readonly progress: Progress;
  readonly warn: (message: string) => void;
}

export interface RestorePlan {
  readonly snapshot: string;
  readonly throughZxid: Zxid;
  /** Folders that are moved aside, with where to. */
  readonly moved: readonly { readonly from: string; readonly to: string }[];
  /** For a member of an ensemble; null for a server that stands alone. */
  readonly epochs: { readonly acceptedEpoch: number; readonly currentEpoch: number } | null;
}

export interface RestoredData {
  readonly snapshot: string;
  readonly znodeCount: number;
  readonly sessionCount: number;
  readonly txnCount: number;
  readonly droppedEphemeralCount: number;
}

/** @throws {BackupError} when something is in the way */
export function planRestore({ chosen, dataDir, dataLogDir, force }: RestoreOptions): RestorePlan {
  const { manifest, throughZxid } = chosen;
  const occupied = [...new Set([dataDir, dataLogDir])].map((dir) => `${dir}/${VERSION_DIR}`)
    .filter(isOccupied);
  if (occupied.length > 0 && !force) {
    throw new BackupError(
      `Cannot restore to "${dataDir}": "${
        occupied[0]
      }" is not empty; name another folder, or let ` +
        "--force move it aside",
    );
  }
  for (const dir of new Set([dataDir, dataLogDir])) refuseRunningServer(dir);
  const suffix = `before-${new Date().toISOString().replace(/[-:]|\.\d+/g, "")}`;
  return {
    snapshot: `snapshot.${zxidToHex(throughZxid)}`,
    throughZxid,
    moved: occupied.map((from) => ({ from, to: freeName(`${from}.${suffix}`) })),
    epochs: epochsOf(chosen, `${dataDir}/${VERSION_DIR}`, manifest.source),
  };
}

export async function restoreBackup(
  options: RestoreOptions,
  plan: RestorePlan,
): Promise<RestoredData> {
  const { repository, chosen, dataDir, dataLogDir, dropEphemerals, progress, warn } = options;
  const { manifest, throughZxid } = chosen;
  using _ = lockDirectories(dataDir, dataLogDir);
  const replayed = await replayTo(repository, manifest, { throughZxid, progress });
  const { tree, sessions, txnCount, mismatch } = replayed;
  if (mismatch !== null && !isExact(replayed)) {
    warn(
      `the tree differs from the digests in the log, first after txn ${zxidText(mismatch.zxid)}: ` +
        `"backup verify ${repository.dir}" tells more`,
    );
  }
  tree.finishLoad(throughZxid);
  const droppedEphemeralCount = dropEphemerals ? dropSessions(replayed, throughZxid) : 0;
  try {
    const snapshot = await writeDataDir({ dataDir, dataLogDir, replayed, plan, warn });
    return {
      ...{ snapshot, txnCount, droppedEphemeralCount },
      znodeCount: tree.nodeCount,
      sessionCount: sessions.size,
    };
  } catch (error) {
    throw asBackupError(dataDir, error);
  }
}

/** All of them, those without a session included: as if every session had ended with the last txn. */
function dropSessions({ tree, sessions }: Replayed, zxid: Zxid): number {
  const count = tree.ephemeralCount;
  for (const { sessionId } of [...tree.ephemeralsBySession()]) {
    tree.closeSession(zxid, sessionId, null);
  }
  sessions.clear();
  return count;
}

async function writeDataDir({ dataDir, dataLogDir, replayed, plan, warn }: {
  dataDir: string;
  dataLogDir: string;
  replayed: Replayed;
  plan: RestorePlan;
  warn: (message: string) => void;
}): Promise<string> {
  const staging = `${dataDir}/${STAGING_DIR}`;
  removeFolder(staging);
  Deno.mkdirSync(staging);
  const files = new SnapshotFiles({
    dir: staging,
    compression: "none",
    withDigest: true,
    withLastZxid: true,
    logger: silentLogger,
    clock: systemClock,
    fileSystem: systemFiles,
    rest,
  });
  const { name } = await files.write(replayed.tree, replayed.sessions, "eager");
  for (const [key, epoch] of Object.entries(plan.epochs ?? {})) {
    replaceFile(systemFiles, {
      path: `${staging}/${key}`,
      bytes: new TextEncoder().encode(`${epoch}`),
    });
  }
  if (!giveToOwnerOf(dataDir, staging)) {
    warn(
      `"${dataDir}" belongs to another user, and what is restored to you: give it to the user that ` +
        "the server runs as",
    );
  }
  // snapshots before logs: whatever is left by a crash, a server finds nothing that it would take for all there is
  for (const { from, to } of plan.moved) Deno.renameSync(from, to);
  removeEmptyFolder(`${dataDir}/${VERSION_DIR}`);
  Deno.renameSync(staging, `${dataDir}/${VERSION_DIR}`);
  for (const dir of new Set([dataDir, dataLogDir, dirname(dataDir)])) {
    systemFiles.syncDirectory(dir);
  }
  return name;
}

/** Those of the next election; null where neither backup nor directory is of an ensemble. */
function epochsOf(
  { throughZxid }: ChosenBackup,
  versionDir: string,
  source: { acceptedEpoch: number | null; currentEpoch: number | null },
): RestorePlan["epochs"] {
  const known = [
    ...[source.acceptedEpoch, source.currentEpoch],
    ...["acceptedEpoch", "currentEpoch"].map((name) => numberIn(`${versionDir}/${name}`)),
  ].filter((epoch) => epoch !== null);
  if (known.length === 0) return null;
  const currentEpoch = epochOf(throughZxid);
  return { acceptedEpoch: Math.max(currentEpoch, ...known), currentEpoch };
}

function isOccupied(dir: string): boolean {
  try {
    return !Deno.readDirSync(dir)[Symbol.iterator]().next().done;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw asBackupError(dir, error);
  }
}

function isThere(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

function removeFolder(path: string): void {
  try {
    Deno.removeSync(path, { recursive: true });
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

function removeEmptyFolder(path: string): void {
  try {
    Deno.removeSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

function freeName(path: string): string {
  for (let attempt = 1;; attempt++) {
    const candidate = attempt === 1 ? path : `${path}-${attempt}`;
    if (!isThere(candidate)) return candidate;
  }
}

/**
 * A server that runs as another user has to be able to write there.
 *
 * @returns false when we may not give it away
 */
function giveToOwnerOf(dir: string, made: string): boolean {
  const owner = Deno.statSync(dir);
  const paths = [made, ...[...Deno.readDirSync(made)].map(({ name }) => `${made}/${name}`)];
  return paths.every((path) => giveTo(owner, path));
}

function giveTo({ uid, gid }: { uid: number | null; gid: number | null }, path: string): boolean {
  const now = Deno.statSync(path);
  if (uid === null || (now.uid === uid && now.gid === gid)) return true;
  try {
    Deno.chownSync(path, uid, gid);
    return true;
  } catch (error) {
    if (isOfSystem(error)) return false;
    throw error;
  }
}

/** Our own servers hold a lock; of Java's, zkServer.sh writes the process id. */
function lockDirectories(dataDir: string, dataLogDir: string): Disposable {
  try {
    for (const dir of [dataDir, dataLogDir]) Deno.mkdirSync(dir, { recursive: true });
    const dirs = { dataDir, dataLogDir, snapshotDir: "", logDir: "" };
    const lock = DataDirLock.acquire(dirs, silentLogger);
    for (const dir of [dataDir, dataLogDir]) {
      const path = `${dir}/${LOCK_NAME}`;
      if (isThere(path)) giveTo(Deno.statSync(dir), path);
    }
    return { [Symbol.dispose]: () => lock.release() };
  } catch (error) {
    if (error instanceof DataDirError) {
      throw new BackupError(`Cannot restore to "${dataDir}": ${error.message}`, { cause: error });
    }
    throw asBackupError(dataDir, error);
  }
}

function refuseRunningServer(dir: string): void {
  const holder = DataDirLock.holder(dir);
  if (holder !== null) {
    throw new BackupError(
      `Cannot restore to "${dir}": the server with process id ${holder} is using it; stop it first`,
    );
  }
  const pid = numberIn(`${dir}/zookeeper_server.pid`);
  if (pid === null || !isAlive(pid)) return;
  throw new BackupError(
    `Cannot restore to "${dir}": the process ${pid} of its zookeeper_server.pid runs; stop that ` +
      "server, or remove the file if it is of another program",
  );
}
