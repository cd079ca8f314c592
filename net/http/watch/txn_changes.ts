/**
 * What the watches of a live server would have told of a txn that is read back from the log.
 *
 * Txns hold only what they change: ACLs are remembered from the txns that were read before, as far as they go.
 *
 * @module
 */
import type { AclList } from "../../../core/tree/acl_list.ts";
import type { ErrorTxn, OperationTxn, TxnRecord } from "../../../core/txn/txn.ts";
import { decodeUtf8 } from "../../../core/wire/jute.ts";
import type { Zxid } from "../../../core/zxid.ts";
import { type Change, parentOf } from "./change.ts";

/** Those of older txns are forgotten all together. */
const KNOWN_ACL_COUNT_MAX = 50_000;
const KNOWN_PATHS_LENGTH_MAX = 8 << 20;

/** One after the other, in the order of the log. */
export class TxnChanges {
  /** By path: what the txns read so far say. */
  #acls = new Map<string, AclList>();
  /** Of all paths that were put into it. */
  #pathsLength = 0;

  /** Forgets what it knows: the next txn does not follow the one before. */
  restart(): void {
    this.#acls.clear();
    this.#pathsLength = 0;
  }

  /** @returns null: the txn does not say what it changed, as those of ZooKeeper before 3.6 */
  of({ header: { zxid }, txn }: TxnRecord): Change[] | null {
    if (this.#acls.size > KNOWN_ACL_COUNT_MAX || this.#pathsLength > KNOWN_PATHS_LENGTH_MAX) {
      this.restart();
    }
    const changes: Change[] = [];
    switch (txn.kind) {
      case "createSession":
        break;
      case "closeSession":
        if (txn.paths === null) return null;
        for (const path of txn.paths) this.#deleted(zxid, decodeUtf8(path), changes);
        break;
      case "multi":
        if (txn.ops.some((op) => op.txn.kind === "error")) break;
        for (const op of txn.ops) this.#operation(zxid, op.txn, changes);
        break;
      default:
        this.#operation(zxid, txn, changes);
    }
    return changes;
  }

  #operation(zxid: Zxid, txn: OperationTxn | ErrorTxn, changes: Change[]): void {
    switch (txn.kind) {
      case "create":
      case "createContainer":
      case "createTtl": {
        const path = decodeUtf8(txn.path);
        this.#know(path, txn.acl);
        changes.push({
          zxid,
          type: "created",
          path,
          acl: txn.acl,
          parentAcl: this.#parentAcl(path),
        });
        break;
      }
      case "delete":
        this.#deleted(zxid, decodeUtf8(txn.path), changes);
        break;
      case "setData": {
        const path = decodeUtf8(txn.path);
        const acl = this.#acls.get(path) ?? null;
        changes.push({ zxid, type: "changed", path, acl, parentAcl: null });
        break;
      }
      case "setAcl": // tells nobody, as in ZooKeeper
        this.#know(decodeUtf8(txn.path), txn.acl);
        break;
      case "check":
      case "error":
    }
  }

  #know(path: string, acl: AclList): void {
    this.#acls.set(path, acl);
    this.#pathsLength += path.length;
  }

  #deleted(zxid: Zxid, path: string, changes: Change[]): void {
    const acl = this.#acls.get(path) ?? null;
    this.#acls.delete(path);
    changes.push({ zxid, type: "deleted", path, acl, parentAcl: this.#parentAcl(path) });
  }

  #parentAcl(path: string): AclList | null {
    const parent = parentOf(path);
    return parent === null ? null : this.#acls.get(parent) ?? null;
  }
}
