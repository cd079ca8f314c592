/**
 * Applies whole txns to the tree and the table of sessions, live and on replay.
 *
 * @module
 */
import { ErrorCode } from "../errors.ts";
import type { SessionTable } from "../storage/snapshot_tree.ts";
import type { DataTree } from "../tree/data_tree.ts";
import type { OperationTxn, Txn, TxnHeader } from "./txn.ts";

export class TxnApplier {
  readonly tree: DataTree;
  /** Sessions whose creation is durable: what snapshots hold. */
  readonly sessions: SessionTable;
  /** Called when a session is closed or has expired, before what it owned is deleted. */
  onSessionEnd: ((sessionId: bigint) => void) | null = null;

  constructor(tree: DataTree, sessions: SessionTable) {
    this.tree = tree;
    this.sessions = sessions;
  }

  /**
   * Applies a txn, then moves lastProcessedZxid, so that a snapshot's name never promises half of one.
   *
   * @param onOperation called behind each operation of a multi that succeeds as a whole
   * @returns what a txn without effect says: an error txn's code, or NoNode and the like on replay
   */
  apply(
    header: TxnHeader,
    txn: Txn,
    onOperation?: (type: number, txn: OperationTxn) => void,
  ): ErrorCode {
    const { tree } = this;
    let err: ErrorCode = ErrorCode.Ok;
    switch (txn.kind) {
      case "error":
        err = txn.err as ErrorCode;
        break;
      case "createSession":
        this.sessions.set(header.sessionId, txn.timeoutMs);
        break;
      case "closeSession":
        this.sessions.delete(header.sessionId);
        this.onSessionEnd?.(header.sessionId);
        tree.closeSession(header.zxid, header.sessionId, txn.paths);
        break;
      case "multi":
        if (txn.ops.some((op) => op.txn.kind === "error")) break;
        for (const op of txn.ops) {
          if (op.txn.kind === "error") continue;
          tree.apply(header, op.txn);
          onOperation?.(op.type, op.txn);
        }
        break;
      default:
        err = tree.apply(header, txn);
    }
    tree.advance(header.zxid);
    return err;
  }
}
