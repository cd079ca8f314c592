/**
 * A txn as one line of JSON: 64-bit numbers are hex strings, data as in the HTTP API.
 *
 * @module
 */
import { ErrorCode } from "../../core/errors.ts";
import type { Txn, TxnHeader } from "../../core/txn/txn.ts";
import { decodeUtf8 } from "../../core/wire/jute.ts";
import { sessionIdToHex, zxidText } from "../../core/zxid.ts";
import { aclJson } from "../../net/http/acl_text.ts";
import { dataJson } from "../../net/http/data_json.ts";
import { txnTypeName } from "./txn_text.ts";
import type { RecordDamage } from "./log_walk.ts";

const ERROR_NAMES = new Map(
  Object.entries(ErrorCode).map(([name, code]) => [code as number, name]),
);

type JsonObject = Record<string, unknown>;

export interface TxnOfFile {
  readonly file: string;
  readonly offset: number;
  readonly header: TxnHeader;
  /** Null: it cannot be decoded, for this reason. */
  readonly txn: Txn | null;
  readonly problem: string | null;
  readonly digest: bigint | null;
  readonly damage: RecordDamage | null;
}

export function txnJson(
  { file, offset, header, txn, problem, digest, damage }: TxnOfFile,
): JsonObject {
  return {
    zxid: zxidText(header.zxid),
    time: timeText(header.timeMs),
    timeMs: header.timeMs,
    session: sessionIdToHex(header.sessionId),
    cxid: header.cxid,
    type: txnTypeName(header.type),
    ...txn === null ? { undecodable: problem } : detailsOf(txn),
    ...digest === null ? {} : { digest: `0x${digest.toString(16)}` },
    file,
    offset,
    ...damage === null ? {} : { damage: damageJson(damage) },
  };
}

/** What is wrong with a record, and what it should be. */
export function damageJson(damage: RecordDamage): JsonObject {
  switch (damage.field) {
    case "checksum":
      return {
        field: damage.field,
        stored: `0x${damage.stored.toString(16)}`,
        expected: `0x${damage.expected.toString(16)}`,
        ...damage.wrongByte === null ? {} : { wrongByte: damage.wrongByte },
      };
    case "length":
      return { ...damage };
    case "end byte":
      return { ...damage, expected: 0x42 };
  }
}

/** ISO 8601; null for a time that no calendar has. */
export function timeText(wallMs: number): string | null {
  return Math.abs(wallMs) <= 8.64e15 ? new Date(wallMs).toISOString() : null;
}

function detailsOf(txn: Txn): JsonObject {
  switch (txn.kind) {
    case "create":
      return {
        ...nodeOf(txn),
        acl: aclJson(txn.acl.entries),
        ephemeral: txn.ephemeral,
        parentCversion: txn.parentCversion,
      };
    case "createContainer":
      return {
        ...nodeOf(txn),
        acl: aclJson(txn.acl.entries),
        parentCversion: txn.parentCversion,
      };
    case "createTtl":
      return {
        ...nodeOf(txn),
        acl: aclJson(txn.acl.entries),
        parentCversion: txn.parentCversion,
        ttlMs: Number(txn.ttlMs),
      };
    case "setData":
      return { ...nodeOf(txn), version: txn.version };
    case "delete":
      return { path: decodeUtf8(txn.path) };
    case "setAcl":
      return {
        path: decodeUtf8(txn.path),
        acl: aclJson(txn.acl.entries),
        version: txn.version,
      };
    case "check":
      return { path: decodeUtf8(txn.path), version: txn.version };
    case "createSession":
      return { timeoutMs: txn.timeoutMs };
    case "closeSession":
      return { paths: txn.paths?.map(decodeUtf8) ?? null };
    case "error":
      return { error: txn.err, errorName: ERROR_NAMES.get(txn.err) ?? null };
    case "multi":
      return {
        operations: txn.ops.map(({ type, txn: op }) => ({
          type: txnTypeName(type),
          ...detailsOf(op),
        })),
      };
  }
}

function nodeOf({ path, data }: { path: Uint8Array; data: Uint8Array | null }): JsonObject {
  return {
    path: decodeUtf8(path),
    data: dataJson(data as Uint8Array<ArrayBuffer> | null, "auto"),
  };
}
