/**
 * A txn as ZooKeeper's TxnLogToolkit prints it.
 *
 * To the byte as 3.8.0 does, but for the operations of a multi, which 3.8.0 prints as the bytes they are: they are
 * decoded, as newer versions do.
 *
 * @module
 */
import { DecodeError } from "../../core/errors.ts";
import type { AclList } from "../../core/tree/acl_list.ts";
import { readTxnHeader, readTxnRecord, type Txn, type TxnHeader } from "../../core/txn/txn.ts";
import { decodeUtf8, JuteReader } from "../../core/wire/jute.ts";
import { OpCode } from "../../core/wire/op_code.ts";
import { sessionIdToHex, zxidText } from "../../core/zxid.ts";
import { JavaDates, juteAcl, juteText } from "./java_forms.ts";

/** As TxnLogToolkit calls them. */
export const TXN_TYPE_NAMES: ReadonlyMap<number, string> = new Map([
  [OpCode.Create, "create"],
  [OpCode.Create2, "create2"],
  [OpCode.CreateTtl, "createTtl"],
  [OpCode.CreateContainer, "createContainer"],
  [OpCode.Delete, "delete"],
  [OpCode.DeleteContainer, "deleteContainer"],
  [OpCode.SetData, "setData"],
  [OpCode.SetAcl, "setACL"],
  [OpCode.Check, "check"],
  [OpCode.Multi, "multi"],
  [OpCode.Reconfig, "reconfig"],
  [OpCode.CreateSession, "createSession"],
  [OpCode.CloseSession, "closeSession"],
  [OpCode.Error, "error"],
]);

export function txnTypeName(type: number): string {
  return TXN_TYPE_NAMES.get(type) ?? `unknown ${type}`;
}

/** Header and txn of a record's body; the txn is null when it cannot be decoded, and `problem` says why. */
export function decodeBody(
  body: Uint8Array,
  lengthMax: number,
): { header: TxnHeader; txn: Txn | null; digest: bigint | null; problem: string | null } {
  try {
    const { header, txn, digest } = readTxnRecord(new JuteReader(body, { lengthMax }));
    return { header, txn, digest: digest?.treeDigest ?? null, problem: null };
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    const header = readTxnHeader(new JuteReader(body, { lengthMax }));
    return { header, txn: null, digest: null, problem: error.message };
  }
}

/** One line, with the line ends that data and ACLs bring. */
export function txnLine(header: TxnHeader, txn: Txn | null, dates: JavaDates): string {
  return `${dates.text(header.timeMs)} session ${sessionIdToHex(header.sessionId)} ` +
    `cxid ${sessionIdToHex(BigInt(header.cxid))} zxid ${zxidText(header.zxid)} ` +
    `${txnTypeName(header.type)} ${txn === null ? "(cannot be decoded)" : detailsOf(txn)}`;
}

function detailsOf(txn: Txn): string {
  switch (txn.kind) {
    case "create":
      return `${nodeOf(txn)},${aclOf(txn.acl)},${txn.ephemeral},${txn.parentCversion}`;
    case "createContainer":
      return `${nodeOf(txn)},${aclOf(txn.acl)},${txn.parentCversion}`;
    case "createTtl":
      return `${nodeOf(txn)},${aclOf(txn.acl)},${txn.parentCversion},${txn.ttlMs}`;
    case "setData":
      return `${nodeOf(txn)},${txn.version}`;
    case "delete":
      return pathOf(txn.path);
    case "setAcl":
      return `${pathOf(txn.path)},v{${
        txn.acl.entries.map((entry) => `s{${juteAcl(entry)}}`).join(",")
      }},${txn.version}`;
    case "check":
      return `${pathOf(txn.path)},${txn.version}`;
    case "createSession":
      return `${txn.timeoutMs}`;
    case "closeSession":
      return txn.paths === null ? "" : `v{${txn.paths.map(pathOf).join(",")}}`;
    case "error":
      return `${txn.err}`;
    case "multi":
      return txn.ops.map(({ type, txn: op }) => `${txnTypeName(type)}:${detailsOf(op)}`).join(";");
  }
}

function nodeOf({ path, data }: { path: Uint8Array; data: Uint8Array | null }): string {
  return `${decodeUtf8(path)},${data === null ? "" : decodeUtf8(data)}`;
}

function pathOf(path: Uint8Array): string {
  return juteText(decodeUtf8(path));
}

/** Each entry ends with a line end, as Java prints it. */
function aclOf({ entries }: AclList): string {
  return `[${entries.map((entry) => `${juteAcl(entry)}\n`).join(", ")}]`;
}
