/**
 * Writes snapshots to disk and reads them back (disk format section 7).
 *
 * Writing never holds up the server: the tree gives small slices, most of the time between them
 * belongs to others, and the data is synced every few MB, so that a sync of the txn log does not wait
 * for all of it. A snapshot has its name only when it is whole and durable; a crash leaves a `.tmp` file
 * that recovery removes.
 *
 * @module
 */
import { assert } from "../core/assert.ts";
import type { Clock, FileSystem, Logger } from "../core/ports.ts";
import {
  compressionOf,
  type SnapshotCompression,
  snapshotName,
  UNFINISHED_SUFFIX,
} from "../core/storage/file_names.ts";
import type { SnapshotLoader, SnapshotSummary } from "../core/storage/snapshot_loader.ts";
import type { SessionTable, SnapshotTree } from "../core/storage/snapshot_tree.ts";
import type { TreeContent } from "../core/storage/tree_stream.ts";
import { SnapshotWriter } from "../core/storage/snapshot_writer.ts";
import { type Zxid, zxidToHex } from "../core/zxid.ts";
import { DiskFullError, isDiskFull } from "./disk_full.ts";
import { ended } from "./file_system.ts";
import type { Rest } from "./rest.ts";
import { makePacker, makeUnpacker, type Packer } from "./snapshot_packing.ts";

/** What is asked of the tree at a time: about a millisecond. */
const SLICE_BYTES: Record<SnapshotCompression, number> = {
  none: 128 * 1024,
  gz: 32 * 1024,
  snappy: 64 * 1024,
};
/** After each slice, the loop is left to others for so many times as long as the slice took. */
const REST_RATIO = 3;
/** Written between two syncs. */
const SYNC_BYTES = 4 * 1024 * 1024;
const READ_BYTES = 1024 * 1024;
/** Compressed input is read in small pieces: each may become a thousand times as long. */
const READ_PACKED_BYTES = 32 * 1024;
/** Reading lets other events through every so many bytes. */
const READ_TURN_BYTES = 16 * 1024 * 1024;

export interface SnapshotFilesOptions {
  /** `<dataDir>/version-2` */
  dir: string;
  compression: SnapshotCompression;
  withDigest: boolean;
  withLastZxid: boolean;
  logger: Logger;
  clock: Clock;
  fileSystem: FileSystem;
  rest: Rest;
}

export interface WrittenSnapshot {
  name: string;
  zxid: Zxid;
  /** On disk. */
  bytes: number;
  ms: number;
}

/** A snapshot was given up because somebody asked for it; older ones are kept. */
export class SnapshotAbandonedError extends Error {
  override name = "SnapshotAbandonedError";
}

export class SnapshotFiles {
  #options: SnapshotFilesOptions;
  /** Settled when the snapshot under way has left the disk, or is on it. */
  #writing: Promise<unknown> | null = null;
  #isAbandoned = false;
  #isStopping = false;

  constructor(options: SnapshotFilesOptions) {
    this.#options = options;
  }

  /** There is at most one at a time. */
  get isWriting(): boolean {
    return this.#writing !== null;
  }

  /** Waits for the end of the one under way, however that is. */
  async ended(): Promise<void> {
    await this.#writing;
  }

  /** Makes a snapshot under way give up, and all later ones: `write` rejects, and leaves nothing. */
  stop(): void {
    this.#isStopping = true;
  }

  /**
   * Makes a snapshot under way give up, and waits until none is. One that was all but written may be on
   * the disk then. To be done before its tree is loaded anew, or its directory is looked at.
   */
  async abandon(): Promise<void> {
    if (this.#writing === null) return;
    this.#isAbandoned = true;
    await this.#writing;
  }

  /**
   * Writes a snapshot of the tree, named after its last processed zxid. The tree may change meanwhile.
   *
   * @param pace "eager" does not rest between slices, for when nobody is being served
   * @param logged waits until every txn that is in the tree now is durable in the log: a snapshot must not
   * reach beyond it
   * @throws {DiskFullError} nothing is left behind, and older files are untouched; the same holds for
   * other errors
   * @throws {SnapshotAbandonedError} after `abandon` or `stop`
   * @throws {TreeClearedError} when the tree was cleared meanwhile
   */
  async write(
    tree: SnapshotTree,
    sessions: SessionTable,
    pace: "gentle" | "eager" = "gentle",
    logged: () => Promise<void> = () => Promise.resolve(),
  ): Promise<WrittenSnapshot> {
    assert(this.#writing === null, "only one snapshot is written at a time");
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#writing = promise;
    try {
      return await this.#write({ tree, sessions }, pace, logged);
    } finally {
      this.#writing = null;
      this.#isAbandoned = false;
      resolve();
    }
  }

  async #write(
    content: TreeContent,
    pace: "gentle" | "eager",
    logged: () => Promise<void>,
  ): Promise<WrittenSnapshot> {
    const { dir, compression, withDigest, withLastZxid, logger, clock, fileSystem } = this.#options;
    const startMs = clock.monotonicMs();
    const writer = new SnapshotWriter({ ...content, withDigest, withLastZxid });
    const name = snapshotName(writer.zxid, compression);
    const unfinished = `${dir}/${name}${UNFINISHED_SUFFIX}`;
    try {
      const bytes = await this.#writeFile(unfinished, writer, pace);
      await logged();
      if (this.#isAbandoned) throw new SnapshotAbandonedError(`Cannot finish "${unfinished}"`);
      fileSystem.rename(unfinished, `${dir}/${name}`);
      await ended((done) => fileSystem.startDirectorySync(dir, done));
      const ms = clock.monotonicMs() - startMs;
      logger.info("snapshot written", {
        file: name,
        zxid: `0x${zxidToHex(writer.zxid)}`,
        bytes,
        ms: Math.round(ms),
      });
      return { name, zxid: writer.zxid, bytes, ms };
    } catch (error) {
      this.#removeQuietly(unfinished);
      if (!isDiskFull(error)) throw error;
      const full = new DiskFullError(`${dir}/${name}`, { cause: error });
      logger.error("no snapshot written: the disk is full", { file: full.path });
      throw full;
    } finally {
      writer.close();
    }
  }

  #removeQuietly(path: string): void {
    try {
      this.#options.fileSystem.remove(path);
    } catch {
      // recovery removes it
    }
  }

  async #writeFile(
    path: string,
    writer: SnapshotWriter,
    pace: "gentle" | "eager",
  ): Promise<number> {
    const { compression, clock, fileSystem, rest } = this.#options;
    const packer = await makePacker(compression);
    const file = fileSystem.open(path, "create");
    let bytes = 0;
    let syncedBytes = 0;
    try {
      for (;;) {
        if (this.#isStopping || this.#isAbandoned) {
          throw new SnapshotAbandonedError(`Cannot finish "${path}": we are stopping`);
        }
        const startMs = clock.monotonicMs();
        const { pieces, isLast } = await packSlice(writer, packer, SLICE_BYTES[compression]);
        const busyMs = clock.monotonicMs() - startMs;
        for (const piece of pieces) {
          await ended((done) => file.startWrite(piece, done));
          bytes += piece.length;
        }
        if (isLast) break;
        if (bytes - syncedBytes >= SYNC_BYTES) {
          await ended((done) => file.startSync(done));
          syncedBytes = bytes;
        }
        await rest(pace === "gentle" ? busyMs * REST_RATIO : 0);
      }
      await ended((done) => file.startSync(done));
      return bytes;
    } finally {
      packer.close();
      file.close();
    }
  }
}

/** How a snapshot is packed that has no name, by its first bytes: {@linkcode SNAPSHOT_START_BYTES} are enough. */
export function compressionOfStart(start: Uint8Array): SnapshotCompression {
  for (const compression of ["gz", "snappy"] as const) {
    if (FIRST_BYTES[compression].every((byte, i) => start[i] === byte)) return compression;
  }
  return "none";
}

/**
 * Reads one snapshot into a loader, unpacking it by its name, or as is said.
 *
 * @throws {DataDirError} when it is damaged
 */
export async function readSnapshotFile(
  { path, compression = compressionOf(path), loader, fileSystem, rest }: {
    path: string;
    compression?: SnapshotCompression;
    loader: SnapshotLoader;
    fileSystem: FileSystem;
    rest: Rest;
  },
): Promise<SnapshotSummary> {
  const unpacker = await makeUnpacker(compression);
  const file = fileSystem.open(path, "read");
  try {
    const readBytes = compression === "none" ? READ_BYTES : READ_PACKED_BYTES;
    const buffer = new Uint8Array(Math.min(readBytes, Math.max(file.sizeBytes(), 1)));
    let turnBytes = 0;
    for (;;) {
      const count = file.read(buffer);
      if (count === 0) break;
      for (const piece of await unpacker.push(buffer.subarray(0, count))) {
        loader.push(piece);
        turnBytes += piece.length;
      }
      if (turnBytes >= READ_TURN_BYTES) {
        turnBytes = 0;
        await rest();
      }
    }
    for (const piece of await unpacker.finish()) loader.push(piece);
    return loader.finish();
  } finally {
    unpacker.close();
    file.close();
  }
}

export const SNAPSHOT_START_BYTES = 8;

/** The last bytes of a snapshot: the string "/". */
const LAST_BYTES = [0, 0, 0, 1, 0x2f];
const SHORTEST_BYTES = 10;
const FIRST_BYTES: Record<"gz" | "snappy", readonly number[]> = {
  gz: [0x1f, 0x8b],
  snappy: [0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00],
};

/** The quick check of disk format section 7.4: sorts out most of what a crash left. */
export function looksWhole(path: string, fileSystem: FileSystem): boolean {
  const compression = compressionOf(path);
  const expected = compression === "none" ? LAST_BYTES : FIRST_BYTES[compression];
  const file = fileSystem.open(path, "read");
  try {
    if (compression === "none") {
      const size = file.sizeBytes();
      if (size < SHORTEST_BYTES) return false;
      file.seek(size - expected.length);
    }
    const found = new Uint8Array(expected.length);
    let filled = 0;
    for (;;) {
      const count = file.read(found.subarray(filled));
      if (count === 0) break;
      filled += count;
    }
    return filled === expected.length && expected.every((byte, i) => found[i] === byte);
  } finally {
    file.close();
  }
}

async function packSlice(
  writer: SnapshotWriter,
  packer: Packer,
  bytesMax: number,
): Promise<{ pieces: Uint8Array[]; isLast: boolean }> {
  const slice = writer.next(bytesMax);
  if (slice === null) return { pieces: await packer.finish(), isLast: true };
  return { pieces: await packer.push(slice), isLast: false };
}
