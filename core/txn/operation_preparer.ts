/**
 * Resolves one operation against the tree as it will be: the checks of each request in ZooKeeper's order
 * (semantics section 4), the body of the txn, and the records of what changes.
 *
 * Knows nothing of whole txns: `prepare.ts` puts headers, digests and several operations together, and
 * takes them back when one fails.
 *
 * @module
 */
import { checkAcl, fixUpAcl } from "../auth/acl_check.ts";
import type { AuthProviders } from "../auth/auth_providers.ts";
import { crc32Update, CRC_START } from "../checksum.ts";
import { ErrorCode } from "../errors.ts";
import { type AclList, type Id, Permission } from "../tree/acl_list.ts";
import type { DataTree } from "../tree/data_tree.ts";
import { NO_NODE } from "../tree/node_store.ts";
import { hasSlashAndNoNul, isValidPath, lastSlash } from "../tree/path.ts";
import { CONTAINER_OWNER, ownerHighOf, ownerLowOf, TTL_MS_MAX, ttlOwner } from "../tree/stat.ts";
import { encodeUtf8, type JuteWriter } from "../wire/jute.ts";
import { OpCode } from "../wire/op_code.ts";
import type { Zxid } from "../zxid.ts";
import type { ChangeRecord } from "./change_record.ts";
import { KnownCreate, KnownSetData } from "./known_txn.ts";
import type { PendingChanges } from "./pending_changes.ts";
import type { OperationTxn } from "./txn.ts";
import { isTtlFlags, type WriteRequest } from "./write_request.ts";

/** What every tree has. */
export const PATHS_NEVER_DELETED: readonly string[] = [
  "/",
  "/zookeeper",
  "/zookeeper/quota",
  "/zookeeper/config",
];
const PATH_BYTES_NEVER_DELETED = PATHS_NEVER_DELETED.map(encodeUtf8);
/** Fields of fixed size in the bodies of create and setData, rounded up. */
const CREATE_FIXED_BYTES = 64;
const SET_FIXED_BYTES = 32;
const ZOOKEEPER_PATH = encodeUtf8("/zookeeper");

export interface OperationOptions {
  digestEnabled: boolean;
  extendedTypes: boolean;
  enforceQuota: boolean;
}

/** Who asks. */
export interface Requester {
  sessionId: bigint;
  cxid: number;
  ids: readonly Id[];
  /** Why its session cannot own ephemerals: it is no global one. Null, or left out: it can. */
  ephemeralRefusal?: ErrorCode | null;
}

export class OperationPreparer {
  readonly #tree: DataTree;
  readonly #pending: PendingChanges;
  readonly #providers: AuthProviders;
  readonly #options: OperationOptions;
  /** The log batch being filled. */
  writer: JuteWriter;
  /** What the txn has changed since `begin`. */
  records: ChangeRecord[] = [];
  /** The last operation that was prepared. */
  txn: OperationTxn | null = null;
  #nowMs = 0;
  #zxid: Zxid = 0;
  #scratch = new Uint8Array(256);

  constructor(
    { tree, pending, providers, options, writer }: {
      tree: DataTree;
      pending: PendingChanges;
      providers: AuthProviders;
      options: OperationOptions;
      writer: JuteWriter;
    },
  ) {
    this.#tree = tree;
    this.#pending = pending;
    this.#providers = providers;
    this.#options = options;
    this.writer = writer;
  }

  /** A txn starts: what follows is part of it. */
  begin(zxid: Zxid, timeMs: number): void {
    this.#zxid = zxid;
    this.#nowMs = timeMs;
    this.records = [];
    this.txn = null;
  }

  /** Checks one operation, writes its body into the batch and records what it changes. */
  prepare(request: WriteRequest, requester: Requester): ErrorCode {
    switch (request.op) {
      case OpCode.Create:
      case OpCode.Create2:
      case OpCode.CreateContainer:
      case OpCode.CreateTtl:
        return this.#create(request, requester);
      case OpCode.Delete:
        return this.#delete(request, requester);
      case OpCode.SetData:
      case OpCode.Reconfig:
        return this.#setData(request, requester);
      case OpCode.SetAcl:
        return this.#setAcl(request, requester);
      default:
        return this.#check(request, requester);
    }
  }

  #create(request: WriteRequest, requester: Requester): ErrorCode {
    const { op, flags } = request;
    if (request.pathEnd < 0) return ErrorCode.MarshallingError;
    if (flags < 0 || flags > 6) return ErrorCode.BadArguments;
    const ttlMode = isTtlFlags(flags);
    if (ttlMode && !this.#options.extendedTypes) return ErrorCode.Unimplemented;
    if (ttlMode !== (op === OpCode.CreateTtl)) return ErrorCode.BadArguments;
    if (ttlMode && (request.ttl < 1n || request.ttl > TTL_MS_MAX)) return ErrorCode.BadArguments;
    const container = op === OpCode.CreateContainer;
    const ephemeral = !container && (flags === 1 || flags === 3);
    if (ephemeral && (requester.ephemeralRefusal ?? null) !== null) {
      return requester.ephemeralRefusal!;
    }
    const sequential = flags === 2 || flags === 3 || flags === 6;

    let path = request.buffer;
    let start = request.pathStart;
    let end = request.pathEnd;
    if (!hasSlashAndNoNul(path, start, end)) return ErrorCode.BadArguments;
    const acl = fixUpAcl(this.#providers, request.acl, requester.ids);
    if (acl === null) return ErrorCode.InvalidAcl;
    const slash = lastSlash(path, start, end);
    const parent = this.#pending.resolve(path, start, slash);
    if (parent === null) return ErrorCode.NoNode;
    if (!this.#mayDo(parent.acl, Permission.Create, requester)) return ErrorCode.NoAuth;
    if (sequential) {
      const suffix = sequenceSuffix(parent.cversion);
      const length = end - start;
      if (this.#scratch.length < length + suffix.length) {
        this.#scratch = new Uint8Array((length + suffix.length) * 2);
      }
      this.#scratch.set(path.subarray(start, end));
      for (let i = 0; i < suffix.length; i++) this.#scratch[length + i] = suffix.charCodeAt(i);
      path = this.#scratch;
      start = 0;
      end = length + suffix.length;
    }
    if (!isValidPath(path, start, end)) return ErrorCode.BadArguments;
    const hash = this.#tree.store.hash(path, start, end);
    if (this.#pending.exists(hash, path, start, end)) return ErrorCode.NodeExists;
    if (parent.ownerKind === "ephemeral") return ErrorCode.NoChildrenForEphemerals;
    if (this.#tree.refusesGrowth) return ErrorCode.SystemError;
    const dataLength = Math.max(request.dataLength, 0);
    if (this.#options.enforceQuota) {
      const added = { count: 1, bytes: dataLength };
      const err = this.#tree.quotas.check(path.subarray(start, end), added);
      if (err !== ErrorCode.Ok) return err;
    }

    // from here on nothing fails
    const { writer } = this;
    writer.reserve(end - start + dataLength + acl.encoded.length + CREATE_FIXED_BYTES);
    const record = this.#pending.blank();
    const pathAt = this.#keep(path, start, end - start);
    record.setPath(writer.buffer, pathAt, pathAt + end - start);
    record.dataLength = request.dataLength;
    if (request.dataLength < 0) writer.int(-1);
    else record.dataStart = this.#keep(request.buffer, request.dataStart, dataLength);
    writer.raw(acl.encoded);
    const parentCversion = (parent.cversion + 1) | 0;
    let owner = 0n;
    if (op === OpCode.CreateTtl) {
      writer.int(parentCversion);
      writer.long(request.ttl);
      owner = ttlOwner(Number(request.ttl));
      this.txn = {
        kind: "createTtl",
        path: record.path,
        data: record.data,
        acl,
        parentCversion,
        ttlMs: request.ttl,
      };
    } else if (container) {
      writer.int(parentCversion);
      owner = CONTAINER_OWNER;
      this.txn = {
        kind: "createContainer",
        path: record.path,
        data: record.data,
        acl,
        parentCversion,
      };
    } else {
      writer.boolean(ephemeral);
      writer.int(parentCversion);
      if (ephemeral) owner = requester.sessionId;
      this.txn = new KnownCreate(record, { acl, ephemeral, parentCversion });
    }
    const parentEnd = lastSlash(writer.buffer, pathAt, pathAt + end - start);
    const changed = this.#change(parent, writer.buffer, pathAt, parentEnd);
    changed.cversion = parentCversion;
    changed.pzxid = this.#zxid;
    changed.childCount++;
    this.#pending.refreshDigest(changed);
    this.#recordCreate(record, { hash, acl, owner, parent: changed, ephemeral });
    return ErrorCode.Ok;
  }

  #delete(request: WriteRequest, requester: Requester): ErrorCode {
    const { buffer, pathStart, pathEnd } = request;
    if (pathEnd < 0) return ErrorCode.MarshallingError;
    if (!hasSlashAndNoNul(buffer, pathStart, pathEnd)) return ErrorCode.BadArguments;
    for (const path of PATH_BYTES_NEVER_DELETED) {
      if (path.length === pathEnd - pathStart && startsWith(buffer, pathStart, path)) {
        return ErrorCode.BadArguments;
      }
    }
    const parent = this.#pending.resolve(
      buffer,
      pathStart,
      lastSlash(buffer, pathStart, pathEnd),
    );
    if (parent === null) return ErrorCode.NoNode;
    if (!this.#mayDo(parent.acl, Permission.Delete, requester)) return ErrorCode.NoAuth;
    const record = this.#pending.resolve(buffer, pathStart, pathEnd);
    if (record === null) return ErrorCode.NoNode;
    if (request.flags !== -1 && request.flags !== record.version) return ErrorCode.BadVersion;
    if (record.childCount > 0) return ErrorCode.NotEmpty;

    const path = this.#keepPath(request);
    this.txn = { kind: "delete", path };
    this.recordDelete(record, parent, path);
    return ErrorCode.Ok;
  }

  #setData(request: WriteRequest, requester: Requester): ErrorCode {
    const { buffer, pathStart, pathEnd } = request;
    if (pathEnd < 0 || !isValidPath(buffer, pathStart, pathEnd)) return ErrorCode.BadArguments;
    const record = this.#pending.resolve(buffer, pathStart, pathEnd);
    if (record === null) return ErrorCode.NoNode;
    if (!this.#mayDo(record.acl, Permission.Write, requester)) return ErrorCode.NoAuth;
    if (this.#tree.refusesGrowth && request.dataLength > record.dataLength) {
      return ErrorCode.SystemError;
    }
    if (this.#options.enforceQuota) {
      const bytes = Math.max(request.dataLength, 0) - Math.max(record.dataLength, 0);
      const path = buffer.subarray(pathStart, pathEnd);
      const err = this.#tree.quotas.check(path, { count: 0, bytes });
      if (err !== ErrorCode.Ok) return err;
    }
    if (request.flags !== -1 && request.flags !== record.version) return ErrorCode.BadVersion;

    const { writer } = this;
    const { dataLength } = request;
    const pathLength = pathEnd - pathStart;
    writer.reserve(pathLength + Math.max(dataLength, 0) + SET_FIXED_BYTES);
    const pathAt = this.#keep(buffer, pathStart, pathLength);
    let dataAt = 0;
    if (dataLength < 0) writer.int(-1);
    else dataAt = this.#keep(buffer, request.dataStart, dataLength);
    // the members' own znode stays without a version (client protocol section 12)
    const version = request.op === OpCode.Reconfig ? -1 : nextVersion(record.version);
    writer.int(version);
    if (record.zxid === this.#zxid) record.txn?.detach();
    const changed = this.#change(record, writer.buffer, pathAt, pathAt + pathLength);
    changed.setPath(writer.buffer, pathAt, pathAt + pathLength);
    changed.version = version;
    changed.mzxid = this.#zxid;
    changed.mtime = this.#nowMs;
    changed.dataStart = dataAt;
    changed.dataLength = dataLength;
    changed.crc = this.#crc(changed, writer.buffer, pathAt, pathLength, dataAt, dataLength);
    this.#pending.refreshDigest(changed);
    this.txn = new KnownSetData(changed, version);
    return ErrorCode.Ok;
  }

  #setAcl(request: WriteRequest, requester: Requester): ErrorCode {
    const { buffer, pathStart, pathEnd } = request;
    if (pathEnd < 0 || !isValidPath(buffer, pathStart, pathEnd)) return ErrorCode.BadArguments;
    const acl = fixUpAcl(this.#providers, request.acl, requester.ids);
    if (acl === null) return ErrorCode.InvalidAcl;
    const record = this.#pending.resolve(buffer, pathStart, pathEnd);
    if (record === null) return ErrorCode.NoNode;
    if (!this.#mayDo(record.acl, Permission.Admin, requester)) return ErrorCode.NoAuth;
    if (request.flags !== -1 && request.flags !== record.aversion) return ErrorCode.BadVersion;

    const path = this.#keepPath(request);
    this.writer.raw(acl.encoded);
    const version = nextVersion(record.aversion);
    this.writer.int(version);
    this.txn = { kind: "setAcl", path, acl, version };
    const changed = this.#change(record, path, 0, path.length);
    changed.acl = acl;
    changed.aversion = version;
    this.#pending.refreshDigest(changed);
    return ErrorCode.Ok;
  }

  #check(request: WriteRequest, requester: Requester): ErrorCode {
    const { buffer, pathStart, pathEnd } = request;
    if (pathEnd < 0 || !isValidPath(buffer, pathStart, pathEnd)) return ErrorCode.BadArguments;
    const record = this.#pending.resolve(buffer, pathStart, pathEnd);
    if (record === null) return ErrorCode.NoNode;
    if (!this.#mayDo(record.acl, Permission.Read, requester)) return ErrorCode.NoAuth;
    if (request.flags !== -1 && request.flags !== record.version) return ErrorCode.BadVersion;

    const path = this.#keepPath(request);
    const version = (record.version + 1) | 0;
    this.writer.int(version);
    this.txn = { kind: "check", path, version };
    return ErrorCode.Ok;
  }

  /** Writes a jute buffer into the batch. Returns where its bytes are in `writer.buffer`. */
  #keep(bytes: Uint8Array, start: number, length: number): number {
    const { writer } = this;
    writer.reserve(4 + length);
    const at = writer.position + 4;
    writer.view.setInt32(at - 4, length);
    const to = writer.buffer;
    if (length <= 64) { for (let i = 0; i < length; i++) to[at + i] = bytes[start + i]!; }
    else to.set(bytes.subarray(start, start + length), at);
    writer.position = at + length;
    return at;
  }

  #keepPath({ buffer, pathStart, pathEnd }: WriteRequest): Uint8Array {
    const length = pathEnd - pathStart;
    const at = this.#keep(buffer, pathStart, length);
    return this.writer.buffer.subarray(at, at + length);
  }

  #mayDo(acl: AclList, perm: number, requester: Requester): boolean {
    return checkAcl(this.#providers, { acl, perm, ids: requester.ids });
  }

  /** @param bytes hold the path from `start` to `end` until the txn is applied */
  #change(record: ChangeRecord, bytes: Uint8Array, start: number, end: number): ChangeRecord {
    if (record.zxid === this.#zxid) return record;
    const changed = this.#pending.change(record, this.#zxid, { bytes, start, end });
    this.records.push(changed);
    return changed;
  }

  /** Fills in a record whose path and data are set. */
  #recordCreate(
    record: ChangeRecord,
    { hash, acl, owner, parent, ephemeral }: {
      hash: number;
      acl: AclList;
      owner: bigint;
      parent: ChangeRecord;
      ephemeral: boolean;
    },
  ): void {
    record.czxid = this.#zxid;
    record.mzxid = this.#zxid;
    record.pzxid = this.#zxid;
    record.ctime = this.#nowMs;
    record.mtime = this.#nowMs;
    record.version = 0;
    record.cversion = 0;
    record.aversion = 0;
    record.ownerHigh = ownerHighOf(owner);
    record.ownerLow = ownerLowOf(owner);
    record.node = NO_NODE;
    record.parentNode = parent.node;
    record.parentDigest = parent.digest;
    record.hash = hash;
    record.zxid = this.#zxid;
    record.exists = true;
    record.acl = acl;
    record.ownerKind = ephemeral
      ? "ephemeral"
      : owner === 0n
      ? "persistent"
      : owner === CONTAINER_OWNER
      ? "container"
      : "ttl";
    record.childCount = 0;
    record.digest = 0;
    record.isSystem = parent.childrenAreSystem;
    record.childrenAreSystem = record.isSystem || this.#isZookeeper(record);
    const { buffer, pathStart, pathEnd, dataStart, dataLength } = record;
    record.crc = this.#crc(record, buffer, pathStart, pathEnd - pathStart, dataStart, dataLength);
    this.#pending.create(record);
    this.records.push(record);
    this.#pending.refreshDigest(record);
  }

  /** Only when the protected node was missing from a damaged database. */
  #isZookeeper({ buffer, pathStart, pathEnd }: ChangeRecord): boolean {
    return pathEnd - pathStart === ZOOKEEPER_PATH.length &&
      startsWith(buffer, pathStart, ZOOKEEPER_PATH);
  }

  /** Records that a leaf goes; `path` holds its bytes until the txn is applied. */
  recordDelete(record: ChangeRecord, parent: ChangeRecord, path: Uint8Array): void {
    const changedParent = this.#change(parent, path, 0, lastSlash(path, 0, path.length));
    changedParent.childCount--;
    changedParent.pzxid = this.#zxid;
    this.#pending.refreshDigest(changedParent);
    const changed = this.#change(record, path, 0, path.length);
    changed.exists = false;
    this.#pending.refreshDigest(changed);
  }

  #crc(
    { isSystem }: ChangeRecord,
    bytes: Uint8Array,
    pathStart: number,
    pathLength: number,
    dataStart: number,
    dataLength: number,
  ): number {
    if (!this.#options.digestEnabled || isSystem) return CRC_START;
    // the root counts as the empty path
    const pathEnd = pathStart + (pathLength === 1 ? 0 : pathLength);
    const crc = crc32Update(CRC_START, bytes, pathStart, pathEnd);
    return dataLength <= 0 ? crc : crc32Update(crc, bytes, dataStart, dataStart + dataLength);
  }
}

/** At least 10 digits, zero padded; the sign of an overflowed counter takes one of the places. */
function sequenceSuffix(cversion: number): string {
  return cversion < 0
    ? "-" + String(-cversion).padStart(9, "0")
    : String(cversion).padStart(10, "0");
}

/** -1 means "any version", so it is skipped, as since 3.10 (ZOOKEEPER-4743). */
function nextVersion(version: number): number {
  const next = (version + 1) | 0;
  return next === -1 ? 0 : next;
}

function startsWith(bytes: Uint8Array, start: number, prefix: Uint8Array): boolean {
  for (let i = 0; i < prefix.length; i++) if (bytes[start + i] !== prefix[i]) return false;
  return true;
}
