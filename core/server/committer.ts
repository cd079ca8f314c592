/**
 * Applies durable txns to the tree and the sessions, and writes the bodies of their replies.
 *
 * The same `apply` serves replay at start-up, where nobody waits for a reply.
 *
 * @module
 */
import { ErrorCode } from "../errors.ts";
import type { SessionTracker } from "../session/session_tracker.ts";
import type { DataTree } from "../tree/data_tree.ts";
import type { PreparedTxn } from "../txn/prepare.ts";
import type { MultiTxn, OperationTxn } from "../txn/txn.ts";
import { JuteWriter } from "../wire/jute.ts";
import { OpCode } from "../wire/op_code.ts";
import { writeMultiHeader } from "./read_requests.ts";

export class Committer {
  readonly #tree: DataTree;
  readonly #sessions: SessionTracker;
  /** Results of a multi, taken right behind each operation: a later one may change the same znode. */
  readonly #multiResults = new JuteWriter(1024);

  constructor({ tree, sessions }: { tree: DataTree; sessions: SessionTracker }) {
    this.#tree = tree;
    this.#sessions = sessions;
  }

  /** Applies a whole txn, then moves lastProcessedZxid. Returns what the reply's header says. */
  apply({ header, txn }: PreparedTxn, op: number): { err: ErrorCode } {
    const tree = this.#tree;
    let err: ErrorCode = ErrorCode.Ok;
    switch (txn.kind) {
      case "error":
        err = txn.err as ErrorCode;
        break;
      case "createSession":
        break; // tracked since it was asked for
      case "closeSession":
        tree.closeSession(header.zxid, header.sessionId, txn.paths);
        this.#sessions.remove(header.sessionId);
        break;
      case "multi":
        this.#applyMulti(header, txn);
        break;
      default:
        err = tree.apply(header, txn);
        if (op === OpCode.DeleteContainer) err = ErrorCode.Ok;
    }
    tree.advance(header.zxid);
    return { err };
  }

  /** The reply's body of a txn that was just applied with Ok. */
  writeBody(writer: JuteWriter, { txn }: PreparedTxn, op: number): void {
    switch (txn.kind) {
      case "multi":
        return writer.raw(this.#multiResults.written());
      case "closeSession":
      case "createSession":
      case "error":
        return;
      default:
        this.#writeResult(writer, txn, op);
    }
  }

  #applyMulti(header: PreparedTxn["header"], { ops }: MultiTxn): void {
    const writer = this.#multiResults;
    writer.position = 0;
    const failed = ops.some(({ txn }) => txn.kind === "error");
    for (const { type, txn } of ops) {
      if (failed) {
        const err = txn.kind === "error" ? txn.err : ErrorCode.Ok;
        writeMultiHeader(writer, OpCode.Error, false, err);
        writer.int(err);
        continue;
      }
      if (txn.kind === "error") continue;
      this.#tree.apply(header, txn);
      // containers and TTL nodes answer as create2 does (client protocol section 9)
      const shape = type === OpCode.CreateContainer || type === OpCode.CreateTtl
        ? OpCode.Create2
        : type;
      writeMultiHeader(writer, shape, false, ErrorCode.Ok);
      this.#writeResult(writer, txn, shape);
    }
    writeMultiHeader(writer, -1, true, -1);
  }

  #writeResult(writer: JuteWriter, txn: OperationTxn, op: number): void {
    const tree = this.#tree;
    switch (txn.kind) {
      case "create":
      case "createContainer":
      case "createTtl":
        writer.bytes(txn.path);
        if (op !== OpCode.Create) tree.writeStat(writer, tree.lastCreated);
        return;
      case "setData":
      case "setAcl":
        return tree.writeStat(writer, tree.store.lookup(txn.path));
      case "delete":
      case "check":
        return;
    }
  }
}
