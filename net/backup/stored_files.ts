/**
 * Puts content into the files of a repository, and reads it back: never without looking at its hash.
 *
 * Parts of logs are whole in memory, and so have a size limit; snapshots go through by pieces.
 *
 * @module
 */
import { gunzipSync, gzipSync } from "node:zlib";
import { FILE_HEADER_BYTES } from "../../core/storage/file_header.ts";
import { compressionOf, UNFINISHED_SUFFIX } from "../../core/storage/file_names.ts";
import type { SnapshotLoader, SnapshotSummary } from "../../core/storage/snapshot_loader.ts";
import { TxnLogReader } from "../../core/storage/txn_log_reader.ts";
import { DataDirError } from "../../core/errors.ts";
import { ended, systemFiles, writeAll } from "../file_system.ts";
import { rest } from "../rest.ts";
import { readSnapshotFile } from "../snapshot_files.ts";
import { makePacker } from "../snapshot_packing.ts";
import { BackupDamagedError, type LogEntry, type SnapshotEntry } from "./manifest.ts";
import type { Repository } from "./repository.ts";
import { Sha256, sha256Hex } from "./sha256.ts";

/** Longest record or znode accepted: above what any jute.maxbuffer is set to. */
export const RECORD_BYTES_MAX = 128 << 20;
/** A part of a log is not begun anew before; it ends with the record that passes it. */
export const LOG_PART_BYTES = 4 << 20;

/** As fast as a disk, and nearly as small as it gets. */
const GZIP_LEVEL = 3;
const CHUNK_BYTES = 1 << 20;

type Stored = Pick<LogEntry, "file" | "sha256" | "bytes" | "storedSha256" | "storedBytes">;

/** Stores a part of a log under the name that it could have in a data directory. */
export async function storeLog(
  repository: Repository,
  { source, content, gzip }: { source: string; content: Uint8Array; gzip: boolean },
): Promise<Stored> {
  const sha256 = sha256Hex(content);
  const packed = gzip ? gzipSync(content, { level: GZIP_LEVEL }) : content;
  const file = `${source}.${sha256}${gzip ? ".gz" : ""}`;
  await writeWhole(repository, file, (write) => write(packed));
  return {
    file,
    sha256,
    bytes: content.length,
    storedSha256: gzip ? sha256Hex(packed) : sha256,
    storedBytes: packed.length,
  };
}

/** Stores a snapshot as it is, or compressed if it is not yet. The file may be gone, which is thrown. */
export async function storeSnapshot(
  repository: Repository,
  { path, source, sha256, gzip, onBytes }: {
    path: string;
    /** Its name in the data directory. */
    source: string;
    sha256: string;
    gzip: boolean;
    onBytes: (bytes: number) => void;
  },
): Promise<Stored> {
  const compression = compressionOf(source);
  const isPacked = gzip && compression === "none";
  const suffix = isPacked ? ".gz" : compression === "none" ? "" : `.${compression}`;
  const file = `${source.split(".", 2).join(".")}.${sha256}${suffix}`;
  const read = new Sha256();
  const stored = new Sha256();
  const packer = await makePacker(isPacked ? "gz" : "none");
  try {
    await writeWhole(repository, file, async (write) => {
      const put = (pieces: Uint8Array[]) => {
        for (const piece of pieces) {
          stored.add(piece);
          write(piece);
        }
      };
      for await (const chunk of chunksOf(path)) {
        read.add(chunk);
        put(await packer.push(chunk));
        onBytes(chunk.length);
      }
      put(await packer.finish());
      if (read.hex() !== sha256) throw new SourceChangedError(path);
    });
  } finally {
    packer.close();
  }
  const { bytes } = read;
  return { file, sha256, bytes, storedSha256: stored.hex(), storedBytes: stored.bytes };
}

/** What is read was replaced meanwhile: to be looked at anew. */
export class SourceChangedError extends Error {
  override name = "SourceChangedError";

  constructor(path: string) {
    super(`"${path}" changed while it was read`);
  }
}

export async function hashFile(path: string): Promise<Sha256> {
  const hash = new Sha256();
  for await (const chunk of chunksOf(path)) hash.add(chunk);
  return hash;
}

/**
 * Opens a part of a log; its bytes are what they were when it was stored.
 *
 * @throws {BackupDamagedError}
 */
export function openStoredLog(repository: Repository, entry: LogEntry): TxnLogReader {
  const path = repository.filePath(entry.file);
  let content: Uint8Array;
  try {
    content = Deno.readFileSync(path);
  } catch (error) {
    throw asDamage(path, error);
  }
  checkHash(path, sha256Hex(content), entry.storedSha256);
  if (compressionOf(entry.file) === "gz") {
    content = gunzipSync(content, { maxOutputLength: Math.max(entry.bytes, FILE_HEADER_BYTES) });
  }
  let at = 0;
  const reader = new TxnLogReader({
    source: {
      read(target) {
        const piece = content.subarray(at, at + target.length);
        target.set(piece);
        at += piece.length;
        return piece.length;
      },
    },
    fileName: path,
    lengthMax: RECORD_BYTES_MAX,
  });
  if (reader.readHeader() === "present") return reader;
  throw new BackupDamagedError(`Cannot read "${path}": it holds no txn`);
}

/** @throws {BackupDamagedError} */
export async function loadStoredSnapshot(
  repository: Repository,
  entry: SnapshotEntry,
  loader: SnapshotLoader,
): Promise<SnapshotSummary> {
  const path = repository.filePath(entry.file);
  try {
    checkHash(path, (await hashFile(path)).hex(), entry.storedSha256);
  } catch (error) {
    throw asDamage(path, error);
  }
  try {
    return await readSnapshotFile({ path, loader, fileSystem: systemFiles, rest });
  } catch (error) {
    if (!(error instanceof DataDirError)) throw error;
    throw new BackupDamagedError(`Cannot read "${path}": ${error.message}`, { cause: error });
  }
}

/** What is not there, or cannot be read from the disk, is damage. */
function asDamage(path: string, error: unknown): BackupDamagedError {
  if (error instanceof BackupDamagedError) return error;
  const problem = error instanceof Deno.errors.NotFound
    ? "it is missing"
    : error instanceof Error
    ? error.message
    : String(error);
  return new BackupDamagedError(`Cannot read "${path}": ${problem}`, { cause: error });
}

function checkHash(path: string, actual: string, expected: string): void {
  if (actual === expected) return;
  throw new BackupDamagedError(
    `Cannot use "${path}": it is damaged: its SHA-256 is ${actual}, expected ${expected}`,
  );
}

/** Each is borrowed until the next, before which others have their turn. */
async function* chunksOf(path: string): AsyncIterable<Uint8Array> {
  const file = systemFiles.open(path, "read");
  try {
    const buffer = new Uint8Array(CHUNK_BYTES);
    for (let count = file.read(buffer); count > 0; count = file.read(buffer)) {
      yield buffer.subarray(0, count);
      await rest();
    }
  } finally {
    file.close();
  }
}

/** The file is there, whole and durable but for its name, or not at all. */
async function writeWhole(
  repository: Repository,
  name: string,
  fill: (write: (bytes: Uint8Array) => void) => Promise<void> | void,
): Promise<void> {
  const path = repository.filePath(name);
  const unfinished = path + UNFINISHED_SUFFIX;
  try {
    const file = systemFiles.open(unfinished, "create");
    try {
      await fill((bytes) => bytes.length > 0 && writeAll(file, bytes));
      await ended((done) => file.startSync(done));
    } finally {
      file.close();
    }
    systemFiles.rename(unfinished, path);
  } catch (error) {
    systemFiles.remove(unfinished);
    throw error;
  }
}
