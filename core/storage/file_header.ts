/**
 * The 16 bytes that open every txn log and snapshot: magic, format version, database id.
 *
 * @module
 */
import type { JuteReader, JuteWriter } from "../wire/jute.ts";

export const FILE_HEADER_BYTES = 16;

/** "ZKLG" */
export const TXN_LOG_MAGIC = 0x5a4b4c47;
/** "ZKSN" */
export const SNAPSHOT_MAGIC = 0x5a4b534e;

const FORMAT_VERSION = 2;
const TXN_LOG_DBID = 0n;
const SNAPSHOT_DBID = -1n;

export function writeTxnLogHeader(writer: JuteWriter): void {
  writeFileHeader(writer, {
    magic: TXN_LOG_MAGIC,
    version: FORMAT_VERSION,
    databaseId: TXN_LOG_DBID,
  });
}

export function writeSnapshotHeader(writer: JuteWriter): void {
  writeFileHeader(writer, {
    magic: SNAPSHOT_MAGIC,
    version: FORMAT_VERSION,
    databaseId: SNAPSHOT_DBID,
  });
}

export interface FileHeader {
  magic: number;
  /** Not looked at by any server, like the database id. */
  version: number;
  databaseId: bigint;
}

export function readFileHeader(reader: JuteReader): FileHeader {
  return { magic: reader.int(), version: reader.int(), databaseId: reader.long() };
}

export function writeFileHeader(
  writer: JuteWriter,
  { magic, version, databaseId }: FileHeader,
): void {
  writer.int(magic);
  writer.int(version);
  writer.long(databaseId);
}
