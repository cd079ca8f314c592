/**
 * Whether the data on disk would come back at a start, and what in them will make trouble.
 *
 * Reads them as a start does, and changes nothing.
 *
 * @module
 */
import { juteExtraSizeBytes } from "../../core/server_config.ts";
import type { DataTree } from "../../core/tree/data_tree.ts";
import { NO_NODE, type NodeId, type NodeStore, ROOT } from "../../core/tree/node_store.ts";
import { subtree } from "../../core/tree/node_walk.ts";
import { zxidText } from "../../core/zxid.ts";
import { MIB, mib } from "../../net/byte_size.ts";
import { DataDirLock } from "../../net/data_dir_lock.ts";
import { storedFiles } from "../../net/disk_usage.ts";
import { epochProblem, recoverOffline } from "../../net/offline_recovery.ts";
import { versionDirs } from "./check_disk.ts";
import type { Examination } from "./examination.ts";
import { findingKinds, type Report } from "./finding.ts";

export const DATA_FINDINGS = findingKinds({
  "DK-DATA-001": {
    severity: "error",
    title: "The data cannot be recovered as they are",
    meaning: "The server does not start with them.",
    action:
      "As the reason says; `denkeeper txnlog` and `denkeeper snapshot` show what is whole. While the " +
      "other members are a quorum, move version-2 away: this member gets all data from them.",
  },
  "DK-DATA-002": {
    severity: "warning",
    title: "A snapshot is damaged",
    meaning:
      "The server starts with an older one and the logs since: nothing is lost, as long as those " +
      "are kept.",
    action:
      "Find out what damaged it (disk errors, a crash, a copy of a running server), and move it away.",
  },
  "DK-DATA-003": {
    severity: "info",
    title: "The log ends in the middle of a record",
    meaning:
      "A crash cut it. Nothing that was acknowledged is lost: a record counts when it is whole.",
    action: "Nothing has to be done.",
  },
  "DK-DATA-004": {
    severity: "error",
    title: "The epochs on disk contradict the data",
    meaning: "The server refuses to start: it might forget what it promised to a leader.",
    action:
      "Restore the files from one backup. While the other members are a quorum, move version-2 away: " +
      "this member gets all data from them.",
  },
  "DK-DATA-005": {
    severity: "warning",
    title: "The tree differs from what its digests say",
    meaning:
      "A bug or a damaged file changed data on this server; other members may hold something else.",
    action:
      "Compare with another member (`hash`); where only this one differs, move version-2 away and " +
      "let it get the data from the leader.",
  },
  "DK-DATA-006": {
    severity: "warning",
    title: "An answer comes near the limit of a packet",
    meaning:
      "From jute.maxbuffer on, clients drop the connection at this answer and reconnect for ever; " +
      "not even its children can be listed to delete them.",
    action:
      "Spread the children over several znodes, or delete those that are old; the HTTP API lists " +
      "children in pages, whatever their number.",
  },
  "DK-DATA-007": {
    severity: "warning",
    title: "The clock stands before the last write",
    meaning:
      "It was set back, or was wrong when that was written. Times of new znodes are before those " +
      "of older ones, and TTL znodes live longer.",
    action: "Correct the clock, and keep it synchronised with chrony or systemd-timesyncd.",
  },
  "DK-DATA-008": {
    severity: "info",
    title: "The data were not read",
    meaning: "Whether they would be recovered is not known.",
    action: "Run `denkeeper doctor --deep`, with the server stopped.",
  },
});

const STORED_BYTES_MAX = 256 * MIB;
const PACKET_RATIO_MAX = 0.5;
const CLOCK_TOLERANCE_MS = 5000;
const TOLD_COUNT_MAX = 5;

export async function checkData(
  { subject: { values, isMember }, machine, running, isDeep }: Examination,
  report: Report<typeof DATA_FINDINGS>,
): Promise<void> {
  if (values === null) return;
  const { dataDir, dataLogDir = dataDir } = values;
  const dirs = versionDirs({ dataDir, dataLogDir });
  if (!isDirectory(dirs.snapshotDir) || !isDirectory(dirs.logDir)) return;
  const { snapshots, txnLogs } = storedFiles(dirs);
  if (snapshots.count + txnLogs.count === 0) return;
  if (running !== null || DataDirLock.holder(dataDir) !== null) {
    report("DK-DATA-008", `a server uses "${dataDir}", and read them at its start`);
    return;
  }
  const bytes = (snapshots.newest?.bytes ?? 0) + txnLogs.bytes;
  if (bytes > STORED_BYTES_MAX && !isDeep) {
    const limit = STORED_BYTES_MAX / MIB;
    report(
      "DK-DATA-008",
      `they have ${mib(bytes)} MiB, limit ${limit} MiB without --deep`,
    );
    return;
  }

  const maxBuffer = values["jute.maxbuffer"];
  const { tree, result, lastTimeMs, problem } = await recoverOffline(dirs, {
    digestEnabled: values["digest.enabled"],
    extendedTypesEnabled: values.extendedTypesEnabled,
    emulate353TtlNodes: values.emulate353TTLNodes,
    snapshotTrustEmpty: values["snapshot.trust.empty"],
    dbAutoCreate: values["db.autocreate"],
    lengthMax: maxBuffer + juteExtraSizeBytes(maxBuffer, values["jute.maxbuffer.extrasize"]),
  });
  if (result === null) {
    report("DK-DATA-001", problem!);
    return;
  }
  for (const { name, reason } of result.skipped) {
    report("DK-DATA-002", `"${dirs.snapshotDir}/${name}": ${reason}`);
  }
  if (result.tornTail !== null) {
    const { file, offset, reason } = result.tornTail;
    report("DK-DATA-003", `"${dirs.logDir}/${file}" at byte ${offset}: ${reason}`);
  }
  if (result.digestMismatchCount > 0) {
    report("DK-DATA-005", `${result.digestMismatchCount} of the digests on disk do not match`);
  } else if (result.incompleteThrough !== null) {
    const through = zxidText(result.incompleteThrough);
    report(
      "DK-DATA-005",
      `a snapshot was taken while txns up to ${through} were applied, which no log has`,
    );
  }
  const contradiction = isMember ? epochProblem(dirs, result.lastProcessedZxid) : null;
  if (contradiction !== null) report("DK-DATA-004", contradiction);
  checkPackets(tree, maxBuffer, report);
  if (lastTimeMs !== null) checkClock({ lastTimeMs, nowMs: machine.nowMs() }, report);
}

function checkClock(
  { lastTimeMs, nowMs }: { lastTimeMs: number; nowMs: number },
  report: Report<typeof DATA_FINDINGS>,
): void {
  const aheadMs = lastTimeMs - nowMs;
  if (aheadMs <= CLOCK_TOLERANCE_MS) return;
  const aheadSeconds = Math.round(aheadMs / 1000);
  report(
    "DK-DATA-007",
    `the last write is of ${new Date(lastTimeMs).toISOString()}, ${aheadSeconds} s from now`,
  );
}

/** Lists of children and data that half fill the longest packet, the largest first. */
function checkPackets(
  { store }: DataTree,
  maxBuffer: number,
  report: Report<typeof DATA_FINDINGS>,
): void {
  const found: { text: string; bytes: number }[] = [];
  for (const id of subtree(store, ROOT)) {
    const path = () => new TextDecoder().decode(store.path(id)) || "/";
    const dataBytes = store.dataLength(id);
    if (dataBytes > maxBuffer * PACKET_RATIO_MAX) {
      found.push({ text: `data of ${path()}`, bytes: dataBytes });
    }
    const listBytes = childrenBytes(store, id);
    if (listBytes > maxBuffer * PACKET_RATIO_MAX) {
      const text = `names of the ${store.childCount(id)} children of ${path()}`;
      found.push({ text, bytes: listBytes });
    }
  }
  found.sort((a, b) => b.bytes - a.bytes);
  for (const { text, bytes } of found.slice(0, TOLD_COUNT_MAX)) {
    const percent = Math.round(bytes / maxBuffer * 100);
    report("DK-DATA-006", `${text}: ${bytes} bytes, ${percent} % of jute.maxbuffer (${maxBuffer})`);
  }
  if (found.length > TOLD_COUNT_MAX) {
    report("DK-DATA-006", `and ${found.length - TOLD_COUNT_MAX} more`);
  }
}

function childrenBytes(store: NodeStore, parent: NodeId): number {
  let bytes = 0;
  for (let id = store.firstChild(parent); id !== NO_NODE; id = store.nextSibling(id)) {
    bytes += 4 + store.nameLength(id);
  }
  return bytes;
}

function isDirectory(path: string): boolean {
  try {
    return Deno.statSync(path).isDirectory;
  } catch {
    return false;
  }
}
