/**
 * What the storage tests share: trees to recover into, what a tree holds, txns and directories.
 *
 * @module
 */
import type { Clock, Logger } from "../../core/ports.ts";
import { SnapshotLoader } from "../../core/storage/snapshot_loader.ts";
import type { SessionTable, SnapshotTree } from "../../core/storage/snapshot_tree.ts";
import { SnapshotWriter } from "../../core/storage/snapshot_writer.ts";
import { beginRecord, endRecord } from "../../core/storage/txn_log_format.ts";
import { OPEN_ACL } from "../../core/tree/acl_list.ts";
import { DataTree } from "../../core/tree/data_tree.ts";
import type { SnapshotWalk } from "../../core/tree/snapshot_walk.ts";
import {
  type Txn,
  type TxnDigest,
  type TxnRecord,
  writeTxn,
  writeTxnDigest,
  writeTxnHeader,
} from "../../core/txn/txn.ts";
import { encodeUtf8, JuteWriter } from "../../core/wire/jute.ts";
import type { DataDir } from "../../net/data_dir.ts";
import { systemFiles } from "../../net/file_system.ts";
import { recover, type RecoveryOptions, type RecoveryResult } from "../../net/recovery.ts";
import { rest } from "../../net/rest.ts";
import { NaiveTree } from "./naive_tree.ts";

export const LENGTH_MAX = 2097150;

/** A tree to recover into, with what applies a txn to it. */
export interface Subject {
  name: string;
  tree: SnapshotTree;
  sessions: SessionTable;
  replay: (record: TxnRecord) => void;
}

/** The server's tree and the naive one: what one loads, the other must load too. */
export function makeSubjects(): Subject[] {
  return [naiveSubject(), dataTreeSubject()];
}

export function naiveSubject(): Subject {
  const tree = new NaiveTree();
  return { name: "NaiveTree", tree, sessions: tree.sessions, replay: (r) => tree.replay(r) };
}

export function dataTreeSubject(): Subject {
  const tree = new DataTree({
    digestEnabled: true,
    extendedTypes: true,
    emulate353Ttl: false,
    hashSeed: 1,
  });
  const sessions: SessionTable = new Map();
  const replay = ({ header, txn }: TxnRecord) => {
    switch (txn.kind) {
      case "createSession":
        sessions.set(header.sessionId, txn.timeoutMs);
        break;
      case "closeSession":
        tree.closeSession(header.zxid, header.sessionId, txn.paths);
        sessions.delete(header.sessionId);
        break;
      case "multi":
        if (txn.ops.some((op) => op.txn.kind === "error")) break;
        for (const op of txn.ops) tree.apply(header, op.txn);
        break;
      default:
        tree.apply(header, txn);
    }
    tree.advance(header.zxid);
  };
  return { name: "DataTree", tree, sessions, replay };
}

/** A tree as a naive tree, by way of the bytes of a snapshot. */
export function viewOf({ tree, sessions }: { tree: SnapshotTree; sessions: SessionTable }) {
  const view = new NaiveTree();
  const loader = new SnapshotLoader({
    tree: view,
    sessions: view.sessions,
    lengthMax: LENGTH_MAX,
    extendedTypes: true,
  });
  for (const piece of snapshotBytes({ tree, sessions })) loader.push(piece);
  loader.finish();
  view.finishLoad(tree.lastProcessedZxid);
  return view;
}

/**
 * Makes a tree write its snapshots as a Java server does: with what was created meanwhile, and with
 * ACLs that are in no table.
 */
export function writeSnapshotsAsJava(tree: DataTree, isOn: () => boolean = () => true): void {
  const begin = tree.beginSnapshot.bind(tree);
  tree.beginSnapshot = () => {
    const walk = begin() as SnapshotWalk;
    if (isOn()) walk.createdThrough = walk.aclIndexMax = Infinity;
    return walk;
  };
}

/** All slices of a snapshot, copied. */
export function snapshotBytes(
  { tree, sessions, withDigest = true, withLastZxid = true, sliceBytes = 4096 }: {
    tree: SnapshotTree;
    sessions: SessionTable;
    withDigest?: boolean;
    withLastZxid?: boolean;
    sliceBytes?: number;
  },
): Uint8Array<ArrayBuffer>[] {
  const writer = new SnapshotWriter({ tree, sessions, withDigest, withLastZxid });
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  for (let piece = writer.next(sliceBytes); piece !== null; piece = writer.next(sliceBytes)) {
    pieces.push(piece.slice());
  }
  writer.close();
  return pieces;
}

export function concat(pieces: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}

/** One record of a log, checksum to end byte. */
export function logRecord(
  zxid: number,
  txn: Txn,
  { type = 1, sessionId = 0n, digest = null }: {
    type?: number;
    sessionId?: bigint;
    digest?: TxnDigest | null;
  } = {},
): Uint8Array<ArrayBuffer> {
  const writer = new JuteWriter();
  const start = beginRecord(writer);
  writeTxnHeader(writer, { sessionId, cxid: 0, zxid, timeMs: 1000 + zxid, type });
  writeTxn(writer, txn);
  if (digest !== null) writeTxnDigest(writer, digest);
  endRecord(writer, start);
  return writer.written().slice();
}

export function createTxn(path: string, data = "x", parentCversion = -1): Txn {
  return {
    kind: "create",
    path: encodeUtf8(path),
    data: encodeUtf8(data),
    acl: OPEN_ACL,
    ephemeral: false,
    parentCversion,
  };
}

/** A logger that keeps its lines. */
export class LinesLogger implements Logger {
  readonly isDebug = false;
  readonly lines: string[] = [];
  debug(): void {}
  info(message: string): void {
    this.lines.push(`info ${message}`);
  }
  warn(message: string): void {
    this.lines.push(`warn ${message}`);
  }
  error(message: string): void {
    this.lines.push(`error ${message}`);
  }
}

export const testClock: Clock = {
  monotonicMs: () => performance.now(),
  wallMs: () => Date.now(),
};

/** The directories of a server below `root`, made. */
export function makeDirs(root: string, { separateLogs = false } = {}): DataDir {
  const dataDir = `${root}/data`;
  const dataLogDir = separateLogs ? `${root}/datalog` : dataDir;
  const dirs = {
    dataDir,
    dataLogDir,
    snapshotDir: `${dataDir}/version-2`,
    logDir: `${dataLogDir}/version-2`,
  };
  Deno.mkdirSync(dirs.snapshotDir, { recursive: true });
  Deno.mkdirSync(dirs.logDir, { recursive: true });
  return dirs;
}

/** Recovers a subject with the settings of a default server, extended types on. */
export function recoverSubject(
  subject: Subject,
  dirs: DataDir,
  options: Partial<RecoveryOptions> = {},
): Promise<RecoveryResult> {
  return recover({ ...recoveryOptions(subject, dirs), ...options });
}

export function recoveryOptions(subject: Subject, dirs: DataDir): RecoveryOptions {
  return {
    dirs,
    tree: subject.tree,
    sessions: subject.sessions,
    replay: subject.replay,
    logger: new LinesLogger(),
    clock: testClock,
    fileSystem: systemFiles,
    rest,
    lengthMax: LENGTH_MAX,
    extendedTypes: true,
    digestEnabled: true,
    trustEmpty: false,
    autoCreateDatabase: true,
  };
}
