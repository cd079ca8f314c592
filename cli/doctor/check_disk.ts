/**
 * The disks and directories: room, speed, kind, who may write, and what lies there that should not.
 *
 * @module
 */
import { isUnfinishedSnapshot } from "../../core/storage/file_names.ts";
import { mib } from "../../net/byte_size.ts";
import { storedFiles } from "../../net/disk_usage.ts";
import type { Examination } from "./examination.ts";
import { findingKinds, type Report } from "./finding.ts";
import { type Mount, mountOf, nearestDirectory } from "./mounts.ts";

export const DISK_FINDINGS = findingKinds({
  "DK-DISK-001": {
    severity: "error",
    title: "There is no room for the next snapshot and log",
    meaning: "The server soon takes no writes, or does not start.",
    action: "Make room: run `denkeeper purge`, enlarge the disk, or move other files away.",
  },
  "DK-DISK-002": {
    severity: "warning",
    title: "The disk is nearly full",
    meaning: "A burst of writes, or other programs on the disk, fill it.",
    action:
      "Make room or enlarge the disk; set autopurge.purgeInterval and autopurge.snapRetainCount.",
  },
  "DK-DISK-003": {
    severity: "error",
    title: "Making writes durable takes too long",
    meaning:
      "Each write waits for it. Beyond the session timeouts clients lose their sessions, and a " +
      "leader its followers.",
    action:
      "Give the txn log (dataLogDir) a disk of its own, on SSD or with a protected write cache; look " +
      "for other programs that write much.",
  },
  "DK-DISK-004": {
    severity: "warning",
    title: "Making writes durable is slow at times",
    meaning: "Writes wait as long, and so do all that queue behind them.",
    action:
      "Give the txn log (dataLogDir) a disk of its own, on SSD or with a protected write cache.",
  },
  "DK-DISK-005": {
    severity: "info",
    title: "How long it takes to make a write durable",
    meaning: "This is the least time that a write takes.",
    action: "Nothing has to be done.",
  },
  "DK-DISK-006": {
    severity: "info",
    title: "Txn log and snapshots share a disk",
    meaning:
      "While a snapshot is written, writes wait longer. Snapshots are paced here, so that many do " +
      "well with it.",
    action: "Where latency matters, set dataLogDir to a directory on another disk.",
  },
  "DK-DISK-007": {
    severity: "warning",
    title: "Data are on a network file system",
    meaning:
      "Its locks and its syncs may not hold what a local disk's do, and when the network is away " +
      "the server stands still.",
    action: "Use a local disk: the ensemble makes the copies.",
  },
  "DK-DISK-008": {
    severity: "warning",
    title: "Data are where they do not outlive a restart",
    meaning:
      "They are in memory, or in the writable layer of a container: with the machine or the " +
      "container they are gone, and a member that forgot its votes can lose others' data.",
    action: "Mount a volume at dataDir and dataLogDir.",
  },
  "DK-DISK-009": {
    severity: "warning",
    title: "The file system has hardly any inodes left",
    meaning: "No file can be made although there is room: the server stops taking writes.",
    action: "Remove small files, or make the file system anew with more inodes.",
  },
  "DK-DISK-010": {
    severity: "error",
    title: "A data directory cannot be written",
    meaning: "The server does not start, when this user starts it.",
    action:
      "Run this command and the server as the owner of the data, or chown the directory; a mount " +
      "that is read-only after an error needs fsck.",
  },
  "DK-DISK-011": {
    severity: "error",
    title: "A data directory is missing, and may not be made",
    meaning: "The server does not start, since datadir.autocreate=false.",
    action: "Mount the disk that has it, or make the directory.",
  },
  "DK-DISK-012": {
    severity: "info",
    title: "A data directory is not there yet",
    meaning: "The server makes it at its first start, and begins empty.",
    action: "If there should be data: mount the disk, or correct dataDir.",
  },
  "DK-DISK-013": {
    severity: "error",
    title: "Files of the data belong to somebody else",
    meaning: "This user cannot read or replace them: the server does not start, or cannot purge.",
    action: "chown -R the data directories to the user that the server runs as.",
  },
  "DK-DISK-014": {
    severity: "error",
    title: "Snapshots and logs are in each other's directories",
    meaning:
      "The server refuses to start: with dataLogDir set apart it would not see all of its data.",
    action: "With the server stopped, move log.* to dataLogDir/version-2 and snapshot.* to " +
      "dataDir/version-2.",
  },
  "DK-DISK-015": {
    severity: "error",
    title: "The data are in another place than the server looks",
    meaning: "It looks in version-2 below the directory, finds nothing there, and starts empty.",
    action: "Set dataDir or dataLogDir to the directory that has version-2 in it.",
  },
  "DK-DISK-016": {
    severity: "info",
    title: "Files are left over from a crash",
    meaning:
      "They take room and do nothing else; the server removes unfinished snapshots and epochs at " +
      "its start.",
    action: "Nothing has to be done.",
  },
  "DK-DISK-017": {
    severity: "warning",
    title: "Many old snapshots are kept",
    meaning: "Purging does not run, or does not succeed: the disk fills.",
    action: "Set autopurge.purgeInterval, or run `denkeeper purge`.",
  },
});

const USED_RATIO_MAX = 0.9;
const FREE_INODE_RATIO_MIN = 0.05;
const SYNC_COUNT = 64;
const SYNC_TOTAL_MS_MAX = 2000;
const SYNC_P95_MS_MAX = 100;
/** Kept by default: 3; the rest may be copies of an operator. */
const SNAPSHOT_COUNT_MAX = 30;
const NETWORK_TYPES = /^(nfs\d?|cifs|smb\d?|smbfs|9p|ceph|glusterfs|lustre|fuse(\..*)?)$/;
const VOLATILE_TYPES = /^(tmpfs|ramfs|overlay|aufs)$/;

interface Directory {
  readonly key: "dataDir" | "dataLogDir";
  readonly path: string;
  readonly mount: Mount | null;
}

export async function checkDisks(
  examination: Examination,
  report: Report<typeof DISK_FINDINGS>,
): Promise<void> {
  const { subject: { values }, machine, running } = examination;
  if (values === null) return;
  const { dataDir, dataLogDir = dataDir } = values;
  const paths = dataLogDir === dataDir ? { dataDir } : { dataDir, dataLogDir };
  const directories = Object.entries(paths).map(([key, path]) => ({
    key: key as Directory["key"],
    path,
    mount: mountOf(path, machine),
  }));
  const logDirectory = directories.at(-1)!;
  for (const directory of directories) {
    const isThere = checkAccess(directory, examination, report);
    checkRoom(directory, { isLog: directory === logDirectory }, examination, report);
    checkKind(directory, report);
    if (isThere) checkFiles(directory, report);
    if (!isThere || directory !== logDirectory) continue;
    await checkSyncTime(directory, examination, report);
  }
  checkPlaces({ dataDir, dataLogDir }, report);
  const device = directories[0]!.mount?.device;
  if (device !== undefined && device === logDirectory.mount?.device) {
    report("DK-DISK-006", `both are on ${mountText(logDirectory.mount)}`);
  }
  const { snapshots } = storedFiles(versionDirs({ dataDir, dataLogDir }));
  if (snapshots.count > SNAPSHOT_COUNT_MAX && running === null) {
    const size = mib(snapshots.bytes);
    report(
      "DK-DISK-017",
      `${snapshots.count} snapshots of ${size} MiB, more than ${SNAPSHOT_COUNT_MAX}`,
    );
  }
}

export function versionDirs({ dataDir, dataLogDir }: { dataDir: string; dataLogDir: string }) {
  return {
    dataDir,
    dataLogDir,
    snapshotDir: `${dataDir}/version-2`,
    logDir: `${dataLogDir}/version-2`,
  };
}

/** @returns whether the directory is there, and can be written */
function checkAccess(
  { key, path, mount }: Directory,
  { subject: { values }, machine }: Examination,
  report: Report<typeof DISK_FINDINGS>,
): boolean {
  const nearest = nearestDirectory(path);
  const isThere = nearest === path;
  if (!isThere) {
    if (values!["datadir.autocreate"]) report("DK-DISK-012", `${key} "${path}"`);
    else report("DK-DISK-011", `${key} "${path}"; datadir.autocreate=false`);
  }
  const probe = `${isThere && isDirectory(`${path}/version-2`) ? `${path}/version-2` : nearest}`;
  try {
    Deno.removeSync(Deno.makeTempFileSync({ dir: probe, prefix: ".denkeeper.doctor" }));
    return isThere;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    // a full disk is found by its room
    if (/os error (28|122)/.test(reason)) return false;
    const where = mount?.isReadOnly ? `; ${mountText(mount)} is mounted read-only` : "";
    report("DK-DISK-010", `${key} "${probe}", as user ${machine.userId}: ${reason}${where}`);
    return false;
  }
}

function checkRoom(
  { key, path, mount }: Directory,
  { isLog }: { isLog: boolean },
  { subject: { values }, machine }: Examination,
  report: Report<typeof DISK_FINDINGS>,
): void {
  const { dataDir, dataLogDir = dataDir, preAllocSize } = values!;
  const use = machine.diskUse(nearestDirectory(path));
  const { newest } = storedFiles(versionDirs({ dataDir, dataLogDir })).snapshots;
  const isData = key === "dataDir";
  const needs = (isLog ? preAllocSize * 1024 : 0) + (isData ? newest?.bytes ?? 0 : 0);
  const at = `${key} "${path}" on ${mountText(mount)}`;
  const percent = (ratio: number) => `${(ratio * 100).toFixed(1)} %`;
  const usedRatio = use.sizeBytes === 0 ? 0 : 1 - use.freeBytes / use.sizeBytes;
  const free = `${mib(use.freeBytes)} of ${mib(use.sizeBytes)} MiB are free`;
  if (use.freeBytes < needs) {
    const parts = [
      ...(isLog ? [`a log file begins with preAllocSize=${preAllocSize} KiB`] : []),
      ...(isData && newest !== null ? [`the last snapshot has ${mib(newest.bytes)} MiB`] : []),
    ];
    report("DK-DISK-001", `${at}: ${free}, needed are ${mib(needs)} MiB (${parts.join(", ")})`);
  } else if (usedRatio > USED_RATIO_MAX) {
    report(
      "DK-DISK-002",
      `${at}: ${percent(usedRatio)} used, limit ${percent(USED_RATIO_MAX)}; ${free}`,
    );
  }
  const { inodeCount, freeInodeCount } = use;
  if (inodeCount > 0 && freeInodeCount / inodeCount < FREE_INODE_RATIO_MIN) {
    report(
      "DK-DISK-009",
      `${at}: ${freeInodeCount} of ${inodeCount} inodes are free, limit ${
        percent(FREE_INODE_RATIO_MIN)
      }`,
    );
  }
}

function checkKind({ key, path, mount }: Directory, report: Report<typeof DISK_FINDINGS>): void {
  if (mount === null) return;
  const at = `${key} "${path}" is on ${mountText(mount)}`;
  if (NETWORK_TYPES.test(mount.type)) report("DK-DISK-007", at);
  if (VOLATILE_TYPES.test(mount.type)) report("DK-DISK-008", at);
}

async function checkSyncTime(
  { key, path, mount }: Directory,
  { subject: { values }, machine }: Examination,
  report: Report<typeof DISK_FINDINGS>,
): Promise<void> {
  let times: number[];
  try {
    times = await machine.timeSyncs(path, { count: SYNC_COUNT, totalMsMax: SYNC_TOTAL_MS_MAX });
  } catch {
    return; // no room, or no leave: said already
  }
  times.sort((a, b) => a - b);
  const quantile = (q: number) => times[Math.min(times.length - 1, Math.floor(q * times.length))]!;
  const p95 = quantile(0.95); // of so few, the 99th percentile would be the slowest one
  const warning = values!["fsync.warningthresholdms"];
  const limit = p95 >= warning
    ? `, limit ${warning} ms (fsync.warningthresholdms)`
    : p95 > SYNC_P95_MS_MAX
    ? `, limit ${SYNC_P95_MS_MAX} ms`
    : "";
  const found = `${key} "${path}" on ${mountText(mount)}: ${times.length} writes of 512 bytes, ` +
    `median ${quantile(0.5).toFixed(2)} ms, 95th percentile ${p95.toFixed(2)} ms${limit}`;
  report(p95 >= warning ? "DK-DISK-003" : limit !== "" ? "DK-DISK-004" : "DK-DISK-005", found);
}

/** What lies in `version-2`. */
function checkFiles({ key, path }: Directory, report: Report<typeof DISK_FINDINGS>): void {
  const dir = `${path}/version-2`;
  const names = namesIn(dir);
  const foreign: string[] = [];
  for (const name of names) {
    if (!/^(log|snapshot)\.|Epoch$/.test(name) || isWritable(`${dir}/${name}`)) continue;
    foreign.push(name);
  }
  if (foreign.length > 0) {
    const owner = Deno.statSync(`${dir}/${foreign[0]}`).uid;
    report("DK-DISK-013", `${key} "${dir}": ${foreign.slice(0, 5).join(", ")} (of user ${owner})`);
  }
  const left = names.filter((name) =>
    isUnfinishedSnapshot(name) || /Epoch\.tmp$|\.probe$/.test(name) ||
    name.startsWith(".denkeeper.doctor")
  );
  if (left.length > 0) report("DK-DISK-016", `${key} "${dir}": ${left.slice(0, 5).join(", ")}`);
}

function checkPlaces(
  { dataDir, dataLogDir }: { dataDir: string; dataLogDir: string },
  report: Report<typeof DISK_FINDINGS>,
): void {
  const { snapshotDir, logDir } = versionDirs({ dataDir, dataLogDir });
  const inSnapshots = namesIn(snapshotDir);
  const inLogs = namesIn(logDir);
  if (snapshotDir !== logDir && isDirectory(snapshotDir) && isDirectory(logDir)) {
    const isSame = Deno.realPathSync(snapshotDir) === Deno.realPathSync(logDir);
    const strayLog = inSnapshots.find((name) => name.startsWith("log."));
    const straySnapshot = inLogs.find((name) => name.startsWith("snapshot."));
    if (!isSame && strayLog !== undefined) {
      report(
        "DK-DISK-014",
        `"${snapshotDir}" holds "${strayLog}", and dataLogDir is "${dataLogDir}"`,
      );
    }
    if (!isSame && straySnapshot !== undefined) {
      report("DK-DISK-014", `"${logDir}" holds "${straySnapshot}", and dataDir is "${dataDir}"`);
    }
  }
  const isData = (name: string) => /^(log|snapshot)\.[0-9a-f]+(\.gz|\.snappy)?$/.test(name);
  for (const dir of new Set([dataDir, dataLogDir])) {
    // dataDir names version-2 itself, or the directory above the one that has it
    const stray = namesIn(dir).find(isData);
    const below = ["data", "zookeeper"].find((name) =>
      namesIn(`${dir}/${name}/version-2`).some(isData)
    );
    if (stray !== undefined) report("DK-DISK-015", `"${dir}/${stray}"`);
    else if (below !== undefined && !namesIn(`${dir}/version-2`).some(isData)) {
      report("DK-DISK-015", `"${dir}/${below}/version-2"`);
    }
  }
}

function isWritable(path: string): boolean {
  try {
    Deno.openSync(path, { read: true, write: true }).close();
    return true;
  } catch (error) {
    return error instanceof Deno.errors.NotFound; // gone meanwhile
  }
}

function namesIn(dir: string): string[] {
  try {
    return [...Deno.readDirSync(dir)].map(({ name }) => name);
  } catch {
    return [];
  }
}

function isDirectory(path: string): boolean {
  try {
    return Deno.statSync(path).isDirectory;
  } catch {
    return false;
  }
}

function mountText(mount: Mount | null): string {
  return mount === null
    ? "an unknown file system"
    : `${mount.mountPoint} (${mount.type}, ${mount.source})`;
}
