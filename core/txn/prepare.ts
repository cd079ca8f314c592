/**
 * Resolves requests into txns: every check, version, sequence number, ACL and time is settled here,
 * against the tree and the changes under way, in ZooKeeper's order of checks (semantics section 4).
 *
 * The txn is written straight into the log batch; a request that fails is logged as an error txn and
 * consumes its zxid all the same.
 *
 * Invariant: after `prepare`, `PendingChanges` shows the tree with the txn applied, or unchanged when
 * the txn is an error.
 *
 * @module
 */
import type { AuthProviders } from "../auth/auth_providers.ts";
import { DecodeError, ErrorCode } from "../errors.ts";
import { beginRecord, endRecord, RECORD_PREFIX_BYTES } from "../storage/txn_log_format.ts";
import type { DataTree } from "../tree/data_tree.ts";
import { CONFIG_PATH, lastSlash } from "../tree/path.ts";
import { DIGEST_VERSION, isReapable } from "../tree/stat.ts";
import { type JuteReader, type JuteWriter, LENGTH_MAX_DEFAULT } from "../wire/jute.ts";
import { OpCode } from "../wire/op_code.ts";
import type { Zxid } from "../zxid.ts";
import type { ChangeRecord } from "./change_record.ts";
import { type OperationOptions, OperationPreparer, type Requester } from "./operation_preparer.ts";
import { PendingChanges } from "./pending_changes.ts";
import {
  type ErrorTxn,
  type MultiTxn,
  type Txn,
  TXN_DIGEST_BYTES,
  type TxnHeader,
  writeTxn,
  writeTxnHeader,
} from "./txn.ts";
import {
  readMultiRequest,
  readReconfigRequest,
  readWriteRequest,
  type ReconfigRequest,
  type WriteRequest,
} from "./write_request.ts";

export interface PrepareOptions extends OperationOptions {
  closeSessionTxnEnabled: boolean;
  /** How the membership is changed; null where there is none. */
  reconfigure: Reconfigure | null;
  /** Longest log record that can be read back; a request that would make a longer one is refused. */
  recordBytesMax?: number;
}

/** Decides what the membership becomes by a reconfig request. */
export interface Reconfigure {
  /**
   * @param zxid of the txn, which is the new configuration's version
   * @returns the new configuration's text, or why it cannot be
   */
  judge(request: ReconfigRequest, zxid: Zxid): Uint8Array | ErrorCode;
  /** The txn with what was judged last will be proposed: nothing else stood against it. */
  prepared(): void;
}

/** A txn in the log batch, with the records that go when it is applied. */
export interface PreparedTxn {
  header: TxnHeader;
  txn: Txn;
  records: ChangeRecord[];
}

export class Preparer {
  readonly #tree: DataTree;
  readonly #pending: PendingChanges;
  readonly #operations: OperationPreparer;
  readonly #options: PrepareOptions;
  readonly #recordBytesMax: number;
  /** The last zxid given out. */
  lastZxid: Zxid;

  constructor(
    { tree, providers, options, writer }: {
      tree: DataTree;
      providers: AuthProviders;
      options: PrepareOptions;
      writer: JuteWriter;
    },
  ) {
    this.#tree = tree;
    this.#pending = new PendingChanges(tree, options);
    this.#options = options;
    this.#recordBytesMax = options.recordBytesMax ?? LENGTH_MAX_DEFAULT;
    this.#operations = new OperationPreparer({
      tree,
      pending: this.#pending,
      providers,
      options,
      writer,
    });
    this.lastZxid = tree.lastProcessedZxid;
  }

  /** The log batch being filled; replaced by the caller between txns. */
  get writer(): JuteWriter {
    return this.#operations.writer;
  }
  set writer(writer: JuteWriter) {
    this.#operations.writer = writer;
  }

  /** Resolves one client request and appends its record to the batch. */
  prepare(op: number, reader: JuteReader, requester: Requester, wallMs: number): PreparedTxn {
    const header = this.#begin(op, requester.sessionId, requester.cxid, wallMs);
    const start = beginRecord(this.writer);
    writeTxnHeader(this.writer, header);
    let err: ErrorCode;
    let txn: Txn | null = null;
    this.#pending.saveDigest();
    try {
      if (op === OpCode.Multi) txn = this.#multi(readMultiRequest(reader), requester, start);
      else if (op === OpCode.Reconfig) {
        const { reconfigure } = this.#options;
        err = reconfigure === null
          ? ErrorCode.ReconfigDisabled
          : this.#reconfig(reconfigure, reader, requester);
        if (err !== ErrorCode.Ok) return this.#finishError(header, start, err);
        txn = this.#operations.txn;
      } else if (op === OpCode.DeleteContainer) { // the server's own; never a client's
        return this.#finishError(header, start, ErrorCode.BadArguments);
      } else {
        err = this.#operations.prepare(readWriteRequest(reader, op), requester);
        if (err !== ErrorCode.Ok) return this.#finishError(header, start, err);
        txn = this.#operations.txn;
        this.#checkLength(start);
      }
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      this.#pending.rollback(this.#operations.records);
      return this.#finishError(header, start, ErrorCode.MarshallingError);
    }
    return this.#finish(header, start, txn!);
  }

  /** A change of the membership: what the new one is, `reconfigure` decides. */
  #reconfig(reconfigure: Reconfigure, reader: JuteReader, requester: Requester): ErrorCode {
    const result = reconfigure.judge(readReconfigRequest(reader), this.lastZxid);
    if (typeof result === "number") return result;
    const request: WriteRequest = {
      op: OpCode.Reconfig,
      buffer: concat(CONFIG_PATH, result),
      pathStart: 0,
      pathEnd: CONFIG_PATH.length,
      dataStart: CONFIG_PATH.length,
      dataLength: result.length,
      acl: null,
      flags: -1,
      ttl: -1n,
    };
    const err = this.#operations.prepare(request, requester);
    if (err === ErrorCode.Ok) reconfigure.prepared();
    return err;
  }

  /** A request that must fail with `err`, whatever it asks: logged, since it has its zxid. */
  prepareError(requester: Requester, err: ErrorCode, wallMs: number): PreparedTxn {
    const header = this.#begin(OpCode.Error, requester.sessionId, requester.cxid, wallMs);
    const start = beginRecord(this.writer);
    return this.#finishError(header, start, err);
  }

  prepareCreateSession(sessionId: bigint, timeoutMs: number, wallMs: number): PreparedTxn {
    const header = this.#begin(OpCode.CreateSession, sessionId, 0, wallMs);
    const start = beginRecord(this.writer);
    writeTxnHeader(this.writer, header);
    const txn: Txn = { kind: "createSession", timeoutMs };
    writeTxn(this.writer, txn);
    return this.#finish(header, start, txn);
  }

  /** Deletes every ephemeral of the session, also those under way, in one txn. */
  prepareCloseSession(sessionId: bigint, cxid: number, wallMs: number): PreparedTxn {
    const header = this.#begin(OpCode.CloseSession, sessionId, cxid, wallMs);
    const start = beginRecord(this.writer);
    writeTxnHeader(this.writer, header);
    const paths = this.#pending.ephemeralPaths(sessionId);
    for (const path of paths) {
      const record = this.#pending.resolve(path, 0, path.length);
      const parent = this.#pending.resolve(path, 0, lastSlash(path, 0, path.length));
      if (record !== null && parent !== null) this.#operations.recordDelete(record, parent, path);
    }
    let bytes = 0;
    for (const path of paths) bytes += 4 + path.length;
    // without the list it is the older form: each server then deletes what it knows of the session
    const listed = this.#options.closeSessionTxnEnabled &&
      bytes + CLOSE_SESSION_FIXED_BYTES <= this.#recordBytesMax;
    const txn: Txn = { kind: "closeSession", paths: listed ? paths : null };
    writeTxn(this.writer, txn);
    // without a list a digest could not be told from one (disk format section 5)
    return this.#finish(header, start, txn, listed);
  }

  /**
   * Removes an empty container or an expired TTL node; null when it must stay: it may have been used or
   * renewed since it was found.
   */
  prepareDeleteContainer(
    path: Uint8Array,
    { wallMs, maxNeverUsedIntervalMs }: { wallMs: number; maxNeverUsedIntervalMs: number },
  ): PreparedTxn | null {
    const record = this.#pending.resolve(path, 0, path.length);
    const slash = lastSlash(path, 0, path.length);
    const parent = this.#pending.resolve(path, 0, slash);
    if (record === null || parent === null) return null;
    if (!isReapable(record, { wallMs, maxNeverUsedIntervalMs })) return null;
    const header = this.#begin(OpCode.DeleteContainer, 0n, 0, wallMs);
    const start = beginRecord(this.writer);
    writeTxnHeader(this.writer, header);
    this.#operations.recordDelete(record, parent, path);
    const txn: Txn = { kind: "delete", path };
    writeTxn(this.writer, txn);
    return this.#finish(header, start, txn);
  }

  /** The txn was applied: its records are the tree's own now. */
  applied(prepared: PreparedTxn): void {
    if (prepared.records.length > 0) this.#pending.applied(prepared.records);
  }

  /** Forgets all that is under way, back to the tree as it is: nothing after it was logged. */
  reset(): void {
    this.#pending.reset();
    this.lastZxid = this.#tree.lastProcessedZxid;
  }

  // ---------------------------------------------------------------- records

  #begin(type: number, sessionId: bigint, cxid: number, timeMs: number): TxnHeader {
    const zxid = ++this.lastZxid;
    this.#operations.begin(zxid, timeMs);
    return { sessionId, cxid, zxid, timeMs, type };
  }

  #finish(header: TxnHeader, start: number, txn: Txn, withDigest = true): PreparedTxn {
    if (this.#options.digestEnabled && withDigest) {
      const { writer } = this;
      const { digest } = this.#pending;
      writer.reserve(TXN_DIGEST_BYTES);
      writer.view.setInt32(writer.position, DIGEST_VERSION);
      writer.view.setUint32(writer.position + 4, digest.high);
      writer.view.setUint32(writer.position + 8, digest.low);
      writer.position += TXN_DIGEST_BYTES;
    }
    endRecord(this.writer, start);
    return { header, txn, records: this.#operations.records };
  }

  #finishError(header: TxnHeader, start: number, err: ErrorCode): PreparedTxn {
    const { writer } = this;
    writer.position = start;
    beginRecord(writer);
    header.type = OpCode.Error;
    writeTxnHeader(writer, header);
    const txn: ErrorTxn = { kind: "error", err };
    writeTxn(writer, txn);
    endRecord(writer, start);
    return { header, txn, records: NO_RECORDS };
  }

  /**
   * A small request can make a long txn, by ACLs in which `auth` stands for many ids.
   *
   * @throws {DecodeError} when the record could not be read back
   */
  #checkLength(recordStart: number): void {
    const bytes = this.writer.position - recordStart - RECORD_PREFIX_BYTES + TXN_DIGEST_BYTES;
    if (bytes > this.#recordBytesMax) {
      throw new DecodeError(`A txn of ${bytes} bytes: the limit is ${this.#recordBytesMax}`);
    }
  }

  /** Prepares each operation on top of the earlier ones; the first failure takes all of them back. */
  #multi(requests: WriteRequest[], requester: Requester, recordStart: number): MultiTxn {
    const { writer } = this;
    const ops: MultiTxn["ops"] = [];
    writer.int(requests.length);
    let failed = false;
    for (const request of requests) {
      const start = writer.position;
      // servers before 3.9 leave a create2 inside a multi out, and so what was acknowledged
      writer.int(request.op === OpCode.Create2 ? OpCode.Create : request.op);
      writer.int(0);
      let err: ErrorCode = ErrorCode.RuntimeInconsistency;
      if (!failed) {
        err = this.#operations.prepare(request, requester);
        // no result of one operation: ZooKeeper breaks off, and answers so to the whole
        if (err === ErrorCode.MarshallingError) {
          throw new DecodeError("An operation cannot be read");
        }
        if (err !== ErrorCode.Ok) {
          failed = true;
          this.#pending.rollback(this.#operations.records);
          this.#operations.records = [];
        }
      }
      if (err === ErrorCode.Ok) {
        ops.push({ type: request.op, txn: this.#operations.txn! });
      } else {
        writer.position = start;
        writer.int(OpCode.Error);
        writer.int(0);
        writer.int(err);
        ops.push({ type: OpCode.Error, txn: { kind: "error", err } });
      }
      writer.view.setInt32(start + 4, writer.position - start - 8);
      this.#checkLength(recordStart);
    }
    return { kind: "multi", ops };
  }
}

/** Header, count and digest, rounded up. */
const CLOSE_SESSION_FIXED_BYTES = 64;
const NO_RECORDS: ChangeRecord[] = [];

function concat(first: Uint8Array, second: Uint8Array): Uint8Array {
  const both = new Uint8Array(first.length + second.length);
  both.set(first);
  both.set(second, first.length);
  return both;
}
