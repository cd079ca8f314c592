/**
 * Txns: resolved requests, as they are logged, proposed and applied (disk format section 5).
 *
 * Everything that depends on the moment (versions, sequence numbers, ACLs, times) is settled before a
 * txn exists, so applying it is a pure function of txn and tree. Paths and data are UTF-8 bytes and are
 * borrowed from the buffer that the txn was read from or written to.
 *
 * @module
 */
import { DecodeError } from "../errors.ts";
import { type AclList, OPEN_ACL, readAclList } from "../tree/acl_list.ts";
import { DIGEST_VERSION } from "../tree/stat.ts";
import { JuteReader, type JuteWriter } from "../wire/jute.ts";
import { OpCode } from "../wire/op_code.ts";
import type { Zxid } from "../zxid.ts";

export interface TxnHeader {
  /** The session that asked; 0n for what the server does by itself. */
  sessionId: bigint;
  cxid: number;
  zxid: Zxid;
  /** Wall clock of the leader, ms since 1970: becomes ctime and mtime. */
  timeMs: number;
  /** The type as logged: create and create2 have the same body but differ here. */
  type: number;
}

/**
 * What preparing a txn found out of the znode it changes, so that applying it on the same server need
 * not do the work again. Not part of the txn: absent on replay, and on every other server.
 */
export interface KnownNode {
  /** Its number in this server's tree; 0 while it is not in the tree yet. */
  node: number;
  /** The same of its parent; known for creates only. */
  parentNode: number;
  /** CRC register over path and new data. */
  crc: number;
  /** What the znode contributes to the tree digest, after the txn. */
  digest: number;
  /** The same of its parent; known for creates only. */
  parentDigest: number;
  /** Holds path and data until the txn is applied. */
  buffer: Uint8Array;
  pathStart: number;
  pathEnd: number;
  dataStart: number;
  /** -1 for null. */
  dataLength: number;
}

export interface CreateTxn {
  kind: "create";
  readonly path: Uint8Array;
  readonly data: Uint8Array | null;
  acl: AclList;
  ephemeral: boolean;
  /** The parent's new stored cversion; -1 in converted old logs means "current + 1". */
  parentCversion: number;
  known?: KnownNode | undefined;
}
export interface CreateContainerTxn {
  kind: "createContainer";
  path: Uint8Array;
  data: Uint8Array | null;
  acl: AclList;
  parentCversion: number;
  known?: KnownNode | undefined;
}
export interface CreateTtlTxn {
  kind: "createTtl";
  path: Uint8Array;
  data: Uint8Array | null;
  acl: AclList;
  parentCversion: number;
  ttlMs: bigint;
  known?: KnownNode | undefined;
}
/** delete and deleteContainer. */
export interface DeleteTxn {
  kind: "delete";
  path: Uint8Array;
}
/** setData and reconfig. `version` is the new version. */
export interface SetDataTxn {
  kind: "setData";
  readonly path: Uint8Array;
  readonly data: Uint8Array | null;
  version: number;
  known?: KnownNode | undefined;
}
/** `version` is the new aversion. */
export interface SetAclTxn {
  kind: "setAcl";
  path: Uint8Array;
  acl: AclList;
  version: number;
}
/** Inside multi only; changes nothing. `version` is the checked version + 1, as ZooKeeper stores it. */
export interface CheckTxn {
  kind: "check";
  path: Uint8Array;
  version: number;
}
export interface CreateSessionTxn {
  kind: "createSession";
  timeoutMs: number;
}
export interface CloseSessionTxn {
  kind: "closeSession";
  /** The ephemerals to delete; null in records older than 3.6. */
  paths: Uint8Array[] | null;
}
/** A request that failed: it consumed a zxid, and changes nothing. */
export interface ErrorTxn {
  kind: "error";
  err: number;
}
export interface MultiTxn {
  kind: "multi";
  ops: { type: number; txn: OperationTxn | ErrorTxn }[];
}

/** What a multi may hold. */
export type OperationTxn =
  | CreateTxn
  | CreateContainerTxn
  | CreateTtlTxn
  | DeleteTxn
  | SetDataTxn
  | SetAclTxn
  | CheckTxn;
export type Txn = OperationTxn | CreateSessionTxn | CloseSessionTxn | ErrorTxn | MultiTxn;

/** The tree's digest right after a txn; absent on error txns and when digests are off. */
export interface TxnDigest {
  version: number;
  treeDigest: bigint;
}

export interface TxnRecord {
  header: TxnHeader;
  txn: Txn;
  digest: TxnDigest | null;
}

export const TXN_HEADER_BYTES = 32;
/** Version and tree digest, behind a txn. */
export const TXN_DIGEST_BYTES = 12;

export function writeTxnHeader(writer: JuteWriter, header: TxnHeader): void {
  writer.long(header.sessionId);
  writer.int(header.cxid);
  writer.zxid(header.zxid);
  writer.longFromNumber(header.timeMs);
  writer.int(header.type);
}

/** Writes the body of a txn, without header and digest. */
export function writeTxn(writer: JuteWriter, txn: Txn): void {
  switch (txn.kind) {
    case "create":
      writer.bytes(txn.path);
      writer.bytes(txn.data);
      writer.raw(txn.acl.encoded);
      writer.boolean(txn.ephemeral);
      return writer.int(txn.parentCversion);
    case "createContainer":
      writer.bytes(txn.path);
      writer.bytes(txn.data);
      writer.raw(txn.acl.encoded);
      return writer.int(txn.parentCversion);
    case "createTtl":
      writer.bytes(txn.path);
      writer.bytes(txn.data);
      writer.raw(txn.acl.encoded);
      writer.int(txn.parentCversion);
      return writer.long(txn.ttlMs);
    case "delete":
      return writer.bytes(txn.path);
    case "setData":
      writer.bytes(txn.path);
      writer.bytes(txn.data);
      return writer.int(txn.version);
    case "setAcl":
      writer.bytes(txn.path);
      writer.raw(txn.acl.encoded);
      return writer.int(txn.version);
    case "check":
      writer.bytes(txn.path);
      return writer.int(txn.version);
    case "createSession":
      return writer.int(txn.timeoutMs);
    case "closeSession":
      if (txn.paths === null) return;
      writer.int(txn.paths.length);
      for (const path of txn.paths) writer.bytes(path);
      return;
    case "error":
      return writer.int(txn.err);
    case "multi":
      writer.int(txn.ops.length);
      for (const { type, txn: op } of txn.ops) {
        writer.int(type);
        const lengthAt = writer.position;
        writer.int(0);
        writeTxn(writer, op);
        writer.view.setInt32(lengthAt, writer.position - lengthAt - 4);
      }
      return;
  }
}

export function writeTxnDigest(writer: JuteWriter, digest: TxnDigest): void {
  writer.int(digest.version);
  writer.long(digest.treeDigest);
}

/**
 * Reads header, txn and optional digest: a log record's body, or the data of a PROPOSAL.
 *
 * @throws {DecodeError} on an unknown type or a body that ends early
 */
export function readTxnRecord(reader: JuteReader): TxnRecord {
  const header = readTxnHeader(reader);
  const txn = readTxn(reader, header.type);
  let digest: TxnDigest | null = null;
  if (reader.remaining >= TXN_DIGEST_BYTES) {
    digest = { version: reader.int(), treeDigest: BigInt.asUintN(64, reader.long()) };
  }
  return { header, txn, digest };
}

/** @throws {DecodeError} on a body that ends early */
export function readTxnHeader(reader: JuteReader): TxnHeader {
  return {
    sessionId: reader.long(),
    cxid: reader.int(),
    zxid: reader.zxid(),
    timeMs: reader.longAsNumber(),
    type: reader.int(),
  };
}

function readTxn(reader: JuteReader, type: number): Txn {
  switch (type) {
    case OpCode.CreateSession:
      return { kind: "createSession", timeoutMs: reader.int() };
    case OpCode.CloseSession: {
      if (reader.remaining === 0 || isDigestAlone(reader)) {
        return { kind: "closeSession", paths: null };
      }
      const count = reader.count();
      const paths: Uint8Array[] = [];
      for (let i = 0; i < count; i++) paths.push(requiredPath(reader));
      return { kind: "closeSession", paths };
    }
    case OpCode.Multi: {
      const count = reader.count();
      const ops: MultiTxn["ops"] = [];
      for (let i = 0; i < count; i++) {
        const opType = reader.int();
        const body = reader.bytes();
        if (body === null) throw new DecodeError("Multi entry without a body");
        const opReader = new JuteReader(body, { lengthMax: reader.lengthMax });
        if (opType === OpCode.Error) {
          ops.push({ type: opType, txn: { kind: "error", err: opReader.int() } });
        } else ops.push({ type: opType, txn: readOperationTxn(opReader, opType) });
      }
      return { kind: "multi", ops };
    }
    case OpCode.Error:
      return { kind: "error", err: reader.int() };
    default:
      return readOperationTxn(reader, type);
  }
}

/**
 * A Java server with `closeSessionTxn.enabled=false` puts the digest right behind the header, where a
 * list would begin with its count. It is no list: in as many bytes, two paths would have to be empty.
 */
function isDigestAlone({ remaining, view, position }: JuteReader): boolean {
  return remaining === TXN_DIGEST_BYTES && view.getInt32(position) === DIGEST_VERSION;
}

function readOperationTxn(reader: JuteReader, type: number): OperationTxn {
  switch (type) {
    case OpCode.Create:
    case OpCode.Create2: {
      const path = requiredPath(reader);
      const data = reader.bytes();
      const acl = readAclList(reader) ?? OPEN_ACL;
      const ephemeral = reader.boolean();
      // version-0 bodies end here (disk format section 5)
      const parentCversion = reader.remaining >= 4 ? reader.int() : -1;
      return { kind: "create", path, data, acl, ephemeral, parentCversion };
    }
    case OpCode.CreateContainer:
      return {
        kind: "createContainer",
        path: requiredPath(reader),
        data: reader.bytes(),
        acl: readAclList(reader) ?? OPEN_ACL,
        parentCversion: reader.int(),
      };
    case OpCode.CreateTtl:
      return {
        kind: "createTtl",
        path: requiredPath(reader),
        data: reader.bytes(),
        acl: readAclList(reader) ?? OPEN_ACL,
        parentCversion: reader.int(),
        ttlMs: reader.long(),
      };
    case OpCode.Delete:
    case OpCode.DeleteContainer:
      return { kind: "delete", path: requiredPath(reader) };
    case OpCode.SetData:
    case OpCode.Reconfig:
      return {
        kind: "setData",
        path: requiredPath(reader),
        data: reader.bytes(),
        version: reader.int(),
      };
    case OpCode.SetAcl:
      return {
        kind: "setAcl",
        path: requiredPath(reader),
        acl: readAclList(reader) ?? OPEN_ACL,
        version: reader.int(),
      };
    case OpCode.Check:
      return { kind: "check", path: requiredPath(reader), version: reader.int() };
    default:
      throw new DecodeError(`Unknown txn type ${type}`);
  }
}

function requiredPath(reader: JuteReader): Uint8Array {
  const path = reader.bytes();
  if (path === null) throw new DecodeError("Txn without a path");
  return path;
}
