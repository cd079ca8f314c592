/**
 * Reads a snapshot znode by znode, without keeping any: what it holds goes by, in the order of the file.
 *
 * That order is depth first, a parent before its children; of siblings there is no order. Packed snapshots are told
 * by their first bytes, whatever they are called.
 *
 * @module
 */
import { DataDirError, DecodeError } from "../../core/errors.ts";
import type { FileSystem } from "../../core/ports.ts";
import { SnapshotLoader, type SnapshotSummary } from "../../core/storage/snapshot_loader.ts";
import type { SessionTable } from "../../core/storage/snapshot_tree.ts";
import type { LoadableTree } from "../../core/storage/tree_record_reader.ts";
import type { AclList } from "../../core/tree/acl_list.ts";
import { decodeUtf8, type JuteReader } from "../../core/wire/jute.ts";
import type { Zxid } from "../../core/zxid.ts";
import { systemFiles } from "../../net/file_system.ts";
import { rest } from "../../net/rest.ts";
import {
  compressionOfStart,
  readSnapshotFile,
  SNAPSHOT_START_BYTES,
} from "../../net/snapshot_files.ts";
import { CommandError } from "../command_line.ts";
import { readAt } from "./intact_records.ts";
import { fileProblem, openToRead } from "./storage_paths.ts";

export interface SnapshotNode {
  /** The root's is empty. */
  readonly path: string;
  /** How many there are above it. */
  readonly depth: number;
  /** Borrowed for the call; null is not the same as empty. */
  readonly data: Uint8Array | null;
  readonly aclIndex: number;
  readonly czxid: Zxid;
  readonly mzxid: Zxid;
  readonly ctime: number;
  readonly mtime: number;
  readonly version: number;
  /** As stored: children ever created. */
  readonly cversion: number;
  readonly aversion: number;
  /** As stored, signed. */
  readonly owner: bigint;
  readonly pzxid: Zxid;
}

export interface SnapshotVisitor {
  acl?(index: number, acl: AclList): void;
  node?(node: SnapshotNode): void;
}

export interface ReadOptions {
  readonly path: string;
  /** Longest string or buffer accepted, in bytes. */
  readonly lengthMax: number;
  /** Filled. */
  readonly sessions?: SessionTable;
  /** Told how much of the file was read. */
  readonly at?: (doneBytes: number) => void;
}

/** @throws {CommandError} when it cannot be read, or is damaged anywhere */
export function streamSnapshot(
  options: ReadOptions,
  visitor: SnapshotVisitor,
): Promise<SnapshotSummary> {
  return loadSnapshot(options, new VisitedTree(visitor));
}

/** The same into a tree. */
export async function loadSnapshot(
  { path, lengthMax, sessions = new Map(), at = () => {} }: ReadOptions,
  tree: LoadableTree,
): Promise<SnapshotSummary> {
  const loader = new SnapshotLoader({ tree, sessions, lengthMax, extendedTypes: true });
  const fileSystem = watched(systemFiles, at);
  try {
    const compression = compressionOfStart(startOf(path));
    return await readSnapshotFile({ path, compression, loader, fileSystem, rest });
  } catch (error) {
    if (error instanceof CommandError) throw error;
    if (error instanceof DataDirError) {
      throw new CommandError(`Cannot read snapshot "${path}": ${error.message}`, { cause: error });
    }
    throw error instanceof Error && error.name !== "OutputClosedError" && isOfSystem(error)
      ? fileProblem("read snapshot", path, error)
      : error;
  }
}

function isOfSystem(error: Error): boolean {
  return Object.values(Deno.errors).some((kind) => error instanceof kind);
}

function startOf(path: string): Uint8Array {
  const file = openToRead(path, "snapshot");
  try {
    const start = new Uint8Array(SNAPSHOT_START_BYTES);
    return start.subarray(0, readAt(file, 0, start));
  } finally {
    file.close();
  }
}

/** Tells how far a file was read. */
function watched(files: FileSystem, at: (doneBytes: number) => void): FileSystem {
  return {
    ...files,
    open(path, mode) {
      const file = files.open(path, mode);
      let doneBytes = 0;
      const read = (target: Uint8Array) => {
        const count = file.read(target);
        doneBytes += count;
        at(doneBytes);
        return count;
      };
      return new Proxy(file, {
        get: (object, key) => {
          if (key === "read") return read;
          const value = Reflect.get(object, key, object);
          return typeof value === "function" ? value.bind(object) : value;
        },
      });
    },
  };
}

/** Stands in the place of a tree, and keeps the path to the last znode only. */
class VisitedTree implements LoadableTree {
  readonly #visitor: SnapshotVisitor;
  /** The last znode and those above it; the root's is empty. */
  readonly #above: string[] = [];

  constructor(visitor: SnapshotVisitor) {
    this.#visitor = visitor;
  }

  clear(): void {
    this.#above.length = 0;
  }

  loadAcl(index: number, acl: AclList): void {
    this.#visitor.acl?.(index, acl);
  }

  loadNode(pathBytes: Uint8Array, reader: JuteReader): void {
    const path = decodeUtf8(pathBytes);
    const depth = this.#place(path);
    const node: SnapshotNode = {
      path,
      depth,
      data: reader.bytes(),
      aclIndex: reader.longAsNumber(),
      czxid: reader.zxid(),
      mzxid: reader.zxid(),
      ctime: reader.longAsNumber(),
      mtime: reader.longAsNumber(),
      version: reader.int(),
      cversion: reader.int(),
      aversion: reader.int(),
      owner: reader.long(),
      pzxid: reader.zxid(),
    };
    this.#visitor.node?.(node);
  }

  #place(path: string): number {
    const slash = path.lastIndexOf("/");
    const parent = path.slice(0, Math.max(slash, 0));
    const above = this.#above;
    if (path === "") {
      if (above.length > 0) throw new DecodeError("Snapshot holds the root twice");
      above.push("");
      return 0;
    }
    while (above.length > 0 && above[above.length - 1] !== parent) above.pop();
    if (above.length === 0 || slash < 0 || slash === path.length - 1) {
      throw new DecodeError(`Snapshot holds "${path}" where its parent is not the last one above`);
    }
    above.push(path);
    return above.length - 1;
  }
}
