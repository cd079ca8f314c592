/**
 * Opens a txn log for reading.
 *
 * @module
 */
import type { FileSystem, OpenFile } from "../core/ports.ts";
import { TxnLogReader } from "../core/storage/txn_log_reader.ts";

const CHUNK_BYTES = 1024 * 1024;
const SMALLEST_CHUNK_BYTES = 512;

/** The caller closes the file. */
export function openTxnLog({ path, fileSystem, lengthMax, chunkBytes = CHUNK_BYTES }: {
  path: string;
  fileSystem: FileSystem;
  /** Longest record accepted, in bytes. */
  lengthMax: number;
  /** What is read at a time, if there is as much. */
  chunkBytes?: number;
}): { reader: TxnLogReader; file: OpenFile } {
  const file = fileSystem.open(path, "read");
  try {
    const reader = new TxnLogReader({
      source: file,
      fileName: path,
      lengthMax,
      chunkBytes: Math.max(Math.min(file.sizeBytes(), chunkBytes), SMALLEST_CHUNK_BYTES),
    });
    return { reader, file };
  } catch (error) {
    file.close();
    throw error;
  }
}
