/**
 * A member's tree and the applier of its txns, that tell the checkers what they hold.
 *
 * @module
 */
import type { ErrorCode } from "../../core/errors.ts";
import { TxnApplier } from "../../core/txn/apply.ts";
import type { OperationTxn, Txn, TxnHeader } from "../../core/txn/txn.ts";
import type { SessionTable } from "../../core/storage/snapshot_tree.ts";
import { DataTree, type DataTreeOptions } from "../../core/tree/data_tree.ts";
import type { Zxid } from "../../core/zxid.ts";
import { type Applied, copyOf } from "./history.ts";

export class WatchedTree extends DataTree {
  /** Not there yet while the tree is being made. */
  protected readonly onLoaded: ((zxid: Zxid) => void) | undefined;

  /** @param onLoaded everything it held is gone; it holds the txns through this zxid */
  constructor(options: DataTreeOptions, onLoaded: (zxid: Zxid) => void) {
    super(options);
    this.onLoaded = onLoaded;
  }

  override clear(): void {
    super.clear();
    this.onLoaded?.(0);
  }

  override resetToEmptyDatabase(): void {
    super.resetToEmptyDatabase();
    this.onLoaded?.(0);
  }

  override finishLoad(zxid: Zxid): void {
    super.finishLoad(zxid);
    this.onLoaded?.(zxid);
  }
}

export class WatchedApplier extends TxnApplier {
  readonly #onApplied: (applied: Applied) => void;

  constructor(tree: DataTree, sessions: SessionTable, onApplied: (applied: Applied) => void) {
    super(tree, sessions);
    this.#onApplied = onApplied;
  }

  override apply(
    header: TxnHeader,
    txn: Txn,
    onOperation?: (type: number, txn: OperationTxn) => void,
  ): ErrorCode {
    const err = super.apply(header, txn, onOperation);
    this.#onApplied(copyOf(header, txn, this.tree.treeDigest));
    return err;
  }
}
