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
  writeFileHeader(writer, TXN_LOG_MAGIC, TXN_LOG_DBID);
}

export function writeSnapshotHeader(writer: JuteWriter): void {
  writeFileHeader(writer, SNAPSHOT_MAGIC, SNAPSHOT_DBID);
}

/** Reads a header and returns its magic; version and database id are not looked at by anyone. */
export function readFileHeaderMagic(reader: JuteReader): number {
  const magic = reader.int();
  reader.int();
  reader.long();
  return magic;
}

function writeFileHeader(writer: JuteWriter, magic: number, dbid: bigint): void {
  writer.int(magic);
  writer.int(FORMAT_VERSION);
  writer.long(dbid);
}
