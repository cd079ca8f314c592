/**
 * `denkeeper snapshot verify`: whether snapshots are whole, and hold what their digest says.
 *
 * @module
 */
import { compressionOf } from "../../core/storage/file_names.ts";
import type { SnapshotSummary } from "../../core/storage/snapshot_loader.ts";
import type { SessionTable } from "../../core/storage/snapshot_tree.ts";
import { DataTree } from "../../core/tree/data_tree.ts";
import { DIGEST_VERSION } from "../../core/tree/stat.ts";
import { type Zxid, zxidText } from "../../core/zxid.ts";
import { CommandError } from "../command_line.ts";
import { ExitCode, type World } from "../world.ts";
import { type Progress, startProgress } from "./file_progress.ts";
import { lengthMaxOf } from "./size_limit.ts";
import { sizeOf } from "./snapshot_dump.ts";
import { loadSnapshot } from "./snapshot_stream.ts";
import { findSnapshots } from "./storage_paths.ts";

export interface SnapshotVerifyOptions {
  readonly json?: boolean;
  readonly maxBuffer?: string;
}

/** "fuzzy": txns were applied while it was written; the log shows whether it is right. */
type DigestState = "right" | "wrong" | "fuzzy" | "none";

export interface SnapshotReport {
  readonly file: string;
  readonly bytes: number;
  /** Null: it is damaged, and `problem` says how. */
  readonly content: {
    readonly znodeCount: number;
    readonly ephemeralCount: number;
    readonly sessionCount: number;
    readonly digest: DigestState;
    /** Up to where the log has to reach for it to be whole. */
    readonly through: Zxid;
  } | null;
  readonly problem: string | null;
}

export async function verifySnapshots(
  world: World,
  path: string,
  { json = false, maxBuffer }: SnapshotVerifyOptions,
): Promise<number> {
  const lengthMax = lengthMaxOf(maxBuffer);
  const found = findSnapshots(path);
  const totalBytes = found.files.reduce(
    (total, { name }) => total + sizeOf(`${found.dir}${name}`),
    0,
  );
  const progress = await startProgress(world, { totalBytes, what: "verifying" });
  const reports: SnapshotReport[] = [];
  try {
    let doneBytes = 0;
    for (const { name, zxid } of found.files) {
      const before = doneBytes;
      const report = await checkSnapshot({
        ...{ dir: found.dir, name, zxid, lengthMax },
        progress: { ...progress, at: (bytes) => progress.at(before + bytes) },
      });
      doneBytes += report.bytes;
      reports.push(report);
    }
  } finally {
    progress.stop();
  }
  const isBad = reports.some(({ problem }) => problem !== null);
  world.print(
    json
      ? `${JSON.stringify({ ok: !isBad, files: reports.map(reportJson) })}\n`
      : reports.map(reportText).join(""),
  );
  return isBad ? ExitCode.Unexpected : ExitCode.Normal;
}

/** @param options.zxid what it is named after, -1 for another name */
async function checkSnapshot({ dir, name, zxid, lengthMax, progress }: {
  dir: string;
  name: string;
  zxid: Zxid;
  lengthMax: number;
  progress: Progress;
}): Promise<SnapshotReport> {
  const path = `${dir}${name}`;
  const report = { file: name, bytes: sizeOf(path) };
  const tree = new DataTree({
    digestEnabled: true,
    extendedTypes: true,
    emulate353Ttl: false,
    hashSeed: 1,
  });
  const sessions: SessionTable = new Map();
  let summary: SnapshotSummary;
  try {
    const at = (bytes: number) => progress.at(bytes);
    summary = await loadSnapshot({ path, lengthMax, sessions, at }, tree);
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    const prefix = `Cannot read snapshot "${path}": `;
    const { message } = error;
    const problem = message.startsWith(prefix) ? message.slice(prefix.length) : message;
    return { ...report, content: null, problem };
  }
  const { digest } = summary;
  const state = digestState(digest, zxid, tree);
  const problem = state === "wrong"
    ? `its znodes have the digest 0x${tree.treeDigest.toString(16)}, and it says 0x${
      digest!.treeDigest!.toString(16)
    }`
    : tree.nodeCount === 0
    ? "it holds no znode, not even the root"
    : compressionOf(name) === "none" && summary.bytes !== report.bytes && zxid !== -1
    ? "it is compressed, and its name does not say so (.gz, .snappy): no server reads it"
    : null;
  return {
    ...report,
    content: {
      znodeCount: summary.znodeCount,
      ephemeralCount: tree.ephemeralCount,
      sessionCount: sessions.size,
      digest: state,
      through: Math.max(zxid, digest?.zxid ?? -1),
    },
    problem,
  };
}

/** One older than the name is a new leader's, and says nothing. */
function digestState(
  digest: SnapshotSummary["digest"],
  zxid: Zxid,
  tree: DataTree,
): DigestState {
  if (digest === null || digest.version !== DIGEST_VERSION || digest.treeDigest === null) {
    return "none";
  }
  if (digest.zxid < zxid || digest.zxid === 0) return "none";
  if (digest.treeDigest === tree.treeDigest) return "right";
  return digest.zxid > zxid ? "fuzzy" : "wrong";
}

const DIGEST_TEXTS: Record<DigestState, (through: string) => string> = {
  right: () => "checksums and digest are right",
  wrong: () => "checksums are right, and the digest is not",
  fuzzy: (through) =>
    `checksums are right; txns were applied while it was written, it needs the log through ${through}`,
  none: () => "checksums are right, there is no digest to compare",
};

function reportText({ file, content, problem }: SnapshotReport): string {
  if (content === null) return `${file}: DAMAGED: ${problem}\n`;
  const { znodeCount, ephemeralCount, sessionCount, digest, through } = content;
  const state = problem === null ? DIGEST_TEXTS[digest](zxidText(through)) : `DAMAGED: ${problem}`;
  return `${file}: ${problem === null ? "ok, " : ""}${znodeCount} znodes (${ephemeralCount} ` +
    `ephemeral), ${sessionCount} ${sessionCount === 1 ? "session" : "sessions"}: ${state}\n`;
}

function reportJson({ content, ...report }: SnapshotReport): Record<string, unknown> {
  return {
    ...report,
    ok: report.problem === null,
    ...content === null ? {} : { ...content, through: zxidText(content.through) },
  };
}
